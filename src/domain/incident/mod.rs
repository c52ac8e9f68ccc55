//! What people answer, and its whole state machine: `Action` asks (see `action`), `Change` says
//! what happened, `apply` is the only way from one state to the next.
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::alert::{Alert, Key, Labels, Link, Severity, Urgency};
use super::escalation::{Escalation, Ladder};
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
    /// By a clock that was set back: since when a hold counts what is sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_since: Option<Timestamp>,
    /// What comes next on the ladder; none once somebody has answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ladder: Option<Ladder>,
    /// Who was paged is told that it is over for him.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all_clear_at: Option<Timestamp>,
    /// Who has it is told what became worse.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee_due: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee_told_at: Option<Timestamp>,
    /// Since when it is silenced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silenced_at: Option<Timestamp>,
}

/// How many kinds of deadlines an incident has.
pub const DEADLINES: usize = 9;

impl Incident {
    /// The incident that `alert` opens; the store gives it its id and url.
    #[must_use]
    pub fn opened_by(alert: &Alert, service: &Service, key: &Key, now: Timestamp) -> Self {
        let urgency = service.rules.urgency.urgency(alert.severity);
        let mut incident = Self::opened_for(alert, &service.team, urgency, key, now);
        incident.service = Some(service.reference());
        (incident.alert_count, incident.firing_count) = (1, 1);
        incident
    }

    /// The same for a team, of no service: nothing fires in it.
    #[must_use]
    pub fn opened_for(
        alert: &Alert,
        team: &TeamRef,
        urgency: Urgency,
        key: &Key,
        now: Timestamp,
    ) -> Self {
        let mut incident = Self {
            id: IncidentId::default(),
            title: alert.incident_title().to_owned(),
            description: alert.incident_description(),
            status: Status::Triggered,
            urgency,
            severity: alert.severity,
            team: team.clone(),
            service: None,
            assignees: Vec::new(),
            dedup_key: key.text.clone(),
            alert_count: 0,
            firing_count: 0,
            labels: alert.incident_labels(),
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
        };
        incident.start_ladder(now);
        incident
    }

    /// All deadlines that the state implies; the store keeps one timer for each.
    #[must_use]
    pub fn deadlines(&self) -> [(TimerKind, Option<Timestamp>); DEADLINES] {
        let acked = self.status == Status::Acknowledged;
        [
            (TimerKind::AckTimeout, self.acknowledged_until.filter(|_| acked)),
            (TimerKind::SnoozeEnd, self.snoozed_until.filter(|_| acked)),
            (TimerKind::HoldEnd, self.held_until.filter(|_| !self.is_open())),
            (TimerKind::Settle, self.memory.settles_at.filter(|_| self.is_open())),
            (TimerKind::Calm, self.memory.calms_at),
            (TimerKind::Members, self.memory.members_due.map(|(at, _)| at)),
            (TimerKind::Escalate, self.ladder_due()),
            (TimerKind::AllClear, self.memory.all_clear_at),
            (TimerKind::Assignee, self.memory.assignee_due),
        ]
    }

    /// Somebody set the wall clock: what measures how much time passes keeps its distance, as its
    /// timers do. Returns what has to be said of it, since clients know it from the log.
    pub fn clock_was_set(&mut self, by: SignedDuration) -> Option<Change> {
        let later = |at: &mut Timestamp| *at = at.saturating_add(by).unwrap_or(*at);
        let memory = &mut self.memory;
        if self.held_until.is_some() && by.is_negative() {
            memory.held_since = memory.held_since.or(self.resolved_at);
            memory.held_since.iter_mut().for_each(later);
        }
        memory.reopens.iter_mut().for_each(later);
        memory.ladder.iter_mut().for_each(|ladder| later(&mut ladder.due));
        memory.members_due.iter_mut().for_each(|(due, _)| later(due));
        let moments = [
            &mut memory.settles_at,
            &mut memory.calms_at,
            &mut memory.members_told_at,
            &mut memory.all_clear_at,
            &mut memory.assignee_due,
            &mut memory.assignee_told_at,
            &mut memory.silenced_at,
        ];
        moments.into_iter().flatten().for_each(later);
        self.show_ladder();
        let mut until = self.acknowledged_until.or(self.held_until)?;
        later(&mut until);
        let mut update = Update::new(UpdateReason::ClockSet);
        update.until = Some(until);
        Some(Change::Updated(update))
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
        Fired::Now(Box::new(update))
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
            Change::Escalated(step) => self.climb(step),
            Change::Resolved { reason, note, held_until, merged_into } => {
                self.end_ladder(reason.is_told_of(), at);
                self.status = Status::Resolved;
                self.resolved_at = Some(at);
                self.resolved_by = Some(actor.clone());
                self.resolved_reason = Some(*reason);
                self.resolution_note.clone_from(note);
                self.held_until = *held_until;
                self.merged_into = *merged_into;
                self.snoozed_until = None;
                self.silence(None, at);
                self.acknowledged_until = None;
                self.memory.members_due = None;
                self.memory.settles_at = None;
            }
            Change::Reassigned { to, .. } => {
                self.trigger();
                self.assignees.clone_from(to);
                self.give(at);
            }
        }
        self.show_ladder();
    }

    fn apply_update(&mut self, update: &Update, actor: &Actor, at: Timestamp) {
        if let Some(severity) = update.severity {
            self.severity = severity;
        }
        if let Some(urgency) = update.urgency {
            self.set_urgency(urgency, at);
        }
        if let Some(title) = &update.title {
            self.title.clone_from(title);
        }
        if let Some(description) = &update.description {
            self.description.clone_from(description);
        }
        if let Some(untold) = update.untold {
            self.untold = untold;
        }
        match update.reason {
            UpdateReason::Snoozed => {
                self.acknowledge(actor, update.assignee.as_ref(), at);
                self.acknowledged_until = None;
                self.snoozed_until = update.until;
            }
            UpdateReason::HoldEnded => self.held_until = None,
            UpdateReason::ClockSet if self.is_open() => self.acknowledged_until = update.until,
            UpdateReason::ClockSet => self.held_until = update.until,
            UpdateReason::Silenced => self.silence(update.until, at),
            UpdateReason::Unsilenced => {
                self.silence(None, at);
                if self.status == Status::Triggered {
                    self.start_ladder(at);
                }
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
                let asks = [UpdateReason::AlertAdded, UpdateReason::Stale].contains(&update.reason);
                if asks && update.status.is_none() {
                    self.tell_assignee(at);
                }
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
            match update.reason {
                UpdateReason::Unacknowledged
                | UpdateReason::AckTimeout
                | UpdateReason::SnoozeEnded => self.give_back(at),
                _ => self.start_ladder(at),
            }
        }
    }

    fn acknowledge(&mut self, actor: &Actor, assignee: Option<&UserRef>, at: Timestamp) {
        self.end_ladder(true, at);
        if let Some(assignee) = assignee {
            self.assignees = vec![assignee.clone()];
        }
        self.status = Status::Acknowledged;
        self.acknowledged_at = Some(at);
        self.acknowledged_by = Some(actor.clone());
        self.snoozed_until = None;
    }

    pub(super) fn trigger(&mut self) {
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
        self.memory.held_since = None;
        self.assignees.clear();
        self.memory.reopened_at = Some(at);
    }
}

/// What comes of a firing member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fired {
    Now(Box<Update>),
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
pub(super) mod tests;
