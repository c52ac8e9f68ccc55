//! Lists of incidents: keyset pages, one indexed query a team, merged here.
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::Value;

use super::incidents::{COLUMNS, TABLES, cursor_after, placed};
use super::sql::{Read, ms};
use crate::domain::matcher::{NoMatcher, Subject};
use crate::domain::{Incident, Matcher, ServiceId, Status, TeamId, Urgency, UserId};
use crate::error::{Error, Result};

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// What needs a human first, oldest first inside each.
    #[default]
    Need,
    /// Newest first.
    New,
}

/// What a person was assigned to or paged for and may see, in whatever team: all that is open or
/// was resolved after this.
#[derive(Clone, Copy, Debug)]
pub struct Concern {
    pub user: UserId,
    pub resolved_after: Timestamp,
}

/// What to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub teams: Vec<TeamId>,
    /// Also what this person was assigned to or paged for, in whatever team.
    pub concerns: Option<Concern>,
    /// None: all.
    pub statuses: Option<Vec<Status>>,
    pub service: Option<ServiceId>,
    pub assignee: Option<UserId>,
    pub urgency: Option<Urgency>,
    /// Text in title, id or service.
    pub text: Option<String>,
    pub matchers: Vec<Matcher>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub sort: Sort,
    pub limit: u32,
    pub cursor: Option<String>,
}

/// A place in a list: (need, id).
#[derive(Clone, Copy)]
struct Place(i64, i64);

impl Place {
    fn parse(cursor: &str) -> Result<Self> {
        cursor
            .split_once('-')
            .and_then(|(need, id)| Some(Self(need.parse().ok()?, id.parse().ok()?)))
            .ok_or_else(|| Error::invalid("cursor", "is not one that a list gave"))
    }
}

/// Conditions with their parameters, built together so that no value becomes SQL.
#[derive(Default)]
struct Conditions {
    sql: String,
    values: Vec<Value>,
}

impl Conditions {
    fn and(&mut self, sql: &str, values: impl IntoIterator<Item = Value>) {
        self.sql.push_str(" and ");
        self.sql.push_str(sql);
        self.values.extend(values);
    }
}

/// Open and resolved incidents lie in different indexes, so a list asks for each apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    Open,
    Resolved,
}

/// What `need` is of what is resolved.
const HISTORY: i64 = 9;

impl Filter {
    fn wants(&self, half: Half) -> bool {
        self.statuses.as_ref().is_none_or(|statuses| {
            statuses.iter().any(|status| (*status == Status::Resolved) == (half == Half::Resolved))
        })
    }

    /// Conditions and order of one half; none if nothing of it comes after the cursor.
    fn half(&self, half: Half, after: Option<Place>) -> Option<(Conditions, &'static str)> {
        let mut all = Conditions::default();
        // Literally so: the partial indexes are used only then.
        all.and(if half == Half::Open { "i.status < 2" } else { "i.status = 2" }, []);
        let order = match (self.sort, half, after) {
            (Sort::Need, Half::Open, Some(Place(HISTORY, _))) => return None,
            (Sort::Need, Half::Open, Some(Place(need, id))) => {
                all.and("(i.need, i.id) > (?, ?)", [need.into(), id.into()]);
                "i.need, i.id"
            }
            (Sort::Need, Half::Open, None) => "i.need, i.id",
            (Sort::New, _, Some(Place(_, id))) | (Sort::Need, _, Some(Place(HISTORY, id))) => {
                all.and("i.id < ?", [id.into()]);
                "i.id desc"
            }
            _ => "i.id desc",
        };
        self.narrow(&mut all);
        Some((all, order))
    }

    fn narrow(&self, all: &mut Conditions) {
        if let Some(statuses) = &self.statuses {
            let marks = vec!["?"; statuses.len()].join(", ");
            all.and(
                &format!("i.status in ({marks})"),
                statuses.iter().map(|status| Value::from(*status as i64)),
            );
        }
        if let Some(service) = self.service {
            all.and("i.service_id = ?", [service.0.into()]);
        }
        if let Some(user) = self.assignee {
            all.and(
                "exists (select 1 from incident_people p where p.incident_id = i.id
                    and p.user_id = ? and p.assigned = 1)",
                [user.0.into()],
            );
        }
        if let Some(urgency) = self.urgency {
            all.and("json_extract(i.doc, '$.urgency') = ?", [urgency.word().to_owned().into()]);
        }
        if let Some(text) = &self.text {
            let lower = text.to_lowercase();
            let id = lower.trim_start_matches('#').to_owned();
            all.and(
                "(instr(lower(json_extract(i.doc, '$.title')), ?) > 0 or cast(i.id as text) = ?
                    or instr(lower(coalesce(s.name, '') || ' ' || coalesce(s.slug, '')), ?) > 0)",
                [lower.clone().into(), id.into(), lower.into()],
            );
        }
        for matcher in &self.matchers {
            let text = matcher.to_string().into();
            match matcher.subject() {
                Subject::Label(name) => all.and(
                    "accepts(?, (select l.value from json_each(i.doc, '$.labels') l
                        where l.key = ?))",
                    [text, name.clone().into()],
                ),
                Subject::Service => all.and("accepts(?, s.slug)", [text]),
                Subject::Team => all.and("accepts(?, t.slug)", [text]),
                Subject::Severity => {
                    all.and("accepts(?, json_extract(i.doc, '$.severity'))", [text]);
                }
            }
        }
        if let Some(since) = self.since {
            all.and("i.created_at >= ?", [ms(since).into()]);
        }
        if let Some(until) = self.until {
            all.and("i.created_at <= ?", [ms(until).into()]);
        }
    }
}

impl Read<'_> {
    /// A page of incidents, and the cursor of the next if there is more.
    pub fn incidents(&self, filter: &Filter) -> Result<(Vec<Incident>, Option<String>)> {
        let after = filter.cursor.as_deref().map(Place::parse).transpose()?;
        let mut found = Vec::new();
        for half in [Half::Open, Half::Resolved] {
            if !filter.wants(half) {
                continue;
            }
            let Some((conditions, order)) = filter.half(half, after) else {
                continue;
            };
            let fetch = |within: &str, first: i64| -> Result<Vec<(Incident, i64)>> {
                let sql = format!(
                    "select {COLUMNS}, i.need from {TABLES}
                     where {within}{} order by {order} limit {}",
                    conditions.sql,
                    filter.limit + 1,
                );
                let values = std::iter::once(first.into()).chain(conditions.values.iter().cloned());
                self.all(&sql, rusqlite::params_from_iter(values), placed)
            };
            for team in &filter.teams {
                found.extend(fetch("i.team_id = ?", team.0)?);
            }
            if let Some(Concern { user, resolved_after }) = filter.concerns {
                let own = format!(
                    "i.id in (select incident_id from incident_people where user_id = ?)
                     and (i.resolved_at is null or i.resolved_at > {})",
                    ms(resolved_after)
                );
                found.extend(fetch(&own, user.0)?);
            }
        }
        match filter.sort {
            Sort::Need => found.sort_by_key(|(incident, need)| match *need {
                HISTORY => (HISTORY, -incident.id.0),
                need => (need, incident.id.0),
            }),
            Sort::New => found.sort_by_key(|(incident, _)| std::cmp::Reverse(incident.id)),
        }
        found.dedup_by_key(|(incident, _)| incident.id);
        let more = found.len() > filter.limit as usize;
        found.truncate(filter.limit as usize);
        let next = found.last().filter(|_| more).map(|(incident, _)| cursor_after(incident));
        Ok((found.into_iter().map(|(incident, _)| incident).collect(), next))
    }
}

/// Matchers that stay compiled.
const KEPT: usize = 256;
static MATCHERS: LazyLock<Mutex<HashMap<String, Matcher>>> = LazyLock::new(Mutex::default);

/// A matcher as it was written; compiling its regex takes longer than all that it is asked.
pub(super) fn matcher(text: &str) -> Result<Matcher, NoMatcher> {
    let mut kept = MATCHERS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(matcher) = kept.get(text) {
        return Ok(matcher.clone());
    }
    let matcher: Matcher = text.parse()?;
    if kept.len() >= KEPT {
        kept.clear();
    }
    kept.insert(text.to_owned(), matcher.clone());
    Ok(matcher)
}

/// Teaches SQL to ask a matcher: `accepts(matcher, value)`; no value is an empty one.
pub(super) fn teach_matchers(conn: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_DIRECTONLY;
    conn.create_scalar_function("accepts", 2, flags, move |call| {
        let matcher = call.get_or_create_aux(0, |text| {
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(matcher(text.as_str()?)?)
        })?;
        let value = call.get_raw(1).as_str_or_null()?;
        Ok(matcher.accepts(value.unwrap_or_default()))
    })
}

#[cfg(test)]
mod tests {
    use super::super::sql::Read;

    /// The partial indexes are used only if a query says literally `status < 2`.
    #[test]
    fn the_hot_queries_use_their_indexes() {
        let mut conn = rusqlite::Connection::open_in_memory().expect("memory");
        let schema = include_str!("../../migrations/01-core/up.sql");
        conn.execute_batch(schema).expect("schema");
        let transaction = conn.transaction().expect("transaction");
        let read = Read::new(&transaction);
        for (sql, index) in [
            (
                "select id from incidents where service_id = 1 and dedup_key = x'00' and status < 2",
                "incidents_open_key",
            ),
            (
                "select id from incidents i where i.team_id = 1 and i.status < 2
              order by i.need, i.id limit 50",
                "incidents_need",
            ),
            (
                "select id from incidents i where i.team_id = 1 and i.status < 2
              order by i.id desc limit 50",
                "incidents_open",
            ),
            (
                "select id from incidents i where i.team_id = 1 and i.status = 2
              order by i.id desc limit 50",
                "incidents_resolved",
            ),
            (
                "select id from alerts where service_id = 1 and fingerprint = x'00' and current = 1",
                "alerts_current",
            ),
            (
                "select id from incidents where service_id = 1 and dedup_key = x'00' and recent = 1
              and resolved_at > 5 order by id desc limit 1",
                "incidents_recent_key",
            ),
            ("select seq from events where team_id = 1 order by seq desc limit 1", "events_team"),
            (
                "select seq from events where incident_id = 1 and seq > 0 order by seq limit 9",
                "events_incident",
            ),
        ] {
            let plan: Vec<String> =
                read.all(&format!("explain query plan {sql}"), [], |row| row.get(3)).expect("plan");
            let plan = plan.join("; ");
            assert!(plan.contains(&format!("INDEX {index} ")), "{sql}\n{plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{sql}\n{plan}");
        }
    }
}
