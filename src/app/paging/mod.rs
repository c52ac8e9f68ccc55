//! Somebody is told: each due rung of an incident's ladder becomes rows of deliveries and an event,
//! in one write. A timer asks, or a person who escalates.
pub(super) mod aftermath;
pub(super) mod queue;
pub(super) mod rehearsal;
pub(super) mod who;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::shift;
use crate::domain::delivery::{Delivery, DeliveryKind, DeliveryState};
use crate::domain::escalation::{After, Ladder, Told as Shown};
use crate::domain::event::Climb;
use crate::domain::policy::{Policy, Rung, Target};
use crate::domain::user::UserRef;
use crate::domain::{
    Actor, Change, DeliveryId, Incident, IncidentId, Role, Status, TeamId, Urgency, UserId,
};
use crate::error::Result;
use crate::store::{Read, User, Write};

/// How many of those who were told an incident names.
const SHOWN: usize = 20;
/// Rungs climbed in one go, however a policy is made.
const AT_ONCE: usize = 64;
/// While nobody can be told, it is looked again whether somebody can.
const LOOK_AGAIN: Duration = Duration::from_mins(1);
const LOOK_AGAIN_AT_MOST: Duration = Duration::from_mins(5);
/// The same hole is told of once in this time.
const NOTICE_EVERY_SECS: i64 = 3_600;
const MAX_NOTICE: usize = 1_000;
const LOG_EVERY_SECS: i64 = 10;
/// Deliveries of one incident that are looked at.
const MAX_ROWS: u32 = 10_000;
/// As many as SQLite can count.
const ALL: usize = usize::MAX >> 1;

/// One rung, planned.
struct Plan {
    who: who::Told,
    rows: Vec<Delivery>,
    /// Those who are told by something that was seen to work.
    reached: Vec<UserRef>,
    /// The others, and why.
    unverified: Vec<String>,
}

impl Plan {
    fn tells(&self) -> bool {
        !self.reached.is_empty() || !self.who.channels.is_empty()
    }
}

/// The ladder's next rung is due.
pub(super) fn climb(w: &mut Write<'_>, mut incident: Incident) -> Result<()> {
    let Some(ladder) = incident.memory.ladder.filter(|_| incident.ladder_due().is_some()) else {
        return Ok(());
    };
    let policy = policy_of(w, &incident)?;
    let ladder = Ladder { rung: policy.standing(ladder.rung), ..ladder };
    let system = Actor::system();
    if incident.untold && ladder.exhausted {
        // Whoever can be told by now is told, whatever step names him. Until then nothing is said
        // that was not said before.
        return match reachable(w, &incident, &policy)? {
            Some(rung) => climb_from(w, incident, &policy, rung, ladder, &system).map(|_| ()),
            None => {
                let before = incident.clone();
                let due = shift(w.now(), look_again(&incident, w.now()));
                incident.memory.ladder = Some(Ladder { due, ..ladder });
                w.save_paging(&mut incident, &before)
            }
        };
    }
    if ladder.rung == Rung::Start {
        let (rung, wait) = policy.next(Rung::Start);
        if !wait.is_zero() {
            let before = incident.clone();
            let due = shift(w.now(), wait);
            incident.memory.ladder = Some(Ladder { rung, due, ..ladder });
            incident.escalation.next_targets = who::told(w, &incident, &policy, rung, due)?.names();
            return w.save_paging(&mut incident, &before);
        }
        return climb_from(w, incident, &policy, rung, ladder, &system).map(|_| ());
    }
    climb_from(w, incident, &policy, ladder.rung, ladder, &system).map(|_| ())
}

/// The longer nobody can be told, the seldomer one looks whether somebody can.
fn look_again(incident: &Incident, now: Timestamp) -> Duration {
    let untold_for = Duration::try_from(now.duration_since(incident.updated_at));
    (untold_for.unwrap_or_default() / 10).clamp(LOOK_AGAIN, LOOK_AGAIN_AT_MOST)
}

/// The first rung that tells somebody now.
fn reachable(w: &Write<'_>, incident: &Incident, policy: &Policy<Target>) -> Result<Option<Rung>> {
    let mut rung = policy.next(Rung::Start).0;
    while rung.round().is_none_or(|round| round == 1) {
        if plan(w, incident, policy, rung, w.now())?.tells() {
            return Ok(Some(rung));
        }
        if rung == Rung::LastResort {
            return Ok(None);
        }
        rung = policy.next(rung).0;
    }
    let last = plan(w, incident, policy, Rung::LastResort, w.now())?;
    Ok(last.tells().then_some(Rung::LastResort))
}

/// Somebody asks for the next rung now; of what is acknowledged, the one after the last.
/// Says whom that told.
pub(super) fn escalate(
    w: &mut Write<'_>,
    incident: Incident,
    actor: &Actor,
) -> Result<(Incident, Vec<String>)> {
    let policy = policy_of(w, &incident)?;
    let (round, step) = (incident.escalation.round, incident.escalation.step);
    let ladder = incident.memory.ladder.unwrap_or_else(|| {
        let last = if step == 0 { Rung::Start } else { Rung::Step { round, step } };
        Ladder { rung: policy.next(last).0, due: w.now(), told_in: 0, exhausted: false }
    });
    let rung = match ladder.rung {
        // Whoever asks does not wait five minutes more for the one to whom it was given.
        Rung::Start | Rung::Assignee => policy.next(Rung::Start).0,
        rung => policy.standing(rung),
    };
    let id = incident.id;
    let told = climb_from(w, incident, &policy, rung, ladder, actor)?;
    Ok((w.incident(id)?, told))
}

pub(super) fn policy_of(r: &Read<'_>, incident: &Incident) -> Result<Policy<Target>> {
    r.policy_of(incident.team.id, incident.service.as_ref().map(|service| service.id))
}

/// A policy was changed: ladders that climb by it go on with the step that follows the last one
/// that they took, wherever it stands now.
pub(super) fn follow_policy(
    w: &mut Write<'_>,
    team: TeamId,
    old: &Policy<Target>,
    new: &Policy<Target>,
) -> Result<()> {
    if old.steps == new.steps {
        return Ok(());
    }
    for id in w.open_after(Some(team), IncidentId::default(), ALL)? {
        let mut incident = w.incident(id)?;
        let Some(ladder) = incident.memory.ladder else { continue };
        if policy_of(w, &incident)?.slug != new.slug {
            continue;
        }
        let (rung, later) = new.instead_of(old, ladder.rung);
        let due = ladder.due.saturating_add(later).unwrap_or(ladder.due);
        let moved = Ladder { rung, due, ..ladder };
        if moved != ladder {
            let before = incident.clone();
            incident.memory.ladder = Some(moved);
            incident.escalation.next_targets = who::told(w, &incident, new, rung, due)?.names();
            w.save_paging(&mut incident, &before)?;
        }
    }
    Ok(())
}

/// Climbs `rung`, and at once those after it until somebody is told; says who. A round that told
/// nobody goes to the last resort.
fn climb_from(
    w: &mut Write<'_>,
    mut incident: Incident,
    policy: &Policy<Target>,
    mut rung: Rung,
    mut ladder: Ladder,
    actor: &Actor,
) -> Result<Vec<String>> {
    let mut told = Vec::new();
    for _ in 0..AT_ONCE {
        let plan = plan(w, &incident, policy, rung, w.now())?;
        let tells = plan.tells();
        ladder = ladder.after(policy, rung, tells, w.now());
        let next = ladder.rung;
        let remembered = (!is_over(&incident, rung, tells)).then_some(ladder);
        let at_once = remembered.is_some() && ladder.due <= w.now();
        told.extend(take(w, &mut incident, policy, rung, plan, (remembered, !at_once), actor)?);
        if !at_once {
            break;
        }
        rung = next;
    }
    Ok(told)
}

/// Of low urgency somebody is told once.
fn is_over(incident: &Incident, rung: Rung, tells: bool) -> bool {
    incident.urgency == Urgency::Low && (tells || rung == Rung::LastResort)
}

/// Whom `rung` tells at `at`, and by what.
fn plan(
    r: &Read<'_>,
    incident: &Incident,
    policy: &Policy<Target>,
    rung: Rung,
    at: Timestamp,
) -> Result<Plan> {
    let plan = rows(r, incident, who::told(r, incident, policy, rung, at)?, at)?;
    if rung != Rung::LastResort || plan.tells() {
        return Ok(plan);
    }
    let mut who = plan.who;
    who::beyond(r, incident.team.id, &mut who)?;
    rows(r, incident, who, at)
}

/// By what all of them are told.
fn rows(r: &Read<'_>, incident: &Incident, who: who::Told, at: Timestamp) -> Result<Plan> {
    let (mut rows, mut reached, mut unverified) = (Vec::new(), Vec::new(), Vec::new());
    for user in &who.people {
        let pages = queue::pages(r, user, incident, at)?;
        if pages.verified {
            reached.push(user.reference());
        } else {
            let what = match pages.rows.as_slice() {
                [] => "has no contact",
                _ => "has no verified contact, only the account's e-mail",
            };
            unverified.push(format!("{} {what}", user.username));
        }
        rows.extend(pages.rows);
    }
    for channel in &who.channels {
        rows.push(Delivery {
            incident: Some(incident.id),
            high: incident.urgency == Urgency::High,
            ..Delivery::queued(DeliveryKind::Page, queue::to_channel(channel), at)
        });
    }
    Ok(Plan { who, rows, reached, unverified })
}

/// Takes the step: the event, and the rows that it made. `last`: nothing follows at once.
fn take(
    w: &mut Write<'_>,
    incident: &mut Incident,
    policy: &Policy<Target>,
    rung: Rung,
    plan: Plan,
    (ladder, last): (Option<Ladder>, bool),
    actor: &Actor,
) -> Result<Vec<String>> {
    let (round, step) = match rung {
        Rung::Step { round, step } => (round, step),
        Rung::LastResort => (incident.escalation.round, 0),
        Rung::Start | Rung::Assignee => (0, 0),
    };
    let mut told: Vec<Shown> = plan.rows.iter().map(|row| shown(row, &plan.who)).collect();
    told.extend(incident.escalation.told.iter().cloned());
    told.truncate(SHOWN);
    let untold = last && told.iter().all(|told| !aftermath::TOLD.contains(&told.outcome.as_str()));
    // Whoever can be told before the next reminder is not left without it.
    let soon =
        |ladder: Ladder| Ladder { due: ladder.due.min(shift(w.now(), LOOK_AGAIN)), ..ladder };
    let ladder = ladder.map(|it| if untold && it.exhausted { soon(it) } else { it });
    let rings = |user: &&User| plan.rows.iter().any(|row| row.to.user == Some(user.id));
    let people: Vec<UserRef> = plan.who.people.iter().filter(rings).map(User::reference).collect();
    let channels = plan.who.channels.iter().map(|channel| format!("channel:{}", channel.slug));
    let notified: Vec<String> =
        people.iter().map(|user| user.username.clone()).chain(channels).collect();
    let next_targets = match ladder {
        // What follows at once says itself whom it tells.
        Some(ladder) if last => who::told(w, incident, policy, ladder.rung, ladder.due)?.names(),
        _ => Vec::new(),
    };
    let skipped = [plan.who.skipped.as_slice(), &plan.unverified].concat();
    if !plan.unverified.is_empty() {
        let who = plan.unverified.join(", ");
        let text = format!("{who}. Add a contact, or verify it: incidentd contact --help");
        tell_admins(w, incident.team.id, Some(incident.id), &text)?;
    }
    if !plan.who.skipped.is_empty() {
        let (holes, step) = (plan.who.skipped.join(", "), rung_words(rung));
        let text = format!("{holes}: in {step} of {}", policy.slug);
        tell_admins(w, incident.team.id, Some(incident.id), &text)?;
    }
    let change = Change::Escalated(Climb {
        round,
        step,
        targets: plan.who.targets,
        notified: notified.clone(),
        people,
        skipped,
        untold,
        last_resort: rung == Rung::LastResort,
        after: After { ladder, told, next_targets },
    });
    let made = w.append(incident, change, actor)?;
    let by_hand = rung == Rung::Assignee || actor.user_id().is_some();
    for mut row in plan.rows {
        (row.made, row.by_hand) = (Some(made), by_hand);
        w.insert_delivery(&row)?;
    }
    if untold {
        log_untold(incident.id, w.now());
    }
    Ok(notified)
}

/// The log has a line of it at once; in a storm, one in ten seconds that counts the others.
fn log_untold(incident: IncidentId, now: Timestamp) {
    static LAST: AtomicI64 = AtomicI64::new(i64::MIN);
    static OTHERS: AtomicU64 = AtomicU64::new(0);
    let (last, now) = (LAST.load(Relaxed), now.as_second());
    if last <= now && now.saturating_sub(last) < LOG_EVERY_SECS {
        OTHERS.fetch_add(1, Relaxed);
        return;
    }
    LAST.store(now, Relaxed);
    let others = OTHERS.swap(0, Relaxed);
    tracing::error!(%incident, others, "nobody could be told of an incident");
}

fn rung_words(rung: Rung) -> String {
    match rung {
        Rung::Start | Rung::Assignee => "the assignee".into(),
        Rung::Step { step, .. } => format!("step {step}"),
        Rung::LastResort => "the last resort".into(),
    }
}

fn shown(row: &Delivery, who: &who::Told) -> Shown {
    let user = who.people.iter().find(|user| Some(user.id) == row.to.user);
    Shown {
        user: user
            .map_or_else(|| format!("channel:{}", row.to.contact), |user| user.username.clone()),
        channel: row.to.channel.clone(),
        at: row.due_at,
        outcome: row.state.word().into(),
    }
}

/// The team's admins hear of a hole, of the same one once an hour; where no incident waits, after
/// their quiet hours.
pub(super) fn tell_admins(
    w: &Write<'_>,
    team: TeamId,
    incident: Option<IncidentId>,
    text: &str,
) -> Result<()> {
    let text = crate::domain::text::line(text, MAX_NOTICE);
    let since = w.now().saturating_sub(jiff::SignedDuration::from_secs(NOTICE_EVERY_SECS));
    for user in who::members(w, team, Role::Admin)? {
        let told = w.last_notice(Some(user.id), &text)?;
        if told.is_some_and(|told| since.as_ref().is_ok_and(|since| told > *since)) {
            continue;
        }
        if let Some(to) = queue::quietly(w, &user)? {
            let quiet = w.rules(user.id)?.quiet.filter(|_| incident.is_none());
            let ends = quiet.and_then(|quiet| quiet.end(w.now(), &queue::zone(&user)));
            let due_at = ends.unwrap_or_else(|| w.now());
            let notice = Delivery { due_at, ..Delivery::queued(DeliveryKind::Notice, to, w.now()) };
            w.insert_delivery(&Delivery { text: Some(text.clone()), incident, ..notice })?;
        }
    }
    Ok(())
}

/// Who was paged is told that he need not come: once, quietly, where he was paged. What still
/// waits for anybody but the one who has it goes nowhere.
pub(super) fn all_clear(w: &mut Write<'_>, mut incident: Incident) -> Result<()> {
    let before = incident.clone();
    incident.memory.all_clear_at = None;
    w.save_memory(&incident, &before)?;
    let actor = match incident.status {
        Status::Resolved => incident.resolved_by.as_ref(),
        Status::Acknowledged => incident.acknowledged_by.as_ref(),
        Status::Triggered => None,
    };
    let has_it: Vec<UserId> = match incident.status {
        Status::Resolved => Vec::new(),
        _ => incident.assignees.iter().map(|user| user.id).collect(),
    };
    let actor = actor.and_then(Actor::user_id);
    let mut due: BTreeMap<(String, String), Option<Delivery>> = BTreeMap::new();
    for row in w.deliveries(incident.id, DeliveryId::default(), MAX_ROWS)? {
        let place = (row.to.channel.clone(), row.to.address.clone());
        let theirs = row.to.user.is_some_and(|user| has_it.contains(&user));
        match (row.kind, row.state) {
            // What is on its way is looked at when that is over.
            (DeliveryKind::Page, DeliveryState::Queued)
                if row.message.is_none() && (incident.status != Status::Triggered || !theirs) =>
            {
                let why = row.unwanted(Some(&incident), w.now()).unwrap_or("given to another");
                aftermath::drop_row(w, row, why)?;
            }
            (DeliveryKind::Page, DeliveryState::Sent) => {
                let theirs = theirs || (row.to.user.is_some() && row.to.user == actor);
                due.insert(place, (!theirs).then_some(row));
            }
            (DeliveryKind::AllClear, _) => {
                due.insert(place, None);
            }
            _ => {}
        }
    }
    for page in due.into_values().flatten() {
        let opted_out = match page.to.user {
            Some(user) => !w.rules(user)?.all_clear,
            None => false,
        };
        if !opted_out {
            let clear = Delivery::queued(DeliveryKind::AllClear, page.to, w.now());
            let clear = Delivery { incident: Some(incident.id), made: Some(incident.seq), ..clear };
            w.insert_delivery(&clear)?;
        }
    }
    Ok(())
}

/// Who has it is told that it became worse, or that nobody reported it for long.
pub(super) fn tell_assignee(w: &mut Write<'_>, mut incident: Incident) -> Result<()> {
    let before = incident.clone();
    incident.memory.assignee_due = None;
    incident.memory.assignee_told_at = Some(w.now());
    w.save_memory(&incident, &before)?;
    if incident.status != Status::Acknowledged {
        return Ok(());
    }
    for user in &incident.assignees {
        let Some(user) = w.find_user(user.id)?.filter(|user| user.disabled_at.is_none()) else {
            continue;
        };
        // By the rule that rings first: it is a word to somebody who is awake.
        for mut row in queue::pages(w, &user, &incident, w.now())?.rows.into_iter().take(1) {
            row.kind = DeliveryKind::Update;
            row.made = Some(incident.seq);
            w.insert_delivery(&row)?;
        }
    }
    Ok(())
}
