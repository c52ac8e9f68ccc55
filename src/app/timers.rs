//! What happens when a timer falls due: one write each, so that one that fails holds up no other.
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::beats;
use super::intake::take_one;
use super::members::{self, Origin, Why, end_member, fire_anew, fire_unseen, is_held};
use super::quiet;
use super::sessions::{end_session, end_token};
use super::sources::silence_key;
use super::vitals::ON_TIME;
use super::{App, gaps, paging};
use crate::clock::shift;
use crate::domain::alert::Lifetime;
use crate::domain::intake::{STALE, source_is_silent};
use crate::domain::member::EndedBy;
use crate::domain::service::UrgencyRule;
use crate::domain::{
    Actor, Alert, AlertId, Change, HeartbeatId, Incident, IncidentId, ResolveReason, ScheduleId,
    SessionId, Severity, Signal, SilenceId, TimerKind, TokenId, Update, UpdateReason,
};
use crate::error::{Kind, Result};
use crate::store::{IncidentSource, Read, Timer, Write};

/// Timers handled in one go.
const AT_ONCE: u32 = 256;
/// A timer that could not be handled is tried again after this.
const AGAIN: Duration = Duration::from_secs(30);
/// What falls due at once may make something else due, but not for ever.
const ROUNDS: usize = 8;
/// After a start nothing expires before senders had this long to report again.
const GRACE: Duration = Duration::from_mins(5);
/// Past this, what is over no longer decides where a firing goes.
const FORGET: SignedDuration = SignedDuration::from_hours(24);
const FORGET_AT_ONCE: u32 = 1_000;

impl App {
    /// Handles what is due now; returns how many timers that were.
    ///
    /// # Errors
    /// `Unavailable` when the database cannot be read; timers that failed stay set.
    pub async fn run_due_timers(&self) -> Result<usize> {
        let now = self.now();
        let due = self.0.store.read(move |r| r.due_timers(now, AT_ONCE)).await?;
        let handled = due.into_iter().map(|timer| {
            let url = self.0.public_url.clone();
            async move {
                let still = move |w: &mut Write<'_>| {
                    if w.is_set(timer)? { handle(w, timer, &url) } else { Ok(()) }
                };
                let result = self.write(still).await;
                if let Err(error) = &result {
                    tracing::error!(?timer, %error, "a timer could not be handled");
                    // It is tried again, but holds up no other until then.
                    let later = shift(now, AGAIN);
                    let put_off = self.write(move |w| w.put_off(timer, later)).await;
                    self.0.failing.failed(timer, later);
                    return put_off.is_ok();
                }
                self.0.failing.handled(timer);
                true
            }
        });
        let handled = futures_util::future::join_all(handled).await;
        Ok(handled.into_iter().filter(|done| *done).count())
    }

    /// When the next timer falls due.
    ///
    /// # Errors
    /// `Unavailable` when the database cannot be read.
    pub async fn next_due(&self) -> Result<Option<Timestamp>> {
        self.0.store.read(|r| r.next_due()).await
    }

    /// Senders could not reach us while we were down: give them time before anything expires.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be stored.
    pub async fn grant_grace(&self) -> Result<()> {
        self.write(|w| {
            w.grant_grace(TimerKind::Expiry, shift(w.now(), GRACE))?;
            w.grant_heartbeats().map(|_| ())
        })
        .await
    }

    /// Sees that every triggered incident of high urgency has its next step's time; returns how
    /// many had not. After an upgrade these are those of before.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be read or stored.
    pub async fn mend_ladders(&self) -> Result<usize> {
        let bare = self.0.store.read(|r| r.without_ladder()).await?;
        let mut mended = 0;
        for id in bare {
            mended += usize::from(self.write(move |w| mend_ladder(w, id)).await?);
        }
        Ok(mended)
    }

    /// Drops what no longer decides anything; returns how many rows, so that a caller goes on.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be stored.
    pub async fn sweep(&self) -> Result<usize> {
        self.write(|w| {
            let before = w.now().saturating_sub(FORGET).unwrap_or(Timestamp::MIN);
            let rows = w.forget_recent(before, FORGET_AT_ONCE)?;
            Ok(rows + w.forget_replies(before, FORGET_AT_ONCE)?)
        })
        .await
    }
}

/// Timers that could not be handled: each is tried again at a later moment, and is late since its
/// first.
#[derive(Default)]
pub(super) struct Failing(Mutex<HashMap<(TimerKind, i64), Failed>>);

#[derive(Clone, Copy)]
struct Failed {
    again: Timestamp,
    since: Timestamp,
}

impl Failing {
    fn failed(&self, Timer { kind, subject, due_at }: Timer, again: Timestamp) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Set anew meanwhile, it is late since then.
        let before = all.get(&(kind, subject)).filter(|before| before.again >= due_at);
        let (since, again) = before.map_or((due_at, again), |it| (it.since, it.again.max(again)));
        all.insert((kind, subject), Failed { again, since });
    }

    fn handled(&self, timer: Timer) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (timer.kind, timer.subject);
        // Who came too late to handle it takes nothing back of what failed meanwhile.
        if all.get(&key).is_some_and(|failed| failed.again <= timer.due_at) {
            all.remove(&key);
        }
    }

    /// How many timers are late, and how late the first of them is.
    pub(super) fn late(&self, r: &Read<'_>, now: Timestamp) -> Result<(u64, Duration)> {
        let (mut count, mut longest) = r.late_timers(now, ON_TIME)?;
        let failed = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for ((kind, subject), Failed { again, since }) in failed {
            let late = |at| Duration::try_from(now.duration_since(at)).unwrap_or_default();
            let counted = late(again) > ON_TIME;
            let timer = Timer { kind, subject, due_at: again };
            if !counted && late(since) > ON_TIME && r.is_set(timer)? {
                count += 1;
                longest = longest.max(late(since));
            }
        }
        Ok((count, longest))
    }
}

fn handle(w: &mut Write<'_>, timer: Timer, url: &str) -> Result<()> {
    w.clear_timer(timer.kind, timer.subject)?;
    fall_due(w, timer, url)
}

/// Handles what a write itself made due, so that it is on disk with its reason. What fails
/// fails alone, and is left to the loop: an alert is taken in all the same.
///
/// # Errors
/// `Unavailable` if it cannot even be left to the loop.
pub(super) fn settle(w: &mut Write<'_>, url: &str) -> Result<()> {
    for _ in 0..ROUNDS {
        let mut due = w.due_at_once();
        // Nobody is paged for what is silenced in the same write.
        due.sort_by_key(|timer| timer.kind != TimerKind::Quiet);
        for timer in due {
            // One before it may have made it superfluous.
            if !w.is_due_at_once(timer) {
                continue;
            }
            let Err(error) = w.apart(|w| handle(w, timer, url)) else { continue };
            if w.is_spoilt() {
                // It is all done once more, with room for what fails.
                return Ok(());
            }
            tracing::error!(?timer, %error, "what is due at once is left to its timer");
            w.save_timer(timer)?;
        }
    }
    Ok(())
}

fn fall_due(w: &mut Write<'_>, timer: Timer, url: &str) -> Result<()> {
    let system = Actor::system();
    let incident = |w: &Write<'_>| w.incident(IncidentId(timer.subject));
    match timer.kind {
        TimerKind::AckTimeout => trigger(w, incident(w)?, UpdateReason::AckTimeout),
        TimerKind::SnoozeEnd => trigger(w, incident(w)?, UpdateReason::SnoozeEnded),
        TimerKind::HoldEnd => end_hold(w, incident(w)?),
        TimerKind::Settle => {
            let mut incident = incident(w)?;
            if !incident.is_open() {
                return Ok(());
            }
            let over = Change::resolved(ResolveReason::Source);
            w.append(&mut incident, over, &system).map(|_| ())
        }
        TimerKind::Calm => {
            let calm = Change::Updated(Update::new(UpdateReason::Flapping));
            w.append(&mut incident(w)?, calm, &system).map(|_| ())
        }
        TimerKind::Members => {
            let mut incident = incident(w)?;
            let before = incident.clone();
            let due = incident.memory.members_due.take();
            // Its turn has come, whatever the wall clock says now.
            incident.memory.members_told_at = None;
            match due {
                // It changed and changed back meanwhile.
                Some((_, UpdateReason::Severity))
                    if w.worst_firing(incident.id)? == Some(incident.severity) =>
                {
                    w.save_memory(&incident, &before)
                }
                Some((_, reason)) => members::tell_of_members(w, &mut incident, reason, &system),
                None => Ok(()),
            }
        }
        TimerKind::Escalate => paging::climb(w, incident(w)?),
        TimerKind::AllClear => paging::all_clear(w, incident(w)?),
        TimerKind::Assignee => paging::tell_assignee(w, incident(w)?),
        TimerKind::Expiry => expire(w, AlertId(timer.subject), url),
        TimerKind::Late => fire_late(w, AlertId(timer.subject), url),
        TimerKind::Stale => go_stale(w, AlertId(timer.subject)),
        TimerKind::Heartbeat => beats::miss(w, HeartbeatId(timer.subject), url),
        TimerKind::Session => end_session(w, SessionId(timer.subject), true, &system),
        TimerKind::Token => end_token(w, TokenId(timer.subject), true, &system).map(|_| ()),
        TimerKind::Quiet => quiet::follow(w, &mut incident(w)?, &system),
        TimerKind::Silence => quiet::silence_due(w, SilenceId(timer.subject)),
        TimerKind::Gaps => gaps::look(w, ScheduleId(timer.subject)),
    }
}

fn mend_ladder(w: &mut Write<'_>, id: IncidentId) -> Result<bool> {
    let mut incident = w.incident(id)?;
    let before = incident.clone();
    if incident.mend_ladder(w.now()) {
        w.save_paging(&mut incident, &before)?;
        return Ok(true);
    }
    match incident.ladder_due() {
        Some(due) if !w.has_timer(TimerKind::Escalate, id.0)? => {
            w.set_timer(TimerKind::Escalate, id.0, due).map(|()| true)
        }
        _ => Ok(false),
    }
}

fn trigger(w: &mut Write<'_>, mut incident: Incident, reason: UpdateReason) -> Result<()> {
    let change = Change::Updated(Update::triggered(reason));
    w.append(&mut incident, change, &Actor::system()).map(|_| ())
}

/// What still fires when a hold ends comes back: as this incident, or in the one that has its key.
fn end_hold(w: &mut Write<'_>, mut incident: Incident) -> Result<()> {
    let Some(since) = incident.memory.held_since.or(incident.resolved_at) else {
        return Ok(());
    };
    let system = Actor::system();
    let over = || Change::Updated(Update::new(UpdateReason::HoldEnded));
    if w.firing_after_hold(incident.id, since)? == 0 {
        return w.append(&mut incident, over(), &system).map(|_| ());
    }
    let open = w.find_rival(incident.id)?;
    let rule = match &incident.service {
        Some(service) => w.service_by_id(service.id)?.rules.urgency,
        None => UrgencyRule::default(),
    };
    let Some(other) = open else {
        let update = members::back(w, &incident, UpdateReason::StillFiring, rule)?;
        w.append(&mut incident, Change::Updated(update), &system)?;
        return quiet::follow(w, &mut incident, &system);
    };
    let (reported, firing) = w.move_members(incident.id, other, since)?;
    w.count_alert(incident.id, -reported, -firing)?;
    w.count_alert(other, reported, firing)?;
    let mut incident = w.incident(incident.id)?;
    w.append(&mut incident, over(), &system)?;
    let mut incident = w.incident(other)?;
    let worst = w.worst_firing(other)?.unwrap_or(incident.severity);
    let loud = (worst, rule.urgency(worst));
    members::tell_of_firing(w, &mut incident, loud, |_| {}, &system)?;
    quiet::follow(w, &mut incident, &system)
}

/// `endsAt` passed: over, unless it was refreshed; and perhaps its source fell silent.
fn expire(w: &mut Write<'_>, id: AlertId, url: &str) -> Result<()> {
    let Some(member) = there(w.member(id))? else {
        return Ok(());
    };
    let Some(ends_at) = member.ends_at.filter(|_| member.fires()) else {
        return Ok(());
    };
    if ends_at > w.now() {
        return w.set_timer(TimerKind::Expiry, id.0, ends_at);
    }
    let source = match member.integration {
        Some(integration) => w.find_source_by_id(integration)?,
        None => None,
    };
    let silent = source.filter(|source| {
        let last = source.last_received_at;
        source.silent_incident.is_none()
            && source_is_silent(source.refreshes, last, member.last_at, ends_at)
    });
    let firing = match &silent {
        Some(source) => w.firing_of(source.id)?,
        None => 0,
    };
    end_member(w, &member, EndedBy::Expired, &Actor::system())?;
    match silent {
        Some(source) if firing > 0 => went_silent(w, &source, firing, url),
        _ => Ok(()),
    }
}

/// Opens the incident about a source that fell silent while `firing` alerts of it fired.
fn went_silent(w: &mut Write<'_>, source: &IncidentSource, firing: u64, url: &str) -> Result<()> {
    // Whatever the service says of its own alerts: without this nobody hears of anything.
    let mut service = source.service.clone();
    service.rules.urgency = UrgencyRule::High;
    let origin = Origin {
        service: &service,
        integration: None,
        actor: Actor::system(),
        url,
        renames: false,
    };
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

/// A firing came after its episode's resolve and nothing took it back: it fires anew.
fn fire_late(w: &mut Write<'_>, id: AlertId, url: &str) -> Result<()> {
    let Some(member) = there(w.member(id))? else {
        return Ok(());
    };
    if !member.late || member.fires() {
        return Ok(());
    }
    let (alert, service) = w.alert_of(id)?;
    let source = match member.integration {
        Some(integration) => w.find_source_by_id(integration)?,
        None => None,
    };
    let service = match &source {
        Some(source) => source.service.clone(),
        None => w.service_by_id(service)?,
    };
    let origin = match &source {
        Some(source) => Origin::integration(source, url),
        None => Origin {
            service: &service,
            integration: None,
            actor: Actor::system(),
            url,
            renames: false,
        },
    };
    if is_held(w, member.incident)? {
        return fire_unseen(w, &origin, &alert, &member, Why::Late);
    }
    fire_anew(w, &origin, &alert, Some(&member), Why::Late).map(|_| ())
}

/// A webhook's alert that nobody refreshed for a day: somebody should look.
fn go_stale(w: &mut Write<'_>, id: AlertId) -> Result<()> {
    let Some(member) = there(w.member(id))? else {
        return Ok(());
    };
    if !member.fires() || member.stale {
        return Ok(());
    }
    let due = shift(member.last_at, STALE);
    if due > w.now() {
        return w.set_timer(TimerKind::Stale, id.0, due);
    }
    w.mark_stale(id)?;
    let mut incident = w.incident(member.incident)?;
    if !incident.is_open() {
        return Ok(());
    }
    members::tell_of_members(w, &mut incident, UpdateReason::Stale, &Actor::system())
}

/// None for a row that is gone.
fn there<T>(found: Result<T>) -> Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
