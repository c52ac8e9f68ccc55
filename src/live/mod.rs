//! Sockets: who may connect, what each follows, and the one loop that sends. A broadcast follows
//! the log, so it happens only after the commit and a failed one fails nothing.
mod command;
mod door;
mod emit;
mod handshake;
mod limits;
mod messages;
mod places;
mod seam;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use socketioxide::handler::ConnectHandler;
use socketioxide::{ParserConfig, SocketIo};
use tokio::sync::mpsc;

use crate::api::live::PATH;
use crate::http::Shared;

pub use emit::Emitter;

/// Largest message of a client, in bytes.
const MAX_MESSAGE: usize = 64 * 1024;
/// Largest answer to a poll, in bytes: more than may ever be queued. The library leaves what does
/// not fit to the next poll, and loses it if a websocket comes before that.
const MAX_ANSWER: u64 = 64 * 1024 * 1024;
/// Clients say little; each socket holds this.
const READ_BUFFER: usize = 1_024;
const MAX_ATTACHMENTS: usize = 8;
/// Packets that wait for one socket; one more and it is lagging.
const QUEUE: usize = 1_024;
/// From the Engine.IO handshake to the Socket.IO connect.
const CONNECT_WITHIN: Duration = Duration::from_secs(8);
const COMPLETE_WITHIN: Duration = Duration::from_secs(5);
const PING_EVERY: Duration = Duration::from_secs(25);
const PONG_WITHIN: Duration = Duration::from_secs(20);
/// Commands that wait for the emitter.
const COMMANDS: usize = 4_096;

/// The live side of a server.
pub struct Live {
    pub router: Router,
    pub emitter: Emitter,
}

impl Live {
    /// Builds the Socket.IO service and the emitter that feeds it.
    #[must_use]
    pub fn new(shared: &Shared) -> Self {
        let (commands, inbox) = mpsc::channel(COMMANDS);
        let door = Arc::new(door::Door::default());
        let (service, io) = SocketIo::builder()
            .req_path(PATH)
            .ping_interval(PING_EVERY)
            .ping_timeout(PONG_WITHIN)
            .connect_timeout(CONNECT_WITHIN)
            .max_buffer_size(QUEUE)
            .max_payload(MAX_ANSWER)
            .ws_read_buffer_size(READ_BUFFER)
            .ws_max_message_size(MAX_MESSAGE)
            .ws_max_frame_size(MAX_MESSAGE)
            .with_parser(
                ParserConfig::common()
                    .max_incoming_binaries(MAX_ATTACHMENTS)
                    .max_incoming_binary_buf_size(MAX_MESSAGE)
                    .packet_completion_timeout(COMPLETE_WITHIN),
            )
            .build_svc();
        let handshake = handshake::Handshake::new(shared.clone(), commands, door.clone());
        let check = handshake.clone();
        io.ns(
            "/",
            (move |socket| handshake.clone().accepted(socket))
                .with(move |socket, auth| check.clone().check(socket, auth)),
        );
        let guard = door::Guard { shared: shared.clone(), door: door.clone() };
        let router = Router::new()
            .route_service(PATH, service.clone())
            .route_service(&format!("{PATH}/"), service)
            .layer(from_fn_with_state(guard, door::guard));
        let emitter = Emitter::new(shared.app.clone(), shared.metrics.clone(), inbox, door);
        Self { router, emitter }
    }
}
