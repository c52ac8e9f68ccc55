//! Teams, and who belongs to them.
use super::{App, Caller, Need};
use crate::api::teams::Member;
use crate::domain::event::{Access, Record};
use crate::domain::user::TeamRef;
use crate::domain::{Actor, Change, Role, TeamId, Update, UpdateReason, UserId};
use crate::error::Result;
use crate::store::{self, Write};

impl App {
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
pub(super) fn let_go(
    w: &mut Write<'_>,
    user: UserId,
    team: Option<TeamId>,
    actor: &Actor,
) -> Result<()> {
    for id in w.held_by(user, team)? {
        let mut incident = w.incident(id)?;
        let change = Change::Updated(Update::triggered(UpdateReason::Unacknowledged));
        w.append(&mut incident, change, actor)?;
    }
    w.forget_person(user, team)
}
