//! Small facts of the database itself, by name.
use super::sql::{Read, Write};
use crate::error::Result;

impl Read<'_> {
    pub fn find_meta(&self, name: &str) -> Result<Option<String>> {
        self.one("select value from meta where name = ?1", [name], |row| row.get(0))
    }
}

impl Write<'_> {
    pub fn set_meta(&self, name: &str, value: &str) -> Result<()> {
        self.run(
            "insert into meta (name, value) values (?1, ?2)
             on conflict (name) do update set value = excluded.value",
            [name, value],
        )
        .map(|_| ())
    }

    pub fn clear_meta(&self, name: &str) -> Result<()> {
        self.run("delete from meta where name = ?1", [name]).map(|_| ())
    }
}
