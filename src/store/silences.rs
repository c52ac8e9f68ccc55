//! Silences, and the alerts that they ask about. What is silenced is the domain's to say.
use jiff::Timestamp;
use rusqlite::Row;
use rusqlite::types::Value;

use super::incidents::team_ref;
use super::lists::matcher;
use super::sql::{Read, Write, exists, json, ms, ms_or_null, time, time_or_null, to_json};
use crate::domain::silence::{Silence, Windows};
use crate::domain::{Alert, AlertId, IncidentId, Labels, Severity, SilenceId, Span, TeamId};
use crate::error::{Error, Result};

const SILENCE: &str = "select s.id, s.matchers, s.reason, s.author, s.starts_at, s.ends_at,
     s.ended_at, s.rrule, s.duration_secs, s.time_zone, s.created_at, t.id, t.slug, t.name
     from silences s left join teams t on t.id = s.team_id";

fn silence(row: &Row<'_>) -> rusqlite::Result<Silence> {
    let starts_at = time(row, 4)?;
    let texts: Vec<String> = json(row, 1)?;
    let matchers = texts.iter().map(|text| matcher(text)).collect::<Result<_, _>>();
    let windows = match row.get::<_, Option<String>>(7)? {
        None => None,
        Some(rule) => {
            let rule = rule.parse().map_err(|why: String| unreadable(7, why))?;
            let (length, zone) = (Span::secs(row.get(8)?), row.get::<_, String>(9)?);
            let windows = Windows::new(rule, &zone, length, starts_at);
            Some(windows.ok_or_else(|| unreadable(9, format!("there is no time zone {zone}")))?)
        }
    };
    Ok(Silence {
        id: row.get(0)?,
        team: row.get::<_, Option<TeamId>>(11)?.map(|_| team_ref(row, 11)).transpose()?,
        matchers: matchers.map_err(|why| unreadable(1, why))?,
        reason: row.get(2)?,
        author: row.get(3)?,
        starts_at,
        ends_at: time_or_null(row, 5)?,
        ended_at: time_or_null(row, 6)?,
        windows,
        created_at: time(row, 10)?,
    })
}

fn unreadable(
    column: usize,
    why: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> rusqlite::Error {
    let kind = rusqlite::types::Type::Text;
    rusqlite::Error::FromSqlConversionFailure(column, kind, why.into())
}

/// A member that fires, as matchers see it.
pub struct Firing {
    pub id: AlertId,
    pub labels: Labels,
    /// The service's slug.
    pub service: String,
    pub severity: Severity,
}

impl Read<'_> {
    /// # Errors
    /// `NotFound` if there is none.
    pub fn silence(&self, id: SilenceId) -> Result<Silence> {
        self.find_silence(id)?.ok_or_else(|| Error::not_found(format_args!("Silence {id}")))
    }

    pub fn find_silence(&self, id: SilenceId) -> Result<Option<Silence>> {
        self.one(&format!("{SILENCE} where s.id = ?1"), [id], silence)
    }

    /// The one that a file calls so, unless somebody ended it.
    pub fn find_silence_called(&self, slug: &str) -> Result<Option<(String, Silence)>> {
        let sql = format!("{SILENCE} where s.slug = ?1 and s.ended_at is null");
        Ok(self.one(&sql, [slug], silence)?.map(|found| (slug.to_owned(), found)))
    }

    /// All of them, by their names.
    pub fn called_silences(&self) -> Result<Vec<(String, Silence)>> {
        let names: Vec<String> = self.all(
            "select slug from silences where slug is not null and ended_at is null order by slug",
            [],
            |row| row.get(0),
        )?;
        let mut found = Vec::new();
        for name in names {
            found.extend(self.find_silence_called(&name)?);
        }
        Ok(found)
    }

    /// Those of a team and of all teams that are not over: on, or to come.
    pub fn live_silences(&self, team: TeamId, now: Timestamp) -> Result<Vec<Silence>> {
        self.kept("silences", [team.0, now.as_second(), 0, 0], || {
            self.all(
                &format!(
                    "{SILENCE} where (s.team_id = ?1 or s.team_id is null) and s.ended_at is null
                     and (s.ends_at is null or s.ends_at > ?2)"
                ),
                (team, ms(now)),
                silence,
            )
        })
    }

    /// Those of `teams` (none: of every team) and of all teams, newest first, below `before`.
    /// Live: not over at `now`; else those that are.
    pub fn silences(
        &self,
        teams: Option<&[TeamId]>,
        live: bool,
        now: Timestamp,
        before: SilenceId,
        limit: u32,
    ) -> Result<Vec<Silence>> {
        let marks = vec!["?"; teams.map_or(0, <[TeamId]>::len)].join(", ");
        let within = match teams {
            None => String::new(),
            Some(_) => format!(" and (s.team_id is null or s.team_id in ({marks}))"),
        };
        let values = [Value::from(before.0), live.into(), ms(now).into()];
        let teams = teams.unwrap_or_default().iter().map(|team| Value::from(team.0));
        let values = values.into_iter().chain(teams).chain([limit.into()]);
        self.all(
            &format!(
                "{SILENCE} where s.id < ?1
                 and (s.ended_at is null and (s.ends_at is null or s.ends_at > ?3)) = ?2
                 {within} order by s.id desc limit ?"
            ),
            rusqlite::params_from_iter(values),
            silence,
        )
    }

    /// Open incidents of a team (none: of every team) above `after`, in their order.
    pub fn open_after(
        &self,
        team: Option<TeamId>,
        after: IncidentId,
        limit: usize,
    ) -> Result<Vec<IncidentId>> {
        let row = |row: &Row<'_>| row.get(0);
        match team {
            Some(team) => self.all(
                "select id from incidents where team_id = ?1 and status < 2 and id > ?2
                 order by id limit ?3",
                (team, after, limit),
                row,
            ),
            None => self.all(
                "select id from incidents where status < 2 and id > ?1 order by id limit ?2",
                (after, limit),
                row,
            ),
        }
    }

    /// Members that fire, above `after`, in their order.
    pub fn firing_after(
        &self,
        incident: IncidentId,
        after: AlertId,
        limit: usize,
    ) -> Result<Vec<Firing>> {
        self.all(
            "select a.id, a.doc, s.slug from alerts a join services s on s.id = a.service_id
             where a.incident_id = ?1 and a.ended_by is null and a.id > ?2 order by a.id limit ?3",
            (incident, after, limit),
            |row| {
                let Alert { labels, severity, .. } = json(row, 1)?;
                Ok(Firing { id: row.get(0)?, labels, service: row.get(2)?, severity })
            },
        )
    }

    /// Up to which incident the last edge of a silence has been followed.
    pub fn looked_at(&self, id: SilenceId) -> Result<IncidentId> {
        self.one("select looked_at from silences where id = ?1", [id], |row| row.get(0))
            .map(Option::unwrap_or_default)
    }
}

impl Write<'_> {
    /// Its own id is given to it.
    pub fn insert_silence(&self, new: &Silence) -> Result<SilenceId> {
        let matchers: Vec<String> = new.matchers.iter().map(ToString::to_string).collect();
        let windows = new.windows.as_ref();
        self.insert(
            "insert into silences (team_id, matchers, reason, author, starts_at, ends_at, rrule,
                duration_secs, time_zone, created_at)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            (
                new.team.as_ref().map(|team| team.id),
                to_json(&matchers)?,
                &new.reason,
                &new.author,
                ms(new.starts_at),
                ms_or_null(new.ends_at),
                windows.map(|windows| windows.rule.to_string()),
                windows.map(|windows| windows.length.as_secs()),
                windows.and_then(|windows| windows.zone.iana_name()),
                ms(new.created_at),
            ),
        )
        .map(SilenceId)
    }

    /// Sets what a file says of one; its incidents are all to be looked at anew.
    pub fn update_silence(&self, new: &Silence) -> Result<()> {
        let matchers: Vec<String> = new.matchers.iter().map(ToString::to_string).collect();
        let windows = new.windows.as_ref();
        self.run(
            "update silences set matchers = ?2, reason = ?3, author = ?4, starts_at = ?5,
                ends_at = ?6, rrule = ?7, duration_secs = ?8, time_zone = ?9, looked_at = 0
             where id = ?1",
            (
                new.id,
                to_json(&matchers)?,
                &new.reason,
                &new.author,
                ms(new.starts_at),
                ms_or_null(new.ends_at),
                windows.map(|windows| windows.rule.to_string()),
                windows.map(|windows| windows.length.as_secs()),
                windows.and_then(|windows| windows.zone.iana_name()),
            ),
        )
        .map(|_| ())
    }

    /// Gives it the name that it has in a file.
    pub fn call_silence(&self, id: SilenceId, slug: &str) -> Result<()> {
        self.run_free("update silences set slug = ?2 where id = ?1", (id, slug), || {
            exists("silence", slug)
        })
    }

    pub fn end_silence(&self, id: SilenceId) -> Result<()> {
        let ended = (id, ms(self.now()));
        self.run("update silences set ended_at = ?2, looked_at = 0 where id = ?1", ended)
            .map(|_| ())
    }

    pub fn note_looked_at(&self, id: SilenceId, incident: IncidentId) -> Result<()> {
        self.run("update silences set looked_at = ?2 where id = ?1", (id, incident)).map(|_| ())
    }
}
