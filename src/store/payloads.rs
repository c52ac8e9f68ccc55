//! The last requests of each integration: as many that were taken as were refused.
use jiff::Timestamp;

use super::sql::{Read, Write, ms, time};
use crate::domain::IntegrationId;
use crate::error::Result;

/// Requests that are kept of each kind.
const KEPT: u32 = 10;

/// A request of a sender, as it is kept.
#[derive(Clone, Debug)]
pub struct PayloadRow {
    pub at: Timestamp,
    /// The format that it was sent in.
    pub source: String,
    pub body: String,
    /// Why it was refused, if it was.
    pub error: Option<String>,
}

impl Read<'_> {
    /// Newest first.
    pub fn payloads(&self, of: IntegrationId) -> Result<Vec<PayloadRow>> {
        self.all(
            "select at, source, body, error from payloads where integration_id = ?1
             order by id desc",
            [of],
            |row| {
                Ok(PayloadRow {
                    at: time(row, 0)?,
                    source: row.get(1)?,
                    body: row.get(2)?,
                    error: row.get(3)?,
                })
            },
        )
    }

    /// Refused requests that were kept since then.
    pub fn refused_since(&self, of: IntegrationId, since: Timestamp) -> Result<u32> {
        self.one(
            "select count(*) from payloads
             where integration_id = ?1 and error is not null and at >= ?2",
            (of, ms(since)),
            |row| row.get(0),
        )
        .map(Option::unwrap_or_default)
    }
}

impl Write<'_> {
    /// Keeps a request, and lets go of the oldest of its kind.
    pub fn keep_payload(
        &self,
        of: IntegrationId,
        source: &str,
        body: &str,
        error: Option<&str>,
    ) -> Result<()> {
        self.run(
            "insert into payloads (integration_id, at, source, body, error)
             values (?1, ?2, ?3, ?4, ?5)",
            (of, ms(self.now()), source, body, error),
        )?;
        self.run(
            "delete from payloads where integration_id = ?1 and (error is null) = ?2
             and id not in (select id from payloads where integration_id = ?1
                and (error is null) = ?2 order by id desc limit ?3)",
            (of, error.is_none(), KEPT),
        )
        .map(|_| ())
    }
}
