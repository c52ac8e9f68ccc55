//! Weekly windows that a rotation is restricted to. They are kept as written and, for the answer
//! at night, as seconds of the week that do not touch each other.
use jiff::civil::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::wall::{DAY, WEEK, Wall};

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Day {
    pub const ALL: [Self; 7] =
        [Self::Mon, Self::Tue, Self::Wed, Self::Thu, Self::Fri, Self::Sat, Self::Sun];
}

/// Hours of some days, by the wall clock of the schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The days on which it begins; left out: every day.
    #[serde(default = "every_day")]
    pub days: Vec<Day>,
    #[serde(with = "clock")]
    #[schemars(with = "String", regex(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub from: Time,
    /// Not included. At or before `from` it is the next day's.
    #[serde(with = "clock")]
    #[schemars(with = "String", regex(pattern = "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"))]
    pub to: Time,
}

fn every_day() -> Vec<Day> {
    Day::ALL.to_vec()
}

impl Window {
    /// (start, end) in seconds of the week; the end may lie in the next one.
    fn spans(&self) -> impl Iterator<Item = (i64, i64)> {
        let of_day = |time: Time| time.duration_since(Time::midnight()).as_secs();
        let (from, to) = (of_day(self.from), of_day(self.to));
        let length = if to > from { to - from } else { to - from + DAY };
        self.days.iter().map(move |day| {
            let start = *day as i64 * DAY + from;
            (start, start + length)
        })
    }
}

/// The union of weekly windows; without any, always.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Window>", into = "Vec<Window>")]
pub struct Restrict {
    windows: Vec<Window>,
    /// (start, end) in seconds of the week: sorted, apart; empty: always.
    covered: Vec<(i64, i64)>,
}

impl Restrict {
    #[must_use]
    pub fn windows(&self) -> &[Window] {
        &self.windows
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }

    #[must_use]
    pub(super) fn covers(&self, now: Wall) -> bool {
        let second = now.of_week();
        self.is_empty() || self.covered.iter().any(|&(start, end)| (start..end).contains(&second))
    }

    /// The next start or end of a window.
    #[must_use]
    pub(super) fn next_edge(&self, now: Wall) -> Option<Wall> {
        let second = now.of_week();
        let edges = || self.covered.iter().flat_map(|&(start, end)| [start, end]);
        let next = edges().find(|&edge| edge > second);
        next.or_else(|| edges().next().map(|first| first + WEEK))
            .map(|edge| now.plus(edge - second))
    }
}

impl From<Vec<Window>> for Restrict {
    fn from(windows: Vec<Window>) -> Self {
        let mut pieces: Vec<(i64, i64)> = windows
            .iter()
            .flat_map(Window::spans)
            .flat_map(|(start, end)| [(start, end.min(WEEK)), (0, end - WEEK)])
            .filter(|(start, end)| start < end)
            .collect();
        pieces.sort_unstable();
        let mut covered: Vec<(i64, i64)> = Vec::new();
        for (start, end) in pieces {
            match covered.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => covered.push((start, end)),
            }
        }
        Self { windows, covered }
    }
}

impl From<Restrict> for Vec<Window> {
    fn from(restrict: Restrict) -> Self {
        restrict.windows
    }
}

/// `09:00`; `24:00` is the midnight at a day's end.
pub(in crate::domain) mod clock {
    use jiff::civil::Time;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
    pub fn serialize<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&time.strftime("%H:%M"))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "24:00" {
            return Ok(Time::midnight());
        }
        Time::strptime("%H:%M", &text)
            .map_err(|_| D::Error::custom(format!("`{text}` is no time of day; write 09:00")))
    }
}
