//! What each alert asks for anew and seldom changes: people and how they are reached, policies,
//! silences. The writer reads it once, and again after anything else than the stream was written.
use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;

use super::sql::Read;
use crate::error::Result;

/// Tables that alerts, pages and timers write. What is kept is read from none of them.
const STREAM: &[&str] = &[
    "alerts",
    "deliveries",
    "events",
    "idempotency",
    "incident_people",
    "incidents",
    "integrations",
    "links",
    "meta",
    "payloads",
    "timers",
];
/// More than one moment's worth is not worth keeping.
const MOST: usize = 1_024;

/// What it is, and which one.
type Key = (&'static str, [i64; 4]);

#[derive(Default)]
pub(super) struct Memo(RefCell<HashMap<Key, Box<dyn Any + Send>>>);

impl Memo {
    pub(super) fn forget(&self) {
        self.0.borrow_mut().clear();
    }

    /// `sql` is about to be run.
    pub(super) fn written(&self, sql: &str) {
        if !is_of_stream(sql) {
            self.forget();
        }
    }
}

fn is_of_stream(sql: &str) -> bool {
    let mut words = sql.split_ascii_whitespace();
    let table = match words.next() {
        Some("update") => words.next(),
        Some("insert" | "delete") => words.nth(1),
        _ => None,
    };
    table.is_some_and(|table| STREAM.contains(&table))
}

impl Read<'_> {
    /// What `load` reads, kept if it is the writer who asks. `load` reads nothing of the stream,
    /// and what it says depends on `which` alone.
    ///
    /// # Errors
    /// What `load` says.
    pub fn kept<T: Clone + Send + 'static>(
        &self,
        what: &'static str,
        which: [i64; 4],
        load: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let Some(Memo(kept)) = self.memo else { return load() };
        let key = (what, which);
        if let Some(known) = kept.borrow().get(&key).and_then(|known| known.downcast_ref::<T>()) {
            return Ok(known.clone());
        }
        let loaded = load()?;
        let mut kept = kept.borrow_mut();
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert(key, Box::new(loaded.clone()));
        Ok(loaded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_of_the_stream_is_read_anew() {
        for (sql, stream) in [
            ("update incidents set need = ?2 where id = ?1", true),
            ("insert into events (seq) values (?1)", true),
            ("delete from timers where kind = ?1", true),
            ("update contacts set verified_at = ?2 where id = ?1", false),
            ("insert into silences (team_id) values (?1)", false),
            ("delete from memberships where user_id = ?1", false),
            ("insert or ignore into alerts (id) values (?1)", false),
            ("rollback to part", false),
        ] {
            assert_eq!(is_of_stream(sql), stream, "{sql}");
        }
    }

    #[test]
    fn it_is_kept_until_something_is_written_elsewhere() {
        let (conn, memo) =
            (rusqlite::Connection::open_in_memory().expect("a database"), Memo::default());
        let read = Read { conn: &conn, memo: Some(&memo) };
        let ask = |answer: i64| read.kept("answer", [1, 0, 0, 0], || Ok(answer)).expect("read");
        assert_eq!((ask(1), ask(2)), (1, 1));
        memo.written("insert into events (seq) values (1)");
        assert_eq!(ask(3), 1);
        memo.written("update users set rules = null");
        assert_eq!((ask(4), ask(5)), (4, 4));
        let other = read.kept("answer", [2, 0, 0, 0], || Ok(6)).expect("read");
        assert_eq!(other, 6);
        assert_eq!(Read::new(&conn).kept("answer", [1, 0, 0, 0], || Ok(7)).expect("read"), 7);
    }
}
