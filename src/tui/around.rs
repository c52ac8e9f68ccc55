//! What is known beside the incidents: who is on call, which teams are mine, who belongs to them.
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::Known;
use super::effect::Effect;
use super::state::{Link, State};
use crate::api::overview::{Overview, Unreachable};
use crate::api::schedules::OnCall;
use crate::client::Ours;
use crate::domain::IncidentId;

/// No event tells of a changed schedule or team.
const ASK_EVERY: Duration = Duration::from_mins(3);
/// Incidents that are offered to a command.
const OFFERED: usize = 50;

#[derive(Debug, Default)]
pub struct Around {
    pub on_call: Vec<OnCall>,
    pub(super) unreachable: Vec<Unreachable>,
    /// My teams, by slug.
    pub teams: Vec<String>,
    /// Whose addresses of incidents mean ours.
    pub(super) server: Ours,
    /// A team's people, by their usernames.
    people: BTreeMap<String, Vec<String>>,
    asked: Option<Duration>,
    /// The next moment at which somebody else is on call.
    handoff: Option<Timestamp>,
}

/// What the server said of it.
#[derive(Debug)]
pub struct Found {
    pub overview: Overview,
    pub teams: Vec<String>,
    pub server: Ours,
}

impl Around {
    pub(super) fn learn(&mut self, found: Found, now: Timestamp) {
        self.handoff =
            found.overview.on_call.iter().filter_map(|one| one.until).filter(|at| *at > now).min();
        self.on_call = found.overview.on_call;
        self.unreachable = found.overview.unreachable;
        self.teams = found.teams;
        self.server = found.server;
    }

    pub(super) fn meet(&mut self, team: String, people: Vec<String>) {
        self.people.insert(team, people);
    }

    /// Ask again with the next look.
    pub(super) fn doubt(&mut self) {
        self.asked = None;
        self.people.clear();
    }
}

impl State {
    /// Asks who is on call when that may have changed.
    pub(super) fn look_around(&mut self) {
        let (now, boot) = (self.now(), self.boot());
        let around = &mut self.around;
        let old = around.asked.is_none_or(|at| boot.saturating_sub(at) > ASK_EVERY);
        let over = around.handoff.is_some_and(|at| at <= now);
        if matches!(self.link, Link::Live) && (old || over) {
            around.asked = Some(boot);
            around.handoff = None;
            self.effects.push(Effect::LookAround);
        }
    }

    /// My turn, now or soon, in which nothing would reach me.
    #[must_use]
    pub fn unreached(&self) -> Option<&Unreachable> {
        let me = self.me.as_ref()?.id;
        self.around.unreachable.iter().find(|one| one.user.id == me)
    }

    /// The teams that there is something to see of, by slug.
    #[must_use]
    pub fn teams(&self) -> Vec<String> {
        if !self.settings.teams.is_empty() {
            return self.settings.teams.clone();
        }
        let mut teams: BTreeSet<String> = self.board.teams().into_iter().collect();
        teams.extend(self.around.teams.iter().cloned());
        teams.into_iter().collect()
    }

    /// The teams that are looked at now; none: all.
    #[must_use]
    pub fn teams_shown(&self) -> Vec<String> {
        match self.board.team() {
            Some(team) => vec![team.to_owned()],
            None => self.settings.teams.clone(),
        }
    }

    /// Who may be given these incidents, as far as it is known.
    #[must_use]
    pub fn candidates(&self, ids: &[IncidentId]) -> Vec<&str> {
        let teams = self.teams_of(ids);
        let people = teams.iter().filter_map(|team| self.around.people.get(*team));
        let people: BTreeSet<&str> = people.flatten().map(String::as_str).collect();
        people.into_iter().collect()
    }

    /// What a command may name.
    pub(super) fn known(&self) -> Known {
        let mut known = Known { teams: self.teams(), ..Known::default() };
        let (mut services, mut people) = (BTreeSet::new(), BTreeSet::new());
        for id in self.board.order() {
            let Some(incident) = self.board.get(*id) else { continue };
            let ids = if incident.is_open() { &mut known.open } else { &mut known.resolved };
            if ids.len() < OFFERED {
                ids.push(id.to_string());
            }
            services.extend(incident.service.as_ref().map(|service| service.slug.as_str()));
            people.extend(incident.assignees.iter().map(|user| user.username.as_str()));
        }
        let duties = self.around.on_call.iter();
        people.extend(duties.filter_map(|one| one.user.as_ref()).map(|user| &*user.username));
        people.extend(self.around.people.values().flatten().map(String::as_str));
        known.services = services.into_iter().map(str::to_owned).collect();
        known.people = people.into_iter().map(str::to_owned).collect();
        known
    }

    /// Asks who belongs to the teams of these incidents.
    pub(super) fn meet_people(&mut self, ids: &[IncidentId]) {
        let teams = self.teams_of(ids);
        let strangers = teams.into_iter().filter(|team| !self.around.people.contains_key(*team));
        let asks: Vec<Effect> = strangers.map(|team| Effect::Meet(team.to_owned())).collect();
        self.effects.extend(asks);
    }

    fn teams_of(&self, ids: &[IncidentId]) -> BTreeSet<&str> {
        let incidents = ids.iter().filter_map(|id| self.board.get(*id));
        incidents.map(|incident| incident.team.slug.as_str()).collect()
    }
}
