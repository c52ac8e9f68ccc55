//! Connecting: a verified token or session, or a refusal in words that clients know.
use std::sync::Arc;

use serde::Deserialize;
use socketioxide::extract::{AckSender, Event, SocketRef, TryData};
use socketioxide::socket::DisconnectReason;
use tokio::sync::{mpsc, oneshot};

use super::door::Door;
use super::emit::Command;
use super::limits::RateLimit;
use super::messages::{Inbox, Message};
use crate::api::live::{PING, SUBSCRIBE, UNSUBSCRIBE};
use crate::error::Kind;
use crate::http::origin::{self, Origin};
use crate::http::server::Conn;
use crate::http::{Shared, auth};
use crate::secret::Secret;

/// Messages of one socket that wait for their turn.
const WAITING: usize = 64;

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
        let secret = self.secret(&socket, auth).ok_or("Authentication required")?;
        let caller =
            self.0.shared.app.authenticate(&secret).await.map_err(|error| match error.kind {
                Kind::Unauthenticated => error.detail,
                _ => "Server unavailable, try again".to_owned(),
            })?;
        let (sender, inbox) = mpsc::channel(WAITING);
        listen(&socket, &sender);
        self.say_when_gone(&socket);
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
        let allowed = origin::of(&self.0.shared.config, headers) == Origin::Allowed;
        allowed.then(|| auth::cookie(&self.0.shared, headers)).flatten()
    }

    /// Registered before the client is connected, so that no goodbye is missed. If it comes
    /// first, the emitter finds the socket closed when it is introduced.
    fn say_when_gone(&self, socket: &SocketRef) {
        let Inner { shared, commands, door, .. } = &*self.0;
        let sid = socket.id;
        let (goodbye, door, metrics) = (commands.clone(), door.clone(), shared.metrics.clone());
        socket.on_disconnect(move |_: DisconnectReason| async move {
            metrics.sockets.dec();
            door.forget(sid);
            // Fails only when the emitter is gone for good.
            let _ = goodbye.send(Command::Disconnect { sid }).await;
        });
    }

    /// Handler: the client is connected.
    pub async fn accepted(self, socket: SocketRef) {
        let slot: Option<Arc<std::sync::Mutex<Option<Admitted>>>> =
            socket.extensions.remove::<Arc<std::sync::Mutex<Option<Admitted>>>>();
        let admitted = slot.and_then(|slot| slot.lock().ok().and_then(|mut slot| slot.take()));
        let Some(Admitted { caller, secret, inbox }) = admitted else { return };
        let Inner { shared, commands, rates, .. } = &*self.0;
        let sid = socket.id;
        shared.metrics.sockets.inc();
        let conn = socket.req_parts().extensions.get::<Conn>().cloned();
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
        socket.on(name, move |data: TryData<serde_json::Value>, ack: AckSender| {
            put(&inbox, Message::named(name, data.0.ok(), ack));
            std::future::ready(())
        });
    }
    let inbox = inbox.clone();
    socket.on_fallback(move |Event(name): Event, ack: AckSender| {
        put(&inbox, Message::unknown(name, ack));
        std::future::ready(())
    });
}
