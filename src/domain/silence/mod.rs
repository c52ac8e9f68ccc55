//! Silences: what matches makes nobody's phone ring, for a span or in windows that come again.
//! Its alerts are kept and shown; whether an incident is quiet is decided by all that fire in it.
mod rule;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use rule::{MAX_RULE, Rule};

use super::alert::{Labels, Severity};
use super::id::SilenceId;
use super::matcher::{Matcher, Subject};
use super::schedule::wall::Wall;
use super::span::Span;
use super::user::TeamRef;

/// Most matchers of one silence, and longest reason in bytes.
pub const MAX_MATCHERS: usize = 16;
pub const MAX_REASON: usize = 1_024;
/// The longest that one is on without a break, and the longest and shortest window.
pub const MAX_LENGTH: Span = Span::days(366);
pub const MAX_WINDOW: Span = Span::days(7);
pub const MIN_WINDOW: Span = Span::secs(60);
/// So long windows may join into one, if nothing ends them: a silence without an end would be one
/// that nobody remembers.
const MAX_RUN: SignedDuration = SignedDuration::from_hours(31 * 24);
/// Days on which a window that is open now can have opened: the longest, and two of odd clocks.
const MOST_DAYS: usize = 7 + 1 + 2;
/// So far ahead, in days, the next window is looked for: a leap day is at most eight years away.
const AHEAD: usize = 10 * 366;

/// Where a silence stands now.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is quiet now.
    Active,
    /// It is to come, or between two windows.
    Pending,
    /// It is over, or was ended.
    Expired,
}

impl State {
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Expired => "expired",
        }
    }
}

/// What matchers can ask of an alert.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    pub labels: &'a Labels,
    pub service: &'a str,
    pub team: &'a TeamRef,
    pub severity: Severity,
}

impl Facts<'_> {
    fn of(&self, subject: &Subject) -> &str {
        match subject {
            Subject::Label(name) => self.labels.get(name).map_or("", String::as_str),
            Subject::Service => self.service,
            Subject::Team => &self.team.slug,
            Subject::Severity => self.severity.word(),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Silence {
    pub id: SilenceId,
    /// None: all teams'.
    pub team: Option<TeamRef>,
    /// All of them must hold.
    pub matchers: Vec<Matcher>,
    pub reason: String,
    pub author: String,
    pub starts_at: Timestamp,
    /// None: its windows come again for ever.
    pub ends_at: Option<Timestamp>,
    /// Somebody ended it.
    pub ended_at: Option<Timestamp>,
    pub windows: Option<Windows>,
    pub created_at: Timestamp,
}

impl Silence {
    #[must_use]
    pub fn matches(&self, facts: &Facts<'_>) -> bool {
        self.team.as_ref().is_none_or(|team| team.id == facts.team.id)
            && self.matchers.iter().all(|matcher| matcher.accepts(facts.of(matcher.subject())))
    }

    /// Its end, whatever else there is.
    fn end(&self) -> Timestamp {
        self.ended_at.or(self.ends_at).unwrap_or(Timestamp::MAX)
    }

    /// The span of quiet around `at`. Cheap: each alert asks for it.
    fn now(&self, at: Timestamp) -> Option<(Timestamp, Timestamp)> {
        match &self.windows {
            _ if self.end() <= at => None,
            Some(windows) => windows.around(at),
            // It was on from the beginning, even if somebody sets the clock back.
            None => (self.starts_at <= at || self.starts_at <= self.created_at)
                .then_some((self.starts_at, self.end())),
        }
    }

    /// The span of quiet around `at`, else the next one; none if it is over.
    #[must_use]
    pub fn span(&self, at: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let next = || match &self.windows {
            Some(windows) => windows.after(at),
            None => (self.starts_at > at).then_some((self.starts_at, self.end())),
        };
        let (start, until) = self.now(at).or_else(next)?;
        let until = until.min(self.end());
        (start < until).then_some((start, until))
    }

    /// Until when it is quiet, if it is so at `at`.
    #[must_use]
    pub fn active_until(&self, at: Timestamp) -> Option<Timestamp> {
        self.now(at).map(|(_, until)| until.min(self.end()))
    }

    /// When it begins or ends next, after `at`.
    #[must_use]
    pub fn next_edge(&self, at: Timestamp) -> Option<Timestamp> {
        self.active_until(at).or_else(|| self.span(at).map(|(start, _)| start))
    }

    #[must_use]
    pub fn state(&self, at: Timestamp) -> State {
        match (self.active_until(at), self.span(at)) {
            (Some(_), _) => State::Active,
            (None, Some(_)) => State::Pending,
            (None, None) => State::Expired,
        }
    }

    /// Does any of its matchers leave something out that a sender may well send?
    #[must_use]
    pub fn is_narrow(&self) -> bool {
        self.matchers.iter().any(|matcher| {
            let within_itself = *matcher.subject() == Subject::Team && self.team.is_some();
            !within_itself && matcher.is_narrow()
        })
    }
}

/// Until when an alert is silenced by one of these; none if it is not.
#[must_use]
pub fn silenced_until(silences: &[Silence], facts: &Facts<'_>, at: Timestamp) -> Option<Timestamp> {
    let of = |silence: &Silence| silence.active_until(at).filter(|_| silence.matches(facts));
    silences.iter().filter_map(of).max()
}

/// Windows that open again and again, by the clocks of a zone.
#[derive(Clone, Debug)]
pub struct Windows {
    pub rule: Rule,
    pub zone: TimeZone,
    pub length: Span,
    /// What the clocks show when the first may open.
    pub first: DateTime,
}

impl Windows {
    /// None for a zone that there is not.
    #[must_use]
    pub fn new(rule: Rule, zone: &str, length: Span, starts_at: Timestamp) -> Option<Self> {
        let zone = TimeZone::get(zone).ok()?;
        let first = starts_at.to_zoned(zone.clone()).datetime();
        Some(Self { rule, zone, length, first })
    }

    /// The window around `at`, of several the last.
    #[must_use]
    pub fn around(&self, at: Timestamp) -> Option<(Timestamp, Timestamp)> {
        // A day more: the clocks may have been moved since.
        let back = self.length() + SignedDuration::from_hours(24);
        let since = at.saturating_sub(back).unwrap_or(Timestamp::MIN);
        let recent = self.since(since, MOST_DAYS).take_while(|(start, _)| *start <= at);
        recent.filter(|(_, until)| *until > at).last()
    }

    /// The first that opens after `at`, if one does within ten years.
    #[must_use]
    pub fn after(&self, at: Timestamp) -> Option<(Timestamp, Timestamp)> {
        self.since(at, AHEAD).find(|(start, _)| *start > at)
    }

    /// Do they follow one another so closely that it is hardly ever loud?
    #[must_use]
    pub fn hardly_close(&self) -> bool {
        let mut run: Option<(Timestamp, Timestamp)> = None;
        let first = self.first.to_zoned(self.zone.clone()).map_or(Timestamp::MIN, |it| it.into());
        self.since(first, AHEAD).any(|(start, until)| {
            let joined = run.filter(|(_, closed)| *closed >= start);
            let (since, closed) = joined.unwrap_or((start, until));
            run = Some((since, closed.max(until)));
            closed.max(until).duration_since(since) > MAX_RUN
        })
    }

    /// Those of so many days. The clocks say when one opens, in a gap its end; it lasts as long
    /// as ever.
    fn since(&self, at: Timestamp, days: usize) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        let first = self.first.date();
        let since = at.to_zoned(self.zone.clone()).date().max(first);
        let days = since.series(jiff::Span::new().days(1)).take(days);
        days.filter(move |day| self.rule.holds(first, *day)).map(|day| {
            let start = Wall::of(day.to_datetime(self.first.time())).first(&self.zone);
            (start, start.saturating_add(self.length()).unwrap_or(Timestamp::MAX))
        })
    }

    fn length(&self) -> SignedDuration {
        SignedDuration::from_secs(self.length.as_secs().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn team(id: i64, slug: &str) -> TeamRef {
        TeamRef { id: crate::domain::TeamId(id), slug: slug.into(), name: slug.into() }
    }

    fn silence(matchers: &[&str]) -> Silence {
        Silence {
            id: SilenceId(1),
            team: Some(team(1, "payments")),
            matchers: matchers.iter().map(|text| text.parse().expect("a matcher")).collect(),
            reason: "deploy".into(),
            author: "bob".into(),
            starts_at: at("2026-11-23T03:00:00Z"),
            ends_at: Some(at("2026-11-23T05:00:00Z")),
            ended_at: None,
            windows: None,
            created_at: at("2026-11-23T02:00:00Z"),
        }
    }

    #[test]
    fn all_matchers_must_hold_and_the_team() {
        let labels = Labels::from([("host".into(), "db-3".into())]);
        let (payments, search) = (team(1, "payments"), team(2, "search"));
        let severity = Severity::Warning;
        let facts = Facts { labels: &labels, service: "checkout", team: &payments, severity };
        for (matchers, expected) in [
            (&[][..], true),
            (&["host=db-3"], true),
            (&["host=db-3", "@service=checkout", "@severity!=critical"], true),
            (&["host=db-3", "@severity=critical"], false),
            (&["host=~web.*"], false),
            (&["rack="], true),
        ] {
            assert_eq!(silence(matchers).matches(&facts), expected, "{matchers:?}");
        }
        let foreign = Facts { team: &search, ..facts };
        assert!(!silence(&["host=db-3"]).matches(&foreign));
        let global = Silence { team: None, ..silence(&["host=db-3"]) };
        assert!(global.matches(&foreign));
    }

    #[test]
    fn what_leaves_next_to_nothing_out_is_no_narrowing() {
        for (matchers, narrow) in [
            (&[][..], false),
            (&["@team=payments"], false),
            (&["host=~.*"], false),
            (&["host=~.+"], false),
            (&["host!=db-3"], false),
            (&["rack="], false),
            (&["severity!=critical", "@service=checkout"], true),
            (&["host=~db.*"], true),
        ] {
            assert_eq!(silence(matchers).is_narrow(), narrow, "{matchers:?}");
        }
        let global = Silence { team: None, ..silence(&["@team=payments"]) };
        assert!(global.is_narrow());
    }

    #[test]
    fn a_silence_is_pending_then_active_then_expired() {
        let one = silence(&[]);
        for (moment, state, edge) in [
            ("2026-11-23T02:59:59Z", State::Pending, Some("2026-11-23T03:00:00Z")),
            ("2026-11-23T03:00:00Z", State::Active, Some("2026-11-23T05:00:00Z")),
            ("2026-11-23T04:59:59Z", State::Active, Some("2026-11-23T05:00:00Z")),
            ("2026-11-23T05:00:00Z", State::Expired, None),
        ] {
            assert_eq!(one.state(at(moment)), state, "{moment}");
            assert_eq!(one.next_edge(at(moment)), edge.map(at), "{moment}");
        }
        let ended = Silence { ended_at: Some(at("2026-11-23T03:30:00Z")), ..one.clone() };
        assert_eq!(ended.state(at("2026-11-23T04:00:00Z")), State::Expired);
        // It was on when it was made, and a clock that is set back does not end it.
        let begun = Silence { created_at: one.starts_at, ..one };
        assert_eq!(begun.state(at("2026-11-23T01:00:00Z")), State::Active);
    }

    fn nightly(zone: &str, starts_at: &str, rule: &str, length: u32) -> Silence {
        let (rule, starts_at) = (rule.parse().expect("a rule"), at(starts_at));
        let windows = Windows::new(rule, zone, Span::secs(length), starts_at);
        Silence { windows: Some(windows.expect("a zone")), ends_at: None, ..silence(&[]) }
    }

    #[test]
    fn windows_open_by_the_clocks_of_their_zone() {
        // 02:30 in Paris, an hour: before, in and after both changes of the clocks of 2026.
        let silence = nightly("Europe/Paris", "2026-01-01T01:30:00Z", "FREQ=DAILY", 3_600);
        for (moment, start, until) in [
            ("2026-03-28T00:00:00Z", "2026-03-28T01:30:00Z", "2026-03-28T02:30:00Z"),
            // 02:30 is leapt over: it opens at 03:00, which is when it would have been reached.
            ("2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"),
            ("2026-03-30T00:00:00Z", "2026-03-30T00:30:00Z", "2026-03-30T01:30:00Z"),
            // 02:30 comes twice: it opens once, at the first.
            ("2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"),
            ("2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z", "2026-10-26T02:30:00Z"),
        ] {
            assert_eq!(silence.span(at(moment)), Some((at(start), at(until))), "{moment}");
        }
        assert_eq!(
            silence.active_until(at("2026-10-25T01:00:00Z")),
            Some(at("2026-10-25T01:30:00Z"))
        );
        assert_eq!(silence.active_until(at("2026-10-25T01:30:00Z")), None);
    }

    #[test]
    fn windows_may_meet_overlap_end_or_never_open() {
        let daily = nightly("UTC", "2026-01-01T00:00:00Z", "FREQ=DAILY", 86_400);
        let noon = at("2026-06-01T12:00:00Z");
        assert_eq!(daily.active_until(noon), Some(at("2026-06-02T00:00:00Z")));
        let overlapping = nightly("UTC", "2026-01-01T00:00:00Z", "FREQ=DAILY", 7 * 86_400);
        assert_eq!(overlapping.active_until(noon), Some(at("2026-06-08T00:00:00Z")));
        let ends_at = Some(at("2026-06-01T13:00:00Z"));
        let ending = Silence { ends_at, ..daily };
        assert_eq!(ending.active_until(noon), ends_at);
        assert_eq!(ending.state(at("2026-06-01T13:00:00Z")), State::Expired);
        let never = "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30";
        assert_eq!(nightly("UTC", "2026-01-01T00:00:00Z", never, 60).span(noon), None);
        for (rule, length, forever) in [
            ("FREQ=DAILY", 86_400, true),
            ("FREQ=DAILY", 86_400 - 1, false),
            ("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", 86_400, false),
            ("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", 3 * 86_400, true),
            ("FREQ=MONTHLY;BYMONTHDAY=1", 7 * 86_400, false),
        ] {
            let one = nightly("Europe/Paris", "2026-01-01T00:00:00Z", rule, length);
            let windows = one.windows.expect("some");
            assert_eq!(windows.hardly_close(), forever, "{rule} {length}");
        }
        let last = nightly("Pacific/Apia", "2026-01-01T00:00:00Z", "FREQ=DAILY", 60);
        assert_eq!(last.span(Timestamp::MAX), None);
        assert!(last.span(Timestamp::MIN).is_some());
    }
}
