//! How far each outgoing webhook has got. Rows move forward only: what a person changes meanwhile
//! stays changed.
use jiff::Timestamp;

use super::events::{LogRow, log_row};
use super::sql::{Read, Write, ms, time_or_null};
use crate::domain::{Seq, TeamId, WebhookId};
use crate::error::Result;
use crate::secret::Secret;

/// A webhook that gets events.
#[derive(Clone, Debug)]
pub struct Outbound {
    pub id: WebhookId,
    pub team: TeamId,
    pub url: String,
    pub secret: Secret,
    /// The last event that was taken.
    pub seq: Seq,
    pub failing_since: Option<Timestamp>,
}

impl Read<'_> {
    pub fn outbound(&self) -> Result<Vec<Outbound>> {
        self.all(
            "select id, team_id, url, secret, seq, failing_since from webhooks
             where disabled_at is null order by id",
            [],
            |row| {
                Ok(Outbound {
                    id: row.get(0)?,
                    team: row.get(1)?,
                    url: row.get(2)?,
                    secret: Secret::new(row.get::<_, String>(3)?),
                    seq: row.get(4)?,
                    failing_since: time_or_null(row, 5)?,
                })
            },
        )
    }

    /// The first event of a team after `seq`.
    pub fn next_event(&self, team: TeamId, seq: Seq) -> Result<Option<LogRow>> {
        self.one(
            "select seq, team_id, incident_id, type, json, people from events
             where team_id = ?1 and seq > ?2 order by seq limit 1",
            (team, seq),
            log_row,
        )
    }
}

impl Write<'_> {
    /// The event was taken, and all is well.
    pub fn advance_outbound(&mut self, id: WebhookId, seq: Seq) -> Result<()> {
        self.run(
            "update webhooks set seq = ?2, failing_since = null, last_error = null
             where id = ?1 and seq < ?2",
            (id, seq),
        )
        .map(drop)
    }

    /// It was not; since when that has been so.
    pub fn fail_outbound(&mut self, id: WebhookId, why: &str) -> Result<Option<Timestamp>> {
        self.run(
            "update webhooks set failing_since = coalesce(failing_since, ?3), last_error = ?2
             where id = ?1 and disabled_at is null",
            (id, why, ms(self.now())),
        )?;
        let since = self.one(
            "select failing_since from webhooks where id = ?1 and disabled_at is null",
            [id],
            |row| time_or_null(row, 0),
        )?;
        Ok(since.flatten())
    }

    pub fn disable_outbound(&mut self, id: WebhookId) -> Result<()> {
        self.run("update webhooks set disabled_at = ?2 where id = ?1", (id, ms(self.now())))
            .map(drop)
    }
}
