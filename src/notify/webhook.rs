//! A message as JSON, for whatever an operator has built: `POST` to an address, signed if a secret
//! stands beside it.
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;

use super::http::Outgoing;
use super::{Channel, Failure, Said, Sending, sign};
use crate::clock::Clock;

pub struct Webhook {
    out: Outgoing,
    clock: Clock,
}

impl Webhook {
    pub fn new(out: &Outgoing, clock: &Clock) -> Self {
        Self { out: out.clone(), clock: clock.clone() }
    }
}

/// `https://…`, and after a space perhaps `whsec_…`.
fn parts(address: &str) -> Result<(&str, Option<ring::hmac::Key>), String> {
    match address.trim().split_once(char::is_whitespace) {
        Some((url, secret)) => Ok((url, Some(sign::key(secret.trim())?))),
        None => Ok((address.trim(), None)),
    }
}

impl Channel for Webhook {
    fn about(&self) -> (&str, bool) {
        ("https://example.com/hook, to be signed as https://example.com/hook whsec_…", true)
    }

    fn check(&self, address: &str) -> Result<(), String> {
        self.out.check(parts(address)?.0).map(drop)
    }

    fn leads_to(&self, address: &str) -> Option<String> {
        Some(parts(address).ok()?.0.to_owned())
    }

    fn send<'a>(&'a self, address: &'a str, said: &'a Said<'a>) -> Sending<'a> {
        Box::pin(async move {
            let (url, key) = parts(address).map_err(Failure::never)?;
            let message = said.message;
            let body = said.as_json().to_string();
            let mut request = self.out.request(Method::POST, url)?;
            if let Some(key) = key {
                let now = self.clock.now();
                for (name, value) in sign::headers(&key, &message.id, now, body.as_bytes()) {
                    request = request.header(name, value);
                }
            }
            let request = request.header(CONTENT_TYPE, "application/json").body(body);
            self.out.send(request).await?.taken()
        })
    }
}
