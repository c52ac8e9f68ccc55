//! Makes the configuration as a document says: one write, all or nothing.
use super::integrations::{add_integration, set_key};
use super::services::{add_service, change_service};
use super::teams::{add_team, change_team, remove_member, set_member};
use super::users::check_person;
use super::{App, Caller};
use crate::api::configuration::{self, Applied, Document, MadeKey};
use crate::api::services::ServiceChange;
use crate::api::teams::{NewTeam, TeamChange};
use crate::domain::Actor;
use crate::domain::event::{Access, Record};
use crate::domain::user::check_slug;
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::store::Write;

/// Longest name of a team, service or integration, in bytes.
const MAX_NAME: usize = 255;
const MAX_GROUP_BY: usize = 16;

impl App {
    /// # Errors
    /// Names the entry and field that is wrong; then nothing was changed.
    pub async fn apply(&self, caller: &Caller, document: Document) -> Result<Applied> {
        caller.must_be_platform_admin()?;
        check(&document)?;
        let spare = document
            .integrations
            .iter()
            .map(|_| Secret::random_key())
            .collect::<Result<Vec<_>>>()?;
        let caller = caller.clone();
        self.write(move |w| {
            let mut run = Run { w, actor: caller.actor(), applied: Applied::default() };
            for user in &document.users {
                run.user(user, &caller)?;
            }
            for team in &document.teams {
                run.team(team)?;
            }
            for service in &document.services {
                run.service(service)?;
            }
            for (integration, spare) in document.integrations.iter().zip(&spare) {
                run.integration(integration, spare)?;
            }
            Ok(run.applied)
        })
        .await
    }
}

/// What needs no database.
fn check(document: &Document) -> Result<()> {
    let slug = |kind: &str, slug: &str| {
        check_slug(slug).map_err(|why| Error::invalid(&format!("{kind} `{slug}`"), why))
    };
    let name = |kind: &str, of: &str, name: Option<&String>| match name {
        Some(name) if name.trim().is_empty() || name.len() > MAX_NAME => Err(Error::invalid(
            &format!("{kind} `{of}` name"),
            format!("needs 1 to {MAX_NAME} bytes"),
        )),
        _ => Ok(()),
    };
    for user in &document.users {
        check_person(&user.username, user.name.as_deref(), user.email.as_deref())
            .map_err(|error| Error::invalid(&format!("users `{}`", user.username), error.detail))?;
        if let Some(zone) = &user.time_zone
            && jiff::tz::TimeZone::get(zone).is_err()
        {
            return Err(Error::invalid(
                &format!("users `{}` time_zone", user.username),
                format!("`{zone}` is not a zone such as Europe/Paris"),
            ));
        }
    }
    for team in &document.teams {
        slug("teams", &team.slug)?;
        name("teams", &team.slug, team.name.as_ref())?;
    }
    for service in &document.services {
        slug("services", &service.slug)?;
        name("services", &service.slug, service.name.as_ref())?;
        if service.group_by.as_ref().is_some_and(|labels| labels.len() > MAX_GROUP_BY) {
            return Err(Error::invalid(
                &format!("services `{}` group_by", service.slug),
                format!("names more than {MAX_GROUP_BY} labels"),
            ));
        }
    }
    for integration in &document.integrations {
        let of = format!("{}/{}", integration.service, integration.name);
        name("integrations", &of, Some(&integration.name))?;
        let valid =
            |key: &String| key.len() == 32 && key.chars().all(|c| c.is_ascii_alphanumeric());
        if integration.key.as_ref().is_some_and(|key| !valid(key)) {
            return Err(Error::invalid(
                &format!("integrations `{of}` key"),
                "needs 32 letters and digits; leave it out to have one made",
            ));
        }
    }
    Ok(())
}

struct Run<'a, 'c> {
    w: &'a mut Write<'c>,
    actor: Actor,
    applied: Applied,
}

impl Run<'_, '_> {
    fn user(&mut self, user: &configuration::User, caller: &Caller) -> Result<()> {
        let found = self.w.find_username(&user.username)?;
        let id = match &found {
            Some(found) => found.id,
            None => {
                let name = user.name.as_deref().unwrap_or(&user.username);
                let admin = user.admin.unwrap_or(false);
                let id = self.w.insert_user(&user.username, name, user.email.as_deref(), admin)?;
                let change = Access::UserCreated { user: id };
                self.w.record(&Record::Access { change }, &self.actor)?;
                self.applied.changes.push(format!("created user {}", user.username));
                id
            }
        };
        if found.as_ref().is_some_and(|found| found.admin)
            && user.admin == Some(false)
            && caller.user().is_some_and(|me| me.id == id)
        {
            return Err(Error::refused("You cannot take your own admin rights away.")
                .hint("Let another platform admin apply this."));
        }
        self.w.update_user(
            id,
            user.name.as_deref(),
            user.email.as_deref(),
            user.time_zone.as_deref(),
            user.admin,
        )?;
        let Some(before) = found else { return Ok(()) };
        let after = self.w.username(&user.username)?;
        if after == before {
            return Ok(());
        }
        let change = Access::UserChanged { user: id, admin: after.admin };
        self.w.record(&Record::Access { change }, &self.actor)?;
        self.applied.changes.push(format!("changed user {}", user.username));
        Ok(())
    }

    fn team(&mut self, team: &configuration::Team) -> Result<()> {
        let live = self.w.find_team(&team.slug)?.filter(|team| team.archived_at.is_none());
        let (id, change) = match live {
            None => {
                let new = NewTeam { slug: team.slug.clone(), name: team.name.clone() };
                (add_team(self.w, &new, &self.actor)?, Some("created"))
            }
            Some(found) => {
                let change = TeamChange { slug: None, name: team.name.clone() };
                let fields = change_team(self.w, &found, &change, &self.actor)?;
                (found.id, (!fields.is_empty()).then_some("changed"))
            }
        };
        if let Some(change) = change {
            self.applied.changes.push(format!("{change} team {}", team.slug));
        }
        let Some(members) = &team.members else {
            return Ok(());
        };
        for (username, role) in members {
            let user = self.w.find_username(username)?.ok_or_else(|| {
                Error::invalid(
                    &format!("teams `{}` members", team.slug),
                    format!("there is no user `{username}`; add him under [[users]]"),
                )
            })?;
            if self.w.find_role(id, user.id)? != Some(*role) {
                set_member(self.w, id, user.id, *role, &self.actor)?;
                let role = role.word();
                self.applied.changes.push(format!("{username} is {role} of team {}", team.slug));
            }
        }
        for (user, _) in self.w.team_members(id)? {
            if !members.contains_key(&user.username) {
                remove_member(self.w, id, user.id, &self.actor)?;
                let line = format!("removed {} from team {}", user.username, team.slug);
                self.applied.changes.push(line);
            }
        }
        Ok(())
    }

    fn service(&mut self, service: &configuration::Service) -> Result<()> {
        let team = self.w.find_team(&service.team)?.ok_or_else(|| {
            Error::invalid(
                &format!("services `{}` team", service.slug),
                format!("there is no team `{}`; add it under [[teams]]", service.team),
            )
        })?;
        let change = ServiceChange {
            slug: None,
            name: service.name.clone(),
            urgency: service.urgency,
            group_by: service.group_by.clone(),
            ack_timeout: service.ack_timeout,
            reopen_within: service.reopen_within,
        };
        let live = self.w.find_service(&service.slug)?.filter(|service| !service.archived);
        let Some(found) = live else {
            add_service(self.w, team.id, &service.slug, &change, &self.actor)?;
            self.applied.changes.push(format!("created service {}", service.slug));
            return Ok(());
        };
        if found.team.id != team.id {
            return Err(Error::refused(format!(
                "Service `{}` belongs to team `{}`; it cannot move to `{}`.",
                service.slug, found.team.slug, team.slug
            ))
            .hint("Make a new service; incidents stay with the team that had them."));
        }
        if !change_service(self.w, &found, &change, &self.actor)?.is_empty() {
            self.applied.changes.push(format!("changed service {}", service.slug));
        }
        Ok(())
    }

    fn integration(
        &mut self,
        integration: &configuration::Integration,
        spare: &Secret,
    ) -> Result<()> {
        let configuration::Integration { service, name, key } = integration;
        let found = self.w.find_service(service)?.ok_or_else(|| {
            Error::invalid(
                &format!("integrations `{service}/{name}` service"),
                format!("there is no service `{service}`; add it under [[services]]"),
            )
        })?;
        let label = format!("{service}/{name}");
        let Some(known) = self.w.find_integration_named(found.id, name)? else {
            let secret = key.as_ref().map_or_else(|| spare.clone(), Secret::new);
            add_integration(self.w, found.id, (&found.slug, name), &secret, &self.actor)?;
            if key.is_none() {
                self.applied.keys.push(MadeKey {
                    service: service.clone(),
                    integration: name.clone(),
                    key: spare.expose().to_owned(),
                });
            }
            self.applied.changes.push(format!("created integration {label}"));
            return Ok(());
        };
        match key.as_ref().map(Secret::new) {
            Some(secret) if secret.hash() != known.key_hash => {
                set_key(self.w, &known, &secret, &self.actor)?;
                self.applied.changes.push(format!("changed integration {label}"));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
