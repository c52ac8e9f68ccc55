//! Incidents: one row each, the wire JSON in `doc`. `Write::append` is the only way to change one.
use jiff::Timestamp;
use rusqlite::{Row, named_params};

use super::sql::{Read, Write, json, ms, ms_or_null, to_json};
use crate::domain::incident::DEADLINES;
use crate::domain::user::{TeamRef, UserRef};
use crate::domain::{
    Actor, Change, Incident, IncidentId, Key, ResolveReason, Seq, ServiceId, Status, TeamId,
    Urgency, UserId,
};
use crate::error::{Error, Result};

/// An incident that is about to be opened.
pub struct NewIncident<'a> {
    pub incident: Incident,
    pub key: &'a Key,
}

/// Open incidents that have these in common.
#[derive(Clone, Debug)]
pub struct Open {
    pub team: String,
    pub status: String,
    pub urgency: String,
    pub count: u64,
}

/// The columns that `incident_row` reads; the names of team and service as they are now.
pub(super) const COLUMNS: &str = "i.doc, i.memory, i.alert_count, i.firing_count, \
     t.slug, t.name, s.slug, s.name";
pub(super) const TABLES: &str = "incidents i join teams t on t.id = i.team_id \
     left join services s on s.id = i.service_id";

pub(super) fn incident_row(row: &Row<'_>) -> rusqlite::Result<Incident> {
    let mut incident: Incident = json(row, 0)?;
    if let Some(memory) = row.get_ref(1)?.as_str_or_null()? {
        incident.memory = serde_json::from_str(memory).unwrap_or_default();
    }
    incident.alert_count = row.get(2)?;
    incident.firing_count = row.get(3)?;
    incident.team.slug = row.get(4)?;
    incident.team.name = row.get(5)?;
    if let Some(service) = &mut incident.service {
        service.slug = row.get(6)?;
        service.name = row.get(7)?;
    }
    Ok(incident)
}

const fn status_code(status: Status) -> i64 {
    match status {
        Status::Triggered => 0,
        Status::Acknowledged => 1,
        Status::Resolved => 2,
    }
}

/// The order in which people look: untold, high, low, acknowledged, snoozed; resolved last.
const fn need(incident: &Incident) -> i64 {
    match (incident.status, incident.urgency) {
        (Status::Resolved, _) => 9,
        _ if incident.untold => 0,
        (Status::Triggered, Urgency::High) => 1,
        (Status::Triggered, Urgency::Low) => 2,
        (Status::Acknowledged, _) if incident.snoozed_until.is_some() => 4,
        (Status::Acknowledged, _) => 3,
    }
}

/// Sorts open incidents as people look at them.
#[must_use]
pub fn order_of_need(incident: &Incident) -> (i64, i64) {
    (need(incident), incident.id.0)
}

/// The cursor of a list's page that begins after this incident.
#[must_use]
pub fn cursor_after(incident: &Incident) -> String {
    format!("{}-{}", need(incident), incident.id)
}

/// May a firing of its key reopen it?
fn is_recent(incident: &Incident) -> bool {
    incident.resolved_reason == Some(ResolveReason::Source)
}

impl Read<'_> {
    /// # Errors
    /// `NotFound` if there is none.
    pub fn incident(&self, id: IncidentId) -> Result<Incident> {
        self.find_incident(id)?.ok_or_else(|| Error::not_found(format_args!("Incident {id}")))
    }

    pub fn find_incident(&self, id: IncidentId) -> Result<Option<Incident>> {
        self.one(&format!("select {COLUMNS} from {TABLES} where i.id = ?1"), [id], incident_row)
    }

    /// The open incident that has this key: its own, or given to it by a merge.
    pub fn find_open(&self, service: ServiceId, key: &[u8; 16]) -> Result<Option<IncidentId>> {
        self.one(
            "select id from incidents where service_id = ?1 and dedup_key = ?2 and status < 2
             union all
             select o.id from incidents i join incidents o on o.id = i.key_given_to
             where i.service_id = ?1 and i.dedup_key = ?2 and i.key_given_to is not null
             and o.status < 2 limit 1",
            (service, key.as_slice()),
            |row| row.get(0),
        )
    }

    /// The appliance's own incident of this key: open, or resolved by hand and held.
    pub fn find_own(&self, key: &[u8; 16]) -> Result<Option<IncidentId>> {
        self.one(
            "select id from incidents where service_id is null and dedup_key = ?1 and status < 2
             union all
             select i.id from timers t join incidents i on i.id = t.subject
             where t.kind = 'hold_end' and i.service_id is null and i.dedup_key = ?1 limit 1",
            [key.as_slice()],
            |row| row.get(0),
        )
    }

    /// Another open incident that has the key of this one.
    pub fn find_rival(&self, id: IncidentId) -> Result<Option<IncidentId>> {
        let key =
            self.one("select service_id, dedup_key from incidents where id = ?1", [id], |row| {
                Ok((row.get::<_, Option<ServiceId>>(0)?, row.get::<_, [u8; 16]>(1)?))
            })?;
        match key {
            Some((Some(service), key)) => {
                Ok(self.find_open(service, &key)?.filter(|other| *other != id))
            }
            _ => Ok(None),
        }
    }

    /// The last incident of `key` that its source resolved after `since`.
    pub fn find_recent(
        &self,
        service: ServiceId,
        key: &[u8; 16],
        since: Timestamp,
    ) -> Result<Option<IncidentId>> {
        self.one(
            "select id from incidents
             where service_id = ?1 and dedup_key = ?2 and recent = 1 and resolved_at > ?3
             order by id desc limit 1",
            (service, key.as_slice(), ms(since)),
            |row| row.get(0),
        )
    }

    /// Was this person assigned to or paged for the incident, and since when?
    pub fn is_concerned(&self, user: UserId, incident: IncidentId) -> Result<bool> {
        self.one(
            "select 1 from incident_people where user_id = ?1 and incident_id = ?2",
            (user, incident),
            |_| Ok(()),
        )
        .map(|row| row.is_some())
    }

    /// Everybody who was assigned to or paged for the incident.
    pub fn people_of(&self, incident: IncidentId) -> Result<Vec<UserId>> {
        self.all("select user_id from incident_people where incident_id = ?1", [incident], |row| {
            row.get(0)
        })
    }

    /// Open incidents of `team` (of all teams if none) that `user` is assigned to.
    pub fn open_of(&self, user: UserId, team: Option<TeamId>) -> Result<Vec<IncidentId>> {
        self.all(
            "select i.id from incident_people p join incidents i on i.id = p.incident_id
             where p.user_id = ?1 and p.assigned = 1 and i.status < 2
             and (?2 is null or i.team_id = ?2)",
            (user, team),
            |row| row.get(0),
        )
    }

    /// Open incidents of a team (of all, if none) of which nobody could be told.
    pub fn untold(&self, team: Option<TeamId>) -> Result<u64> {
        self.one(
            "select count(*) from incidents where (?1 is null or team_id = ?1) and need = 0
             and status < 2",
            [team],
            |row| row.get(0),
        )
        .map(Option::unwrap_or_default)
    }

    /// How many incidents are open, by team, status and urgency.
    pub fn open_counts(&self) -> Result<Vec<Open>> {
        self.all(
            "select t.slug, json_extract(i.doc, '$.status'), json_extract(i.doc, '$.urgency'),
                count(*)
             from incidents i join teams t on t.id = i.team_id where i.status < 2
             group by 1, 2, 3",
            [],
            |row| {
                Ok(Open {
                    team: row.get(0)?,
                    status: row.get(1)?,
                    urgency: row.get(2)?,
                    count: row.get(3)?,
                })
            },
        )
    }
}

impl Write<'_> {
    /// Opens an incident and logs it. Gives it its id; its url is `base` and the id.
    pub fn open_incident(
        &mut self,
        new: NewIncident<'_>,
        actor: &Actor,
        base: &str,
    ) -> Result<Incident> {
        let NewIncident { mut incident, key } = new;
        self.counters.incident += 1;
        incident.id = IncidentId(self.counters.incident);
        incident.url = format!("{base}/incidents/{}", incident.id);
        let seq = self.next_seq();
        incident.seq = seq;
        let doc = to_json(&incident)?;
        self.run(
            "insert into incidents (id, team_id, service_id, dedup_key, status, need,
                created_at, alert_count, firing_count, doc, memory)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            (
                incident.id,
                incident.team.id,
                incident.service.as_ref().map(|service| service.id),
                key.hash.as_slice(),
                status_code(incident.status),
                need(&incident),
                ms(incident.created_at),
                incident.alert_count,
                incident.firing_count,
                &doc,
                memory_json(&incident),
            ),
        )?;
        // A key that a merge gave away belongs to the newest incident that was opened for it.
        self.run(
            "update incidents set key_given_to = null where service_id = ?1 and dedup_key = ?2
             and key_given_to is not null",
            (incident.service.as_ref().map(|service| service.id), key.hash.as_slice()),
        )?;
        for (kind, due_at) in incident.deadlines() {
            due_at.map_or(Ok(()), |due_at| self.set_timer(kind, incident.id.0, due_at))?;
        }
        self.log_event(&incident, &Change::Created, actor, &doc, &[])?;
        Ok(incident)
    }

    /// Makes a change: applies it, saves the incident, sets its timers, logs the event.
    pub fn append(
        &mut self,
        incident: &mut Incident,
        change: Change,
        actor: &Actor,
    ) -> Result<Seq> {
        let seq = self.next_seq();
        let change = match change {
            Change::NoteAdded { mut note } => {
                note.id = seq;
                Change::NoteAdded { note }
            }
            change => change,
        };
        let (timers, assignees) = (incident.deadlines(), incident.assignees.clone());
        incident.apply(&change, actor, self.now());
        incident.seq = seq;
        (incident.alert_count, incident.firing_count) = self.counts(incident.id)?;
        let doc = to_json(incident)?;
        self.prepared(
            "update incidents set status = :status, need = :need, recent = :recent,
                    resolved_at = :resolved_at, doc = :doc, memory = :memory where id = :id",
        )
        .and_then(|mut statement| {
            statement.execute(named_params! {
                ":status": status_code(incident.status),
                ":need": need(incident),
                ":recent": is_recent(incident),
                ":resolved_at": ms_or_null(incident.resolved_at),
                ":doc": doc,
                ":memory": memory_json(incident),
                ":id": incident.id,
            })
        })
        .map_err(super::sql::failed)?;
        if incident.assignees != assignees {
            self.save_assignees(incident)?;
        }
        self.sync_timers(incident, &timers)?;
        let people = self.people_of(incident.id)?;
        self.log_event(incident, &change, actor, &doc, &people)?;
        Ok(seq)
    }

    /// Saves what an incident remembers for its own rules; clients see none of it.
    pub fn save_memory(&mut self, incident: &Incident, before: &Incident) -> Result<()> {
        if incident.memory == before.memory {
            return Ok(());
        }
        self.run(
            "update incidents set memory = ?2 where id = ?1",
            (incident.id, memory_json(incident)),
        )?;
        self.sync_timers(incident, &before.deadlines())
    }

    /// Saves what clients see of paging that makes no event: whom a page has reached, a step whose
    /// time is known now. It is in the next event.
    pub fn save_paging(&mut self, incident: &mut Incident, before: &Incident) -> Result<()> {
        incident.show_ladder();
        self.run(
            "update incidents set need = ?2, doc = ?3, memory = ?4 where id = ?1",
            (incident.id, need(incident), to_json(incident)?, memory_json(incident)),
        )?;
        self.sync_timers(incident, &before.deadlines())
    }

    fn sync_timers(
        &self,
        incident: &Incident,
        before: &[(crate::domain::TimerKind, Option<Timestamp>); DEADLINES],
    ) -> Result<()> {
        for ((kind, was), (_, is)) in before.iter().zip(incident.deadlines()) {
            match is {
                _ if *was == is => {}
                Some(due_at) => self.set_timer(*kind, incident.id.0, due_at)?,
                None => self.clear_timer(*kind, incident.id.0)?,
            }
        }
        Ok(())
    }

    fn counts(&self, id: IncidentId) -> Result<(u64, u64)> {
        self.one("select alert_count, firing_count from incidents where id = ?1", [id], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .ok_or_else(|| Error::not_found(format_args!("Incident {id}")))
    }

    /// Counters make no event: they stand beside the incident.
    pub fn count_alert(&self, id: IncidentId, reported: i64, firing: i64) -> Result<()> {
        self.run(
            "update incidents set alert_count = alert_count + ?2, firing_count = firing_count + ?3
             where id = ?1",
            (id, reported, firing),
        )
        .map(|_| ())
    }

    /// All that `from` has goes to `to`: its alerts with their counts, and while `to` is open its
    /// key, with those that were given to it before.
    pub fn hand_over(&self, from: IncidentId, to: IncidentId) -> Result<()> {
        self.run("update alerts set incident_id = ?2 where incident_id = ?1", (from, to))?;
        let (reported, firing) = self.counts(from)?;
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.count_alert(from, -signed(reported), -signed(firing))?;
        self.count_alert(to, signed(reported), signed(firing))?;
        self.run(
            "update incidents set key_given_to = ?2 where id = ?1 or key_given_to = ?1",
            (from, to),
        )
        .map(|_| ())
    }

    fn save_assignees(&self, incident: &Incident) -> Result<()> {
        self.run("update incident_people set assigned = 0 where incident_id = ?1", [incident.id])?;
        for UserRef { id, .. } in &incident.assignees {
            self.run(
                "insert into incident_people (user_id, incident_id, assigned, since)
                 values (?1, ?2, 1, ?3)
                 on conflict (user_id, incident_id) do update set assigned = 1",
                (*id, incident.id, incident.seq),
            )?;
        }
        Ok(())
    }

    /// A removed person loses what he had by being assigned or paged.
    pub fn forget_person(&self, user: UserId, team: Option<TeamId>) -> Result<()> {
        self.run(
            "delete from incident_people where user_id = ?1 and (?2 is null or incident_id in
                (select id from incidents where team_id = ?2))",
            (user, team),
        )
        .map(|_| ())
    }

    /// Lets go of what no longer decides where a firing goes; returns how many rows.
    pub fn forget_recent(&self, before: Timestamp, limit: u32) -> Result<usize> {
        let incidents = self.run(
            "update incidents set recent = 0 where id in
                (select id from incidents where recent = 1 and resolved_at < ?1 limit ?2)",
            (ms(before), limit),
        )?;
        let alerts = self.run(
            "update alerts set current = 0 where id in (select id from alerts
                where current = 1 and ended_at is not null and ended_at < ?1
                and ended_by = 'source' and late = 0 limit ?2)",
            (ms(before), limit),
        )?;
        Ok(incidents + alerts)
    }
}

fn memory_json(incident: &Incident) -> Option<String> {
    (incident.memory != crate::domain::incident::Memory::default())
        .then(|| serde_json::to_string(&incident.memory).ok())
        .flatten()
}

/// For lists: an incident and its place in the order.
pub(super) fn placed(row: &Row<'_>) -> rusqlite::Result<(Incident, i64)> {
    Ok((incident_row(row)?, row.get(8)?))
}

/// A team, as named inside other things.
pub(super) fn team_ref(row: &Row<'_>, from: usize) -> rusqlite::Result<TeamRef> {
    Ok(TeamRef { id: row.get(from)?, slug: row.get(from + 1)?, name: row.get(from + 2)? })
}
