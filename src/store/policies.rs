//! Escalation policies, and which of them holds. Where a ladder leads is the domain's.
use rusqlite::Row;

use super::incidents::team_ref;
use super::sql::{Read, Write, exists, json, ms, to_json};
use crate::domain::policy::{Policy, PolicyRef, Target, default_slug};
use crate::domain::user::TeamRef;
use crate::domain::{PolicyId, ServiceId, TeamId};
use crate::error::{Error, Result};

/// A policy and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyRow {
    pub id: PolicyId,
    pub team: TeamRef,
    pub policy: Policy<Target>,
}

const POLICY: &str = "select p.id, p.slug, p.repeat, p.steps, coalesce(p.last_resort, 'null'),
        t.id, t.slug, t.name
     from policies p join teams t on t.id = p.team_id";

fn policy(row: &Row<'_>) -> rusqlite::Result<PolicyRow> {
    Ok(PolicyRow {
        id: row.get(0)?,
        team: team_ref(row, 5)?,
        policy: Policy {
            slug: row.get(1)?,
            repeat: row.get(2)?,
            steps: json(row, 3)?,
            last_resort: json(row, 4)?,
        },
    })
}

impl Read<'_> {
    /// A policy by slug or by id.
    pub fn find_policy(&self, name: &str) -> Result<Option<PolicyRow>> {
        let id = name.parse::<PolicyId>().ok();
        self.one(&format!("{POLICY} where p.slug = ?1 or p.id = ?2"), (name, id), policy)
    }

    /// # Errors
    /// `NotFound` if there is none.
    pub fn policy(&self, name: &str) -> Result<PolicyRow> {
        self.find_policy(name)?.ok_or_else(|| Error::not_found(format_args!("Policy `{name}`")))
    }

    pub fn policies(&self) -> Result<Vec<PolicyRow>> {
        self.all(&format!("{POLICY} order by p.slug"), [], policy)
    }

    /// Policies that may tell `target`, by their slugs.
    pub fn policies_naming(&self, target: Target) -> Result<Vec<String>> {
        let mut policies = self.policies()?;
        policies.retain(|row| row.policy.all_targets().any(|one| *one == target));
        Ok(policies.into_iter().map(|row| row.policy.slug).collect())
    }

    /// The policy that a service itself names.
    pub fn policy_of_service(&self, service: ServiceId) -> Result<Option<PolicyRef>> {
        self.one(
            "select p.id, p.slug from services s join policies p on p.id = s.policy_id
             where s.id = ?1",
            [service],
            |row| Ok(PolicyRef { id: row.get(0)?, slug: row.get(1)? }),
        )
    }

    /// Services that name it and are not archived, by their slugs.
    pub fn services_with_policy(&self, policy: PolicyId) -> Result<Vec<String>> {
        self.all(
            "select slug from services where policy_id = ?1 and archived_at is null order by slug",
            [policy],
            |row| row.get(0),
        )
    }

    /// What holds for a team's incident: its service's policy, else the team's default, else the
    /// whole team.
    ///
    /// # Errors
    /// `NotFound` if there is no such team.
    pub fn policy_of(&self, team: TeamId, service: Option<ServiceId>) -> Result<Policy<Target>> {
        self.kept("policy", [team.0, service.map_or(0, |service| service.0), 0, 0], || {
            let own = self.one(
                &format!("{POLICY} where p.id = (select policy_id from services where id = ?1)"),
                [service],
                policy,
            )?;
            if let Some(own) = own {
                return Ok(own.policy);
            }
            let slug: Option<String> =
                self.one("select slug from teams where id = ?1", [team], |row| row.get(0))?;
            let slug = slug.ok_or_else(|| Error::not_found(format_args!("Team {team}")))?;
            let default = self.find_policy(&default_slug(&slug))?.filter(|row| row.team.id == team);
            Ok(default.map_or_else(|| Policy::whole_team(team, &slug), |row| row.policy))
        })
    }
}

impl Write<'_> {
    pub fn insert_policy(&self, team: TeamId, policy: &Policy<Target>) -> Result<PolicyId> {
        let Policy { slug, repeat, steps, last_resort } = policy;
        let last_resort = last_resort.as_ref().map(to_json).transpose()?;
        self.insert_free(
            "insert into policies (team_id, slug, repeat, steps, last_resort, created_at)
             values (?1, ?2, ?3, ?4, ?5, ?6)",
            (team, slug, repeat, to_json(steps)?, last_resort, ms(self.now())),
            || exists("policy", slug),
        )
        .map(PolicyId)
    }

    /// Sets all of a policy.
    pub fn update_policy(&self, id: PolicyId, policy: &Policy<Target>) -> Result<()> {
        let Policy { slug, repeat, steps, last_resort } = policy;
        let last_resort = last_resort.as_ref().map(to_json).transpose()?;
        self.run_free(
            "update policies set slug = ?2, repeat = ?3, steps = ?4, last_resort = ?5
             where id = ?1",
            (id, slug, repeat, to_json(steps)?, last_resort),
            || exists("policy", slug),
        )
    }

    pub fn delete_policy(&self, id: PolicyId) -> Result<()> {
        self.run("delete from policies where id = ?1", [id]).map(|_| ())
    }

    /// None: what the team has.
    pub fn set_policy_of_service(
        &self,
        service: ServiceId,
        policy: Option<PolicyId>,
    ) -> Result<()> {
        self.run("update services set policy_id = ?2 where id = ?1", (service, policy)).map(|_| ())
    }
}
