//! Signs of life as they come, fail or stay away, whoever sends them: a job with its key, or an
//! alert that must keep firing.
use super::members::{Origin, end_member, ignored, outcome};
use super::{App, intake};
use crate::api::incidents::{Outcome, OutcomeStatus};
use crate::domain::event::ActorKind;
use crate::domain::member::EndedBy;
use crate::domain::{
    Actor, Alert, Change, Heartbeat, HeartbeatId, Incident, ServiceId, Signal, TimerKind, Update,
    UpdateReason,
};
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::store::Write;

impl App {
    /// The heartbeat with this key beats, or says why it failed; answered after the commit.
    ///
    /// # Errors
    /// `NotFound` for an unknown key, `Unavailable` when it cannot be stored.
    pub async fn beat(&self, key: &Secret, failure: Option<String>) -> Result<()> {
        let (hash, url) = (key.hash(), self.0.public_url.clone());
        self.write(move |w| {
            let heartbeat = w.find_heartbeat_by_key(&hash)?.ok_or_else(unknown_key)?;
            match &failure {
                None => beat(w, &heartbeat),
                Some(why) => fail(w, &heartbeat, why, &url),
            }
        })
        .await
    }
}

fn unknown_key() -> Error {
    Error::not_found("This heartbeat key").hint("Make a new one: incidentd heartbeat rotate SLUG")
}

/// What speaks, in the timeline.
fn actor(of: &Heartbeat) -> Actor {
    Actor { kind: ActorKind::Integration, id: None, name: of.slug.clone() }
}

/// All is well: whatever was wrong with it is over.
fn beat(w: &mut Write<'_>, heartbeat: &Heartbeat) -> Result<()> {
    let well = heartbeat.missing_at.is_none() && heartbeat.failed_at.is_none();
    w.heard_heartbeat(heartbeat, false)?;
    if well { Ok(()) } else { end_alerts(w, heartbeat, &actor(heartbeat)) }
}

/// It was heard, and is not well.
fn fail(w: &mut Write<'_>, heartbeat: &Heartbeat, why: &str, url: &str) -> Result<()> {
    w.heard_heartbeat(heartbeat, true)?;
    let alert = heartbeat.failure(why, heartbeat.failed_at.unwrap_or(w.now()));
    open(w, heartbeat, &alert, actor(heartbeat), url)?;
    // After the failure joined its incident: it is missing no longer, but nothing is well.
    let [missing, _] = heartbeat.fingerprints();
    end_alert(w, heartbeat, &missing.hash, &actor(heartbeat))
}

/// It did not come in time.
pub(super) fn miss(w: &mut Write<'_>, id: HeartbeatId, url: &str) -> Result<()> {
    let Some(heartbeat) = w.find_heartbeat_by_id(id)? else { return Ok(()) };
    if heartbeat.service.archived {
        // Its key is dead meanwhile; once it is brought back it has a period to be heard in.
        return w.set_timer(TimerKind::Heartbeat, id.0, heartbeat.due(w.now()));
    }
    w.miss_heartbeat(id)?;
    open(w, &heartbeat, &heartbeat.missing(w.now()), Actor::system(), url)
}

fn open(w: &mut Write<'_>, of: &Heartbeat, alert: &Alert, actor: Actor, url: &str) -> Result<()> {
    let origin = Origin { service: &of.service, integration: None, actor, url, renames: true };
    match intake::take_one(w, &origin, alert)?.0.incident_id {
        Some(id) => name_after(w, w.incident(id)?, alert, &origin.actor),
        None => Ok(()),
    }
}

/// What failed before it was missing, and fails again, joined nothing anew.
fn name_after(w: &mut Write<'_>, mut incident: Incident, to: &Alert, by: &Actor) -> Result<()> {
    let mut update = Update::new(UpdateReason::AlertAdded);
    update.call_after(to, &incident);
    if update.title.is_none() || !incident.is_open() {
        return Ok(());
    }
    w.append(&mut incident, Change::Updated(update), by).map(|_| ())
}

/// Ends what fires of it; its incident follows.
pub(super) fn end_alerts(w: &mut Write<'_>, of: &Heartbeat, actor: &Actor) -> Result<()> {
    for fingerprint in of.fingerprints() {
        end_alert(w, of, &fingerprint.hash, actor)?;
    }
    Ok(())
}

fn end_alert(w: &mut Write<'_>, of: &Heartbeat, hash: &[u8; 16], actor: &Actor) -> Result<()> {
    end_of(w, of.service.id, hash, actor)
}

fn end_of(w: &mut Write<'_>, service: ServiceId, hash: &[u8; 16], actor: &Actor) -> Result<()> {
    match w.find_current(service, hash)? {
        Some((member, _)) if member.fires() => {
            end_member(w, &member, EndedBy::Source, actor).map(|_| ())
        }
        _ => Ok(()),
    }
}

/// An alert that must keep firing is a beat and opens nothing; none if no heartbeat waits for it.
/// That it ends is no news: that it stays away is.
pub(super) fn taken_as_beat(
    w: &mut Write<'_>,
    origin: &Origin<'_>,
    waiting: &[Heartbeat],
    alert: &Alert,
) -> Result<Option<Outcome>> {
    let mut fed = waiting.iter().filter(|heartbeat| heartbeat.is_fed_by(alert)).peekable();
    if fed.peek().is_none() {
        return Ok(None);
    }
    if alert.signal != Signal::Firing {
        return Ok(Some(ignored(alert)));
    }
    for heartbeat in fed {
        beat(w, heartbeat)?;
    }
    // It may have opened an incident before a heartbeat waited for it.
    end_of(w, origin.service.id, &alert.fingerprint.hash, &origin.actor)?;
    Ok(Some(outcome(alert, None, OutcomeStatus::Beat)))
}
