//! One connection: TCP, TLS where the address says so, a websocket, and a Socket.IO session on it.
//! A peer that shows no sign of life is noticed, also after the machine slept.
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::http::Uri;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};

use super::Client;
use super::wire::{self, Packet};
use crate::api::live::PATH;
use crate::clock::Clock;
use crate::error::{Error, Kind};
use crate::trust;

/// From the first packet of TCP to being let in.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// How often the clock is read while nothing comes: time goes on while the machine sleeps.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Answers hold at most 256 KiB, events 32 KiB.
const MAX_MESSAGE: usize = 4 * 1024 * 1024;

trait Pipe: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Pipe for T {}

/// How a connection ends.
#[derive(Debug)]
pub enum End {
    /// Another try makes sense, not before `after`.
    Lost { why: String, after: Duration },
    /// No other try makes sense.
    Refused(Error),
}

impl End {
    pub fn lost(why: impl Into<String>) -> Self {
        Self::Lost { why: why.into(), after: Duration::ZERO }
    }
}

/// A session that was let in.
pub struct Socket {
    stream: WebSocketStream<Box<dyn Pipe>>,
    clock: Clock,
    /// Silence for this long is the end.
    patience: Duration,
    heard: Duration,
    /// An answer to a ping that is not on its way yet.
    pong: Pong,
    next_ack: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pong {
    None,
    Due,
    Buffered,
}

impl Socket {
    /// When the server last said something, since boot.
    pub const fn heard(&self) -> Duration {
        self.heard
    }

    /// Connects and is let in.
    pub async fn open(client: &Client, clock: &Clock) -> Result<Self, End> {
        tokio::select! {
            opened = Self::opened(client, clock) => opened,
            () = clock.sleep(CONNECT_WITHIN) => Err(End::lost("no answer in time")),
        }
    }

    async fn opened(client: &Client, clock: &Clock) -> Result<Self, End> {
        let token = client.token.as_ref().ok_or_else(|| {
            End::Refused(
                Error::new(Kind::Unauthenticated, "You are not logged in.")
                    .hint("Log in first: incidentd login"),
            )
        })?;
        let stream = websocket(&client.base).await?;
        let mut socket = Self {
            stream,
            clock: clock.clone(),
            patience: CONNECT_WITHIN,
            heard: clock.since_boot(),
            pong: Pong::None,
            next_ack: 0,
        };
        loop {
            match socket.next().await? {
                Packet::Open { interval, timeout } => {
                    socket.patience = interval.saturating_add(timeout);
                    socket.send(wire::connect(token.expose())).await?;
                }
                Packet::Connected => return Ok(socket),
                Packet::Refused(why) => return Err(refusal(&why)),
                _ => {}
            }
        }
    }

    async fn send(&mut self, packet: String) -> Result<(), End> {
        self.stream.send(Message::text(packet)).await.map_err(|error| End::lost(words(&error)))
    }

    /// Sends an event; its ack will bear the number returned.
    pub async fn ask(&mut self, name: &str, data: &impl serde::Serialize) -> Result<u64, End> {
        let id = self.next_ack;
        self.next_ack += 1;
        let packet = wire::ask(id, name, data).map_err(|error| End::lost(error.to_string()))?;
        self.send(packet).await?;
        Ok(id)
    }

    /// The next packet; pings are answered here. May be dropped at any point and called again.
    pub async fn next(&mut self) -> Result<Packet, End> {
        loop {
            self.answer_ping().await.map_err(|error| End::lost(words(&error)))?;
            tokio::select! {
                message = self.stream.next() => match message {
                    Some(Ok(message)) => {
                        self.heard = self.clock.since_boot();
                        let Message::Text(text) = message else { continue };
                        match Packet::parse(&text) {
                            Packet::Ping => self.pong = Pong::Due,
                            Packet::Close => return Err(End::lost("the server closed it")),
                            packet => return Ok(packet),
                        }
                    }
                    Some(Err(error)) => return Err(End::lost(words(&error))),
                    None => return Err(End::lost("the server closed it")),
                },
                () = self.clock.sleep(LOOK_EVERY) => {
                    if self.clock.since_boot().saturating_sub(self.heard) > self.patience {
                        return Err(End::lost("no sign of life"));
                    }
                }
            }
        }
    }

    async fn answer_ping(&mut self) -> Result<(), tungstenite::Error> {
        if self.pong == Pong::Due {
            self.stream.feed(Message::text(wire::PONG)).await?;
            self.pong = Pong::Buffered;
        }
        if self.pong == Pong::Buffered {
            self.stream.flush().await?;
            self.pong = Pong::None;
        }
        Ok(())
    }
}

async fn websocket(base: &str) -> Result<WebSocketStream<Box<dyn Pipe>>, End> {
    let wrong =
        || End::Refused(Error::invalid("server", format!("`{base}` is no address of a server")));
    let uri: Uri = base.parse().map_err(|_| wrong())?;
    let secure = uri.scheme_str() == Some("https");
    let authority = uri.authority().ok_or_else(wrong)?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = authority.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let tcp = TcpStream::connect((host.as_str(), port))
        .await
        .map_err(|error| End::lost(format!("no connection: {}", io_words(&error))))?;
    // A missing ack is worth more than a fuller packet.
    let _ = tcp.set_nodelay(true);
    let pipe: Box<dyn Pipe> = if secure {
        let config = trust::config(true, &[]).map_err(End::Refused)?;
        let name = rustls::pki_types::ServerName::try_from(host).map_err(|_| wrong())?;
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let tls = connector.connect(name, tcp).await;
        Box::new(tls.map_err(|error| End::lost(format!("no secure connection: {error}")))?)
    } else {
        Box::new(tcp)
    };
    let scheme = if secure { "wss" } else { "ws" };
    let path = uri.path().trim_end_matches('/');
    let address = format!("{scheme}://{authority}{path}{PATH}/?EIO=4&transport=websocket");
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let (stream, _) = tokio_tungstenite::client_async_with_config(address, pipe, Some(config))
        .await
        .map_err(|error| End::lost(words(&error)))?;
    Ok(stream)
}

/// The contract's three sentences are final; with any other the server is only in trouble.
fn refusal(why: &str) -> End {
    let known = ["Authentication required", "Session expired", "Authentication failed"];
    if known.contains(&why) {
        let error = Error::new(Kind::Unauthenticated, format!("{why}: the token is not accepted."));
        return End::Refused(error.hint("Log in again: incidentd login"));
    }
    End::lost(why)
}

fn words(error: &tungstenite::Error) -> String {
    match error {
        tungstenite::Error::Io(error) => io_words(error),
        tungstenite::Error::Http(answer) => format!("it answered {}", answer.status()),
        tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => {
            "the server closed it".into()
        }
        tungstenite::Error::Protocol(_) => "the connection broke off".into(),
        other => other.to_string(),
    }
}

fn io_words(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::ConnectionRefused => "nothing listens there".into(),
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof => {
            "the connection broke off".into()
        }
        ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable => {
            "the network is unreachable".into()
        }
        _ => error.to_string(),
    }
}
