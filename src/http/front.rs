//! What holds for every request, before its route is known to anybody: a number, a line in the
//! log, a Host that is ours, headers for browsers, and an answer even if a handler panics.
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use tracing::Instrument;

use super::server::Conn;
use super::{Shared, origin, reply};
use crate::error::Error;
use crate::secret::Secret;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest number that a client may give its request.
const MAX_REQUEST_ID: usize = 64;

/// What browsers are told with every answer. Trusted types: whatever puts text into a page goes
/// through the one library that escapes it; `incidentd` names the one script beside the page.
const FOR_BROWSERS: [(HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'; \
         form-action 'self'; require-trusted-types-for 'script'; trusted-types lit-html incidentd",
    ),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];
/// A year: who came by https once does not come by HTTP again.
const HSTS: &str = "max-age=31536000";

tokio::task_local! {
    /// The number of the request that this task answers.
    static NUMBER: Arc<str>;
}

/// The number of the request that is being answered, for the problem that it may end in.
#[must_use]
pub fn request_id() -> Option<String> {
    NUMBER.try_with(ToString::to_string).ok()
}

/// Puts all that before every route.
pub fn before(router: Router, shared: &Shared) -> Router {
    router.layer(from_fn_with_state(shared.clone(), pass))
}

async fn pass(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let id = given_id(request.headers()).unwrap_or_else(next_id);
    let span = tracing::error_span!("request", %id);
    let https = shared.config().public_url.as_ref().is_some_and(|url| url.starts_with("https:"));
    let answering = NUMBER.scope(id.clone(), answer(shared, request, next)).instrument(span);
    let mut response = answering.await;
    let headers = response.headers_mut();
    for (name, value) in FOR_BROWSERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HSTS));
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

async fn answer(shared: Shared, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    // Never the address itself: it may hold an integration's key.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let client = request.extensions().get::<Conn>().and_then(|conn| conn.client().address);
    let answer = async {
        if let Err(refused) = admit(&shared, &request) {
            return refused;
        }
        caught(next.run(request)).await
    };
    let metrics = shared.metrics.clone();
    let response = answer.await;
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    metrics.answered(method.as_str(), route, response.status().as_u16(), began.elapsed());
    tracing::debug!(
        %method,
        route,
        status = response.status().as_u16(),
        micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
        client = client.map(tracing::field::display),
        "answered"
    );
    response
}

#[expect(clippy::result_large_err, reason = "it is the answer, once")]
fn admit(shared: &Shared, request: &Request) -> Result<(), Response> {
    if *request.method() == Method::TRACE {
        return Err(super::routes::wrong_method().into_response());
    }
    let conn = request.extensions().get::<Conn>();
    if conn.is_some_and(Conn::is_control) {
        return Ok(());
    }
    let headers = request.headers();
    match origin::unknown_host(&shared.config(), headers, request.uri()) {
        None => Ok(()),
        Some(host) => {
            let secure = conn.is_some_and(|conn| conn.client().secure);
            Err(strange_host(&host, secure, headers))
        }
    }
}

/// Does somebody look at the answer in a browser?
pub fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

/// For a browser that came by a name which is not ours: whose page that is cannot be known.
fn strange_host(host: &str, secure: bool, headers: &HeaderMap) -> Response {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    let host = if host.chars().all(plain) && !host.is_empty() { host } else { "NAME" };
    let scheme = if secure { "https" } else { "http" };
    let detail = format!("This server is not known as {host}, so browsers may not use that name.");
    let hint = format!(
        "If it is meant to be, set public_url = \"{scheme}://{host}\" in the server's \
         configuration, or --public-url, or INCIDENTD_PUBLIC_URL; a further name belongs into \
         allowed_origins. Until then use its IP address, or localhost."
    );
    if !wants_page(headers) {
        return Error::forbidden(detail).hint(hint).into_response();
    }
    let page = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>incidentd</title>\n\
         <h1>Unknown name</h1>\n<p>{detail}</p>\n<p>{}</p>\n</html>\n",
        hint.replace('"', "&quot;")
    );
    reply::with_type(StatusCode::FORBIDDEN, "text/html; charset=utf-8", page)
}

/// The answer, also where making it panicked: the server goes on.
async fn caught(answer: impl Future<Output = Response>) -> Response {
    AssertUnwindSafe(answer).catch_unwind().await.unwrap_or_else(|cause| {
        let said = cause.downcast_ref::<&str>().map(ToString::to_string);
        let said = said.or_else(|| cause.downcast_ref::<String>().cloned());
        let said = said.unwrap_or_default();
        Error::internal(format!("a handler panicked: {said}")).into_response()
    })
}

/// What a client or proxy calls its request, if that can be logged and sent back.
fn given_id(headers: &HeaderMap) -> Option<Arc<str>> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let usable = !id.is_empty()
        && id.len() <= MAX_REQUEST_ID
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    usable.then(|| id.into())
}

/// Unlike those of other runs, and cheap: a word of this process, and a count.
fn next_id() -> Arc<str> {
    static RUN: OnceLock<String> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let run = RUN.get_or_init(|| {
        Secret::random_key().map_or_else(|_| "0".into(), |key| key.expose()[..8].to_owned())
    });
    format!("{run}-{}", COUNT.fetch_add(1, Ordering::Relaxed)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_answer_with_a_number() {
        let panics = async { panic!("on purpose") };
        let response = NUMBER.scope("abc".into(), caught(panics)).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = axum::body::to_bytes(response.into_body(), 1_024).await.expect("a body");
        let problem: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(problem["requestId"], "abc");
        assert!(!problem.to_string().contains("purpose"), "{problem}");
    }
}
