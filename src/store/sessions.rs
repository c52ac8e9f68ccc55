//! Sessions: secrets only as hashes, with where and when they were last used.
use jiff::Timestamp;
use rusqlite::Row;

use super::sql::{Read, Write, ms, time, time_or_null};
use super::tokens::Credential;
use super::users::{USER, user};
use crate::domain::{Scope, SessionId, UserId};
use crate::error::Result;

/// A session as listed.
#[derive(Clone, Debug)]
pub struct SessionRow {
    pub id: SessionId,
    pub client: String,
    pub address: String,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
    pub expires_at: Timestamp,
}

/// A session that is about to be stored.
pub struct NewSession<'a> {
    pub user: UserId,
    pub secret_hash: &'a [u8; 32],
    pub client: &'a str,
    pub address: &'a str,
    pub expires_at: Timestamp,
}

const CREDENTIAL: &str = "e.id, e.secret_hash, e.expires_at, e.ended_at,
        coalesce(e.last_used_at, e.created_at)
     from sessions e join users u on u.id = e.user_id";

fn credential(row: &Row<'_>) -> rusqlite::Result<Credential> {
    Ok(Credential {
        user: user(row)?,
        token: None,
        session: row.get(8)?,
        scope: Scope::Admin,
        team: None,
        secret_hash: row.get(9)?,
        expires_at: time_or_null(row, 10)?,
        ended_at: time_or_null(row, 11)?,
        last_used_at: time_or_null(row, 12)?,
    })
}

impl Read<'_> {
    pub fn find_session(&self, secret_hash: &[u8; 32]) -> Result<Option<Credential>> {
        self.one(
            &format!("select {USER}, {CREDENTIAL} where e.secret_hash = ?1"),
            [secret_hash.as_slice()],
            credential,
        )
    }

    pub fn find_session_by_id(&self, id: SessionId) -> Result<Option<Credential>> {
        self.one(&format!("select {USER}, {CREDENTIAL} where e.id = ?1"), [id], credential)
    }

    /// Sessions that did not end, the one used last first.
    pub fn sessions(&self, user: UserId) -> Result<Vec<SessionRow>> {
        self.all(
            "select id, client, address, created_at, coalesce(last_used_at, created_at) as used,
                expires_at
             from sessions where user_id = ?1 and ended_at is null order by used desc, id desc",
            [user],
            |row| {
                Ok(SessionRow {
                    id: row.get(0)?,
                    client: row.get(1)?,
                    address: row.get(2)?,
                    created_at: time(row, 3)?,
                    last_used_at: time(row, 4)?,
                    expires_at: time(row, 5)?,
                })
            },
        )
    }

    pub fn user_of_session(&self, id: SessionId) -> Result<Option<UserId>> {
        self.one("select user_id from sessions where id = ?1", [id], |row| row.get(0))
    }

    /// Addresses from which somebody was logged in, ever.
    pub fn places(&self, username: &str) -> Result<Vec<String>> {
        self.all(
            "select distinct e.address from sessions e join users u on u.id = e.user_id
             where u.username = ?1",
            [username],
            |row| row.get(0),
        )
    }
}

impl Write<'_> {
    pub fn insert_session(&self, new: &NewSession<'_>) -> Result<SessionId> {
        self.insert(
            "insert into sessions (user_id, secret_hash, client, address, created_at, expires_at)
             values (?1, ?2, ?3, ?4, ?5, ?6)",
            (
                new.user,
                new.secret_hash.as_slice(),
                new.client,
                new.address,
                ms(self.now()),
                ms(new.expires_at),
            ),
        )
        .map(SessionId)
    }

    /// False if it had ended before.
    pub fn use_session(
        &self,
        id: SessionId,
        at: Timestamp,
        address: &str,
        expires_at: Timestamp,
    ) -> Result<bool> {
        self.run(
            "update sessions set last_used_at = ?2, address = ?3, expires_at = ?4
             where id = ?1 and ended_at is null",
            (id, ms(at), address, ms(expires_at)),
        )
        .map(|rows| rows > 0)
    }

    /// False if it had ended before.
    pub fn end_session(&self, id: SessionId) -> Result<bool> {
        self.run(
            "update sessions set ended_at = ?2 where id = ?1 and ended_at is null",
            (id, ms(self.now())),
        )
        .map(|rows| rows > 0)
    }
}
