//! Copies of the database: taken in one read while others write, checked before they are trusted,
//! put in the database's place under the folder's lock. At every moment the place holds either the
//! old database or the new one, whole.
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::memo::Memo;
use super::sql::{Counters, Write, failed};
use super::{DATABASE, Store, folder_error, harden, migrate, open_for_writing, private_file};
use crate::domain::event::Record;
use crate::domain::{Actor, Seq};
use crate::error::{Error, Kind, Result};

/// Far above every number that the database which was lost may have given out since the backup.
const SEQ_GAP: i64 = 1_000_000_000;
/// Incidents' numbers are said aloud: they go on from the next whole ten thousand.
const INCIDENT_GAP: i64 = 10_000;
/// A copy leaves at least this much of the disk to those who write.
const LEAVE_FREE: u64 = 64 * 1024 * 1024;
/// Names in the data directory, of what is not finished.
const COPYING: &str = "incidentd.db.copying";
const RESTORING: &str = "incidentd.db.restoring";

/// What a copy holds.
#[derive(Clone, Debug)]
pub struct Summary {
    pub bytes: u64,
    /// Its newest seq, and when that was logged.
    pub seq: Seq,
    pub as_of: Option<String>,
}

/// What a restore has done.
#[derive(Clone, Debug)]
pub struct Restored {
    pub backup: Summary,
    /// The log goes on after this; older cursors are answered by a snapshot.
    pub floor: Seq,
    /// Numbers of new incidents are above this.
    pub incidents_above: i64,
    /// Where the database that was found is now.
    pub aside: Option<PathBuf>,
    /// It could not be read: the numbers that it gave out since the backup are not known.
    pub unreadable: bool,
}

impl Store {
    /// A copy of everything as of now, in a file without a name: it goes when it is closed.
    ///
    /// # Errors
    /// `Unavailable` where the disk has no room for it.
    pub fn copy(&self) -> Result<File> {
        let path = &self.0.path;
        let (database, wal) = self.sizes();
        let (needed, free) = (database + wal + LEAVE_FREE, self.disk().0);
        if free < needed {
            let mib = |bytes: u64| bytes.div_ceil(1024 * 1024);
            return Err(Error::unavailable(format!(
                "A backup needs {} MiB free beside the database; {} MiB are.",
                mib(needed),
                mib(free)
            ))
            .hint("Free some space there, then try again."));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let from = Connection::open_with_flags(path, flags).map_err(failed)?;
        harden(&from).map_err(failed)?;
        let to = path.with_file_name(COPYING);
        let made = copy(&from, &to)
            .and_then(|()| File::open(&to).map_err(|error| folder_error(&to, &error)));
        discard(&to);
        made
    }
}

/// Writes what `from` holds now into a new file that needs no log beside it.
fn copy(from: &Connection, to: &Path) -> Result<()> {
    discard(to);
    private_file(to)?;
    let copied = || -> rusqlite::Result<(StepResult, String)> {
        let mut copy = Connection::open(to)?;
        harden(&copy)?;
        // Whoever keeps it syncs it, once.
        copy.execute_batch("pragma synchronous = off")?;
        let step = Backup::new(from, &mut copy)?.step(-1)?;
        copy.execute_batch("pragma journal_mode = delete")?;
        let found = copy.query_row("pragma quick_check(1)", [], |row| row.get(0))?;
        Ok((step, found))
    };
    let (step, found) = copied().map_err(failed)?;
    if step != StepResult::Done {
        return Err(Error::unavailable("The database is busy."));
    }
    if found != "ok" {
        return Err(Error::internal(format!("the copy is damaged: {found}")));
    }
    Ok(())
}

/// Keeps a copy of what a migration is about to change, and no older one.
pub(super) fn keep_before_migration(from: &Connection, path: &Path, schema: u32) -> Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let kept = format!("{DATABASE}.before-");
    let (part, whole) = (path.with_file_name(COPYING), dir.join(format!("{kept}{schema}")));
    copy(from, &part)?;
    let named = || -> io::Result<()> {
        File::open(&part)?.sync_all()?;
        fs::rename(&part, &whole)?;
        File::open(dir)?.sync_all()?;
        for entry in fs::read_dir(dir)? {
            let other = entry?.path();
            let name = other.file_name().unwrap_or_default().to_string_lossy();
            if other != whole && name.starts_with(&kept) {
                fs::remove_file(&other)?;
            }
        }
        Ok(())
    };
    named().map_err(|error| folder_error(&whole, &error))
}

/// Takes away what a copy or restore left that did not end.
pub(super) fn discard_unfinished(dir: &Path) {
    for name in [COPYING, RESTORING] {
        discard(&dir.join(name));
    }
}

/// Removes a database file with what SQLite puts beside it.
fn discard(path: &Path) {
    for tail in ["", "-journal", "-wal", "-shm"] {
        // Most are not there; what cannot be removed is met again by whoever makes it anew.
        let _ = fs::remove_file(beside(path, tail));
    }
}

pub(super) fn beside(path: &Path, tail: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(tail);
    name.into()
}

fn unfit(name: &str, why: impl std::fmt::Display) -> Error {
    Error::new(Kind::Refused, format!("{name} {why}."))
        .hint("Nothing was changed. Choose another backup, or make a new one: incidentd backup.")
}

/// Is the file at `path`, called `name`, a backup that this version can use: ours, not newer,
/// whole, and with nothing in its schema that we did not put there?
///
/// # Errors
/// `Refused`, saying why not.
pub fn check(path: &Path, name: &str) -> Result<Summary> {
    let size = fs::metadata(path).map_err(|error| folder_error(path, &error))?.len();
    if size == 0 {
        return Err(unfit(name, "is empty"));
    }
    migrate::refuse_foreign(path, name)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let damaged = |error: rusqlite::Error| unfit(name, format_args!("is damaged: {error}"));
    let conn = Connection::open_with_flags(path, flags).map_err(damaged)?;
    harden(&conn).map_err(damaged)?;
    if !migrate::is_ours(&conn).map_err(damaged)? {
        return Err(unfit(name, "is not a database of incidentd"));
    }
    let found: String =
        conn.query_row("pragma integrity_check(1)", [], |row| row.get(0)).map_err(damaged)?;
    if found != "ok" {
        return Err(unfit(name, format_args!("is damaged: {found}")));
    }
    if let Some(table) = migrate::broken_reference(&conn).map_err(damaged)? {
        return Err(unfit(name, format_args!("is damaged: a row of {table} refers to nothing")));
    }
    if !migrate::has_our_schema(&conn).map_err(damaged)? {
        return Err(unfit(name, "has tables, indexes or triggers that incidentd did not make"));
    }
    // Everybody reads the log: one row that is none would stop them all.
    let unreadable: Option<i64> = conn
        .query_row("select seq from events where not json_valid(json) limit 1", [], |row| {
            row.get(0)
        })
        .optional()
        .map_err(damaged)?;
    if let Some(seq) = unreadable {
        return Err(unfit(name, format_args!("is damaged: event {seq} cannot be read")));
    }
    let newest = conn
        .query_row(
            "select seq, json_extract(json, '$.at') from events order by seq desc limit 1",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()
        .map_err(damaged)?;
    let (seq, as_of) = newest.unwrap_or_default();
    Ok(Summary { bytes: size, seq, as_of })
}

/// Puts the backup read from `source`, called `name`, in the place of the database in `dir`.
/// With `replace` a database that is there moves aside.
///
/// # Errors
/// `Refused` for a folder in use, a database that is there, or a file that is no good backup:
/// then all is as it was.
pub fn restore(
    dir: &Path,
    source: &mut dyn io::Read,
    name: &str,
    replace: bool,
    now: Timestamp,
) -> Result<Restored> {
    super::make_folder(dir)?;
    let _lock = super::lock(dir)?;
    let (path, new) = (dir.join(DATABASE), dir.join(RESTORING));
    let there = fs::metadata(&path).is_ok_and(|meta| meta.len() > 0);
    if there && !replace {
        return Err(Error::refused(format!("{} is there already.", path.display()))
            .hint("Move it away, or let this command do so: --force."));
    }
    discard(&new);
    let restored = fill(&new, source, name).and_then(|backup| {
        let found = if there { gather(&path) } else { Some(Counters::default()) };
        let (floor, incidents_above) = renumber(&new, found.unwrap_or_default(), name, now)?;
        let aside = put_in_place(&new, &path, there, now)?;
        Ok(Restored { backup, floor, incidents_above, aside, unreadable: found.is_none() })
    });
    if restored.is_err() {
        discard(&new);
    }
    restored
}

/// Makes the file that shall be restored, checks it and brings its schema up to date.
fn fill(new: &Path, source: &mut dyn io::Read, name: &str) -> Result<Summary> {
    let mut file = private_file(new)?;
    io::copy(source, &mut file)
        .map_err(|error| Error::unavailable(format!("{name} cannot be copied: {error}.")))?;
    drop(file);
    let backup = check(new, name)?;
    migrate::to_latest(&mut open_for_writing(new)?, new)?;
    Ok(backup)
}

/// Brings a database that nobody uses into one file and tells the numbers that it gave out; none
/// if it cannot be read.
fn gather(path: &Path) -> Option<Counters> {
    let read = || -> Result<Counters> {
        let conn = open_for_writing(path)?;
        let counters = Counters::load(&conn).map_err(failed)?;
        conn.execute_batch("pragma journal_mode = delete").map_err(failed)?;
        Ok(counters)
    };
    read().ok()
}

/// No number that was given out, by either database or by one that is lost, comes again.
fn renumber(new: &Path, found: Counters, name: &str, now: Timestamp) -> Result<(Seq, i64)> {
    let conn = open_for_writing(new)?;
    let mut counters = Counters::load(&conn).map_err(failed)?;
    // One less: the row that says so takes the next.
    counters.seq = counters.seq.max(found.seq) + SEQ_GAP - 1;
    counters.alert = counters.alert.max(found.alert) + SEQ_GAP;
    counters.incident = (counters.incident.max(found.incident) / INCIDENT_GAP + 1) * INCIDENT_GAP;
    let above = counters.incident;
    conn.execute_batch("begin immediate").map_err(failed)?;
    let memo = Memo::default();
    let mut write = Write::new(&conn, now, (&mut counters, &memo), false);
    let record = Record::Config {
        what: "backup".into(),
        id: 0,
        name: name.to_owned(),
        change: "restored".into(),
    };
    let floor = write.record(&record, &Actor::host())?;
    write.raise_floor(floor)?;
    write.drop_all_deliveries("a backup was restored")?;
    write.save_due()?;
    counters.save(&conn).map_err(failed)?;
    conn.execute_batch("commit; pragma journal_mode = delete").map_err(failed)?;
    Ok((floor, above))
}

/// The new database takes the old one's place in one step.
fn put_in_place(new: &Path, path: &Path, there: bool, now: Timestamp) -> Result<Option<PathBuf>> {
    let moved = || -> io::Result<Option<PathBuf>> {
        File::open(new)?.sync_all()?;
        let aside = there
            .then(|| beside(path, &format!(".replaced-{}", now.strftime("%Y%m%dT%H%M%S%.3fZ"))));
        match &aside {
            None => fs::rename(new, path)?,
            Some(aside) => {
                // Left only by a database that could not be read: its log goes with it.
                let wal = beside(path, "-wal");
                if wal.exists() {
                    fs::rename(&wal, beside(aside, "-wal"))?;
                }
                let _ = fs::remove_file(beside(path, "-shm"));
                exchange(new, path, aside)?;
            }
        }
        if let Some(dir) = path.parent() {
            File::open(dir)?.sync_all()?;
        }
        Ok(aside)
    };
    moved().map_err(|error| folder_error(path, &error))
}

/// `new` becomes `path`, and what that was, `aside`.
fn exchange(new: &Path, path: &Path, aside: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    fs::rename(new, aside)?;
    if renameat_with(CWD, aside, CWD, path, RenameFlags::EXCHANGE).is_ok() {
        return Ok(());
    }
    // A file system that cannot exchange: two names for the old one, then one is taken over.
    fs::rename(aside, new)?;
    fs::hard_link(path, aside)?;
    fs::rename(new, path)
}
