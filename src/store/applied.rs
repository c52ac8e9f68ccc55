//! What an apply made, which alone may prune it; and what a configuration lacks.
use jiff::Timestamp;

use super::sql::{Read, Write, exists, ms};
use super::users::User;
use crate::domain::{
    ChannelId, HeartbeatId, IntegrationId, PolicyId, ScheduleId, ServiceId, TeamId, UserId,
    WebhookId,
};
use crate::error::Result;

/// Something of the configuration.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    User(UserId),
    Team(TeamId),
    Service(ServiceId),
    Integration(IntegrationId),
    Schedule(ScheduleId),
    Policy(PolicyId),
    Channel(ChannelId),
    Webhook(WebhookId),
    Heartbeat(HeartbeatId),
}

impl Part {
    /// Its table and id.
    const fn place(self) -> (&'static str, i64) {
        match self {
            Self::User(id) => ("users", id.0),
            Self::Team(id) => ("teams", id.0),
            Self::Service(id) => ("services", id.0),
            Self::Integration(id) => ("integrations", id.0),
            Self::Schedule(id) => ("schedules", id.0),
            Self::Policy(id) => ("policies", id.0),
            Self::Channel(id) => ("channels", id.0),
            Self::Webhook(id) => ("webhooks", id.0),
            Self::Heartbeat(id) => ("heartbeats", id.0),
        }
    }
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
        let (table, id) = part.place();
        let sql = format!("select applied from {table} where id = ?1");
        let applied = self.one(&sql, [id], |row| row.get::<_, i64>(0))?;
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
        let (table, id) = part.place();
        let sql = format!("update {table} set applied = ?2 where id = ?1");
        self.run(&sql, (id, applied as i64)).map(|_| ())
    }

    /// Gives a person another username.
    pub fn rename_user(&self, user: &User) -> Result<()> {
        self.run_free(
            "update users set username = ?2 where id = ?1",
            (user.id, &user.username),
            || exists("user", &user.username),
        )
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
