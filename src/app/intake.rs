//! Alerts in: one write a request. `domain::intake` decides where each alert goes; this makes it so.
use std::collections::HashSet;

use super::App;
use crate::api::incidents::{Outcome, OutcomeStatus};
use crate::clock::shift;
use crate::domain::alert::Lifetime;
use crate::domain::event::AlertRef;
use crate::domain::incident::{Ended, Escalation, Fired, Memory};
use crate::domain::intake::{self, Firing, Known, Resolve};
use crate::domain::member::EndedBy;
use crate::domain::service::UrgencyRule;
use crate::domain::{
    Actor, Alert, AlertId, Change, Incident, IncidentId, IntegrationId, Key, Member, ResolveReason,
    Seq, Service, Severity, Signal, Status, TimerKind, Update, UpdateReason, Urgency,
};
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::store::{self, Idempotency, IncidentSource, NewMember, Write};

/// Most members of one group that absence marks stale in one request.
const MAX_ABSENT: u32 = 1_000;

/// What a sender delivered in one request, parsed.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub alerts: Vec<Alert>,
    /// The group of which `alerts` is the complete list: what is absent is stale, never resolved.
    pub complete: Option<Key>,
    /// The sender's own name for this request, and the bytes that it stands for.
    pub idempotency: Option<(String, [u8; 32])>,
}

impl App {
    /// Stores what the integration with this key delivered; answered after the commit.
    ///
    /// # Errors
    /// `NotFound` for an unknown key, `Unavailable` when it cannot be stored.
    pub async fn take_in(&self, key: &Secret, delivery: Delivery) -> Result<Vec<Outcome>> {
        let (hash, url) = (key.hash(), self.0.public_url.clone());
        self.write(move |w| {
            let source = w.find_source(&hash)?.ok_or_else(unknown_key)?;
            let once = delivery.idempotency.as_ref().map(|(key, request)| Idempotency {
                scope: format!("integration:{}", source.id),
                key: key.clone(),
                request: *request,
            });
            w.once(once.as_ref(), |w| {
                let origin = Origin::integration(&source, &url);
                let mut refreshed = false;
                if source.silent_incident.is_some() {
                    heard_again(w, &source, &origin)?;
                }
                let mut outcomes = Vec::with_capacity(delivery.alerts.len());
                for alert in &delivery.alerts {
                    let (outcome, refresh) = take_one(w, &origin, alert)?;
                    refreshed |= refresh;
                    outcomes.push(outcome);
                }
                if let Some(group) = &delivery.complete {
                    mark_absent(w, &origin, group, &delivery.alerts)?;
                }
                w.touch_integration(source.id, refreshed)?;
                Ok(outcomes)
            })
        })
        .await
    }

    /// Does an integration with this key exist?
    ///
    /// # Errors
    /// `NotFound` if not.
    pub async fn check_key(&self, key: &Secret) -> Result<()> {
        let hash = key.hash();
        self.0.store.read(move |r| r.find_source(&hash)?.map(|_| ()).ok_or_else(unknown_key)).await
    }

    /// Remembers that a delivery was refused, so that its sender's owner sees why.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be stored.
    pub async fn note_rejection(&self, key: &Secret, why: String) -> Result<()> {
        let hash = key.hash();
        self.write(move |w| match w.find_source(&hash)? {
            Some(source) => w.reject_integration(source.id, &why),
            None => Ok(()),
        })
        .await
    }
}

fn unknown_key() -> Error {
    Error::not_found("This integration key")
        .hint("Copy the URL of the integration anew, or make one: incidentd integration add")
}

/// Where alerts come from.
pub(super) struct Origin<'a> {
    pub service: &'a Service,
    pub integration: Option<IntegrationId>,
    pub actor: Actor,
    /// What incidents' links begin with.
    pub url: &'a str,
}

impl<'a> Origin<'a> {
    pub(super) fn integration(source: &'a IncidentSource, url: &'a str) -> Self {
        Self {
            service: &source.service,
            integration: Some(source.id),
            actor: Actor::integration(source.id, &source.name),
            url,
        }
    }
}

/// Takes one alert in; says what became of it, and whether it refreshed one that fires already.
pub(super) fn take_one(
    w: &mut Write<'_>,
    origin: &Origin<'_>,
    alert: &Alert,
) -> Result<(Outcome, bool)> {
    let found = w.find_current(origin.service.id, &alert.fingerprint.hash)?;
    match alert.signal {
        Signal::Firing => fire(w, origin, alert, found),
        Signal::Resolved => resolve(w, origin, alert, found).map(|outcome| (outcome, false)),
        Signal::Acknowledged => {
            acknowledge(w, origin, alert, found).map(|outcome| (outcome, false))
        }
    }
}

fn outcome(alert: &Alert, incident: Option<IncidentId>, status: OutcomeStatus) -> Outcome {
    let dedup_key = alert.key.as_ref().unwrap_or(&alert.fingerprint).text.clone();
    Outcome { incident_id: incident, dedup_key, status, new: false }
}

fn ignored(alert: &Alert) -> Outcome {
    outcome(alert, None, OutcomeStatus::Ignored)
}

fn fire(
    w: &mut Write<'_>,
    origin: &Origin<'_>,
    alert: &Alert,
    found: Option<(Member, bool)>,
) -> Result<(Outcome, bool)> {
    let known = match &found {
        Some((member, true)) => Some(Known::open(member.incident)),
        Some((member, false)) => Some(known(w, member.incident)?),
        None => None,
    };
    let member = found.map(|(member, _)| member);
    let place = intake::firing(alert, member.as_ref().zip(known.as_ref()));
    match (place, member) {
        (Firing::Counts, Some(member)) => {
            count(w, origin, alert, &member).map(|outcome| (outcome, true))
        }
        (Firing::Late, Some(member)) => {
            w.refresh_member(&member, alert)?;
            w.count_alert(member.incident, 1, 0)?;
            if !member.late {
                w.mark_late(member.id, true)?;
                w.set_timer(TimerKind::Late, member.id.0, shift(w.now(), intake::LATE))?;
            }
            let status = w.incident(member.incident)?.status;
            Ok((outcome(alert, Some(member.incident), status.into()), true))
        }
        (Firing::Held, Some(member)) => {
            fire_unseen(w, origin, alert, &member, Why::Sent)?;
            Ok((outcome(alert, Some(member.incident), OutcomeStatus::Resolved), false))
        }
        (place, member) => {
            let why = if place == Firing::StillFiring { Why::StillFiring } else { Why::Sent };
            fire_anew(w, origin, alert, member.as_ref(), why).map(|outcome| (outcome, false))
        }
    }
}

/// What decides where an alert goes that was a member of this incident.
fn known(w: &Write<'_>, id: IncidentId) -> Result<Known> {
    let incident = w.incident(id)?;
    Ok(Known::of(&incident, !incident.is_open() && is_held(w, id)?))
}

/// Does a hold run? Its timer says, since that follows a wall clock that is set.
pub(super) fn is_held(w: &Write<'_>, id: IncidentId) -> Result<bool> {
    w.has_timer(TimerKind::HoldEnd, id.0)
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

/// It fires already, or is held: counters, and what the source says of it now.
fn count(
    w: &mut Write<'_>,
    origin: &Origin<'_>,
    alert: &Alert,
    member: &Member,
) -> Result<Outcome> {
    w.refresh_member(member, alert)?;
    w.count_alert(member.incident, 1, 0)?;
    match alert.lifetime {
        // A later end is seen when the timer for the earlier one falls due.
        Lifetime::Until(ends_at) if member.ends_at.is_none_or(|was| ends_at < was) => {
            w.set_timer(TimerKind::Expiry, member.id.0, ends_at)?;
        }
        Lifetime::Refreshed if member.stale || member.ends_at.is_some() => {
            w.set_timer(TimerKind::Stale, member.id.0, shift(w.now(), intake::STALE))?;
        }
        _ => {}
    }
    let mut incident = w.incident(member.incident)?;
    if incident.is_open() && (alert.severity != member.severity || member.stale) {
        let reason = UpdateReason::Severity;
        severity_moved(w, origin, &mut incident, alert, reason)?;
    }
    Ok(outcome(alert, Some(incident.id), incident.status.into()))
}

/// A member's severity changed: the incident's is that of its worst, its urgency only rises.
fn severity_moved(
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
    match incident.member_fired(severity, urgency, w.now()) {
        Fired::Now(mut update) => {
            // It may be the only one, and milder than what fired before it.
            update.severity =
                w.worst_firing(incident.id)?.filter(|worst| *worst != incident.severity);
            details(&mut update);
            w.append(incident, Change::Updated(update), actor).map(|_| ())
        }
        Fired::Later => w.save_memory(incident, &before),
    }
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
        Some(member) if open.is_none() => {
            let former = w.dedup_key(member.incident)?;
            w.find_open(origin.service.id, &former)
        }
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
    let details = |update: &mut Update| {
        update.alert = Some(AlertRef { id, title: alert.title.clone(), severity: alert.severity });
    };
    tell_of_firing(w, incident, (alert.severity, urgency), details, &origin.actor)
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
    let update = back(w, &incident, reason, origin.service.rules.urgency)?;
    w.append(&mut incident, Change::Updated(update), &origin.actor)?;
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
    let incident = new_incident(origin, alert, key, w.now());
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

fn new_incident(origin: &Origin<'_>, alert: &Alert, key: &Key, now: jiff::Timestamp) -> Incident {
    Incident {
        id: IncidentId::default(),
        title: alert.incident_title().to_owned(),
        description: alert.description.clone(),
        status: Status::Triggered,
        urgency: origin.service.rules.urgency.urgency(alert.severity),
        severity: alert.severity,
        team: origin.service.team.clone(),
        service: Some(origin.service.reference()),
        assignees: Vec::new(),
        dedup_key: key.text.clone(),
        alert_count: 1,
        firing_count: 1,
        labels: alert.incident_labels().clone(),
        links: alert.links.clone(),
        url: String::new(),
        created_at: now,
        updated_at: now,
        acknowledged_at: None,
        acknowledged_by: None,
        acknowledged_until: None,
        resolved_at: None,
        resolved_by: None,
        resolved_reason: None,
        resolution_note: None,
        snoozed_until: None,
        silenced_until: None,
        held_until: None,
        flapping: false,
        merged_into: None,
        escalation: Escalation::default(),
        untold: false,
        seq: Seq::default(),
        memory: Memory::default(),
    }
}

fn resolve(
    w: &mut Write<'_>,
    origin: &Origin<'_>,
    alert: &Alert,
    found: Option<(Member, bool)>,
) -> Result<Outcome> {
    let Some((member, _)) = found else {
        return Ok(ignored(alert));
    };
    let known = known(w, member.incident)?;
    if let (Some(sent), Some(ours)) = (alert.starts_at, member.starts_at)
        && sent > ours
    {
        // A firing of that episode may still be on its way, and is a late one.
        w.set_episode(member.id, sent)?;
    }
    match intake::resolve(alert, Some((&member, &known))) {
        Resolve::Ignored => Ok(ignored(alert)),
        Resolve::Confirms => {
            w.mark_late(member.id, false)?;
            w.clear_timer(TimerKind::Late, member.id.0)?;
            Ok(outcome(alert, Some(member.incident), known.status.into()))
        }
        Resolve::Ends => {
            let status = end_member(w, &member, EndedBy::Source, &origin.actor)?;
            Ok(outcome(alert, Some(member.incident), status.into()))
        }
    }
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
            let change = Change::Resolved { reason, note: None, held_until: None };
            w.append(&mut incident, change, actor)?;
        }
        Ended::Tell => {
            let mut update = Update::new(UpdateReason::AlertResolved);
            update.severity =
                w.worst_firing(incident.id)?.filter(|worst| *worst != incident.severity);
            w.append(&mut incident, Change::Updated(update), actor)?;
        }
        Ended::Later => w.save_memory(&incident, &before)?,
    }
    Ok(incident.status)
}

/// A sender's acknowledge acts as the integration: assignees stay, the timeout runs.
fn acknowledge(
    w: &mut Write<'_>,
    origin: &Origin<'_>,
    alert: &Alert,
    found: Option<(Member, bool)>,
) -> Result<Outcome> {
    let Some((member, true)) = found else {
        return Ok(ignored(alert));
    };
    let mut incident = w.incident(member.incident)?;
    if incident.status == Status::Triggered {
        let timeout = origin.service.rules.ack_timeout;
        let until = (!timeout.is_zero()).then(|| shift(w.now(), timeout.duration()));
        let change = Change::Acknowledged { until, note: None, assignee: None };
        w.append(&mut incident, change, &origin.actor)?;
    }
    Ok(outcome(alert, Some(incident.id), incident.status.into()))
}

/// What a complete list leaves out is stale: somebody should look, nothing resolves.
fn mark_absent(
    w: &mut Write<'_>,
    origin: &Origin<'_>,
    group: &Key,
    listed: &[Alert],
) -> Result<()> {
    let Some(id) = w.find_open(origin.service.id, &group.hash)? else {
        return Ok(());
    };
    let mut present = HashSet::new();
    for alert in listed {
        if let Some((member, _)) = w.find_current(origin.service.id, &alert.fingerprint.hash)? {
            present.insert(member.id);
        }
    }
    let mut any = false;
    for member in w.firing(id, MAX_ABSENT)? {
        let theirs = member.integration == origin.integration && member.ends_at.is_none();
        if theirs && !member.stale && !present.contains(&member.id) {
            w.mark_stale(member.id)?;
            any = true;
        }
    }
    if any {
        let mut incident = w.incident(id)?;
        tell_of_members(w, &mut incident, UpdateReason::Stale, &origin.actor)?;
    }
    Ok(())
}

/// A source that had gone silent sent something: the incident about its silence is over.
fn heard_again(w: &mut Write<'_>, source: &IncidentSource, origin: &Origin<'_>) -> Result<()> {
    w.set_silent_incident(source.id, None)?;
    let key = silence_key(source.id);
    match w.find_current(source.service.id, &key.hash)? {
        Some((member, _)) if member.fires() => {
            end_member(w, &member, EndedBy::Source, &origin.actor).map(|_| ())
        }
        _ => Ok(()),
    }
}

fn silence_key(integration: IntegrationId) -> Key {
    Key::internal(&format!("silent:{integration}"))
}

/// Opens the incident about a source that fell silent while `firing` alerts of it fired.
pub(super) fn went_silent(
    w: &mut Write<'_>,
    source: &IncidentSource,
    firing: u64,
    url: &str,
) -> Result<()> {
    // Whatever the service says of its own alerts: without this nobody hears of anything.
    let mut service = source.service.clone();
    service.rules.urgency = UrgencyRule::High;
    let origin = Origin { service: &service, integration: None, actor: Actor::system(), url };
    let plural = if firing == 1 { "alert" } else { "alerts" };
    let key = silence_key(source.id);
    let alert = Alert {
        key: Some(key.clone()),
        fingerprint: key,
        signal: Signal::Firing,
        title: format!("{} went silent while {firing} {plural} fired", source.name),
        description: "Its alerts were not refreshed in time and it sent nothing else. \
                      They count as no longer reported; whether they are over is unknown."
            .into(),
        severity: Severity::Critical,
        labels: crate::domain::Labels::from([("integration".into(), source.name.clone())]),
        links: Vec::new(),
        group: None,
        starts_at: None,
        ended_at: None,
        lifetime: Lifetime::Endless,
    };
    let (outcome, _) = take_one(w, &origin, &alert)?;
    w.set_silent_incident(source.id, outcome.incident_id)
}
