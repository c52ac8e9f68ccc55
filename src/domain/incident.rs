//! What people answer, and its whole state machine: `Action` asks (see `action`), `Change` says
//! what happened, `apply` is the only way from one state to the next.
use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::alert::{Alert, Key, Labels, Link, Severity, Urgency};
use super::escalation::Escalation;
use super::event::{Actor, ActorKind, Change, ResolveReason, Update, UpdateReason};
use super::id::{IncidentId, Seq};
use super::service::{Service, ServiceRef};
use super::timer::TimerKind;
use super::user::{TeamRef, UserRef};
use crate::clock::shift;

/// An acknowledgement older than this does not swallow a new alert.
pub const ACK_FRESH: Duration = Duration::from_mins(30);
/// At most one event of members that come and go in this time.
pub const PACE: Duration = Duration::from_secs(10);
/// So many reopens within `FLAP_WINDOW` are flapping.
pub const FLAP_REOPENS: usize = 3;
pub const FLAP_WINDOW: Duration = Duration::from_hours(1);
/// A flapping incident resolves after this long without a firing member.
pub const FLAP_SETTLE: Duration = Duration::from_mins(15);

#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    clap::ValueEnum,
    JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Triggered,
    Acknowledged,
    Resolved,
}

impl Status {
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Triggered => "triggered",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }
}

/// An incident as every client reads it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Incident {
    pub id: IncidentId,
    pub title: String,
    #[serde(default)]
    pub description: String,
    pub status: Status,
    pub urgency: Urgency,
    pub severity: Severity,
    pub team: TeamRef,
    #[serde(default)]
    pub service: Option<ServiceRef>,
    #[serde(default)]
    pub assignees: Vec<UserRef>,
    #[serde(default)]
    pub dedup_key: String,
    /// How often its alerts were reported firing.
    #[serde(default)]
    pub alert_count: u64,
    /// How many of its alerts fire now.
    #[serde(default)]
    pub firing_count: u64,
    #[serde(default)]
    pub labels: Labels,
    #[serde(default)]
    pub links: Vec<Link>,
    #[serde(default)]
    pub url: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(default)]
    pub acknowledged_at: Option<Timestamp>,
    #[serde(default)]
    pub acknowledged_by: Option<Actor>,
    #[serde(default)]
    pub acknowledged_until: Option<Timestamp>,
    #[serde(default)]
    pub resolved_at: Option<Timestamp>,
    #[serde(default)]
    pub resolved_by: Option<Actor>,
    #[serde(default)]
    pub resolved_reason: Option<ResolveReason>,
    #[serde(default)]
    pub resolution_note: Option<String>,
    #[serde(default)]
    pub snoozed_until: Option<Timestamp>,
    #[serde(default)]
    pub silenced_until: Option<Timestamp>,
    #[serde(default)]
    pub held_until: Option<Timestamp>,
    #[serde(default)]
    pub flapping: bool,
    #[serde(default)]
    pub merged_into: Option<IncidentId>,
    #[serde(default)]
    pub escalation: Escalation,
    /// Paging is due and nobody could be told.
    #[serde(default)]
    pub untold: bool,
    /// Of its newest event; the event with the highest wins.
    pub seq: Seq,
    #[serde(skip)]
    pub memory: Memory,
}

/// What an incident remembers for its own rules; no client sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Memory {
    /// Reopens after a source's resolve, within the last hour.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reopens: Vec<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reopened_at: Option<Timestamp>,
    /// Flapping, and no member fires: resolves then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settles_at: Option<Timestamp>,
    /// When the flapping flag goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calms_at: Option<Timestamp>,
    /// When an event of members was last sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members_told_at: Option<Timestamp>,
    /// An event of members that waits for its turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members_due: Option<(Timestamp, UpdateReason)>,
}

impl Incident {
    /// The incident that `alert` opens; the store gives it its id and url.
    #[must_use]
    pub fn opened_by(alert: &Alert, service: &Service, key: &Key, now: Timestamp) -> Self {
        Self {
            id: IncidentId::default(),
            title: alert.incident_title().to_owned(),
            description: alert.description.clone(),
            status: Status::Triggered,
            urgency: service.rules.urgency.urgency(alert.severity),
            severity: alert.severity,
            team: service.team.clone(),
            service: Some(service.reference()),
            assignees: Vec::new(),
            dedup_key: key.text.clone(),
            alert_count: 1,
            firing_count: 1,
            labels: alert.incident_labels().clone(),
            links: alert.links.clone(),
            url: String::new(),
            created_at: now,
            updated_at: now,
            acknowledged_at: None,
            acknowledged_by: None,
            acknowledged_until: None,
            resolved_at: None,
            resolved_by: None,
            resolved_reason: None,
            resolution_note: None,
            snoozed_until: None,
            silenced_until: None,
            held_until: None,
            flapping: false,
            merged_into: None,
            escalation: Escalation::default(),
            untold: false,
            seq: Seq::default(),
            memory: Memory::default(),
        }
    }

    /// All deadlines that the state implies; the store keeps one timer for each.
    #[must_use]
    pub fn deadlines(&self) -> [(TimerKind, Option<Timestamp>); 6] {
        let acked = self.status == Status::Acknowledged;
        [
            (TimerKind::AckTimeout, self.acknowledged_until.filter(|_| acked)),
            (TimerKind::SnoozeEnd, self.snoozed_until.filter(|_| acked)),
            (TimerKind::HoldEnd, self.held_until.filter(|_| !self.is_open())),
            (TimerKind::Settle, self.memory.settles_at.filter(|_| self.is_open())),
            (TimerKind::Calm, self.memory.calms_at),
            (TimerKind::Members, self.memory.members_due.map(|(at, _)| at)),
        ]
    }

    #[must_use]
    pub fn is_open(&self) -> bool {
        self.status != Status::Resolved
    }

    /// What comes of a member that fires (new, or again): one change, or none for now.
    /// Remembers what must be said later.
    #[must_use]
    pub fn member_fired(&mut self, severity: Severity, urgency: Urgency, at: Timestamp) -> Fired {
        self.memory.settles_at = None;
        let worse = severity < self.severity;
        let louder = urgency < self.urgency;
        let stale_ack = self.acknowledged_at.is_some_and(|acked| shift(acked, ACK_FRESH) <= at);
        let retrigger = self.status == Status::Acknowledged && (worse || stale_ack);
        if !retrigger && !louder && !self.may_tell_of_members(at, UpdateReason::AlertAdded) {
            return Fired::Later;
        }
        let mut update = Update::new(UpdateReason::AlertAdded);
        update.status = retrigger.then_some(Status::Triggered);
        update.severity = worse.then_some(severity);
        update.urgency = louder.then_some(urgency);
        Fired::Now(update)
    }

    /// What comes of a member that ended, when `firing` are left.
    #[must_use]
    pub fn member_ended(&mut self, firing: u64, reason: ResolveReason, at: Timestamp) -> Ended {
        if firing > 0 {
            let now = self.may_tell_of_members(at, UpdateReason::AlertResolved);
            return if now { Ended::Tell } else { Ended::Later };
        }
        if self.flapping {
            self.memory.settles_at = Some(shift(at, FLAP_SETTLE));
            return Ended::Later;
        }
        Ended::Resolve(reason)
    }

    /// True if an event of members may go out now; otherwise it is remembered for its turn.
    pub fn may_tell_of_members(&mut self, at: Timestamp, reason: UpdateReason) -> bool {
        // Told in the future: somebody set the clock back.
        let told = self.memory.members_told_at.filter(|told| *told <= at);
        match told.map(|told| shift(told, PACE)) {
            Some(turn) if turn > at => {
                self.memory.members_due = Some((turn, reason));
                false
            }
            _ => true,
        }
    }

    /// The reason of a reopen by a source: the third within an hour is flapping.
    #[must_use]
    pub fn reopen_reason(&self, at: Timestamp) -> UpdateReason {
        let recent =
            self.memory.reopens.iter().filter(|then| shift(**then, FLAP_WINDOW) > at).count();
        if recent + 1 >= FLAP_REOPENS { UpdateReason::Flapping } else { UpdateReason::Reopened }
    }

    /// Makes the change. Total: every change of the log can be applied to every state.
    pub fn apply(&mut self, change: &Change, actor: &Actor, at: Timestamp) {
        self.updated_at = at;
        match change {
            Change::Created | Change::NoteAdded { .. } | Change::Unknown => {}
            Change::Updated(update) => self.apply_update(update, actor, at),
            Change::Acknowledged { until, assignee, .. } => {
                self.acknowledge(actor, assignee.as_ref(), at);
                self.acknowledged_until = *until;
            }
            Change::Resolved { reason, note, held_until, merged_into } => {
                self.status = Status::Resolved;
                self.resolved_at = Some(at);
                self.resolved_by = Some(actor.clone());
                self.resolved_reason = Some(*reason);
                self.resolution_note.clone_from(note);
                self.held_until = *held_until;
                self.merged_into = *merged_into;
                self.snoozed_until = None;
                self.acknowledged_until = None;
                self.memory.members_due = None;
                self.memory.settles_at = None;
            }
            Change::Reassigned { to, .. } => {
                self.trigger();
                self.assignees.clone_from(to);
            }
        }
    }

    fn apply_update(&mut self, update: &Update, actor: &Actor, at: Timestamp) {
        if let Some(severity) = update.severity {
            self.severity = severity;
        }
        if let Some(urgency) = update.urgency {
            self.urgency = urgency;
        }
        match update.reason {
            UpdateReason::Snoozed => {
                self.acknowledge(actor, update.assignee.as_ref(), at);
                self.acknowledged_until = None;
                self.snoozed_until = update.until;
            }
            UpdateReason::AlertAdded
            | UpdateReason::AlertResolved
            | UpdateReason::Severity
            | UpdateReason::Stale => {
                if !self.is_open() {
                    // Nothing fires any more: a hold has nothing left to wait for.
                    self.held_until = None;
                }
                self.memory.members_told_at = Some(at);
                self.memory.members_due = None;
            }
            UpdateReason::Reopened | UpdateReason::Flapping if update.status.is_some() => {
                if !matches!(actor.kind, ActorKind::User | ActorKind::Host) {
                    self.memory.reopens.retain(|then| shift(*then, FLAP_WINDOW) > at);
                    self.memory.reopens.push(at);
                }
                self.flapping |= update.reason == UpdateReason::Flapping;
                if self.flapping {
                    self.memory.calms_at = Some(shift(at, FLAP_WINDOW));
                }
            }
            UpdateReason::Flapping => {
                self.flapping = false;
                self.memory.calms_at = None;
                self.memory.reopens.clear();
            }
            _ => {}
        }
        if update.status == Some(Status::Triggered) {
            if !self.is_open() {
                self.reopen(at);
            }
            self.trigger();
        }
    }

    fn acknowledge(&mut self, actor: &Actor, assignee: Option<&UserRef>, at: Timestamp) {
        if let Some(assignee) = assignee {
            self.assignees = vec![assignee.clone()];
        }
        self.status = Status::Acknowledged;
        self.acknowledged_at = Some(at);
        self.acknowledged_by = Some(actor.clone());
        self.snoozed_until = None;
    }

    fn trigger(&mut self) {
        self.status = Status::Triggered;
        self.acknowledged_at = None;
        self.acknowledged_by = None;
        self.acknowledged_until = None;
        self.snoozed_until = None;
    }

    fn reopen(&mut self, at: Timestamp) {
        self.resolved_at = None;
        self.resolved_by = None;
        self.resolved_reason = None;
        self.resolution_note = None;
        self.held_until = None;
        self.assignees.clear();
        self.memory.reopened_at = Some(at);
    }
}

/// What comes of a firing member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fired {
    Now(Update),
    Later,
}

/// What comes of an ended member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Resolve(ResolveReason),
    Tell,
    Later,
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::id::TeamId;

    pub fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + minute * 60).expect("in range")
    }

    pub fn incident() -> Incident {
        Incident {
            id: IncidentId(42),
            title: "disk full".into(),
            description: String::new(),
            status: Status::Triggered,
            urgency: Urgency::Low,
            severity: Severity::Warning,
            team: TeamRef { id: TeamId(1), slug: "payments".into(), name: "Payments".into() },
            service: None,
            assignees: vec![],
            dedup_key: "k".into(),
            alert_count: 1,
            firing_count: 1,
            labels: Labels::new(),
            links: vec![],
            url: String::new(),
            created_at: at(0),
            updated_at: at(0),
            acknowledged_at: None,
            acknowledged_by: None,
            acknowledged_until: None,
            resolved_at: None,
            resolved_by: None,
            resolved_reason: None,
            resolution_note: None,
            snoozed_until: None,
            silenced_until: None,
            held_until: None,
            flapping: false,
            merged_into: None,
            escalation: Escalation::default(),
            untold: false,
            seq: Seq(1),
            memory: Memory::default(),
        }
    }

    fn acknowledged() -> Incident {
        let mut incident = incident();
        let change = Change::Acknowledged { until: Some(at(480)), note: None, assignee: None };
        incident.apply(&change, &Actor::system(), at(0));
        incident
    }

    #[test]
    fn a_new_member_of_an_acknowledged_incident_is_not_swallowed() {
        let fired = acknowledged().member_fired(Severity::Warning, Urgency::Low, at(5));
        assert_eq!(fired, Fired::Now(Update::new(UpdateReason::AlertAdded)), "told, not triggered");

        let Fired::Now(worse) =
            acknowledged().member_fired(Severity::Critical, Urgency::High, at(5))
        else {
            panic!("severity rises: told at once")
        };
        assert_eq!(worse.status, Some(Status::Triggered));
        assert_eq!(worse.urgency, Some(Urgency::High));

        let mut old = acknowledged();
        let Fired::Now(late) = old.member_fired(Severity::Warning, Urgency::Low, at(30)) else {
            panic!("told at once")
        };
        assert_eq!(late.status, Some(Status::Triggered), "the acknowledgement is 30 min old");
        old.apply(&Change::Updated(late), &Actor::system(), at(30));
        assert!(old.deadlines().iter().all(|(_, at)| at.is_none()), "its timeout is void");
    }

    #[test]
    fn members_make_at_most_one_event_in_ten_seconds_and_the_last_is_sent() {
        let mut incident = incident();
        let Fired::Now(first) = incident.member_fired(Severity::Warning, Urgency::Low, at(1))
        else {
            panic!("the first is told at once")
        };
        incident.apply(&Change::Updated(first), &Actor::system(), at(1));
        let soon = shift(at(1), Duration::from_secs(3));
        assert_eq!(incident.member_fired(Severity::Warning, Urgency::Low, soon), Fired::Later);
        let due = Some(shift(at(1), PACE));
        assert_eq!(incident.deadlines()[5], (TimerKind::Members, due));
        let louder = incident.member_fired(Severity::Critical, Urgency::High, soon);
        assert!(matches!(louder, Fired::Now(_)), "a rise in urgency is not held back");
    }

    #[test]
    fn the_third_reopen_within_an_hour_is_flapping() {
        let mut incident = incident();
        for (minute, reason) in [
            (0, UpdateReason::Reopened),
            (20, UpdateReason::Reopened),
            (40, UpdateReason::Flapping),
        ] {
            assert_eq!(
                incident.member_ended(0, ResolveReason::Source, at(minute)),
                Ended::Resolve(ResolveReason::Source)
            );
            let over = Change::resolved(ResolveReason::Source);
            incident.apply(&over, &Actor::system(), at(minute));
            assert_eq!(incident.reopen_reason(at(minute + 1)), reason);
            let again = Change::Updated(Update::triggered(reason));
            incident.apply(&again, &Actor::system(), at(minute + 1));
        }
        assert!(incident.flapping && incident.is_open());
        assert_eq!(incident.member_ended(0, ResolveReason::Source, at(42)), Ended::Later);
        assert_eq!(incident.deadlines()[3], (TimerKind::Settle, Some(at(57))));
        let _ = incident.member_fired(Severity::Warning, Urgency::Low, at(43));
        assert_eq!(incident.deadlines()[3], (TimerKind::Settle, None), "a firing lets it go on");
        incident.apply(
            &Change::Updated(Update::new(UpdateReason::Flapping)),
            &Actor::system(),
            at(101),
        );
        assert!(!incident.flapping);
        assert_eq!(incident.reopen_reason(at(102)), UpdateReason::Reopened);
    }
}
