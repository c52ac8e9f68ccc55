//! Services: what is watched, and its rules.
use rusqlite::Row;

use super::incidents::team_ref;
use super::sql::{Read, Write, exists, json, ms, taken, to_json};
use crate::domain::service::Rules;
use crate::domain::{Service, ServiceId, TeamId};
use crate::error::{Error, Result};

const SERVICE: &str = "select s.id, s.slug, s.name, s.rules, t.id, t.slug, t.name
     from services s join teams t on t.id = s.team_id";

fn service(row: &Row<'_>) -> rusqlite::Result<Service> {
    Ok(Service {
        id: row.get(0)?,
        slug: row.get(1)?,
        name: row.get(2)?,
        rules: json(row, 3)?,
        team: team_ref(row, 4)?,
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

    pub fn services(&self) -> Result<Vec<Service>> {
        self.all(&format!("{SERVICE} order by s.slug"), [], service)
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
        let inserted = self
            .conn
            .prepare_cached(
                "insert into services (team_id, slug, name, rules, created_at)
                 values (?1, ?2, ?3, ?4, ?5)",
            )
            .and_then(|mut statement| statement.insert((team, slug, name, rules, ms(self.now()))));
        taken(inserted, || exists("service", slug)).map(ServiceId)
    }

    pub fn update_service(&self, id: ServiceId, name: &str, rules: &Rules) -> Result<()> {
        self.run(
            "update services set name = ?2, rules = ?3 where id = ?1",
            (id, name, to_json(rules)?),
        )
        .map(|_| ())
    }
}
