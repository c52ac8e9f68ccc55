//! Links that work once: their secrets only as hashes.
use jiff::Timestamp;

use super::sql::{Read, Write, ms, time, time_or_null};
use crate::domain::UserId;
use crate::error::Result;

#[derive(Clone, Debug)]
pub struct Link {
    pub id: i64,
    /// Whose password it sets; none: it sets up the first platform admin.
    pub user: Option<UserId>,
    pub expires_at: Timestamp,
    pub used_at: Option<Timestamp>,
}

impl Read<'_> {
    pub fn find_link(&self, secret_hash: &[u8; 32]) -> Result<Option<Link>> {
        self.one(
            "select id, user_id, expires_at, used_at from links where secret_hash = ?1",
            [secret_hash.as_slice()],
            |row| {
                Ok(Link {
                    id: row.get(0)?,
                    user: row.get(1)?,
                    expires_at: time(row, 2)?,
                    used_at: time_or_null(row, 3)?,
                })
            },
        )
    }
}

impl Write<'_> {
    pub fn insert_link(
        &self,
        user: Option<UserId>,
        secret_hash: &[u8; 32],
        expires_at: Timestamp,
    ) -> Result<()> {
        self.insert(
            "insert into links (user_id, secret_hash, created_at, expires_at)
             values (?1, ?2, ?3, ?4)",
            (user, secret_hash.as_slice(), ms(self.now()), ms(expires_at)),
        )
        .map(|_| ())
    }

    pub fn use_link(&self, id: i64) -> Result<()> {
        self.run("update links set used_at = ?2 where id = ?1", (id, ms(self.now()))).map(|_| ())
    }

    /// Drops somebody's links, or those of the set-up, and whatever is over.
    pub fn void_links(&self, user: Option<UserId>) -> Result<()> {
        self.run(
            "delete from links where user_id is ?1 or used_at is not null or expires_at <= ?2",
            (user, ms(self.now())),
        )
        .map(|_| ())
    }
}
