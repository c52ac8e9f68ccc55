//! Acting: what is asked for, what came of it, and how to take it back.
use super::effect::{Asked, Effect};
use super::prompt::Prompt;
use super::state::{State, Tone};
use super::view::text::moment;
use crate::api::incidents::Acted;
use crate::domain::{Action, Actor, Incident, IncidentId, Status};
use crate::error::{Error, Kind, Result};

/// Things done that are remembered.
const MAX_UNDO: usize = 50;

/// What takes one incident back to where it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Back {
    id: IncidentId,
    actions: Vec<Action>,
    /// As it was left: if it is not so any more, somebody else was there.
    left: (Status, Option<Actor>),
}

/// One thing that was done, maybe to several; empty: it cannot be taken back.
pub type Undo = Vec<Back>;

fn state_of(incident: &Incident) -> (Status, Option<Actor>) {
    let by = match incident.status {
        Status::Triggered => None,
        Status::Acknowledged => incident.acknowledged_by.clone(),
        Status::Resolved => incident.resolved_by.clone(),
    };
    (incident.status, by)
}

const fn acknowledge() -> Action {
    Action::Acknowledge { span: None, until: None, note: None, take: false }
}

/// What undoes `action`, if anything does. `mine`: I had it.
fn inverse(action: &Action, before: &Incident, mine: bool) -> Option<Vec<Action>> {
    let plain_ack = before.snoozed_until.is_none();
    match (action, before.status) {
        (Action::Acknowledge { .. } | Action::Snooze { .. }, Status::Triggered) => {
            Some(vec![Action::Unacknowledge {}])
        }
        (Action::Snooze { .. }, Status::Acknowledged) if mine && plain_ack => {
            Some(vec![acknowledge()])
        }
        (Action::Resolve { .. }, Status::Triggered) => Some(vec![Action::Reopen {}]),
        (Action::Resolve { .. }, Status::Acknowledged) if mine && plain_ack => {
            Some(vec![Action::Reopen {}, acknowledge()])
        }
        (Action::Resolve { .. }, Status::Acknowledged) => Some(vec![Action::Reopen {}]),
        (
            Action::Unacknowledge {} | Action::Reassign { .. } | Action::Escalate {},
            Status::Acknowledged,
        ) if mine && plain_ack => Some(vec![acknowledge()]),
        (Action::Reopen {}, Status::Resolved) => {
            Some(vec![Action::Resolve { note: before.resolution_note.clone(), hold: None }])
        }
        (Action::Reassign { .. }, Status::Triggered) => match before.assignees.as_slice() {
            [one] => {
                let to = one.username.clone();
                Some(vec![Action::Reassign { to, reason: None }])
            }
            _ => None,
        },
        (Action::Urgency { .. }, _) => Some(vec![Action::Urgency { to: before.urgency }]),
        _ => None,
    }
}

/// As in "Acknowledge 3 incidents?", and in "Acknowledged 3 incidents."
const fn verb(action: &Action) -> (&'static str, &'static str) {
    match action {
        Action::Acknowledge { .. } => ("Acknowledge", "Acknowledged"),
        Action::Resolve { .. } => ("Resolve", "Resolved"),
        Action::Unacknowledge {} => ("Give back", "Gave back"),
        Action::Reopen {} => ("Reopen", "Reopened"),
        Action::Reassign { .. } => ("Reassign", "Reassigned"),
        Action::AddNote { .. } => ("Add the note to", "Added the note to"),
        Action::Snooze { .. } => ("Snooze", "Snoozed"),
        Action::Urgency { .. } => ("Change the urgency of", "Changed the urgency of"),
        Action::Escalate {} => ("Escalate", "Escalated"),
        Action::Merge { .. } => ("Merge", "Merged"),
    }
}

impl State {
    /// Acts; on more than one only after asking.
    pub(super) fn act(&mut self, ids: Vec<IncidentId>, action: Action) {
        // It is not about this.
        self.message = None;
        self.ask(Asked { ids, actions: vec![action], undoes: false, before: Vec::new() });
    }

    fn ask(&mut self, asked: Asked) {
        if self.settings.readonly {
            return self.refuse();
        }
        if asked.ids.is_empty() {
            return self.say(Tone::Plain, "Nothing is selected.");
        }
        if asked.ids.len() > 1 {
            let verb = match asked.actions.first() {
                Some(action) if !asked.undoes => verb(action).0,
                _ => "Take back",
            };
            let hidden = match self.board.hidden(&asked.ids) {
                0 => String::new(),
                hidden => format!(" ({hidden} of them not on the screen)"),
            };
            let question = format!("{verb} {} incidents?{hidden}", asked.ids.len());
            self.prompt = Some(Prompt::Confirm { question, asked: Box::new(asked) });
            return;
        }
        self.start(asked);
    }

    /// Begins what was asked for, and confirmed if need was.
    pub(super) fn start(&mut self, mut asked: Asked) {
        asked.before = asked.ids.iter().filter_map(|id| self.board.get(*id)).cloned().collect();
        self.board.set_pending(&asked.ids, true);
        self.effects.push(Effect::Act(Box::new(asked)));
    }

    /// What came of it, in words, after the commit.
    pub(super) fn acted(&mut self, asked: &Asked, results: Vec<(IncidentId, Result<Acted>)>) {
        self.board.set_pending(&asked.ids, false);
        let (now, zone) = (self.now(), self.settings.zone.clone());
        let mut undo = Undo::new();
        let mut failures: Vec<(IncidentId, Error)> = Vec::new();
        let (mut done, mut changed, mut words) = (0, false, String::new());
        for (id, result) in results {
            match result {
                Ok(acted) => {
                    done += 1;
                    words = match asked.actions.as_slice() {
                        [action] => acted.said(action, &|at| moment(at, now, &zone, false)),
                        _ => acted.message,
                    };
                    changed |= acted.changed;
                    let back = self.way_back(asked, &acted.incident, acted.changed);
                    undo.extend(back);
                    self.board.marked.remove(&id);
                    self.board.take(acted.incident);
                }
                Err(error) => failures.push((id, error)),
            }
        }
        if done > 1 {
            let did = asked.actions.last().map_or("", |action| verb(action).1);
            words = format!("{did} {done} incidents.");
        }
        if asked.undoes && done > 0 {
            words = format!("Taken back. {words}");
        }
        if !undo.is_empty() {
            words.push_str(" u undo");
        }
        // What cannot be taken back stands before what was done earlier.
        if changed && !asked.undoes {
            self.undo.push(undo);
            if self.undo.len() > MAX_UNDO {
                self.undo.remove(0);
            }
        }
        match failures.as_slice() {
            [] => self.say(Tone::Plain, words),
            [(id, error)] if done == 0 => {
                let text = match error.kind {
                    Kind::Unreachable => format!("No answer for {id}. Trying again is safe."),
                    _ => error.to_string(),
                };
                self.say(Tone::Bad, text);
            }
            [(_, first), ..] => {
                let count = failures.len();
                self.say(Tone::Bad, format!("{words} {count} failed: {first}").trim().to_owned());
            }
        }
    }

    fn way_back(&self, asked: &Asked, after: &Incident, changed: bool) -> Option<Back> {
        let before = asked.before.iter().find(|incident| incident.id == after.id)?;
        let [action] = asked.actions.as_slice() else { return None };
        if asked.undoes || !changed {
            return None;
        }
        let me = self.me.as_ref();
        let mine = before
            .acknowledged_by
            .as_ref()
            .is_some_and(|by| me.is_some_and(|me| by.user_id() == Some(me.id)));
        let actions = inverse(action, before, mine)?;
        Some(Back { id: after.id, actions, left: state_of(after) })
    }

    /// Takes back what I did last, unless somebody was there since.
    pub(super) fn undo(&mut self) {
        let Some(last) = self.undo.pop() else {
            return self.say(Tone::Plain, "There is nothing to undo.");
        };
        if last.is_empty() {
            let more = if self.undo.is_empty() { "" } else { " u again: what came before it." };
            return self.say(Tone::Plain, format!("What you did last cannot be taken back.{more}"));
        }
        let as_left = |back: &Back| {
            self.board.get(back.id).is_none_or(|incident| state_of(incident) == back.left)
        };
        let (good, late): (Undo, Undo) = last.into_iter().partition(as_left);
        if let Some(back) = late.first() {
            let id = back.id;
            self.say(Tone::Bad, format!("{id} has changed since; it is left as it is."));
        }
        let Some(Back { actions, .. }) = good.first() else { return };
        // All of one kind go together; others wait for the next u.
        let actions = actions.clone();
        let (now, later): (Undo, Undo) = good.into_iter().partition(|back| back.actions == actions);
        if !later.is_empty() {
            self.undo.push(later);
        }
        let ids = now.into_iter().map(|back| back.id).collect();
        self.ask(Asked { ids, actions, undoes: true, before: Vec::new() });
    }
}
