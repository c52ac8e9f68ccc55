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

/// Checks what the API asks beyond JSON itself, in ignored fields too: one object, whose names
/// (and those inside) differ, and whose text and numbers are such.
///
/// # Errors
/// `Malformed`.
pub fn strict(text: &str) -> Result<(), Unusable> {
    let mut reader = serde_json::Deserializer::from_str(text);
    Strict::deserialize(&mut reader)
        .and_then(|root| reader.end().map(|()| root))
        .map_err(|error| Unusable::Malformed(format!("not usable JSON: {error}")))
        .and_then(|root| match root {
            Strict::Object => Ok(()),
            Strict::Other => Err(Unusable::Malformed("the body is not a JSON object".into())),
        })
}

/// A value that was looked through, and nothing of it kept.
enum Strict {
    Object,
    Other,
}

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Look)
    }
}

struct Look;

impl<'de> serde::de::Visitor<'de> for Look {
    type Value = Strict;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Strict, A::Error> {
        let mut names = std::collections::HashSet::new();
        while let Some((name, _)) = map.next_entry::<String, Strict>()? {
            if names.contains(&name) {
                let name = crate::domain::text::line(&name, 64);
                return Err(serde::de::Error::custom(format!("`{name}` stands twice")));
            }
            names.insert(name);
        }
        Ok(Strict::Object)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Strict, A::Error> {
        while seq.next_element::<Strict>()?.is_some() {}
        Ok(Strict::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<Strict, E> {
        Ok(Strict::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Strict, E> {
        Ok(Strict::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Strict, E> {
        Ok(Strict::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Strict, E> {
        Ok(Strict::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Strict, E> {
        Ok(Strict::Other)
    }

    fn visit_unit<E>(self) -> Result<Strict, E> {
        Ok(Strict::Other)
    }
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

/// A list of which the first `MAX` entries are kept and the rest is counted.
#[derive(Debug)]
pub struct Capped<T, const MAX: usize> {
    pub items: Vec<T>,
    pub beyond: usize,
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for Capped<T, MAX> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T, const MAX: usize>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const MAX: usize> serde::de::Visitor<'de> for Visitor<T, MAX> {
            type Value = Capped<T, MAX>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut seq: A,
            ) -> Result<Self::Value, A::Error> {
                let (mut items, mut beyond) = (Vec::new(), 0);
                while items.len() < MAX {
                    match seq.next_element()? {
                        Some(item) => items.push(item),
                        None => return Ok(Capped { items, beyond }),
                    }
                }
                while seq.next_element::<serde::de::IgnoredAny>()?.is_some() {
                    beyond += 1;
                }
                Ok(Capped { items, beyond })
            }
        }
        deserializer.deserialize_seq(Visitor(std::marker::PhantomData))
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
        let text = self.text()?;
        let at = text.parse().ok().or_else(|| last_moment(&text))?;
        (at.as_second() > 0).then_some(at)
    }
}

/// Many say "for ever" by the last second of the year 9999, which lies beyond what a timestamp of
/// jiff can be.
fn last_moment(text: &str) -> Option<jiff::Timestamp> {
    let date = jiff::fmt::temporal::Pieces::parse(text).ok()?.date();
    (date >= jiff::Timestamp::MAX.to_zoned(jiff::tz::TimeZone::UTC).date())
        .then_some(jiff::Timestamp::MAX)
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
        assert_eq!(loose("9999-12-31T23:59:59.999Z"), Some(jiff::Timestamp::MAX));
        assert_eq!(loose("9999-12-31T25:00:00Z"), None);
        assert!(loose("2026-01-01T00:00:00.123+01:00").is_some());
    }
}
