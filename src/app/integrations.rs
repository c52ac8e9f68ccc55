//! Integrations: the keys by which senders reach a service. A key is shown once.
use super::changes::{Thing, check_name, differ, quoted};
use super::services::{live_service, seen_service};
use super::teams::of_seen_teams;
use super::{App, Caller, Need, page_size};
use crate::api::Page;
use crate::api::services::{
    Integration, IntegrationChange, IntegrationsQuery, IssuedIntegration, NewIntegration, Payload,
};
use crate::domain::{Actor, IntegrationId, ServiceId};
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::store::{IntegrationRow, PayloadRow, Read, Write};

impl App {
    /// Integrations of the teams that the caller may see.
    ///
    /// # Errors
    /// `NotFound` for a team or service that he may not see.
    pub async fn integrations(
        &self,
        caller: &Caller,
        query: IntegrationsQuery,
    ) -> Result<Page<Integration>> {
        caller.must_have(Need::Read)?;
        let limit = page_size(query.limit)?;
        let (caller, now) = (caller.clone(), self.now());
        self.0
            .store
            .read(move |r| {
                let service = match &query.service {
                    Some(service) => Some(seen_service(r, &caller, Need::Read, service)?.id),
                    None => None,
                };
                let (team, all) = (query.team.as_deref(), r.integrations()?);
                let mut found = of_seen_teams(r, &caller, team, now, all, |row| row.team.id)?;
                found.retain(|row| service.is_none_or(|only| only == row.service.id));
                let found = found.into_iter().map(shown).collect();
                let key = |found: &Integration| format!("{}/{}", found.service.slug, found.name);
                Ok(Page::cut(found, query.cursor.as_deref(), limit, key))
            })
            .await
    }

    /// # Errors
    /// `NotFound` for strangers.
    pub async fn integration(&self, caller: &Caller, id: IntegrationId) -> Result<Integration> {
        let caller = caller.clone();
        self.0.store.read(move |r| seen_integration(r, &caller, Need::Read, id).map(shown)).await
    }

    /// Adds an integration; its key is shown this once.
    ///
    /// # Errors
    /// `Refused` if its service has one of this name, or the key is another's.
    pub async fn create_integration(
        &self,
        caller: &Caller,
        new: NewIntegration,
    ) -> Result<IssuedIntegration> {
        check_name(&new.name).map_err(|why| Error::invalid("name", why))?;
        if let Some(key) = &new.key {
            check_key(key).map_err(|why| Error::invalid("key", why))?;
        }
        let key = new.key.clone().map_or_else(Secret::random_key, |key| Ok(Secret::new(key)))?;
        let (by, url) = (caller.clone(), self.0.public_url.clone());
        self.write_once(caller, move |w| {
            let service = live_service(w, &by, Need::Manage, &new.service)?;
            let name = (service.slug.as_str(), new.name.as_str());
            let id = add_integration(w, service.id, name, &key, &by.actor())?;
            Ok(issued(seen_integration(w, &by, Need::Manage, id)?, &key, &url))
        })
        .await
    }

    /// # Errors
    /// `NotFound` for strangers, `Refused` if its service has another of this name.
    pub async fn rename_integration(
        &self,
        caller: &Caller,
        id: IntegrationId,
        change: IntegrationChange,
    ) -> Result<Integration> {
        let name = change.name.as_deref();
        name.map_or(Ok(()), check_name).map_err(|why| Error::invalid("name", why))?;
        let caller = caller.clone();
        self.write_as(caller.clone(), move |w| {
            let found = seen_integration(w, &caller, Need::Manage, id)?;
            let name = change.name.as_ref().unwrap_or(&found.name);
            let mut fields = Vec::new();
            differ(&mut fields, "name", quoted(&found.name), quoted(name));
            if !fields.is_empty() {
                w.rename_integration(id, name)?;
            }
            let label = label(&found.service.slug, name);
            thing(id, &label).log_fields(w, &fields, &caller.actor())?;
            seen_integration(w, &caller, Need::Manage, id).map(shown)
        })
        .await
    }

    /// Its last requests, newest first.
    ///
    /// # Errors
    /// `NotFound` for strangers, `Forbidden` for who does not manage the team.
    pub async fn payloads(&self, caller: &Caller, id: IntegrationId) -> Result<Vec<Payload>> {
        let caller = caller.clone();
        self.0
            .store
            .read(move |r| {
                seen_integration(r, &caller, Need::Manage, id)?;
                let mut rows = r.payloads(id)?;
                let shown = |row: PayloadRow| Payload {
                    at: row.at,
                    source: row.source,
                    body: row.body,
                    error: row.error,
                };
                Ok(rows.drain(..).map(shown).collect())
            })
            .await
    }

    /// Makes a new key; the old one is dead at once.
    ///
    /// # Errors
    /// `NotFound` for strangers, `Forbidden` for who does not manage the team.
    pub async fn rotate_key(
        &self,
        caller: &Caller,
        id: IntegrationId,
    ) -> Result<IssuedIntegration> {
        let key = Secret::random_key()?;
        let (by, url) = (caller.clone(), self.0.public_url.clone());
        self.write_once(caller, move |w| {
            let found = seen_integration(w, &by, Need::Manage, id)?;
            set_key(w, &found, &key, &by.actor())?;
            Ok(issued(found, &key, &url))
        })
        .await
    }

    /// # Errors
    /// `NotFound` for strangers, `Forbidden` for who does not manage the team.
    pub async fn remove_integration(&self, caller: &Caller, id: IntegrationId) -> Result<()> {
        let caller = caller.clone();
        self.write_as(caller.clone(), move |w| {
            let found = seen_integration(w, &caller, Need::Manage, id)?;
            remove_integration(w, &found, &caller.actor())
        })
        .await
    }
}

fn shown(row: IntegrationRow) -> Integration {
    Integration {
        id: row.id,
        name: row.name,
        service: row.service,
        team: row.team,
        created_at: row.created_at,
        last_received_at: row.last_received_at,
        last_rejected_at: row.last_rejected_at,
        last_rejection: row.last_rejection,
    }
}

fn issued(row: IntegrationRow, key: &Secret, base: &str) -> IssuedIntegration {
    let key = key.expose().to_owned();
    let url = format!("{base}/integrations/{key}");
    IssuedIntegration { integration: shown(row), key, url }
}

/// # Errors
/// Says what a key must be.
pub(super) fn check_key(key: &str) -> Result<(), &'static str> {
    if key.len() == 32 && key.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Ok(());
    }
    Err("needs 32 letters and digits; leave it out to have one made")
}

/// An integration in whose team the caller may do what `need` says.
pub(super) fn seen_integration(
    r: &Read<'_>,
    caller: &Caller,
    need: Need,
    id: IntegrationId,
) -> Result<IntegrationRow> {
    let what = format!("Integration {id}");
    let row = r.find_integration(id)?.ok_or_else(|| Error::not_found(&what))?;
    caller.may(r, need, row.team.id, &what)?;
    Ok(row)
}

fn label(service: &str, name: &str) -> String {
    format!("{service}/{name}")
}

const fn thing(id: IntegrationId, label: &str) -> Thing<'_> {
    Thing { what: "integration", id: id.0, name: label }
}

/// Adds an integration to a service of this slug, under this name.
pub(super) fn add_integration(
    w: &mut Write<'_>,
    service: ServiceId,
    (slug, name): (&str, &str),
    key: &Secret,
    actor: &Actor,
) -> Result<IntegrationId> {
    let label = label(slug, name);
    if w.find_integration_named(service, name)?.is_some() {
        return Err(Error::refused(format!("Integration `{label}` exists already."))
            .hint("Choose another name, or give it a new key: incidentd integration rotate"));
    }
    let id = w.insert_integration(service, name, &key.hash())?;
    thing(id, &label).log(w, "created", actor)?;
    Ok(id)
}

pub(super) fn set_key(
    w: &mut Write<'_>,
    row: &IntegrationRow,
    key: &Secret,
    actor: &Actor,
) -> Result<()> {
    w.update_integration_key(row.id, &key.hash())?;
    thing(row.id, &label(&row.service.slug, &row.name)).log(w, "key changed", actor)
}

pub(super) fn remove_integration(
    w: &mut Write<'_>,
    row: &IntegrationRow,
    actor: &Actor,
) -> Result<()> {
    w.delete_integration(row.id)?;
    thing(row.id, &label(&row.service.slug, &row.name)).log(w, "removed", actor)
}
