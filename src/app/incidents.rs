//! What people do with incidents: one `act` for command line, buttons, links and keys.
use jiff::Timestamp;

use super::intake::take_one;
use super::members::{Origin, back};
use super::{App, Caller, Need};
use crate::api::incidents::{Acted, ListQuery, Order, Outcome, OutcomeStatus, StatusFilter};
use crate::api::live::MAX_TEAMS;
use crate::api::{MAX_PAGE, PAGE};
use crate::domain::action::Circumstances;
use crate::domain::member::MemberView;
use crate::domain::service::UrgencyRule;
use crate::domain::{
    Action, Alert, Change, Incident, IncidentId, Seq, Span, Status, Update, UpdateReason, Urgency,
    UserId,
};
use crate::error::{Error, Result};
use crate::store::{Filter, LogRow, Read, Sort, User, Write};

/// Labels that a list can be narrowed by at once.
const MAX_LABEL_FILTERS: usize = 16;

/// An incident that a person opens.
#[derive(Clone, Debug)]
pub struct NewIncident {
    pub service: String,
    pub alert: Alert,
    pub urgency: Option<Urgency>,
    /// Whom to assign, at once.
    pub to: Option<String>,
}

impl App {
    /// # Errors
    /// `NotFound` for what the caller may not see.
    pub async fn incident(&self, caller: &Caller, id: IncidentId) -> Result<Incident> {
        let (caller, now) = (caller.clone(), self.now());
        self.0
            .store
            .read(move |r| {
                let incident = r.incident(id)?;
                caller.may_on(r, Need::Read, &incident, now)?;
                Ok(incident)
            })
            .await
    }

    /// A page of the incidents that the caller may see, and the next page's cursor.
    ///
    /// # Errors
    /// `NotFound` for a team or service that he may not see.
    pub async fn incidents(
        &self,
        caller: &Caller,
        query: ListQuery,
    ) -> Result<(Vec<Incident>, Option<String>)> {
        caller.must_have(Need::Read)?;
        let (caller, now) = (caller.clone(), self.now());
        self.0
            .store
            .read(move |r| {
                let sight = caller.sight(r, now)?;
                let mut filter = Filter {
                    statuses: StatusFilter::statuses(&query.status),
                    urgency: query.urgency,
                    text: query.q.clone(),
                    labels: label_pairs(&query.label)?,
                    since: query.since,
                    until: query.until,
                    sort: if query.sort == Some(Order::New) { Sort::New } else { Sort::Need },
                    limit: page_size(query.limit)?,
                    cursor: query.cursor.clone(),
                    ..Filter::default()
                };
                if query.team.is_empty() {
                    filter.concerns = sight.user;
                    filter.teams = if sight.everything {
                        r.teams()?.into_iter().map(|team| team.id).collect()
                    } else {
                        sight.teams
                    };
                } else {
                    if query.team.len() > MAX_TEAMS {
                        let why = format!("names more than {MAX_TEAMS} teams");
                        return Err(Error::invalid("team", why));
                    }
                    for name in &query.team {
                        let what = format!("Team `{name}`");
                        let team = r.find_team(name)?.ok_or_else(|| Error::not_found(&what))?;
                        caller.may(r, Need::Read, team.id, &what)?;
                        if !filter.teams.contains(&team.id) {
                            filter.teams.push(team.id);
                        }
                    }
                }
                if let Some(name) = &query.service {
                    let what = format!("Service `{name}`");
                    let service = r.find_service(name)?.ok_or_else(|| Error::not_found(&what))?;
                    caller.may(r, Need::Read, service.team.id, &what)?;
                    filter.service = Some(service.id);
                }
                let Some(name) = &query.assignee else { return r.incidents(&filter) };
                let assignee = person(r.find_username(&named(&caller, name)?)?, name)?;
                filter.assignee = Some(assignee.id);
                let page = r.incidents(&filter)?;
                // Whom the caller neither knows nor meets in what he sees does not exist for him.
                if page.0.is_empty() && !knows(r, &caller, assignee.id)? {
                    return person(None, name).map(|_| page);
                }
                Ok(page)
            })
            .await
    }

    /// An incident's events after `after`, oldest first.
    ///
    /// # Errors
    /// `NotFound` for what the caller may not see.
    pub async fn timeline(
        &self,
        caller: &Caller,
        id: IncidentId,
        after: Seq,
        limit: u32,
    ) -> Result<Vec<LogRow>> {
        let (caller, now) = (caller.clone(), self.now());
        self.0
            .store
            .read(move |r| {
                caller.may_on(r, Need::Read, &r.incident(id)?, now)?;
                r.timeline(id, after, limit)
            })
            .await
    }

    /// An incident's alerts after the one with id `after`.
    ///
    /// # Errors
    /// `NotFound` for what the caller may not see.
    pub async fn alerts(
        &self,
        caller: &Caller,
        id: IncidentId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<MemberView>> {
        let (caller, now) = (caller.clone(), self.now());
        self.0
            .store
            .read(move |r| {
                caller.may_on(r, Need::Read, &r.incident(id)?, now)?;
                r.members(id, after, limit)
            })
            .await
    }

    /// Events after a seq that the caller may see, in order, and the newest seq.
    ///
    /// # Errors
    /// `NotFound` for a team that he may not see.
    pub async fn events(
        &self,
        caller: &Caller,
        after: Seq,
        team: Option<String>,
        limit: u32,
    ) -> Result<(Vec<LogRow>, Seq)> {
        caller.must_have(Need::Read)?;
        let (caller, now) = (caller.clone(), self.now());
        self.0
            .store
            .read(move |r| {
                let mut sight = caller.sight(r, now)?;
                if let Some(name) = &team {
                    let what = format!("Team `{name}`");
                    let team = r.find_team(name)?.ok_or_else(|| Error::not_found(&what))?;
                    caller.may(r, Need::Read, team.id, &what)?;
                    sight = crate::store::Interest { teams: vec![team.id], ..Default::default() };
                }
                Ok((r.page_of_events(&sight, after, limit)?, r.head()?))
            })
            .await
    }

    /// Does `action` to an incident: the one way for people, whatever they press.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Invalid`, or `Refused` where the state forbids it.
    pub async fn act(&self, caller: &Caller, id: IncidentId, action: Action) -> Result<Acted> {
        action.check()?;
        let caller = caller.clone();
        let once = caller.idempotency();
        self.write(move |w| {
            // Before a stored answer, too: who lost his access is told nothing.
            caller.may_on(w, Need::Respond, &w.incident(id)?, w.now())?;
            w.once(once.as_ref(), |w| act(w, &caller, id, &action))
        })
        .await
    }

    /// Does `action` to each incident, one transaction each.
    pub async fn act_on_all(
        &self,
        caller: &Caller,
        ids: Vec<IncidentId>,
        action: &Action,
    ) -> Vec<(IncidentId, Result<Acted>)> {
        let acts = ids.into_iter().map(|id| async move {
            (id, self.act(&caller.for_part(id), id, action.clone()).await)
        });
        futures_util::future::join_all(acts).await
    }

    /// Opens an incident by hand, or counts it into the one that its key has open.
    ///
    /// # Errors
    /// `NotFound` for a service that the caller may not see.
    pub async fn trigger(&self, caller: &Caller, new: NewIncident) -> Result<Outcome> {
        let (by, url) = (caller.clone(), self.0.public_url.clone());
        self.write_once(caller, move |w| trigger(w, &by, &new, &url)).await
    }
}

/// # Errors
/// `Invalid` beyond what a page may hold.
pub fn page_size(limit: Option<u32>) -> Result<u32> {
    match limit {
        Some(limit @ 1..=MAX_PAGE) => Ok(limit),
        None => Ok(PAGE),
        Some(_) => Err(Error::invalid("limit", format!("must be 1 to {MAX_PAGE}"))),
    }
}

fn label_pairs(labels: &[String]) -> Result<Vec<(String, String)>> {
    if labels.len() > MAX_LABEL_FILTERS {
        let why = format!("stands more than {MAX_LABEL_FILTERS} times");
        return Err(Error::invalid("label", why));
    }
    labels
        .iter()
        .map(|label| match label.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
            _ => Err(Error::invalid("label", "must be written name=value")),
        })
        .collect()
}

/// `me` or a name.
fn named(caller: &Caller, name: &str) -> Result<String> {
    match (name, caller.user()) {
        ("me", Some(user)) => Ok(user.username.clone()),
        ("me", None) => Err(Error::invalid("to", "`me` is nobody here; name a user")),
        (name, _) => Ok(name.to_owned()),
    }
}

fn person(found: Option<User>, name: &str) -> Result<User> {
    found.ok_or_else(|| Error::not_found(format_args!("User `{name}`")))
}

fn act(w: &mut Write<'_>, caller: &Caller, id: IncidentId, action: &Action) -> Result<Acted> {
    let mut incident = w.incident(id)?;
    let to = match action {
        Action::Reassign { to, .. } => Some(assignable(w, caller, to, &incident)?),
        _ => None,
    };
    let to = to.as_ref().map(User::reference);
    let actor = caller.actor();
    let ack_timeout = match &incident.service {
        Some(service) => w.service_by_id(service.id)?.rules.ack_timeout,
        None => Span::default(),
    };
    let key_taken_by = match (action, &incident.service) {
        (Action::Reopen {}, Some(service)) => {
            let key = w.dedup_key(id)?;
            w.find_open(service.id, &key)?.filter(|other| *other != id)
        }
        _ => None,
    };
    let circumstances = Circumstances {
        actor: &actor,
        user: caller.user(),
        to: to.as_ref(),
        now: w.now(),
        ack_timeout,
        firing: incident.firing_count,
        key_taken_by,
    };
    let mut change = incident.decide(action, &circumstances)?;
    if let (Action::Reopen {}, Some(Change::Updated(update))) = (action, &mut change) {
        let rule = match &incident.service {
            Some(service) => w.service_by_id(service.id)?.rules.urgency,
            None => UrgencyRule::default(),
        };
        *update = back(w, &incident, update.reason, rule)?;
    }
    let changed = change.is_some();
    if let Some(change) = change {
        w.append(&mut incident, change, &actor)?;
    }
    let message = message(&incident, action, changed, w.now(), &actor.name);
    Ok(Acted { incident, changed, message })
}

/// Somebody who can be given an incident.
fn assignable(w: &Write<'_>, caller: &Caller, to: &str, incident: &Incident) -> Result<User> {
    let user = person(w.find_username(&named(caller, to)?)?, to)?;
    // Outside the team only those whom the caller can see anyway may be named.
    let known = w.find_role(incident.team.id, user.id)?.is_some() || knows(w, caller, user.id)?;
    if !known {
        return Err(Error::not_found(format_args!("User `{to}`")));
    }
    if user.disabled_at.is_some() {
        return Err(Error::refused(format!("{to} is disabled and cannot be assigned.")));
    }
    Ok(user)
}

/// Platform admins know everybody, others themselves and those of their teams.
fn knows(r: &Read<'_>, caller: &Caller, user: UserId) -> Result<bool> {
    let Some(me) = caller.user().filter(|_| !caller.is_platform_admin()) else {
        return Ok(true);
    };
    for team in caller.teams(r)? {
        if r.find_role(team, user)?.is_some() {
            return Ok(true);
        }
    }
    Ok(me.id == user)
}

/// One line for a person: what happened, or who did it when.
fn message(
    incident: &Incident,
    action: &Action,
    changed: bool,
    now: Timestamp,
    me: &str,
) -> String {
    let id = incident.id;
    let ago = |at: Option<Timestamp>| {
        at.map_or_else(String::new, |at| {
            let secs = u32::try_from(now.duration_since(at).as_secs()).unwrap_or(0);
            let rounded = match secs {
                0..60 => secs,
                60..3_600 => secs / 60 * 60,
                3_600..86_400 => secs / 3_600 * 3_600,
                _ => secs / 86_400 * 86_400,
            };
            format!(" {} ago", Span::secs(rounded))
        })
    };
    let by = |actor: Option<&crate::domain::Actor>| match actor {
        Some(actor) if actor.name == me => "you".to_owned(),
        Some(actor) => actor.name.clone(),
        None => "incidentd".to_owned(),
    };
    if !changed {
        return match incident.status {
            Status::Resolved => format!(
                "{id} was already resolved by {}{}.",
                by(incident.resolved_by.as_ref()),
                ago(incident.resolved_at)
            ),
            Status::Acknowledged => format!(
                "{id} was already acknowledged by {}{}.",
                by(incident.acknowledged_by.as_ref()),
                ago(incident.acknowledged_at)
            ),
            Status::Triggered => format!("{id} is triggered already."),
        };
    }
    match action {
        Action::Acknowledge { .. } => format!("Acknowledged {id}."),
        Action::Resolve { .. } => match incident.held_until {
            Some(until) => {
                let (n, verb) = (
                    incident.firing_count,
                    if incident.firing_count == 1 { "fires" } else { "fire" },
                );
                format!("Resolved {id}. {n} still {verb}; back at {until} unless it ends.")
            }
            None => format!("Resolved {id}."),
        },
        Action::Unacknowledge {} => format!("{id} is triggered again."),
        Action::Reopen {} => format!("Reopened {id}."),
        Action::Reassign { .. } => {
            let names: Vec<&str> =
                incident.assignees.iter().map(|user| user.username.as_str()).collect();
            format!("Reassigned {id} to {}.", names.join(", "))
        }
        Action::AddNote { .. } => format!("Added a note to {id}."),
        Action::Snooze { .. } => match incident.snoozed_until {
            Some(until) => format!("Snoozed {id} until {until}."),
            None => format!("Snoozed {id}."),
        },
        Action::Urgency { to } => format!("{id} is now of {} urgency.", to.word()),
    }
}

fn trigger(w: &mut Write<'_>, caller: &Caller, new: &NewIncident, url: &str) -> Result<Outcome> {
    let what = format!("Service `{}`", new.service);
    let service = w.find_service(&new.service)?.ok_or_else(|| Error::not_found(&what))?;
    caller.may(w, Need::Respond, service.team.id, &what)?;
    let origin = Origin { service: &service, integration: None, actor: caller.actor(), url };
    let (mut outcome, _) = take_one(w, &origin, &new.alert)?;
    let Some(id) = outcome.incident_id.filter(|_| outcome.new) else {
        return Ok(outcome);
    };
    let mut incident = w.incident(id)?;
    if let Some(urgency) = new.urgency.filter(|urgency| *urgency != incident.urgency) {
        let mut update = Update::new(UpdateReason::Urgency);
        update.urgency = Some(urgency);
        w.append(&mut incident, Change::Updated(update), &origin.actor)?;
    }
    if let Some(to) = &new.to {
        let user = assignable(w, caller, to, &incident)?;
        let to = vec![user.reference()];
        let change = Change::Reassigned { from: Vec::new(), to, reason: None };
        w.append(&mut incident, change, &origin.actor)?;
    }
    outcome.status = OutcomeStatus::from(incident.status);
    Ok(outcome)
}
