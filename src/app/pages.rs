//! Incidents that people open: of a service, or for somebody.
use super::incidents::{assignable, knows, named, person};
use super::intake::take_one;
use super::members::Origin;
use super::own::own_team;
use super::paging::who;
use super::schedules::seen_schedule;
use super::services::live_service;
use super::teams::live_team;
use super::{App, Caller, Need};
use crate::api::incidents::{Outcome, OutcomeStatus};
use crate::domain::policy::{Target, TargetName};
use crate::domain::user::{TeamRef, UserRef};
use crate::domain::{Actor, Alert, Change, Incident, Update, UpdateReason, Urgency};
use crate::error::{Error, Kind, Result};
use crate::store::{self, Write};

/// An incident that a person opens.
#[derive(Clone, Debug)]
pub struct NewIncident {
    pub service: Option<String>,
    /// Whose it is, if it is of no service and for one person.
    pub team: Option<String>,
    pub alert: Alert,
    pub urgency: Option<Urgency>,
    /// Whom to page at once: a username, `me`, `team:SLUG` or `schedule:SLUG`.
    pub to: Option<String>,
}

impl App {
    /// Opens an incident by hand.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, or `Invalid` if it is for nobody.
    pub async fn trigger(&self, caller: &Caller, new: NewIncident) -> Result<Outcome> {
        let (by, url) = (caller.clone(), self.0.public_url.clone());
        self.write_once(caller, move |w| match &new.service {
            Some(service) => trigger(w, &by, &new, service, &url),
            None => page(w, &by, &new, &url),
        })
        .await
    }
}

fn trigger(
    w: &mut Write<'_>,
    caller: &Caller,
    new: &NewIncident,
    service: &str,
    url: &str,
) -> Result<Outcome> {
    let service = live_service(w, caller, Need::Respond, service)?;
    let origin =
        Origin { service: &service, integration: None, actor: caller.actor(), url, renames: false };
    let (mut outcome, _) = take_one(w, &origin, &new.alert)?;
    let asks = outcome.new || new.to.is_some() || new.urgency.is_some();
    let Some(id) = outcome.incident_id.filter(|_| asks) else {
        return Ok(outcome);
    };
    let mut incident = w.incident(id)?;
    if !incident.is_open() {
        return Ok(outcome);
    }
    if let Some(urgency) = new.urgency.filter(|urgency| *urgency != incident.urgency) {
        let mut update = Update::new(UpdateReason::Urgency);
        update.urgency = Some(urgency);
        w.append(&mut incident, Change::Updated(update), &origin.actor)?;
    }
    if let Some(to) = &new.to {
        let people = match to.parse() {
            Ok(target) => on_duty(w, caller, &target)?.1,
            Err(_) => vec![assignable(w, caller, to, &incident)?.reference()],
        };
        give(w, &mut incident, people, &origin.actor)?;
    }
    outcome.status = OutcomeStatus::from(incident.status);
    Ok(outcome)
}

/// For somebody, of no service.
fn page(w: &mut Write<'_>, caller: &Caller, new: &NewIncident, url: &str) -> Result<Outcome> {
    let to = new.to.as_deref().ok_or_else(|| {
        Error::invalid("service", "is missing; name a service, or somebody by `to`")
    })?;
    let (team, people) = match to.parse::<TargetName>() {
        Ok(TargetName::User(name)) => person_of(w, caller, new, &name)?,
        Ok(target) => on_duty(w, caller, &target)?,
        Err(_) => person_of(w, caller, new, to)?,
    };
    let urgency = new.urgency.unwrap_or(Urgency::High);
    let mut incident = open_for_team(w, &team, &new.alert, urgency, &caller.actor(), url)?;
    give(w, &mut incident, people, &caller.actor())?;
    Ok(Outcome {
        incident_id: Some(incident.id),
        dedup_key: incident.dedup_key,
        status: OutcomeStatus::Triggered,
        new: true,
    })
}

/// Opens an incident of a team that belongs to no service; no alert fires in it.
pub(super) fn open_for_team(
    w: &mut Write<'_>,
    team: &TeamRef,
    alert: &Alert,
    urgency: Urgency,
    actor: &Actor,
    url: &str,
) -> Result<Incident> {
    let key = alert.key.as_ref().unwrap_or(&alert.fingerprint).clone();
    let incident = Incident::opened_for(alert, team, urgency, &key, w.now());
    w.open_incident(store::NewIncident { incident, key: &key }, actor, url)
}

/// They have it, and are paged. Of nobody the ladder takes care.
fn give(w: &mut Write<'_>, incident: &mut Incident, to: Vec<UserRef>, actor: &Actor) -> Result<()> {
    if to.is_empty() {
        return Ok(());
    }
    let change = Change::Reassigned { from: Vec::new(), to, reason: None };
    w.append(incident, change, actor).map(|_| ())
}

/// A team and who of it is meant now.
fn on_duty(w: &Write<'_>, caller: &Caller, target: &TargetName) -> Result<(TeamRef, Vec<UserRef>)> {
    let (team, target) = match target {
        TargetName::Team(slug) => {
            let team = live_team(w, caller, Need::Respond, slug)?;
            (team.reference(), Target::Team(team.id))
        }
        TargetName::Schedule(slug) => {
            let schedule = seen_schedule(w, caller, Need::Respond, slug)?;
            (schedule.team, Target::Schedule(schedule.id))
        }
        TargetName::Next(slug) => {
            let schedule = seen_schedule(w, caller, Need::Respond, slug)?;
            (schedule.team, Target::Next(schedule.id))
        }
        TargetName::User(_) | TargetName::Channel(_) => {
            return Err(Error::invalid("to", "names no user, team or schedule"));
        }
    };
    let people = who::meant(w, target, w.now())?;
    Ok((team, people.iter().map(store::User::reference).collect()))
}

/// A person, and whose incident it is if he is paged: the team's that was named, one's that they
/// share, else the appliance's own. Who shares one and may only look there pages nobody.
fn person_of(
    w: &mut Write<'_>,
    caller: &Caller,
    new: &NewIncident,
    name: &str,
) -> Result<(TeamRef, Vec<UserRef>)> {
    let user = person(w.find_username(&named(caller, name)?)?, name)?;
    if !knows(w, caller, user.id)? {
        return Err(Error::not_found(format_args!("User `{name}`")));
    }
    if user.disabled_at.is_some() {
        return Err(Error::refused(format!("{name} is disabled and cannot be paged.")));
    }
    let people = vec![user.reference()];
    if let Some(team) = &new.team {
        return Ok((live_team(w, caller, Need::Respond, team)?.reference(), people));
    }
    caller.must_have(Need::Respond)?;
    let mut looks_on = None;
    for member in w.memberships(user.id)? {
        match live_team(w, caller, Need::Respond, &member.team.to_string()) {
            Ok(team) => return Ok((team.reference(), people)),
            Err(error) if error.kind == Kind::Forbidden => looks_on = Some(error),
            // A stranger's, or archived.
            Err(_) => {}
        }
    }
    match looks_on {
        Some(error) => Err(error),
        None if caller.team.is_some() => {
            Err(Error::invalid("team", format!("is missing: {name} is not in this token's"))
                .hint("Log in, or use a token without --team."))
        }
        None => Ok((own_team(w)?.reference(), people)),
    }
}
