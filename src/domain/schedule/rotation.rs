//! One recurring order of people: whose turn it is by the wall clock, found by arithmetic, so
//! that a first handoff decades ago costs nothing.
use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, DateTime};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::wall::{DAY, HOUR, WEEK, Wall, month};
use super::window::Restrict;
use crate::domain::id::UserId;
use crate::domain::text;

/// How long a shift lasts on the wall clock: `12h`, `1d`, `2w`, `1mo`, `1y`. A day is from a time
/// of day to the same the next day, however long the night is; so is an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Every {
    unit: Unit,
    count: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Unit {
    Hours,
    Months,
}

impl Every {
    const MAX_HOURS: i64 = 366 * 24;
    const MAX_MONTHS: i64 = 12;

    /// Start of the shift `index` after the first, which starts at `first`. Counted from there,
    /// not from shift to shift: what began on a 31st falls on the last day of shorter months.
    fn start(self, first: DateTime, index: i64) -> Wall {
        let steps = index.saturating_mul(self.count);
        match self.unit {
            Unit::Hours => Wall::of(first).plus(steps.saturating_mul(HOUR)),
            Unit::Months => Wall::of(in_month(first, month(first).saturating_add(steps))),
        }
    }

    /// Which shift `now` is in; negative before the first.
    fn index(self, first: DateTime, now: Wall) -> i64 {
        match self.unit {
            Unit::Hours => now.since(Wall::of(first)).div_euclid(self.count * HOUR),
            Unit::Months => {
                let index = (now.month() - month(first)).div_euclid(self.count);
                index - i64::from(self.start(first, index) > now)
            }
        }
    }
}

/// The same day and time in another month, or the last day of it if it has no such day.
fn in_month(first: DateTime, month: i64) -> DateTime {
    let (Ok(year), Ok(of_year)) =
        (i16::try_from(month.div_euclid(12)), i8::try_from(month.rem_euclid(12) + 1))
    else {
        return DateTime::MAX;
    };
    let Ok(start) = Date::new(year, of_year, 1) else { return DateTime::MAX };
    let day = first.day().min(start.days_in_month());
    Date::new(year, of_year, day).map_or(DateTime::MAX, |date| date.to_datetime(first.time()))
}

impl FromStr for Every {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(0));
        let (unit, factor, max) = match unit.trim_start() {
            "h" => (Unit::Hours, 1, Self::MAX_HOURS),
            "d" => (Unit::Hours, DAY / HOUR, Self::MAX_HOURS),
            "w" => (Unit::Hours, WEEK / HOUR, Self::MAX_HOURS),
            "mo" => (Unit::Months, 1, Self::MAX_MONTHS),
            "y" => (Unit::Months, 12, Self::MAX_MONTHS),
            _ => return Err(format!("`{text}` is no length of a shift; write 12h, 1d, 2w or 1mo")),
        };
        match number.parse::<i64>().ok().and_then(|number| number.checked_mul(factor)) {
            Some(count) if (1..=max).contains(&count) => Ok(Self { unit, count }),
            _ => Err(format!("`{text}` is out of range; a shift lasts from 1h to 1y")),
        }
    }
}

impl fmt::Display for Every {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units: &[(i64, &str)] = match self.unit {
            Unit::Hours => &[(WEEK / HOUR, "w"), (DAY / HOUR, "d")],
            Unit::Months => &[(12, "y")],
        };
        let least = if self.unit == Unit::Hours { "h" } else { "mo" };
        let whole = units.iter().find(|(factor, _)| self.count % factor == 0);
        let &(factor, word) = whole.unwrap_or(&(1, least));
        write!(f, "{}{word}", self.count / factor)
    }
}

impl Serialize for Every {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Every {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Every {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Every".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "How long a shift lasts on the wall clock, from `1h` to `1y`.",
            "pattern": "^[0-9]{1,4} *(h|d|w|mo|y)$",
            "examples": ["12h", "1d", "1w", "1mo"],
        })
    }
}

/// People in a recurring order.
// `P` is a user's id, or the name by which a file or a form has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Rotation")]
pub struct Rotation<P = UserId> {
    pub name: String,
    pub every: Every,
    /// When the first shift starts, by the wall clock of the schedule: `2026-01-05T09:00`.
    #[serde(with = "minute")]
    #[schemars(
        with = "String",
        regex(pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:00)?$")
    )]
    pub handoff: DateTime,
    /// In the order of their turns; who is named twice has two.
    pub participants: Vec<P>,
    /// When it counts; left out: always. Turns go on outside of it, with nobody on call.
    #[serde(default, skip_serializing_if = "Restrict::is_empty")]
    #[schemars(with = "Vec<super::window::Window>")]
    pub restrict: Restrict,
}

impl<P> Rotation<P> {
    pub const MAX_NAME: usize = 64;
    pub const MAX_PARTICIPANTS: usize = 50;
    pub const MAX_WINDOWS: usize = 20;

    /// The same with other names for the people; the first that has none stops it.
    pub fn try_map<Q, E>(self, whose: impl FnMut(P) -> Result<Q, E>) -> Result<Rotation<Q>, E> {
        let Self { name, every, handoff, participants, restrict } = self;
        let participants = participants.into_iter().map(whose).collect::<Result<_, E>>()?;
        Ok(Rotation { name, every, handoff, participants, restrict })
    }

    /// What no rotation may be, as (field, message).
    pub fn faults(&self) -> Vec<(String, String)> {
        let mut faults = Vec::new();
        let mut fault = |field: &str, message: String| faults.push((field.to_owned(), message));
        let unfit = |c: char| c.is_control() || text::is_hostile(c);
        if self.name.trim().is_empty() || self.name.chars().count() > Self::MAX_NAME {
            fault("name", format!("needs 1 to {} characters", Self::MAX_NAME));
        } else if self.name.contains(unfit) {
            fault("name", "may hold no control or direction character".into());
        }
        if !(1970..=2100).contains(&self.handoff.year()) {
            fault("handoff", "needs a year from 1970 to 2100".into());
        }
        if self.handoff.second() != 0 || self.handoff.subsec_nanosecond() != 0 {
            fault("handoff", "needs a whole minute, such as 2026-01-05T09:00".into());
        }
        if !(1..=Self::MAX_PARTICIPANTS).contains(&self.participants.len()) {
            fault("participants", format!("needs 1 to {} people", Self::MAX_PARTICIPANTS));
        }
        let windows = self.restrict.windows();
        if windows.len() > Self::MAX_WINDOWS {
            let count = windows.len();
            fault("restrict", format!("has {count} windows; at most {}", Self::MAX_WINDOWS));
        }
        for (place, window) in windows.iter().enumerate() {
            if window.days.is_empty() {
                let message = "needs a day; leave it out for every day";
                fault(&format!("restrict[{place}].days"), message.into());
            }
        }
        faults
    }
}

impl<P: Copy + Eq> Rotation<P> {
    /// Whose shift it is, if the rotation counts now.
    pub(super) fn on_call(&self, now: Wall) -> Option<P> {
        let index = self.every.index(self.handoff, now);
        if index < 0 || !self.restrict.covers(now) { None } else { self.turn(index) }
    }

    /// The next time at which that may change. It never names one that passes.
    pub(super) fn next_edge(&self, now: Wall) -> Option<Wall> {
        let index = self.every.index(self.handoff, now);
        if index < 0 {
            return Some(self.every.start(self.handoff, 0));
        }
        // Turns of the same person are one.
        let others = (index + 1..=index.saturating_add(self.len()))
            .find(|&later| self.turn(later) != self.turn(index))
            .map(|later| self.every.start(self.handoff, later));
        let window = self.restrict.next_edge(now);
        others.into_iter().chain(window).min()
    }

    fn turn(&self, index: i64) -> Option<P> {
        let place = index.checked_rem_euclid(self.len())?;
        self.participants.get(usize::try_from(place).ok()?).copied()
    }

    fn len(&self) -> i64 {
        i64::try_from(self.participants.len()).unwrap_or(i64::MAX)
    }
}

/// `2026-01-05T09:00`: without a zone, which is the schedule's.
mod minute {
    use jiff::civil::DateTime;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(shown: &DateTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&shown.strftime("%Y-%m-%dT%H:%M"))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime, D::Error> {
        let text = String::deserialize(deserializer)?;
        ["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S"]
            .iter()
            .find_map(|format| DateTime::strptime(format, &text).ok())
            .ok_or_else(|| {
                D::Error::custom(format!(
                    "`{text}` is no time on a wall clock; write 2026-01-05T09:00, without a zone"
                ))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEEKLY: &str = r#"
name = "weekly"
every = "1w"
handoff = "2026-01-05T09:00"
participants = ["alice", "bob"]

[[restrict]]
days = ["mon", "tue"]
from = "09:00"
to = "17:00"
"#;

    #[test]
    fn a_rotation_is_written_as_people_do() {
        let text = WEEKLY;
        let rotation: Rotation<String> = toml::from_str(text).expect("valid");
        assert_eq!(toml::to_string(&rotation).expect("text").trim(), text.trim());
        let known = |name: String| if name == "alice" { Ok(UserId(1)) } else { Err(name) };
        assert_eq!(rotation.try_map(known), Err("bob".to_owned()));
        for (text, back) in [
            ("1h", "1h"),
            ("12h", "12h"),
            ("24h", "1d"),
            ("7d", "1w"),
            ("10 d", "10d"),
            ("3mo", "3mo"),
            ("12mo", "1y"),
            ("366d", "366d"),
        ] {
            assert_eq!(text.parse::<Every>().expect(text).to_string(), back);
        }
        for text in [
            "",
            "1",
            "0h",
            "30m",
            "1m",
            "-1d",
            "w",
            "13mo",
            "2y",
            "367d",
            "1d12h",
            "99999999999999999999h",
        ] {
            assert!(text.parse::<Every>().is_err(), "{text}");
        }
        for (field, value, part) in [
            ("handoff", "2026-01-05T09:00Z", "without a zone"),
            ("handoff", "2026-02-30T09:00", "2026-01-05T09:00"),
            ("every", "30m", "12h, 1d, 2w or 1mo"),
            ("every", "400d", "from 1h to 1y"),
            ("from", "9 o'clock", "write 09:00"),
            ("days", "monday", "`mon`"),
        ] {
            let line = text.lines().find(|line| line.starts_with(field)).expect(field);
            let value =
                if field == "days" { format!("[\"{value}\"]") } else { format!("{value:?}") };
            let wrong = text.replace(line, &format!("{field} = {value}"));
            let error = toml::from_str::<Rotation<String>>(&wrong).expect_err(&wrong).to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
