//! Alerts as members of incidents: they join, open, reopen and end, and their incident follows.
use super::quiet;
use crate::api::incidents::{Outcome, OutcomeStatus};
use crate::clock::shift;
use crate::domain::alert::Lifetime;
use crate::domain::event::AlertRef;
use crate::domain::incident::{Ended, Fired};
use crate::domain::intake::{self, Known};
use crate::domain::member::EndedBy;
use crate::domain::service::UrgencyRule;
use crate::domain::{
    Actor, Alert, AlertId, Change, Incident, IncidentId, IntegrationId, Key, Member, ResolveReason,
    Service, Severity, Status, TimerKind, Update, UpdateReason, Urgency,
};
use crate::error::Result;
use crate::store::{self, IncidentSource, NewMember, Write};

/// Where alerts come from.
pub(super) struct Origin<'a> {
    pub service: &'a Service,
    pub integration: Option<IntegrationId>,
    pub actor: Actor,
    /// What incidents' links begin with.
    pub url: &'a str,
    /// Its alerts are one thing in several states: an incident is called after the last.
    pub renames: bool,
}

impl<'a> Origin<'a> {
    pub(super) fn integration(source: &'a IncidentSource, url: &'a str) -> Self {
        Self {
            service: &source.service,
            integration: Some(source.id),
            actor: Actor::integration(source.id, &source.name),
            url,
            renames: false,
        }
    }
}

pub(super) fn outcome(
    alert: &Alert,
    incident: Option<IncidentId>,
    status: OutcomeStatus,
) -> Outcome {
    let dedup_key = alert.key.as_ref().unwrap_or(&alert.fingerprint).text.clone();
    Outcome { incident_id: incident, dedup_key, status, new: false }
}

pub(super) fn ignored(alert: &Alert) -> Outcome {
    outcome(alert, None, OutcomeStatus::Ignored)
}

/// Why a firing looks for its place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// It was sent.
    Sent,
    /// It was sent again after it had counted as no longer reported.
    StillFiring,
    /// It was sent and counted a while ago, and no resolve followed.
    Late,
}

impl Why {
    /// How many reports it adds to `incident`.
    fn reported(self, member: Option<&Member>, incident: IncidentId) -> i64 {
        let counted = self == Self::Late && member.is_some_and(|m| m.incident == incident);
        i64::from(!counted)
    }
}

/// It fires again in an incident that is held: only counters know.
pub(super) fn fire_unseen(
    w: &mut Write<'_>,
    origin: &Origin<'_>,
    alert: &Alert,
    member: &Member,
    why: Why,
) -> Result<()> {
    place_member(w, origin, alert, Some(member), member.incident, why)?;
    w.count_alert(member.incident, why.reported(Some(member), member.incident), 1)
}

/// A member's severity changed: the incident's is that of its worst, its urgency only rises.
pub(super) fn severity_moved(
    w: &mut Write<'_>,
    origin: &Origin<'_>,
    incident: &mut Incident,
    alert: &Alert,
    reason: UpdateReason,
) -> Result<()> {
    let Some(worst) = w.worst_firing(incident.id)? else {
        return Ok(());
    };
    if worst == incident.severity {
        return Ok(());
    }
    let urgency = origin.service.rules.urgency.urgency(alert.severity);
    if worst < incident.severity {
        let details = |update: &mut Update| update.reason = reason;
        return tell_of_firing(w, incident, (worst, urgency), details, &origin.actor);
    }
    tell_of_members(w, incident, reason, &origin.actor)
}

/// Says that members fire which did not, or worse than before; `details` completes what is said.
pub(super) fn tell_of_firing(
    w: &mut Write<'_>,
    incident: &mut Incident,
    (severity, urgency): (Severity, Urgency),
    details: impl FnOnce(&mut Update),
    actor: &Actor,
) -> Result<()> {
    let before = incident.clone();
    let fired = incident.member_fired(severity, urgency, w.now());
    remember(w, incident, &before)?;
    let Fired::Now(mut update) = fired else {
        return Ok(());
    };
    // It may be the only one, and milder than what fired before it.
    update.severity = w.worst_firing(incident.id)?.filter(|worst| *worst != incident.severity);
    details(&mut update);
    w.append(incident, Change::Updated(*update), actor).map(|_| ())
}

/// Says that members changed, now or when it is their turn.
pub(super) fn tell_of_members(
    w: &mut Write<'_>,
    incident: &mut Incident,
    reason: UpdateReason,
    actor: &Actor,
) -> Result<()> {
    let before = incident.clone();
    if !incident.may_tell_of_members(w.now(), reason) {
        return w.save_memory(incident, &before);
    }
    let mut update = Update::new(reason);
    update.severity = w.worst_firing(incident.id)?.filter(|worst| *worst != incident.severity);
    w.append(incident, Change::Updated(update), actor).map(|_| ())
}

/// A firing whose past does not hold it: into an open incident, a recent one, or a new one.
pub(super) fn fire_anew(
    w: &mut Write<'_>,
    origin: &Origin<'_>,
    alert: &Alert,
    member: Option<&Member>,
    why: Why,
) -> Result<Outcome> {
    let grouped;
    let key = match &alert.key {
        Some(key) => key,
        None => {
            grouped = Key::new(&origin.service.group_key(&alert.labels));
            &grouped
        }
    };
    let still_open = match member {
        Some(member) => Some(w.incident(member.incident)?).filter(Incident::is_open),
        None => None,
    };
    let open = match still_open {
        Some(incident) => Some(incident),
        None => match open_for(w, origin, key, member.filter(|_| why == Why::StillFiring))? {
            Some(id) => Some(w.incident(id)?),
            None => None,
        },
    };
    if let Some(mut incident) = open {
        join(w, origin, alert, member, &mut incident, why)?;
        let mut outcome = outcome(alert, Some(incident.id), incident.status.into());
        outcome.dedup_key.clone_from(&incident.dedup_key);
        return Ok(outcome);
    }
    let within = origin.service.rules.reopen_within.duration();
    let since = w.now().checked_sub(jiff::SignedDuration::try_from(within).unwrap_or_default());
    let recent = match (member, since) {
        (Some(member), _) if why == Why::StillFiring => Some(member.incident),
        (_, Ok(since)) if !within.is_zero() => {
            w.find_recent(origin.service.id, &key.hash, since)?
        }
        _ => None,
    };
    match recent {
        Some(id) => reopen(w, origin, alert, member, id, why),
        None => open_new(w, origin, alert, member, key, why),
    }
}

/// The open incident of `key`; else the one that has the key under which `member` was grouped
/// before, so that it need not be reopened beside it.
fn open_for(
    w: &Write<'_>,
    origin: &Origin<'_>,
    key: &Key,
    member: Option<&Member>,
) -> Result<Option<IncidentId>> {
    let open = w.find_open(origin.service.id, &key.hash)?;
    match member {
        Some(member) if open.is_none() => w.find_rival(member.incident),
        _ => Ok(open),
    }
}

/// Puts the alert among the firing members of `incident`.
fn place_member(
    w: &mut Write<'_>,
    origin: &Origin<'_>,
    alert: &Alert,
    member: Option<&Member>,
    incident: IncidentId,
    why: Why,
) -> Result<AlertId> {
    let new =
        NewMember { incident, service: origin.service.id, integration: origin.integration, alert };
    let id = match member {
        Some(older) if older.incident != incident && older.fires() => {
            // A new episode supersedes one that a resolve by hand left firing.
            end_member(w, older, EndedBy::Source, &origin.actor)?;
            w.insert_member(&new, Some(older.id))?
        }
        Some(member) if member.incident == incident => {
            w.refire_member(member.id)?;
            if why != Why::Late {
                w.refresh_member(member, alert)?;
            }
            w.clear_timer(TimerKind::Late, member.id.0)?;
            member.id
        }
        older => w.insert_member(&new, older.map(|older| older.id))?,
    };
    match alert.lifetime {
        Lifetime::Endless => {}
        Lifetime::Until(ends_at) => w.set_timer(TimerKind::Expiry, id.0, ends_at)?,
        Lifetime::Refreshed => {
            w.set_timer(TimerKind::Stale, id.0, shift(w.now(), intake::STALE))?;
        }
    }
    Ok(id)
}

fn join(
    w: &mut Write<'_>,
    origin: &Origin<'_>,
    alert: &Alert,
    member: Option<&Member>,
    incident: &mut Incident,
    why: Why,
) -> Result<()> {
    let id = place_member(w, origin, alert, member, incident.id, why)?;
    w.count_alert(incident.id, why.reported(member, incident.id), 1)?;
    let urgency = origin.service.rules.urgency.urgency(alert.severity);
    let silenced = quiet::of_alert(w, origin.service, alert, w.now())?;
    let called = incident.clone();
    let details = |update: &mut Update| {
        if origin.renames {
            update.call_after(alert, &called);
        }
        update.alert = Some(AlertRef { id, title: alert.title.clone(), severity: alert.severity });
        // What is silenced takes an incident from nobody.
        update.status = update.status.filter(|_| silenced.is_none());
    };
    tell_of_firing(w, incident, (alert.severity, urgency), details, &origin.actor)?;
    quiet::joined(w, incident, silenced, &origin.actor)
}

fn reopen(
    w: &mut Write<'_>,
    origin: &Origin<'_>,
    alert: &Alert,
    member: Option<&Member>,
    id: IncidentId,
    why: Why,
) -> Result<Outcome> {
    let mut incident = w.incident(id)?;
    place_member(w, origin, alert, member, id, why)?;
    w.count_alert(id, why.reported(member, id), 1)?;
    let reason = match why {
        Why::StillFiring => UpdateReason::StillFiring,
        Why::Sent | Why::Late => incident.reopen_reason(w.now()),
    };
    let mut update = back(w, &incident, reason, origin.service.rules.urgency)?;
    if why != Why::StillFiring {
        // What it was called after is over.
        update.call_after(alert, &incident);
    }
    w.append(&mut incident, Change::Updated(update), &origin.actor)?;
    quiet::follow(w, &mut incident, &origin.actor)?;
    let mut outcome = outcome(alert, Some(id), OutcomeStatus::Triggered);
    outcome.dedup_key.clone_from(&incident.dedup_key);
    Ok(outcome)
}

/// Puts a resolved incident back: its severity is that of the worst member that fires now.
pub(super) fn back(
    w: &Write<'_>,
    incident: &Incident,
    reason: UpdateReason,
    rule: UrgencyRule,
) -> Result<Update> {
    let mut update = Update::triggered(reason);
    if let Some(worst) = w.worst_firing(incident.id)? {
        let urgency = rule.urgency(worst);
        update.severity = (worst != incident.severity).then_some(worst);
        update.urgency = (urgency < incident.urgency).then_some(urgency);
    }
    Ok(update)
}

fn open_new(
    w: &mut Write<'_>,
    origin: &Origin<'_>,
    alert: &Alert,
    member: Option<&Member>,
    key: &Key,
    why: Why,
) -> Result<Outcome> {
    let mut incident = Incident::opened_by(alert, origin.service, key, w.now());
    incident.silence(quiet::of_alert(w, origin.service, alert, w.now())?, w.now());
    let incident =
        w.open_incident(store::NewIncident { incident, key }, &origin.actor, origin.url)?;
    place_member(w, origin, alert, member, incident.id, why)?;
    Ok(Outcome {
        incident_id: Some(incident.id),
        dedup_key: key.text.clone(),
        status: OutcomeStatus::Triggered,
        new: true,
    })
}

/// A member fires no longer; its incident follows.
pub(super) fn end_member(
    w: &mut Write<'_>,
    member: &Member,
    by: EndedBy,
    actor: &Actor,
) -> Result<Status> {
    let ending = store::Ending { by, at: w.now() };
    w.end_member(member.id, ending)?;
    let timer = if member.ends_at.is_some() { TimerKind::Expiry } else { TimerKind::Stale };
    w.clear_timer(timer, member.id.0)?;
    w.count_alert(member.incident, 0, -1)?;
    let mut incident = w.incident(member.incident)?;
    if !incident.is_open() {
        if incident.held_until.is_some() && incident.firing_count == 0 {
            let over = Update::new(UpdateReason::AlertResolved);
            w.append(&mut incident, Change::Updated(over), actor)?;
        }
        return Ok(incident.status);
    }
    let reason = match by {
        EndedBy::Source => ResolveReason::Source,
        EndedBy::Expired => ResolveReason::Expired,
    };
    let before = incident.clone();
    match incident.member_ended(incident.firing_count, reason, w.now()) {
        Ended::Resolve(reason) => {
            w.append(&mut incident, Change::resolved(reason), actor)?;
        }
        Ended::Tell => {
            let mut update = Update::new(UpdateReason::AlertResolved);
            update.severity =
                w.worst_firing(incident.id)?.filter(|worst| *worst != incident.severity);
            w.append(&mut incident, Change::Updated(update), actor)?;
        }
        Ended::Later => remember(w, &mut incident, &before)?,
    }
    if incident.silenced_until.is_none() {
        // Perhaps what is left is silenced.
        quiet::follow_soon(w, &incident)?;
    }
    Ok(incident.status)
}

/// What flaps waits from its last member's end on, and until one fires: that is shown, too.
fn remember(w: &mut Write<'_>, incident: &mut Incident, before: &Incident) -> Result<()> {
    let waits = |it: &Incident| it.memory.settles_at.is_some();
    if waits(incident) == waits(before) {
        return w.save_memory(incident, before);
    }
    w.save_paging(incident, before)
}

/// Does a hold run? Its timer says, since that follows a wall clock that is set.
pub(super) fn is_held(w: &Write<'_>, id: IncidentId) -> Result<bool> {
    w.has_timer(TimerKind::HoldEnd, id.0)
}

/// What decides where an alert goes that was a member of this incident.
pub(super) fn known(w: &Write<'_>, id: IncidentId) -> Result<Known> {
    let incident = w.incident(id)?;
    Ok(Known::of(&incident, !incident.is_open() && is_held(w, id)?))
}
