//! Bodies: bounded in size and time, refused before they are read where the header tells.
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use crate::config::Limits;
use crate::domain::text;
use crate::error::{Error, Kind, Result};
use crate::ingest::{Unusable, json};

/// Longest report of what does not fit: it repeats the input.
const MAX_MISFIT: usize = 500;
const MAX_FIELD: usize = 200;

fn too_large(limit: usize) -> Error {
    Error::new(Kind::TooLarge, format!("The body is larger than {limit} bytes."))
        .hint("Send less at once.")
}

/// # Errors
/// `TooLarge` beyond `limit` bytes, `Unsupported` if compressed, `Malformed` if it breaks off.
pub async fn read(headers: &HeaderMap, body: Body, limit: usize, limits: &Limits) -> Result<Bytes> {
    let encoding = headers.get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| encoding.as_bytes() != b"identity") {
        return Err(Error::new(Kind::Unsupported, "Compressed bodies are not read.")
            .hint("Send it without Content-Encoding."));
    }
    let declared = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok())
        .and_then(|length| length.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limit as u64) {
        return Err(too_large(limit));
    }
    // In all: a byte now and then holds nothing open.
    let within = Duration::from_secs(limits.body_timeout_secs);
    #[expect(clippy::disallowed_methods, reason = "real time bounds a real connection")]
    let read = tokio::time::timeout(within, Limited::new(body, limit).collect()).await;
    match read {
        Err(_) => Err(Error::new(Kind::Malformed, "The body did not arrive in time.")),
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(limit)),
        // Not the sender's fault: he shall send it again.
        Ok(Err(error)) if was_cut(&*error) => Err(Error::unavailable("incidentd is stopping.")),
        Ok(Err(_)) => Err(Error::new(Kind::Malformed, "The body broke off.")),
    }
}

/// Did this server end the connection?
fn was_cut(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .filter_map(|error| error.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::ConnectionAborted)
}

/// A body of the API: strict JSON.
///
/// # Errors
/// `Unsupported` for another type, `Malformed` for broken JSON, `Invalid` naming the field.
pub fn parse<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T> {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("application/json");
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(Error::new(Kind::Unsupported, format!("`{essence}` is not read here."))
            .hint("Send Content-Type: application/json."));
    }
    let text = json::checked(body).map_err(unusable)?;
    let text = if text.is_empty() { "{}" } else { text };
    json::strict(text).map_err(unusable)?;
    let mut json = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let why = error.inner();
        if why.is_data() {
            misfit(error, "body")
        } else if path != "." {
            // It is JSON: a word of several was expected, and something else came.
            Error::invalid(&text::line(&path, MAX_FIELD), "is not one of the words that it may be")
        } else {
            Error::new(Kind::Malformed, format!("The body is not usable JSON: {why}."))
        }
    })
}

/// An input that does not fit its type: names the field, or else the whole.
#[must_use]
pub fn misfit<E: std::fmt::Display>(error: serde_path_to_error::Error<E>, whole: &str) -> Error {
    let path = error.path().to_string();
    let message = error.into_inner().to_string();
    // Of a field that should not be here, or should, only the message tells.
    let named = ["unknown field `", "missing field `", "duplicate field `", "invalid field `"]
        .into_iter()
        .find_map(|before| message.strip_prefix(before)?.split('`').next());
    let field = match (path.trim_matches('.'), named) {
        ("" | "?", named) => named.unwrap_or(whole).to_owned(),
        (path, Some(named)) if !path.ends_with(named) => format!("{path}.{named}"),
        (path, _) => path.to_owned(),
    };
    // Line and column are those of what a program made.
    let message = message.split(" at line ").next().unwrap_or_default();
    Error::invalid(&text::line(&field, MAX_FIELD), text::line(message, MAX_MISFIT))
}

/// What a parser refused, for the API.
#[must_use]
pub fn unusable(error: Unusable) -> Error {
    match error {
        Unusable::Malformed(why) => Error::new(Kind::Malformed, why),
        Unusable::Invalid { field, message } => Error::invalid(field, message),
    }
}
