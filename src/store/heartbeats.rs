//! Heartbeats: inbound keys, stored hashed, and when each was heard. When it is missing is a timer.
use jiff::Timestamp;
use rusqlite::Row;

use super::incidents::team_ref;
use super::sql::{Read, Write, json, ms, taken, time, time_or_null, to_json};
use crate::domain::heartbeat::AFTER_START;
use crate::domain::{Heartbeat, HeartbeatId, Service, ServiceId, Span, TimerKind};
use crate::error::{Error, Result};

/// A heartbeat as listed.
#[derive(Clone, Debug)]
pub struct HeartbeatRow {
    pub heartbeat: Heartbeat,
    pub key_hash: [u8; 32],
    /// When it will be missing.
    pub due_at: Option<Timestamp>,
}

const HEARTBEAT: &str = "select h.id, h.slug, h.every_secs, h.grace_secs, h.alert, h.last_at,
        h.failed_at, h.missing_at, h.created_at, h.key_hash,
        (select due_at from timers where kind = 'heartbeat' and subject = h.id),
        s.id, s.slug, s.name, s.rules, t.id, t.slug, t.name, s.archived_at is not null
     from heartbeats h join services s on s.id = h.service_id join teams t on t.id = s.team_id";

fn heartbeat(row: &Row<'_>) -> rusqlite::Result<HeartbeatRow> {
    let heartbeat = Heartbeat {
        id: row.get(0)?,
        slug: row.get(1)?,
        every: Span::secs(row.get(2)?),
        grace: Span::secs(row.get(3)?),
        alert: match row.get_ref(4)?.as_str_or_null()? {
            Some(_) => json(row, 4)?,
            None => Vec::new(),
        },
        last_at: time_or_null(row, 5)?,
        failed_at: time_or_null(row, 6)?,
        missing_at: time_or_null(row, 7)?,
        created_at: time(row, 8)?,
        service: Service {
            id: row.get(11)?,
            slug: row.get(12)?,
            name: row.get(13)?,
            rules: json(row, 14)?,
            team: team_ref(row, 15)?,
            archived: row.get(18)?,
        },
    };
    Ok(HeartbeatRow { heartbeat, key_hash: row.get(9)?, due_at: time_or_null(row, 10)? })
}

fn fed(alert: &[String]) -> Result<Option<String>> {
    (!alert.is_empty()).then(|| to_json(&alert)).transpose()
}

fn is_taken(slug: &str) -> impl FnOnce() -> Error {
    move || {
        Error::refused(format!("A heartbeat named `{slug}`, or one with this key, exists already."))
            .hint("Choose another name or key; `incidentd heartbeat list` shows yours.")
    }
}

impl Read<'_> {
    /// The keys of an archived service are dead.
    pub fn find_heartbeat_by_key(&self, key_hash: &[u8; 32]) -> Result<Option<Heartbeat>> {
        let sql = format!("{HEARTBEAT} where h.key_hash = ?1 and s.archived_at is null");
        self.one(&sql, [key_hash.as_slice()], |row| heartbeat(row).map(|row| row.heartbeat))
    }

    pub fn find_heartbeat_by_id(&self, id: HeartbeatId) -> Result<Option<Heartbeat>> {
        let sql = format!("{HEARTBEAT} where h.id = ?1");
        self.one(&sql, [id], |row| heartbeat(row).map(|row| row.heartbeat))
    }

    /// By slug or by id.
    pub fn find_heartbeat(&self, name: &str) -> Result<Option<HeartbeatRow>> {
        let id = name.parse::<HeartbeatId>().ok();
        self.one(&format!("{HEARTBEAT} where h.slug = ?1 or h.id = ?2"), (name, id), heartbeat)
    }

    /// Those of services that are not archived.
    pub fn heartbeats(&self) -> Result<Vec<HeartbeatRow>> {
        let sql = format!("{HEARTBEAT} where s.archived_at is null order by h.slug");
        self.all(&sql, [], heartbeat)
    }

    /// Those of a service that wait for one of its alerts.
    pub fn fed_heartbeats(&self, service: ServiceId) -> Result<Vec<Heartbeat>> {
        self.kept("fed heartbeats", [service.0, 0, 0, 0], || {
            let sql = format!("{HEARTBEAT} where h.service_id = ?1 and h.alert is not null");
            self.all(&sql, [service], |row| heartbeat(row).map(|row| row.heartbeat))
        })
    }
}

impl Write<'_> {
    pub fn insert_heartbeat(
        &self,
        service: ServiceId,
        slug: &str,
        (every, grace): (Span, Span),
        alert: &[String],
        key_hash: &[u8; 32],
    ) -> Result<HeartbeatId> {
        let fed = fed(alert)?;
        let inserted = self
            .prepared(
                "insert into heartbeats (service_id, slug, key_hash, every_secs, grace_secs, alert,
                    created_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )
            .and_then(|mut statement| {
                statement.insert((
                    service,
                    slug,
                    key_hash.as_slice(),
                    every.as_secs(),
                    grace.as_secs(),
                    fed,
                    ms(self.now()),
                ))
            });
        taken(inserted, is_taken(slug)).map(HeartbeatId)
    }

    /// Slug, period, grace and matchers.
    pub fn update_heartbeat(&self, new: &Heartbeat) -> Result<()> {
        let fed = fed(&new.alert)?;
        let updated = self
            .prepared(
                "update heartbeats set slug = ?2, every_secs = ?3, grace_secs = ?4, alert = ?5
                 where id = ?1",
            )
            .and_then(|mut statement| {
                let (every, grace) = (new.every.as_secs(), new.grace.as_secs());
                statement.execute((new.id, &new.slug, every, grace, fed))
            });
        taken(updated, is_taken(&new.slug)).map(|_| ())
    }

    pub fn update_heartbeat_key(&self, id: HeartbeatId, key_hash: &[u8; 32]) -> Result<()> {
        let updated = self
            .prepared("update heartbeats set key_hash = ?2 where id = ?1")
            .and_then(|mut statement| statement.execute((id, key_hash.as_slice())));
        let other = || Error::refused("This key belongs to another.").hint("Choose another key.");
        taken(updated, other).map(|_| ())
    }

    /// Its timer goes too; what it opened stays.
    pub fn delete_heartbeat(&self, id: HeartbeatId) -> Result<()> {
        self.clear_timer(TimerKind::Heartbeat, id.0)?;
        self.run("delete from heartbeats where id = ?1", [id]).map(|_| ())
    }

    /// It was heard: all is well, or it says that it failed.
    pub fn heard_heartbeat(&self, of: &Heartbeat, failed: bool) -> Result<()> {
        self.run(
            "update heartbeats set last_at = ?2, missing_at = null,
                failed_at = case when ?3 then coalesce(failed_at, ?2) end where id = ?1",
            (of.id, ms(self.now()), failed),
        )?;
        self.set_timer(TimerKind::Heartbeat, of.id.0, of.due(self.now()))
    }

    pub fn miss_heartbeat(&self, id: HeartbeatId) -> Result<()> {
        self.run("update heartbeats set missing_at = ?2 where id = ?1", (id, ms(self.now())))
            .map(|_| ())
    }

    /// Nobody could reach us until now: each gets the time for one more beat, and its grace.
    pub fn grant_heartbeats(&self) -> Result<usize> {
        let most = i64::try_from(AFTER_START.as_secs()).unwrap_or(i64::MAX);
        self.run(
            "update timers set due_at = max(due_at, ?1 + 1000 * (
                select min(every_secs, ?2) + grace_secs from heartbeats where id = subject))
             where kind = 'heartbeat' and exists (select 1 from heartbeats where id = subject)",
            (ms(self.now()), most),
        )
    }
}
