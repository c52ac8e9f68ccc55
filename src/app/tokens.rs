//! API tokens: shown once, scoped, revocable.
use super::sessions::end_token;
use super::{App, Caller, Need};
use crate::api::tokens::{IssuedToken, NewToken, Token};
use crate::clock::shift;
use crate::domain::event::{Access, Record};
use crate::domain::{Scope, Span, TimerKind, TokenId};
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::store;

/// Longest name, in bytes.
const MAX_NAME: usize = 255;
/// Tokens of one person that are good at once.
const MAX_TOKENS: usize = 1_000;

impl App {
    /// # Errors
    /// `Forbidden` for another's token unless the caller is a platform admin, or for a wider
    /// scope than the caller's own.
    pub async fn create_token(&self, caller: &Caller, new: NewToken) -> Result<IssuedToken> {
        caller.must_have(Need::Manage)?;
        let own = caller.user().map(|user| user.username.clone());
        let username =
            new.user.clone().or_else(|| own.clone()).ok_or_else(|| {
                Error::invalid("user", "is missing; say whose token this shall be")
            })?;
        if own.as_deref() != Some(&username) {
            caller.must_be_platform_admin()?;
        }
        if new.name.len() > MAX_NAME || new.name.contains(char::is_control) {
            let why = format!("may have {MAX_NAME} bytes, none of them control characters");
            return Err(Error::invalid("name", why));
        }
        if new.expires.is_some_and(Span::is_zero) {
            return Err(Error::invalid("expires", "must be above 0"));
        }
        let scope = new.scope.unwrap_or(Scope::Admin);
        let asked = new.expires.map(|span| shift(self.now(), span.duration()));
        // A token makes none that outlives it.
        let own_end = caller.expires_at.filter(|_| caller.session().is_none());
        let expires_at = asked.into_iter().chain(own_end).min();
        let random = Secret::random()?;
        let (by, name) = (caller.clone(), new.name.clone());
        self.write_once(caller, move |w| {
            let user = w.username(&username)?;
            if user.disabled_at.is_some() {
                return Err(Error::refused(format!("{username} is disabled.")));
            }
            if w.tokens(Some(user.id))?.len() >= MAX_TOKENS {
                return Err(Error::refused(format!("{username} has {MAX_TOKENS} tokens already."))
                    .hint("Revoke those that nobody uses: incidentd token list"));
            }
            let team = match &new.team {
                Some(name) => {
                    let team = w.team(name)?.id;
                    by.may(w, Need::Read, team, &format!("Team `{name}`"))?;
                    Some(team)
                }
                None => by.team,
            };
            // The id is part of the token, so the hash is known only after the insert.
            let id = w.insert_token(&store::NewToken {
                user: user.id,
                name: &name,
                secret_hash: &[0; 32],
                scope,
                team,
                expires_at,
            })?;
            let secret = Secret::new(format!("inc_{id}_{}", random.expose()));
            w.set_token_hash(id, &secret.hash())?;
            if let Some(at) = expires_at {
                w.set_timer(TimerKind::Token, id.0, at)?;
            }
            let change = Access::TokenCreated { token: id, user: user.id };
            w.record(&Record::Access { change }, &by.actor())?;
            Ok(IssuedToken { id, token: secret.expose().to_owned(), scope, expires_at })
        })
        .await
    }

    /// The caller's tokens; all of them for a platform admin.
    ///
    /// # Errors
    /// `Unavailable` when the database cannot be read.
    pub async fn tokens(&self, caller: &Caller) -> Result<Vec<Token>> {
        caller.must_have(Need::Manage)?;
        let of = if caller.is_platform_admin() { None } else { caller.user().map(|user| user.id) };
        let only = caller.team;
        let mut rows = self.0.store.read(move |r| r.tokens(of)).await?;
        // A credential for one team knows of no other.
        rows.retain(|token| only.is_none() || token.team_id == only);
        Ok(rows.into_iter().map(shown).collect())
    }

    /// # Errors
    /// `NotFound` for what is not the caller's, unless he is a platform admin.
    pub async fn revoke_token(&self, caller: &Caller, id: TokenId) -> Result<()> {
        caller.must_have(Need::Manage)?;
        let caller = caller.clone();
        self.write_as(caller.clone(), move |w| {
            let owner = w.user_of_token(id)?;
            let within = caller.team.is_none()
                || w.find_token(id)?.is_some_and(|token| token.team == caller.team);
            let mine = within && owner.is_some() && owner == caller.user().map(|user| user.id);
            if owner.is_none() || !(mine || caller.is_platform_admin()) {
                return Err(Error::not_found(format_args!("Token {id}")));
            }
            end_token(w, id, false, &caller.actor()).map(|_| ())
        })
        .await
    }
}

fn shown(row: store::TokenRow) -> Token {
    Token {
        id: row.id,
        user: row.username,
        name: row.name,
        scope: row.scope,
        team: row.team,
        created_at: row.created_at,
        last_used_at: row.last_used_at,
        expires_at: row.expires_at,
    }
}
