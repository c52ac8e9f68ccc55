//! Who calls: a bearer token, a session cookie, or the control socket.
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use super::server::Conn;
use super::{Shared, origin};
use crate::app::{Caller, Visitor};
use crate::error::{Error, Result};
use crate::secret::Secret;

/// The cookie's name; with `__Host-` where the public address is https.
const COOKIE: &str = "incidentd_session";

fn cookie_name(shared: &Shared) -> String {
    if shared.config().is_https() { format!("__Host-{COOKIE}") } else { COOKIE.to_owned() }
}

/// The header that gives a browser its session.
#[must_use]
pub fn set_cookie(shared: &Shared, secret: &str) -> String {
    let secure = if shared.config().is_https() { "; Secure" } else { "" };
    // As long as browsers keep one: the server says when a session that is not used is over.
    let age = if secret.is_empty() { "; Max-Age=0" } else { "; Max-Age=34560000" };
    format!("{}={secret}; Path=/; HttpOnly; SameSite=Strict{age}{secure}", cookie_name(shared))
}

/// The session cookie's secret.
#[must_use]
pub fn cookie(shared: &Shared, headers: &HeaderMap) -> Option<Secret> {
    let name = cookie_name(shared);
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| Secret::new(value))
}

/// Where a request comes from.
#[must_use]
pub fn visitor(Parts { headers, extensions, .. }: &Parts) -> Visitor {
    let client = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let far = extensions.get::<Conn>().map(Conn::client);
    Visitor::new(
        client.unwrap_or_default(),
        far.and_then(|far| far.address),
        far.and_then(|far| far.counted),
    )
}

/// # Errors
/// `Unauthenticated`, or `Forbidden` where a foreign page uses the cookie.
pub async fn caller(
    shared: &Shared,
    visitor: &Visitor,
    Parts { method, headers, extensions, .. }: &Parts,
) -> Result<Caller> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let token = value
            .to_str()
            .ok()
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| Secret::new(token.trim()))
            .ok_or_else(Error::unauthenticated)?;
        return shared.app.admit(visitor, &token).await;
    }
    if extensions.get::<Conn>().is_some_and(Conn::is_control) {
        return Ok(Caller::host());
    }
    let secret = cookie(shared, headers).ok_or_else(Error::unauthenticated)?;
    origin::check_cookie_use(&shared.config(), method, headers)?;
    shared.app.admit(visitor, &secret).await
}
