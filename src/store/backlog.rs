//! What a subscriber missed: read in one transaction with the head that it is true for.
use super::events::{LogRow, log_row};
use super::lists::{Concern, Filter};
use super::sql::{Read, ms};
use crate::domain::{Incident, Seq, Status, TeamId};
use crate::error::Result;

/// More events than this back are answered by a snapshot.
pub const MAX_EVENTS: u32 = 2_000;
/// More bytes than this back, likewise.
pub const MAX_BYTES: usize = 1024 * 1024;
/// Most incidents of a snapshot.
pub const MAX_SNAPSHOT: u32 = 200;

/// What a subscriber wants to see, and may.
#[derive(Clone, Debug, Default)]
pub struct Interest {
    /// Every team's.
    pub everything: bool,
    pub teams: Vec<TeamId>,
    /// Also what concerns this person, in whatever team.
    pub user: Option<Concern>,
}

/// What came after a cursor, or the state as it is.
#[derive(Debug)]
pub enum Backlog {
    Events(Vec<LogRow>),
    Snapshot { incidents: Vec<Incident>, next: Option<String> },
}

impl Read<'_> {
    /// Everything after `after`, if that is not too much.
    pub fn missed(&self, interest: &Interest, after: Seq) -> Result<Option<Vec<LogRow>>> {
        let rows = self.page_of_events(interest, after, MAX_EVENTS + 1)?;
        let bytes: usize = rows.iter().map(|row| row.json.len()).sum();
        let few = rows.len() <= MAX_EVENTS as usize && bytes <= MAX_BYTES;
        Ok(few.then_some(rows))
    }

    /// The first `limit` events after `after`, in order.
    pub fn page_of_events(
        &self,
        interest: &Interest,
        after: Seq,
        limit: u32,
    ) -> Result<Vec<LogRow>> {
        const COLUMNS: &str = "e.seq, e.team_id, e.incident_id, e.type, e.json, e.people";
        if interest.everything {
            return self.all(
                &format!(
                    "select {COLUMNS} from events e where e.seq > ?1 and e.incident_id is not null
                     order by e.seq limit ?2"
                ),
                (after, limit),
                log_row,
            );
        }
        let mut rows = Vec::new();
        for team in &interest.teams {
            rows.extend(self.all(
                &format!(
                    "select {COLUMNS} from events e where e.team_id = ?1 and e.seq > ?2
                     order by e.seq limit ?3"
                ),
                (team, after, limit),
                log_row,
            )?);
        }
        if let Some(Concern { user, resolved_after }) = interest.user {
            rows.extend(self.all(
                &format!(
                    "select {COLUMNS} from incident_people p
                     join incidents i on i.id = p.incident_id
                     join events e on e.incident_id = p.incident_id
                     where p.user_id = ?1 and e.seq > ?2
                     and (i.resolved_at is null or i.resolved_at > ?4) order by e.seq limit ?3"
                ),
                (user, after, limit, ms(resolved_after)),
                log_row,
            )?);
        }
        rows.sort_by_key(|row| row.seq);
        rows.dedup_by_key(|row| row.seq);
        rows.truncate(limit as usize);
        Ok(rows)
    }

    /// Open incidents in order of need.
    pub fn snapshot(&self, interest: &Interest) -> Result<Backlog> {
        let teams = if interest.everything {
            self.teams()?.into_iter().map(|team| team.id).collect()
        } else {
            interest.teams.clone()
        };
        let (incidents, next) = self.incidents(&Filter {
            teams,
            concerns: interest.user,
            statuses: Some(vec![Status::Triggered, Status::Acknowledged]),
            limit: MAX_SNAPSHOT,
            ..Filter::default()
        })?;
        Ok(Backlog::Snapshot { incidents, next })
    }
}
