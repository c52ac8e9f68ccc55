//! The accept loop: bounded connections, handshakes apart, header and idle timeouts, streams that
//! can be cut from inside, and a shutdown with a deadline.
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, header};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::crowd::{Crowd, Place, household};
use super::listen::{Listener, UnixSocket};
use super::proxy::Client;
use super::stream::Cuttable;
use super::tls::Tls;
use crate::clock::Clock;
use crate::config::{Config, Current};
use crate::metrics::Metrics;

const MAX_HEADERS: usize = 100;
const MAX_HEADER_BYTES: usize = 16 * 1024;
/// Waits after a failed accept: out of file descriptors, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Who is on the other end of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    /// Whoever can open the control socket: the host's administrator.
    Control,
    /// Whoever can open our Unix socket: a proxy.
    Unix,
    Tcp(IpAddr),
}

impl Peer {
    const fn address(self) -> Option<IpAddr> {
        match self {
            Self::Tcp(address) => Some(address),
            Self::Control | Self::Unix => None,
        }
    }

    /// Whom the limit of connections counts: neither this host nor a proxy.
    fn counted(self, config: &Config) -> Option<IpAddr> {
        self.address()
            .filter(|address| !address.is_loopback())
            .filter(|address| !config.trusted_proxies.iter().any(|net| net.contains(*address)))
            .map(household)
    }
}

/// One connection, as a request of it sees it.
#[derive(Clone, Debug)]
pub struct Conn {
    peer: Peer,
    /// It speaks TLS with us.
    tls: bool,
    /// Who made this request.
    client: Client,
    /// The server goes.
    pub(super) leave: CancellationToken,
    pub(super) cut: CancellationToken,
    websocket: Arc<AtomicBool>,
}

impl Conn {
    /// Over the control socket: only the host's administrator reaches it.
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.peer == Peer::Control
    }

    /// Who made this request, as far as can be told.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// It was upgraded: when the server goes, it is closed as a websocket is.
    pub fn is_websocket(&self) {
        self.websocket.store(true, Ordering::Relaxed);
    }

    pub(super) fn was_upgraded(&self) -> bool {
        self.websocket.load(Ordering::Relaxed)
    }

    /// Returns when the server goes.
    pub async fn leaving(&self) {
        self.leave.cancelled().await;
    }

    /// Ends the TCP stream at once, whatever is queued on it.
    pub fn cut(&self) {
        self.cut.cancel();
    }

    /// Whom limits for one address count: the client's (of IPv6 its network), through trusted
    /// proxies; nobody on this host.
    #[must_use]
    pub const fn far_address(&self) -> Option<IpAddr> {
        self.client.counted
    }

    /// Its stream is still there.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.cut.is_cancelled()
    }

    /// For one request of it.
    fn asked(&self, headers: &axum::http::HeaderMap, config: &Config) -> Self {
        let mut conn = self.clone();
        if self.peer != Peer::Control {
            let (peer, trusted) = (self.peer.address(), &config.trusted_proxies);
            conn.client = Client::of(peer, self.tls, headers, trusted);
        }
        conn
    }
}

/// Everything that one accept loop needs.
#[derive(Clone)]
pub struct Acceptor {
    pub router: Router,
    pub config: Current,
    pub metrics: Metrics,
    pub crowd: Crowd,
    pub tls: Option<Arc<Tls>>,
    pub tasks: TaskTracker,
    /// No new connections, no further requests on old ones.
    pub drain: CancellationToken,
    /// Whatever is left is cut.
    pub abort: CancellationToken,
}

impl Acceptor {
    pub async fn accept(self, listener: Listener) {
        match listener {
            Listener::Tcp(listener) => self.accept_tcp(listener).await,
            Listener::Unix(socket) => self.accept_unix(&socket.listener, Peer::Unix).await,
        }
    }

    pub async fn accept_control(self, socket: UnixSocket) {
        self.accept_unix(&socket.listener, Peer::Control).await;
    }

    async fn accept_tcp(self, listener: TcpListener) {
        while let Some(accepted) = self.next(listener.accept()).await {
            let Some((stream, addr)) = accepted else { continue };
            let peer = Peer::Tcp(addr.ip().to_canonical());
            let Some(place) = self.place(peer) else { continue };
            match self.tls.clone() {
                None => drop(self.tasks.spawn(self.clone().speak(stream, peer, place, false))),
                Some(tls) => drop(self.tasks.spawn(self.clone().greet(stream, peer, place, tls))),
            }
        }
    }

    async fn accept_unix(self, listener: &UnixListener, peer: Peer) {
        while let Some(accepted) = self.next(listener.accept()).await {
            let Some((stream, _)) = accepted else { continue };
            let Some(place) = self.place(peer) else { continue };
            self.tasks.spawn(self.clone().speak(stream, peer, place, false));
        }
    }

    /// What was accepted; `Some(None)` if that failed, `None` when the server goes.
    async fn next<T>(&self, accept: impl Future<Output = io::Result<T>>) -> Option<Option<T>> {
        let accepted = tokio::select! {
            () = self.drain.cancelled() => return None,
            accepted = accept => accepted,
        };
        match accepted {
            Ok(accepted) => Some(Some(accepted)),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                Clock::System.sleep(ACCEPT_PAUSE).await;
                Some(None)
            }
        }
    }

    /// Without one a connection is closed at once.
    fn place(&self, peer: Peer) -> Option<Place> {
        let config = self.config.now();
        self.crowd.enter(peer.counted(&config), &config.limits)
    }

    /// Shakes hands, but neither for long nor past the end, then speaks.
    async fn greet(self, stream: tokio::net::TcpStream, peer: Peer, place: Place, tls: Arc<Tls>) {
        let within = Duration::from_secs(self.config.now().limits.tls_timeout_secs);
        let met = tokio::select! {
            () = self.drain.cancelled() => return,
            met = tls.accept(stream, within) => met,
        };
        if let Some(stream) = met {
            self.speak(stream, peer, place, true).await;
        }
    }

    /// HTTP, to the end of the connection.
    async fn speak<S>(self, stream: S, peer: Peer, place: Place, tls: bool)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let conn = Conn {
            peer,
            tls,
            client: Client::default(),
            leave: self.drain.clone(),
            cut: self.abort.child_token(),
            websocket: Arc::default(),
        };
        let stream = Cuttable::new(stream, conn.clone());
        let (router, config) = (self.router, self.config.clone());
        let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let router = router.clone();
            let mut request = request.map(Body::new);
            let asked = conn.asked(request.headers(), &config.now());
            request.extensions_mut().insert(asked);
            let chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
            async move {
                let mut answer = router.oneshot(request).await;
                if let (true, Ok(answer)) = (chunked, &mut answer) {
                    // A proxy may have counted another length: what follows is not trusted.
                    let close = HeaderValue::from_static("close");
                    answer.headers_mut().insert(header::CONNECTION, close);
                }
                answer
            }
        });
        let head_timeout = Duration::from_secs(self.config.now().limits.head_timeout_secs);
        self.metrics.connections.inc();
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            // Of a connection that is kept alive it is the idle timeout, too.
            .header_read_timeout(head_timeout)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEADER_BYTES)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        // How a peer goes away is its own affair.
        let _ = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.drain.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        self.metrics.connections.dec();
        drop(place);
    }
}
