//! What is old enough goes: whole incidents with all that hangs on them, and rows of the audit.
//! A few rows a write, so that nobody waits for it.
use jiff::Timestamp;

use super::sql::{Write, ms, time_text};
use crate::domain::{IncidentId, Seq, TimerKind};
use crate::error::Result;

impl Write<'_> {
    /// Deletes at most `limit` rows of incidents that were resolved before `before`, the oldest
    /// first; returns how many, and how many incidents are gone with them.
    pub fn retire_incidents(&self, before: Timestamp, limit: usize) -> Result<(usize, usize)> {
        let (mut rows, mut gone) = (0, 0);
        while rows < limit {
            let oldest = self.one(
                "select id from incidents where status = 2 and resolved_at < ?1
                 order by resolved_at limit 1",
                [ms(before)],
                |row| row.get(0),
            )?;
            let Some(id) = oldest else { break };
            rows += self.retire_events(id, limit - rows)?;
            rows += self.run(
                "delete from alerts where id in
                    (select id from alerts where incident_id = ?1 limit ?2)",
                (id, limit.saturating_sub(rows)),
            )?;
            if rows < limit {
                self.retire_rest(id)?;
                (rows, gone) = (rows + 1, gone + 1);
            }
        }
        Ok((rows, gone))
    }

    fn retire_events(&self, id: IncidentId, limit: usize) -> Result<usize> {
        let last: Option<Seq> = self
            .one(
                "select max(seq) from
                    (select seq from events where incident_id = ?1 order by seq limit ?2)",
                (id, limit),
                |row| row.get(0),
            )?
            .flatten();
        let Some(last) = last else { return Ok(0) };
        self.raise_floor(last)?;
        self.run("delete from events where incident_id = ?1 and seq <= ?2", (id, last))
    }

    /// The incident itself, and what is never many.
    fn retire_rest(&self, id: IncidentId) -> Result<()> {
        for kind in TimerKind::ALL.into_iter().filter(|kind| kind.is_of_incident()) {
            self.clear_timer(kind, id.0)?;
        }
        self.run("delete from incident_people where incident_id = ?1", [id])?;
        self.run(
            "update integrations set silent_incident_id = null where silent_incident_id = ?1",
            [id],
        )?;
        self.run("delete from incidents where id = ?1", [id]).map(|_| ())
    }

    /// Deletes at most `limit` of the oldest rows about access and configuration, as far as they
    /// were logged before `before`; returns how many.
    pub fn retire_records(&self, before: Timestamp, limit: usize) -> Result<usize> {
        let oldest = self.all(
            "select seq, json_extract(json, '$.at') from events
             where team_id is null order by seq limit ?1",
            [limit],
            |row| Ok((row.get::<_, Seq>(0)?, time_text(row, 1)?)),
        )?;
        let old = oldest.into_iter().take_while(|(_, at)| *at < before).last();
        let Some((last, _)) = old else { return Ok(0) };
        self.raise_floor(last)?;
        self.run("delete from events where team_id is null and seq <= ?1", [last])
    }

    /// Deletes at most `limit` messages that concerned no incident and ended before `before`.
    pub fn retire_notices(&self, before: Timestamp, limit: usize) -> Result<usize> {
        self.run(
            "delete from deliveries where id in (select id from deliveries
                where incident_id is null and state <> 'queued' and ended_at < ?1 limit ?2)",
            (ms(before), limit),
        )
    }

    /// Deletes at most `limit` credentials of each kind that ended before `before`.
    pub fn retire_credentials(&self, before: Timestamp, limit: usize) -> Result<usize> {
        let mut rows = 0;
        for sql in [
            "delete from sessions where id in
                (select id from sessions where min(expires_at, ifnull(ended_at, expires_at)) < ?1
                 limit ?2)",
            "delete from tokens where id in
                (select id from tokens where ended_at < ?1 limit ?2)",
            "delete from silences where id in
                (select id from silences where ifnull(ended_at, ends_at) < ?1 limit ?2)",
            "delete from links where id in
                (select id from links where expires_at < ?1 limit ?2)",
        ] {
            rows += self.run(sql, (ms(before), limit))?;
        }
        Ok(rows)
    }
}
