//! Places that whole teams read.
use rusqlite::Row;

use super::incidents::team_ref;
use super::sql::{Read, Write, exists, ms};
use crate::domain::user::TeamRef;
use crate::domain::{ChannelId, TeamId};
use crate::error::{Error, Result};

/// A place that a whole team reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelRow {
    pub id: ChannelId,
    pub slug: String,
    pub team: TeamRef,
    pub channel: String,
    pub address: String,
}

const CHANNEL: &str = "select c.id, c.slug, c.channel, c.address, t.id, t.slug, t.name
     from channels c join teams t on t.id = c.team_id";

fn channel(row: &Row<'_>) -> rusqlite::Result<ChannelRow> {
    Ok(ChannelRow {
        id: row.get(0)?,
        slug: row.get(1)?,
        channel: row.get(2)?,
        address: row.get(3)?,
        team: team_ref(row, 4)?,
    })
}

impl Read<'_> {
    /// A channel by slug or by id.
    pub fn find_channel(&self, name: &str) -> Result<Option<ChannelRow>> {
        let id = name.parse::<ChannelId>().ok();
        self.one(&format!("{CHANNEL} where c.slug = ?1 or c.id = ?2"), (name, id), channel)
    }

    /// # Errors
    /// `NotFound` if there is none.
    pub fn channel(&self, id: ChannelId) -> Result<ChannelRow> {
        self.one(&format!("{CHANNEL} where c.id = ?1"), [id], channel)?
            .ok_or_else(|| Error::not_found(format_args!("Channel {id}")))
    }

    pub fn channels(&self) -> Result<Vec<ChannelRow>> {
        self.all(&format!("{CHANNEL} order by c.slug"), [], channel)
    }
}

impl Write<'_> {
    pub fn insert_channel(
        &self,
        team: TeamId,
        slug: &str,
        channel: &str,
        address: &str,
    ) -> Result<ChannelId> {
        self.insert_free(
            "insert into channels (team_id, slug, channel, address, created_at)
             values (?1, ?2, ?3, ?4, ?5)",
            (team, slug, channel, address, ms(self.now())),
            || exists("channel", slug),
        )
        .map(ChannelId)
    }

    /// Sets all of a channel.
    pub fn update_channel(&self, row: &ChannelRow) -> Result<()> {
        let ChannelRow { id, slug, channel, address, .. } = row;
        self.run_free(
            "update channels set slug = ?2, channel = ?3, address = ?4 where id = ?1",
            (id, slug, channel, address),
            || exists("channel", slug),
        )
    }

    pub fn delete_channel(&self, id: ChannelId) -> Result<()> {
        self.run("delete from channels where id = ?1", [id]).map(|_| ())
    }
}
