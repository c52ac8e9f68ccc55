//! Alert senders: each protocol's own words around one `App::take_in`. Answered after the commit.
use axum::extract::{MatchedPath, Path, Request, State};
use axum::http::{Extensions, HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::json;

use super::mount::idempotency_key;
use super::{Shared, body, reply};
use crate::api::incidents::Outcome;
use crate::app::{Delivery, Sent};
use crate::domain::text;
use crate::error::{Error, Kind, Result};
use crate::ingest::{
    Parsed, Unusable, alertmanager, generic as generic_source, grafana as grafana_source,
};
use crate::ingest::{json as ingest_json, pagerduty as pagerduty_source};
use crate::secret::{Secret, hash};

/// Bodies above this are read only for a key that exists.
const TRUSTED_ABOVE: u64 = 64 * 1024;
/// PagerDuty's own limit.
const PAGERDUTY_BODY: usize = 512 * 1024;
/// Longest remembered reason of a refusal.
const MAX_REASON: usize = 500;

/// What came in and was stored.
struct Stored {
    outcomes: Vec<Outcome>,
    rejected: Vec<String>,
}

/// Reads, parses and stores a delivery for the key in the path.
async fn deliver(
    shared: &Shared,
    key: &Secret,
    request: Request,
    parse: impl FnOnce(&HeaderMap, &Bytes) -> Result<Parsed, Unusable>,
) -> Result<Stored> {
    shared.metrics.requests.inc();
    let source = source(request.extensions());
    let stored = async {
        let (parts, stream) = request.into_parts();
        let declared = parts.headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok());
        let small =
            declared.and_then(|length| length.parse().ok()).unwrap_or(u64::MAX) <= TRUSTED_ABOVE;
        if !small {
            shared.app.check_key(key).await?;
        }
        let limits = &shared.config().limits;
        let bytes = match body::read(&parts.headers, stream, limits.sender_body, limits).await {
            Ok(bytes) => bytes,
            Err(error) => {
                if matches!(error.kind, Kind::TooLarge | Kind::Unsupported) {
                    // Only a note for its owner; the sender is told in any case.
                    let sent = Sent { source, body: Bytes::new() };
                    let _ = reject(shared, key, &error.detail, sent).await;
                }
                return Err(error);
            }
        };
        let idempotency = idempotency_key(&parts.headers)?.map(|name| (name, hash(&bytes)));
        let sent = Sent { source, body: bytes.clone() };
        let parsed = match parse(&parts.headers, &bytes) {
            Ok(parsed) => parsed,
            Err(why) => {
                let error = body::unusable(why);
                reject(shared, key, &error.detail, sent).await?;
                return Err(error);
            }
        };
        store(shared, key, parsed, sent, idempotency).await
    };
    let stored = stored.await;
    count(shared, source, &stored);
    stored
}

/// The format, by the route that it came in by.
fn source(of: &Extensions) -> &'static str {
    match of
        .get::<MatchedPath>()
        .map(MatchedPath::as_str)
        .and_then(|route| route.rsplit('/').next())
    {
        Some("alertmanager") => "alertmanager",
        Some("alerts") => "prometheus",
        Some("grafana") => "grafana",
        Some("enqueue") => "pagerduty",
        _ => "generic",
    }
}

async fn store(
    shared: &Shared,
    key: &Secret,
    parsed: Parsed,
    sent: Sent,
    idempotency: Option<(String, [u8; 32])>,
) -> Result<Stored> {
    let Parsed { alerts, complete, rejected } = parsed;
    // What was refused in part is kept as refused.
    let (taken, refused) =
        if rejected.is_empty() { (Some(sent), None) } else { (None, Some(sent)) };
    let delivery = Delivery { alerts, complete, idempotency, sent: taken };
    let outcomes = shared.app.take_in(key, delivery).await?;
    if let Some(sent) = refused {
        reject(shared, key, &rejected.join("; "), sent).await?;
    }
    Ok(Stored { outcomes, rejected })
}

/// Remembers why, for the owner of the integration; an unknown key is told so instead.
async fn reject(shared: &Shared, key: &Secret, why: &str, sent: Sent) -> Result<()> {
    shared.app.check_key(key).await?;
    shared.app.note_rejection(key, text::cut(why, MAX_REASON), sent).await
}

fn count(shared: &Shared, source: &str, stored: &Result<Stored>) {
    match stored {
        Ok(stored) => {
            let alerts = stored.outcomes.len() as u64;
            shared
                .metrics
                .alerts
                .get_or_create(&vec![("source", source.to_owned())])
                .inc_by(alerts);
        }
        Err(error) if error.kind == Kind::Unavailable => {
            shared.metrics.overloaded.inc();
        }
        Err(_) => {
            shared.metrics.rejected.inc();
        }
    }
}

/// `POST /integrations/{key}/generic` → 202 `{incidentId, dedupKey, status, new}`.
pub async fn generic(
    State(shared): State<Shared>,
    Path(key): Path<String>,
    request: Request,
) -> Response {
    let parse = |headers: &HeaderMap, bytes: &Bytes| {
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        generic_source::parse(bytes, content_type.unwrap_or_default())
    };
    match deliver(&shared, &Secret::new(key), request, parse).await {
        Ok(stored) => reply::json(StatusCode::ACCEPTED, &stored.outcomes.first()),
        Err(error) => error.into_response(),
    }
}

/// Alertmanager's webhook → 202.
pub async fn alertmanager(
    State(shared): State<Shared>,
    Path(key): Path<String>,
    request: Request,
) -> Response {
    webhook(&shared, key, request, |bytes| alertmanager::parse_webhook(bytes)).await
}

/// Grafana's webhook → 202.
pub async fn grafana(
    State(shared): State<Shared>,
    Path(key): Path<String>,
    request: Request,
) -> Response {
    webhook(&shared, key, request, |bytes| grafana_source::parse(bytes)).await
}

async fn webhook(
    shared: &Shared,
    key: String,
    request: Request,
    parse: impl FnOnce(&Bytes) -> Result<Parsed, Unusable>,
) -> Response {
    match deliver(shared, &Secret::new(key), request, |_, bytes| parse(bytes)).await {
        Ok(Stored { outcomes, rejected }) => {
            let answer = json!({"status": "success", "alerts": outcomes, "rejected": rejected});
            reply::json(StatusCode::ACCEPTED, &answer)
        }
        Err(error) => error.into_response(),
    }
}

/// Alertmanager's own API → 200 empty, 400 and 5xx a JSON string.
pub async fn prometheus(
    State(shared): State<Shared>,
    Path(key): Path<String>,
    request: Request,
) -> Response {
    let now = shared.app.now();
    let stored = deliver(&shared, &Secret::new(key), request, |_, bytes| {
        alertmanager::parse_api(bytes, now)
    })
    .await;
    match stored {
        Ok(Stored { rejected, .. }) if rejected.is_empty() => {
            reply::with_type(StatusCode::OK, "application/json", "")
        }
        Ok(Stored { rejected, .. }) => reply::json(StatusCode::BAD_REQUEST, &rejected.join("; ")),
        Err(error) => {
            let mut response = error.clone().into_response();
            let text = serde_json::to_vec(&error.to_string()).unwrap_or_default();
            *response.body_mut() = text.into();
            response.headers_mut().insert(
                header::CONTENT_TYPE,
                axum::http::HeaderValue::from_static("application/json"),
            );
            response.headers_mut().remove(header::CONTENT_LENGTH);
            response
        }
    }
}

/// PagerDuty Events v2 → 202 `{status, message, dedup_key}`, 400 `{status, message, errors}`.
pub async fn pagerduty(State(shared): State<Shared>, request: Request) -> Response {
    shared.metrics.requests.inc();
    let (parts, stream) = request.into_parts();
    let limits = &shared.config().limits;
    let most = PAGERDUTY_BODY.min(limits.sender_body);
    let read = async {
        let bytes = body::read(&parts.headers, stream, most, limits).await?;
        let idempotency = idempotency_key(&parts.headers)?.map(|name| (name, hash(&bytes)));
        Ok::<_, Error>((bytes, idempotency))
    };
    let (bytes, idempotency) = match read.await {
        Ok(read) => read,
        Err(error) => return refused(&shared, error.kind, "invalid event", &[error.detail]),
    };
    let made = match Secret::random_key() {
        Ok(made) => made,
        Err(error) => return error.into_response(),
    };
    let sent = Sent { source: source(&parts.extensions), body: bytes.clone() };
    let event = match pagerduty_source::parse(&bytes, || made.expose().to_owned()) {
        Ok(event) => event,
        Err(errors) => {
            if let Some(key) = routing_key(&bytes) {
                // Only a note for its owner; the sender is told in any case.
                let _ = reject(&shared, &key, &errors.join("; "), sent).await;
            }
            return refused(&shared, Kind::Malformed, "invalid event", &errors);
        }
    };
    let (key, source) = (Secret::new(event.routing_key), sent.source);
    let stored = store(&shared, &key, event.parsed, sent, idempotency).await;
    count(&shared, source, &stored);
    match stored {
        Ok(stored) => {
            let dedup_key = stored.outcomes.first().map(|outcome| outcome.dedup_key.as_str());
            let answer = json!({
                "status": "success", "message": "Event processed", "dedup_key": dedup_key,
            });
            reply::json(StatusCode::ACCEPTED, &answer)
        }
        Err(error) if error.kind == Kind::NotFound => {
            let errors = ["'routing_key' belongs to no integration".to_owned()];
            refused(&shared, Kind::NotFound, "invalid key", &errors)
        }
        Err(error) => error.into_response(),
    }
}

fn routing_key(bytes: &[u8]) -> Option<Secret> {
    let value: serde_json::Value = ingest_json::parse(bytes).ok()?;
    value.get("routing_key").and_then(ingest_json::text).map(Secret::new)
}

fn refused(shared: &Shared, kind: Kind, status: &str, errors: &[String]) -> Response {
    shared.metrics.rejected.inc();
    let code = StatusCode::from_u16(kind.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let message = if status == "invalid event" { "Event object is invalid" } else { "Invalid key" };
    reply::json(code, &json!({"status": status, "message": message, "errors": errors}))
}
