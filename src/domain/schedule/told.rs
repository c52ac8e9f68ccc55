//! Which gaps those who plan are told of in advance: each once, and once more on the day before.
//! What comes again every week is a plan, and is told of the first time only.
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Gap, Schedule};

const DAY: SignedDuration = SignedDuration::from_hours(24);
/// So far ahead gaps are told of.
const AHEAD: SignedDuration = SignedDuration::from_hours(7 * 24);
/// So far back lies what a gap of this week can be the repetition of, and the start of one that
/// goes on; so far beyond that the one that repeats it.
pub const AROUND: SignedDuration = SignedDuration::from_hours(8 * 24);
/// By the clocks of their zone they are told of at this hour, or a little later.
const FIRST_HOUR: i8 = 10;
const LAST_HOUR: i8 = 17;

/// A gap that was told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    pub start: Timestamp,
    /// None: no end was in sight.
    pub end: Option<Timestamp>,
    /// It is also there a week later.
    pub weekly: bool,
    /// It was told of on the day before, or later.
    soon: bool,
}

impl Schedule {
    /// What is to be said now, and what is to be remembered next time; both by their start.
    #[must_use]
    pub fn to_tell(&self, told: &[Told], now: Timestamp) -> (Vec<Told>, Vec<Told>) {
        let after = |span: SignedDuration| now.saturating_add(span).unwrap_or(Timestamp::MAX);
        let from = now.saturating_sub(AROUND).unwrap_or(Timestamp::MIN);
        let until = after(AHEAD + AROUND);
        let gaps = self.gaps(from, until).items;
        let old = told.iter().filter(|old| old.end.is_some_and(|end| end <= now));
        let mut remembered: Vec<Told> = old.filter(|old| old.start > from).copied().collect();
        let mut new = Vec::new();
        for gap in gaps.iter().filter(|gap| gap.end > now && gap.start < after(AHEAD)) {
            let found = Told {
                start: gap.start,
                end: Some(gap.end).filter(|end| *end < until),
                weekly: gaps.iter().any(|other| is_repeated(&self.zone, gap, other)),
                soon: gap.start < after(DAY),
            };
            let known = told.iter().find(|old| self.is_the_same(old, gap));
            if known.is_none_or(|old| found.soon && !old.soon && !old.weekly) {
                new.push(found);
            }
            let soon = found.soon || known.is_some_and(|old| old.soon);
            remembered.push(Told { soon, ..found });
        }
        (new, remembered)
    }

    /// It was told of itself, or as what comes every week.
    fn is_the_same(&self, old: &Told, gap: &Gap) -> bool {
        let held = old.start <= gap.start && old.end.is_none_or(|end| gap.end <= end);
        let week_before = old.end.map(|end| Gap { start: old.start, end });
        held || (old.weekly && week_before.is_some_and(|old| is_repeated(&self.zone, &old, gap)))
    }
}

/// Is `later` the same a week later, by the clocks of the zone?
fn is_repeated(zone: &TimeZone, gap: &Gap, later: &Gap) -> bool {
    let week = |at: Timestamp| {
        let at = zone.to_datetime(at).checked_add(Span::new().weeks(1)).ok()?;
        zone.to_timestamp(at).ok()
    };
    week(gap.start) == Some(later.start) && week(gap.end) == Some(later.end)
}

/// Is this an hour at which those are awake who are told nothing urgent?
#[must_use]
pub fn is_day(zone: &TimeZone, at: Timestamp) -> bool {
    (FIRST_HOUR..=LAST_HOUR).contains(&zone.to_datetime(at).hour())
}

/// When it is next looked for gaps, after `now`.
#[must_use]
pub fn next_look(zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    let today = zone.to_datetime(now).date();
    let mut days = [Some(today), today.tomorrow().ok()].into_iter().flatten();
    days.find_map(|day| {
        let look = zone.to_timestamp(day.at(FIRST_HOUR, 0, 0, 0)).ok()?;
        (look > now).then_some(look)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::schedule::{Override, Rotation};
    use crate::domain::{OverrideId, Seq, UserId};

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a moment")
    }

    fn schedule(rotations: serde_json::Value) -> Schedule {
        let rotations: Vec<Rotation> = serde_json::from_value(rotations).expect("rotations");
        let zone = TimeZone::get("Europe/Paris").expect("a zone");
        Schedule { zone, rotations, overrides: Vec::new(), disabled: BTreeSet::new() }
    }

    /// Each morning's words, from Monday 2026-11-23 on: start, end, and `weekly`.
    fn mornings(of: impl Fn(usize) -> Schedule, days: usize) -> Vec<Vec<String>> {
        let (mut now, mut told) = (at("2026-11-23T09:00:00Z"), Vec::new());
        let mut said = Vec::new();
        for day in 0..days {
            let schedule = of(day);
            let (new, remembered) = schedule.to_tell(&told, now);
            told = remembered;
            said.push(new.iter().map(|gap| words(&schedule.zone, gap)).collect());
            assert!(is_day(&schedule.zone, now));
            now = next_look(&schedule.zone, now).expect("a look");
        }
        said
    }

    fn words(zone: &TimeZone, gap: &Told) -> String {
        let local = |at: Timestamp| zone.to_datetime(at).strftime("%a %d %H:%M").to_string();
        let end = gap.end.map_or_else(|| "?".into(), local);
        format!("{} - {end}{}", local(gap.start), if gap.weekly { " weekly" } else { "" })
    }

    const SILENT: Vec<String> = Vec::new();

    #[test]
    fn a_gap_is_told_of_a_week_ahead_and_on_the_day_before() {
        // Alice alone, and nobody when she is disabled; bob stands in but for one day.
        let mut bare = schedule(serde_json::json!([]));
        let stand_in = |id, start, end| Override {
            id: OverrideId(id),
            made: Seq(id),
            start: at(start),
            end: at(end),
            user: UserId(2),
            replacing: None,
        };
        bare.overrides = vec![
            stand_in(1, "2026-11-01T00:00:00Z", "2026-12-01T08:00:00Z"),
            stand_in(2, "2026-12-02T08:00:00Z", "2027-12-01T08:00:00Z"),
        ];
        let said = mornings(|_| bare.clone(), 12);
        let mut expected = vec![SILENT; 12];
        let gap = "Tue 01 09:00 - Wed 02 09:00";
        // On the Tuesday it is not quite seven days away, and on the Monday less than a day.
        (expected[1], expected[7]) = (vec![gap.to_owned()], vec![gap.to_owned()]);
        assert_eq!(said, expected);
    }

    #[test]
    fn office_hours_are_told_of_once() {
        let office = serde_json::json!([{"name": "office", "every": "1w",
            "handoff": "2026-01-05T09:00", "participants": [1],
            "restrict": [{"days": ["mon", "tue", "wed", "thu", "fri"],
                          "from": "09:00", "to": "17:00"}]}]);
        let said = mornings(|_| schedule(office.clone()), 20);
        assert_eq!(said[0].len(), 5, "four nights and the weekend: {:?}", said[0]);
        assert!(said[0].iter().all(|gap| gap.ends_with(" weekly")), "{:?}", said[0]);
        assert!(said[0][4].starts_with("Fri 27 17:00 - Mon 30 09:00"), "{:?}", said[0]);
        assert!(said[1..].iter().all(Vec::is_empty), "{said:?}");
    }

    #[test]
    fn what_has_no_end_is_told_of_once_and_again_when_it_comes_back() {
        let alice = serde_json::json!([{"name": "all", "every": "1w",
            "handoff": "2026-01-05T09:00", "participants": [1]}]);
        let there = |day: usize| match day {
            0..4 | 6..8 => schedule(serde_json::json!([])),
            _ => schedule(alice.clone()),
        };
        let said = mornings(there, 10);
        let told: Vec<usize> = said.iter().map(Vec::len).collect();
        assert_eq!(told, [1, 0, 0, 0, 0, 0, 1, 0, 0, 0], "{said:?}");
        assert!(said[0][0].ends_with("- ?"), "{said:?}");
    }

    #[test]
    fn a_gap_that_grows_is_told_of_anew() {
        let turns = serde_json::json!([{"name": "days", "every": "1d",
            "handoff": "2026-01-05T09:00", "participants": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}]);
        let holiday = |day: usize| {
            let mut schedule = schedule(turns.clone());
            let away: &[i64] = if day == 0 { &[6] } else { &[6, 7] };
            schedule.disabled = away.iter().map(|user| UserId(*user)).collect();
            schedule
        };
        let said = mornings(holiday, 3);
        assert_eq!(said[0].len(), 1, "{said:?}");
        assert_eq!(said[1].len(), 1, "{said:?}");
        assert_ne!(said[0], said[1]);
    }

    #[test]
    fn it_is_looked_at_ten_whatever_the_clocks_do() {
        let paris = TimeZone::get("Europe/Paris").expect("a zone");
        let next = |from: &str| next_look(&paris, at(from)).expect("a look").to_string();
        assert_eq!(next("2026-03-28T09:00:00Z"), "2026-03-29T08:00:00Z", "summer begins");
        assert_eq!(next("2026-10-24T08:00:00Z"), "2026-10-25T09:00:00Z", "and ends");
        assert!(!is_day(&paris, at("2026-11-23T02:00:00Z")));
    }
}
