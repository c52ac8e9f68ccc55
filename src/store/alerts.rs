//! Alerts as members of incidents.
use jiff::Timestamp;
use rusqlite::Row;

use super::sql::{Read, Write, json, ms, ms_or_null, time, time_or_null, to_json};
use crate::domain::member::{EndedBy, MemberView};
use crate::domain::{
    Alert, AlertId, IncidentId, IntegrationId, Member, ServiceId, Severity, alert::Lifetime,
};
use crate::error::{Error, Result};

/// A member that is about to be stored.
pub struct NewMember<'a> {
    pub incident: IncidentId,
    pub service: ServiceId,
    pub integration: Option<IntegrationId>,
    pub alert: &'a Alert,
}

/// How a member ends.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    pub by: EndedBy,
    pub at: Timestamp,
}

const fn code(severity: Severity) -> i64 {
    severity as i64
}

fn severity(row: &Row<'_>, index: usize) -> rusqlite::Result<Severity> {
    Ok(match row.get::<_, i64>(index)? {
        0 => Severity::Critical,
        2 => Severity::Warning,
        3 => Severity::Info,
        _ => Severity::Error,
    })
}

const fn ended_word(by: EndedBy) -> &'static str {
    match by {
        EndedBy::Source => "source",
        EndedBy::Expired => "expired",
    }
}

fn ended_by(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<EndedBy>> {
    Ok(match row.get_ref(index)?.as_str_or_null()? {
        None => None,
        Some("expired") => Some(EndedBy::Expired),
        Some(_) => Some(EndedBy::Source),
    })
}

const MEMBER: &str = "id, incident_id, ended_by, severity, starts_at, ends_at, last_at, late, \
                      stale, integration_id";

fn member(row: &Row<'_>) -> rusqlite::Result<Member> {
    Ok(Member {
        id: row.get(0)?,
        incident: row.get(1)?,
        ended: ended_by(row, 2)?,
        severity: severity(row, 3)?,
        starts_at: time_or_null(row, 4)?,
        ends_at: time_or_null(row, 5)?,
        last_at: time(row, 6)?,
        late: row.get(7)?,
        stale: row.get(8)?,
        integration: row.get(9)?,
    })
}

const fn ends_at(alert: &Alert) -> Option<Timestamp> {
    match alert.lifetime {
        Lifetime::Until(at) => Some(at),
        Lifetime::Endless | Lifetime::Refreshed => None,
    }
}

impl Read<'_> {
    /// The newest row of a fingerprint, if its past still counts, and whether its incident is open.
    pub fn find_current(
        &self,
        service: ServiceId,
        fingerprint: &[u8; 16],
    ) -> Result<Option<(Member, bool)>> {
        self.one(
            &format!(
                "select {MEMBER}, (select i.status < 2 from incidents i where i.id = incident_id)
                 from alerts where service_id = ?1 and fingerprint = ?2 and current = 1"
            ),
            (service, fingerprint.as_slice()),
            |row| Ok((member(row)?, row.get(10)?)),
        )
    }

    /// # Errors
    /// `NotFound` if there is none.
    pub fn member(&self, id: AlertId) -> Result<Member> {
        self.one(&format!("select {MEMBER} from alerts where id = ?1"), [id], member)?
            .ok_or_else(|| Error::not_found(format_args!("Alert {id}")))
    }

    /// What the source said of a member last, and of which service it is.
    pub fn alert_of(&self, id: AlertId) -> Result<(Alert, ServiceId)> {
        self.one("select doc, service_id from alerts where id = ?1", [id], |row| {
            Ok((json(row, 0)?, row.get(1)?))
        })?
        .ok_or_else(|| Error::not_found(format_args!("Alert {id}")))
    }

    /// The worst severity among the members that fire.
    pub fn worst_firing(&self, incident: IncidentId) -> Result<Option<Severity>> {
        self.one(
            "select severity from alerts where incident_id = ?1 and ended_by is null
             order by severity limit 1",
            [incident],
            |row| severity(row, 0),
        )
    }

    /// The members that fire, at most `limit`.
    pub fn firing(&self, incident: IncidentId, limit: u32) -> Result<Vec<Member>> {
        self.all(
            &format!(
                "select {MEMBER} from alerts where incident_id = ?1 and ended_by is null limit ?2"
            ),
            (incident, limit),
            member,
        )
    }

    /// How many members would fire on after a hold that began at `since`: those of a named
    /// episode, and those that were sent again meanwhile.
    pub fn firing_after_hold(&self, incident: IncidentId, since: Timestamp) -> Result<u64> {
        self.one(
            "select count(*) from alerts where incident_id = ?1 and ended_by is null
             and (starts_at is not null or last_at > ?2)",
            (incident, ms(since)),
            |row| row.get(0),
        )
        .map(Option::unwrap_or_default)
    }

    /// How many members fire that nobody reports any more, and when one of them last was.
    pub fn stale_members(&self, incident: IncidentId) -> Result<(u64, Option<Timestamp>)> {
        self.one(
            "select count(*), max(last_at) from alerts
             where incident_id = ?1 and ended_by is null and stale = 1",
            [incident],
            |row| Ok((row.get(0)?, time_or_null(row, 1)?)),
        )
        .map(Option::unwrap_or_default)
    }

    /// How many alerts of an integration fire in open incidents.
    pub fn firing_of(&self, integration: IntegrationId) -> Result<u64> {
        self.one(
            "select count(*) from alerts a join incidents i on i.id = a.incident_id
             where a.service_id = (select service_id from integrations where id = ?1)
             and a.current = 1 and a.integration_id = ?1 and a.ended_by is null and i.status < 2",
            [integration],
            |row| row.get(0),
        )
        .map(Option::unwrap_or_default)
    }

    /// Members for people to read, firing ones first.
    pub fn members(&self, incident: IncidentId, after: i64, limit: u32) -> Result<Vec<MemberView>> {
        self.all(
            "select a.id, a.ended_by, a.severity, a.starts_at, a.first_at, a.last_at, a.ended_at,
                a.stale, a.count, a.doc, n.name
             from alerts a left join integrations n on n.id = a.integration_id
             where a.incident_id = ?1 and a.id > ?2 order by a.id limit ?3",
            (incident, after, limit),
            |row| {
                let alert: Alert = json(row, 9)?;
                let ended_by = ended_by(row, 1)?;
                Ok(MemberView {
                    id: row.get(0)?,
                    status: if ended_by.is_none() { "firing" } else { "resolved" }.into(),
                    title: alert.title,
                    description: alert.description,
                    severity: severity(row, 2)?,
                    labels: alert.labels,
                    links: alert.links,
                    source: row.get(10)?,
                    starts_at: time_or_null(row, 3)?,
                    first_at: time(row, 4)?,
                    last_at: time(row, 5)?,
                    ended_at: time_or_null(row, 6)?,
                    ended_by,
                    stale: row.get(7)?,
                    count: row.get(8)?,
                })
            },
        )
    }
}

impl Write<'_> {
    /// Stores a new member; an older row of its fingerprint becomes history.
    pub fn insert_member(
        &mut self,
        new: &NewMember<'_>,
        older: Option<AlertId>,
    ) -> Result<AlertId> {
        if let Some(older) = older {
            self.run("update alerts set current = 0, late = 0 where id = ?1", [older])?;
        }
        self.counters.alert += 1;
        let id = AlertId(self.counters.alert);
        self.run(
            "insert into alerts (id, incident_id, service_id, integration_id, fingerprint,
                severity, starts_at, ends_at, first_at, last_at, doc)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10)",
            (
                id,
                new.incident,
                new.service,
                new.integration,
                new.alert.fingerprint.hash.as_slice(),
                code(new.alert.severity),
                ms_or_null(new.alert.starts_at),
                ms_or_null(ends_at(new.alert)),
                ms(self.now()),
                to_json(new.alert)?,
            ),
        )
        .map(|_| id)
    }

    /// It was reported again: counts, and takes over what the source says now.
    pub fn refresh_member(&self, member: &Member, alert: &Alert) -> Result<()> {
        self.run(
            "update alerts set last_at = ?2, ends_at = ?3, starts_at = coalesce(?4, starts_at),
                severity = ?5, stale = 0, count = count + 1, doc = ?6 where id = ?1",
            (
                member.id,
                ms(self.now()),
                ms_or_null(ends_at(alert)),
                ms_or_null(alert.starts_at.max(member.starts_at)),
                code(alert.severity),
                to_json(alert)?,
            ),
        )
        .map(|_| ())
    }

    /// It ended and fires again, in the same incident.
    pub fn refire_member(&self, id: AlertId) -> Result<()> {
        self.run("update alerts set ended_by = null, ended_at = null, late = 0 where id = ?1", [id])
            .map(|_| ())
    }

    pub fn end_member(&self, id: AlertId, ending: Ending) -> Result<()> {
        self.run(
            "update alerts set ended_by = ?2, ended_at = ?3 where id = ?1",
            (id, ended_word(ending.by), ms(ending.at)),
        )
        .map(|_| ())
    }

    pub fn mark_late(&self, id: AlertId, late: bool) -> Result<()> {
        self.run("update alerts set late = ?2 where id = ?1", (id, late)).map(|_| ())
    }

    pub fn mark_stale(&self, id: AlertId) -> Result<()> {
        self.run("update alerts set stale = 1 where id = ?1", [id]).map(|_| ())
    }

    /// Its source named a later episode.
    pub fn set_episode(&self, id: AlertId, starts_at: Timestamp) -> Result<()> {
        self.run("update alerts set starts_at = ?2 where id = ?1", (id, ms(starts_at))).map(|_| ())
    }

    /// The members that fire on after a hold that began at `since` move to another incident;
    /// returns how often they were reported, and how many they are.
    pub fn move_members(
        &self,
        from: IncidentId,
        to: IncidentId,
        since: Timestamp,
    ) -> Result<(i64, i64)> {
        const THEY: &str = "incident_id = ?1 and ended_by is null
             and (starts_at is not null or last_at > ?2)";
        let counts = self.one(
            &format!("select coalesce(sum(count), 0), count(*) from alerts where {THEY}"),
            (from, ms(since)),
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let move_them = format!("update alerts set incident_id = ?3 where {THEY}");
        self.run(&move_them, (from, ms(since), to))?;
        Ok(counts.unwrap_or_default())
    }
}
