//! Timers: rows with a due time, so that a restart re-arms them by reading.
use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::sql::{Read, Write, ms, time, to_json};
use crate::domain::{DeliveryId, IncidentId, TimerKind};
use crate::error::Result;

/// A timer that is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer {
    pub kind: TimerKind,
    pub subject: i64,
    pub due_at: Timestamp,
}

impl Read<'_> {
    /// What is due at `now`, earliest first.
    pub fn due_timers(&self, now: Timestamp, limit: u32) -> Result<Vec<Timer>> {
        let rows = self.all(
            "select kind, subject, due_at from timers where due_at <= ?1 order by due_at limit ?2",
            (ms(now), limit),
            |row| Ok((row.get::<_, String>(0)?, row.get(1)?, time(row, 2)?)),
        )?;
        Ok(rows
            .into_iter()
            .filter_map(|(kind, subject, due_at)| {
                TimerKind::of_word(&kind).map(|kind| Timer { kind, subject, due_at })
            })
            .collect())
    }

    /// How many timers have been due for longer than `grace`, and how long the first of them.
    pub fn late_timers(&self, now: Timestamp, grace: Duration) -> Result<(u64, Duration)> {
        let due = now.saturating_sub(grace).unwrap_or(Timestamp::MIN);
        let late: Option<(u64, Option<i64>)> = self.one(
            "select count(*), min(due_at) from timers where due_at < ?1",
            [ms(due)],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let (count, first) = late.unwrap_or_default();
        let late = first.map_or(0, |first| u64::try_from(ms(now) - first).unwrap_or(0));
        Ok((count, Duration::from_millis(late)))
    }

    /// Incidents that measure how much time passes.
    pub fn measuring(&self) -> Result<BTreeSet<IncidentId>> {
        let mut found = BTreeSet::new();
        let measures = |kind: &TimerKind| kind.is_of_incident() && kind.is_elapsed();
        for kind in TimerKind::ALL.into_iter().filter(measures) {
            found.extend(self.all(
                "select subject from timers where kind = ?1",
                [kind.word()],
                |row| row.get::<_, IncidentId>(0),
            )?);
        }
        Ok(found)
    }

    /// When the next timer falls due.
    pub fn next_due(&self) -> Result<Option<Timestamp>> {
        self.one("select due_at from timers order by due_at limit 1", [], |row| time(row, 0))
    }

    /// Is a timer of this kind due?
    pub fn is_due(&self, kind: TimerKind, now: Timestamp) -> Result<bool> {
        self.one(
            "select 1 from timers where kind = ?1 and due_at <= ?2 limit 1",
            (kind.word(), ms(now)),
            |_| Ok(()),
        )
        .map(|row| row.is_some())
    }

    /// Is such a timer set?
    pub fn has_timer(&self, kind: TimerKind, subject: i64) -> Result<bool> {
        self.one(
            "select 1 from timers where kind = ?1 and subject = ?2",
            (kind.word(), subject),
            |_| Ok(()),
        )
        .map(|row| row.is_some())
    }

    /// Is this timer still set as it was read?
    pub fn is_set(&self, timer: Timer) -> Result<bool> {
        self.one(
            "select 1 from timers where kind = ?1 and subject = ?2 and due_at = ?3",
            (timer.kind.word(), timer.subject, ms(timer.due_at)),
            |_| Ok(()),
        )
        .map(|row| row.is_some())
    }
}

impl Write<'_> {
    /// What is due already has no row: it is handled in this very write, or saved at its end.
    pub fn set_timer(&self, kind: TimerKind, subject: i64, due_at: Timestamp) -> Result<()> {
        let timer = Timer { kind, subject, due_at };
        if due_at > self.now() {
            return self.save_timer(timer);
        }
        self.undue(kind, subject);
        self.due.borrow_mut().push(timer);
        Ok(())
    }

    /// Leaves a timer to the loop, due as it may be.
    pub fn save_timer(&self, Timer { kind, subject, due_at }: Timer) -> Result<()> {
        self.undue(kind, subject);
        self.run(
            "insert into timers (kind, subject, due_at, elapsed) values (?1, ?2, ?3, ?4)
             on conflict (kind, subject) do update set due_at = excluded.due_at",
            (kind.word(), subject, ms(due_at), kind.is_elapsed()),
        )
        .map(|_| ())
    }

    /// What was set in this write and is due already.
    pub fn due_at_once(&self) -> Vec<Timer> {
        self.due.borrow().clone()
    }

    /// Is it still?
    pub fn is_due_at_once(&self, timer: Timer) -> bool {
        self.due.borrow().contains(&timer)
    }

    /// As the one who reads has it, and what is due already.
    pub fn has_timer(&self, kind: TimerKind, subject: i64) -> Result<bool> {
        let is_it = |timer: &Timer| timer.kind == kind && timer.subject == subject;
        Ok(self.due.borrow().iter().any(is_it) || Read::has_timer(self, kind, subject)?)
    }

    pub(super) fn save_due(&self) -> Result<()> {
        self.due_at_once().into_iter().try_for_each(|timer| self.save_timer(timer))
    }

    fn undue(&self, kind: TimerKind, subject: i64) {
        self.due.borrow_mut().retain(|timer| timer.kind != kind || timer.subject != subject);
    }

    pub fn clear_timer(&self, kind: TimerKind, subject: i64) -> Result<()> {
        self.undue(kind, subject);
        self.run("delete from timers where kind = ?1 and subject = ?2", (kind.word(), subject))
            .map(|_| ())
    }

    /// A timer that is still set as it was read is due later.
    pub fn put_off(&self, timer: Timer, due_at: Timestamp) -> Result<()> {
        self.run(
            "update timers set due_at = ?4 where kind = ?1 and subject = ?2 and due_at = ?3",
            (timer.kind.word(), timer.subject, ms(timer.due_at), ms(due_at)),
        )
        .map(|_| ())
    }

    /// The wall clock was set by `jump`: what measures elapsed time keeps its length. Of the
    /// messages, `stay` wait for a moment of the wall.
    pub fn shift_elapsed(&self, jump: SignedDuration, stay: &[DeliveryId]) -> Result<usize> {
        let jump = i64::try_from(jump.as_millis()).unwrap_or(0);
        self.run(
            "update deliveries set due_at = due_at + ?1 where state = 'queued'
             and id not in (select value from json_each(?2))",
            (jump, to_json(&stay)?),
        )?;
        self.run("update timers set due_at = due_at + ?1 where elapsed = 1", [jump])
    }

    /// No timer of `kind` falls due before `at`.
    pub fn grant_grace(&self, kind: TimerKind, at: Timestamp) -> Result<usize> {
        self.run(
            "update timers set due_at = ?2 where kind = ?1 and due_at < ?2",
            (kind.word(), ms(at)),
        )
    }
}
