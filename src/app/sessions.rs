//! Logging in and out, and telling who a credential belongs to.
use std::time::Duration;

use super::{App, Caller, Who};
use crate::clock::shift;
use crate::domain::event::{Access, Record};
use crate::domain::{Actor, Seq, SessionId, TimerKind, TokenId};
use crate::error::{Error, Kind, Result};
use crate::secret::Secret;
use crate::store::{Credential, Write};

/// How long a session lasts.
const SESSION: Duration = Duration::from_hours(30 * 24);
/// What tokens and session secrets begin with, so that scanners find leaked ones.
const TOKEN: &str = "inc_";
const SESSION_SECRET: &str = "ses_";

/// A session that was just opened.
pub struct Opened {
    pub secret: Secret,
    pub caller: Caller,
}

/// Why a credential was not accepted.
fn ended() -> Error {
    Error::new(Kind::Unauthenticated, "Session expired")
        .hint("Log in again, or make a new token: incidentd token create")
}

impl App {
    /// # Errors
    /// `Unauthenticated`, in the same words and after the same time for an unknown name as for
    /// a wrong password.
    pub async fn log_in(&self, username: String, password: Secret) -> Result<Opened> {
        let stored = self.0.store.read(move |r| r.password_hash(&username)).await?;
        let (user, hash) = stored.map_or((None, None), |(user, hash)| (Some(user), Some(hash)));
        let right = self.verify_password(password, hash).await?;
        let (true, Some(user)) = (right, user) else {
            return Err(Error::new(
                Kind::Unauthenticated,
                "The username or the password is wrong.",
            )
            .hint("Try again; an admin can set a new password: incidentd user set-password"));
        };
        let secret = Secret::new(format!("{SESSION_SECRET}{}", Secret::random()?.expose()));
        let (hash, expires_at) = (secret.hash(), shift(self.now(), SESSION));
        self.write(move |w| {
            let person = w.find_user(user)?.ok_or_else(Error::unauthenticated)?;
            let session = w.insert_session(user, &hash, expires_at)?;
            w.set_timer(TimerKind::Session, session.0, expires_at)?;
            let change = Access::SessionCreated { session, user };
            w.record(&Record::Access { change }, &Actor::user(&person.reference()))?;
            Ok(())
        })
        .await?;
        let caller = self.authenticate(&secret).await?;
        Ok(Opened { secret, caller })
    }

    /// Ends the caller's own session or token.
    ///
    /// # Errors
    /// `Invalid` where there is none to end.
    pub async fn log_out(&self, caller: &Caller) -> Result<()> {
        let (actor, who) = (caller.actor(), caller.who.clone());
        self.write(move |w| match who {
            Who::User { session: Some(session), .. } => end_session(w, session, false, &actor),
            Who::User { token: Some(token), .. } => end_token(w, token, false, &actor).map(|_| ()),
            _ => Err(Error::refused("There is no session to end.")),
        })
        .await
    }

    /// Who holds this API token or session secret?
    ///
    /// # Errors
    /// `Unauthenticated`: `Session expired` if it was good once, else `Authentication failed`.
    pub async fn authenticate(&self, secret: &Secret) -> Result<Caller> {
        let failed = || {
            Error::new(Kind::Unauthenticated, "Authentication failed")
                .hint("Check the token; `incidentd token create` makes a new one.")
        };
        let text = secret.expose();
        let hash = secret.hash();
        let (credential, as_of) = if let Some(rest) = text.strip_prefix(TOKEN) {
            let id: TokenId =
                rest.split_once('_').and_then(|(id, _)| id.parse().ok()).ok_or_else(failed)?;
            self.0.store.read(move |r| Ok((r.find_token(id)?, r.head()?))).await?
        } else if text.starts_with(SESSION_SECRET) {
            self.0.store.read(move |r| Ok((r.find_session(&hash)?, r.head()?))).await?
        } else {
            (None, Seq::default())
        };
        let credential = credential.ok_or_else(failed)?;
        if !same(&credential.secret_hash, &hash) {
            return Err(failed());
        }
        let over = credential.expires_at.is_some_and(|at| at <= self.now());
        if over || credential.ended_at.is_some() || credential.user.disabled_at.is_some() {
            return Err(ended());
        }
        Ok(caller(&credential, as_of))
    }
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
