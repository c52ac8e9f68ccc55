//! The list: which incidents are known, which are seen and in what order, which is selected. A
//! selection belongs to an id; the row under it keeps its place until it is left.
use std::collections::{BTreeSet, HashMap};

use crate::domain::words::Standing;
use crate::domain::{Incident, IncidentId, Status, TeamId};

use super::filter::Filter;

/// Resolved incidents that are remembered, so that a late page of a snapshot does not bring them
/// back.
const MAX_RESOLVED: usize = 2_000;

/// An incident, and what is searched of it.
pub struct Row {
    pub incident: Incident,
    haystack: String,
    /// It is being acted upon; nothing is known of the outcome.
    pub pending: bool,
}

/// Where a row stands: need first, then the oldest; what is over the newest first.
type Place = (Standing, i64, i64);

fn place(incident: &Incident) -> Place {
    let standing = Standing::of(incident);
    let created = incident.created_at.as_millisecond();
    let id = incident.id.0;
    if standing == Standing::Resolved { (standing, -created, -id) } else { (standing, created, id) }
}

/// How many of what, over all that my team tab shows, whatever the filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub unanswered: usize,
    pub low: usize,
    pub acked: usize,
    pub open: usize,
    /// Unanswered, of high urgency, and of another team than the tab's.
    pub elsewhere: usize,
}

#[derive(Default)]
pub struct Board {
    rows: HashMap<IncidentId, Row>,
    order: Vec<IncidentId>,
    counts: Counts,
    selected: Option<IncidentId>,
    /// The place of the selected row, until it is left.
    held: Option<Place>,
    /// Where the selection was, should its incident go.
    index: usize,
    /// It went: nothing is selected until somebody moves.
    gone: bool,
    /// What was let go of, and is found again by whoever moves.
    left: Option<IncidentId>,
    pub marked: BTreeSet<IncidentId>,
    filter: Filter,
    /// What is over is shown, in place of what is open.
    pub over: bool,
    /// The team that is shown; none: all.
    team: Option<String>,
    /// The first visible line, and how many there are.
    pub top: usize,
    pub height: usize,
    changed: bool,
}

impl Board {
    #[must_use]
    pub fn get(&self, id: IncidentId) -> Option<&Incident> {
        self.rows.get(&id).map(|row| &row.incident)
    }

    #[must_use]
    pub fn row(&self, id: IncidentId) -> Option<&Row> {
        self.rows.get(&id)
    }

    #[must_use]
    pub fn order(&self) -> &[IncidentId] {
        &self.order
    }

    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    #[must_use]
    pub const fn selected(&self) -> Option<IncidentId> {
        self.selected
    }

    #[must_use]
    pub const fn filter(&self) -> &Filter {
        &self.filter
    }

    #[must_use]
    pub fn team(&self) -> Option<&str> {
        self.team.as_deref()
    }

    /// Takes what is newer than what is known. True if it was.
    pub fn take(&mut self, incident: Incident) -> bool {
        let id = incident.id;
        if self.rows.get(&id).is_some_and(|known| known.incident.seq >= incident.seq) {
            return false;
        }
        let pending = self.rows.get(&id).is_some_and(|known| known.pending);
        let haystack = Filter::haystack(&incident);
        self.rows.insert(id, Row { incident, haystack, pending });
        self.changed = true;
        true
    }

    /// A snapshot begins: what it does not hold is no longer open. Returns the selected incident
    /// if nothing is known of it now.
    pub fn replace(&mut self, incidents: Vec<Incident>) -> Option<IncidentId> {
        let selected = self.selected.and_then(|id| self.rows.remove(&id).map(|row| (id, row)));
        self.rows.clear();
        self.changed = true;
        for incident in incidents {
            self.take(incident);
        }
        let gone = selected.filter(|(id, _)| !self.rows.contains_key(id)).map(|(id, row)| {
            self.rows.insert(id, row);
            id
        });
        self.marked.retain(|id| self.rows.contains_key(id));
        gone
    }

    pub fn forget(&mut self, id: IncidentId) {
        self.rows.remove(&id);
        self.marked.remove(&id);
        self.changed = true;
    }

    pub fn forget_team(&mut self, team: TeamId) {
        self.rows.retain(|_, row| row.incident.team.id != team);
        self.changed = true;
    }

    pub fn set_pending(&mut self, ids: &[IncidentId], pending: bool) {
        for id in ids {
            if let Some(row) = self.rows.get_mut(id) {
                row.pending = pending;
            }
        }
    }

    pub fn set_filter(&mut self, filter: Filter) {
        self.filter = filter;
        self.top = 0;
        self.changed = true;
        if !self.selected.is_some_and(|id| self.passes(id)) {
            self.select_first();
        }
    }

    /// What was selected is not seen any more.
    fn select_first(&mut self) {
        self.selected = None;
        self.held = None;
        self.changed = true;
        self.arrange();
        self.select_at(0);
    }

    /// The teams of what is known, by slug.
    #[must_use]
    pub fn teams(&self) -> Vec<String> {
        let teams: BTreeSet<&str> =
            self.rows.values().map(|row| row.incident.team.slug.as_str()).collect();
        teams.into_iter().map(str::to_owned).collect()
    }

    /// Shows what is over, or what is open.
    pub fn show_over(&mut self, over: bool) {
        self.over = over;
        self.select_first();
    }

    /// Shows one team, or all.
    pub fn show_team(&mut self, team: Option<String>) {
        self.team = team;
        self.select_first();
    }

    fn passes(&self, id: IncidentId) -> bool {
        self.rows.get(&id).is_some_and(|row| {
            self.in_team(&row.incident) && self.filter.accepts(&row.incident, &row.haystack)
        })
    }

    /// Is it shown whatever is selected?
    fn is_listed(&self, id: IncidentId) -> bool {
        let sort = self.get(id).is_some_and(|incident| incident.is_open() != self.over);
        sort && self.passes(id)
    }

    fn in_team(&self, incident: &Incident) -> bool {
        self.team.as_ref().is_none_or(|team| *team == incident.team.slug)
    }

    /// Puts the rows in order, if something changed. The selected row stays on its line.
    pub fn arrange(&mut self) {
        if !std::mem::take(&mut self.changed) {
            return;
        }
        self.shed();
        let line = self.position().map(|at| at.saturating_sub(self.top));
        let mut counts = Counts::default();
        let mut placed: Vec<(Place, IncidentId)> = Vec::with_capacity(self.rows.len());
        for (id, row) in &self.rows {
            let incident = &row.incident;
            let is_selected = self.selected == Some(*id);
            let here = self.in_team(incident);
            if here && incident.is_open() {
                counts.open += 1;
                match Standing::of(incident) {
                    Standing::Acknowledged | Standing::Snoozed => counts.acked += 1,
                    Standing::Low => {
                        counts.unanswered += 1;
                        counts.low += 1;
                    }
                    _ => counts.unanswered += 1,
                }
            }
            if !here && matches!(Standing::of(incident), Standing::Untold | Standing::High) {
                counts.elsewhere += 1;
            }
            if !is_selected && (!here || incident.is_open() == self.over) {
                continue;
            }
            if is_selected {
                placed.push((self.held.unwrap_or_else(|| place(incident)), *id));
            } else if self.filter.accepts(incident, &row.haystack) {
                placed.push((place(incident), *id));
            }
        }
        placed.sort_unstable();
        self.counts = counts;
        self.order = placed.into_iter().map(|(_, id)| id).collect();
        match (self.selected, line) {
            (None, _) if !self.gone => self.select_at(0),
            (Some(_), Some(line)) => {
                if let Some(at) = self.position() {
                    self.index = at;
                    self.top = at.saturating_sub(line);
                } else {
                    // It is gone: no key hits what came in its place.
                    self.selected = None;
                    self.held = None;
                    self.gone = true;
                }
            }
            _ => {}
        }
        self.scroll();
    }

    /// Lets go of the oldest that are over.
    fn shed(&mut self) {
        let mut over: Vec<_> = self
            .rows
            .values()
            .filter(|row| row.incident.status == Status::Resolved)
            .map(|row| (row.incident.seq, row.incident.id))
            .collect();
        if over.len() > MAX_RESOLVED {
            over.sort_unstable();
            let many = over.len() - MAX_RESOLVED / 2;
            for (_, id) in over.into_iter().take(many).filter(|(_, id)| self.selected != Some(*id))
            {
                self.rows.remove(&id);
            }
        }
    }

    /// Where the selected row is.
    #[must_use]
    pub fn position(&self) -> Option<usize> {
        let selected = self.selected?;
        // Most often it is where it was.
        if self.order.get(self.index) == Some(&selected) {
            return Some(self.index);
        }
        self.place_of(selected)
    }

    fn place_of(&self, id: IncidentId) -> Option<usize> {
        self.order.iter().position(|known| *known == id)
    }

    /// Selects the row at `at`, or the last. What was left finds its own place.
    pub fn select_at(&mut self, at: usize) {
        self.index = at.min(self.order.len().saturating_sub(1));
        self.gone = false;
        self.left = None;
        let next = self.order.get(self.index).copied();
        if next != self.selected {
            // Ten thousand rows are not sorted anew for one that stays where it is.
            self.changed |= !self.is_in_place();
            self.selected = next;
            self.held = next.and_then(|id| self.get(id)).map(place);
        }
        self.scroll();
    }

    /// Would the selected row be where it is if it were not selected?
    fn is_in_place(&self) -> bool {
        let Some(id) = self.selected else { return true };
        self.get(id).is_some_and(|incident| self.held == Some(place(incident)))
            && self.is_listed(id)
    }

    /// Nothing is selected until somebody moves.
    pub fn let_go(&mut self) {
        self.changed |= !self.is_in_place();
        self.left = self.selected.take();
        self.held = None;
        self.gone = true;
    }

    pub fn select(&mut self, id: IncidentId) {
        if let Some(at) = self.place_of(id) {
            self.select_at(at);
        }
    }

    /// Moves by so many rows; from where the selection was, if it is gone.
    pub fn step(&mut self, by: isize) {
        let at = match self.position() {
            Some(at) => at.saturating_add_signed(by),
            None => self.left.and_then(|id| self.place_of(id)).unwrap_or(self.index),
        };
        self.select_at(at);
    }

    fn scroll(&mut self) {
        let height = self.height.max(1);
        let last = self.order.len().saturating_sub(height);
        let at = self.position().unwrap_or(self.index);
        self.top = self.top.min(at).max((at + 1).saturating_sub(height)).min(last);
    }

    pub fn resize(&mut self, height: usize) {
        if self.height != height {
            self.height = height;
            self.scroll();
        }
    }

    pub fn toggle_mark(&mut self) {
        if let Some(id) = self.selected
            && !self.marked.remove(&id)
        {
            self.marked.insert(id);
        }
    }

    /// What a key would act upon: the marked, else the selected.
    #[must_use]
    pub fn targets(&self) -> Vec<IncidentId> {
        if self.marked.is_empty() {
            return self.selected.into_iter().collect();
        }
        self.marked.iter().copied().filter(|id| self.rows.contains_key(id)).collect()
    }

    /// How many of `ids` are not seen at the moment.
    #[must_use]
    pub fn hidden(&self, ids: &[IncidentId]) -> usize {
        let seen: BTreeSet<&IncidentId> = self.order.iter().collect();
        ids.iter().filter(|id| !seen.contains(id)).count()
    }
}
