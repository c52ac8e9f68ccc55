//! Makes the configuration as a document says: one write, all or nothing.
use super::teams::{remove_member, set_member};
use super::users::check_person;
use super::{App, Caller};
use crate::api::configuration::{self, Applied, Document, MadeKey};
use crate::domain::Actor;
use crate::domain::event::{Access, Record};
use crate::domain::service::Rules;
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
    fn done(&mut self, change: &str, what: &str, id: i64, name: &str) -> Result<()> {
        self.applied.changes.push(format!("{change} {what} {name}"));
        let record = Record::Config {
            what: what.to_owned(),
            id,
            name: name.to_owned(),
            change: change.to_owned(),
        };
        self.w.record(&record, &self.actor).map(|_| ())
    }

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
        let id = match self.w.find_team(&team.slug)? {
            None => {
                let name = team.name.as_deref().unwrap_or(&team.slug);
                let id = self.w.insert_team(&team.slug, name)?;
                self.done("created", "team", id.0, &team.slug)?;
                id
            }
            Some(found) => {
                if let Some(name) = team.name.as_ref().filter(|name| **name != found.name) {
                    self.w.rename_team(found.id, name)?;
                    self.done("changed", "team", found.id.0, &team.slug)?;
                }
                found.id
            }
        };
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
        let merged = |rules: &Rules| Rules {
            urgency: service.urgency.unwrap_or(rules.urgency),
            group_by: service.group_by.clone().unwrap_or_else(|| rules.group_by.clone()),
            ack_timeout: service.ack_timeout.unwrap_or(rules.ack_timeout),
            reopen_within: service.reopen_within.unwrap_or(rules.reopen_within),
        };
        let Some(found) = self.w.find_service(&service.slug)? else {
            let name = service.name.as_deref().unwrap_or(&service.slug);
            let rules = merged(&Rules::default());
            let id = self.w.insert_service(team.id, &service.slug, name, &rules)?;
            return self.done("created", "service", id.0, &service.slug);
        };
        if found.team.id != team.id {
            return Err(Error::refused(format!(
                "Service `{}` belongs to team `{}`; it cannot move to `{}`.",
                service.slug, found.team.slug, team.slug
            ))
            .hint("Make a new service; incidents stay with the team that had them."));
        }
        let (rules, name) = (merged(&found.rules), service.name.as_ref().unwrap_or(&found.name));
        if rules == found.rules && *name == found.name {
            return Ok(());
        }
        self.w.update_service(found.id, name, &rules)?;
        self.done("changed", "service", found.id.0, &service.slug)
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
        let known = self.w.integrations(Some(found.id))?;
        let Some(known) = known.into_iter().find(|known| known.name == *name) else {
            let secret = key.as_ref().map_or_else(|| spare.clone(), Secret::new);
            let id = self.w.insert_integration(found.id, name, &secret.hash())?;
            if key.is_none() {
                self.applied.keys.push(MadeKey {
                    service: service.clone(),
                    integration: name.clone(),
                    key: spare.expose().to_owned(),
                });
            }
            return self.done("created", "integration", id.0, &label);
        };
        match key.as_ref().map(Secret::new) {
            Some(secret) if secret.hash() != known.key_hash => {
                self.w.update_integration_key(known.id, &secret.hash())?;
                self.done("changed", "integration", known.id.0, &label)
            }
            _ => Ok(()),
        }
    }
}
