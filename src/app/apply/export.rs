//! The configuration as a document, in one order whatever made it.
use crate::api::configuration::{Document, Integration, Schedule, Service, Team, User};
use crate::app::schedules::by_name;
use crate::app::{App, Caller};
use crate::error::Result;
use crate::store::Read;

impl App {
    /// The configuration without secrets, and without what is archived.
    ///
    /// # Errors
    /// `Forbidden` unless the caller is a platform admin.
    pub async fn export(&self, caller: &Caller) -> Result<Document> {
        caller.must_be_platform_admin()?;
        self.0.store.read(document).await
    }
}

fn document(r: &Read<'_>) -> Result<Document> {
    let users = r.users()?.into_iter().map(|user| User {
        username: user.username,
        name: Some(user.name),
        email: user.email,
        time_zone: user.time_zone,
        admin: Some(user.admin),
        disabled: user.disabled_at.map(|_| true),
        ..User::default()
    });
    let mut teams = Vec::new();
    for team in r.teams()?.into_iter().filter(|team| team.archived_at.is_none()) {
        let members = r.team_members(team.id)?;
        let members = members.into_iter().map(|(user, role)| (user.username, role)).collect();
        teams.push(Team {
            slug: team.slug,
            name: Some(team.name),
            members: Some(members),
            ..Team::default()
        });
    }
    let services = r.services()?.into_iter().filter(|service| !service.archived);
    let services = services.map(|service| Service {
        slug: service.slug,
        team: service.team.slug,
        name: Some(service.name),
        urgency: Some(service.rules.urgency),
        group_by: Some(service.rules.group_by),
        ack_timeout: Some(service.rules.ack_timeout),
        reopen_within: Some(service.rules.reopen_within),
        ..Service::default()
    });
    let integrations = r.integrations()?.into_iter();
    let integrations =
        integrations.map(|of| Integration { service: of.service.slug, name: of.name, key: None });
    let mut schedules = Vec::new();
    for row in r.schedules()? {
        schedules.push(Schedule {
            rotations: Some(by_name(r, &row.rotations)?),
            slug: row.slug,
            team: row.team.slug,
            time_zone: Some(row.time_zone),
            ..Schedule::default()
        });
    }
    Ok(Document {
        users: users.collect(),
        teams,
        services: services.collect(),
        integrations: integrations.collect(),
        schedules,
        ..Document::default()
    })
}
