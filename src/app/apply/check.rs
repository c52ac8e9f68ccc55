//! What can be wrong with a document by itself, without a database.
use std::collections::HashMap;

use super::Wrong;
use crate::api::configuration::{
    Channel, Document, Heartbeat, Integration, Policy, Schedule, SecretText, Service, Team, User,
    Webhook,
};
use crate::api::services::ServiceChange;
use crate::app::changes::check_name;
use crate::app::integrations::check_key;
use crate::app::services::check_service;
use crate::app::users::{Person, check_time_zone};
use crate::app::webhooks::check_url;
use crate::domain::contact::{MAX_CONTACTS, check_address};
use crate::domain::heartbeat::faults;
use crate::domain::policy;
use crate::domain::user::check_slug;
use crate::secret::webhook_bytes;

/// All that is wrong.
pub(super) fn document(document: &Document) -> Wrong {
    let mut wrong = Wrong::default();
    let users = document.users.iter().map(|user| user.username.clone());
    twice(&mut wrong, "users", users);
    twice(&mut wrong, "teams", document.teams.iter().map(|team| team.slug.clone()));
    twice(&mut wrong, "services", document.services.iter().map(|service| service.slug.clone()));
    let label = |of: &Integration| format!("{}/{}", of.service, of.name);
    twice(&mut wrong, "integrations", document.integrations.iter().map(label));
    let slugs = document.heartbeats.iter().map(|of| of.slug.clone());
    twice(&mut wrong, "heartbeats", slugs);
    twice(&mut wrong, "schedules", document.schedules.iter().map(|of| of.slug.clone()));
    twice(&mut wrong, "channels", document.channels.iter().map(|of| of.slug.clone()));
    let policies = document.escalation_policies.iter().map(|of| of.slug.clone());
    twice(&mut wrong, "escalation_policies", policies);
    twice(&mut wrong, "silences", document.silences.iter().map(|of| of.slug.clone()));
    for (n, entry) in document.silences.iter().enumerate() {
        slug(&mut wrong, &format!("silences[{n}]"), &entry.slug);
        renamed(&mut wrong, &format!("silences[{n}]"), entry.renamed_from.as_ref());
    }
    for (n, entry) in document.users.iter().enumerate() {
        user(&mut wrong, &format!("users[{n}]"), entry);
    }
    for (n, entry) in document.teams.iter().enumerate() {
        team(&mut wrong, &format!("teams[{n}]"), entry);
    }
    for (n, entry) in document.services.iter().enumerate() {
        service(&mut wrong, &format!("services[{n}]"), entry);
    }
    for (n, entry) in document.integrations.iter().enumerate() {
        integration(&mut wrong, &format!("integrations[{n}]"), entry);
    }
    for (n, entry) in document.schedules.iter().enumerate() {
        schedule(&mut wrong, &format!("schedules[{n}]"), entry);
    }
    for (n, entry) in document.heartbeats.iter().enumerate() {
        heartbeat(&mut wrong, &format!("heartbeats[{n}]"), entry);
    }
    for (n, entry) in document.channels.iter().enumerate() {
        channel(&mut wrong, &format!("channels[{n}]"), entry);
    }
    let label = |of: &Webhook| format!("{} {}", of.team, of.url);
    twice(&mut wrong, "webhooks", document.webhooks.iter().map(label));
    for (n, entry) in document.webhooks.iter().enumerate() {
        let at = format!("webhooks[{n}]");
        if let Err(why) = check_url(&entry.url) {
            wrong.say(format!("{at}.url"), why);
        }
        let check = |text: &str| webhook_bytes(text).map(|_| ());
        secret(&mut wrong, &format!("{at}.secret"), entry.secret.as_ref(), check);
    }
    for (n, entry) in document.escalation_policies.iter().enumerate() {
        policy(&mut wrong, &format!("escalation_policies[{n}]"), entry);
    }
    wrong
}

fn twice(wrong: &mut Wrong, section: &str, names: impl Iterator<Item = String>) {
    let mut seen = HashMap::new();
    for (n, name) in names.enumerate() {
        if let Some(first) = seen.insert(name.clone(), n) {
            wrong.say(format!("{section}[{n}]"), format!("`{name}` is {section}[{first}] already"));
        }
    }
}

fn user(wrong: &mut Wrong, at: &str, user: &User) {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let (email, zone) = (given(&user.email), given(&user.time_zone));
    let person = Person {
        username: Some(&user.username),
        name: user.name.as_deref(),
        email: email.as_deref(),
        time_zone: zone.as_deref(),
        password: None,
    };
    for field in person.check().err().into_iter().flat_map(|error| error.fields) {
        // The API writes it in camelCase.
        let name = field.field.replace("timeZone", "time_zone");
        wrong.say(format!("{at}.{name}"), field.message);
    }
    renamed(wrong, at, user.renamed_from.as_ref());
    let contacts = user.contacts.as_deref().unwrap_or_default();
    if contacts.len() > MAX_CONTACTS {
        wrong.say(format!("{at}.contacts"), format!("are more than {MAX_CONTACTS}"));
    }
    twice(wrong, &format!("{at}.contacts"), contacts.iter().map(|of| of.name.clone()));
    for (n, contact) in contacts.iter().enumerate() {
        let at = format!("{at}.contacts[{n}]");
        if let Err(why) = check_slug(&contact.name) {
            wrong.say(format!("{at}.name"), why);
        }
        address(wrong, &at, &contact.channel, contact.address.as_ref());
    }
}

fn address(wrong: &mut Wrong, at: &str, channel: &str, address: Option<&SecretText>) {
    if let Err(why) = check_slug(channel) {
        wrong.say(format!("{at}.channel"), why);
    }
    secret(wrong, &format!("{at}.address"), address, check_address);
}

fn secret<E: Into<String>>(
    wrong: &mut Wrong,
    at: &str,
    secret: Option<&SecretText>,
    check: impl Fn(&str) -> Result<(), E>,
) {
    let Some(secret) = secret else { return };
    let checked = secret.text().map_or_else(
        || {
            Err("names where a secret lies; `incidentd apply` resolves that, a server does not"
                .into())
        },
        |text| check(text).map_err(Into::into),
    );
    if let Err(why) = checked {
        wrong.say(at, why);
    }
}

fn renamed(wrong: &mut Wrong, at: &str, from: Option<&String>) {
    if let Some(Err(why)) = from.map(|from| check_slug(from)) {
        wrong.say(format!("{at}.renamed_from"), why);
    }
}

fn slug(wrong: &mut Wrong, at: &str, slug: &str) {
    if let Err(why) = check_slug(slug) {
        wrong.say(format!("{at}.slug"), why);
    }
}

fn team(wrong: &mut Wrong, at: &str, team: &Team) {
    slug(wrong, at, &team.slug);
    renamed(wrong, at, team.renamed_from.as_ref());
    if let Some(Err(why)) = team.name.as_deref().map(check_name) {
        wrong.say(format!("{at}.name"), why);
    }
}

fn service(wrong: &mut Wrong, at: &str, service: &Service) {
    slug(wrong, at, &service.slug);
    renamed(wrong, at, service.renamed_from.as_ref());
    for field in check_service(&ServiceChange::from(service)) {
        let name = field.field.replace("groupBy", "group_by");
        wrong.say(format!("{at}.{name}"), field.message);
    }
}

fn integration(wrong: &mut Wrong, at: &str, integration: &Integration) {
    if let Err(why) = check_name(&integration.name) {
        wrong.say(format!("{at}.name"), why);
    }
    secret(wrong, &format!("{at}.key"), integration.key.as_ref(), check_key);
}

fn heartbeat(wrong: &mut Wrong, at: &str, heartbeat: &Heartbeat) {
    slug(wrong, at, &heartbeat.slug);
    renamed(wrong, at, heartbeat.renamed_from.as_ref());
    secret(wrong, &format!("{at}.key"), heartbeat.key.as_ref(), check_key);
    let alert = heartbeat.alert.as_deref().unwrap_or_default();
    for (field, why) in faults(heartbeat.every, heartbeat.grace.unwrap_or_default(), alert) {
        wrong.say(format!("{at}.{field}"), why);
    }
}

fn channel(wrong: &mut Wrong, at: &str, channel: &Channel) {
    slug(wrong, at, &channel.slug);
    renamed(wrong, at, channel.renamed_from.as_ref());
    address(wrong, at, &channel.channel, channel.address.as_ref());
}

fn policy(wrong: &mut Wrong, at: &str, entry: &Policy) {
    slug(wrong, at, &entry.slug);
    renamed(wrong, at, entry.renamed_from.as_ref());
    let whole = policy::Policy {
        slug: String::new(),
        repeat: entry.repeat.unwrap_or_default(),
        steps: entry.steps.clone().unwrap_or_default(),
        last_resort: entry.last_resort.clone(),
    };
    for (field, why) in whole.faults() {
        if field != "steps" || entry.steps.is_some() {
            wrong.say(format!("{at}.{field}"), why);
        }
    }
}

fn schedule(wrong: &mut Wrong, at: &str, schedule: &Schedule) {
    slug(wrong, at, &schedule.slug);
    renamed(wrong, at, schedule.renamed_from.as_ref());
    if check_time_zone(schedule.time_zone.as_deref()).is_err() {
        let zone = schedule.time_zone.as_deref().unwrap_or_default();
        wrong
            .say(format!("{at}.time_zone"), format!("`{zone}` is not a zone such as Europe/Paris"));
    }
}

impl From<&Service> for ServiceChange {
    fn from(service: &Service) -> Self {
        Self {
            slug: None,
            name: service.name.clone(),
            urgency: service.urgency,
            group_by: service.group_by.clone(),
            ack_timeout: service.ack_timeout,
            reopen_within: service.reopen_within,
            escalation_policy: service
                .escalation_policy
                .clone()
                .map(|slug| Some(slug).filter(|slug| !slug.is_empty())),
        }
    }
}
