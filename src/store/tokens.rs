//! API tokens: secrets only as hashes.
use jiff::Timestamp;
use rusqlite::Row;

use super::sql::{Read, Write, ms, ms_or_null, time, time_or_null};
use super::users::{USER, User, user};
use crate::domain::{Scope, SessionId, TeamId, TokenId, UserId};
use crate::error::Result;

/// A token or session with its person, as authentication needs it.
#[derive(Clone, Debug)]
pub struct Credential {
    pub user: User,
    pub token: Option<TokenId>,
    pub session: Option<SessionId>,
    pub scope: Scope,
    /// The only team it is good for.
    pub team: Option<TeamId>,
    pub secret_hash: [u8; 32],
    pub expires_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
}

/// A token as listed.
#[derive(Clone, Debug)]
pub struct TokenRow {
    pub id: TokenId,
    pub username: String,
    pub name: String,
    pub scope: Scope,
    pub team: Option<String>,
    pub team_id: Option<TeamId>,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
}

/// A token that is about to be stored.
pub struct NewToken<'a> {
    pub user: UserId,
    pub name: &'a str,
    pub secret_hash: &'a [u8; 32],
    pub scope: Scope,
    pub team: Option<TeamId>,
    pub expires_at: Option<Timestamp>,
}

fn scope(row: &Row<'_>, index: usize) -> rusqlite::Result<Scope> {
    Ok(Scope::of_word(row.get_ref(index)?.as_str()?).unwrap_or(Scope::Read))
}

impl Read<'_> {
    pub fn find_token(&self, id: TokenId) -> Result<Option<Credential>> {
        self.one(
            &format!(
                "select {USER}, k.id, k.scope, k.team_id, k.secret_hash, k.expires_at, k.ended_at,
                    k.last_used_at
                 from tokens k join users u on u.id = k.user_id where k.id = ?1"
            ),
            [id],
            |row| {
                Ok(Credential {
                    user: user(row)?,
                    token: row.get(8)?,
                    session: None,
                    scope: scope(row, 9)?,
                    team: row.get(10)?,
                    secret_hash: row.get(11)?,
                    expires_at: time_or_null(row, 12)?,
                    ended_at: time_or_null(row, 13)?,
                    last_used_at: time_or_null(row, 14)?,
                })
            },
        )
    }

    /// Tokens that are still good, of one person or of all.
    pub fn tokens(&self, of: Option<UserId>) -> Result<Vec<TokenRow>> {
        self.all(
            "select k.id, u.username, k.name, k.scope, t.slug, k.created_at, k.expires_at,
                k.team_id, k.last_used_at
             from tokens k join users u on u.id = k.user_id left join teams t on t.id = k.team_id
             where k.ended_at is null and (?1 is null or k.user_id = ?1) order by k.id",
            [of],
            |row| {
                Ok(TokenRow {
                    id: row.get(0)?,
                    username: row.get(1)?,
                    name: row.get(2)?,
                    scope: scope(row, 3)?,
                    team: row.get(4)?,
                    created_at: time(row, 5)?,
                    expires_at: time_or_null(row, 6)?,
                    team_id: row.get(7)?,
                    last_used_at: time_or_null(row, 8)?,
                })
            },
        )
    }

    pub fn token_name(&self, id: TokenId) -> Result<Option<String>> {
        self.one("select name from tokens where id = ?1", [id], |row| row.get(0))
    }

    pub fn user_of_token(&self, id: TokenId) -> Result<Option<UserId>> {
        self.one("select user_id from tokens where id = ?1", [id], |row| row.get(0))
    }
}

impl Write<'_> {
    pub fn insert_token(&self, new: &NewToken<'_>) -> Result<TokenId> {
        self.insert(
            "insert into tokens (user_id, name, secret_hash, scope, team_id, created_at, expires_at)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            (
                new.user,
                new.name,
                new.secret_hash.as_slice(),
                new.scope.word(),
                new.team,
                ms(self.now()),
                ms_or_null(new.expires_at),
            ),
        )
        .map(TokenId)
    }

    pub fn set_token_hash(&self, id: TokenId, secret_hash: &[u8; 32]) -> Result<()> {
        self.run("update tokens set secret_hash = ?2 where id = ?1", (id, secret_hash.as_slice()))
            .map(|_| ())
    }

    /// False if it had ended before.
    pub fn end_token(&self, id: TokenId) -> Result<bool> {
        self.run(
            "update tokens set ended_at = ?2 where id = ?1 and ended_at is null",
            (id, ms(self.now())),
        )
        .map(|rows| rows > 0)
    }

    /// Later uses win; what is over stays as it is.
    pub fn use_token(&self, id: TokenId, at: Timestamp) -> Result<()> {
        self.run(
            "update tokens set last_used_at = max(coalesce(last_used_at, 0), ?2)
             where id = ?1 and ended_at is null",
            (id, ms(at)),
        )
        .map(|_| ())
    }
}
