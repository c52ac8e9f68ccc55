//! The schema's versions. Refuses what it does not know before it touches it.
use std::io::Read;
use std::path::Path;
use std::sync::LazyLock;

use include_dir::{Dir, include_dir};
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use rusqlite_migration::Migrations;

use super::sql::failed;
use crate::error::{Error, Kind, Result};

static FOLDER: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/migrations");
static MIGRATIONS: LazyLock<Migrations<'static>> = LazyLock::new(|| {
    Migrations::from_directory(&FOLDER).unwrap_or_else(|_| Migrations::new(vec![]))
});

/// "incd": marks the file as ours.
const APPLICATION_ID: u32 = 0x696e_6364;

/// The number of the newest schema.
#[must_use]
pub fn newest() -> u32 {
    u32::try_from(FOLDER.dirs().count()).unwrap_or(u32::MAX)
}

fn too_new(name: &str, found: u32) -> Error {
    Error::new(
        Kind::Refused,
        format!(
            "{name} was written by a newer incidentd (schema {found}; this one knows up to {}).",
            newest()
        ),
    )
    .hint("Start the newer version, or restore a backup made by this one.")
}

/// What every SQLite file begins with; all zero for an empty one.
struct Header([u8; 100]);

impl Header {
    /// None of a file that is neither empty nor SQLite's.
    fn read(path: &Path) -> std::io::Result<Option<Self>> {
        let mut header = [0_u8; 100];
        let read = std::fs::File::open(path)?.read(&mut header).unwrap_or(0);
        let known = read == 0 || read == 100 && header.starts_with(b"SQLite format 3\0");
        Ok(known.then_some(Self(header)))
    }

    const fn word(&self, at: usize) -> u32 {
        let Self(of) = self;
        u32::from_be_bytes([of[at], of[at + 1], of[at + 2], of[at + 3]])
    }

    const fn version(&self) -> u32 {
        self.word(60)
    }

    const fn is_marked(&self) -> bool {
        self.word(68) == APPLICATION_ID
    }

    /// A file whose first commit still sits in the log beside it has neither mark, version nor
    /// tables (offset 40 counts changes of the schema).
    const fn is_blank(&self) -> bool {
        self.word(68) == 0 && self.version() == 0 && self.word(40) == 0
    }
}

/// Reads the header of the file at `path`, called `name`, so that a foreign or newer file stays as
/// it is to the byte. Returns the schema that it names, 0 if none.
pub(super) fn refuse_foreign(path: &Path, name: &str) -> Result<u32> {
    let header = match Header::read(path) {
        Ok(header) => header.ok_or_else(|| foreign(name))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(super::folder_error(path, &error)),
    };
    if !header.is_marked() && !header.is_blank() {
        return Err(foreign(name));
    }
    match header.version() {
        found if found > newest() => Err(too_new(name, found)),
        found => Ok(found),
    }
}

/// Is the file at `path` one that we made?
#[must_use]
pub fn is_marked(path: &Path) -> bool {
    Header::read(path).is_ok_and(|header| header.is_some_and(|header| header.is_marked()))
}

/// Which schema the database in `dir` has, 0 if there is none. Changes nothing.
///
/// # Errors
/// `Refused` for one that is foreign or newer.
pub fn schema(dir: &Path) -> Result<u32> {
    let path = dir.join(super::DATABASE);
    let named = refuse_foreign(&path, &path.display().to_string())?;
    // Without a log beside it the header says it all, and SQLite would make one to look.
    let log = super::backup::beside(&path, "-wal");
    if !std::fs::metadata(log).is_ok_and(|meta| meta.len() > 0) {
        return Ok(named);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(&path, flags).map_err(failed)?;
    version(&conn).map_err(failed)
}

fn foreign(name: &str) -> Error {
    Error::new(Kind::Refused, format!("{name} is not a database of incidentd."))
        .hint("Choose another; this one was not touched.")
}

pub(super) fn is_ours(conn: &Connection) -> rusqlite::Result<bool> {
    let found: u32 = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
    Ok(found == APPLICATION_ID)
}

fn version(conn: &Connection) -> rusqlite::Result<u32> {
    conn.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Does the schema consist of what the migrations make, and nothing else? A trigger of somebody
/// else's would run with our writes.
pub(super) fn has_our_schema(conn: &Connection) -> rusqlite::Result<bool> {
    let schema = |conn: &Connection| -> rusqlite::Result<Vec<(String, Option<String>)>> {
        // What begins so is SQLite's own.
        conn.prepare(
            "select type || ' ' || name, sql from sqlite_schema
             where name not like 'sqlite\\_%' escape '\\' order by 1",
        )?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
    };
    let mut ours = Connection::open_in_memory()?;
    let found = usize::try_from(version(conn)?).unwrap_or(usize::MAX);
    let known = MIGRATIONS.to_version(&mut ours, found).is_ok();
    Ok(known && found > 0 && schema(conn)? == schema(&ours)?)
}

/// A table with a row that refers to nothing.
pub(super) fn broken_reference(conn: &Connection) -> rusqlite::Result<Option<String>> {
    conn.query_row("select \"table\" from pragma_foreign_key_check limit 1", [], |row| row.get(0))
        .optional()
}

/// Marks a new file as ours before anything else, so that no crash leaves tables without a mark.
fn mark(conn: &Connection, name: &str) -> Result<()> {
    if is_ours(conn).map_err(failed)? {
        return Ok(());
    }
    let marked: u32 = conn
        .query_row(
            "select (select count(*) from sqlite_schema) + (select application_id <> 0
             from pragma_application_id)",
            [],
            |row| row.get(0),
        )
        .map_err(failed)?;
    if marked > 0 {
        return Err(foreign(name));
    }
    conn.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)
}

/// Brings the database to the newest schema. What is older is copied first, beside it.
pub(super) fn migrate(path: &Path) -> Result<()> {
    let mut conn = super::open_for_writing(path)?;
    mark(&conn, &path.display().to_string())?;
    let found = version(&conn).map_err(failed)?;
    if (1..newest()).contains(&found) {
        super::backup::keep_before_migration(&conn, path, newest())?;
        tracing::info!(from = found, to = newest(), "the database is migrated");
    }
    to_latest(&mut conn, path)?;
    if rusqlite::version_number() < super::SQLITE_MIN {
        return Err(Error::internal("SQLite is older than the WAL fix that a pool needs"));
    }
    Ok(())
}

/// All steps in one transaction: whatever ends it, the next start begins anew.
pub(super) fn to_latest(conn: &mut Connection, path: &Path) -> Result<()> {
    // A table rebuild would delete what cascades: checked afterwards instead.
    conn.pragma_update(None, "foreign_keys", false).map_err(failed)?;
    MIGRATIONS.to_latest(conn).map_err(|error| match error {
        rusqlite_migration::Error::MigrationDefinition(
            rusqlite_migration::MigrationDefinitionError::DatabaseTooFarAhead,
        ) => too_new(&path.display().to_string(), version(conn).unwrap_or(0)),
        error => Error::unavailable(format!("{} cannot be migrated: {error}.", path.display())),
    })?;
    match broken_reference(conn).map_err(failed)? {
        Some(table) => Err(Error::internal(format!("a row of {table} refers to nothing"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_valid_and_counted() {
        MIGRATIONS.validate().expect("migrations apply in order");
        let mut conn = rusqlite::Connection::open_in_memory().expect("memory");
        MIGRATIONS.to_latest(&mut conn).expect("migrates");
        let version: u32 =
            conn.pragma_query_value(None, "user_version", |row| row.get(0)).expect("version");
        assert_eq!(version, newest());
    }
}
