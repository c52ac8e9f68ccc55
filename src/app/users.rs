//! People. Disabled, never erased.
use super::sessions::{end_session, end_token};
use super::teams::{let_go, set_member};
use super::{App, Caller, Need, Who};
use crate::api::sessions::{Me, Membership};
use crate::api::users::{NewUser, User};
use crate::domain::event::{Access, Record};
use crate::domain::user::check_slug;
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::store;

/// # Errors
/// Names the field.
pub(super) fn check_person(username: &str, name: Option<&str>, email: Option<&str>) -> Result<()> {
    check_slug(username).map_err(|why| Error::invalid("username", why))?;
    if username == "me" {
        return Err(Error::invalid("username", "is taken: `me` stands for whoever asks"));
    }
    if name.is_some_and(|name| name.trim().is_empty() || name.len() > 255) {
        return Err(Error::invalid("name", "needs 1 to 255 characters"));
    }
    let mail = |text: &str| {
        text.len() <= 254
            && text.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
            && !text.contains(|c: char| c.is_control() || c.is_whitespace())
    };
    if email.is_some_and(|email| !mail(email)) {
        return Err(Error::invalid("email", "is not an address like name@example.com"));
    }
    Ok(())
}

impl App {
    /// # Errors
    /// `Refused` if the name is taken, `Invalid` if a field is wrong.
    pub async fn create_user(&self, caller: &Caller, new: NewUser) -> Result<User> {
        caller.must_be_platform_admin()?;
        check_person(&new.username, new.name.as_deref(), new.email.as_deref())?;
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
        self.write(move |w| {
            let user = w.username(&username)?;
            if !w.disable_user(user.id)? {
                return Ok(());
            }
            w.record(&Record::Access { change: Access::UserDisabled { user: user.id } }, &actor)?;
            for token in w.tokens(Some(user.id))? {
                end_token(w, token.id, false, &actor)?;
            }
            for session in w.open_sessions(user.id)? {
                end_session(w, session, false, &actor)?;
            }
            let_go(w, user.id, None, &actor)
        })
        .await
    }

    /// Sets a password; every other session ends.
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
        let actor = caller.actor();
        self.write(move |w| {
            let user = w.username(&username)?;
            w.set_password_hash(user.id, &hash)?;
            let change = Access::UserChanged { user: user.id, admin: user.admin };
            w.record(&Record::Access { change }, &actor)?;
            for session in w.open_sessions(user.id)? {
                end_session(w, session, false, &actor)?;
            }
            Ok(())
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
        let teams = self
            .0
            .store
            .read(move |r| {
                let Some(user) = of else { return Ok(Vec::new()) };
                r.memberships(user)?
                    .into_iter()
                    .filter(|member| only.is_none_or(|only| only == member.team))
                    .map(|member| {
                        let team = r.team(&member.team.to_string())?.reference();
                        Ok(Membership { team, role: member.role, since: member.since })
                    })
                    .collect()
            })
            .await?;
        Ok(Me { user, admin, scope: caller.scope, teams })
    }
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
