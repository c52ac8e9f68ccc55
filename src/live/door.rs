//! Before the library sees a request: its origin, its number, and which TCP stream a session
//! runs on, so that a socket which does not read can be cut off.
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use socketioxide::socket::Sid;
use tokio::sync::Notify;

use super::{CONNECT_WITHIN, MAX_ANSWER, MAX_MESSAGE, PING_EVERY, PONG_WITHIN};
use crate::config::Limits;
use crate::error::{Error, Kind, Result};
use crate::http::origin::{self, Origin};
use crate::http::reply;
use crate::http::server::Conn;
use crate::http::{Shared, body};

/// A condemned session is over when its pings were not answered for so long.
const GONE_AFTER: Duration =
    PING_EVERY.saturating_add(PONG_WITHIN).saturating_add(Duration::from_mins(1));
/// Entries kept before those that are over are dropped.
const SWEEP_ABOVE: usize = 1_024;
/// Handshakes that may wait for their connect, for each socket that may be open; what one
/// address may have of them.
const PENDING_PER_SOCKET: usize = 2;
const SHARES: usize = 4;
/// Credentials that one connection may try.
const MAX_ATTEMPTS: u32 = 5;

/// The streams of sessions that were upgraded, and the sessions that are to end. What it holds
/// is bounded by open streams and by time, not by the library's word that a session ended: of
/// those that never connected it gives none.
#[derive(Default)]
pub struct Door {
    sessions: Mutex<Sessions>,
    /// Polls that wait look whether they are meant.
    judged: Notify,
}

#[derive(Default)]
struct Sessions {
    upgraded: HashMap<Sid, Vec<Conn>>,
    condemned: HashMap<Sid, Instant>,
    /// Handshakes that did not lead to a connect yet, oldest first.
    pending: VecDeque<(Instant, Option<IpAddr>)>,
    sweep_at: usize,
}

/// How many credentials a connection tried.
#[derive(Clone, Default)]
pub struct Attempts(Arc<AtomicU32>);

impl Attempts {
    /// False if that is one too many.
    pub fn one_more(&self) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed) < MAX_ATTEMPTS
    }

    /// No further ones.
    pub fn exhaust(&self) {
        self.0.store(MAX_ATTEMPTS, Ordering::Relaxed);
    }
}

impl Sessions {
    fn sweep(&mut self) {
        if self.upgraded.len() + self.condemned.len() > self.sweep_at.max(SWEEP_ABOVE) {
            self.upgraded.retain(|_, conns| conns.iter().any(Conn::is_open));
            self.condemned.retain(|_, since| since.elapsed() < GONE_AFTER);
            self.sweep_at = 2 * (self.upgraded.len() + self.condemned.len());
        }
    }

    /// False if `most` are pending, or one address holds its share of them.
    fn begin(&mut self, most: usize, peer: Option<IpAddr>) -> bool {
        while self.pending.front().is_some_and(|(begun, _)| begun.elapsed() > CONNECT_WITHIN) {
            self.pending.pop_front();
        }
        let same = self.pending.iter().filter(|(_, other)| peer.is_some() && *other == peer);
        let room = self.pending.len() < most && same.count() < most / SHARES;
        if room {
            self.pending.push_back((Instant::now(), peer));
        }
        room
    }

    /// One handshake of this address is no longer pending.
    fn settle(&mut self, peer: Option<IpAddr>) {
        if let Some(place) = self.pending.iter().position(|(_, other)| *other == peer) {
            self.pending.remove(place);
        }
    }
}

impl Door {
    fn sessions(&self) -> std::sync::MutexGuard<'_, Sessions> {
        // Plain maps: a panic elsewhere leaves them whole.
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the session without a word, so that its client comes back: cuts the websocket that
    /// it began on and those that it was upgraded to, and lets no further poll of it through.
    pub fn cut(&self, sid: Sid, first: Option<&Conn>) {
        let mut sessions = self.sessions();
        sessions.condemned.insert(sid, Instant::now());
        let upgraded = sessions.upgraded.remove(&sid).unwrap_or_default();
        for conn in upgraded.iter().chain(first) {
            conn.cut();
        }
        sessions.sweep();
        drop(sessions);
        self.judged.notify_waiters();
    }

    /// A handshake led to a connect.
    pub fn connected(&self, peer: Option<IpAddr>) {
        self.sessions().settle(peer);
    }

    fn is_condemned(&self, sid: Sid) -> bool {
        self.sessions().condemned.contains_key(&sid)
    }

    /// Passes a request on, until its session is to end or the server goes.
    async fn pass(&self, sid: Option<Sid>, request: Request, next: Next) -> Response {
        let conn = request.extensions().get::<Conn>().cloned();
        let leaving = async {
            match &conn {
                Some(conn) => conn.leaving().await,
                None => std::future::pending().await,
            }
        };
        let answer = next.run(request);
        tokio::pin!(answer, leaving);
        let answer = loop {
            let judged = self.judged.notified();
            if sid.is_some_and(|sid| self.is_condemned(sid)) {
                return unknown_session();
            }
            tokio::select! {
                answer = &mut answer => break answer,
                () = &mut leaving => return unknown_session(),
                () = judged => {}
            }
        };
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS
            && let Some(conn) = &conn
        {
            conn.is_websocket();
        }
        answer
    }
}

/// What the library answers to a session that is over; clients come back with a new one.
fn unknown_session() -> Response {
    let unknown = serde_json::json!({"code": 1, "message": "Session ID unknown"});
    reply::json(StatusCode::BAD_REQUEST, &unknown)
}

#[derive(Clone)]
pub struct Guard {
    pub shared: Shared,
    pub door: Arc<Door>,
}

/// Middleware before the library.
pub async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    match origin::of(&guard.shared.config(), request.headers()) {
        Origin::None => enter(guard, request, next).await,
        Origin::Foreign => Error::forbidden("This page may not connect.")
            .hint("Set public_url or allowed_origins to the address in the browser.")
            .into_response(),
        Origin::Allowed => {
            let page = request.headers().get(header::ORIGIN).cloned();
            let mut response = if request.method() == Method::OPTIONS {
                StatusCode::NO_CONTENT.into_response()
            } else {
                enter(guard, request, next).await
            };
            if let Some(page) = page {
                allow(response.headers_mut(), page);
            }
            response
        }
    }
}

/// Polling from an allowed page of another origin takes the browser's consent (Fetch, CORS).
fn allow(headers: &mut HeaderMap, page: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, page);
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type"),
        (header::VARY, "origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

async fn enter(guard: Guard, mut request: Request, next: Next) -> Response {
    let config = guard.shared.config();
    let query = request.uri().query().unwrap_or_default();
    if parameter(query, "token").is_some() {
        return Error::new(Kind::Malformed, "A token in the address ends up in logs.")
            .hint("Send it as auth: { token }.")
            .into_response();
    }
    let by_websocket = is_websocket(query);
    let sid: Option<Sid> = parameter(query, "sid").and_then(|sid| sid.parse().ok());
    let Some(sid) = sid else {
        let open = usize::try_from(guard.shared.metrics.sockets.get()).unwrap_or(0);
        let most = PENDING_PER_SOCKET * config.limits.sockets;
        let peer = request.extensions().get::<Conn>().and_then(Conn::far_address);
        if open >= config.limits.sockets || !guard.door.sessions().begin(most, peer) {
            return Error::unavailable("Too many sockets are open.").into_response();
        }
        request.extensions_mut().insert(Attempts::default());
        let answer = guard.door.pass(None, request, next).await;
        if answer.status().is_client_error() {
            guard.door.sessions().settle(peer);
        }
        return opened(answer).await;
    };
    if request.method() == Method::POST {
        request = match within_limits(request, &config.limits).await {
            Ok(request) => request,
            Err(error) => return error.into_response(),
        };
    }
    if by_websocket && let Some(conn) = request.extensions().get::<Conn>().cloned() {
        let mut sessions = guard.door.sessions();
        sessions.sweep();
        let conns = sessions.upgraded.entry(sid).or_default();
        conns.retain(Conn::is_open);
        conns.push(conn);
    }
    guard.door.pass(Some(sid), request, next).await
}

/// What a poll brings, read whole: the library's one limit is for its answers.
async fn within_limits(request: Request, limits: &Limits) -> Result<Request> {
    let (parts, body) = request.into_parts();
    let body = body::read(&parts.headers, body, MAX_MESSAGE, limits).await?;
    Ok(Request::from_parts(parts, Body::from(body)))
}

/// The answer to a handshake, which says how much a client may send at once.
async fn opened(answer: Response) -> Response {
    if answer.status() != StatusCode::OK {
        return answer;
    }
    let (mut parts, body) = answer.into_parts();
    // A few hundred bytes that are there already.
    let said = axum::body::to_bytes(body, MAX_MESSAGE).await.unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let name = "\"maxPayload\":";
    let said = said.replace(&format!("{name}{MAX_ANSWER}"), &format!("{name}{MAX_MESSAGE}"));
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(said))
}

fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// Does this request ask for a websocket?
pub fn is_websocket(query: &str) -> bool {
    parameter(query, "transport") == Some("websocket")
}
