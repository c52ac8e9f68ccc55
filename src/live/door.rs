//! Before the library sees a request: its origin, its number, and which TCP stream a session
//! runs on, so that a socket which does not read can be cut off.
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use socketioxide::socket::Sid;

use crate::error::{Error, Kind};
use crate::http::Shared;
use crate::http::origin::{self, Origin};
use crate::http::reply;
use crate::http::server::Conn;

/// The streams of sessions that were upgraded, and the sessions that are to end.
#[derive(Default)]
pub struct Door(Mutex<Sessions>);

#[derive(Default)]
struct Sessions {
    upgraded: HashMap<Sid, Conn>,
    condemned: HashSet<Sid>,
}

impl Door {
    fn sessions(&self) -> std::sync::MutexGuard<'_, Sessions> {
        // Plain maps: a panic elsewhere leaves them whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the session without a word, so that its client comes back: cuts the stream that it
    /// was upgraded to, else the one it came on, and lets no further poll of it through.
    pub fn cut(&self, sid: Sid, first: Option<&Conn>) {
        let mut sessions = self.sessions();
        sessions.condemned.insert(sid);
        if let Some(conn) = sessions.upgraded.get(&sid).or(first) {
            conn.cut();
        }
    }

    /// The session is over.
    pub fn forget(&self, sid: Sid) {
        let mut sessions = self.sessions();
        sessions.upgraded.remove(&sid);
        sessions.condemned.remove(&sid);
    }
}

#[derive(Clone)]
pub struct Guard {
    pub shared: Shared,
    pub door: Arc<Door>,
}

/// What the library answers to a session that is over; clients come back with a new one.
fn unknown_session() -> Response {
    let unknown = serde_json::json!({"code": 1, "message": "Session ID unknown"});
    reply::json(StatusCode::BAD_REQUEST, &unknown)
}

/// Middleware before the library.
pub async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let config = &guard.shared.config;
    match origin::of(config, request.headers()) {
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

async fn enter(guard: Guard, request: Request, next: Next) -> Response {
    let config = &guard.shared.config;
    let query = request.uri().query().unwrap_or_default();
    let value = |name: &str| {
        query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name)
    };
    if value("token").is_some() {
        return Error::new(Kind::Malformed, "A token in the address ends up in logs.")
            .hint("Send it as auth: { token }.")
            .into_response();
    }
    let sid: Option<Sid> = value("sid").and_then(|(_, sid)| sid.parse().ok());
    match sid {
        None => {
            let open = usize::try_from(guard.shared.metrics.sockets.get()).unwrap_or(0);
            if open >= config.limits.sockets {
                return Error::unavailable("Too many sockets are open.").into_response();
            }
        }
        Some(sid) => {
            let mut sessions = guard.door.sessions();
            if sessions.condemned.contains(&sid) {
                return unknown_session();
            }
            if value("transport").is_some_and(|(_, transport)| transport == "websocket")
                && let Some(conn) = request.extensions().get::<Conn>()
            {
                sessions.upgraded.insert(sid, conn.clone());
            }
        }
    }
    let conn = request.extensions().get::<Conn>().cloned();
    let leaving = async {
        match &conn {
            Some(conn) => conn.leaving().await,
            None => std::future::pending().await,
        }
    };
    // A poll that waits for news ends when the server goes.
    let response = tokio::select! {
        response = next.run(request) => response,
        () = leaving => unknown_session(),
    };
    if response.status() == StatusCode::SWITCHING_PROTOCOLS
        && let Some(conn) = &conn
    {
        conn.is_websocket();
    }
    response
}
