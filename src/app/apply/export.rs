//! The configuration as a document, in one order whatever made it.
use crate::api::configuration::{
    Channel, Contact, Document, Heartbeat, Integration, Policy, Schedule, SecretText, Service,
    Silence, Team, User, Webhook,
};
use crate::app::policies::with_names;
use crate::app::schedules::by_name;
use crate::app::{App, Caller};
use crate::domain::{Role, contact as rules, silence};
use crate::error::Result;
use crate::store::{self, OWN_TEAM, Read};

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
    let mut teams = Vec::new();
    for team in r.teams()?.into_iter().filter(|team| team.archived_at.is_none()) {
        // Of the own team they follow from the users.
        let members = if team.slug == OWN_TEAM { None } else { Some(r.team_members(team.id)?) };
        let named = |members: Vec<(store::User, Role)>| {
            members.into_iter().map(|(user, role)| (user.username, role)).collect()
        };
        teams.push(Team {
            slug: team.slug,
            name: Some(team.name),
            members: members.map(named),
            ..Team::default()
        });
    }
    let mut services = Vec::new();
    for service in r.services()?.into_iter().filter(|service| !service.archived) {
        services.push(Service {
            slug: service.slug,
            team: service.team.slug,
            name: Some(service.name),
            urgency: Some(service.rules.urgency),
            group_by: Some(service.rules.group_by),
            ack_timeout: Some(service.rules.ack_timeout),
            reopen_within: Some(service.rules.reopen_within),
            escalation_policy: r.policy_of_service(service.id)?.map(|policy| policy.slug),
            ..Service::default()
        });
    }
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
    let webhooks = r.webhooks()?.into_iter();
    let webhooks = webhooks.map(|row| Webhook { team: row.team.slug, url: row.url, secret: None });
    let channels = r.channels()?.into_iter().map(|row| Channel {
        address: told(&row.channel, row.address),
        slug: row.slug,
        renamed_from: None,
        team: row.team.slug,
        channel: row.channel,
    });
    let heartbeats = r.heartbeats()?.into_iter().map(|row| Heartbeat {
        slug: row.heartbeat.slug,
        renamed_from: None,
        service: row.heartbeat.service.slug,
        every: row.heartbeat.every,
        grace: Some(row.heartbeat.grace),
        alert: Some(row.heartbeat.alert).filter(|alert| !alert.is_empty()),
        key: None,
    });
    let mut silences = Vec::new();
    for (slug, of) in r.called_silences()? {
        silences.extend(silence(slug, of));
    }
    Ok(Document {
        silences,
        users: users(r)?,
        teams,
        services,
        integrations: integrations.collect(),
        schedules,
        escalation_policies: policies(r)?,
        channels: channels.collect(),
        webhooks: webhooks.collect(),
        heartbeats: heartbeats.collect(),
    })
}

/// None for one without windows, which no document makes.
fn silence(slug: String, of: silence::Silence) -> Option<Silence> {
    let force = !of.is_narrow();
    let windows = of.windows?;
    Some(Silence {
        slug,
        renamed_from: None,
        team: of.team.map(|team| team.slug),
        matchers: of.matchers.iter().map(ToString::to_string).collect(),
        reason: of.reason,
        rrule: windows.rule.to_string(),
        starts_at: windows.first,
        duration: windows.length,
        time_zone: windows.zone.iana_name().unwrap_or("UTC").to_owned(),
        force,
    })
}

fn users(r: &Read<'_>) -> Result<Vec<User>> {
    let mut users = Vec::new();
    for user in r.users()? {
        let contacts: Vec<Contact> = r.contacts(user.id)?.into_iter().map(contact).collect();
        let rules = r.rules(user.id)?;
        users.push(User {
            contacts: (!contacts.is_empty()).then_some(contacts),
            rules: (rules != rules::Rules::default()).then(|| rules.into()),
            username: user.username,
            name: Some(user.name),
            email: user.email,
            time_zone: user.time_zone,
            admin: Some(user.admin),
            disabled: user.disabled_at.map(|_| true),
            ..User::default()
        });
    }
    Ok(users)
}

fn policies(r: &Read<'_>) -> Result<Vec<Policy>> {
    let mut policies = Vec::new();
    for row in r.policies()? {
        let policy = with_names(r, row.policy)?;
        policies.push(Policy {
            slug: policy.slug,
            team: row.team.slug,
            repeat: Some(policy.repeat),
            steps: Some(policy.steps),
            last_resort: policy.last_resort,
            ..Policy::default()
        });
    }
    Ok(policies)
}

fn contact(row: store::Contact) -> Contact {
    let address = row.own.then_some(row.address).and_then(|address| told(&row.channel, address));
    Contact { name: row.name, channel: row.channel, address }
}

/// An address, if it is no secret.
fn told(channel: &str, address: String) -> Option<SecretText> {
    (!rules::is_secret(channel, &address)).then_some(SecretText::Text(address))
}
