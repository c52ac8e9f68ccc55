//! Bytes on the wire, as an attacker writes them: raw HTTP, raw Engine.IO, raw websockets.
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::harness::{PATIENCE, TestServer};

/// Waits for `future`, but not for ever.
#[expect(clippy::disallowed_methods, reason = "real time bounds a real server")]
pub async fn within<F: Future>(limit: Duration, what: &str, future: F) -> F::Output {
    tokio::time::timeout(limit, future).await.unwrap_or_else(|_| panic!("{what}: {limit:?} passed"))
}

/// Asks again and again until the answer is yes.
pub async fn until<F: Future<Output = bool>>(what: &str, ask: impl FnMut() -> F) {
    within(PATIENCE, what, asking(ask)).await;
}

/// As `until`, for as long as whoever waits for it allows.
pub async fn asking<F: Future<Output = bool>>(mut ask: impl FnMut() -> F) {
    while !ask().await {
        incidentd::clock::Clock::System.sleep(Duration::from_millis(5)).await;
    }
}

/// One TCP connection.
pub struct Raw {
    tcp: TcpStream,
    seen: Vec<u8>,
}

/// An answer of HTTP.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Raw {
    pub async fn connect(url: &str) -> Self {
        let addr = url.trim_start_matches("http://");
        let tcp = TcpStream::connect(addr).await.expect("a connection");
        Self { tcp, seen: Vec::new() }
    }

    /// False if the other side is gone.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        within(PATIENCE, "sending", self.tcp.write_all(bytes.as_ref())).await.is_ok()
    }

    async fn more(&mut self) -> bool {
        let mut chunk = vec![0; 16_384];
        match within(PATIENCE, "an answer", self.tcp.read(&mut chunk)).await {
            Ok(0) | Err(_) => false,
            Ok(read) => {
                self.seen.extend_from_slice(&chunk[..read]);
                true
            }
        }
    }

    /// The next answer; none if the connection ends first.
    pub async fn answer(&mut self) -> Option<Answer> {
        let head_end = loop {
            match self.seen.windows(4).position(|four| four == b"\r\n\r\n") {
                Some(end) => break end + 4,
                None if self.more().await => {}
                None => return None,
            }
        };
        let head = String::from_utf8_lossy(&self.seen[..head_end]).to_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .map(|length| length.trim().parse::<usize>().expect("a length"));
        let body_end = match length {
            Some(length) => head_end + length,
            None if status == 101 || status == 204 => head_end,
            // Everything here states its length, or is chunked and short.
            None => loop {
                match self.seen[head_end..].windows(5).position(|five| five == b"0\r\n\r\n") {
                    Some(end) => break head_end + end + 5,
                    None if self.more().await => {}
                    None => break self.seen.len(),
                }
            },
        };
        while self.seen.len() < body_end && self.more().await {}
        let body_end = body_end.min(self.seen.len());
        let body = String::from_utf8_lossy(&self.seen[head_end..body_end]).into_owned();
        self.seen.drain(..body_end);
        Some(Answer { status, head, body })
    }

    /// Reads until the other side closes.
    pub async fn closed(&mut self) {
        while self.more().await {
            self.seen.clear();
        }
    }
}

/// Sends `bytes` on a connection of its own: the answer's status, 0 if it was just closed.
pub async fn status(url: &str, bytes: impl AsRef<[u8]>) -> u16 {
    let mut raw = Raw::connect(url).await;
    raw.send(bytes).await;
    raw.answer().await.map_or(0, |answer| answer.status)
}

/// Still there, still able to write. The clock turns, since loops that stand still look dead.
pub async fn is_well(server: &TestServer, after: &str) {
    let asking = || async {
        server.clock.advance(Duration::from_secs(1));
        status(&server.url, "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n").await == 200
    };
    until(&format!("readiness after {after}"), asking).await;
}

/// Where a websocket begins.
pub const WEBSOCKET: &str = "/socket.io/?EIO=4&transport=websocket";

pub type WebSocket = tokio_tungstenite::WebSocketStream<TcpStream>;

/// A websocket at `path`, or the status with which it was refused.
pub async fn websocket(
    url: &str,
    path: &str,
    headers: &[(&'static str, &str)],
) -> Result<WebSocket, u16> {
    let tcp = TcpStream::connect(url.trim_start_matches("http://")).await.expect("a connection");
    websocket_over(tcp, url, path, headers).await
}

pub async fn websocket_over(
    tcp: TcpStream,
    url: &str,
    path: &str,
    headers: &[(&'static str, &str)],
) -> Result<WebSocket, u16> {
    let address = format!("ws{}{path}", url.trim_start_matches("http"));
    let mut request = address.into_client_request().expect("a request");
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().expect("a header"));
    }
    match tokio_tungstenite::client_async(request, tcp).await {
        Ok((stream, _)) => Ok(stream),
        Err(tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

/// The next Engine.IO packet but pings, which are answered; none when it is over.
pub async fn packet(ws: &mut WebSocket) -> Option<String> {
    loop {
        match within(PATIENCE, "a packet", ws.next()).await {
            Some(Ok(Message::Text(text))) if text.as_str() == "2" => {
                // Fails when the server is gone, which the next read tells.
                let _ = ws.send(Message::text("3")).await;
            }
            Some(Ok(Message::Text(text))) => return Some(text.to_string()),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
            Some(Ok(_)) => {}
        }
    }
}

/// An Engine.IO session over polling.
pub struct Polling {
    url: String,
    pub sid: String,
    http: reqwest::Client,
    waiting: std::collections::VecDeque<String>,
}

impl Polling {
    pub async fn open(url: &str, http: &reqwest::Client) -> Self {
        let address = format!("{url}/socket.io/?EIO=4&transport=polling");
        let open = http.get(address).send().await.expect("an answer").text().await.expect("text");
        let open: Value = serde_json::from_str(&open[1..]).expect("an open packet");
        let sid = open["sid"].as_str().expect("a sid").to_owned();
        let waiting = std::collections::VecDeque::new();
        Self { url: url.to_owned(), sid, http: http.clone(), waiting }
    }

    fn address(&self) -> String {
        format!("{}/socket.io/?EIO=4&transport=polling&sid={}", self.url, self.sid)
    }

    pub async fn post(&self, packets: &str) -> u16 {
        let request = self.http.post(self.address()).body(packets.to_owned());
        request.send().await.expect("an answer").status().as_u16()
    }

    /// One poll: its status and packets.
    pub async fn poll(&self) -> (u16, Vec<String>) {
        let request = self.http.get(self.address()).timeout(PATIENCE);
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        let text = response.text().await.expect("text");
        (status, text.split('\u{1e}').map(ToOwned::to_owned).collect())
    }

    /// The next packet but pings, which are answered.
    pub async fn packet(&mut self) -> String {
        loop {
            match self.waiting.pop_front() {
                Some(ping) if ping == "2" => assert_eq!(self.post("3").await, 200),
                Some(packet) => return packet,
                None => {
                    let (status, packets) = self.poll().await;
                    assert_eq!(status, 200, "{packets:?}");
                    self.waiting.extend(packets);
                }
            }
        }
    }

    /// Connects with a token and reads the answer and the greeting.
    pub async fn connect(&mut self, token: &str) {
        assert_eq!(self.post(&format!("40{{\"token\":\"{token}\"}}")).await, 200);
        assert!(self.packet().await.starts_with("40"));
        assert!(self.packet().await.starts_with("42[\"authenticated\""));
    }

    /// Subscribes to everything and returns the ack.
    pub async fn subscribe(&mut self) -> Value {
        assert_eq!(self.post("427[\"subscribe:incidents\",{}]").await, 200);
        let ack = self.packet().await;
        let answer: Value =
            serde_json::from_str(ack.strip_prefix("437").unwrap_or_else(|| panic!("{ack}")))
                .expect("JSON");
        answer[0].clone()
    }
}

/// The body of an event's packet.
pub fn event(packet: &str) -> (String, Value) {
    let json = packet.strip_prefix("42").unwrap_or_else(|| panic!("no event: {packet}"));
    serde_json::from_str(json).expect("an event")
}
