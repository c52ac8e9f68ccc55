//! How a person is told: contacts on channels, and rules that say which of them rings when.
use std::fmt;
use std::str::FromStr;
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
/// The latest that a contact rings after a page falls due.
pub const MAX_AFTER: Span = Span::days(1);
/// The channel whose address may be left out: it is the account's.
pub const EMAIL: &str = "email";
/// Its topics are guessed secrets: for their owner and admins, but no passwords.
const NTFY: &str = "ntfy";
/// Longest address, in bytes: that of a browser has keys in it.
const MAX_ADDRESS: usize = 2_048;

/// What any address must be; its channel may ask for more.
///
/// # Errors
/// Says what is wrong.
pub fn check_address(address: &str) -> Result<(), String> {
    if address.trim().is_empty()
        || address.len() > MAX_ADDRESS
        || address.contains(|c: char| c.is_control() || super::text::is_hostile(c))
    {
        return Err(format!(
            "needs 1 to {MAX_ADDRESS} bytes, none of them a control or direction character"
        ));
    }
    Ok(())
}

/// Whoever knows such an address may write there as if he were we: it is never told again.
#[must_use]
pub fn is_secret(channel: &str, address: &str) -> bool {
    let url = address.contains("://") || address.starts_with('{');
    url && (channel != NTFY || address.contains(['@', '?']))
}

/// An address as far as it may be told; `whole` to its owner and to admins.
#[must_use]
pub fn shown(channel: &str, address: &str, whole: bool) -> String {
    if channel == EMAIL || (whole && !is_secret(channel, address)) {
        return address.to_owned();
    }
    let Some((scheme, rest)) = address.split_once("://") else {
        let kept: String =
            address.chars().take(if address.starts_with('{') { 0 } else { 3 }).collect();
        return format!("{kept}…");
    };
    // A browser's is JSON around such an address, and a user may stand before the host.
    let scheme = scheme.rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    let host = rest.split(['/', '?', '#', '"']).next().unwrap_or_default();
    format!("{scheme}://{}/…", host.rsplit('@').next().unwrap_or_default())
}

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

/// As people write it: `5m=phone`.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.after, self.contact)
    }
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no rule; write 5m=phone");
        let (after, contact) = text.split_once('=').ok_or_else(wrong)?;
        if contact.is_empty() {
            return Err(wrong());
        }
        Ok(Self { after: after.parse()?, contact: contact.to_owned() })
    }
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

/// As people write it: `22:00-07:00`.
impl fmt::Display for Quiet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.from.strftime("%H:%M"), self.to.strftime("%H:%M"))
    }
}

impl FromStr for Quiet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` are no hours; write 22:00-07:00");
        let (from, to) = text.split_once('-').ok_or_else(wrong)?;
        serde_json::from_value(serde_json::json!({ "from": from.trim(), "to": to.trim() }))
            .map_err(|_| wrong())
    }
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

    /// Is this a moment at which they end?
    #[must_use]
    pub fn ends_at(&self, at: Timestamp, zone: &TimeZone) -> bool {
        let day = at.to_zoned(zone.clone()).date();
        let end = day.to_datetime(self.to).to_zoned(zone.clone());
        end.is_ok_and(|end| end.timestamp() == at)
    }
}

impl Rules {
    /// All of them, by field.
    fn lists(&mut self) -> [(&'static str, &mut Vec<Rule>); 2] {
        [("high", &mut self.high), ("low", &mut self.low)]
    }

    /// What they may not be for somebody with these contacts, by field.
    #[must_use]
    pub fn faults(&self, contacts: &[&str]) -> Vec<(String, String)> {
        let mut wrong = Vec::new();
        for (list, rules) in self.clone().lists() {
            if rules.len() > MAX_RULES {
                wrong.push((list.to_owned(), format!("has more than {MAX_RULES} rules")));
            }
            for (n, rule) in rules.iter().enumerate() {
                if rule.after > MAX_AFTER {
                    let why = format!("may be {MAX_AFTER} at most");
                    wrong.push((format!("{list}[{n}].after"), why));
                }
                if !contacts.contains(&rule.contact.as_str()) {
                    let why = format!("there is no contact `{}`", rule.contact);
                    wrong.push((format!("{list}[{n}].contact"), why));
                }
            }
        }
        wrong
    }

    /// A contact is called otherwise, or none: is gone.
    pub fn follow(&mut self, contact: &str, now: Option<&str>) {
        for (_, rules) in self.lists() {
            match now {
                None => rules.retain(|rule| rule.contact != contact),
                Some(now) => {
                    let named = rules.iter_mut().filter(|rule| rule.contact == contact);
                    named.for_each(|rule| now.clone_into(&mut rule.contact));
                }
            }
        }
    }

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
    fn secret_addresses_are_cut_before_their_secret() {
        for (channel, address, owner, others) in [
            ("email", "a@example.com", "a@example.com", "a@example.com"),
            ("ntfy", "https://ntfy.sh/x7f3", "https://ntfy.sh/x7f3", "https://ntfy.sh/…"),
            ("ntfy", "https://u:p@ntfy.sh/x", "https://ntfy.sh/…", "https://ntfy.sh/…"),
            ("slack", "https://hooks.slack.com/T/B/s", "https://hooks.slack.com/…", ""),
            (
                "webpush",
                r#"{"endpoint":"https://push.example/s?k","keys":{}}"#,
                "https://push.example/…",
                "",
            ),
            ("webpush", r#"{"keys":{"auth":"s"}}"#, "…", "…"),
            ("sms", "+4917012345", "+4917012345", "+49…"),
        ] {
            assert_eq!(shown(channel, address, true), owner);
            assert_eq!(
                shown(channel, address, false),
                if others.is_empty() { owner } else { others }
            );
        }
    }

    #[test]
    fn rules_follow_their_contacts() {
        let rule = |text: &str| text.parse::<Rule>().expect("a rule");
        let high = vec![rule("0m=phone"), rule("5m=mail")];
        let mut rules = Rules { high, low: vec![rule("0=mail")], ..Rules::default() };
        rules.follow("phone", Some("mobile"));
        rules.follow("mail", None);
        assert_eq!((rules.high, rules.low), (vec![rule("0=mobile")], Vec::new()));
        assert_eq!(rule("5m=mail").to_string(), "5m=mail");
        let night: Quiet = "22:00-07:00".parse().expect("hours");
        assert_eq!(night.to_string(), "22:00-07:00");
        assert!("22-7".parse::<Quiet>().is_err() && "phone".parse::<Rule>().is_err());
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
