//! An expected sign of life: when it must come, and which alert its absence or failure is.
use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::alert::{Alert, Key, Labels, Lifetime, Severity, Signal};
use super::id::HeartbeatId;
use super::matcher::{Matcher, Subject};
use super::service::Service;
use super::span::Span;
use super::words::moment;
use crate::clock::shift;

/// Shortest and longest time between two beats, and the longest grace.
pub const MIN_EVERY: Span = Span::secs(10);
pub const MAX_EVERY: Span = Span::days(400);
/// Most conditions on the alert that feeds one.
pub const MAX_MATCHERS: usize = 16;
/// After a start each has at least this long, or its period if that is shorter, and its grace.
pub const AFTER_START: Duration = Duration::from_mins(5);

/// How it stands.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Pulse {
    /// It never beat: until it does, nothing is missing.
    Waiting,
    Beating,
    /// It said that it failed.
    Failed,
    /// It did not come in time.
    Missing,
}

impl Pulse {
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Beating, Self::Failed, Self::Missing];

    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Beating => "beating",
            Self::Failed => "failed",
            Self::Missing => "missing",
        }
    }
}

/// A sign of life that is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    pub id: HeartbeatId,
    pub slug: String,
    pub service: Service,
    pub every: Span,
    /// How much later than that it may come.
    pub grace: Span,
    /// Alerts of its service that are such signs; none: only requests with its key.
    pub alert: Vec<String>,
    /// The last one, of whatever kind.
    pub last_at: Option<Timestamp>,
    /// Since when it fails.
    pub failed_at: Option<Timestamp>,
    /// Since when it is missing.
    pub missing_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// A tenth of the period, at least a minute.
#[must_use]
pub fn usual_grace(every: Span) -> Span {
    Span::secs((every.as_secs() / 10).max(60))
}

/// What is wrong with a period, a grace and the matchers: names of fields, and why.
#[must_use]
pub fn faults(every: Span, grace: Span, alert: &[String]) -> Vec<(&'static str, String)> {
    let mut wrong = Vec::new();
    if every < MIN_EVERY || every > MAX_EVERY {
        wrong.push(("every", format!("must be {MIN_EVERY} to {MAX_EVERY}")));
    }
    if grace > MAX_EVERY {
        wrong.push(("grace", format!("must be at most {MAX_EVERY}")));
    }
    if alert.len() > MAX_MATCHERS {
        wrong.push(("alert", format!("has more than {MAX_MATCHERS} matchers")));
    }
    match alert.iter().map(|text| text.parse()).collect::<Result<Vec<Matcher>, _>>() {
        Err(why) => wrong.push(("alert", why.to_string())),
        Ok(matchers) if !matchers.is_empty() && !matchers.iter().any(names_some) => {
            let why = "would take nearly all alerts of the service for signs of life, and nobody \
                       would hear of them; name one, as alertname=Watchdog does";
            wrong.push(("alert", why.into()));
        }
        Ok(_) => {}
    }
    wrong
}

/// Does it narrow by a label?
fn names_some(matcher: &Matcher) -> bool {
    matches!(matcher.subject(), Subject::Label(_)) && matcher.is_narrow()
}

impl Heartbeat {
    #[must_use]
    pub const fn pulse(&self) -> Pulse {
        match (self.missing_at, self.failed_at, self.last_at) {
            (Some(_), _, _) => Pulse::Missing,
            (None, Some(_), _) => Pulse::Failed,
            (None, None, Some(_)) => Pulse::Beating,
            (None, None, None) => Pulse::Waiting,
        }
    }

    /// When it is missing, if it was last heard at `last`.
    #[must_use]
    pub fn due(&self, last: Timestamp) -> Timestamp {
        shift(last, self.every.duration() + self.grace.duration())
    }

    /// Is this alert the sign of life that it waits for?
    #[must_use]
    pub fn is_fed_by(&self, alert: &Alert) -> bool {
        let holds = |text: &String| text.parse().is_ok_and(|m| self.accepts(&m, alert));
        !self.alert.is_empty() && self.alert.iter().all(holds)
    }

    fn accepts(&self, matcher: &Matcher, alert: &Alert) -> bool {
        matcher.accepts(match matcher.subject() {
            Subject::Label(name) => alert.labels.get(name).map_or("", String::as_str),
            Subject::Service => &self.service.slug,
            Subject::Team => &self.service.team.slug,
            Subject::Severity => alert.severity.word(),
        })
    }

    /// The key of its incident, which no sender can name; it stays through a new slug.
    #[must_use]
    pub fn key(&self) -> Key {
        let text = format!("heartbeat:{}", self.slug);
        Key { text, ..Key::internal(&format!("heartbeat:{}", self.id)) }
    }

    /// Its two alerts: it is missing, it failed. Both belong to one incident.
    #[must_use]
    pub fn fingerprints(&self) -> [Key; 2] {
        ["missing", "failed"].map(|what| Key::internal(&format!("heartbeat:{}:{what}", self.id)))
    }

    /// The alert that it is missing since `at`.
    #[must_use]
    pub fn missing(&self, at: Timestamp) -> Alert {
        let [fingerprint, _] = self.fingerprints();
        // Nobody's zone is known here.
        let last = self.last_at.map_or_else(|| "never".into(), |at| moment(at, None));
        let title = format!("{} is missing: last heard {last}", self.slug);
        let description = format!(
            "Its sign of life is expected every {} and may be {} late. The next one resolves this.",
            self.every, self.grace
        );
        self.alert_of(fingerprint, title, description, at)
    }

    /// The alert that it failed; `why` is what it says itself.
    #[must_use]
    pub fn failure(&self, why: &str, since: Timestamp) -> Alert {
        let [_, fingerprint] = self.fingerprints();
        let why = if why.is_empty() { "It says that it failed, and not why." } else { why };
        self.alert_of(fingerprint, format!("{} failed", self.slug), why.into(), since)
    }

    fn alert_of(
        &self,
        fingerprint: Key,
        title: String,
        description: String,
        at: Timestamp,
    ) -> Alert {
        Alert {
            key: Some(self.key()),
            fingerprint,
            signal: Signal::Firing,
            title,
            description,
            severity: Severity::Error,
            labels: Labels::from([("heartbeat".into(), self.slug.clone())]),
            links: Vec::new(),
            group: None,
            starts_at: Some(at),
            ended_at: None,
            lifetime: Lifetime::Endless,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{ServiceId, TeamId};
    use crate::domain::service::Rules;
    use crate::domain::user::TeamRef;

    fn backup() -> Heartbeat {
        let at = "2026-11-23T03:00:00Z".parse().expect("a time");
        Heartbeat {
            id: HeartbeatId(7),
            slug: "nightly-backup".into(),
            service: Service {
                id: ServiceId(1),
                slug: "checkout".into(),
                name: "Checkout".into(),
                team: TeamRef { id: TeamId(1), slug: "payments".into(), name: "Payments".into() },
                rules: Rules::default(),
                archived: false,
            },
            every: Span::days(1),
            grace: Span::secs(3_600),
            alert: Vec::new(),
            last_at: Some(at),
            failed_at: None,
            missing_at: None,
            created_at: at,
        }
    }

    #[test]
    fn it_is_missing_a_period_and_the_grace_after_it_was_heard() {
        let backup = backup();
        let last = backup.last_at.expect("heard");
        assert_eq!(backup.due(last).to_string(), "2026-11-24T04:00:00Z");
        let alert = backup.missing(backup.due(last));
        assert_eq!(alert.title, "nightly-backup is missing: last heard 2026-11-23 03:00 UTC");
        assert_eq!(alert.key.expect("a key").text, "heartbeat:nightly-backup");
        assert_eq!(usual_grace(Span::days(1)).as_secs(), 8_640);
        assert_eq!(usual_grace(Span::secs(30)).as_secs(), 60);
    }

    #[test]
    fn an_alert_feeds_it_if_all_matchers_hold_and_there_are_some() {
        let mut alert = backup().failure("", Timestamp::UNIX_EPOCH);
        alert.labels = Labels::from([("alertname".into(), "Watchdog".into())]);
        assert!(!backup().is_fed_by(&alert));
        let fed = |matchers: &[&str]| {
            let alert_of = matchers.iter().map(|&text| text.to_owned()).collect();
            Heartbeat { alert: alert_of, ..backup() }.is_fed_by(&alert)
        };
        assert!(fed(&["alertname=Watchdog"]));
        assert!(fed(&["alertname=~Watch.*", "@service=checkout", "cluster="]));
        assert!(!fed(&["alertname=Watchdog", "cluster=eu"]));
    }

    #[test]
    fn what_cannot_be_kept_is_said_by_its_field() {
        let fields = |every: u32, grace: u32, alert: &[&str]| {
            let alert: Vec<String> = alert.iter().map(|&text| text.to_owned()).collect();
            let faults = faults(Span::secs(every), Span::secs(grace), &alert);
            faults.into_iter().map(|(field, _)| field).collect::<Vec<_>>()
        };
        assert!(fields(60, 0, &["a=b"]).is_empty());
        assert_eq!(fields(9, 0, &[]), ["every"]);
        assert_eq!(fields(60, u32::MAX, &["nonsense"]), ["grace", "alert"]);
    }
}
