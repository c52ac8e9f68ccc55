//! Where a team's incident events go, signed, and how far that got. What the follower of the log
//! notes moves forward only: what a person changes meanwhile stays changed.
use jiff::Timestamp;
use rusqlite::Row;

use super::incidents::team_ref;
use super::sql::{Read, Write, ms, ms_or_null, time_or_null};
use crate::domain::user::TeamRef;
use crate::domain::{Seq, TeamId, WebhookId};
use crate::error::{Error, Kind, Result};
use crate::secret::Secret;

#[derive(Clone, Debug)]
pub struct WebhookRow {
    pub id: WebhookId,
    pub team: TeamRef,
    pub url: String,
    pub secret: Secret,
    /// The last event that was taken.
    pub seq: Seq,
    pub failing_since: Option<Timestamp>,
    pub last_error: Option<String>,
    pub disabled_at: Option<Timestamp>,
}

const WEBHOOK: &str = "select w.id, w.url, w.secret, w.seq, w.failing_since, w.last_error,
        w.disabled_at, t.id, t.slug, t.name
     from webhooks w join teams t on t.id = w.team_id";

fn webhook(row: &Row<'_>) -> rusqlite::Result<WebhookRow> {
    Ok(WebhookRow {
        id: row.get(0)?,
        url: row.get(1)?,
        secret: Secret::new(row.get::<_, String>(2)?),
        seq: row.get(3)?,
        failing_since: time_or_null(row, 4)?,
        last_error: row.get(5)?,
        disabled_at: time_or_null(row, 6)?,
        team: team_ref(row, 7)?,
    })
}

impl Read<'_> {
    pub fn find_webhook(&self, id: WebhookId) -> Result<Option<WebhookRow>> {
        self.one(&format!("{WEBHOOK} where w.id = ?1"), [id], webhook)
    }

    /// A team's webhook to this address.
    pub fn find_webhook_to(&self, team: TeamId, url: &str) -> Result<Option<WebhookRow>> {
        self.one(&format!("{WEBHOOK} where w.team_id = ?1 and w.url = ?2"), (team, url), webhook)
    }

    pub fn webhooks(&self) -> Result<Vec<WebhookRow>> {
        self.all(&format!("{WEBHOOK} order by t.slug, w.url"), [], webhook)
    }

    /// Those that get events.
    pub fn enabled_webhooks(&self) -> Result<Vec<WebhookRow>> {
        self.all(&format!("{WEBHOOK} where w.disabled_at is null order by w.id"), [], webhook)
    }
}

impl Write<'_> {
    /// It gets what happens from now on.
    pub fn insert_webhook(&self, team: TeamId, url: &str, secret: &Secret) -> Result<WebhookId> {
        self.insert_free(
            "insert into webhooks (team_id, url, secret, seq, created_at)
             values (?1, ?2, ?3, ?4, ?5)",
            (team, url, secret.expose(), self.head()?, ms(self.now())),
            || Error::new(Kind::Refused, format!("The team has a webhook to {url} already.")),
        )
        .map(WebhookId)
    }

    /// Sets all of a webhook but its address.
    pub fn update_webhook(&self, row: &WebhookRow) -> Result<()> {
        let WebhookRow { id, secret, seq, failing_since, last_error, disabled_at, .. } = row;
        self.run(
            "update webhooks set secret = ?2, seq = ?3, failing_since = ?4, last_error = ?5,
                disabled_at = ?6 where id = ?1",
            (
                id,
                secret.expose(),
                seq,
                ms_or_null(*failing_since),
                last_error,
                ms_or_null(*disabled_at),
            ),
        )
        .map(|_| ())
    }

    pub fn delete_webhook(&self, id: WebhookId) -> Result<()> {
        self.run("delete from webhooks where id = ?1", [id]).map(|_| ())
    }

    /// The event was taken, and all is well.
    pub fn advance_webhook(&mut self, id: WebhookId, seq: Seq) -> Result<()> {
        self.run(
            "update webhooks set seq = ?2, failing_since = null, last_error = null
             where id = ?1 and seq < ?2",
            (id, seq),
        )
        .map(drop)
    }

    /// It was not; since when that has been so.
    pub fn fail_webhook(&mut self, id: WebhookId, why: &str) -> Result<Option<Timestamp>> {
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

    pub fn disable_webhook(&mut self, id: WebhookId) -> Result<()> {
        self.run("update webhooks set disabled_at = ?2 where id = ?1", (id, ms(self.now())))
            .map(drop)
    }
}
