//! Between SQLite and Rust: the two handles that nouns hang on, ids, times and errors.
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use jiff::Timestamp;
use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode, OptionalExtension, Params, Row};

use super::memo::Memo;
use super::timers::Timer;
use crate::domain::{
    AlertId, ChannelId, ContactId, DeliveryId, FeedId, HeartbeatId, IncidentId, IntegrationId,
    OverrideId, PolicyId, ScheduleId, Seq, ServiceId, SessionId, SilenceId, TeamId, TokenId,
    UserId, WebhookId,
};
use crate::error::{Error, Kind, Result};

/// A consistent view, for reading.
pub struct Read<'c> {
    pub(super) conn: &'c Connection,
    /// The writer's: others see what was committed, which it may be ahead of.
    pub(super) memo: Option<&'c Memo>,
}

/// A transaction, for writing; reads its own writes.
pub struct Write<'c> {
    read: Read<'c>,
    now: Timestamp,
    pub(super) counters: &'c mut Counters,
    /// Timers that were set in this write and are due already; they have no rows.
    pub(super) due: RefCell<Vec<Timer>>,
    /// Parts may fail alone: each has a savepoint. That costs a copy of each page that it touches,
    /// so it is done only where one has failed before.
    careful: bool,
    /// A part failed that could not be taken back: the whole is to be run again, carefully.
    pub(super) spoilt: bool,
}

/// The last numbers given out, kept by the one writer so that a row can name itself. Saved with
/// each batch, so that no number comes again even if its row is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counters {
    pub seq: i64,
    pub incident: i64,
    pub alert: i64,
    /// The last incident event of the team that had the last one.
    pub last: Option<(TeamId, Seq)>,
}

impl Counters {
    pub(super) fn load(conn: &Connection) -> rusqlite::Result<Self> {
        let saved = conn
            .prepare_cached("select value from meta where name = 'counters'")?
            .query_row([], |row| json(row, 0))
            .optional()?;
        let (seq, incident, alert): (i64, i64, i64) = saved.unwrap_or_default();
        let highest = |sql: &str| -> rusqlite::Result<i64> {
            conn.query_row(sql, [], |row| Ok(row.get::<_, Option<i64>>(0)?.unwrap_or_default()))
        };
        Ok(Self {
            seq: seq.max(highest("select max(seq) from events")?),
            incident: incident.max(highest("select max(id) from incidents")?),
            alert: alert.max(highest("select max(id) from alerts")?),
            last: None,
        })
    }

    pub(super) fn save(&self, conn: &Connection) -> rusqlite::Result<()> {
        conn.prepare_cached(
            "insert into meta (name, value) values ('counters', ?1)
             on conflict (name) do update set value = excluded.value",
        )?
        .execute([format!("[{},{},{}]", self.seq, self.incident, self.alert)])
        .map(|_| ())
    }
}

impl<'c> Read<'c> {
    pub(super) const fn new(conn: &'c Connection) -> Self {
        Self { conn, memo: None }
    }

    pub(super) fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        map: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        self.conn
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row(params, map).optional())
            .map_err(failed)
    }

    pub(super) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        map: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        self.conn
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_map(params, map)?.collect())
            .map_err(failed)
    }
}

impl<'c> Write<'c> {
    pub(super) fn new(
        conn: &'c Connection,
        now: Timestamp,
        (counters, memo): (&'c mut Counters, &'c Memo),
        careful: bool,
    ) -> Self {
        let (read, due) = (Read { conn, memo: Some(memo) }, RefCell::default());
        Self { read, now, counters, due, careful, spoilt: false }
    }

    /// Does something that may fail alone, even by a panic: then nothing of it is done, and the
    /// rest stands.
    ///
    /// # Errors
    /// What `part` says.
    pub fn apart<T>(&mut self, part: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if !self.careful {
            let done = part(self);
            self.spoilt |= done.is_err();
            return done;
        }
        let before = (*self.counters, self.due.borrow().clone());
        self.run("savepoint part", [])?;
        let done = catch_unwind(AssertUnwindSafe(|| part(self)))
            .unwrap_or_else(|_| Err(Error::internal("a part of a write panicked")));
        if done.is_err() {
            self.run("rollback to part", [])?;
            let due;
            (*self.counters, due) = before;
            self.due.replace(due);
        }
        self.run("release part", [])?;
        done
    }

    /// Did a part fail that could not be taken back by itself? Then all is taken back and done anew.
    #[must_use]
    pub const fn is_spoilt(&self) -> bool {
        self.spoilt
    }

    /// The moment of this write.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Writes a row that means nothing, of the size of an incident with its event: finds out
    /// whether writing works, and whether there is room for more than a counter.
    ///
    /// # Errors
    /// `Unavailable` if it does not.
    pub fn touch(&self) -> Result<()> {
        self.run(
            "insert into meta (name, value) values ('touched', ?1 || ' ' || hex(zeroblob(8192)))
             on conflict (name) do update set value = excluded.value",
            [self.now.to_string()],
        )
        .map(|_| ())
    }

    pub(super) fn run(&self, sql: &str, params: impl Params) -> Result<usize> {
        self.execute(sql, params).map_err(failed)
    }

    pub(super) fn insert(&self, sql: &str, params: impl Params) -> Result<i64> {
        self.insert_into(sql, params).map_err(failed)
    }

    /// As `insert`, where the place may be taken.
    pub(super) fn insert_free(
        &self,
        sql: &str,
        params: impl Params,
        taken_by: impl FnOnce() -> Error,
    ) -> Result<i64> {
        taken(self.insert_into(sql, params), taken_by)
    }

    /// As `run`, where the place may be taken.
    pub(super) fn run_free(
        &self,
        sql: &str,
        params: impl Params,
        taken_by: impl FnOnce() -> Error,
    ) -> Result<()> {
        taken(self.execute(sql, params), taken_by).map(|_| ())
    }

    fn execute(&self, sql: &str, params: impl Params) -> rusqlite::Result<usize> {
        self.prepared(sql)?.execute(params)
    }

    fn insert_into(&self, sql: &str, params: impl Params) -> rusqlite::Result<i64> {
        self.prepared(sql)?.insert(params)
    }

    /// A statement that writes.
    pub(super) fn prepared(&self, sql: &str) -> rusqlite::Result<CachedStatement<'_>> {
        if let Some(memo) = self.memo {
            memo.written(sql);
        }
        self.conn.prepare_cached(sql)
    }
}

impl<'c> std::ops::Deref for Write<'c> {
    type Target = Read<'c>;
    fn deref(&self) -> &Read<'c> {
        &self.read
    }
}

/// What the disk or a deadline did is `Unavailable`; the rest is a fault of ours.
pub(super) fn failed(error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Error::unavailable("The disk is full."),
        Some(ErrorCode::OperationInterrupted) => Error::unavailable("The query took too long.")
            .hint("Narrow it: a team, a shorter time, a smaller limit."),
        Some(
            ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::PermissionDenied,
        ) => {
            tracing::error!(%error, "the database cannot be reached");
            Error::unavailable("The database cannot be reached.")
        }
        _ => Error::internal(error),
    }
}

/// `error` if it is another one than that a unique value is taken.
pub(super) fn taken<T>(result: rusqlite::Result<T>, what: impl FnOnce() -> Error) -> Result<T> {
    result.map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) => what(),
        _ => failed(error),
    })
}

pub(super) fn exists(kind: &str, name: &str) -> Error {
    Error::new(Kind::Refused, format!("A {kind} named `{name}` exists already.")).hint(match kind {
        "user" | "policy" | "schedule" => {
            format!("Choose another name; `incidentd {kind} show {name}` shows that one.")
        }
        _ => format!("Choose another name; `incidentd {kind} list` shows what there is."),
    })
}

pub(super) fn ms(at: Timestamp) -> i64 {
    at.as_millisecond()
}

pub(super) fn ms_or_null(at: Option<Timestamp>) -> Option<i64> {
    at.map(ms)
}

pub(super) fn time(row: &Row<'_>, index: usize) -> rusqlite::Result<Timestamp> {
    row.get(index).map(moment)
}

pub(super) fn time_or_null(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(index)?.map(moment))
}

fn moment(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(if ms < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// A time as the log's JSON has it.
pub(super) fn time_text(row: &Row<'_>, index: usize) -> rusqlite::Result<Timestamp> {
    let text = row.get_ref(index)?.as_str()?;
    text.parse().map_err(|error: jiff::Error| {
        rusqlite::Error::FromSqlConversionFailure(index, rusqlite::types::Type::Text, error.into())
    })
}

/// A JSON column that we wrote ourselves.
pub(super) fn json<T: serde::de::DeserializeOwned>(
    row: &Row<'_>,
    index: usize,
) -> rusqlite::Result<T> {
    let text = row.get_ref(index)?.as_str()?;
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(index, rusqlite::types::Type::Text, error.into())
    })
}

/// What most documents stay below: growing step by step costs as much as writing them.
const JSON_CAPACITY: usize = 2_048;

pub(super) fn to_json(value: &impl serde::Serialize) -> Result<String> {
    let mut json = Vec::with_capacity(JSON_CAPACITY);
    serde_json::to_writer(&mut json, value).map_err(Error::internal)?;
    String::from_utf8(json).map_err(Error::internal)
}

macro_rules! sql_ids {
    ($($id:ident)+) => {$(
        impl ToSql for $id {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.0.into())
            }
        }
        impl FromSql for $id {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                value.as_i64().map(Self)
            }
        }
    )+};
}
sql_ids!(
    AlertId ChannelId ContactId DeliveryId FeedId HeartbeatId IncidentId IntegrationId OverrideId
    PolicyId ScheduleId Seq ServiceId SessionId SilenceId TeamId TokenId UserId WebhookId
);
