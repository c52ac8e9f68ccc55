//! Acting: what is asked for, what came of it, and how to take it back.
use super::effect::{Asked, Effect};
use super::prompt::{Entry, Prompt, What};
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
    /// What was done.
    did: &'static str,
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

/// As in "Acknowledge 3 incidents?", and in "Undone: acknowledged 3 incidents."
const fn verb(action: &Action) -> (&'static str, &'static str) {
    match action {
        Action::Acknowledge { .. } => ("Acknowledge", "acknowledged"),
        Action::Resolve { .. } => ("Resolve", "resolved"),
        Action::Unacknowledge {} => ("Give back", "gave back"),
        Action::Reopen {} => ("Reopen", "reopened"),
        Action::Reassign { .. } => ("Reassign", "reassigned"),
        Action::AddNote { .. } => ("Add the note to", "added the note to"),
        Action::Snooze { .. } => ("Snooze", "snoozed"),
        Action::Urgency { .. } => ("Change the urgency of", "changed the urgency of"),
        Action::Escalate {} => ("Escalate", "escalated"),
        Action::Merge { .. } => ("Merge", "merged"),
    }
}

/// As a sentence begins.
fn begun(words: &str) -> String {
    let mut rest = words.chars();
    rest.next()
        .map_or_else(String::new, |first| format!("{}{}", first.to_uppercase(), rest.as_str()))
}

/// Where several were merged, and what became of that.
fn went(asked: &Asked, said: &str) -> String {
    let [Action::Merge { into }] = *asked.actions else { return ".".into() };
    let end = format!(" into {into}.");
    let more = said.split_once(&end).map_or("", |(_, more)| more);
    format!("{end}{more}")
}

/// Why nothing came of what was typed, as whoever typed it reads it.
fn mistaken(entry: &Entry, id: IncidentId, error: &Error) -> String {
    let Entry { what, text, .. } = entry;
    match (error.kind, what) {
        (Kind::Unreachable, _) => no_answer(id),
        (Kind::NotFound, Some(What::Assignee)) => {
            format!("Nobody called `{text}` may have it. Type a username, or me.")
        }
        (Kind::Invalid, _) => match (error.fields.first(), what) {
            (Some(field), None) => format!("{} {}.", named(&field.field), field.message),
            (Some(field), Some(What::Assignee | What::Snooze)) => {
                format!("`{text}` {}.", field.message)
            }
            (Some(field), _) => format!("The note {}.", field.message),
            (None, _) => error.to_string(),
        },
        _ => error.to_string(),
    }
}

/// A field as a command has it.
fn named(field: &str) -> String {
    if field == "body" { "The note".into() } else { format!("--{field}") }
}

fn no_answer(id: IncidentId) -> String {
    format!("No answer for {id}. Trying again is safe.")
}

impl State {
    /// Acts; on more than one only after asking.
    pub(super) fn act(&mut self, ids: Vec<IncidentId>, action: Action) {
        self.act_as_typed(ids, action, None);
    }

    /// The same, of what was typed into a prompt.
    pub(super) fn act_as_typed(
        &mut self,
        ids: Vec<IncidentId>,
        action: Action,
        entry: Option<Entry>,
    ) {
        // It is not about this.
        self.message = None;
        let actions = vec![action];
        self.ask(Asked { ids, actions, entry, undoes: None, before: Vec::new(), cursor: None });
    }

    fn ask(&mut self, asked: Asked) {
        if self.settings.readonly {
            return self.refuse();
        }
        if asked.ids.is_empty() {
            return self.say(Tone::Plain, "Nothing is selected.");
        }
        if asked.ids.len() > 1 {
            let does = match (asked.undoes, asked.actions.first()) {
                (None, Some(action)) => verb(action).0.to_owned(),
                (did, _) => format!("Undo that you {}", did.unwrap_or_default()),
            };
            let hidden = match self.board.hidden(&asked.ids) {
                0 => String::new(),
                hidden => format!(" ({hidden} of them not on the screen)"),
            };
            let into = match *asked.actions {
                [Action::Merge { into }] => format!(" into {into}"),
                _ => String::new(),
            };
            let question = format!("{does} {} incidents{into}?{hidden}", asked.ids.len());
            self.prompt = Some(Prompt::Confirm { question, asked: Box::new(asked) });
            return;
        }
        self.start(asked);
    }

    /// Begins what was asked for, and confirmed if need was.
    pub(super) fn start(&mut self, mut asked: Asked) {
        if let Some(entry) = &mut asked.entry {
            entry.pressed = self.pressed;
        }
        asked.before = asked.ids.iter().filter_map(|id| self.board.get(*id)).cloned().collect();
        asked.cursor = self.board.selected();
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
        let mut was_marked = false;
        for (id, result) in results {
            match result {
                Ok(acted) => {
                    done += 1;
                    let said = match asked.actions.as_slice() {
                        [action] => acted.said(action, &|at| moment(at, now, &zone, false)),
                        _ => acted.message,
                    };
                    // Of several, the one that says most.
                    if said.len() > words.len() {
                        words = said;
                    }
                    changed |= acted.changed;
                    let back = self.way_back(asked, &acted.incident, acted.changed);
                    undo.extend(back);
                    was_marked |= self.board.marked.remove(&id);
                    self.board.take(acted.incident);
                }
                Err(error) => failures.push((id, error)),
            }
        }
        let elsewhere = !asked.cursor.is_some_and(|id| asked.ids.contains(&id));
        if was_marked && elsewhere && asked.cursor == self.board.selected() {
            // A second key must not hit what merely lies under the cursor.
            self.board.let_go();
        }
        let did = asked.undoes.or_else(|| asked.actions.last().map(|action| verb(action).1));
        let did = did.unwrap_or_default();
        words = match (asked.undoes, done, asked.ids.as_slice()) {
            (_, 0, _) | (None, 1, _) => words,
            (Some(_), 1, [id]) => format!("Undone: {did} {id}. {words}"),
            (Some(_), ..) => format!("Undone: {did} {done} incidents."),
            (None, ..) => format!("{} {done} incidents{}", begun(did), went(asked, &words)),
        };
        if !undo.is_empty() {
            words.push_str(" u undo");
        }
        // What cannot be taken back stands before what was done earlier.
        if changed && asked.undoes.is_none() {
            self.undo.push(undo);
            if self.undo.len() > MAX_UNDO {
                self.undo.remove(0);
            }
        }
        match failures.as_slice() {
            [] => self.say(Tone::Plain, words),
            [(id, error), ..]
                if done == 0
                    && let Some(entry) = &asked.entry =>
            {
                let why = self.here(&mistaken(entry, *id, error)).into_owned();
                self.give_back(asked.ids.clone(), entry.clone(), Some(why));
            }
            [(id, Error { kind: Kind::Unreachable, .. })] if done == 0 => {
                self.say(Tone::Bad, no_answer(*id));
            }
            [(_, error)] if done == 0 => self.fail(error),
            [(_, first), ..] => {
                let count = failures.len();
                self.say(Tone::Bad, format!("{words} {count} failed: {first}").trim().to_owned());
            }
        }
    }

    fn way_back(&self, asked: &Asked, after: &Incident, changed: bool) -> Option<Back> {
        let before = asked.before.iter().find(|incident| incident.id == after.id)?;
        let [action] = asked.actions.as_slice() else { return None };
        if asked.undoes.is_some() || !changed {
            return None;
        }
        let me = self.me.as_ref();
        let mine = before
            .acknowledged_by
            .as_ref()
            .is_some_and(|by| me.is_some_and(|me| by.user_id() == Some(me.id)));
        let actions = inverse(action, before, mine)?;
        Some(Back { id: after.id, did: verb(action).1, actions, left: state_of(after) })
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
        let Some(Back { did, actions, .. }) = good.first() else { return };
        // All of one kind go together; others wait for the next u.
        let (did, actions) = (*did, actions.clone());
        let (now, later): (Undo, Undo) = good.into_iter().partition(|back| back.actions == actions);
        if !later.is_empty() {
            self.undo.push(later);
        }
        let ids = now.into_iter().map(|back| back.id).collect();
        self.ask(Asked {
            ids,
            actions,
            entry: None,
            undoes: Some(did),
            before: Vec::new(),
            cursor: None,
        });
    }
}
