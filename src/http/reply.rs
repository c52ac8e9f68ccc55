//! Answers: JSON, or a problem with its next step.
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::front::request_id;
use crate::api::{Page, PageQuery, Problem};
use crate::app::page_size;
use crate::error::{Error, Result};

/// JSON with a status.
pub fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => with_type(status, "application/json", bytes),
        Err(error) => Error::internal(error).into_response(),
    }
}

pub fn with_type(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Body>,
) -> Response {
    let mut response = (status, body.into()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What `asked` names of a list that is never long: all of it, or so many entries; the cursor is
/// how many came before.
///
/// # Errors
/// `Invalid` for a limit or a cursor that is none.
pub fn part<T>(mut items: Vec<T>, asked: &PageQuery) -> Result<Page<T>> {
    let strange = |_| Error::invalid("cursor", "is not one that a list gave");
    let from = asked.cursor.as_deref().map_or(Ok(0), |cursor| cursor.parse().map_err(strange))?;
    let mut rest = items.split_off(items.len().min(from));
    let limit = match asked.limit {
        Some(_) => page_size(asked.limit)? as usize,
        None => rest.len(),
    };
    let next_cursor = (rest.len() > limit).then(|| (from + limit).to_string());
    rest.truncate(limit);
    Ok(Page { items: rest, next_cursor })
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&Problem::new(&self, request_id())).unwrap_or_default();
        let mut response = with_type(status, "application/problem+json", body);
        if let Some(secs) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, secs.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            let bearer = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
        }
        response
    }
}
