//! What a client says: read strictly, counted, and answered one after the other.
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use socketioxide::adapter::Adapter;
use socketioxide::extract::AckSender;
use socketioxide::handler::{FromMessageParts, Value as Packet};
use socketioxide::socket::{Sid, Socket};
use tokio::sync::{mpsc, oneshot};

use super::command::{Command, answer};
use super::limits::{FREE_SUBSCRIBES, LIMIT, RateLimit, Verdict};
use crate::api::live::{PING, Pong, RateLimitWarning, Refused, SUBSCRIBE, Subscribe, UNSUBSCRIBE};
use crate::app::{App, Caller};
use crate::domain::{Seq, text};
use crate::error::{Error, Kind, Result};
use crate::secret::Secret;

/// Reads of the log that a subscribe may need before the emitter can take it over.
const TRIES: u32 = 5;

/// One message, with the way to answer it.
pub struct Message {
    what: What,
    ack: AckSender,
}

enum What {
    Subscribe(Result<Subscribe>),
    Unsubscribe(Result<Subscribe>),
    Ping,
    Unknown(String),
}

impl Message {
    pub fn named(name: &str, said: Said, ack: AckSender) -> Self {
        let what = match name {
            SUBSCRIBE => What::Subscribe(read(said)),
            UNSUBSCRIBE => What::Unsubscribe(read(said)),
            PING => What::Ping,
            other => What::Unknown(other.to_owned()),
        };
        Self { what, ack }
    }

    pub fn unknown(name: String, ack: AckSender) -> Self {
        Self { what: What::Unknown(name), ack }
    }

    /// The inbox is full: the client does not wait for answers.
    pub fn refuse_for_haste(self) {
        let error = Error::new(Kind::Limited, "Too many messages at once; wait for the answers.");
        answer(self.ack, &Refused::from(&error));
    }
}

/// What stands behind an event's name, or why it cannot be read. Taken raw: the library's own
/// extractors drop a second argument, and do not tell one that is no JSON from none.
pub struct Said(Result<Vec<Value>, &'static str>);

impl<A: Adapter> FromMessageParts<A> for Said {
    type Error = Infallible;

    fn from_message_parts(
        _: &Arc<Socket<A>>,
        packet: &mut Packet,
        _: &Option<i64>,
    ) -> Result<Self, Infallible> {
        Ok(Self(match packet {
            Packet::Str(text, None) => match serde_json::from_str::<Vec<Value>>(text) {
                Ok(mut parts) => Ok(parts.split_off(parts.len().min(1))),
                Err(_) => Err("is no JSON"),
            },
            Packet::Str(..) | Packet::Bytes(_) => Err("holds binary data"),
        }))
    }
}

/// Nothing and null mean: all that I may see.
fn read(said: Said) -> Result<Subscribe> {
    let wrong = |why: &str| {
        let why = format!("{why}; send one object {{teamId?, teamIds?, after?}}, or nothing");
        Error::invalid("message", why)
    };
    let mut said = said.0.map_err(wrong)?;
    match (said.pop(), said.len()) {
        (None | Some(Value::Null), 0) => Ok(Subscribe::default()),
        (Some(value @ Value::Object(_)), 0) => {
            serde_json::from_value(value).map_err(|error| wrong(&error.to_string()))
        }
        (_, 0) => Err(wrong("is no object")),
        (_, before) => Err(wrong(&format!("has {} arguments", before + 1))),
    }
}

/// The messages of one socket, and all that answering them takes.
pub struct Inbox {
    pub sid: Sid,
    pub caller: Caller,
    pub secret: Secret,
    pub app: App,
    pub commands: mpsc::Sender<Command>,
    pub rates: Arc<RateLimit>,
    pub messages: mpsc::Receiver<Box<Message>>,
}

impl Inbox {
    /// Introduces the socket to the emitter, then answers until the socket is gone. Holds no
    /// reference to it: the messages end when the last one is dropped.
    pub async fn run(mut self, connect: Command, heard: oneshot::Receiver<Seq>) {
        if self.commands.send(connect).await.is_err() {
            return;
        }
        // Revoked between the check and now? From there on the emitter hears of it.
        let Ok(heard_from) = heard.await else { return };
        if heard_from > self.caller.as_of
            && let Err(error) = self.app.authenticate(&self.secret).await
            && error.kind == Kind::Unauthenticated
        {
            let expire = Command::Expire { sid: self.sid };
            let _ = self.commands.send(expire).await;
            return;
        }
        let mut free = FREE_SUBSCRIBES;
        while let Some(message) = self.messages.recv().await {
            let is_free = matches!(message.what, What::Subscribe(_)) && free > 0;
            if is_free {
                free -= 1;
            } else if !self.count().await {
                return;
            }
            self.handle(*message).await;
        }
    }

    /// False if the sender is over the limit and was disconnected.
    async fn count(&self) -> bool {
        let Some(user) = self.caller.user() else { return true };
        let (current, retry_after, over) =
            match self.rates.count(user.id, self.app.clock().since_boot()) {
                Verdict::Fine => return true,
                Verdict::Warn { current, retry_after } => (current, retry_after, false),
                Verdict::Over { current, retry_after } => (current, retry_after, true),
            };
        let message = if over {
            "Too many messages; disconnected. Reconnect later."
        } else {
            "You send many messages; above the limit you are disconnected."
        };
        let warning = RateLimitWarning {
            current,
            limit: LIMIT,
            message: message.into(),
            retry_after_ms: millis(retry_after),
        };
        let command = Command::Warn { sid: self.sid, warning, over };
        self.commands.send(command).await.is_ok() && !over
    }

    async fn handle(&self, message: Message) {
        let ack = message.ack;
        match message.what {
            What::Subscribe(Ok(subscribe)) => self.subscribe(subscribe, ack).await,
            What::Unsubscribe(Ok(teams)) => {
                let names = teams.teams();
                let rooms = match self.app.rooms_of(names).await {
                    Ok(rooms) => rooms,
                    Err(error) => return answer(ack, &Refused::from(&error)),
                };
                let _ = self.commands.send(Command::Leave { sid: self.sid, rooms, ack }).await;
            }
            What::Subscribe(Err(error)) | What::Unsubscribe(Err(error)) => {
                answer(ack, &Refused::from(&error));
            }
            What::Ping => {
                let head = *self.app.head().borrow();
                answer(ack, &Pong { ok: true, head, now: self.app.now() });
            }
            What::Unknown(name) => {
                let name = text::line(&name, 64);
                let error = Error::new(Kind::NotFound, format!("There is no event `{name}`."));
                answer(ack, &Refused::from(&error));
            }
        }
    }

    /// Reads what the client may see and missed; the emitter closes the seam. If the log ran on
    /// too far meanwhile it is read again.
    async fn subscribe(&self, subscribe: Subscribe, mut ack: AckSender) {
        for _ in 0..TRIES {
            let joining =
                match self.app.joining(&self.caller, subscribe.teams(), subscribe.after).await {
                    Ok(joining) => joining,
                    Err(error) => return answer(ack, &Refused::from(&error)),
                };
            let (unused, back) = oneshot::channel();
            let join = Command::Join { sid: self.sid, joining, ack, unused };
            if self.commands.send(join).await.is_err() {
                return;
            }
            match back.await {
                Ok(returned) => ack = returned,
                Err(_) => return,
            }
        }
        let error = Error::unavailable("The log moves too fast; subscribe again.");
        answer(ack, &Refused::from(&error));
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
