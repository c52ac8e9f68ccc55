//! What silences do: an incident is silenced as long as all that fires in it is. Decided anew
//! whenever its members or the silences change; the ladder follows.
use std::time::Duration;

use jiff::Timestamp;

use super::paging::aftermath;
use crate::clock::shift;
use crate::domain::silence::{Facts, Silence, silenced_until};
use crate::domain::{
    Actor, Alert, AlertId, Change, Incident, Service, SilenceId, TimerKind, Update, UpdateReason,
};
use crate::error::Result;
use crate::store::{Firing, Read, Write};

/// Incidents that one write looks at for a silence: intake waits for no more.
const AT_ONCE: usize = 100;
/// Members that are read at a time; mostly the first decides.
const MEMBERS: usize = 50;

/// Until when this alert is silenced.
pub(super) fn of_alert(
    r: &Read<'_>,
    service: &Service,
    alert: &Alert,
    now: Timestamp,
) -> Result<Option<Timestamp>> {
    Ok(silences_of(r, service, alert, now)?.into_iter().map(|(_, until)| until).max())
}

/// The silences that this alert falls under, each with its end.
pub(super) fn silences_of(
    r: &Read<'_>,
    service: &Service,
    alert: &Alert,
    now: Timestamp,
) -> Result<Vec<(SilenceId, Timestamp)>> {
    let (labels, severity) = (&alert.labels, alert.severity);
    let facts = Facts { labels, service: &service.slug, team: &service.team, severity };
    let mut silences = r.live_silences(service.team.id, now)?;
    silences.retain(|silence| silence.matches(&facts));
    let on = |it: &Silence| it.active_until(now).map(|until| (it.id, until));
    Ok(silences.iter().filter_map(on).collect())
}

/// An alert joined it, silenced until then or not: so many looks as it takes, mostly none.
pub(super) fn joined(
    w: &mut Write<'_>,
    incident: &mut Incident,
    until: Option<Timestamp>,
    actor: &Actor,
) -> Result<()> {
    match (incident.silenced_until, until) {
        (None, None) => Ok(()),
        (Some(was), Some(until)) if was <= until => Ok(()),
        (Some(_), _) => set(w, incident, until, actor),
        // Perhaps it is alone there.
        (None, Some(_)) => follow_soon(w, incident),
    }
}

/// The same at the end of this write: however many members a batch moves, they are looked at once.
pub(super) fn follow_soon(w: &Write<'_>, incident: &Incident) -> Result<()> {
    w.set_timer(TimerKind::Quiet, incident.id.0, w.now())
}

/// Silences it or lets it be heard again, as its firing members have it.
pub(super) fn follow(w: &mut Write<'_>, incident: &mut Incident, actor: &Actor) -> Result<()> {
    if !incident.is_open() {
        return Ok(());
    }
    let silences = w.live_silences(incident.team.id, w.now())?;
    let until = until(w, &silences, incident, w.now())?;
    set(w, incident, until, actor)
}

fn set(
    w: &mut Write<'_>,
    incident: &mut Incident,
    until: Option<Timestamp>,
    actor: &Actor,
) -> Result<()> {
    if until == incident.silenced_until {
        return Ok(());
    }
    let reason = if until.is_some() { UpdateReason::Silenced } else { UpdateReason::Unsilenced };
    let mut update = Update::new(reason);
    update.until = until;
    w.append(incident, Change::Updated(update), actor)?;
    if until.is_some() { aftermath::silenced(w, incident) } else { Ok(()) }
}

/// Until when all that fires in it is silenced. Where nothing fires, what was goes on.
pub(super) fn until(
    r: &Read<'_>,
    silences: &[Silence],
    incident: &Incident,
    now: Timestamp,
) -> Result<Option<Timestamp>> {
    if silences.is_empty() {
        return Ok(None);
    }
    let mut first = None;
    let alone = each_firing(r, incident, |facts| {
        let until = silenced_until(silences, facts, now);
        first = match (first, until) {
            (Some(first), Some(until)) if first < until => Some(first),
            (_, until) => until,
        };
        first.is_some()
    })?;
    if alone { Ok(incident.silenced_until.filter(|until| *until > now)) } else { Ok(first) }
}

/// Asks about each member that fires, until the answer is no. True if none fires.
pub(super) fn each_firing(
    r: &Read<'_>,
    incident: &Incident,
    mut ask: impl FnMut(&Facts<'_>) -> bool,
) -> Result<bool> {
    let (mut after, mut none) = (AlertId::default(), true);
    loop {
        let members = r.firing_after(incident.id, after, MEMBERS)?;
        for Firing { id, labels, service, severity } in &members {
            let team = &incident.team;
            if !ask(&Facts { labels, service, team, severity: *severity }) {
                return Ok(false);
            }
            (after, none) = (*id, false);
        }
        if members.len() < MEMBERS {
            return Ok(none);
        }
    }
}

/// A silence begins, ends, opens or closes a window: the incidents of its teams follow, so many
/// in a write. Its timer comes back for the rest, and then for its next edge.
pub(super) fn turn(w: &mut Write<'_>, silence: &Silence, actor: &Actor) -> Result<()> {
    let team = silence.team.as_ref().map(|team| team.id);
    let ids = w.open_after(team, w.looked_at(silence.id)?, AT_ONCE)?;
    for id in &ids {
        let mut incident = w.incident(*id)?;
        follow(w, &mut incident, actor)?;
    }
    let rest = ids.last().filter(|_| ids.len() == AT_ONCE).copied();
    w.note_looked_at(silence.id, rest.unwrap_or_default())?;
    let next = match rest {
        // In another write.
        Some(_) => Some(shift(w.now(), Duration::from_millis(1))),
        None => silence.next_edge(w.now()),
    };
    match next {
        Some(at) => w.set_timer(TimerKind::Silence, silence.id.0, at),
        None => w.clear_timer(TimerKind::Silence, silence.id.0),
    }
}

/// Its timer fell due.
pub(super) fn silence_due(w: &mut Write<'_>, id: SilenceId) -> Result<()> {
    match w.find_silence(id)? {
        Some(silence) => turn(w, &silence, &Actor::system()),
        None => Ok(()),
    }
}
