//! JSON from strangers: UTF-8, of bounded depth, and values taken for what they can be.
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Unusable;

/// Deepest nesting of arrays and objects.
pub const MAX_DEPTH: usize = 32;

/// # Errors
/// `Malformed`, saying where and why.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Unusable> {
    serde_json::from_str(checked(body)?)
        .map_err(|error| Unusable::Malformed(format!("not usable JSON: {error}")))
}

/// The text of `body`, if it is UTF-8 and not nested too deeply, in ignored fields too.
///
/// # Errors
/// `Malformed`.
pub fn checked(body: &[u8]) -> Result<&str, Unusable> {
    let text = std::str::from_utf8(body)
        .map_err(|_| Unusable::Malformed("the body is not UTF-8".into()))?;
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => {
                depth += 1;
                if depth > MAX_DEPTH {
                    let why = format!("nested more than {MAX_DEPTH} deep");
                    return Err(Unusable::Malformed(why));
                }
            }
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(text)
}

/// Text, or what can be read as text; null and empty are absent.
#[must_use]
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// A field that senders fill with whatever they have.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Loose(Value);

impl Loose {
    #[must_use]
    pub fn text(&self) -> Option<String> {
        text(&self.0)
    }

    #[must_use]
    pub fn is_null(&self) -> bool {
        self.0.is_null()
    }

    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.0
    }

    /// The pairs of an object whose values are, or can be read as, text.
    #[must_use]
    pub fn pairs(&self) -> Vec<(String, String)> {
        let Value::Object(map) = &self.0 else {
            return Vec::new();
        };
        map.iter()
            .map(|(name, value)| {
                let value = match text(value) {
                    None if value.is_array() || value.is_object() => value.to_string(),
                    text => text.unwrap_or_default(),
                };
                (name.clone(), value)
            })
            .collect()
    }

    /// A moment; Go's zero time and what is no time are absent.
    #[must_use]
    pub fn time(&self) -> Option<jiff::Timestamp> {
        let at: jiff::Timestamp = self.text()?.parse().ok()?;
        (at.as_second() > 0).then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_bounded_in_ignored_fields_too() {
        let deep = format!("{{\"x\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(matches!(parse::<Value>(deep.as_bytes()), Err(Unusable::Malformed(_))));
        let quoted = format!("{{\"x\":\"{}\"}}", "[".repeat(100));
        assert!(parse::<Value>(quoted.as_bytes()).is_ok());
        assert!(parse::<Value>(b"{\"x\":\"\\\"[[\"}").is_ok());
    }

    #[test]
    fn what_is_not_text_is_refused() {
        for body in [&b"\xff\xfe"[..], b"{\"x\":\"\\ud800\"}", b"{\"x\":1e400}", b"", b"{"] {
            assert!(parse::<Value>(body).is_err(), "{body:?}");
        }
    }

    #[test]
    fn times_are_read_generously() {
        let loose = |text: &str| Loose(Value::String(text.into())).time();
        assert_eq!(loose("0001-01-01T00:00:00Z"), None);
        assert_eq!(loose("yesterday"), None);
        assert_eq!(loose("99999-01-01T00:00:00Z"), None);
        assert!(loose("2026-01-01T00:00:00.123+01:00").is_some());
    }
}
