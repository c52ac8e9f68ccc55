//! The only SQL: one SQLite file, one writing thread, a pool of readers. Knows rows, no rules.
//! Operations are closures over nouns (`Read`, `Write`); each is one transaction.
mod alerts;
mod applied;
mod audit;
mod backlog;
mod backup;
mod channels;
mod contacts;
mod deliveries;
mod events;
mod feeds;
mod heartbeats;
mod idempotency;
mod incidents;
mod integrations;
mod links;
mod lists;
mod memo;
mod meta;
mod migrate;
mod payloads;
mod policies;
mod retention;
mod schedules;
mod services;
mod sessions;
mod silences;
mod sql;
mod teams;
mod timers;
mod tokens;
mod users;
mod webhooks;
mod writer;

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::watch;

use crate::domain::Seq;
use crate::error::{Error, Result};

pub use alerts::{Ending, NewMember};
pub use applied::{Applied, Part};
pub use audit::{AuditFilter, Stretch};
pub use backlog::{Backlog, Interest};
pub use backup::{Restored, Summary, check as check_backup, restore};
pub use channels::ChannelRow;
pub use contacts::Contact;
pub use deliveries::Group;
pub use events::LogRow;
pub use feeds::FeedRow;
pub use heartbeats::HeartbeatRow;
pub use idempotency::Idempotency;
pub use incidents::{NewIncident, Open, cursor_after, order_of_need};
pub use integrations::{IncidentSource, IntegrationRow};
pub use links::Link;
pub use lists::{Concern, Filter, Sort};
pub use migrate::{is_marked, newest as newest_schema, schema};
pub use payloads::PayloadRow;
pub use policies::PolicyRow;
pub use schedules::ScheduleRow;
pub use sessions::{NewSession, SessionRow};
pub use silences::Firing;
pub use sql::{Read, Write};
pub use teams::{Member as TeamMember, OWN_TEAM, Team};
pub use timers::Timer;
pub use tokens::{Credential, NewToken, TokenRow};
pub use users::User;
pub use webhooks::WebhookRow;
pub use writer::Figures;

/// Reading connections; more would only queue on two cores.
const READERS: u32 = 8;
/// A read that takes longer is given up.
const READ_DEADLINE: Duration = Duration::from_secs(5);
/// The database's name in the data directory.
const DATABASE: &str = "incidentd.db";
/// SQLite below this has a WAL bug that a pool can hit.
pub const SQLITE_MIN: i32 = 3_051_003;

/// The database of one data directory, held alone as long as it is open.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    path: PathBuf,
    readers: r2d2::Pool<r2d2_sqlite::SqliteConnectionManager>,
    writer: writer::Writer,
    /// Held until the last clone is gone.
    _lock: File,
}

impl Store {
    /// Opens (and on first use makes) the database in `dir`, alone.
    ///
    /// # Errors
    /// Says what stands in the way: another server, rights, a newer schema, a foreign file.
    pub fn open(dir: &Path) -> Result<Self> {
        Self::open_if_free(dir)?.ok_or_else(|| in_use(dir))
    }

    /// The same; none while somebody else holds `dir`.
    ///
    /// # Errors
    /// As `open`.
    pub fn open_if_free(dir: &Path) -> Result<Option<Self>> {
        let path = dir.join(DATABASE);
        let name = path.display().to_string();
        // Before the lock too: what is not ours gets no file beside it.
        migrate::refuse_foreign(&path, &name)?;
        make_folder(dir)?;
        let Some(lock) = try_lock(dir)? else { return Ok(None) };
        migrate::refuse_foreign(&path, &name)?;
        backup::discard_unfinished(dir);
        private_file(&path)?;
        keep_private(&path)?;
        migrate::migrate(&path)?;
        let manager = r2d2_sqlite::SqliteConnectionManager::file(&path)
            .with_flags(OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .with_init(|conn| {
                harden(conn)?;
                conn.execute_batch(
                    "pragma query_only = on; pragma mmap_size = 268435456; pragma cache_size = -8000",
                )
            });
        let readers = r2d2::Pool::builder()
            .max_size(READERS)
            .min_idle(Some(1))
            .connection_timeout(READ_DEADLINE)
            // A file cannot hang up between two reads.
            .test_on_check_out(false)
            .build(manager)
            .map_err(Error::internal)?;
        let writer = writer::Writer::start(&path)?;
        Ok(Some(Self(Arc::new(Inner { path, readers, writer, _lock: lock }))))
    }

    /// Reads in one transaction, off the async threads.
    ///
    /// # Errors
    /// Those of `read`; `Unavailable` when it takes too long.
    pub async fn read<T, F>(&self, read: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Read<'_>) -> Result<T> + Send + 'static,
    {
        let store = self.clone();
        tokio::task::spawn_blocking(move || store.read_now(read)).await.map_err(Error::internal)?
    }

    fn read_now<T>(&self, read: impl FnOnce(&Read<'_>) -> Result<T>) -> Result<T> {
        let mut conn =
            self.0.readers.get().map_err(|_| Error::unavailable("Too many reads at once."))?;
        let deadline = Instant::now() + READ_DEADLINE;
        conn.progress_handler(10_000, Some(move || Instant::now() > deadline))
            .map_err(sql::failed)?;
        let transaction = conn.transaction().map_err(sql::failed)?;
        read(&Read::new(&transaction))
    }

    /// Writes in one transaction; answered after the commit is on disk. `write` may run twice
    /// and has no effect but through its argument.
    ///
    /// # Errors
    /// Those of `write`; `Unavailable` when the queue is full or the disk fails.
    pub async fn write<T, F>(&self, now: Timestamp, write: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Write<'_>) -> Result<T> + Send + 'static,
    {
        self.0.writer.submit(now, write).await
    }

    /// The newest committed seq.
    #[must_use]
    pub fn head(&self) -> watch::Receiver<Seq> {
        self.0.writer.head()
    }

    /// Rows of the log after `seq`, at most `limit`, in order.
    ///
    /// # Errors
    /// `Unavailable` when it takes too long.
    pub async fn events_after(&self, seq: Seq, limit: u32) -> Result<Vec<LogRow>> {
        self.read(move |r| r.events_after(seq, limit)).await
    }

    /// What the writer has done so far.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.0.writer.figures()
    }

    /// Bytes of the database file and of its write-ahead log.
    #[must_use]
    pub fn sizes(&self) -> (u64, u64) {
        let size = |path: &Path| fs::metadata(path).map_or(0, |meta| meta.len());
        (size(&self.0.path), size(&self.0.path.with_extension("db-wal")))
    }

    /// Bytes that the disk below the database has left for us, and in all.
    #[must_use]
    pub fn disk(&self) -> (u64, u64) {
        rustix::fs::statvfs(&self.0.path)
            .map_or((0, 0), |disk| (disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize))
    }

    /// What is damaged in the database; none if it is too large to be looked through in time.
    /// Takes a while: not for async threads.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be read at all.
    pub fn quick_check(&self) -> Result<Option<Vec<String>>> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(&self.0.path, flags).map_err(sql::failed)?;
        harden(&conn).map_err(sql::failed)?;
        let deadline = Instant::now() + READ_DEADLINE;
        conn.progress_handler(10_000, Some(move || Instant::now() > deadline))
            .map_err(sql::failed)?;
        let found = conn
            .prepare("pragma quick_check(5)")
            .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect());
        match found {
            Ok(found) => {
                let found: Vec<String> = found;
                Ok(Some(found.into_iter().filter(|line| line != "ok").collect()))
            }
            Err(error) if is_interrupted(&error) => Ok(None),
            Err(error) => Ok(Some(vec![error.to_string()])),
        }
    }
}

fn is_interrupted(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted)
}

/// What every connection sets: a tampered file must not run code.
fn harden(conn: &Connection) -> rusqlite::Result<()> {
    use rusqlite::config::DbConfig;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // A plan follows from the text alone: else binding a value prepares some statements anew.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.set_prepared_statement_cache_capacity(256);
    conn.busy_timeout(Duration::from_secs(5))?;
    lists::teach_matchers(conn)?;
    conn.execute_batch("pragma foreign_keys = on; pragma cell_size_check = on")
}

fn open_for_writing(path: &Path) -> Result<Connection> {
    let conn = Connection::open(path).map_err(sql::failed)?;
    harden(&conn).map_err(sql::failed)?;
    conn.execute_batch(
        "pragma journal_mode = wal; pragma synchronous = full; pragma wal_autocheckpoint = 16000; \
         pragma journal_size_limit = 67108864; pragma cache_size = -64000; pragma temp_store = memory",
    )
    .map_err(sql::failed)?;
    Ok(conn)
}

fn folder_error(dir: &Path, error: &std::io::Error) -> Error {
    Error::unavailable(format!("{} cannot be used: {error}.", dir.display()))
        .hint("Choose a folder that this user may write with --data-dir.")
}

fn make_folder(dir: &Path) -> Result<()> {
    let there = dir.is_dir();
    if !there {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(|error| folder_error(dir, &error))?;
    }
    Ok(())
}

fn private_file(path: &Path) -> Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| folder_error(path, &error))
}

/// A database that was copied here by hand may be open to others: it no longer is.
fn keep_private(path: &Path) -> Result<()> {
    for tail in ["", "-wal", "-shm"] {
        let file = backup::beside(path, tail);
        let open = |meta: &fs::Metadata| meta.permissions().mode() & 0o077 != 0;
        if fs::metadata(&file).is_ok_and(|meta| open(&meta)) {
            tracing::warn!(file = %file.display(), "others could read it; now its owner alone can");
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600))
                .map_err(|error| folder_error(&file, &error))?;
        }
    }
    Ok(())
}

fn lock(dir: &Path) -> Result<File> {
    try_lock(dir)?.ok_or_else(|| in_use(dir))
}

/// None while somebody else has it.
fn try_lock(dir: &Path) -> Result<Option<File>> {
    let file = private_file(&dir.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => Err(folder_error(dir, &error)),
    }
}

fn in_use(dir: &Path) -> Error {
    Error::refused(format!("{} is in use by another incidentd.", dir.display()))
        .hint("Stop that one first, or choose another folder with --data-dir.")
}
