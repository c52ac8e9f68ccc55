//! Heartbeats as people set them up: how often each must come, and the key by which it does.
use super::beats::end_alerts;
use super::changes::{Thing, differ};
use super::integrations::check_key;
use super::services::{live_service, seen_service};
use super::teams::seen_team;
use super::{App, Caller, Need, page_size};
use crate::api::Page;
use crate::api::configuration::FieldChange;
use crate::api::heartbeats::{
    Heartbeat, HeartbeatChange, HeartbeatsQuery, IssuedHeartbeat, NewHeartbeat,
};
use crate::clock::shift;
use crate::domain::heartbeat::{faults, usual_grace};
use crate::domain::user::check_slug;
use crate::domain::{self, Actor, HeartbeatId, ServiceId, Span, TimerKind};
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::store::{HeartbeatRow, Read, Write};

impl App {
    /// Heartbeats of the teams that the caller may see.
    ///
    /// # Errors
    /// `NotFound` for a team or service that he may not see.
    pub async fn heartbeats(
        &self,
        caller: &Caller,
        query: HeartbeatsQuery,
    ) -> Result<Page<Heartbeat>> {
        caller.must_have(Need::Read)?;
        let limit = page_size(query.limit)?;
        let (caller, now) = (caller.clone(), self.now());
        self.0
            .store
            .read(move |r| {
                let sight = caller.sight(r, now)?;
                let team = match &query.team {
                    Some(team) => Some(seen_team(r, &caller, Need::Read, team)?.id),
                    None => None,
                };
                let service = match &query.service {
                    Some(service) => Some(seen_service(r, &caller, Need::Read, service)?.id),
                    None => None,
                };
                let mut rows = r.heartbeats()?;
                rows.retain(|row| {
                    let of = &row.heartbeat.service;
                    (sight.everything || sight.teams.contains(&of.team.id))
                        && team.is_none_or(|only| only == of.team.id)
                        && service.is_none_or(|only| only == of.id)
                });
                let shown: Result<Vec<_>> = rows.into_iter().map(|row| shown(r, row)).collect();
                let key = |heartbeat: &Heartbeat| heartbeat.slug.clone();
                Ok(Page::cut(shown?, query.cursor.as_deref(), limit, key))
            })
            .await
    }

    /// # Errors
    /// `NotFound` for strangers.
    pub async fn heartbeat(&self, caller: &Caller, name: String) -> Result<Heartbeat> {
        let caller = caller.clone();
        self.0.store.read(move |r| shown(r, seen_heartbeat(r, &caller, Need::Read, &name)?)).await
    }

    /// Adds a heartbeat; its key is shown this once.
    ///
    /// # Errors
    /// `Refused` if there is one of this name, or the key is another's.
    pub async fn create_heartbeat(
        &self,
        caller: &Caller,
        new: NewHeartbeat,
    ) -> Result<IssuedHeartbeat> {
        check_slug(&new.slug).map_err(|why| Error::invalid("slug", why))?;
        if let Some(key) = &new.key {
            check_key(key).map_err(|why| Error::invalid("key", why))?;
        }
        let grace = new.grace.unwrap_or_else(|| usual_grace(new.every));
        check(new.every, grace, &new.alert)?;
        let key = new.key.clone().map_or_else(Secret::random_key, |key| Ok(Secret::new(key)))?;
        let (by, url) = (caller.clone(), self.0.public_url.clone());
        self.write_once(caller, move |w| {
            let service = live_service(w, &by, Need::Manage, &new.service)?;
            let rhythm = (new.every, grace);
            add_heartbeat(w, service.id, &new.slug, rhythm, &new.alert, &key, &by.actor())?;
            issued(w, seen_heartbeat(w, &by, Need::Manage, &new.slug)?, &key, &url)
        })
        .await
    }

    /// # Errors
    /// `NotFound` for strangers, `Forbidden` for who does not manage its team.
    pub async fn change_heartbeat(
        &self,
        caller: &Caller,
        name: String,
        change: HeartbeatChange,
    ) -> Result<Heartbeat> {
        let slug = change.slug.as_deref();
        slug.map_or(Ok(()), check_slug).map_err(|why| Error::invalid("slug", why))?;
        let caller = caller.clone();
        self.write_as(caller.clone(), move |w| {
            let old = seen_heartbeat(w, &caller, Need::Manage, &name)?.heartbeat;
            let new = merged(&old, &change);
            check(new.every, new.grace, &new.alert)?;
            change_heartbeat(w, &old, &new, &caller.actor())?;
            shown(w, seen_heartbeat(w, &caller, Need::Manage, &old.id.to_string())?)
        })
        .await
    }

    /// # Errors
    /// `NotFound` for strangers, `Forbidden` for who does not manage its team.
    pub async fn remove_heartbeat(&self, caller: &Caller, name: String) -> Result<()> {
        let caller = caller.clone();
        self.write_as(caller.clone(), move |w| {
            let found = seen_heartbeat(w, &caller, Need::Manage, &name)?;
            remove_heartbeat(w, &found.heartbeat, &caller.actor())
        })
        .await
    }

    /// Makes a new key; the old one is dead at once.
    ///
    /// # Errors
    /// `NotFound` for strangers, `Forbidden` for who does not manage its team.
    pub async fn rotate_heartbeat(&self, caller: &Caller, name: String) -> Result<IssuedHeartbeat> {
        let key = Secret::random_key()?;
        let (by, url) = (caller.clone(), self.0.public_url.clone());
        self.write_once(caller, move |w| {
            let found = seen_heartbeat(w, &by, Need::Manage, &name)?;
            set_heartbeat_key(w, &found.heartbeat, &key, &by.actor())?;
            issued(w, found, &key, &url)
        })
        .await
    }
}

fn shown(r: &Read<'_>, row: HeartbeatRow) -> Result<Heartbeat> {
    let HeartbeatRow { heartbeat, due_at, .. } = row;
    Ok(Heartbeat {
        id: heartbeat.id,
        incident_id: r.find_open(heartbeat.service.id, &heartbeat.key().hash)?,
        status: heartbeat.pulse(),
        slug: heartbeat.slug,
        service: heartbeat.service.reference(),
        team: heartbeat.service.team,
        every: heartbeat.every,
        grace: heartbeat.grace,
        alert: heartbeat.alert,
        last_at: heartbeat.last_at,
        failed_at: heartbeat.failed_at,
        missing_at: heartbeat.missing_at,
        due_at,
        created_at: heartbeat.created_at,
    })
}

fn issued(r: &Read<'_>, row: HeartbeatRow, key: &Secret, base: &str) -> Result<IssuedHeartbeat> {
    let key = key.expose().to_owned();
    let url = format!("{base}/heartbeat/{key}");
    Ok(IssuedHeartbeat { heartbeat: shown(r, row)?, key, url })
}

fn check(every: Span, grace: Span, alert: &[String]) -> Result<()> {
    match faults(every, grace, alert).into_iter().next() {
        Some((field, why)) => Err(Error::invalid(field, why)),
        None => Ok(()),
    }
}

/// A heartbeat in whose team the caller may do what `need` says.
fn seen_heartbeat(r: &Read<'_>, caller: &Caller, need: Need, name: &str) -> Result<HeartbeatRow> {
    let what = format!("Heartbeat `{name}`");
    let row = r.find_heartbeat(name)?.ok_or_else(|| Error::not_found(&what))?;
    caller.may(r, need, row.heartbeat.service.team.id, &what)?;
    Ok(row)
}

pub(super) fn merged(old: &domain::Heartbeat, change: &HeartbeatChange) -> domain::Heartbeat {
    domain::Heartbeat {
        slug: change.slug.clone().unwrap_or_else(|| old.slug.clone()),
        every: change.every.unwrap_or(old.every),
        grace: change.grace.unwrap_or(old.grace),
        alert: change.alert.clone().unwrap_or_else(|| old.alert.clone()),
        ..old.clone()
    }
}

const fn thing(id: HeartbeatId, slug: &str) -> Thing<'_> {
    Thing { what: "heartbeat", id: id.0, name: slug }
}

pub(super) fn add_heartbeat(
    w: &mut Write<'_>,
    service: ServiceId,
    slug: &str,
    rhythm: (Span, Span),
    alert: &[String],
    key: &Secret,
    actor: &Actor,
) -> Result<HeartbeatId> {
    let id = w.insert_heartbeat(service, slug, rhythm, alert, &key.hash())?;
    thing(id, slug).log(w, "created", actor)?;
    Ok(id)
}

/// Makes `old` like `new`, and says what differs.
pub(super) fn change_heartbeat(
    w: &mut Write<'_>,
    old: &domain::Heartbeat,
    new: &domain::Heartbeat,
    actor: &Actor,
) -> Result<Vec<FieldChange>> {
    let mut fields = Vec::new();
    differ(&mut fields, "slug", &old.slug, &new.slug);
    differ(&mut fields, "every", old.every, new.every);
    differ(&mut fields, "grace", old.grace, new.grace);
    differ(&mut fields, "alert", format!("{:?}", old.alert), format!("{:?}", new.alert));
    if fields.is_empty() {
        return Ok(fields);
    }
    w.update_heartbeat(new)?;
    let waits = w.has_timer(TimerKind::Heartbeat, new.id.0)?;
    if let Some(last) = new.last_at.filter(|_| waits && new.due(w.now()) != old.due(w.now())) {
        // Whoever sends it may be told of a shorter period only now.
        let due = new.due(last).max(shift(w.now(), new.grace.duration()));
        w.set_timer(TimerKind::Heartbeat, new.id.0, due)?;
    }
    thing(new.id, &new.slug).log_fields(w, &fields, actor)?;
    Ok(fields)
}

pub(super) fn set_heartbeat_key(
    w: &mut Write<'_>,
    heartbeat: &domain::Heartbeat,
    key: &Secret,
    actor: &Actor,
) -> Result<()> {
    w.update_heartbeat_key(heartbeat.id, &key.hash())?;
    thing(heartbeat.id, &heartbeat.slug).log(w, "key changed", actor)
}

/// Nobody will say any more that it is well again: what it says is wrong is over.
pub(super) fn remove_heartbeat(
    w: &mut Write<'_>,
    heartbeat: &domain::Heartbeat,
    actor: &Actor,
) -> Result<()> {
    end_alerts(w, heartbeat, actor)?;
    thing(heartbeat.id, &heartbeat.slug).log(w, "removed", actor)?;
    w.delete_heartbeat(heartbeat.id)
}
