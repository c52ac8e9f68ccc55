//! Small facts of the database itself, by name.
use jiff::Timestamp;

use super::sql::{Read, Write, time_text, to_json};
use crate::domain::Seq;
use crate::error::Result;

/// Until which event the wall clock was known to be right, and what it showed then.
const WALL: &str = "wall";

impl Read<'_> {
    /// What the wall clock showed last, as far as that is known: at the last event, or when it was
    /// seen to be set after that.
    pub fn last_wall(&self) -> Result<Option<Timestamp>> {
        if let Some(noted) = self.find_meta(WALL)?
            && let Ok((seq, wall)) = serde_json::from_str::<(Seq, Timestamp)>(&noted)
            && seq >= self.head()?
        {
            return Ok(Some(wall));
        }
        self.one(
            "select json_extract(json, '$.at') from events order by seq desc limit 1",
            [],
            |row| time_text(row, 0),
        )
    }

    pub fn find_meta(&self, name: &str) -> Result<Option<String>> {
        self.one("select value from meta where name = ?1", [name], |row| row.get(0))
    }
}

impl Write<'_> {
    /// The wall clock was set, to what this write says.
    pub fn note_wall(&self) -> Result<()> {
        self.set_meta(WALL, &to_json(&(self.head()?, self.now()))?)
    }

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
