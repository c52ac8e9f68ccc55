//! Integrations: inbound keys, stored hashed, and what intake needs behind them.
use jiff::Timestamp;
use rusqlite::Row;

use super::incidents::team_ref;
use super::sql::{Read, Write, exists, json, ms, time, time_or_null};
use crate::domain::service::ServiceRef;
use crate::domain::user::TeamRef;
use crate::domain::{IncidentId, IntegrationId, Service, ServiceId, TeamId};
use crate::error::{Error, Result};

/// An integration with its service: everything that intake asks before it decides.
#[derive(Clone, Debug)]
pub struct IncidentSource {
    pub id: IntegrationId,
    pub name: String,
    pub service: Service,
    pub refreshes: i64,
    pub last_received_at: Option<Timestamp>,
    /// The open incident about its silence.
    pub silent_incident: Option<IncidentId>,
}

/// An integration as listed.
#[derive(Clone, Debug)]
pub struct IntegrationRow {
    pub id: IntegrationId,
    pub name: String,
    pub service: ServiceRef,
    pub team: TeamRef,
    pub key_hash: [u8; 32],
    pub created_at: Timestamp,
    pub last_received_at: Option<Timestamp>,
    pub last_rejected_at: Option<Timestamp>,
    pub last_rejection: Option<String>,
}

const SOURCE: &str = "select n.id, n.name, n.refreshes, n.last_received_at, n.silent_incident_id,
        s.id, s.slug, s.name, s.rules, t.id, t.slug, t.name, s.archived_at is not null
     from integrations n join services s on s.id = n.service_id join teams t on t.id = s.team_id";

fn source(row: &Row<'_>) -> rusqlite::Result<IncidentSource> {
    Ok(IncidentSource {
        id: row.get(0)?,
        name: row.get(1)?,
        refreshes: row.get(2)?,
        last_received_at: time_or_null(row, 3)?,
        silent_incident: row.get(4)?,
        service: Service {
            id: row.get(5)?,
            slug: row.get(6)?,
            name: row.get(7)?,
            rules: json(row, 8)?,
            team: team_ref(row, 9)?,
            archived: row.get(12)?,
        },
    })
}

const INTEGRATION: &str = "select n.id, n.name, n.key_hash, n.created_at, n.last_received_at,
        n.last_rejected_at, n.last_rejection, s.id, s.slug, s.name, t.id, t.slug, t.name
     from integrations n join services s on s.id = n.service_id join teams t on t.id = s.team_id";

fn integration(row: &Row<'_>) -> rusqlite::Result<IntegrationRow> {
    Ok(IntegrationRow {
        id: row.get(0)?,
        name: row.get(1)?,
        key_hash: row.get(2)?,
        created_at: time(row, 3)?,
        last_received_at: time_or_null(row, 4)?,
        last_rejected_at: time_or_null(row, 5)?,
        last_rejection: row.get(6)?,
        service: ServiceRef { id: row.get(7)?, slug: row.get(8)?, name: row.get(9)? },
        team: team_ref(row, 10)?,
    })
}

impl Read<'_> {
    /// When a sender of this team last sent something.
    pub fn last_heard(&self, team: TeamId) -> Result<Option<Timestamp>> {
        self.one(
            "select max(n.last_received_at) from integrations n
             join services s on s.id = n.service_id where s.team_id = ?1",
            [team],
            |row| time_or_null(row, 0),
        )
        .map(Option::flatten)
    }

    /// The keys of an archived service are dead.
    pub fn find_source(&self, key_hash: &[u8; 32]) -> Result<Option<IncidentSource>> {
        self.one(
            &format!("{SOURCE} where n.key_hash = ?1 and s.archived_at is null"),
            [key_hash.as_slice()],
            source,
        )
    }

    pub fn find_source_by_id(&self, id: IntegrationId) -> Result<Option<IncidentSource>> {
        self.one(&format!("{SOURCE} where n.id = ?1"), [id], source)
    }

    pub fn find_integration(&self, id: IntegrationId) -> Result<Option<IntegrationRow>> {
        self.one(&format!("{INTEGRATION} where n.id = ?1"), [id], integration)
    }

    pub fn find_integration_named(
        &self,
        service: ServiceId,
        name: &str,
    ) -> Result<Option<IntegrationRow>> {
        let sql = format!("{INTEGRATION} where n.service_id = ?1 and n.name = ?2");
        self.one(&sql, (service, name), integration)
    }

    /// Those of services that are not archived.
    pub fn integrations(&self) -> Result<Vec<IntegrationRow>> {
        let sql = format!("{INTEGRATION} where s.archived_at is null order by s.slug, n.name");
        self.all(&sql, [], integration)
    }
}

fn key_is_taken() -> Error {
    Error::refused("This key belongs to another integration.").hint("Choose another key.")
}

impl Write<'_> {
    pub fn insert_integration(
        &self,
        service: ServiceId,
        name: &str,
        key_hash: &[u8; 32],
    ) -> Result<IntegrationId> {
        self.insert_free(
            "insert into integrations (service_id, name, key_hash, created_at)
                 values (?1, ?2, ?3, ?4)",
            (service, name, key_hash.as_slice(), ms(self.now())),
            key_is_taken,
        )
        .map(IntegrationId)
    }

    pub fn update_integration_key(&self, id: IntegrationId, key_hash: &[u8; 32]) -> Result<()> {
        self.run_free(
            "update integrations set key_hash = ?2 where id = ?1",
            (id, key_hash.as_slice()),
            key_is_taken,
        )
    }

    pub fn rename_integration(&self, id: IntegrationId, name: &str) -> Result<()> {
        self.run_free("update integrations set name = ?2 where id = ?1", (id, name), || {
            exists("integration", name)
        })
    }

    /// Its payloads go too; the alerts that it sent stay.
    pub fn delete_integration(&self, id: IntegrationId) -> Result<()> {
        self.run("delete from integrations where id = ?1", [id]).map(|_| ())
    }

    /// It sent something; `refreshed` if that named an alert which fires already.
    pub fn touch_integration(&self, id: IntegrationId, refreshed: bool) -> Result<()> {
        self.run(
            "update integrations set last_received_at = ?2, refreshes = refreshes + ?3
             where id = ?1",
            (id, ms(self.now()), refreshed),
        )
        .map(|_| ())
    }

    pub fn reject_integration(&self, id: IntegrationId, why: &str) -> Result<()> {
        self.run(
            "update integrations set last_rejected_at = ?2, last_rejection = ?3 where id = ?1",
            (id, ms(self.now()), why),
        )
        .map(|_| ())
    }

    pub fn set_silent_incident(
        &self,
        id: IntegrationId,
        incident: Option<IncidentId>,
    ) -> Result<()> {
        self.run("update integrations set silent_incident_id = ?2 where id = ?1", (id, incident))
            .map(|_| ())
    }
}
