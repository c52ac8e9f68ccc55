//! Walks through a document and makes each entry so; what differs is noted on the way.
use super::holes::holes;
use super::{Spare, Wrong, prune};
use crate::api::configuration::{
    Applied, Difference, DifferenceAction as Action, Document, FieldChange, Integration, MadeKey,
    SecretText, Service, Team, User,
};
use crate::api::services::ServiceChange;
use crate::api::teams::{NewTeam, TeamChange};
use crate::app::Caller;
use crate::app::changes::{differ, differ_or_not, quoted};
use crate::app::contacts::email_changed;
use crate::app::integrations::{add_integration, set_key};
use crate::app::services::{add_service, change_service};
use crate::app::teams::{add_team, change_team, remove_member, set_member};
use crate::app::users::{disable, enable, keep_an_admin};
use crate::domain::event::{Access, Record};
use crate::domain::user::TeamRef;
use crate::domain::{Actor, TeamId};
use crate::error::{Kind, Result};
use crate::secret::Secret;
use crate::store::{self, Applied as By, Part, Write};

/// One apply on its way.
pub(super) struct Run<'a, 'c> {
    pub w: &'a mut Write<'c>,
    pub caller: &'a Caller,
    pub actor: Actor,
    pub applied: Applied,
    pub(super) wrong: Wrong,
}

impl<'a, 'c> Run<'a, 'c> {
    pub(super) fn new(w: &'a mut Write<'c>, caller: &'a Caller, wrong: Wrong) -> Self {
        Self { w, caller, actor: caller.actor(), applied: Applied::default(), wrong }
    }

    pub(super) fn all(
        mut self,
        document: &Document,
        spare: &Spare,
        prune: bool,
    ) -> Result<Applied> {
        // What is wrong by itself would only be wrong again.
        self.wrong.clone().into_result(Kind::Invalid)?;
        let admins = self.w.admins()?;
        for (n, user) in document.users.iter().enumerate() {
            self.user(&format!("users[{n}]"), user)?;
        }
        for (n, team) in document.teams.iter().enumerate() {
            self.team(&format!("teams[{n}]"), team)?;
        }
        for (n, schedule) in document.schedules.iter().enumerate() {
            self.schedule(&format!("schedules[{n}]"), schedule)?;
        }
        for (n, channel) in document.channels.iter().enumerate() {
            self.channel(&format!("channels[{n}]"), channel)?;
        }
        for (n, policy) in document.escalation_policies.iter().enumerate() {
            self.policy(&format!("escalation_policies[{n}]"), policy)?;
        }
        for (n, service) in document.services.iter().enumerate() {
            self.service(&format!("services[{n}]"), service)?;
        }
        let mut keys = spare.keys.iter();
        let is_named = |service: &str| document.services.iter().any(|of| of.slug == service);
        for ((n, entry), spare) in document.integrations.iter().enumerate().zip(&mut keys) {
            let named = is_named(&entry.service);
            self.integration(&format!("integrations[{n}]"), entry, spare, named)?;
        }
        for ((n, entry), spare) in document.heartbeats.iter().enumerate().zip(&mut keys) {
            let named = is_named(&entry.service);
            self.heartbeat(&format!("heartbeats[{n}]"), entry, spare, named)?;
        }
        for ((n, webhook), spare) in document.webhooks.iter().enumerate().zip(&spare.secrets) {
            self.webhook(&format!("webhooks[{n}]"), webhook, spare)?;
        }
        for (n, silence) in document.silences.iter().enumerate() {
            self.silence(&format!("silences[{n}]"), silence)?;
        }
        std::mem::take(&mut self.wrong).into_result(Kind::Invalid)?;
        if prune {
            prune::prune(&mut self, document)?;
        }
        keep_an_admin(self.w, admins)?;
        self.applied.warnings.extend(holes(self.w, document)?);
        Ok(self.applied)
    }

    pub(super) fn say(&mut self, action: Action, kind: &str, name: &str, fields: Vec<FieldChange>) {
        if action == Action::Change && fields.is_empty() {
            return;
        }
        let (kind, name) = (kind.to_owned(), name.to_owned());
        self.applied.changes.push(Difference { action, kind, name, fields });
    }

    /// The entry that is called `new`, or was called `old`: there or not, or both, which is wrong.
    #[expect(clippy::option_option, reason = "wrong, new and there are three things")]
    pub(super) fn found<T>(
        &mut self,
        at: &str,
        (new, old): (&str, Option<&String>),
        find: impl Fn(&Write<'_>, &str) -> Result<Option<T>>,
    ) -> Result<Option<Option<T>>> {
        let Some(old) = old.filter(|old| *old != new) else { return find(self.w, new).map(Some) };
        match (find(self.w, new)?, find(self.w, old)?) {
            (Some(_), Some(_)) => {
                let why = format!("`{old}` and `{new}` both exist; one cannot become the other");
                self.wrong.say(format!("{at}.renamed_from"), why);
                Ok(None)
            }
            (new, old) => Ok(Some(new.or(old))),
        }
    }

    /// The team that an entry belongs to.
    pub(super) fn live_team(&mut self, at: &str, slug: &str) -> Result<Option<store::Team>> {
        let team = self.w.find_team(slug)?.filter(|team| team.archived_at.is_none());
        if team.is_none() {
            let why = format!("there is no team `{slug}`; add it under [[teams]]");
            self.wrong.say(format!("{at}.team"), why);
        }
        Ok(team)
    }

    /// What belongs to a team stays there.
    pub(super) fn same_team(
        &mut self,
        at: &str,
        (kind, slug): (&str, &str),
        was: &TeamRef,
        team: &store::Team,
    ) -> bool {
        if was.id == team.id {
            return true;
        }
        let history = if kind == "service" { " and its incidents stay there" } else { "" };
        let why =
            format!("{kind} `{slug}` belongs to team `{}`{history}; make a new one", was.slug);
        self.wrong.say(format!("{at}.team"), why);
        false
    }

    fn user(&mut self, at: &str, entry: &User) -> Result<()> {
        let names = (entry.username.as_str(), entry.renamed_from.as_ref());
        let Some(found) = self.found(at, names, |w, name| w.find_username(name))? else {
            return Ok(());
        };
        let (before, new) = match found {
            Some(found) => (found, false),
            None => (self.new_user(entry)?, true),
        };
        let mut user = before.clone();
        user.username.clone_from(&entry.username);
        let text = |given: &Option<String>, was: &Option<String>| match given {
            Some(text) if text.is_empty() => None,
            Some(text) => Some(text.clone()),
            None => was.clone(),
        };
        user.name = entry.name.clone().unwrap_or(user.name);
        user.email = text(&entry.email, &before.email);
        user.time_zone = text(&entry.time_zone, &before.time_zone);
        user.admin = entry.admin.unwrap_or(user.admin);
        let mut fields = user_fields(&before, &user);
        if !fields.is_empty() {
            self.save_user(at, &before, &user)?;
        }
        fields.extend(self.ways(at, entry, &user)?);
        let standing = self.standing(at, entry, &user)?;
        match (new, standing) {
            (true, _) => self.say(Action::Add, "user", &entry.username, Vec::new()),
            (false, Standing::Back) => self.say(Action::Add, "user", &entry.username, fields),
            (false, Standing::Gone) => self.say(Action::Remove, "user", &entry.username, fields),
            (false, Standing::AsBefore) => {
                self.say(Action::Change, "user", &entry.username, fields);
            }
        }
        Ok(())
    }

    fn new_user(&mut self, entry: &User) -> Result<store::User> {
        let name = entry.name.as_deref().unwrap_or(&entry.username);
        let admin = entry.admin.unwrap_or(false);
        let id = self.w.insert_user(&entry.username, name, None, admin)?;
        self.w.set_applied(Part::User(id), By::Made)?;
        let change = Access::UserCreated { user: id };
        self.w.record(&Record::Access { change }, &self.actor)?;
        self.w.username(&entry.username)
    }

    fn save_user(&mut self, at: &str, before: &store::User, user: &store::User) -> Result<()> {
        let own = self.caller.user().is_some_and(|me| me.id == user.id);
        if own && before.admin && !user.admin {
            let why = "is you: another platform admin may take your admin rights away";
            self.wrong.say(format!("{at}.admin"), why);
            return Ok(());
        }
        if user.username != before.username {
            let renamed = self.w.rename_user(user);
            self.wrong.note(&format!("{at}.username"), renamed)?;
        }
        self.w.save_user(user)?;
        email_changed(self.w, before, user, &self.actor)?;
        let change = Access::UserChanged { user: user.id, admin: user.admin };
        self.w.record(&Record::Access { change }, &self.actor).map(|_| ())
    }

    /// Disables or enables as the entry says. Who was pruned comes back with it; whom somebody
    /// disabled by hand does not, unless it says so.
    fn standing(&mut self, at: &str, entry: &User, user: &store::User) -> Result<Standing> {
        let pruned = self.w.applied(Part::User(user.id))? == By::Pruned;
        match (entry.disabled, user.disabled_at.is_some()) {
            (Some(true), false) => {
                if self.caller.user().is_some_and(|me| me.id == user.id) {
                    self.wrong.say(format!("{at}.disabled"), "is you: another platform admin can");
                    return Ok(Standing::AsBefore);
                }
                disable(self.w, user, &self.actor)?;
                Ok(Standing::Gone)
            }
            (Some(false), true) => self.enable(user),
            (None, true) if pruned => self.enable(user),
            _ => Ok(Standing::AsBefore),
        }
    }

    fn enable(&mut self, user: &store::User) -> Result<Standing> {
        enable(self.w, user, &self.actor)?;
        if self.w.applied(Part::User(user.id))? == By::Pruned {
            self.w.set_applied(Part::User(user.id), By::Made)?;
        }
        Ok(Standing::Back)
    }

    fn team(&mut self, at: &str, entry: &Team) -> Result<()> {
        let names = (entry.slug.as_str(), entry.renamed_from.as_ref());
        let Some(found) = self.found(at, names, |w, slug| w.find_team(slug))? else {
            return Ok(());
        };
        let change = TeamChange { slug: Some(entry.slug.clone()), name: entry.name.clone() };
        let (id, action, mut fields) = match found {
            Some(found) => {
                let action = if found.archived_at.is_some() { Action::Add } else { Action::Change };
                let fields = change_team(self.w, &found, &change, &self.actor)?;
                (found.id, action, fields)
            }
            None => {
                let new = NewTeam { slug: entry.slug.clone(), name: entry.name.clone() };
                let id = add_team(self.w, &new, &self.actor)?;
                self.w.set_applied(Part::Team(id), By::Made)?;
                (id, Action::Add, Vec::new())
            }
        };
        let own = fields.len();
        self.members(at, id, entry, &mut fields)?;
        if action == Action::Add {
            // The document itself says who they are.
            fields.truncate(own);
        }
        self.say(action, "team", &entry.slug, fields);
        Ok(())
    }

    fn members(
        &mut self,
        at: &str,
        team: TeamId,
        entry: &Team,
        fields: &mut Vec<FieldChange>,
    ) -> Result<()> {
        let Some(members) = &entry.members else { return Ok(()) };
        if entry.slug == store::OWN_TEAM {
            let why = "of this built-in team are the platform's admins: set `admin` of users";
            self.wrong.say(format!("{at}.members"), why);
            return Ok(());
        }
        let word = |role: crate::domain::Role| role.word().to_owned();
        for (username, role) in members {
            let field = format!("members.{username}");
            let Some(user) = self.w.find_username(username)? else {
                let why = format!("there is no user `{username}`; add him under [[users]]");
                self.wrong.say(format!("{at}.{field}"), why);
                continue;
            };
            let was = self.w.find_role(team, user.id)?;
            set_member(self.w, team, user.id, *role, &self.actor)?;
            differ_or_not(fields, &field, was.map(word), Some(word(*role)));
        }
        for (user, role) in self.w.team_members(team)? {
            if !members.contains_key(&user.username) {
                remove_member(self.w, team, user.id, &self.actor)?;
                let field = format!("members.{}", user.username);
                differ_or_not(fields, &field, Some(word(role)), None);
            }
        }
        Ok(())
    }

    fn service(&mut self, at: &str, entry: &Service) -> Result<()> {
        let Some(team) = self.live_team(at, &entry.team)? else { return Ok(()) };
        let names = (entry.slug.as_str(), entry.renamed_from.as_ref());
        let Some(found) = self.found(at, names, |w, slug| w.find_service(slug))? else {
            return Ok(());
        };
        let policy = entry.escalation_policy.as_deref().filter(|slug| !slug.is_empty());
        if let Some(slug) = policy
            && self.w.find_policy(slug)?.is_none_or(|row| row.team.id != team.id)
        {
            let why = format!("team `{}` has no policy `{slug}`", team.slug);
            self.wrong.say(format!("{at}.escalation_policy"), why);
            return Ok(());
        }
        let Some(found) = found else {
            let rules = ServiceChange::from(entry);
            let id = add_service(self.w, team.id, &entry.slug, &rules, &self.actor)?;
            self.w.set_applied(Part::Service(id), By::Made)?;
            self.say(Action::Add, "service", &entry.slug, Vec::new());
            return Ok(());
        };
        if !self.same_team(at, ("service", &found.slug), &found.team, &team) {
            return Ok(());
        }
        let change = ServiceChange { slug: Some(entry.slug.clone()), ..entry.into() };
        let fields = change_service(self.w, &found, &change, &self.actor)?;
        let action = if found.archived { Action::Add } else { Action::Change };
        self.say(action, "service", &entry.slug, fields);
        Ok(())
    }

    /// The service of an entry. Where the document names it, what is wrong with it was said there.
    pub(super) fn live_service(
        &mut self,
        at: &str,
        service: &str,
        named: bool,
    ) -> Result<Option<crate::domain::Service>> {
        let found = self.w.find_service(service)?.filter(|service| !service.archived);
        if found.is_none() && !named {
            let why = format!("there is no service `{service}`; add it under [[services]]");
            self.wrong.say(format!("{at}.service"), why);
        }
        Ok(found)
    }

    fn integration(
        &mut self,
        at: &str,
        entry: &Integration,
        spare: &Secret,
        named: bool,
    ) -> Result<()> {
        let Integration { service, name, key } = entry;
        let Some(found) = self.live_service(at, service, named)? else { return Ok(()) };
        let key = key.as_ref().and_then(SecretText::text).map(Secret::new);
        let (at, label) = (format!("{at}.key"), format!("{service}/{name}"));
        let Some(known) = self.w.find_integration_named(found.id, name)? else {
            let secret = key.as_ref().unwrap_or(spare);
            let made = add_integration(self.w, found.id, (&found.slug, name), secret, &self.actor);
            let Some(id) = self.wrong.note(&at, made)? else { return Ok(()) };
            self.w.set_applied(Part::Integration(id), By::Made)?;
            if key.is_none() {
                self.applied.keys.push(MadeKey::new("integration", &label, spare));
            }
            self.say(Action::Add, "integration", &label, Vec::new());
            return Ok(());
        };
        if let Some(secret) = key.filter(|secret| secret.hash() != known.key_hash) {
            let set = set_key(self.w, &known, &secret, &self.actor);
            self.wrong.note(&at, set)?;
            let secret = FieldChange { field: "key".into(), from: None, to: None };
            self.say(Action::Change, "integration", &label, vec![secret]);
        }
        Ok(())
    }
}

/// What became of somebody's access.
enum Standing {
    AsBefore,
    Gone,
    Back,
}

fn user_fields(before: &store::User, user: &store::User) -> Vec<FieldChange> {
    let mut fields = Vec::new();
    let text = |text: &Option<String>| text.as_deref().map(quoted);
    differ(&mut fields, "username", &before.username, &user.username);
    differ(&mut fields, "name", quoted(&before.name), quoted(&user.name));
    differ_or_not(&mut fields, "email", text(&before.email), text(&user.email));
    differ_or_not(&mut fields, "time_zone", text(&before.time_zone), text(&user.time_zone));
    differ(&mut fields, "admin", before.admin, user.admin);
    fields
}
