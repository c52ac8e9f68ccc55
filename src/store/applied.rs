//! What an apply made, which alone may prune it; and what a configuration lacks.
use jiff::Timestamp;

use super::sql::{Read, Write, exists, ms, taken};
use super::users::User;
use crate::domain::{IntegrationId, ScheduleId, ServiceId, TeamId, UserId};
use crate::error::Result;

/// Something of the configuration.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    User(UserId),
    Team(TeamId),
    Service(ServiceId),
    Integration(IntegrationId),
    Schedule(ScheduleId),
}

/// How far an apply answers for it; kept in columns `applied`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// Somebody made it by hand.
    No = 0,
    /// An apply made it.
    Made = 1,
    /// And one pruned it: a user who comes back with the file he left with.
    Pruned = 2,
}

impl Read<'_> {
    pub fn applied(&self, part: Part) -> Result<Applied> {
        let (sql, id) = match part {
            Part::User(id) => ("select applied from users where id = ?1", id.0),
            Part::Team(id) => ("select applied from teams where id = ?1", id.0),
            Part::Service(id) => ("select applied from services where id = ?1", id.0),
            Part::Integration(id) => ("select applied from integrations where id = ?1", id.0),
            Part::Schedule(id) => ("select applied from schedules where id = ?1", id.0),
        };
        let applied = self.one(sql, [id], |row| row.get::<_, i64>(0))?;
        Ok(match applied {
            Some(1) => Applied::Made,
            Some(2) => Applied::Pruned,
            _ => Applied::No,
        })
    }

    /// By a password, a token or a link that still works.
    pub fn can_log_in(&self, user: UserId, now: Timestamp) -> Result<bool> {
        self.one(
            "select 1 from users u where u.id = ?1 and (u.password_hash is not null
                or exists (select 1 from tokens k where k.user_id = u.id and k.ended_at is null
                    and (k.expires_at is null or k.expires_at > ?2))
                or exists (select 1 from links l where l.user_id = u.id and l.used_at is null
                    and l.expires_at > ?2))",
            (user, ms(now)),
            |_| Ok(()),
        )
        .map(|row| row.is_some())
    }

    pub fn has_integration(&self, service: ServiceId) -> Result<bool> {
        self.one("select 1 from integrations where service_id = ?1", [service], |_| Ok(()))
            .map(|row| row.is_some())
    }
}

impl Write<'_> {
    pub fn set_applied(&self, part: Part, applied: Applied) -> Result<()> {
        let (sql, id) = match part {
            Part::User(id) => ("update users set applied = ?2 where id = ?1", id.0),
            Part::Team(id) => ("update teams set applied = ?2 where id = ?1", id.0),
            Part::Service(id) => ("update services set applied = ?2 where id = ?1", id.0),
            Part::Integration(id) => ("update integrations set applied = ?2 where id = ?1", id.0),
            Part::Schedule(id) => ("update schedules set applied = ?2 where id = ?1", id.0),
        };
        self.run(sql, (id, applied as i64)).map(|_| ())
    }

    /// Gives a person another username.
    pub fn rename_user(&self, user: &User) -> Result<()> {
        let renamed = self
            .conn
            .prepare_cached("update users set username = ?2 where id = ?1")
            .and_then(|mut statement| statement.execute((user.id, &user.username)));
        taken(renamed, || exists("user", &user.username)).map(|_| ())
    }

    /// Does `work` and takes it back: says what would come of it.
    pub fn rehearse<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let counters = *self.counters;
        self.run("savepoint rehearsal", [])?;
        let outcome = work(self);
        self.run("rollback to rehearsal", [])?;
        self.run("release rehearsal", [])?;
        *self.counters = counters;
        outcome
    }
}
