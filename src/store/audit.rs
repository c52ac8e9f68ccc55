//! The audit: the log's rows of what people did, and of access and configuration.
use jiff::Timestamp;

use super::events::{LogRow, log_row};
use super::sql::{Read, Write, time_text};
use crate::domain::{Seq, TeamId};
use crate::error::Result;

/// Rows of the log that one page looks through at most; the next goes on from there.
const LOOK_THROUGH: u32 = 10_000;
/// Under this name stands when a backup was last taken.
const BACKUP: &str = "backup";

/// What to list; nothing given means all.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// A person's username, `host` or `incidentd`.
    pub actor: Option<String>,
    pub team: Option<TeamId>,
}

impl Read<'_> {
    /// Rows after `after`, oldest first, and where to go on if there may be more.
    pub fn audit(
        &self,
        filter: &AuditFilter,
        after: Seq,
        limit: u32,
    ) -> Result<(Vec<LogRow>, Option<Seq>)> {
        let rows = self.all(
            "select seq, team_id, incident_id, type, json, people from
                (select * from events where seq > ?1 order by seq limit ?2)
             where (team_id is null or json_extract(json, '$.actor.kind') in ('user', 'host'))
             and (?3 is null or json_extract(json, '$.actor.name') = ?3)
             and (?4 is null or team_id = ?4 or json_extract(json, '$.about.team.id') = ?4)
             order by seq limit ?5",
            (after, LOOK_THROUGH, &filter.actor, filter.team, limit),
            log_row,
        )?;
        if rows.len() >= limit as usize {
            let last = rows.last().map(|row| row.seq);
            return Ok((rows, last));
        }
        // The last row that was looked through; none if that was the log's end.
        let next = self.one(
            "select seq from events where seq > ?1 order by seq limit 1 offset ?2",
            (after, LOOK_THROUGH - 1),
            |row| row.get(0),
        )?;
        Ok((rows, next))
    }

    /// When a backup was last taken.
    pub fn last_backup(&self) -> Result<Option<Timestamp>> {
        Ok(self.find_meta(BACKUP)?.and_then(|at| at.parse().ok()))
    }

    /// All up to this seq was logged before `at`: found by halving, since the log is in the order
    /// of time but for steps of the wall clock.
    pub fn seq_before(&self, at: Timestamp) -> Result<Seq> {
        let (mut low, mut high) = (0, self.head()?.0);
        while low < high {
            let middle = low + (high - low) / 2;
            let next = self.one(
                "select seq, json_extract(json, '$.at') from events
                 where seq > ?1 order by seq limit 1",
                [middle],
                |row| Ok((row.get::<_, i64>(0)?, time_text(row, 1)?)),
            )?;
            match next {
                Some((seq, logged)) if logged < at => low = seq,
                _ => high = middle,
            }
        }
        Ok(Seq(low))
    }
}

impl Write<'_> {
    /// A backup was taken.
    pub fn note_backup(&self) -> Result<()> {
        self.set_meta(BACKUP, &self.now().to_string())
    }
}
