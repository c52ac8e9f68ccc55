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

/// A part of the log, in the order in which it is told.
#[derive(Clone, Copy, Debug)]
pub enum Stretch {
    /// From behind this row on, the oldest first.
    Upwards(Seq),
    /// Below the first of these rows and above the second, the newest first.
    Downwards(Seq, Seq),
}

impl Stretch {
    /// Rows that lie in between, and the order's word.
    const fn parts(self) -> (Seq, Seq, &'static str) {
        match self {
            Self::Upwards(after) => (after, Seq(i64::MAX), "asc"),
            Self::Downwards(before, after) => (after, before, "desc"),
        }
    }
}

impl Read<'_> {
    /// Rows of the stretch, and where to go on if there may be more.
    pub fn audit(
        &self,
        filter: &AuditFilter,
        stretch: Stretch,
        limit: u32,
    ) -> Result<(Vec<LogRow>, Option<Seq>)> {
        let (after, before, order) = stretch.parts();
        let rows = self.all(
            &format!(
                "select seq, team_id, incident_id, type, json, people from
                    (select * from events where seq > ?1 and seq < ?2
                     order by seq {order} limit ?3)
                 where (team_id is null or json_extract(json, '$.actor.kind') in ('user', 'host'))
                 and (?4 is null or json_extract(json, '$.actor.name') = ?4)
                 and (?5 is null or team_id = ?5 or json_extract(json, '$.about.team.id') = ?5)
                 order by seq {order} limit ?6"
            ),
            (after, before, LOOK_THROUGH, &filter.actor, filter.team, limit),
            log_row,
        )?;
        if rows.len() >= limit as usize {
            let last = rows.last().map(|row| row.seq);
            return Ok((rows, last));
        }
        // The last row that was looked through; none if that was the log's end.
        let next = self.one(
            &format!(
                "select seq from events where seq > ?1 and seq < ?2
                 order by seq {order} limit 1 offset ?3"
            ),
            (after, before, LOOK_THROUGH - 1),
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
