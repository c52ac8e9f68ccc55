//! Lengths of time as people write them: `90s 30m 2h 3d`; a day is 24 hours.
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time in whole seconds, at most ten years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span(u32);

impl Span {
    /// In its largest unit alone, as people say how long ago something was.
    #[must_use]
    pub fn about(span: SignedDuration) -> Self {
        let secs = u32::try_from(span.as_secs()).unwrap_or(0);
        Self::secs(match secs {
            0..60 => secs,
            60..3_600 => secs / 60 * 60,
            3_600..86_400 => secs / 3_600 * 3_600,
            _ => secs / 86_400 * 86_400,
        })
    }

    const MAX_SECS: i64 = 10 * 366 * 86_400;

    #[must_use]
    pub const fn secs(secs: u32) -> Self {
        Self(secs)
    }

    #[must_use]
    pub const fn days(days: u32) -> Self {
        Self(days * 86_400)
    }

    #[must_use]
    pub const fn as_secs(self) -> u32 {
        self.0
    }

    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.0 as u64)
    }

    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a duration; write 90s, 30m, 2h or 3d");
        if text.trim() == "0" {
            return Ok(Self(0));
        }
        let span: jiff::Span = text.trim().parse().map_err(|_| wrong())?;
        let length = span
            .to_duration(jiff::SpanRelativeTo::days_are_24_hours())
            .map_err(|_| wrong())?
            .as_secs();
        match u32::try_from(length) {
            Ok(secs) if length <= Self::MAX_SECS => Ok(Self(secs)),
            _ => Err(format!("`{text}` is out of range; up to ten years are possible")),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.0;
        let (number, unit) = match secs {
            0 => (0, "s"),
            _ if secs.is_multiple_of(86_400) => (secs / 86_400, "d"),
            _ if secs.is_multiple_of(3_600) => (secs / 3_600, "h"),
            _ if secs.is_multiple_of(60) => (secs / 60, "m"),
            _ => (secs, "s"),
        };
        write!(f, "{number}{unit}")
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A length of time: `90s`, `30m`, `2h`, `3d`; at most ten years.",
            "pattern": "^(0|[0-9]{1,7}[smhdw]|[0-9]{1,3}d[0-9]{1,2}h|[0-9]{1,4}h[0-9]{1,2}m)$",
            "examples": ["30m"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_written_as_people_do() {
        for (text, secs, back) in [
            ("90s", 90, "90s"),
            ("30m", 1_800, "30m"),
            ("2h", 7_200, "2h"),
            ("3d", 259_200, "3d"),
            ("1h30m", 5_400, "90m"),
            ("1w", 604_800, "7d"),
            ("0", 0, "0s"),
        ] {
            let span: Span = text.parse().expect(text);
            assert_eq!((span.as_secs(), span.to_string().as_str()), (secs, back), "{text}");
        }
        for text in ["", "2", "-2h", "two hours", "99999999h", "1mo"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
