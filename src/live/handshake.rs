//! Connecting: a verified token or session, or a refusal in words that clients know.
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use serde::Deserialize;
use socketioxide::extract::{AckSender, Event, SocketRef, TryData};
use socketioxide::socket::DisconnectReason;
use tokio::sync::{mpsc, oneshot};

use super::command::Command;
use super::door::{Attempts, Door, is_websocket};
use super::limits::RateLimit;
use super::messages::{Inbox, Message, Said};
use crate::api::live::{PING, SUBSCRIBE, UNSUBSCRIBE};
use crate::clock::Clock;
use crate::error::Kind;
use crate::http::origin;
use crate::http::server::Conn;
use crate::http::{Shared, auth};
use crate::metrics::Metrics;
use crate::secret::Secret;

/// Messages of one socket that wait for their turn.
const WAITING: usize = 64;
/// From a disconnect, whoever asked for it, to the end of the connection.
const HANG_UP_WITHIN: Duration = Duration::from_secs(5);

/// The `auth` of a connect packet.
#[derive(Default, Deserialize)]
pub struct Auth {
    #[serde(default)]
    token: Option<String>,
}

/// A socket that was let in and waits for its `connect` to be answered.
struct Admitted {
    caller: crate::app::Caller,
    secret: Secret,
    inbox: mpsc::Receiver<Box<Message>>,
}

#[derive(Clone)]
pub struct Handshake(Arc<Inner>);

struct Inner {
    shared: Shared,
    commands: mpsc::Sender<Command>,
    door: Arc<Door>,
    rates: Arc<RateLimit>,
}

impl Handshake {
    pub fn new(shared: Shared, commands: mpsc::Sender<Command>, door: Arc<Door>) -> Self {
        Self(Arc::new(Inner { shared, commands, door, rates: Arc::default() }))
    }

    /// Middleware: decides before the client hears that it is connected, and listens from then
    /// on, so that nothing that it says at once is missed.
    pub async fn check(self, socket: SocketRef, auth: TryData<Auth>) -> Result<(), String> {
        let attempts = socket.req_parts().extensions.get::<Attempts>();
        if !attempts.is_some_and(Attempts::one_more) {
            return Err("Authentication failed".into());
        }
        let secret = self.secret(&socket, auth).ok_or("Authentication required")?;
        let visitor = auth::visitor(socket.req_parts());
        let admitted = self.0.shared.app.admit(&visitor, &secret).await;
        let caller = admitted.map_err(|error| match error.kind {
            Kind::Unauthenticated => error.detail,
            Kind::Limited => {
                // Its next try takes a new connection, which costs more than a packet.
                attempts.inspect(|attempts| attempts.exhaust());
                "Authentication failed".to_owned()
            }
            _ => "Server unavailable, try again".to_owned(),
        })?;
        let (sender, inbox) = mpsc::channel(WAITING);
        listen(&socket, &sender);
        self.expect_goodbye(&socket);
        socket.extensions.insert(Arc::new(std::sync::Mutex::new(Some(Admitted {
            caller,
            secret,
            inbox,
        }))));
        Ok(())
    }

    /// The token that the client sent, else the cookie of an allowed page.
    fn secret(&self, socket: &SocketRef, auth: TryData<Auth>) -> Option<Secret> {
        let sent = auth.0.unwrap_or_default().token.filter(|token| !token.is_empty());
        if let Some(token) = sent {
            return Some(Secret::new(token));
        }
        let headers = &socket.req_parts().headers;
        // As for a change over HTTP. A poll of our own page carries no Origin, but its browser
        // says that it comes from here, over https and on localhost.
        let own = origin::check_cookie_use(&self.0.shared.config(), &Method::POST, headers);
        own.ok().and_then(|()| auth::cookie(&self.0.shared, headers))
    }

    /// Handler: the client is connected.
    pub async fn accepted(self, socket: SocketRef) {
        let slot: Option<Arc<std::sync::Mutex<Option<Admitted>>>> =
            socket.extensions.remove::<Arc<std::sync::Mutex<Option<Admitted>>>>();
        let admitted = slot.and_then(|slot| slot.lock().ok().and_then(|mut slot| slot.take()));
        let Some(Admitted { caller, secret, inbox }) = admitted else { return };
        let Inner { shared, commands, door, rates } = &*self.0;
        let sid = socket.id;
        door.connected(peer_of(&socket));
        socket.extensions.insert(Arc::new(Counted::new(shared.metrics.clone())));
        let conn = stream_of(&socket);
        let inbox = Inbox {
            sid,
            caller: caller.clone(),
            secret,
            app: shared.app.clone(),
            commands: commands.clone(),
            rates: rates.clone(),
            messages: inbox,
        };
        let (heard_from, heard) = oneshot::channel();
        let connect = Command::Connect { socket, caller: Box::new(caller), conn, heard_from };
        inbox.run(connect, heard).await;
    }
}

impl Handshake {
    /// Hears of the end whenever it comes, also before the client is known to be connected.
    fn expect_goodbye(&self, socket: &SocketRef) {
        let (sid, conn) = (socket.id, stream_of(socket));
        let (goodbye, door) = (self.0.commands.clone(), self.0.door.clone());
        socket.on_disconnect(move |reason: DisconnectReason| async move {
            // Fails only when the emitter is gone for good.
            let _ = goodbye.send(Command::Disconnect { sid }).await;
            let stays = matches!(
                reason,
                DisconnectReason::ClientNSDisconnect | DisconnectReason::ServerNSDisconnect
            );
            if stays {
                // Its client hangs up by itself; if not, a line without a caller is cut. Apart,
                // so that the socket itself is gone at once.
                tokio::spawn(async move {
                    Clock::System.sleep(HANG_UP_WITHIN).await;
                    door.cut(sid, conn.as_ref());
                });
            }
        });
    }
}

/// The TCP stream of a socket that began as a websocket. Polls come on any stream, which may
/// carry others' requests as well.
fn stream_of(socket: &SocketRef) -> Option<Conn> {
    let parts = socket.req_parts();
    let own = is_websocket(parts.uri.query().unwrap_or_default());
    parts.extensions.get::<Conn>().filter(|_| own).cloned()
}

fn peer_of(socket: &SocketRef) -> Option<IpAddr> {
    socket.req_parts().extensions.get::<Conn>().and_then(Conn::far_address)
}

/// Counts a socket for as long as it exists, however it ends.
struct Counted(Metrics);

impl Counted {
    fn new(metrics: Metrics) -> Self {
        metrics.sockets.inc();
        Self(metrics)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.sockets.dec();
    }
}

/// Puts what the client says into its inbox, in the order of arrival.
fn listen(socket: &SocketRef, inbox: &mpsc::Sender<Box<Message>>) {
    let put = |inbox: &mpsc::Sender<Box<Message>>, message: Message| {
        // Boxed: the queue of each socket reserves room for many.
        if let Err(error) = inbox.try_send(Box::new(message)) {
            error.into_inner().refuse_for_haste();
        }
    };
    for name in [SUBSCRIBE, UNSUBSCRIBE, PING] {
        let inbox = inbox.clone();
        // The closure runs at once, in the order of the wire; its future has nothing left to do.
        socket.on(name, move |said: Said, ack: AckSender| {
            put(&inbox, Message::named(name, said, ack));
            std::future::ready(())
        });
    }
    let inbox = inbox.clone();
    socket.on_fallback(move |Event(name): Event, ack: AckSender| {
        put(&inbox, Message::unknown(name, ack));
        std::future::ready(())
    });
}
