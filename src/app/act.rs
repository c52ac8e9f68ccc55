//! What people do with incidents: one `act` for command line, buttons, links and keys. The rule
//! decides, and what follows from it is done in the same write.
use jiff::Timestamp;

use super::incidents::assignable;
use super::members::back;
use super::quiet;
use super::services::must_live;
use super::{App, Caller, Need, paging};
use crate::api::incidents::Acted;
use crate::domain::action::Circumstances;
use crate::domain::service::UrgencyRule;
use crate::domain::words::moment;
use crate::domain::{Action, Actor, Change, Incident, IncidentId, Span, Status};
use crate::error::{Error, Result};
use crate::store::{User, Write};

impl App {
    /// Does `action` to an incident: the one way for people, whatever they press.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Invalid`, or `Refused` where the state forbids it.
    pub async fn act(&self, caller: &Caller, id: IncidentId, action: Action) -> Result<Acted> {
        action.check()?;
        let caller = caller.clone();
        self.write_as(caller.clone(), move |w| {
            // Before a stored answer, too: who lost his access is told nothing.
            answerable(w, &caller, id)?;
            w.once(caller.idempotency(w)?.as_ref(), |w| act(w, &caller, id, &action))
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
}

pub(super) fn act(
    w: &mut Write<'_>,
    caller: &Caller,
    id: IncidentId,
    action: &Action,
) -> Result<Acted> {
    let mut incident = w.incident(id)?;
    if matches!(action, Action::Escalate {}) {
        return escalate(w, caller, incident);
    }
    let to = match action {
        Action::Reassign { to, .. } => Some(assignable(w, caller, to, &incident)?),
        _ => None,
    };
    let to = to.as_ref().map(User::reference);
    let actor = caller.actor();
    let service = match &incident.service {
        Some(service) => Some(w.service_by_id(service.id)?),
        None => None,
    };
    let key_taken_by = match action {
        Action::Reopen {} => {
            // What ended opens no incident again.
            service.as_ref().map_or(Ok(()), must_live)?;
            w.find_rival(id)?
        }
        _ => None,
    };
    let into = match action {
        Action::Merge { into } => Some(answerable(w, caller, *into)?),
        _ => None,
    };
    let circumstances = Circumstances {
        actor: &actor,
        user: caller.user(),
        to: to.as_ref(),
        into: into.as_ref(),
        now: w.now(),
        ack_timeout: service.as_ref().map_or(Span::default(), |service| service.rules.ack_timeout),
        firing: incident.firing_count,
        key_taken_by,
    };
    let mut change = incident.decide(action, &circumstances)?;
    if let (Action::Reopen {}, Some(Change::Updated(update))) = (action, &mut change) {
        let rule = service.map_or(UrgencyRule::default(), |service| service.rules.urgency);
        *update = back(w, &incident, update.reason, rule)?;
    }
    let changed = change.is_some();
    let mut merged = None;
    match (change, into) {
        (Some(change), Some(into)) => {
            merged = Some(merge(w, &mut incident, change, into, &actor)?);
        }
        (Some(change), None) => {
            w.append(&mut incident, change, &actor)?;
            if matches!(action, Action::Reopen {}) {
                quiet::follow(w, &mut incident, &actor)?;
            }
        }
        (None, _) => {}
    }
    let when = clock_of(w, caller)?;
    let said = || message(&incident, action, changed, w.now(), &actor.name, &when);
    let message = merged.unwrap_or_else(said);
    Ok(Acted { incident, changed, message })
}

/// The next rung of its ladder, now.
fn escalate(w: &mut Write<'_>, caller: &Caller, incident: Incident) -> Result<Acted> {
    incident.check_open("escalated")?;
    if let Some(until) = incident.silenced_until {
        let until = clock_of(w, caller)?(until);
        let why = format!("{} is silenced until {until}: nobody would be told.", incident.id);
        return Err(Error::refused(why).hint("End the silence first, or reassign the incident."));
    }
    let (incident, told) = paging::escalate(w, incident, &caller.actor())?;
    let message = if told.is_empty() {
        format!("Escalated {}, but nobody could be told.", incident.id)
    } else {
        format!("Escalated {} to {}.", incident.id, told.join(", "))
    };
    Ok(Acted { incident, changed: true, message })
}

/// An incident that the caller may act on.
fn answerable(w: &Write<'_>, caller: &Caller, id: IncidentId) -> Result<Incident> {
    let incident = w.incident(id)?;
    caller.may_on(w, Need::Respond, &incident, w.now())?;
    Ok(incident)
}

/// `change` resolves what is merged; all that it had goes on in `into`. In words.
fn merge(
    w: &mut Write<'_>,
    incident: &mut Incident,
    change: Change,
    mut into: Incident,
    actor: &Actor,
) -> Result<String> {
    let before = incident.clone();
    w.hand_over(incident.id, into.id)?;
    w.append(incident, change, actor)?;
    let unmerged = into.clone();
    let update = into.absorb(&before, w.worst_firing(into.id)?);
    w.save_memory(&into, &unmerged)?;
    let again = update.status == Some(Status::Triggered);
    w.append(&mut into, Change::Updated(update), actor)?;
    quiet::follow(w, &mut into, actor)?;
    let (id, into) = (incident.id, into.id);
    let said = format!("Merged {id} into {into}.");
    Ok(if again {
        format!("{said} {into} is triggered again: nobody had answered {id}.")
    } else {
        said
    })
}

/// Moments in words, by the clocks of the caller's zone if he has said it.
fn clock_of(w: &Write<'_>, caller: &Caller) -> Result<impl Fn(Timestamp) -> String + use<>> {
    let zone = match caller.user() {
        Some(me) => w.username(&me.username)?.time_zone,
        None => None,
    };
    Ok(move |at| moment(at, zone.as_deref()))
}

/// One line for a person: what happened, or who did it when.
fn message(
    incident: &Incident,
    action: &Action,
    changed: bool,
    now: Timestamp,
    me: &str,
    when: &dyn Fn(Timestamp) -> String,
) -> String {
    let id = incident.id;
    let ago = |at: Option<Timestamp>| {
        at.map_or_else(String::new, |at| format!(" {} ago", Span::about(now.duration_since(at))))
    };
    let by = |actor: Option<&crate::domain::Actor>| match actor {
        Some(actor) if actor.name == me => "you".to_owned(),
        Some(actor) => actor.name.clone(),
        None => "incidentd".to_owned(),
    };
    if !changed {
        return match incident.status {
            Status::Resolved if let Some(into) = incident.merged_into => format!(
                "{id} was already merged into {into} by {}{}.",
                by(incident.resolved_by.as_ref()),
                ago(incident.resolved_at)
            ),
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
            Status::Triggered if matches!(action, Action::Reassign { .. }) => {
                format!("{} already has {id}.", incident.assigned())
            }
            Status::Triggered => format!("{id} is triggered already."),
        };
    }
    action.done(incident, when).unwrap_or_default()
}
