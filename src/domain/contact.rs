//! How a person is told: contacts on channels, and rules that say which of them rings when.
use std::time::Duration;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::alert::Urgency;
use super::schedule::window::clock;
use super::span::Span;

pub const MAX_CONTACTS: usize = 20;
pub const MAX_RULES: usize = 20;
/// The channel whose address may be left out: it is the account's.
pub const EMAIL: &str = "email";

/// What rings when, and when not. An empty list of rules: every contact at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Rules {
    pub high: Vec<Rule>,
    pub low: Vec<Rule>,
    /// Low urgency waits until they end; high never does.
    pub quiet: Option<Quiet>,
    /// Say when it is over, or somebody else has it.
    pub all_clear: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self { high: Vec::new(), low: Vec::new(), quiet: None, all_clear: true }
    }
}

/// So long after a page falls due, this contact rings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ContactRule")]
pub struct Rule {
    pub after: Span,
    /// The name of one of the person's contacts.
    pub contact: String,
}

/// Hours of each day, by the person's own wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quiet {
    #[serde(with = "clock")]
    #[schemars(with = "String", regex(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub from: Time,
    /// Not included. At or before `from` it is the next day's.
    #[serde(with = "clock")]
    #[schemars(with = "String", regex(pattern = "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"))]
    pub to: Time,
}

impl Quiet {
    /// When the quiet hours end that `now` lies in; none if it lies in none.
    #[must_use]
    pub fn end(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let local = now.to_zoned(zone.clone());
        let time = local.time();
        let inside = if self.from < self.to {
            self.from <= time && time < self.to
        } else {
            time >= self.from || time < self.to
        };
        let end = |day: Zoned| {
            day.date().to_datetime(self.to).to_zoned(zone.clone()).ok().map(|end| end.timestamp())
        };
        // An end that the night's clock change has moved behind us is no reason to wait a day.
        inside
            .then(|| if time < self.to { end(local) } else { local.tomorrow().ok().and_then(end) })
            .flatten()
            .filter(|end| *end > now)
    }
}

impl Rules {
    /// Which of `contacts` ring after which time, by urgency. A rule that names none of them is
    /// left out; if no rule is left, all ring at once.
    pub fn rings<'a>(&self, urgency: Urgency, contacts: &[&'a str]) -> Vec<(Duration, &'a str)> {
        let rules = match urgency {
            Urgency::High => &self.high,
            Urgency::Low => &self.low,
        };
        let rings: Vec<_> = rules
            .iter()
            .filter_map(|rule| {
                let contact = contacts.iter().find(|name| **name == rule.contact)?;
                Some((rule.after.duration(), *contact))
            })
            .collect();
        if rings.is_empty() {
            return contacts.iter().map(|name| (Duration::ZERO, *name)).collect();
        }
        rings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn quiet(from: &str, to: &str) -> Quiet {
        serde_json::from_value(serde_json::json!({ "from": from, "to": to })).expect("quiet hours")
    }

    #[test]
    fn quiet_hours_end_in_the_morning_of_the_person() {
        let zone = TimeZone::get("Europe/Paris").expect("a zone");
        let night = quiet("22:00", "07:00");
        let morning = Some(at("2026-11-24T06:00:00Z"));
        assert_eq!(night.end(at("2026-11-23T21:30:00Z"), &zone), morning);
        assert_eq!(night.end(at("2026-11-24T05:59:59Z"), &zone), morning);
        assert_eq!(night.end(at("2026-11-24T06:00:00Z"), &zone), None);
        let noon = quiet("12:00", "13:00");
        assert_eq!(noon.end(at("2026-11-24T11:30:00Z"), &zone), Some(at("2026-11-24T12:00:00Z")));
        assert_eq!(noon.end(at("2026-11-24T12:00:00Z"), &zone), None);
    }

    #[test]
    fn quiet_hours_that_end_in_a_skipped_hour_still_end() {
        let zone = TimeZone::get("Europe/Paris").expect("a zone");
        let night = quiet("22:00", "02:30");
        let end = night.end(at("2026-03-29T00:30:00Z"), &zone);
        assert_eq!(end, Some(at("2026-03-29T01:30:00Z")), "03:30, as 02:30 is skipped");
    }

    #[test]
    fn without_a_rule_that_names_a_contact_all_ring_at_once() {
        let rule =
            |after, contact: &str| Rule { after: Span::secs(after), contact: contact.into() };
        let high = vec![rule(0, "phone"), rule(180, "mail"), rule(9, "gone")];
        let rules = Rules { high, low: vec![rule(0, "gone")], ..Rules::default() };
        let contacts = ["mail", "phone"];
        let secs = Duration::from_secs;
        let high = rules.rings(Urgency::High, &contacts);
        assert_eq!(high, [(secs(0), "phone"), (secs(180), "mail")]);
        let low = rules.rings(Urgency::Low, &contacts);
        assert_eq!(low, [(secs(0), "mail"), (secs(0), "phone")]);
    }
}
