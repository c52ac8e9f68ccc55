//! Services: what is watched, and its rules.
use rusqlite::Row;

use super::incidents::team_ref;
use super::sql::{Read, Write, exists, json, ms, to_json};
use crate::domain::service::Rules;
use crate::domain::{IncidentId, Service, ServiceId, TeamId};
use crate::error::{Error, Result};

const SERVICE: &str = "select s.id, s.slug, s.name, s.rules, t.id, t.slug, t.name,
        s.archived_at is not null
     from services s join teams t on t.id = s.team_id";

fn service(row: &Row<'_>) -> rusqlite::Result<Service> {
    Ok(Service {
        id: row.get(0)?,
        slug: row.get(1)?,
        name: row.get(2)?,
        rules: json(row, 3)?,
        team: team_ref(row, 4)?,
        archived: row.get(7)?,
    })
}

impl Read<'_> {
    /// A service by slug or by id.
    pub fn find_service(&self, name: &str) -> Result<Option<Service>> {
        let id = name.parse::<ServiceId>().ok();
        self.one(&format!("{SERVICE} where s.slug = ?1 or s.id = ?2"), (name, id), service)
    }

    /// # Errors
    /// `NotFound` if there is none.
    pub fn service(&self, name: &str) -> Result<Service> {
        self.find_service(name)?.ok_or_else(|| Error::not_found(format_args!("Service `{name}`")))
    }

    pub fn service_by_id(&self, id: ServiceId) -> Result<Service> {
        self.one(&format!("{SERVICE} where s.id = ?1"), [id], service)?
            .ok_or_else(|| Error::not_found(format_args!("Service {id}")))
    }

    /// All of them, archived ones too: their history can be read.
    pub fn services(&self) -> Result<Vec<Service>> {
        self.all(&format!("{SERVICE} order by s.slug"), [], service)
    }

    /// Some open incidents of a service.
    /// The first of the open ones, each with how many there are.
    pub fn some_open_of_service(&self, service: ServiceId) -> Result<Vec<(IncidentId, usize)>> {
        self.all(
            "select id, count(*) over () from incidents where service_id = ?1 and status < 2
             order by id limit 5",
            [service],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    }
}

impl Write<'_> {
    pub fn insert_service(
        &self,
        team: TeamId,
        slug: &str,
        name: &str,
        rules: &Rules,
    ) -> Result<ServiceId> {
        let rules = to_json(rules)?;
        self.insert_free(
            "insert into services (team_id, slug, name, rules, created_at)
                 values (?1, ?2, ?3, ?4, ?5)",
            (team, slug, name, rules, ms(self.now())),
            || exists("service", slug),
        )
        .map(ServiceId)
    }

    /// Sets all of a service, which is not archived from now on.
    pub fn update_service(
        &self,
        id: ServiceId,
        slug: &str,
        name: &str,
        rules: &Rules,
    ) -> Result<()> {
        let rules = to_json(rules)?;
        self.run_free(
            "update services set slug = ?2, name = ?3, rules = ?4, archived_at = null
                 where id = ?1",
            (id, slug, name, rules),
            || exists("service", slug),
        )
    }

    /// Ends a service: its keys are dead, and nothing brings an old incident of it back.
    pub fn archive_service(&self, id: ServiceId) -> Result<()> {
        self.run("update services set archived_at = ?2 where id = ?1", (id, ms(self.now())))?;
        for sql in [
            "delete from timers where kind = 'hold_end' and subject in
                (select t.subject from timers t join incidents i on i.id = t.subject
                 where t.kind = 'hold_end' and i.service_id = ?1)",
            "delete from timers where kind in ('expiry', 'late', 'stale') and subject in
                (select id from alerts where service_id = ?1 and current = 1)",
            "update alerts set current = 0, late = 0 where service_id = ?1 and current = 1",
            "update incidents set recent = 0 where service_id = ?1 and recent = 1",
        ] {
            self.run(sql, [id])?;
        }
        Ok(())
    }
}
