//! Users, and who belongs to which team.
use super::sessions::{end_session, end_token};
use super::{App, Caller, Need, Who};
use crate::api::people::{Me, Member, Membership, NewUser, User};
use crate::domain::event::{Access, Record};
use crate::domain::user::{TeamRef, check_slug};
use crate::domain::{Actor, Change, Role, TeamId, Update, UpdateReason, UserId};
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::store::{self, Write};

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

    /// Teams that the caller may see.
    ///
    /// # Errors
    /// `Unavailable` when the database cannot be read.
    pub async fn teams(&self, caller: &Caller) -> Result<Vec<TeamRef>> {
        caller.must_have(Need::Read)?;
        let (caller, now) = (caller.clone(), self.now());
        self.0
            .store
            .read(move |r| {
                let sight = caller.sight(r, now)?;
                let mut teams = r.teams()?;
                teams.retain(|team| sight.everything || sight.teams.contains(&team.id));
                Ok(teams.iter().map(store::Team::reference).collect())
            })
            .await
    }

    /// # Errors
    /// `NotFound` for strangers.
    pub async fn team_members(&self, caller: &Caller, team: String) -> Result<Vec<Member>> {
        let caller = caller.clone();
        self.0
            .store
            .read(move |r| {
                let what = format!("Team `{team}`");
                let team = r.team(&team)?;
                caller.may(r, Need::Read, team.id, &what)?;
                let member =
                    |(user, role): (store::User, _)| Member { user: user.reference(), role };
                Ok(r.team_members(team.id)?.into_iter().map(member).collect())
            })
            .await
    }

    /// Adds somebody to a team or changes his role.
    ///
    /// # Errors
    /// `NotFound` for strangers, `Forbidden` for who does not manage the team.
    pub async fn set_membership(
        &self,
        caller: &Caller,
        team: String,
        username: String,
        role: Role,
    ) -> Result<()> {
        let caller = caller.clone();
        self.write(move |w| {
            let what = format!("Team `{team}`");
            let found = w.team(&team)?;
            caller.may(w, Need::Manage, found.id, &what)?;
            let user = w.username(&username)?;
            set_member(w, found.id, user.id, role, &caller.actor())
        })
        .await
    }

    /// # Errors
    /// `NotFound` for strangers, `Forbidden` for who does not manage the team.
    pub async fn remove_membership(
        &self,
        caller: &Caller,
        team: String,
        username: String,
    ) -> Result<()> {
        let caller = caller.clone();
        self.write(move |w| {
            let what = format!("Team `{team}`");
            let found = w.team(&team)?;
            caller.may(w, Need::Manage, found.id, &what)?;
            let user = w.username(&username)?;
            remove_member(w, found.id, user.id, &caller.actor())
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

/// Sets a role, and logs it if it changes something.
pub(super) fn set_member(
    w: &mut Write<'_>,
    team: TeamId,
    user: UserId,
    role: Role,
    actor: &Actor,
) -> Result<()> {
    if w.find_role(team, user)? == Some(role) {
        return Ok(());
    }
    let change = Access::MemberSet { team, user, role: role.word().into() };
    let since = w.record(&Record::Access { change }, actor)?;
    w.set_membership(team, user, role, since)
}

pub(super) fn remove_member(
    w: &mut Write<'_>,
    team: TeamId,
    user: UserId,
    actor: &Actor,
) -> Result<()> {
    if !w.delete_membership(team, user)? {
        return Ok(());
    }
    let change = Access::MemberRemoved { team, user };
    w.record(&Record::Access { change }, actor)?;
    let_go(w, user, Some(team), actor)
}

/// Who is gone holds nothing: what he acknowledged is triggered again.
fn let_go(w: &mut Write<'_>, user: UserId, team: Option<TeamId>, actor: &Actor) -> Result<()> {
    for id in w.held_by(user, team)? {
        let mut incident = w.incident(id)?;
        let change = Change::Updated(Update::triggered(UpdateReason::Unacknowledged));
        w.append(&mut incident, change, actor)?;
    }
    w.forget_person(user, team)
}
