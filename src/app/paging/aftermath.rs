//! What becomes of a page, as its incident tells it: shown, failed over to the person's next
//! contact, and said where it reached nobody.
use super::{MAX_ROWS, policy_of, queue, tell_admins};
use crate::domain::delivery::{Delivery, DeliveryKind, DeliveryState, FAIL_OVER, GIVE_WAY};
use crate::domain::escalation::{Ladder, SENT, Told};
use crate::domain::policy::Rung;
use crate::domain::{
    Actor, Change, DeliveryId, Incident, IncidentId, Status, TeamId, Update, UpdateReason, UserId,
};
use crate::error::Result;
use crate::store::Write;

/// Outcomes of pages that told somebody, or may yet.
pub(super) const TOLD: [&str; 2] = [DeliveryState::Queued.word(), DeliveryState::Sent.word()];

/// A message was sent, or failed, or waits for another try.
pub(in crate::app) fn settled(w: &mut Write<'_>, row: &Delivery) -> Result<()> {
    if row.kind != DeliveryKind::Page {
        return Ok(());
    }
    // Later it is late with each attempt, and was said to be.
    let gives_way = row.is_late(w.now()) && row.attempts <= GIVE_WAY;
    if row.state == DeliveryState::Failed || row.attempts == FAIL_OVER || gives_way {
        fail_over(w, row)?;
    }
    show_told(w, row)?;
    match row.state {
        DeliveryState::Failed => unreached(w, row),
        DeliveryState::Queued if gives_way => unreached(w, row),
        DeliveryState::Sent => too_late(w, row),
        DeliveryState::Queued | DeliveryState::Dropped => Ok(()),
    }
}

/// A message was taken back, since its contact is gone: another of the person's rings instead, and
/// without one it is as if it had failed.
pub(in crate::app) fn lost(w: &mut Write<'_>, row: &Delivery) -> Result<()> {
    fail_over(w, row)?;
    taken_back(w, row)
}

/// What waits for a person about a team's incidents (about all, if none) goes nowhere: he is gone,
/// with all of his contacts.
pub(in crate::app) fn drop_all(
    w: &mut Write<'_>,
    user: UserId,
    team: Option<TeamId>,
) -> Result<()> {
    for row in w.queued_for(user, team)? {
        let row = row.dropped("no longer theirs", w.now());
        w.update_delivery(&row)?;
        taken_back(w, &row)?;
    }
    Ok(())
}

/// Whoever was told of it is gone. If nobody else has it, whoever comes next hears of it now.
pub(in crate::app) fn left_alone(w: &mut Write<'_>, id: IncidentId, gone: &str) -> Result<()> {
    let mut incident = w.incident(id)?;
    if incident.status != Status::Triggered || !incident.assignees.is_empty() {
        return Ok(());
    }
    let before = incident.clone();
    incident.escalation.told.retain(|told| told.user != gone || told.outcome != SENT);
    match &mut incident.memory.ladder {
        Some(ladder) => ladder.due = ladder.due.min(w.now()),
        None => climb_again(w, &mut incident)?,
    }
    w.save_paging(&mut incident, &before)
}

/// It is silenced: what waits goes nowhere, even if it is due after the silence.
pub(in crate::app) fn silenced(w: &mut Write<'_>, incident: &Incident) -> Result<()> {
    for row in w.deliveries(incident.id, DeliveryId::default(), MAX_ROWS)? {
        let waits = row.state == DeliveryState::Queued && row.message.is_none();
        if !waits || row.kind != DeliveryKind::Page {
            continue;
        }
        if let Some(why) = row.unwanted(Some(incident), w.now()) {
            drop_row(w, row, why)?;
        }
    }
    Ok(())
}

/// It goes nowhere, and its incident says so.
pub(super) fn drop_row(w: &mut Write<'_>, row: Delivery, why: &str) -> Result<()> {
    let row = row.dropped(why, w.now());
    w.update_delivery(&row)?;
    show_told(w, &row)
}

fn taken_back(w: &mut Write<'_>, row: &Delivery) -> Result<()> {
    show_told(w, row)?;
    let incident = row.incident.map(|id| w.find_incident(id)).transpose()?.flatten();
    match incident.map(|incident| incident.status) {
        Some(Status::Triggered) if row.kind == DeliveryKind::Page => unreached(w, row),
        _ => Ok(()),
    }
}

/// What an incident says of who was told follows its deliveries.
pub(in crate::app) fn show_told(w: &mut Write<'_>, row: &Delivery) -> Result<()> {
    if row.kind != DeliveryKind::Page {
        return Ok(());
    }
    let Some(mut incident) = row.incident.map(|id| w.find_incident(id)).transpose()?.flatten()
    else {
        return Ok(());
    };
    let before = incident.clone();
    let name = match row.to.user {
        Some(user) => w.find_user(user)?.map(|user| user.username).unwrap_or_default(),
        None => format!("channel:{}", row.to.contact),
    };
    // What is tried on too late has told nobody, until it has.
    let state = if row.is_late(w.now()) { DeliveryState::Failed } else { row.state };
    // The last first: so the oldest that waits is the one that went.
    let place = |was: DeliveryState| {
        incident.escalation.told.iter().rposition(|told| {
            told.user == name && told.channel == row.to.channel && told.outcome == was.word()
        })
    };
    let tried_on = || place(DeliveryState::Failed).filter(|_| row.attempts > 1);
    if let Some(place) = place(DeliveryState::Queued).or_else(tried_on) {
        let told = &mut incident.escalation.told[place];
        told.outcome = state.word().into();
        told.at = row.ended_at.unwrap_or(told.at);
    }
    if row.state == DeliveryState::Sent && incident.untold {
        let mut update = Update::new(UpdateReason::Delivered);
        update.untold = Some(false);
        w.append(&mut incident, Change::Updated(update), &Actor::system())?;
        return Ok(());
    }
    if incident == before { Ok(()) } else { w.save_paging(&mut incident, &before) }
}

/// The person's next contact rings now, instead of the one that failed.
pub(in crate::app) fn fail_over(w: &mut Write<'_>, row: &Delivery) -> Result<()> {
    let (Some(user), Some(incident), Some(made)) = (row.to.user, row.incident, row.made) else {
        return Ok(());
    };
    if row.unwanted(w.find_incident(incident)?.as_ref(), w.now()).is_some() {
        return Ok(());
    }
    let theirs = |other: &&Delivery| other.to.user == Some(user) && other.kind == row.kind;
    let all = w.made_by(incident, made)?;
    let waits = all.iter().filter(theirs).filter(|other| other.state == DeliveryState::Queued);
    let fresh = waits.filter(|other| other.id != row.id && other.attempts == 0);
    if let Some(next) = fresh.min_by_key(|it| it.due_at) {
        if next.due_at > w.now() {
            w.update_delivery(&Delivery { due_at: w.now(), ..next.clone() })?;
        }
        return Ok(());
    }
    let Some(user) = w.find_user(user)? else { return Ok(()) };
    let known = |address: &str| all.iter().any(|other| other.to.address == address);
    for contact in queue::verified(w, &user)?.iter().filter(|it| !known(&it.address)) {
        let to = queue::to(&user, contact);
        let fresh = Delivery::queued(row.kind, to, w.now());
        w.insert_delivery(&Delivery {
            incident: row.incident,
            made: row.made,
            high: row.high,
            by_hand: row.by_hand,
            ..fresh
        })?;
    }
    Ok(())
}

/// A page has failed for good, or for long. If that was the last by which the person could be told,
/// it is said; and if the step has told nobody, the next one is taken at once.
fn unreached(w: &mut Write<'_>, row: &Delivery) -> Result<()> {
    let (Some(id), Some(made)) = (row.incident, row.made) else { return Ok(()) };
    let Some(mut incident) = w.find_incident(id)? else { return Ok(()) };
    let all = w.made_by(id, made)?;
    let mut alive = all.iter().filter(|other| other.may_reach(w.now()));
    if alive.clone().any(|other| other.to.user == row.to.user) {
        return Ok(());
    }
    let told = |told: &Told| TOLD.contains(&told.outcome.as_str());
    let untold = incident.is_open() && !incident.escalation.told.iter().any(told);
    // It was said when it had failed for long.
    if row.attempts > GIVE_WAY && untold == incident.untold {
        return Ok(());
    }
    let name = match row.to.user {
        Some(user) => w.find_user(user)?.map(|user| user.username).unwrap_or_default(),
        None => format!("channel:{}", row.to.contact),
    };
    let why = row.outcome.clone().unwrap_or_default();
    let failure = format!("{name} by {}: {why}", row.to.channel);
    let text = format!("A page did not reach {failure}");
    tell_admins(w, incident.team.id, Some(incident.id), &text)?;
    if alive.next().is_none() && w.last_made(id)? == Some(made) {
        let before = incident.clone();
        incident.hurry(w.now());
        climb_again(w, &mut incident)?;
        w.save_memory(&incident, &before)?;
    }
    let mut update = Update::new(UpdateReason::DeliveryFailed);
    update.failure = Some(failure);
    update.untold = Some(untold);
    w.append(&mut incident, Change::Updated(update), &Actor::system()).map(|_| ())
}

/// Of low urgency somebody is told once: if he was not, the ladder goes on after that step.
fn climb_again(w: &Write<'_>, incident: &mut Incident) -> Result<()> {
    let (round, step) = (incident.escalation.round, incident.escalation.step);
    let over = incident.memory.ladder.is_none() && incident.status == Status::Triggered;
    let told = incident.escalation.told.iter().any(|told| told.outcome == SENT);
    if over && !told && step > 0 {
        let (rung, due) = (Rung::Step { round, step }, w.now());
        let ladder = Ladder { rung, due, told_in: 0, exhausted: false };
        let policy = policy_of(w, incident)?;
        incident.memory.ladder = Some(ladder.after(&policy, rung, false, w.now()));
    }
    Ok(())
}

/// Somebody answered while the page was on its way: he who got it is told.
fn too_late(w: &mut Write<'_>, row: &Delivery) -> Result<()> {
    let Some(mut incident) = row.incident.map(|id| w.find_incident(id)).transpose()?.flatten()
    else {
        return Ok(());
    };
    if incident.status == Status::Triggered {
        return Ok(());
    }
    let before = incident.clone();
    incident.memory.all_clear_at = Some(w.now());
    w.save_memory(&incident, &before)
}
