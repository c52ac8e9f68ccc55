//! What the emitter is asked by the sockets.
use socketioxide::extract::{AckSender, SocketRef};
use socketioxide::socket::Sid;
use tokio::sync::oneshot;

use crate::api::live::{RateLimitWarning, Room};
use crate::app::{Caller, Joining};
use crate::domain::Seq;
use crate::http::server::Conn;

/// What the emitter is asked.
pub enum Command {
    Connect {
        socket: SocketRef,
        caller: Box<Caller>,
        conn: Option<Conn>,
        /// Told the cursor: what comes after it is obeyed for this socket too.
        heard_from: oneshot::Sender<Seq>,
    },
    Disconnect {
        sid: Sid,
    },
    /// The ack comes back through `unused` if the log ran on too far to close the seam.
    Join {
        sid: Sid,
        joining: Joining,
        ack: AckSender,
        unused: oneshot::Sender<AckSender>,
    },
    /// Leave these rooms; none: all but the person's own.
    Leave {
        sid: Sid,
        rooms: Option<Vec<Room>>,
        ack: AckSender,
    },
    Warn {
        sid: Sid,
        warning: RateLimitWarning,
        over: bool,
    },
    /// Its session or token is no longer good.
    Expire {
        sid: Sid,
    },
}

/// Answers a message.
pub fn answer(ack: AckSender, reply: &impl serde::Serialize) {
    // A full or closed socket hears nothing; the emitter deals with it.
    let _ = ack.send(reply);
}
