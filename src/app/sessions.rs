//! Logging in and out, and telling who a credential belongs to.
use std::time::Duration;

use jiff::Timestamp;

use super::attempts::Guess;
use super::{App, Caller, Visitor, Who};
use crate::api::sessions::{Ended, SessionView};
use crate::clock::shift;
use crate::domain::event::{Access, Record};
use crate::domain::{Actor, Seq, SessionId, TimerKind, TokenId, UserId};
use crate::error::{Error, Kind, Result};
use crate::secret::Secret;
use crate::store::{Credential, NewSession, User, Write};

/// How long a session lasts after it was last used.
pub(super) const SESSION: Duration = Duration::from_hours(30 * 24);
/// Sessions that one person may have open; a further one ends the one used longest ago.
const MAX_SESSIONS: usize = 100;
/// What tokens and session secrets begin with, so that scanners find leaked ones.
const TOKEN: &str = "inc_";
const SESSION_SECRET: &str = "ses_";

/// A session that was just opened.
pub struct Opened {
    pub secret: Secret,
    pub caller: Caller,
}

/// A session that is about to be opened: made before the write, which may run twice.
pub(super) struct Opening {
    secret: Secret,
    expires_at: Timestamp,
    visitor: Visitor,
}

impl Opening {
    pub(super) fn new(app: &App, visitor: &Visitor) -> Result<Self> {
        let secret = Secret::new(format!("{SESSION_SECRET}{}", Secret::random()?.expose()));
        let expires_at = shift(app.now(), SESSION);
        Ok(Self { secret, expires_at, visitor: visitor.clone() })
    }

    pub(super) fn write(&self, w: &mut Write<'_>, person: &User) -> Result<()> {
        let actor = Actor::user(&person.reference());
        for old in w.sessions(person.id)?.iter().skip(MAX_SESSIONS - 1) {
            end_session(w, old.id, false, &actor)?;
        }
        let session = w.insert_session(&NewSession {
            user: person.id,
            secret_hash: &self.secret.hash(),
            client: &self.visitor.client,
            address: &self.visitor.place(),
            expires_at: self.expires_at,
        })?;
        w.set_timer(TimerKind::Session, session.0, self.expires_at)?;
        let change = Access::SessionCreated { session, user: person.id };
        w.record(&Record::Access { change }, &actor).map(|_| ())
    }
}

/// Why a credential was not accepted.
pub(super) fn ended() -> Error {
    Error::new(Kind::Unauthenticated, "Session expired")
        .hint("Log in again: incidentd login; or make a new token: incidentd token create")
}

impl App {
    /// # Errors
    /// `Unauthenticated`, in the same words and after the same time for an unknown name as for
    /// a wrong password; `Limited` after too many of either.
    pub async fn log_in(
        &self,
        visitor: &Visitor,
        username: String,
        password: Secret,
    ) -> Result<Opened> {
        let name = username.clone();
        let (stored, known) =
            self.0.store.read(move |r| Ok((r.password_hash(&name)?, r.places(&name)?))).await?;
        let (user, hash) = stored.map_or((None, None), |(user, hash)| (Some(user), Some(hash)));
        let guess = Guess::new(&username, visitor, visitor.is_at_home(&known));
        let right = self.verify_password(password, hash, &guess).await?;
        let (true, Some(user)) = (right, user) else {
            return Err(Error::new(
                Kind::Unauthenticated,
                "The username or the password is wrong.",
            )
            .hint("Try again; an admin can make a link for a new one: incidentd user link NAME"));
        };
        let opening = Opening::new(self, visitor)?;
        self.open_session(opening, move |w, opening| {
            let person = w.find_user(user)?.ok_or_else(Error::unauthenticated)?;
            opening.write(w, &person)
        })
        .await
    }

    /// Opens a session in the write that finds out whose it is.
    pub(super) async fn open_session<F>(&self, opening: Opening, write: F) -> Result<Opened>
    where
        F: Fn(&mut Write<'_>, &Opening) -> Result<()> + Send + 'static,
    {
        let once = opening.visitor.idempotency();
        let open = move |w: &mut Write<'_>| {
            write(w, &opening)?;
            Ok(opening.secret.expose().to_owned())
        };
        let secret: String = self.write(move |w| w.once(once.as_ref(), &open)).await?;
        self.opened(secret).await
    }

    /// The session that this very request opened already: its answer was lost.
    pub(super) async fn opened_before(&self, visitor: &Visitor) -> Result<Option<Opened>> {
        let Some(once) = visitor.idempotency() else { return Ok(None) };
        match self.0.store.read(move |r| r.reply(&once)).await? {
            Some(secret) => self.opened(secret).await.map(Some),
            None => Ok(None),
        }
    }

    async fn opened(&self, secret: String) -> Result<Opened> {
        let secret = Secret::new(secret);
        let caller = self.authenticate(&secret).await?;
        Ok(Opened { secret, caller })
    }

    /// Ends the caller's own session or token.
    ///
    /// # Errors
    /// `Invalid` where there is none to end.
    pub async fn log_out(&self, caller: &Caller) -> Result<()> {
        let (actor, who) = (caller.actor(), caller.who.clone());
        self.write_as(caller.clone(), move |w| match who {
            Who::User { session: Some(session), .. } => end_session(w, session, false, &actor),
            Who::User { token: Some(token), .. } => end_token(w, token, false, &actor).map(|_| ()),
            _ => Err(Error::refused("There is no session to end.")),
        })
        .await
    }

    /// Sessions of the caller, or of `username`.
    ///
    /// # Errors
    /// `Forbidden` for others' sessions unless the caller is a platform admin.
    pub async fn sessions(
        &self,
        caller: &Caller,
        username: Option<String>,
    ) -> Result<Vec<SessionView>> {
        let (by, current) = (caller.clone(), caller.session());
        let rows = self
            .0
            .store
            .read(move |r| {
                let user = match &username {
                    Some(username) => by.administered(r, username)?,
                    None => by.themself()?.id,
                };
                r.sessions(user)
            })
            .await?;
        let shown = |row: crate::store::SessionRow| SessionView {
            current: Some(row.id) == current,
            id: row.id,
            client: row.client,
            address: row.address,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            expires_at: row.expires_at,
        };
        Ok(rows.into_iter().map(shown).collect())
    }

    /// Ends one session; sockets that it opened close.
    ///
    /// # Errors
    /// `NotFound` for what is not the caller's, unless he is a platform admin.
    pub async fn end_session(&self, caller: &Caller, id: SessionId) -> Result<()> {
        let caller = caller.clone();
        self.write_as(caller.clone(), move |w| {
            let owner = w.user_of_session(id)?;
            let mine = caller.themself().map(|user| user.id).ok();
            if owner.is_none() || owner != mine && caller.must_be_platform_admin().is_err() {
                return Err(Error::not_found(format_args!("Session {id}")));
            }
            end_session(w, id, false, &caller.actor())
        })
        .await
    }

    /// Ends all sessions of `username`; of the caller himself, all but the one that asks.
    ///
    /// # Errors
    /// As `sessions`.
    pub async fn end_sessions(&self, caller: &Caller, username: Option<String>) -> Result<Ended> {
        let caller = caller.clone();
        self.write_as(caller.clone(), move |w| {
            let user = match &username {
                Some(username) => caller.administered(w, username)?,
                None => caller.themself()?.id,
            };
            let kept = caller.session().filter(|_| username.is_none());
            let ended = end_sessions(w, user, kept, &caller.actor())?;
            Ok(Ended { ended })
        })
        .await
    }

    /// Who sends this API token or session secret? Its use is noted, a bad one is counted.
    ///
    /// # Errors
    /// As `authenticate`; `Limited` after too many bad ones.
    pub async fn admit(&self, visitor: &Visitor, secret: &Secret) -> Result<Caller> {
        match self.credential(secret).await {
            Ok(Some((credential, as_of))) => {
                let caller = self.good(&credential, as_of)?;
                self.0.uses.note(&credential, visitor, self.now());
                Ok(caller)
            }
            Ok(None) => {
                self.0.attempts.bad_secret(visitor, self.0.clock.since_boot())?;
                Err(failed())
            }
            Err(error) => Err(error),
        }
    }

    /// Who holds this API token or session secret?
    ///
    /// # Errors
    /// `Unauthenticated`: `Session expired` if it was good once, else `Authentication failed`.
    pub async fn authenticate(&self, secret: &Secret) -> Result<Caller> {
        let (credential, as_of) = self.credential(secret).await?.ok_or_else(failed)?;
        self.good(&credential, as_of)
    }

    async fn credential(&self, secret: &Secret) -> Result<Option<(Credential, Seq)>> {
        let hash = secret.hash();
        let token = secret
            .expose()
            .strip_prefix(TOKEN)
            .map(|rest| rest.split_once('_').and_then(|(id, _)| id.parse::<TokenId>().ok()));
        let (credential, as_of) = match token {
            Some(Some(id)) => {
                self.0.store.read(move |r| Ok((r.find_token(id)?, r.head()?))).await?
            }
            None if secret.expose().starts_with(SESSION_SECRET) => {
                self.0.store.read(move |r| Ok((r.find_session(&hash)?, r.head()?))).await?
            }
            _ => return Ok(None),
        };
        let right = credential.filter(|credential| same(&credential.secret_hash, &hash));
        Ok(right.map(|credential| (credential, as_of)))
    }

    fn good(&self, credential: &Credential, as_of: Seq) -> Result<Caller> {
        let over = credential.expires_at.is_some_and(|at| at <= self.now());
        if over || credential.ended_at.is_some() || credential.user.disabled_at.is_some() {
            return Err(ended());
        }
        Ok(caller(credential, as_of))
    }
}

fn failed() -> Error {
    Error::new(Kind::Unauthenticated, "Authentication failed")
        .hint("Log in again: incidentd login; or make a new token: incidentd token create")
}

/// Ends what `user` has open, but for `kept`; returns how many that were.
pub(super) fn end_sessions(
    w: &mut Write<'_>,
    user: UserId,
    kept: Option<SessionId>,
    actor: &Actor,
) -> Result<u64> {
    let mut ended = 0;
    for session in w.sessions(user)? {
        if Some(session.id) != kept {
            end_session(w, session.id, false, actor)?;
            ended += 1;
        }
    }
    Ok(ended)
}

/// Compares in the same time wherever the first difference is.
fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

fn caller(credential: &Credential, as_of: Seq) -> Caller {
    Caller {
        as_of,
        request: None,
        scope: credential.scope,
        team: credential.team,
        expires_at: credential.expires_at,
        who: Who::User {
            user: credential.user.reference(),
            admin: credential.user.admin,
            token: credential.token,
            session: credential.session,
        },
    }
}

pub(super) fn end_session(
    w: &mut Write<'_>,
    session: SessionId,
    expired: bool,
    actor: &Actor,
) -> Result<()> {
    let Some(user) = w.user_of_session(session)? else {
        return Ok(());
    };
    if w.end_session(session)? {
        w.clear_timer(TimerKind::Session, session.0)?;
        let change = Access::SessionEnded { session, user, expired };
        w.record(&Record::Access { change }, actor)?;
    }
    Ok(())
}

/// False if it had ended before.
pub(super) fn end_token(
    w: &mut Write<'_>,
    token: TokenId,
    expired: bool,
    actor: &Actor,
) -> Result<bool> {
    let Some(user) = w.user_of_token(token)? else {
        return Ok(false);
    };
    let ended = w.end_token(token)?;
    if ended {
        w.clear_timer(TimerKind::Token, token.0)?;
        let change = Access::TokenEnded { token, user, expired };
        w.record(&Record::Access { change }, actor)?;
    }
    Ok(ended)
}
