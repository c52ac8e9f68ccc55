//! The accept loop: bounded connections, header and idle timeouts, streams that can be cut from
//! inside, and a shutdown with a deadline.
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, header};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::clock::Clock;
use crate::error::{Error, Kind, Result};
use crate::metrics::Metrics;

/// Headers must arrive, and an idle connection speak again, within this.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_HEADERS: usize = 100;
const MAX_HEADER_BYTES: usize = 16 * 1024;
/// A peer that acknowledges nothing for this long is gone.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(30);
const BACKLOG: i32 = 1_024;
/// Waits after a failed accept: out of file descriptors, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// One connection, as its requests see it.
#[derive(Clone, Debug)]
pub struct Conn {
    pub peer: Option<SocketAddr>,
    /// The server goes.
    leave: CancellationToken,
    cut: CancellationToken,
    websocket: Arc<AtomicBool>,
}

impl Conn {
    /// Over the control socket: only the host's administrator reaches it.
    #[must_use]
    pub const fn is_control(&self) -> bool {
        self.peer.is_none()
    }

    /// It was upgraded: when the server goes, it is closed as a websocket is.
    pub fn is_websocket(&self) {
        self.websocket.store(true, Ordering::Relaxed);
    }

    /// Returns when the server goes.
    pub async fn leaving(&self) {
        self.leave.cancelled().await;
    }

    /// Ends the TCP stream at once, whatever is queued on it.
    pub fn cut(&self) {
        self.cut.cancel();
    }

    /// Who is on the other side, if not this host.
    #[must_use]
    pub fn far_address(&self) -> Option<IpAddr> {
        self.peer.map(|peer| peer.ip().to_canonical()).filter(|ip| !ip.is_loopback())
    }

    /// Its stream is still there.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.cut.is_cancelled()
    }
}

/// A listening TCP socket whose connections notice dead peers.
///
/// # Errors
/// Says why the address cannot be used.
pub fn listen(addr: SocketAddr) -> Result<TcpListener> {
    use socket2::{Domain, Protocol, Socket, Type};
    let bind = || -> io::Result<TcpListener> {
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_tcp_user_timeout(Some(TCP_USER_TIMEOUT))?;
        socket.set_tcp_nodelay(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&addr.into())?;
        socket.listen(BACKLOG)?;
        TcpListener::from_std(socket.into())
    };
    bind().map_err(|error| {
        Error::new(Kind::Refused, format!("{addr} cannot be listened on: {error}."))
            .hint("Choose another with --listen; port 0 picks a free one.")
    })
}

/// Everything that one accept loop needs.
#[derive(Clone)]
pub struct Acceptor {
    pub router: Router,
    pub metrics: Metrics,
    pub slots: Arc<Semaphore>,
    pub tasks: TaskTracker,
    /// No new connections, no further requests on old ones.
    pub drain: CancellationToken,
    /// Whatever is left is cut.
    pub abort: CancellationToken,
}

impl Acceptor {
    pub async fn accept_tcp(self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                () = self.drain.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.clone().serve(stream, Some(peer)),
                Err(error) => pause(&error).await,
            }
        }
    }

    pub async fn accept_unix(self, listener: UnixListener) {
        loop {
            let accepted = tokio::select! {
                () = self.drain.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => self.clone().serve(stream, None),
                Err(error) => pause(&error).await,
            }
        }
    }

    /// Serves one connection in a task of its own; without a free slot it is closed at once.
    fn serve<S>(self, stream: S, peer: Option<SocketAddr>)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let Ok(slot) = self.slots.clone().try_acquire_owned() else { return };
        let conn = Conn {
            peer,
            leave: self.drain.clone(),
            cut: self.abort.child_token(),
            websocket: Arc::default(),
        };
        let stream = Cuttable::new(stream, conn.clone());
        let router = self.router;
        let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let router = router.clone();
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(conn.clone());
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
        self.tasks.clone().spawn(async move {
            self.metrics.connections.inc();
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
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
            drop(slot);
        });
    }
}

async fn pause(error: &io::Error) {
    tracing::warn!(%error, "a connection could not be accepted");
    Clock::System.sleep(ACCEPT_PAUSE).await;
}

type Cancelled = Pin<Box<WaitForCancellationFutureOwned>>;

/// A stream that ends when it is told to, even while its peer reads nothing.
struct Cuttable<S> {
    stream: S,
    conn: Conn,
    /// Cancelled when the stream is gone, so that others can tell.
    _gone: tokio_util::sync::DropGuard,
    // Each direction waits with its own waker.
    read_cut: Cancelled,
    write_cut: Cancelled,
    /// None once the goodbye was said.
    leave: Option<Cancelled>,
}

/// A client's close frame, "going away" (RFC 6455, sections 5.5.1 and 7.4.1), masked with zeros.
const GOODBYE: [u8; 8] = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE9];

impl<S> Cuttable<S> {
    fn new(stream: S, conn: Conn) -> Self {
        let wait = |token: &CancellationToken| Box::pin(token.clone().cancelled_owned());
        let (read_cut, write_cut) = (wait(&conn.cut), wait(&conn.cut));
        let leave = Some(wait(&conn.leave));
        let gone = conn.cut.clone().drop_guard();
        Self { stream, conn, _gone: gone, read_cut, write_cut, leave }
    }

    /// When the server goes, a websocket reads a close frame as if its peer had sent it. So the
    /// library answers with one and ends the session, without Engine.IO's close packet, which
    /// sends some clients away for good.
    fn goodbye(&mut self, cx: &mut Context<'_>) -> Option<[u8; 8]> {
        let leave = self.leave.as_mut()?;
        let leaving = self.conn.websocket.load(Ordering::Relaxed) && is_over(leave, cx);
        leaving.then(|| {
            self.leave = None;
            GOODBYE
        })
    }
}

fn is_over(token: &mut Cancelled, cx: &mut Context<'_>) -> bool {
    token.as_mut().poll(cx).is_ready()
}

fn aborted<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
}

impl<S: AsyncRead + Unpin> AsyncRead for Cuttable<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if polled.is_ready() {
            return polled;
        }
        if is_over(&mut self.read_cut, cx) {
            return aborted();
        }
        match self.goodbye(cx) {
            Some(goodbye) if buf.remaining() >= goodbye.len() => {
                buf.put_slice(&goodbye);
                Poll::Ready(Ok(()))
            }
            _ => Poll::Pending,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Cuttable<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(cx, buf) {
            Poll::Pending if is_over(&mut self.write_cut, cx) => aborted(),
            polled => polled,
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write_vectored(cx, bufs) {
            Poll::Pending if is_over(&mut self.write_cut, cx) => aborted(),
            polled => polled,
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
