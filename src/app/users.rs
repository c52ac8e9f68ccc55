//! People. Disabled, never erased.
use super::attempts::Guess;
use super::changes::{fault, wrongs};
use super::contacts::email_changed;
use super::feeds::end_feeds;
use super::passwords::check_password;
use super::sessions::{end_sessions, end_token};
use super::teams::{let_go, set_member};
use super::verify::{Code, send_code};
use super::{App, Caller, Need, Visitor, Who};
use crate::api::sessions::{Credential, Me, Membership};
use crate::api::users::{ChangeUser, NewUser, User};
use crate::domain::event::{Access, Record};
use crate::domain::user::check_slug;
use crate::domain::{Actor, SessionId};
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::store::{self, Read, Write};

/// What is said of a person, as far as it is.
#[derive(Default)]
pub(super) struct Person<'a> {
    pub username: Option<&'a str>,
    pub name: Option<&'a str>,
    pub email: Option<&'a str>,
    pub time_zone: Option<&'a str>,
    pub password: Option<&'a str>,
}

impl Person<'_> {
    /// # Errors
    /// `Invalid`, naming each field that is wrong.
    pub(super) fn check(&self) -> Result<()> {
        let zone = check_time_zone(self.time_zone).err().into_iter().flat_map(|error| error.fields);
        let said = [
            fault("username", self.username.map(check_username)),
            fault("name", self.name.map(check_full_name)),
            fault("email", self.email.map(check_email)),
            fault("password", self.password.map(check_password)),
        ];
        wrongs(said.into_iter().flatten().chain(zone).collect())
    }
}

fn check_username(username: &str) -> Result<(), String> {
    check_slug(username)?;
    if username == "me" {
        return Err("is taken: `me` stands for whoever asks".into());
    }
    Ok(())
}

fn check_full_name(name: &str) -> Result<(), String> {
    if name.trim().is_empty() || name.len() > 255 {
        return Err("needs 1 to 255 characters".into());
    }
    Ok(())
}

fn check_email(email: &str) -> Result<(), String> {
    let whole =
        email.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
    if !whole || email.len() > 254 || email.contains(|c: char| c.is_control() || c.is_whitespace())
    {
        return Err("is not an address like name@example.com".into());
    }
    Ok(())
}

/// # Errors
/// Names the field.
pub(super) fn check_time_zone(zone: Option<&str>) -> Result<()> {
    match zone {
        Some(zone) if jiff::tz::TimeZone::get(zone).is_err() => {
            Err(Error::invalid("timeZone", format!("`{zone}` is not a zone such as Europe/Paris")))
        }
        _ => Ok(()),
    }
}

/// Ends somebody's sessions, tokens and links, and drops what he holds.
pub(super) fn disable(w: &mut Write<'_>, user: &store::User, actor: &Actor) -> Result<()> {
    if !w.disable_user(user.id)? {
        return Ok(());
    }
    w.record(&Record::Access { change: Access::UserDisabled { user: user.id } }, actor)?;
    for token in w.tokens(Some(user.id))? {
        end_token(w, token.id, false, actor)?;
    }
    end_sessions(w, user.id, None, actor)?;
    w.void_links(Some(user.id))?;
    end_feeds(w, user.id, actor)?;
    let_go(w, user.id, None, actor)
}

pub(super) fn enable(w: &mut Write<'_>, user: &store::User, actor: &Actor) -> Result<()> {
    if w.enable_user(user.id)? {
        w.record(&Record::Access { change: Access::UserEnabled { user: user.id } }, actor)?;
    }
    Ok(())
}

/// Whoever changed who is an admin calls this last: a platform that had one keeps one.
///
/// # Errors
/// `Refused`; then nothing of the write happens.
pub(super) fn keep_an_admin(r: &Read<'_>, before: u64) -> Result<()> {
    if before > 0 && r.admins()? == 0 {
        return Err(Error::refused("Somebody must stay platform admin.")
            .hint("Make another one first: incidentd user edit NAME --admin true"));
    }
    Ok(())
}

impl App {
    /// # Errors
    /// `Refused` if the name is taken, `Invalid` if a field is wrong.
    pub async fn create_user(&self, caller: &Caller, new: NewUser) -> Result<User> {
        caller.must_be_platform_admin()?;
        let NewUser { name, email, password, .. } = &new;
        let (name, email, password) = (name.as_deref(), email.as_deref(), password.as_deref());
        let username = Some(new.username.as_str());
        Person { username, name, email, password, time_zone: None }.check()?;
        let hash = match new.password.clone() {
            Some(password) => Some(self.hash_password(Secret::new(password)).await?),
            None => None,
        };
        let actor = caller.actor();
        self.write_once(caller, move |w| {
            let name = new.name.as_deref().unwrap_or(&new.username);
            let id = w.insert_user(&new.username, name, new.email.as_deref(), new.admin)?;
            if let Some(hash) = &hash {
                w.set_password_hash(id, hash)?;
            }
            w.record(&Record::Access { change: Access::UserCreated { user: id } }, &actor)?;
            for place in &new.teams {
                let team = w.team(&place.team)?;
                set_member(w, team.id, id, place.role, &actor)?;
            }
            w.username(&new.username).map(shown)
        })
        .await
    }

    /// # Errors
    /// `Forbidden` unless the caller is a platform admin.
    pub async fn users(&self, caller: &Caller) -> Result<Vec<User>> {
        caller.must_have(Need::Read)?;
        let everybody = caller.is_platform_admin();
        let caller = caller.clone();
        self.0
            .store
            .read(move |r| {
                let mut seen = if everybody { r.users()? } else { Vec::new() };
                for team in caller.teams(r)? {
                    seen.extend(r.team_members(team)?.into_iter().map(|(user, _)| user));
                }
                seen.sort_by(|a, b| a.username.cmp(&b.username));
                seen.dedup_by_key(|user| user.id);
                Ok(seen.into_iter().map(shown).collect())
            })
            .await
    }

    /// Ends his sessions and tokens, drops what he holds; his history stays.
    ///
    /// # Errors
    /// `Refused` for the caller himself.
    pub async fn disable_user(&self, caller: &Caller, username: String) -> Result<()> {
        caller.must_be_platform_admin()?;
        if caller.user().is_some_and(|user| user.username == username) {
            return Err(
                Error::refused("You cannot disable yourself.").hint("Another platform admin can.")
            );
        }
        let actor = caller.actor();
        self.write_as(caller.clone(), move |w| {
            let user = w.username(&username)?;
            let admins = w.admins()?;
            disable(w, &user, &actor)?;
            keep_an_admin(w, admins)
        })
        .await
    }

    /// Lets a disabled person in again: his tokens and calendar feeds stay ended, his password is what it was.
    ///
    /// # Errors
    /// `Forbidden` unless the caller is a platform admin.
    pub async fn enable_user(&self, caller: &Caller, username: String) -> Result<User> {
        caller.must_be_platform_admin()?;
        let actor = caller.actor();
        self.write_once(caller, move |w| {
            let user = w.username(&username)?;
            enable(w, &user, &actor)?;
            w.username(&username).map(shown)
        })
        .await
    }

    /// A person whom the caller may see; `me` is himself.
    ///
    /// # Errors
    /// `NotFound` for whoever shares no team with the caller.
    pub async fn user(&self, caller: &Caller, username: String) -> Result<User> {
        caller.must_have(Need::Read)?;
        let caller = caller.clone();
        self.0.store.read(move |r| seen(r, &caller, &username).map(shown)).await
    }

    /// Changes what is given. Everybody may change himself, but only platform admins say who is
    /// one. A contact on the account's e-mail goes with it, and is sent a code there.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Invalid` naming the field, `Refused` for the last admin.
    pub async fn change_user(
        &self,
        caller: &Caller,
        username: String,
        change: ChangeUser,
    ) -> Result<User> {
        caller.must_have(Need::Manage)?;
        Person {
            name: change.name.as_deref(),
            email: change.email.as_ref().and_then(Option::as_deref),
            time_zone: change.time_zone.as_ref().and_then(Option::as_deref),
            ..Person::default()
        }
        .check()?;
        if change.email.is_some() && self.has_mail(caller, &username).await? {
            self.one_more_to(caller, Need::Manage, &username).await?;
        }
        let (caller, code) = (caller.clone(), Code::new()?);
        let changed = self.write_as(caller.clone(), move |w| {
            let mut user = seen(w, &caller, &username)?;
            if change.admin.is_some() || caller.themself().map(|me| me.id).ok() != Some(user.id) {
                caller.must_be_platform_admin()?;
            }
            let (before, admins) = (user.clone(), w.admins()?);
            let ChangeUser { name, email, time_zone, admin } = change.clone();
            user.name = name.unwrap_or(user.name);
            user.email = email.unwrap_or(user.email);
            user.time_zone = time_zone.unwrap_or(user.time_zone);
            user.admin = admin.unwrap_or(user.admin);
            if user != before {
                w.save_user(&user)?;
                keep_an_admin(w, admins)?;
                let change = Access::UserChanged { user: user.id, admin: user.admin };
                w.record(&Record::Access { change }, &caller.actor())?;
            }
            for contact in email_changed(w, &before, &user, &caller.actor())? {
                send_code(w, &user, &contact, &code)?;
            }
            Ok(shown(user))
        });
        let changed = changed.await?;
        self.knock();
        Ok(changed)
    }

    /// Has somebody a contact on the account's e-mail, which goes where that goes?
    async fn has_mail(&self, caller: &Caller, username: &str) -> Result<bool> {
        let (caller, username) = (caller.clone(), username.to_owned());
        let own = move |r: &Read<'_>| {
            let user = seen(r, &caller, &username)?;
            Ok(r.contacts(user.id)?.iter().any(|contact| !contact.own))
        };
        self.0.store.read(own).await
    }

    /// Sets somebody's password; his sessions and links end.
    ///
    /// # Errors
    /// `Invalid` for a password that is too short.
    pub async fn set_password(
        &self,
        caller: &Caller,
        username: String,
        password: Secret,
    ) -> Result<()> {
        caller.must_be_platform_admin()?;
        let hash = self.hash_password(password).await?;
        let (actor, name) = (caller.actor(), username.clone());
        self.write_as(caller.clone(), move |w| {
            let user = w.username(&name)?;
            new_password(w, &user, &hash, None, &actor)
        })
        .await?;
        self.0.attempts.forget(&username);
        Ok(())
    }

    /// Changes the caller's own password; all sessions end but the one that asks.
    ///
    /// # Errors
    /// `Invalid` naming `current` if that is wrong, `Limited` after too many of these.
    pub async fn change_password(
        &self,
        caller: &Caller,
        visitor: &Visitor,
        current: Secret,
        password: Secret,
    ) -> Result<()> {
        caller.must_have(Need::Manage)?;
        let user = caller.themself()?.clone();
        let name = user.username.clone();
        let stored = self.0.store.read(move |r| r.password_hash(&name)).await?;
        let guess = Guess::new(&user.username, visitor, true);
        if !self.verify_password(current, stored.map(|(_, hash)| hash), &guess).await? {
            return Err(Error::invalid("current", "is not your password")
                .hint("Without it, an admin can make a link for a new one: incidentd user link"));
        }
        let hash = self.hash_password(password).await?;
        let (actor, kept) = (caller.actor(), caller.session());
        self.write_as(caller.clone(), move |w| {
            let user = w.username(&user.username)?;
            new_password(w, &user, &hash, kept, &actor)
        })
        .await
    }

    /// Who the caller is, and where he belongs.
    ///
    /// # Errors
    /// `Unavailable` when the database cannot be read.
    pub async fn me(&self, caller: &Caller) -> Result<Me> {
        let (user, admin) = match &caller.who {
            Who::Host => (None, true),
            Who::User { user, admin, .. } => (Some(user.clone()), *admin),
        };
        let (of, only) = (user.as_ref().map(|user| user.id), caller.team);
        let (team, teams) = self
            .0
            .store
            .read(move |r| {
                let team = match only {
                    Some(only) => Some(r.team(&only.to_string())?.reference()),
                    None => None,
                };
                let Some(user) = of else { return Ok((team, Vec::new())) };
                let teams = r
                    .memberships(user)?
                    .into_iter()
                    .filter(|member| only.is_none_or(|only| only == member.team))
                    .map(|member| {
                        let team = r.team(&member.team.to_string())?.reference();
                        Ok(Membership { team, role: member.role, since: member.since })
                    })
                    .collect::<Result<_>>()?;
                Ok((team, teams))
            })
            .await?;
        let credential = match &caller.who {
            Who::Host => Credential::Host,
            Who::User { token: Some(_), .. } => Credential::Token,
            Who::User { .. } => Credential::Session,
        };
        let (scope, expires_at) = (caller.scope, caller.expires_at);
        let public_url = self.public_url().to_owned();
        Ok(Me { user, admin, credential, scope, team, expires_at, teams, public_url })
    }
}

/// Somebody whom the caller may see; `me` is himself.
pub(super) fn seen(r: &Read<'_>, caller: &Caller, username: &str) -> Result<store::User> {
    let hidden = || Error::not_found(format_args!("User `{username}`"));
    if username == "me" {
        let me = caller.user().ok_or_else(hidden)?;
        return r.username(&me.username);
    }
    let user = r.find_username(username)?.ok_or_else(hidden)?;
    if caller.is_platform_admin() || caller.user().is_some_and(|me| me.id == user.id) {
        return Ok(user);
    }
    for team in caller.teams(r)? {
        if r.find_role(team, user.id)?.is_some() {
            return Ok(user);
        }
    }
    Err(hidden())
}

/// A new password ends what the old one opened, but for the session that asks.
pub(super) fn new_password(
    w: &mut Write<'_>,
    user: &store::User,
    hash: &str,
    kept: Option<SessionId>,
    actor: &Actor,
) -> Result<()> {
    w.set_password_hash(user.id, hash)?;
    w.void_links(Some(user.id))?;
    w.record(&Record::Access { change: Access::PasswordSet { user: user.id } }, actor)?;
    end_sessions(w, user.id, kept, actor).map(|_| ())
}

fn shown(user: store::User) -> User {
    User {
        id: user.id,
        username: user.username,
        name: user.name,
        email: user.email,
        time_zone: user.time_zone,
        admin: user.admin,
        disabled: user.disabled_at.is_some(),
        created_at: user.created_at,
    }
}
