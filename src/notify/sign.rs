//! Signatures as the Standard Webhooks specification has them: a far end that knows the secret
//! can tell that a body is ours, whole and recent.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use ring::hmac;

use super::Failure;
use super::http::{Answer, Outgoing};
use crate::secret::{Secret, webhook_bytes};

/// # Errors
/// Says what is wrong with a secret.
pub fn key(secret: &str) -> Result<hmac::Key, String> {
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &webhook_bytes(secret)?))
}

/// The headers of a signed request: `webhook-id`, `webhook-timestamp`, `webhook-signature`.
#[must_use]
pub fn headers(
    key: &hmac::Key,
    id: &str,
    at: Timestamp,
    body: &[u8],
) -> [(&'static str, String); 3] {
    let at = at.as_second().to_string();
    let signed = [id.as_bytes(), b".", at.as_bytes(), b".", body].concat();
    let tag = hmac::sign(key, &signed);
    [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", at),
        ("webhook-signature", format!("v1,{}", STANDARD.encode(tag))),
    ]
}

/// Sends JSON so signed.
///
/// # Errors
/// Says why there is no answer.
pub async fn post(
    out: &Outgoing,
    url: &str,
    secret: &Secret,
    id: &str,
    at: Timestamp,
    body: &[u8],
) -> Result<Answer, Failure> {
    let key =
        key(secret.expose()).map_err(|why| Failure::Never { why: format!("Its secret {why}.") })?;
    let mut request = out.request(Method::POST, url)?;
    for (name, value) in headers(&key, id, at, body) {
        request = request.header(name, value);
    }
    out.send(request.header(CONTENT_TYPE, "application/json").body(body.to_vec())).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specification_s_own_example_comes_out() {
        let key = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret");
        let at = Timestamp::from_second(1_614_265_330).expect("a time");
        let body = br#"{"test": 2432232314}"#;
        let headers = headers(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, body);
        assert_eq!(headers[2].1, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_is_long_enough() {
        key(crate::secret::Secret::webhook().expect("random").expose()).expect("its own");
        for bad in ["", "whsec_", "whsec_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_%"] {
            assert!(key(bad).is_err(), "{bad}");
        }
    }
}
