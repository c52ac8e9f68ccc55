//! Who may what, decided in this one place. What a caller may not see does not exist for him.
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::RequestKey;
use crate::clock::shift;
use crate::domain::user::UserRef;
use crate::domain::{Actor, Incident, Role, Scope, Seq, SessionId, TeamId, TokenId, UserId};
use crate::error::{Error, Result};
use crate::secret::hash;
use crate::store::{Concern, Interest, Read};

/// Whoever was assigned or paged may read and act this long after the resolve.
const CONCERNED_FOR: Duration = Duration::from_hours(24);

/// Somebody who proved who he is.
#[derive(Clone, Debug)]
pub struct Caller {
    pub who: Who,
    /// What the credential allows at most.
    pub scope: Scope,
    /// The only team that the credential is good for.
    pub team: Option<TeamId>,
    pub expires_at: Option<Timestamp>,
    /// The log's head when this was read: later changes of access are not in it.
    pub as_of: Seq,
    /// The `Idempotency-Key` of what is asked now.
    pub request: Option<RequestKey>,
}

#[derive(Clone, Debug)]
pub enum Who {
    /// The host's administrator, over the control socket.
    Host,
    User {
        user: UserRef,
        admin: bool,
        token: Option<TokenId>,
        session: Option<SessionId>,
    },
}

/// What an operation needs in a team.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    Read,
    Respond,
    /// Change the team itself.
    Manage,
}

impl Need {
    const fn role(self) -> Role {
        match self {
            Self::Read => Role::Observer,
            Self::Respond => Role::Responder,
            Self::Manage => Role::Admin,
        }
    }

    const fn scope(self) -> Scope {
        match self {
            Self::Read => Scope::Read,
            Self::Respond => Scope::Respond,
            Self::Manage => Scope::Admin,
        }
    }
}

impl Caller {
    /// The host's administrator.
    #[must_use]
    pub const fn host() -> Self {
        Self {
            who: Who::Host,
            scope: Scope::Admin,
            team: None,
            expires_at: None,
            as_of: Seq(0),
            request: None,
        }
    }

    /// Who follows a link that was sent to him: it says which incidents, he may answer those.
    #[must_use]
    pub(super) fn by_link(user: UserRef) -> Self {
        let who = Who::User { user, admin: false, token: None, session: None };
        Self { who, scope: Scope::Respond, ..Self::host() }
    }

    /// Is he still who he was when the request began? Its body may have taken its time, and his
    /// password its turn to be hashed.
    ///
    /// # Errors
    /// `Unauthenticated` once the credential has ended, its user is disabled or his standing changed.
    pub(super) fn check_still(&self, r: &Read<'_>, now: Timestamp) -> Result<()> {
        let Who::User { admin, token, session, .. } = &self.who else { return Ok(()) };
        let credential = match (token, session) {
            (Some(token), _) => r.find_token(*token)?,
            (None, Some(session)) => r.find_session_by_id(*session)?,
            (None, None) => None,
        };
        let same = credential.is_some_and(|it| {
            let over = it.expires_at.is_some_and(|at| at <= now);
            it.ended_at.is_none()
                && !over
                && it.user.disabled_at.is_none()
                && it.user.admin == *admin
        });
        if same { Ok(()) } else { Err(super::sessions::ended()) }
    }

    /// What the caller may, as a few bytes: other rights, another answer.
    pub(super) fn rights(&self, r: &Read<'_>) -> Result<[u8; 32]> {
        let teams = match self.user() {
            Some(user) => r.memberships(user.id)?,
            None => Vec::new(),
        };
        let teams: Vec<_> = teams.iter().map(|member| (member.team, member.role)).collect();
        let rights = (self.scope, self.team, self.is_platform_admin(), teams);
        Ok(hash(format!("{rights:?}").as_bytes()))
    }

    #[must_use]
    pub fn actor(&self) -> Actor {
        match &self.who {
            Who::Host => Actor::host(),
            Who::User { user, .. } => Actor::user(user),
        }
    }

    #[must_use]
    pub const fn user(&self) -> Option<&UserRef> {
        match &self.who {
            Who::Host => None,
            Who::User { user, .. } => Some(user),
        }
    }

    /// Sees and may everything, as far as the credential goes.
    #[must_use]
    pub const fn is_platform_admin(&self) -> bool {
        self.team.is_none()
            && match &self.who {
                Who::Host => true,
                Who::User { admin, .. } => *admin,
            }
    }

    /// The session that asks, if it is one.
    #[must_use]
    pub const fn session(&self) -> Option<SessionId> {
        match &self.who {
            Who::Host => None,
            Who::User { session, .. } => *session,
        }
    }

    /// The person himself, for what is his alone: his password, his sessions, his profile.
    ///
    /// # Errors
    /// `Refused` for the host's administrator, `Forbidden` for a token that is good for one
    /// team only.
    pub fn themself(&self) -> Result<&UserRef> {
        let user = self.user().ok_or_else(|| {
            Error::refused("Over the control socket you are the host's administrator, no user.")
                .hint("Name the user.")
        })?;
        if self.team.is_some() {
            return Err(Error::forbidden("This token is good for one team only.")
                .hint("Log in, or use a token without --team."));
        }
        Ok(user)
    }

    /// Somebody whom the caller administers.
    ///
    /// # Errors
    /// `Forbidden` unless the caller is a platform admin, `NotFound` if nobody is called so.
    pub fn administered(&self, r: &Read<'_>, username: &str) -> Result<UserId> {
        self.must_be_platform_admin()?;
        r.username(username).map(|user| user.id)
    }

    /// # Errors
    /// `Forbidden` unless the caller administers the whole platform.
    pub fn must_be_platform_admin(&self) -> Result<()> {
        self.must_have(Need::Manage)?;
        if self.is_platform_admin() {
            return Ok(());
        }
        Err(Error::forbidden("Only a platform admin may do this.")
            .hint("Ask one, or run the command on the host with --data-dir."))
    }

    /// # Errors
    /// `Forbidden` if the token's scope is too small for `need`, whoever holds it.
    pub fn must_have(&self, need: Need) -> Result<()> {
        if self.scope >= need.scope() {
            return Ok(());
        }
        Err(Error::forbidden(format!(
            "This token may only {}; this needs `{}`.",
            self.scope.word(),
            need.scope().word()
        ))
        .hint("Make a token with a wider scope: incidentd token create --scope …"))
    }

    /// What the caller is in `team`; none for a stranger.
    fn role(&self, r: &Read<'_>, team: TeamId) -> Result<Option<Role>> {
        if self.team.is_some_and(|only| only != team) {
            return Ok(None);
        }
        match &self.who {
            Who::Host | Who::User { admin: true, .. } => Ok(Some(Role::Admin)),
            Who::User { user, .. } => r.find_role(team, user.id),
        }
    }

    /// # Errors
    /// `NotFound` for strangers (as if `what` did not exist), `Forbidden` for too small a role.
    pub fn may(&self, r: &Read<'_>, need: Need, team: TeamId, what: &str) -> Result<()> {
        let Some(role) = self.role(r, team)? else {
            return Err(Error::not_found(what));
        };
        self.must_have(need)?;
        if role >= need.role() {
            return Ok(());
        }
        let needed = match need.role() {
            Role::Responder => "a responder",
            Role::Observer => "an observer",
            Role::Admin => "an admin",
        };
        Err(Error::forbidden(format!(
            "As {} of this team you may not do this; it needs {needed}.",
            role.word(),
        ))
        .hint("Ask an admin of the team to change your role."))
    }

    /// As `may`, for an incident: also who was assigned to or paged for it, for a day after.
    ///
    /// # Errors
    /// As `may`.
    pub fn may_on(
        &self,
        r: &Read<'_>,
        need: Need,
        incident: &Incident,
        now: Timestamp,
    ) -> Result<()> {
        let what = format!("Incident {}", incident.id);
        let by_role = self.may(r, need, incident.team.id, &what);
        if by_role.is_ok() || need > Need::Respond || self.team.is_some() {
            return by_role;
        }
        let fresh = incident.resolved_at.is_none_or(|at| shift(at, CONCERNED_FOR) > now);
        match self.user() {
            Some(user) if fresh && r.is_concerned(user.id, incident.id)? => self.must_have(need),
            _ => by_role,
        }
    }

    /// Everything that the caller may see.
    ///
    /// # Errors
    /// `Unavailable` when the database cannot be read.
    pub fn sight(&self, r: &Read<'_>, now: Timestamp) -> Result<Interest> {
        if self.is_platform_admin() {
            return Ok(Interest { everything: true, ..Interest::default() });
        }
        let since = SignedDuration::try_from(CONCERNED_FOR).unwrap_or_default();
        let resolved_after = now.saturating_sub(since).unwrap_or(Timestamp::MIN);
        let user = self.user().filter(|_| self.team.is_none());
        Ok(Interest {
            everything: false,
            teams: self.teams(r)?,
            user: user.map(|user| Concern { user: user.id, resolved_after }),
        })
    }

    /// The teams that the caller belongs to, as far as the credential goes.
    ///
    /// # Errors
    /// `Unavailable` when the database cannot be read.
    pub fn teams(&self, r: &Read<'_>) -> Result<Vec<TeamId>> {
        match (&self.who, self.team) {
            (Who::Host, _) => Ok(Vec::new()),
            (Who::User { admin: true, .. }, Some(only)) => Ok(vec![only]),
            (Who::User { user, .. }, only) => {
                let mut teams: Vec<TeamId> =
                    r.memberships(user.id)?.into_iter().map(|member| member.team).collect();
                teams.retain(|team| only.is_none_or(|only| only == *team));
                Ok(teams)
            }
        }
    }
}
