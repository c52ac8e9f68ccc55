//! Incidents and rows of the log in words for people: lists, timelines and the audit.
use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::event::{About, Access, Change, Climb, Record, ResolveReason, UpdateReason};
use super::{Action, Incident, Status, Urgency};

/// A moment for a person, by the clocks of his zone (an IANA name), which it names; of nobody in
/// particular, UTC.
#[must_use]
pub fn moment(at: Timestamp, zone: Option<&str>) -> String {
    let zone = zone.and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC);
    at.to_zoned(zone).strftime("%Y-%m-%d %H:%M %Z").to_string()
}

/// Who is told of what somebody just opened for them.
#[must_use]
pub fn telling(incident: &Incident) -> String {
    let told: BTreeSet<&str> =
        incident.escalation.told.iter().map(|told| told.user.as_str()).collect();
    match told.into_iter().collect::<Vec<_>>().as_slice() {
        [] => format!("Nobody could be told; see incidentd timeline {}.", incident.id),
        some => format!("Telling {}.", some.join(", ")),
    }
}

/// Does it need me? In the order in which people want to see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// Paging is due and nobody could be told.
    Untold,
    High,
    Low,
    Acknowledged,
    Snoozed,
    Resolved,
}

impl Standing {
    #[must_use]
    pub const fn of(incident: &Incident) -> Self {
        match (incident.status, incident.urgency) {
            (Status::Resolved, _) => Self::Resolved,
            _ if incident.untold => Self::Untold,
            (Status::Acknowledged, _) if incident.snoozed_until.is_some() => Self::Snoozed,
            (Status::Acknowledged, _) => Self::Acknowledged,
            (Status::Triggered, Urgency::High) => Self::High,
            (Status::Triggered, Urgency::Low) => Self::Low,
        }
    }

    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Untold => "UNTOLD",
            Self::High => "HIGH",
            Self::Low => "LOW",
            Self::Acknowledged => "ACK",
            Self::Snoozed => "SNOOZE",
            Self::Resolved => "RESOLVED",
        }
    }
}

impl Action {
    /// What was done to an incident, as it is now; none where only who did it knows more.
    #[must_use]
    pub fn done(&self, to: &Incident, when: &dyn Fn(Timestamp) -> String) -> Option<String> {
        let id = to.id;
        Some(match self {
            Self::Acknowledge { .. } => format!("Acknowledged {id}."),
            Self::Resolve { .. } => match to.held_until {
                Some(until) => {
                    let verb = if to.firing_count == 1 { "fires" } else { "fire" };
                    let (n, until) = (to.firing_count, when(until));
                    format!("Resolved {id}. {n} still {verb}; back at {until} unless it ends.")
                }
                None => format!("Resolved {id}."),
            },
            Self::Unacknowledge {} => format!("{id} is triggered again."),
            Self::Reopen {} => format!("Reopened {id}."),
            Self::Reassign { .. } => format!("Reassigned {id} to {}.", to.assigned()),
            Self::AddNote { .. } => format!("Added a note to {id}."),
            Self::Snooze { .. } => match to.snoozed_until {
                Some(until) => format!("Snoozed {id} until {}.", when(until)),
                None => format!("Snoozed {id}."),
            },
            Self::Urgency { to: urgency } => format!("{id} is now of {} urgency.", urgency.word()),
            // Who answers for the other hears of it, too.
            Self::Merge { .. } | Self::Escalate {} => return None,
        })
    }
}

impl Incident {
    /// Who has it, in words.
    #[must_use]
    pub fn assigned(&self) -> String {
        let names: Vec<&str> = self.assignees.iter().map(|user| user.username.as_str()).collect();
        names.join(", ")
    }
}

impl Change {
    /// What happened to the incident.
    #[must_use]
    pub fn words(&self) -> String {
        self.words_with(&|at| at.to_string())
    }

    /// The same; `when` writes moments.
    #[must_use]
    pub fn words_with(&self, when: &dyn Fn(Timestamp) -> String) -> String {
        let noted = |note: &Option<String>| {
            note.as_ref().map_or_else(String::new, |note| format!(": {note}"))
        };
        match self {
            Self::Created => "opened".into(),
            Self::Acknowledged { until, note, .. } => match until {
                Some(until) => format!("acknowledged until {}{}", when(*until), noted(note)),
                None => format!("acknowledged{}", noted(note)),
            },
            Self::Resolved { merged_into: Some(into), .. } => format!("merged into {into}"),
            Self::Resolved { reason, note, .. } => {
                use ResolveReason as Reason;
                let why = match reason {
                    Reason::Manual => "resolved",
                    Reason::Source => "says that it is over",
                    Reason::Expired => "no longer reported",
                    Reason::Merged => "merged",
                    Reason::Unknown => "resolved for a reason that this version does not know",
                };
                format!("{why}{}", noted(note))
            }
            Self::Reassigned { to, reason, .. } => {
                let names: Vec<&str> = to.iter().map(|user| user.username.as_str()).collect();
                format!("reassigned to {}{}", names.join(", "), noted(reason))
            }
            Self::NoteAdded { note } => format!("noted: {}", note.body),
            Self::Escalated(climb) => climb.words(),
            Self::Updated(update) => {
                let about = update.alert.as_ref().map(|alert| format!(": {}", alert.title));
                let about = about.or_else(|| update.merged.map(|id| format!(": {id}")));
                let about = about.or_else(|| update.failure.as_ref().map(|why| format!(": {why}")));
                let what = match update.reason {
                    UpdateReason::Unacknowledged => "given back",
                    UpdateReason::AckTimeout => "acknowledgement timed out",
                    UpdateReason::Reopened => "reopened",
                    UpdateReason::StillFiring => "still fires",
                    UpdateReason::Snoozed => "snoozed",
                    UpdateReason::SnoozeEnded => "snooze ended",
                    UpdateReason::Urgency => "urgency changed",
                    UpdateReason::Severity => "severity changed",
                    UpdateReason::AlertAdded => "another alert",
                    UpdateReason::AlertResolved => "an alert is over",
                    UpdateReason::Stale => "not reported for long; is it still so?",
                    UpdateReason::Merged => "took another incident in",
                    UpdateReason::Flapping => "flapping",
                    UpdateReason::Silenced => "silenced",
                    UpdateReason::Unsilenced => "no longer silenced",
                    UpdateReason::HoldEnded => "quiet no longer",
                    UpdateReason::ClockSet => "the clock was set;",
                    UpdateReason::DeliveryFailed => "could not be told",
                    UpdateReason::Delivered => "told after all",
                    UpdateReason::Unknown => "changed in a way that this version does not know",
                };
                let until = update.until.filter(|_| {
                    matches!(
                        update.reason,
                        UpdateReason::Snoozed | UpdateReason::Silenced | UpdateReason::ClockSet
                    )
                });
                let until = until.map_or_else(String::new, |at| format!(" until {}", when(at)));
                format!("{what}{until}{}", about.unwrap_or_default())
            }
            Self::Unknown => "something that this version does not know".into(),
        }
    }
}

impl Climb {
    fn words(&self) -> String {
        let step = match self {
            _ if self.last_resort => "last resort".into(),
            Self { step: 0, .. } => "assignee".into(),
            Self { round: 1, step, .. } => format!("step {step}"),
            Self { round, step, .. } => format!("round {round}, step {step}"),
        };
        let told = match self.notified.as_slice() {
            [] => "told nobody".to_owned(),
            some => format!("tells {}", some.join(", ")),
        };
        let skipped = match self.skipped.as_slice() {
            [] => String::new(),
            some => format!(" ({})", some.join("; ")),
        };
        format!("{step}: {told}{skipped}")
    }
}

impl Record {
    /// What was done, and to whom.
    #[must_use]
    pub fn words(&self, about: &About) -> String {
        match self {
            Self::Access { change } => change.words(about),
            Self::Config { what, name, change, .. } => {
                // `changed (slug: a → b)`: what changed stands behind its name.
                let (done, fields) = change.split_at(change.find(" (").unwrap_or(change.len()));
                format!("{done} {what} {name}{fields}")
            }
            Self::Unknown => "something that this version does not know".into(),
        }
    }
}

impl Access {
    fn words(&self, about: &About) -> String {
        let user = about.user.as_ref().map_or("somebody", |user| user.username.as_str());
        let team = about.team.as_ref().map_or("a team", |team| team.slug.as_str());
        let token = || match about.token.as_deref() {
            None | Some("") => String::new(),
            Some(name) => format!(" ({name})"),
        };
        match self {
            Self::MemberSet { role, .. } => format!("made {user} {role} of team {team}"),
            Self::MemberRemoved { .. } => format!("removed {user} from team {team}"),
            Self::UserCreated { .. } => format!("added user {user}"),
            Self::UserChanged { admin: true, .. } => {
                format!("changed user {user}, a platform admin")
            }
            Self::UserChanged { .. } => format!("changed user {user}"),
            Self::UserDisabled { .. } => format!("disabled user {user}"),
            Self::UserEnabled { .. } => format!("enabled user {user}"),
            Self::PasswordSet { .. } => format!("set the password of {user}"),
            Self::LinkCreated { user: None } => "made a set-up link".into(),
            Self::LinkCreated { .. } => format!("made a link for {user}"),
            Self::LinkUsed { .. } => format!("opened the link of {user}"),
            Self::SessionCreated { .. } => format!("signed in as {user}"),
            Self::SessionEnded { expired: true, .. } => format!("a session of {user} expired"),
            Self::SessionEnded { .. } => format!("ended a session of {user}"),
            Self::TokenCreated { token: id, .. } => format!("made token {id}{} of {user}", token()),
            Self::TokenEnded { token: id, expired: true, .. } => {
                format!("token {id}{} of {user} expired", token())
            }
            Self::TokenEnded { token: id, .. } => {
                format!("revoked token {id}{} of {user}", token())
            }
            Self::Unknown => "something that this version does not know".into(),
        }
    }
}
