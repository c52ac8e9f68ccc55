//! Where paging stands: the ladder as an incident shows it, and what each change does to it.
use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::alert::Urgency;
use super::delivery::DeliveryState;
use super::event::Climb;
use super::incident::{Incident, Status};
use super::policy::{Policy, ROUND_PAUSE, Rung};
use crate::clock::shift;

/// The word of a page that arrived.
pub const SENT: &str = DeliveryState::Sent.word();
/// Who has it hears of new alerts at most once in this time.
pub const ASSIGNEE_PACE: Duration = Duration::from_mins(5);

/// Where paging stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Escalation {
    pub state: EscalationState,
    /// The last step that was taken; both from 1.
    pub round: u32,
    pub step: u32,
    pub next_at: Option<Timestamp>,
    /// Whom the next step tells, as things stand: usernames, and `channel:SLUG`.
    pub next_targets: Vec<String>,
    /// Who was told since it was last triggered, the last first.
    pub told: Vec<Told>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EscalationState {
    /// The next step has its time.
    Pending,
    /// Silenced, or flapping while nothing fires.
    Paused,
    /// The last resort was told; it is reminded every hour.
    Exhausted,
    /// Nobody is paged: somebody has it, it is over, or it is of low urgency and was told.
    #[default]
    #[serde(other)]
    None,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Told {
    /// A username, or `channel:SLUG`.
    pub user: String,
    pub channel: String,
    pub at: Timestamp,
    /// `queued`, `sent`, `failed` or `dropped`.
    pub outcome: String,
}

/// What comes next on the ladder, remembered with the incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ladder {
    /// The rung that is due.
    pub rung: Rung,
    pub due: Timestamp,
    /// The last round in which somebody was told.
    #[serde(default)]
    pub told_in: u32,
    /// The last resort was told.
    #[serde(default)]
    pub exhausted: bool,
}

impl Ladder {
    /// What comes after `rung`, which told somebody at `at` or not. After one that told nobody the
    /// next comes at once; a round that told nobody goes to the last resort.
    #[must_use]
    pub fn after<T>(self, policy: &Policy<T>, rung: Rung, tells: bool, at: Timestamp) -> Self {
        let told_in = rung.round().filter(|_| tells).unwrap_or(self.told_in);
        let (mut next, mut wait) = policy.next(rung);
        if !tells && rung != Rung::LastResort {
            if let (Some(round), Some(other)) = (rung.round(), next.round())
                && other != round
                && told_in != round
            {
                next = Rung::LastResort;
            }
            // A round that told somebody keeps its pause before the next.
            if told_in == 0 || next.round() == rung.round() {
                wait = Duration::ZERO;
            }
        }
        let exhausted = self.exhausted || rung == Rung::LastResort;
        Self { rung: next, due: shift(at, wait), told_in, exhausted }
    }
}

/// What an incident is after a step, as its policy has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct After {
    pub ladder: Option<Ladder>,
    pub told: Vec<Told>,
    pub next_targets: Vec<String>,
}

impl Incident {
    /// From step 1, when that is due by its policy. Whoever had it is told with that step.
    pub fn start_ladder(&mut self, at: Timestamp) {
        self.begin(Rung::Start, at);
        self.show_ladder();
    }

    /// Who had it has it no more: he and step 1 hear of it at once, however long that waits else.
    pub(super) fn give_back(&mut self, at: Timestamp) {
        self.begin(Rung::Step { round: 1, step: 1 }, at);
    }

    /// The assignees alone, then the ladder.
    pub(super) fn give(&mut self, at: Timestamp) {
        self.begin(Rung::Assignee, at);
        self.memory.all_clear_at = Some(at);
    }

    fn begin(&mut self, rung: Rung, due: Timestamp) {
        self.memory.ladder = Some(Ladder { rung, due, told_in: 0, exhausted: false });
        self.memory.assignee_due = None;
        self.escalation = Escalation::default();
        self.untold = false;
    }

    /// Somebody has it, or it is over. `told`: those who were paged hear of it.
    pub(super) fn end_ladder(&mut self, told: bool, at: Timestamp) {
        if told {
            self.memory.all_clear_at = Some(at);
        }
        self.memory.ladder = None;
        self.memory.assignee_due = None;
        self.untold = false;
    }

    /// What holds of every incident: triggered, of high urgency and without a ladder there is none,
    /// whatever version or accident left it so. Says whether that was mended.
    pub fn mend_ladder(&mut self, at: Timestamp) -> bool {
        let bare = self.status == Status::Triggered
            && self.urgency == Urgency::High
            && self.memory.ladder.is_none();
        if bare {
            self.start_ladder(at);
        }
        bare
    }

    /// The last step reached nobody: what comes next in its round comes now. A round that told
    /// nobody at all goes to the last resort, and that is tried again before long.
    pub fn hurry(&mut self, at: Timestamp) {
        let told = self.escalation.told.iter().any(|told| told.outcome == SENT);
        let round = self.escalation.round;
        let Some(ladder) = &mut self.memory.ladder else { return };
        match ladder.rung {
            _ if ladder.exhausted => ladder.due = ladder.due.min(shift(at, ROUND_PAUSE)),
            Rung::Step { round: next, .. } if next > round && round > 0 => {
                if !told {
                    (ladder.rung, ladder.due) = (Rung::LastResort, at);
                }
            }
            Rung::LastResort if told => {}
            _ => ladder.due = at,
        }
    }

    pub(super) fn set_urgency(&mut self, urgency: Urgency, at: Timestamp) {
        let louder = urgency < self.urgency;
        self.urgency = urgency;
        if self.status != Status::Triggered {
            return;
        }
        let told = self.escalation.told.iter().any(|told| told.outcome == SENT);
        if louder || !told {
            self.start_ladder(at);
        } else {
            self.end_ladder(false, at);
        }
    }

    pub(super) fn climb(&mut self, climb: &Climb) {
        self.trigger();
        (self.escalation.round, self.escalation.step) = (climb.round, climb.step);
        self.memory.ladder = climb.after.ladder;
        self.escalation.told.clone_from(&climb.after.told);
        self.escalation.next_targets.clone_from(&climb.after.next_targets);
        self.untold = climb.untold;
        for user in &climb.people {
            if !self.assignees.contains(user) {
                self.assignees.push(user.clone());
            }
        }
    }

    /// Who has it hears of it, but not of each alert in a storm.
    pub(super) fn tell_assignee(&mut self, at: Timestamp) {
        if self.status == Status::Acknowledged && self.silenced_until.is_none() {
            let turn = self.memory.assignee_told_at.map(|told| shift(told, ASSIGNEE_PACE));
            self.memory.assignee_due = Some(turn.filter(|turn| *turn > at).unwrap_or(at));
        }
    }

    /// Silenced until then, or heard again.
    pub fn silence(&mut self, until: Option<Timestamp>, at: Timestamp) {
        self.silenced_until = until;
        self.memory.silenced_at = until.map(|_| self.memory.silenced_at.unwrap_or(at));
        self.show_ladder();
    }

    /// Was it silenced when it was to be said, or since? What is made meanwhile is by hand.
    pub(super) fn silences(&self, made: Timestamp) -> bool {
        self.silenced_until.is_some() && self.memory.silenced_at.is_none_or(|since| made <= since)
    }

    /// When the next rung is due. Steps wait while it is silenced, or flaps and nothing fires.
    #[must_use]
    pub fn ladder_due(&self) -> Option<Timestamp> {
        self.memory.ladder.filter(|_| !self.ladder_waits()).map(|ladder| ladder.due)
    }

    fn ladder_waits(&self) -> bool {
        // Whoever was given it by hand hears of it, silenced or not, fire or not.
        let given = self.memory.ladder.is_some_and(|ladder| ladder.rung == Rung::Assignee);
        !given && (self.silenced_until.is_some() || self.memory.settles_at.is_some())
    }

    /// What clients see of the ladder follows from what is remembered.
    pub fn show_ladder(&mut self) {
        let waits = self.ladder_waits();
        let shown = &mut self.escalation;
        shown.next_at = None;
        shown.state = match self.memory.ladder {
            None => EscalationState::None,
            Some(_) if waits => EscalationState::Paused,
            Some(ladder) => {
                shown.next_at = Some(ladder.due);
                if ladder.exhausted { EscalationState::Exhausted } else { EscalationState::Pending }
            }
        };
        if shown.state == EscalationState::None {
            shown.next_targets.clear();
        }
    }
}
