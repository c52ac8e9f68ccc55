//! The schema's versions. Refuses what it does not know before it touches it.
use std::io::Read;
use std::path::Path;
use std::sync::LazyLock;

use include_dir::{Dir, include_dir};
use rusqlite_migration::Migrations;

use crate::error::{Error, Kind, Result};

static FOLDER: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/migrations");
static MIGRATIONS: LazyLock<Migrations<'static>> = LazyLock::new(|| {
    Migrations::from_directory(&FOLDER).unwrap_or_else(|_| Migrations::new(vec![]))
});

/// "incd": marks the file as ours.
const APPLICATION_ID: u32 = 0x696e_6364;

fn newest() -> u32 {
    u32::try_from(FOLDER.dirs().count()).unwrap_or(u32::MAX)
}

fn too_new(path: &Path, found: u32) -> Error {
    Error::new(
        Kind::Refused,
        format!(
            "{} was written by a newer incidentd (schema {found}; this one knows up to {}).",
            path.display(),
            newest()
        ),
    )
    .hint("Start the newer version, or restore a backup made by this one.")
}

/// Reads the file's own header, so that a foreign or newer file stays as it is to the byte.
pub(super) fn refuse_foreign(path: &Path) -> Result<()> {
    let mut header = [0_u8; 100];
    let read = match std::fs::File::open(path) {
        Ok(mut file) => file.read(&mut header).unwrap_or(0),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(super::folder_error(path, &error)),
    };
    let word = |at: usize| {
        u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    match read {
        0 => Ok(()),
        100 if header.starts_with(b"SQLite format 3\0") => {
            // A file whose first commit still sits in the log beside it has neither mark, version
            // nor tables (offset 40 counts changes of the schema).
            if word(68) != APPLICATION_ID && (word(68), word(60), word(40)) != (0, 0, 0) {
                return Err(foreign(path));
            }
            if word(60) > newest() { Err(too_new(path, word(60))) } else { Ok(()) }
        }
        _ => Err(foreign(path)),
    }
}

fn foreign(path: &Path) -> Error {
    Error::new(Kind::Refused, format!("{} is not a database of incidentd.", path.display()))
        .hint("Choose another folder with --data-dir.")
}

/// Marks a new file as ours before anything else, so that no crash leaves tables without a mark.
fn mark(conn: &rusqlite::Connection, path: &Path) -> Result<()> {
    let found: u32 = conn
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .map_err(super::sql::failed)?;
    if found == APPLICATION_ID {
        return Ok(());
    }
    let tables: u32 = conn
        .query_row("select count(*) from sqlite_schema", [], |row| row.get(0))
        .map_err(super::sql::failed)?;
    if found != 0 || tables > 0 {
        return Err(foreign(path));
    }
    conn.pragma_update(None, "application_id", APPLICATION_ID).map_err(super::sql::failed)
}

pub(super) fn migrate(path: &Path) -> Result<()> {
    let mut conn = super::open_for_writing(path)?;
    mark(&conn, path)?;
    // A table rebuild would delete what cascades: checked afterwards instead.
    conn.pragma_update(None, "foreign_keys", false).map_err(super::sql::failed)?;
    MIGRATIONS.to_latest(&mut conn).map_err(|error| match error {
        rusqlite_migration::Error::MigrationDefinition(
            rusqlite_migration::MigrationDefinitionError::DatabaseTooFarAhead,
        ) => {
            let found = conn.pragma_query_value(None, "user_version", |row| row.get(0));
            too_new(path, found.unwrap_or(0))
        }
        error => Error::unavailable(format!("{} cannot be migrated: {error}.", path.display())),
    })?;
    let broken: Option<String> = conn
        .query_row("select \"table\" from pragma_foreign_key_check limit 1", [], |row| row.get(0))
        .ok();
    if let Some(table) = broken {
        return Err(Error::internal(format!("a row of {table} refers to nothing")));
    }
    if rusqlite::version_number() < super::SQLITE_MIN {
        return Err(Error::internal("SQLite is older than the WAL fix that a pool needs"));
    }
    Ok(())
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
