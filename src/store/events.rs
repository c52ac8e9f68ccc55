//! The log: appended in the transaction that made the change, read verbatim.
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::incidents::team_ref;
use super::sql::{Read, Write, to_json};
use crate::domain::event::{About, Record};
use crate::domain::user::TeamRef;
use crate::domain::{Actor, Change, Incident, IncidentId, Seq, TeamId, UserId};
use crate::error::Result;

/// A row of the log as followers read it.
#[derive(Clone, Debug)]
pub struct LogRow {
    pub seq: Seq,
    pub team: Option<TeamId>,
    pub incident: Option<IncidentId>,
    /// Whom the incident concerns, in whatever team.
    pub people: Vec<UserId>,
    /// The Socket.IO event's name.
    pub name: String,
    /// What clients read, verbatim.
    pub json: Arc<str>,
}

/// An incident's event on its way into the log; the incident's own JSON comes last.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventRow<'a> {
    seq: Seq,
    prev: Option<Seq>,
    at: Timestamp,
    actor: &'a Actor,
    incident_id: IncidentId,
    #[serde(flatten)]
    change: &'a Change,
}

#[derive(Serialize)]
struct RecordRow<'a> {
    seq: Seq,
    at: Timestamp,
    actor: &'a Actor,
    #[serde(flatten)]
    record: &'a Record,
    about: About,
}

pub(super) fn log_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<LogRow> {
    Ok(LogRow {
        seq: row.get(0)?,
        team: row.get(1)?,
        incident: row.get(2)?,
        name: row.get(3)?,
        json: row.get_ref(4)?.as_str()?.into(),
        people: match row.get_ref(5)?.as_str_or_null()? {
            Some(ids) => ids.split(',').filter_map(|id| id.parse().ok()).collect(),
            None => Vec::new(),
        },
    })
}

impl Read<'_> {
    /// The first event of a team after `seq`.
    pub fn next_event(&self, team: TeamId, seq: Seq) -> Result<Option<LogRow>> {
        self.one(
            "select seq, team_id, incident_id, type, json, people from events
             where team_id = ?1 and seq > ?2 order by seq limit 1",
            (team, seq),
            log_row,
        )
    }

    pub fn head(&self) -> Result<Seq> {
        self.one("select max(seq) from events", [], |row| row.get::<_, Option<Seq>>(0))
            .map(|head| head.flatten().unwrap_or_default())
    }

    /// Names for the ids of a record: later they may be others, or gone.
    fn about(&self, record: &Record) -> Result<About> {
        let Record::Access { change } = record else {
            return Ok(About { team: self.team_of(record)?, ..About::default() });
        };
        let (user, team, token) = change.about();
        Ok(About {
            user: match user {
                Some(user) => self.find_user(user)?.map(|user| user.reference()),
                None => None,
            },
            team: match team {
                Some(team) => self.find_team(&team.to_string())?.map(|team| team.reference()),
                None => None,
            },
            token: match token {
                Some(token) => self.token_name(token)?,
                None => None,
            },
        })
    }

    /// The team whose configuration a record is about, as far as the thing is still there.
    fn team_of(&self, record: &Record) -> Result<Option<TeamRef>> {
        let Record::Config { what, id, .. } = record else { return Ok(None) };
        self.one(
            "select t.id, t.slug, t.name from teams t where t.id = case ?1
                when 'team' then ?2
                when 'service' then (select team_id from services where id = ?2)
                when 'schedule' then (select team_id from schedules where id = ?2)
                when 'heartbeat' then (select s.team_id from services s
                    join heartbeats h on h.service_id = s.id where h.id = ?2)
                when 'integration' then (select s.team_id from services s
                    join integrations n on n.service_id = s.id where n.id = ?2)
             end",
            (what, id),
            |row| team_ref(row, 0),
        )
    }

    /// Cursors below this are answered by a snapshot: what came before may be gone.
    pub fn floor(&self) -> Result<Seq> {
        self.one("select value from meta where name = 'floor'", [], |row| row.get::<_, String>(0))
            .map(|floor| floor.and_then(|text| text.parse().ok()).unwrap_or_default())
    }

    pub fn events_after(&self, seq: Seq, limit: u32) -> Result<Vec<LogRow>> {
        self.all(
            "select seq, team_id, incident_id, type, json, people from events
             where seq > ?1 order by seq limit ?2",
            (seq, limit),
            log_row,
        )
    }

    /// An incident's events after `after`, oldest first.
    pub fn timeline(&self, incident: IncidentId, after: Seq, limit: u32) -> Result<Vec<LogRow>> {
        self.all(
            "select seq, team_id, incident_id, type, json, people from events
             where incident_id = ?1 and seq > ?2 order by seq limit ?3",
            (incident, after, limit),
            log_row,
        )
    }

    pub(super) fn last_seq_of_team(&self, team: TeamId) -> Result<Option<Seq>> {
        self.one(
            "select seq from events where team_id = ?1 order by seq desc limit 1",
            [team],
            |row| row.get(0),
        )
    }
}

impl Write<'_> {
    pub(super) fn next_seq(&mut self) -> Seq {
        self.counters.seq += 1;
        Seq(self.counters.seq)
    }

    pub(super) fn log_event(
        &mut self,
        incident: &Incident,
        change: &Change,
        actor: &Actor,
        doc: &str,
        people: &[UserId],
    ) -> Result<()> {
        let (seq, team) = (incident.seq, incident.team.id);
        let prev = match self.counters.last {
            Some((last, seq)) if last == team => Some(seq),
            _ => self.last_seq_of_team(team)?,
        };
        let mut json = to_json(&EventRow {
            seq,
            prev,
            at: self.now(),
            actor,
            incident_id: incident.id,
            change,
        })?;
        // `doc` was JSON a moment ago: it is put in as it is.
        json.truncate(json.len() - 1);
        json.extend([r#","incident":"#, doc, "}"]);
        let people: Vec<String> = people.iter().map(ToString::to_string).collect();
        let people = (!people.is_empty()).then(|| people.join(","));
        self.run(
            "insert into events (seq, team_id, incident_id, type, people, json)
             values (?1, ?2, ?3, ?4, ?5, ?6)",
            (seq, team, incident.id, change.name(), people, json),
        )?;
        self.counters.last = Some((team, seq));
        Ok(())
    }

    /// Cursors below `seq` are answered by a snapshot from now on.
    pub(super) fn raise_floor(&self, seq: Seq) -> Result<()> {
        self.run(
            "insert into meta (name, value) values ('floor', ?1)
             on conflict (name) do update set value = max(cast(value as integer), ?1)",
            [seq],
        )
        .map(|_| ())
    }

    /// Appends a change of access or configuration.
    pub fn record(&mut self, record: &Record, actor: &Actor) -> Result<Seq> {
        let seq = self.next_seq();
        let about = self.about(record)?;
        let json = to_json(&RecordRow { seq, at: self.now(), actor, record, about })?;
        self.run(
            "insert into events (seq, type, json) values (?1, ?2, ?3)",
            (seq, record.name(), json),
        )?;
        Ok(seq)
    }
}
