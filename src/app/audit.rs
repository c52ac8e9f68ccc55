//! The audit, told from the log.
use jiff::Timestamp;
use serde::Deserialize;

use super::{App, Caller};
use crate::api::audit::{AuditOrder, AuditQuery, Entry};
use crate::domain::event::{About, Record};
use crate::domain::{Actor, Event, Seq};
use crate::error::{Error, Result};
use crate::store::{AuditFilter, LogRow, Stretch};

impl App {
    /// Entries from `cursor` on, and where to go on then.
    ///
    /// # Errors
    /// `Forbidden` unless the caller is a platform admin.
    pub async fn audit(
        &self,
        caller: &Caller,
        query: AuditQuery,
        cursor: Option<Seq>,
        limit: u32,
    ) -> Result<(Vec<Entry>, Option<Seq>)> {
        caller.must_be_platform_admin()?;
        self.0
            .store
            .read(move |r| {
                let team = match &query.team {
                    None => None,
                    Some(name) => Some(r.team(name)?.id),
                };
                let filter = AuditFilter { actor: query.actor, team };
                let since = match query.since {
                    Some(since) => r.seq_before(since)?,
                    None => Seq::default(),
                };
                let after = query.after.unwrap_or_default().max(since);
                let stretch = match query.sort.unwrap_or(AuditOrder::Old) {
                    AuditOrder::Old => Stretch::Upwards(cursor.unwrap_or_default().max(after)),
                    AuditOrder::New => Stretch::Downwards(cursor.unwrap_or(Seq(i64::MAX)), after),
                };
                let (rows, next) = r.audit(&filter, stretch, limit)?;
                Ok((rows.iter().map(entry).collect::<Result<_>>()?, next))
            })
            .await
    }
}

#[derive(Deserialize)]
struct RecordRow {
    at: Timestamp,
    actor: Actor,
    #[serde(flatten)]
    record: Record,
    #[serde(default)]
    about: About,
}

fn entry(row: &LogRow) -> Result<Entry> {
    let (seq, kind) = (row.seq, row.name.clone());
    if row.team.is_none() {
        let RecordRow { at, actor, record, about } =
            serde_json::from_str(&row.json).map_err(Error::internal)?;
        let what = record.words(&about);
        let user = about.user.map(|user| user.username);
        let team = about.team.map(|team| team.slug);
        return Ok(Entry { seq, at, actor, kind, what, user, team, incident_id: None });
    }
    let Event { at, actor, incident_id, change, incident, .. } =
        serde_json::from_str(&row.json).map_err(Error::internal)?;
    Ok(Entry {
        seq,
        at,
        actor,
        kind,
        what: format!("{} ({}): {}", incident_id, incident.title, change.words()),
        user: None,
        team: Some(incident.team.slug),
        incident_id: Some(incident_id),
    })
}
