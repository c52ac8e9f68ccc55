//! Calendars' addresses: their secrets only as hashes.
use jiff::Timestamp;
use rusqlite::Row;

use super::sql::{Read, Write, ms, time, time_or_null};
use crate::domain::user::UserRef;
use crate::domain::{FeedId, ScheduleId, UserId};
use crate::error::Result;

#[derive(Clone, Debug)]
pub struct FeedRow {
    pub id: FeedId,
    /// None: the shifts of who made it.
    pub schedule: Option<ScheduleId>,
    pub made_by: UserRef,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
}

const FEED: &str = "select f.id, f.schedule_id, u.id, u.username, u.name, f.created_at,
     f.last_used_at from feeds f join users u on u.id = f.made_by";

fn feed(row: &Row<'_>) -> rusqlite::Result<FeedRow> {
    Ok(FeedRow {
        id: row.get(0)?,
        schedule: row.get(1)?,
        made_by: UserRef { id: row.get(2)?, username: row.get(3)?, name: row.get(4)? },
        created_at: time(row, 5)?,
        last_used_at: time_or_null(row, 6)?,
    })
}

impl Read<'_> {
    pub fn find_feed(&self, id: FeedId) -> Result<Option<FeedRow>> {
        self.one(&format!("{FEED} where f.id = ?1"), [id], feed)
    }

    pub fn find_feed_by_secret(&self, secret_hash: &[u8; 32]) -> Result<Option<FeedRow>> {
        self.one(&format!("{FEED} where f.secret_hash = ?1"), [secret_hash.as_slice()], feed)
    }

    pub fn feeds(&self) -> Result<Vec<FeedRow>> {
        self.all(&format!("{FEED} order by f.id"), [], feed)
    }
}

impl Write<'_> {
    pub fn insert_feed(
        &self,
        schedule: Option<ScheduleId>,
        made_by: UserId,
        secret_hash: &[u8; 32],
    ) -> Result<FeedId> {
        let own = schedule.is_none().then_some(made_by);
        self.insert(
            "insert into feeds (secret_hash, schedule_id, user_id, made_by, created_at)
             values (?1, ?2, ?3, ?4, ?5)",
            (secret_hash.as_slice(), schedule, own, made_by, ms(self.now())),
        )
        .map(FeedId)
    }

    pub fn use_feed(&self, id: FeedId) -> Result<()> {
        let now = ms(self.now());
        self.run("update feeds set last_used_at = ?2 where id = ?1", (id, now)).map(|_| ())
    }

    pub fn delete_feed(&self, id: FeedId) -> Result<()> {
        self.run("delete from feeds where id = ?1", [id]).map(|_| ())
    }
}
