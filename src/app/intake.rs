//! Alerts in: one write a request. `domain::intake` decides where each alert goes; `members` makes
//! it so.
use bytes::Bytes;
use jiff::Timestamp;

use super::beats::taken_as_beat;
use super::integrations::seen_integration;
use super::members::{
    Origin, Why, end_member, fire_anew, fire_unseen, ignored, known, outcome, severity_moved,
};
use super::quiet;
use super::services::must_live;
use super::sources::{heard_again, mark_absent};
use super::{App, Caller, Need};
use crate::api::incidents::{Outcome, OutcomeStatus};
use crate::clock::shift;
use crate::domain::alert::Lifetime;
use crate::domain::intake::{self, Firing, Known, Resolve};
use crate::domain::member::EndedBy;
use crate::domain::payload::excerpt;
use crate::domain::{
    Alert, Change, IntegrationId, Key, Member, Signal, Status, TimerKind, UpdateReason,
};
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::store::{Idempotency, Write};

/// Refused requests of one integration that are kept in a second.
const REFUSED_A_SECOND: u32 = 5;

/// What a sender delivered in one request, parsed.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub alerts: Vec<Alert>,
    /// The group of which `alerts` is the complete list: what is absent is stale, never resolved.
    pub complete: Option<Key>,
    /// The sender's own name for this request, and the bytes that it stands for.
    pub idempotency: Option<(String, [u8; 32])>,
    /// What was sent, to be kept if it is the first of its second.
    pub sent: Option<Sent>,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The format that it was sent in.
    pub source: &'static str,
    pub body: Bytes,
}

impl App {
    /// Stores what the integration with this key delivered; answered after the commit.
    ///
    /// # Errors
    /// `NotFound` for an unknown key, `Unavailable` when it cannot be stored.
    pub async fn take_in(&self, key: &Secret, delivery: Delivery) -> Result<Vec<Outcome>> {
        let (hash, url, key) = (key.hash(), self.0.public_url.clone(), key.clone());
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
                let waiting = w.fed_heartbeats(source.service.id)?;
                for alert in &delivery.alerts {
                    if let Some(beat) = taken_as_beat(w, &origin, &waiting, alert)? {
                        outcomes.push(beat);
                        continue;
                    }
                    let (outcome, refresh) = take_one(w, &origin, alert)?;
                    refreshed |= refresh;
                    outcomes.push(outcome);
                }
                if let Some(group) = &delivery.complete {
                    mark_absent(w, &origin, group, &delivery.alerts)?;
                }
                w.touch_integration(source.id, refreshed)?;
                let last = source.last_received_at.map(Timestamp::as_second);
                match &delivery.sent {
                    Some(sent) if last != Some(w.now().as_second()) => {
                        let body = excerpt(&sent.body, key.expose());
                        w.keep_payload(source.id, sent.source, &body, None)?;
                    }
                    _ => {}
                }
                Ok(outcomes)
            })
        })
        .await
    }

    /// Takes an alert in as if the integration had sent it, without counting it as a sign of life.
    ///
    /// # Errors
    /// `NotFound` for strangers, `Forbidden` for who only reads.
    pub async fn test_integration(
        &self,
        caller: &Caller,
        id: IntegrationId,
        alert: Alert,
    ) -> Result<Outcome> {
        let (by, url) = (caller.clone(), self.0.public_url.clone());
        self.write_once(caller, move |w| {
            seen_integration(w, &by, Need::Respond, id)?;
            let source = w.find_source_by_id(id)?.ok_or_else(unknown_key)?;
            must_live(&source.service)?;
            let origin = Origin::integration(&source, &url);
            take_one(w, &origin, &alert).map(|(outcome, _)| outcome)
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

    /// Remembers that a delivery was refused and what it was, so that its sender's owner sees why.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be stored.
    pub async fn note_rejection(&self, key: &Secret, why: String, sent: Sent) -> Result<()> {
        let (hash, key) = (key.hash(), key.clone());
        self.write(move |w| {
            let Some(source) = w.find_source(&hash)? else { return Ok(()) };
            w.reject_integration(source.id, &why)?;
            let second = Timestamp::from_second(w.now().as_second()).unwrap_or(w.now());
            if w.refused_since(source.id, second)? >= REFUSED_A_SECOND {
                return Ok(());
            }
            let body = excerpt(&sent.body, key.expose());
            w.keep_payload(source.id, sent.source, &body, Some(&why))
        })
        .await
    }
}

fn unknown_key() -> Error {
    Error::not_found("This integration key")
        .hint("Copy the URL of the integration anew, or make one: incidentd integration add")
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
        quiet::follow_soon(w, &incident)?;
    }
    Ok(outcome(alert, Some(incident.id), incident.status.into()))
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
