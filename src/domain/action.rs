//! What people ask of an incident, and what comes of it: a change, nothing (it is so already), or
//! a refusal that says why.
use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::alert::Urgency;
use super::event::{Actor, Change, ResolveReason, Update, UpdateReason};
use super::id::IncidentId;
use super::incident::{Incident, Status};
use super::span::Span;
use super::user::UserRef;
use crate::clock::shift;
use crate::error::{Error, Result};

/// Longest note, resolution and reason, in bytes.
pub const MAX_NOTE: usize = 4_096;
/// Farthest moment that may be named.
const FARTHEST: Duration = Duration::from_hours(366 * 24);
/// How long alerts that still fire stay quiet after a manual resolve.
pub const HOLD: Span = Span::secs(3_600);

/// What is asked, as in `POST /api/v1/incidents/{id}/actions`.
// How it is read stands in `asked`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "action", rename_all = "camelCase", deny_unknown_fields)]
pub enum Action {
    Acknowledge {
        #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
        span: Option<Span>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
        /// Also if somebody else has it.
        #[serde(default)]
        take: bool,
    },
    Resolve {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hold: Option<Span>,
    },
    Unacknowledge {},
    Reopen {},
    Reassign {
        /// A username, or `me`.
        to: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    AddNote {
        body: String,
    },
    Snooze {
        #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
        span: Option<Span>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    Urgency {
        to: Urgency,
    },
    /// The next step of its ladder, now.
    Escalate {},
    /// It is part of another incident, which stays open.
    Merge {
        into: IncidentId,
    },
}

/// What an action is decided by, beside the incident.
pub struct Circumstances<'a> {
    pub actor: &'a Actor,
    /// The person who acts, where one does.
    pub user: Option<&'a UserRef>,
    /// Whom `to` names, looked up.
    pub to: Option<&'a UserRef>,
    /// What `into` names, looked up.
    pub into: Option<&'a Incident>,
    pub now: Timestamp,
    pub ack_timeout: Span,
    /// Members that fire now.
    pub firing: u64,
    /// Another open incident has this one's dedup key.
    pub key_taken_by: Option<IncidentId>,
}

impl Action {
    /// Checks what needs no incident.
    ///
    /// # Errors
    /// Names the field that is wrong.
    pub fn check(&self) -> Result<()> {
        if let Self::Resolve { hold: Some(hold), .. } = self
            && hold.duration() > FARTHEST
        {
            return Err(Error::invalid("hold", "is more than a year"));
        }
        let (field, text) = match self {
            Self::Acknowledge { note, .. } | Self::Resolve { note, .. } => ("note", note.as_ref()),
            Self::Reassign { reason, .. } => ("reason", reason.as_ref()),
            Self::AddNote { body } if body.trim().is_empty() => {
                return Err(Error::invalid("body", "is empty; write what others should know"));
            }
            Self::AddNote { body } => ("body", Some(body)),
            _ => return Ok(()),
        };
        match text {
            Some(text) if super::text::wire_len(text) > MAX_NOTE => {
                Err(Error::invalid(field, format!("is longer than {MAX_NOTE} bytes")))
            }
            _ => Ok(()),
        }
    }
}

/// A moment from `for` or `until`, which must lie ahead.
fn moment(
    span: Option<Span>,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Result<Option<Timestamp>> {
    match (span, until) {
        (Some(_), Some(_)) => Err(Error::invalid("until", "give either `for` or `until`")),
        (Some(span), None) if span.is_zero() => Err(Error::invalid("for", "must be above 0")),
        (Some(span), None) if span.duration() > FARTHEST => {
            Err(Error::invalid("for", "is more than a year"))
        }
        (Some(span), None) => Ok(Some(shift(now, span.duration()))),
        (None, Some(until)) if until <= now => Err(Error::invalid("until", "lies in the past")),
        (None, Some(until)) if until > shift(now, FARTHEST) => {
            Err(Error::invalid("until", "lies more than a year ahead"))
        }
        (None, until) => Ok(until),
    }
}

fn filled(text: Option<&String>) -> Option<String> {
    text.map(|text| super::text::lines(text, MAX_NOTE)).filter(|text| !text.is_empty())
}

impl Incident {
    /// Decides what comes of `action`. None: it is so already.
    ///
    /// # Errors
    /// `Refused` where the state forbids it, `Invalid` where the input is wrong.
    pub fn decide(&self, action: &Action, c: &Circumstances<'_>) -> Result<Option<Change>> {
        match action {
            Action::Acknowledge { span, until, note, take } => {
                let wanted = moment(*span, *until, c.now)?;
                Ok(self.decide_acknowledge(c, wanted, filled(note.as_ref()), *take))
            }
            Action::Resolve { note, hold } => {
                if !self.is_open() {
                    return Ok(None);
                }
                let hold = hold.unwrap_or(HOLD);
                let held = c.firing > 0 && !hold.is_zero();
                Ok(Some(Change::Resolved {
                    reason: ResolveReason::Manual,
                    note: filled(note.as_ref()),
                    held_until: held.then(|| shift(c.now, hold.duration())),
                    merged_into: None,
                }))
            }
            Action::Unacknowledge {} => match self.status {
                Status::Triggered => Ok(None),
                Status::Acknowledged => Ok(Some(triggered(UpdateReason::Unacknowledged))),
                Status::Resolved => Err(self.is_resolved("unacknowledged")),
            },
            Action::Reopen {} => self.decide_reopen(c),
            Action::Reassign { reason, .. } => {
                let to = c.to.ok_or_else(|| Error::invalid("to", "names nobody"))?;
                if !self.is_open() {
                    return Err(self.is_resolved("reassigned"));
                }
                if self.status == Status::Triggered && self.assignees.as_slice() == [to.clone()] {
                    return Ok(None);
                }
                Ok(Some(Change::Reassigned {
                    from: self.assignees.clone(),
                    to: vec![to.clone()],
                    reason: filled(reason.as_ref()),
                }))
            }
            Action::AddNote { body } => Ok(Some(Change::NoteAdded {
                note: super::event::Note {
                    id: super::Seq::default(),
                    body: super::text::lines(body, MAX_NOTE),
                    author: c.actor.clone(),
                    at: c.now,
                },
            })),
            Action::Snooze { span, until } => {
                if !self.is_open() {
                    return Err(self.is_resolved("snoozed"));
                }
                let until = moment(*span, *until, c.now)?
                    .ok_or_else(|| Error::invalid("for", "is missing; give `for` or `until`"))?;
                if self.snoozed_until == Some(until) && self.is_held_by(c) {
                    return Ok(None);
                }
                let mut update = Update::new(UpdateReason::Snoozed);
                update.until = Some(until);
                update.assignee = c.user.cloned();
                Ok(Some(Change::Updated(update)))
            }
            Action::Urgency { to } => {
                if !self.is_open() {
                    return Err(self.is_resolved("made louder or quieter"));
                }
                let mut update = Update::new(UpdateReason::Urgency);
                update.urgency = Some(*to);
                Ok((self.urgency != *to).then_some(Change::Updated(update)))
            }
            // What the next step is, its policy says.
            Action::Escalate {} => self.check_open("escalated").map(|()| None),
            Action::Merge { .. } => self.decide_merge(c.into),
        }
    }

    fn decide_acknowledge(
        &self,
        c: &Circumstances<'_>,
        wanted: Option<Timestamp>,
        note: Option<String>,
        take: bool,
    ) -> Option<Change> {
        let again = match self.status {
            Status::Resolved => false,
            Status::Triggered => true,
            Status::Acknowledged if self.is_held_by(c) => {
                wanted.is_some() || note.is_some() || self.snoozed_until.is_some()
            }
            Status::Acknowledged => take,
        };
        let default = (!c.ack_timeout.is_zero()).then(|| shift(c.now, c.ack_timeout.duration()));
        again.then(|| Change::Acknowledged {
            until: wanted.or(default),
            note,
            assignee: c.user.cloned(),
        })
    }

    fn decide_reopen(&self, c: &Circumstances<'_>) -> Result<Option<Change>> {
        if self.is_open() {
            return Ok(None);
        }
        if let Some(into) = self.merged_into {
            return Err(self.is_part_of(into, "reopened"));
        }
        match c.key_taken_by {
            Some(other) => Err(Error::refused(format!(
                "{} cannot be reopened: {other} is open for the same alert.",
                self.id
            ))
            .hint(format!("Act on {other} instead."))),
            None => Ok(Some(triggered(UpdateReason::Reopened))),
        }
    }

    fn is_held_by(&self, c: &Circumstances<'_>) -> bool {
        self.acknowledged_by.as_ref() == Some(c.actor)
    }

    /// # Errors
    /// `Refused` if it is resolved and cannot be `what`.
    pub fn check_open(&self, what: &str) -> Result<()> {
        if self.is_open() { Ok(()) } else { Err(self.is_resolved(what)) }
    }

    pub(super) fn is_resolved(&self, what: &str) -> Error {
        if let Some(into) = self.merged_into {
            return self.is_part_of(into, what);
        }
        Error::refused(format!("{} is resolved and cannot be {what}.", self.id))
            .hint(format!("Reopen it first: incidentd reopen {}", self.id))
    }
}

fn triggered(reason: UpdateReason) -> Change {
    Change::Updated(Update::triggered(reason))
}

#[cfg(test)]
mod tests {
    use super::super::incident::tests::{at, incident};
    use super::*;
    use crate::domain::id::{IncidentId, UserId};
    use crate::error::Kind;

    fn person(id: i64, name: &str) -> UserRef {
        UserRef { id: UserId(id), username: name.into(), name: name.into() }
    }

    fn act(incident: &mut Incident, who: &UserRef, action: &Action, minute: i64) -> Result<bool> {
        let actor = Actor::user(who);
        let to = person(3, "carol");
        let c = Circumstances {
            actor: &actor,
            user: Some(who),
            to: Some(&to),
            into: None,
            now: at(minute),
            ack_timeout: Span::secs(8 * 3_600),
            firing: incident.firing_count,
            key_taken_by: None,
        };
        let change = incident.decide(action, &c)?;
        if let Some(change) = &change {
            incident.apply(change, &actor, at(minute));
        }
        Ok(change.is_some())
    }

    fn ack(take: bool) -> Action {
        Action::Acknowledge { span: None, until: None, note: None, take }
    }

    #[test]
    fn the_second_to_acknowledge_sees_who_did_and_may_take_it() {
        let (alice, bob, mut it) = (person(1, "alice"), person(2, "bob"), incident());
        assert!(act(&mut it, &alice, &ack(false), 1).expect("acknowledged"));
        assert_eq!(it.acknowledged_until, Some(at(481)));
        assert!(!act(&mut it, &alice, &ack(false), 2).expect("already so"));
        assert!(!act(&mut it, &bob, &ack(false), 2).expect("alice has it"));
        assert_eq!(it.acknowledged_by.as_ref().map(|by| by.name.as_str()), Some("alice"));
        let longer = Action::Acknowledge {
            span: Some(Span::secs(7_200)),
            until: None,
            note: None,
            take: false,
        };
        assert!(act(&mut it, &alice, &longer, 3).expect("re-timed"));
        assert_eq!(it.acknowledged_until, Some(at(123)));
        assert!(act(&mut it, &bob, &ack(true), 4).expect("taken"));
        assert_eq!(it.acknowledged_by.as_ref().map(|by| by.name.as_str()), Some("bob"));
    }

    #[test]
    fn a_resolve_while_it_fires_is_held_and_ends_everything() {
        let (alice, mut it) = (person(1, "alice"), incident());
        assert!(act(&mut it, &alice, &ack(false), 0).expect("acknowledged"));
        let resolve = Action::Resolve { note: Some("cleaned".into()), hold: None };
        assert!(act(&mut it, &alice, &resolve, 1).expect("resolved"));
        assert_eq!(it.held_until, Some(at(61)));
        assert!(!act(&mut it, &alice, &resolve, 2).expect("already so"));
        assert!(
            !act(&mut it, &alice, &ack(false), 2).expect("acks of what is resolved: no change")
        );
        let snooze = Action::Snooze { span: Some(Span::secs(60)), until: None };
        let refused = act(&mut it, &alice, &snooze, 2).expect_err("resolved");
        assert_eq!(refused.kind, Kind::Refused);
        assert!(refused.hint.is_some_and(|hint| hint.contains("reopen 42")));
        assert!(act(&mut it, &alice, &Action::Reopen {}, 3).expect("reopened"));
        assert_eq!((it.status, it.held_until, it.resolved_at), (Status::Triggered, None, None));
    }

    #[test]
    fn reassigning_triggers_for_the_new_assignee() {
        let (alice, mut it) = (person(1, "alice"), incident());
        assert!(act(&mut it, &alice, &ack(false), 0).expect("acknowledged"));
        let to_carol = Action::Reassign { to: "carol".into(), reason: None };
        assert!(act(&mut it, &alice, &to_carol, 1).expect("reassigned"));
        assert_eq!(it.status, Status::Triggered);
        assert_eq!(it.assignees, [person(3, "carol")]);
        assert!(!act(&mut it, &alice, &to_carol, 2).expect("already so"));
    }

    #[test]
    fn a_taken_key_forbids_a_reopen() {
        let mut it = incident();
        it.status = Status::Resolved;
        let c = Circumstances {
            actor: &Actor::host(),
            user: None,
            to: None,
            into: None,
            now: at(0),
            ack_timeout: Span::secs(0),
            firing: 0,
            key_taken_by: Some(IncidentId(43)),
        };
        let refused = it.decide(&Action::Reopen {}, &c).expect_err("43 has the key");
        assert!(refused.to_string().contains("43"));
    }

    #[test]
    fn moments_lie_ahead() {
        let past = Action::Snooze { span: None, until: Some(at(-1)) };
        let error = act(&mut incident(), &person(1, "a"), &past, 0).expect_err("in the past");
        assert_eq!(error.fields[0].field, "until");
        let wire: Action =
            serde_json::from_str(r#"{"action":"acknowledge","for":"2h"}"#).expect("ok");
        assert!(
            matches!(wire, Action::Acknowledge { span: Some(s), .. } if s == Span::secs(7_200))
        );
        assert!(serde_json::from_str::<Action>(r#"{"action":"resolve","x":1}"#).is_err());
    }
}
