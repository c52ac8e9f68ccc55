//! Schedules, and the spans in which somebody stands in. What follows from them is the domain's.
use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::Row;

use super::incidents::team_ref;
use super::sql::{Read, Write, exists, json, ms, time, to_json};
use crate::domain::schedule::{Override, Rotation};
use crate::domain::user::TeamRef;
use crate::domain::{OverrideId, ScheduleId, TeamId, UserId};
use crate::error::{Error, Result};

/// A schedule as it was set, without those who stand in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleRow {
    pub id: ScheduleId,
    pub slug: String,
    pub team: TeamRef,
    pub time_zone: String,
    pub rotations: Vec<Rotation>,
}

const SCHEDULE: &str = "select s.id, s.slug, s.time_zone, s.rotations, t.id, t.slug, t.name
     from schedules s join teams t on t.id = s.team_id";

fn schedule(row: &Row<'_>) -> rusqlite::Result<ScheduleRow> {
    Ok(ScheduleRow {
        id: row.get(0)?,
        slug: row.get(1)?,
        time_zone: row.get(2)?,
        rotations: json(row, 3)?,
        team: team_ref(row, 4)?,
    })
}

const OVERRIDE: &str = "select id, made, start_at, end_at, user_id, replacing from overrides";

fn stand_in(row: &Row<'_>) -> rusqlite::Result<Override> {
    Ok(Override {
        id: row.get(0)?,
        made: row.get(1)?,
        start: time(row, 2)?,
        end: time(row, 3)?,
        user: row.get(4)?,
        replacing: row.get(5)?,
    })
}

impl Read<'_> {
    /// A schedule by slug or by id.
    pub fn find_schedule(&self, name: &str) -> Result<Option<ScheduleRow>> {
        let id = name.parse::<ScheduleId>().ok();
        self.one(&format!("{SCHEDULE} where s.slug = ?1 or s.id = ?2"), (name, id), schedule)
    }

    /// # Errors
    /// `NotFound` if there is none.
    pub fn schedule(&self, name: &str) -> Result<ScheduleRow> {
        self.find_schedule(name)?.ok_or_else(|| Error::not_found(format_args!("Schedule `{name}`")))
    }

    pub fn schedules(&self) -> Result<Vec<ScheduleRow>> {
        self.all(&format!("{SCHEDULE} order by s.slug"), [], schedule)
    }

    /// Those of a schedule that reach into a span, by their start.
    pub fn overrides(
        &self,
        of: ScheduleId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Override>> {
        self.all(
            &format!(
                "{OVERRIDE} where schedule_id = ?1 and end_at > ?2 and start_at < ?3
                 order by start_at, id"
            ),
            (of, ms(from), ms(to)),
            stand_in,
        )
    }

    pub fn find_override(&self, of: ScheduleId, id: OverrideId) -> Result<Option<Override>> {
        self.one(&format!("{OVERRIDE} where schedule_id = ?1 and id = ?2"), (of, id), stand_in)
    }

    /// People who are on call nowhere.
    pub fn disabled_users(&self) -> Result<BTreeSet<UserId>> {
        let users =
            self.all("select id from users where disabled_at is not null", [], |row| row.get(0))?;
        Ok(users.into_iter().collect())
    }
}

impl Write<'_> {
    pub fn insert_schedule(
        &self,
        team: TeamId,
        slug: &str,
        time_zone: &str,
        rotations: &[Rotation],
    ) -> Result<ScheduleId> {
        let rotations = to_json(&rotations)?;
        self.insert_free(
            "insert into schedules (team_id, slug, time_zone, rotations, created_at)
                 values (?1, ?2, ?3, ?4, ?5)",
            (team, slug, time_zone, rotations, ms(self.now())),
            || exists("schedule", slug),
        )
        .map(ScheduleId)
    }

    /// Sets all of a schedule.
    pub fn update_schedule(&self, schedule: &ScheduleRow) -> Result<()> {
        let ScheduleRow { id, slug, time_zone, rotations, .. } = schedule;
        let rotations = to_json(rotations)?;
        self.run_free(
            "update schedules set slug = ?2, time_zone = ?3, rotations = ?4 where id = ?1",
            (id, slug, time_zone, rotations),
            || exists("schedule", slug),
        )
    }

    /// With all who ever stood in.
    pub fn delete_schedule(&self, id: ScheduleId) -> Result<()> {
        self.run("delete from schedules where id = ?1", [id]).map(|_| ())
    }

    /// Its own id is given to it.
    pub fn insert_override(&self, of: ScheduleId, new: &Override) -> Result<OverrideId> {
        self.insert(
            "insert into overrides (schedule_id, made, start_at, end_at, user_id, replacing)
             values (?1, ?2, ?3, ?4, ?5, ?6)",
            (of, new.made, ms(new.start), ms(new.end), new.user, new.replacing),
        )
        .map(OverrideId)
    }

    /// What was, stays: one that began ends now, one to come never was.
    pub fn end_override(&self, id: OverrideId) -> Result<()> {
        let now = ms(self.now());
        self.run("delete from overrides where id = ?1 and start_at >= ?2", (id, now))?;
        self.run("update overrides set end_at = ?2 where id = ?1 and end_at > ?2", (id, now))
            .map(|_| ())
    }
}
