//! Ends what an earlier apply made and the document no longer names: users are disabled, teams
//! and services archived, integrations and heartbeats removed. What somebody made by hand is left alone, and
//! keeps what it refers to.
use std::collections::HashSet;

use jiff::Timestamp;

use super::Wrong;
use super::run::Run;
use crate::api::configuration::{DifferenceAction::Remove, Document};
use crate::app::channels::remove_channel;
use crate::app::heartbeats::remove_heartbeat;
use crate::app::integrations::remove_integration;
use crate::app::policies::{refuse_named, remove_policy};
use crate::app::schedules::remove_schedule;
use crate::app::services::archive_service;
use crate::app::silences::end_silence;
use crate::app::teams::archive_team;
use crate::app::users::disable;
use crate::app::webhooks::remove_webhook;
use crate::domain::policy::Target;
use crate::error::{Kind, Result};
use crate::store::{Applied as By, OWN_TEAM, Part, User};

/// # Errors
/// `Refused`, naming all that cannot end.
pub(super) fn prune(run: &mut Run<'_, '_>, document: &Document) -> Result<()> {
    let mut refused = Wrong::default();
    silences(run, document)?;
    services(run, document, &mut refused)?;
    webhooks(run, document)?;
    policies(run, document, &mut refused)?;
    channels(run, document, &mut refused)?;
    schedules(run, document, &mut refused)?;
    teams(run, document, &mut refused)?;
    users(run, document, &mut refused)?;
    refused.into_result(Kind::Refused)
}

fn silences(run: &mut Run<'_, '_>, document: &Document) -> Result<()> {
    let named: HashSet<&str> = document.silences.iter().map(|of| of.slug.as_str()).collect();
    for (slug, silence) in run.w.called_silences()? {
        if !named.contains(slug.as_str()) {
            end_silence(run.w, &silence, &run.actor)?;
            run.say(Remove, "silence", &slug, Vec::new());
        }
    }
    Ok(())
}

/// Keeps why something cannot end; what else fails, fails.
fn kept<T>(refused: &mut Wrong, result: Result<T>) -> Result<bool> {
    match result {
        Ok(_) => Ok(true),
        Err(error) if error.kind == Kind::Refused => {
            refused.say("prune", error.detail);
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

fn services(run: &mut Run<'_, '_>, document: &Document, refused: &mut Wrong) -> Result<()> {
    let named: HashSet<&str> = document.services.iter().map(|of| of.slug.as_str()).collect();
    let listed: HashSet<(&str, &str)> =
        document.integrations.iter().map(|of| (of.service.as_str(), of.name.as_str())).collect();
    let beating: HashSet<&str> = document.heartbeats.iter().map(|of| of.slug.as_str()).collect();
    let (integrations, heartbeats) = (run.w.integrations()?, run.w.heartbeats()?);
    for service in run.w.services()? {
        let made = run.w.applied(Part::Service(service.id))? == By::Made;
        let ends = made && !service.archived && !named.contains(service.slug.as_str());
        let (mut holders, mut beats) = (Vec::new(), Vec::new());
        for of in integrations.iter().filter(|of| of.service.id == service.id) {
            let listed = listed.contains(&(service.slug.as_str(), of.name.as_str()));
            let made = run.w.applied(Part::Integration(of.id))? == By::Made;
            if ends && (listed || !made) {
                holders.push(of.name.clone());
            } else if !ends && made && !listed {
                // Those of a service that ends stay with it, for when it comes back.
                remove_integration(run.w, of, &run.actor)?;
                run.say(
                    Remove,
                    "integration",
                    &format!("{}/{}", service.slug, of.name),
                    Vec::new(),
                );
            }
        }
        let of_it = heartbeats.iter().map(|row| &row.heartbeat);
        for of in of_it.filter(|of| of.service.id == service.id) {
            let listed = beating.contains(of.slug.as_str());
            let made = run.w.applied(Part::Heartbeat(of.id))? == By::Made;
            if ends && (listed || !made) {
                beats.push(of.slug.clone());
            } else if !ends && made && !listed {
                remove_heartbeat(run.w, of, &run.actor)?;
                run.say(Remove, "heartbeat", &of.slug, Vec::new());
            }
        }
        for (what, names) in [("integrations", &holders), ("heartbeats", &beats)] {
            if !names.is_empty() {
                let (slug, names) = (&service.slug, names.join(", "));
                refused.say("prune", format!("Service `{slug}` has {what} that stay: {names}."));
            }
        }
        if ends
            && holders.is_empty()
            && beats.is_empty()
            && kept(refused, archive_service(run.w, &service, &run.actor))?
        {
            run.say(Remove, "service", &service.slug, Vec::new());
        }
    }
    Ok(())
}

fn schedules(run: &mut Run<'_, '_>, document: &Document, refused: &mut Wrong) -> Result<()> {
    let named: HashSet<&str> = document.schedules.iter().map(|of| of.slug.as_str()).collect();
    for schedule in run.w.schedules()? {
        let made = run.w.applied(Part::Schedule(schedule.id))? == By::Made;
        if !made || named.contains(schedule.slug.as_str()) {
            continue;
        }
        if kept(refused, remove_schedule(run.w, &schedule, &run.actor))? {
            run.say(Remove, "schedule", &schedule.slug, Vec::new());
        }
    }
    Ok(())
}

fn policies(run: &mut Run<'_, '_>, document: &Document, refused: &mut Wrong) -> Result<()> {
    let named = document.escalation_policies.iter().map(|of| of.slug.as_str());
    let named: HashSet<&str> = named.collect();
    for row in run.w.policies()? {
        let slug = &row.policy.slug;
        let made = run.w.applied(Part::Policy(row.id))? == By::Made;
        if made
            && !named.contains(slug.as_str())
            && kept(refused, remove_policy(run.w, &row, &run.actor))?
        {
            run.say(Remove, "policy", slug, Vec::new());
        }
    }
    Ok(())
}

fn webhooks(run: &mut Run<'_, '_>, document: &Document) -> Result<()> {
    let named = document.webhooks.iter().map(|of| (of.team.as_str(), of.url.as_str()));
    let named: HashSet<(&str, &str)> = named.collect();
    for row in run.w.webhooks()? {
        let made = run.w.applied(Part::Webhook(row.id))? == By::Made;
        if made && !named.contains(&(row.team.slug.as_str(), row.url.as_str())) {
            remove_webhook(run.w, &row, &run.actor)?;
            run.say(Remove, "webhook", &format!("{} {}", row.team.slug, row.url), Vec::new());
        }
    }
    Ok(())
}

fn channels(run: &mut Run<'_, '_>, document: &Document, refused: &mut Wrong) -> Result<()> {
    let named: HashSet<&str> = document.channels.iter().map(|of| of.slug.as_str()).collect();
    for row in run.w.channels()? {
        let made = run.w.applied(Part::Channel(row.id))? == By::Made;
        if made
            && !named.contains(row.slug.as_str())
            && kept(refused, remove_channel(run.w, &row, &run.actor))?
        {
            run.say(Remove, "channel", &row.slug, Vec::new());
        }
    }
    Ok(())
}

/// Schedules that give somebody a turn, or let him stand in, now or later.
fn turns(run: &Run<'_, '_>, user: &User) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for row in run.w.schedules()? {
        let stands_in = run.w.overrides(row.id, run.w.now(), Timestamp::MAX)?;
        if row.rotations.iter().any(|rotation| rotation.participants.contains(&user.id))
            || stands_in.iter().any(|one| one.user == user.id)
        {
            found.push(row.slug);
        }
    }
    Ok(found)
}

fn teams(run: &mut Run<'_, '_>, document: &Document, refused: &mut Wrong) -> Result<()> {
    let named: HashSet<&str> = document.teams.iter().map(|of| of.slug.as_str()).collect();
    for team in run.w.teams()? {
        let made = run.w.applied(Part::Team(team.id))? == By::Made;
        let built_in = team.slug == OWN_TEAM;
        if !made || built_in || team.archived_at.is_some() || named.contains(team.slug.as_str()) {
            continue;
        }
        if kept(refused, archive_team(run.w, &team, &run.actor))? {
            run.say(Remove, "team", &team.slug, Vec::new());
        }
    }
    Ok(())
}

fn users(run: &mut Run<'_, '_>, document: &Document, refused: &mut Wrong) -> Result<()> {
    let named: HashSet<&str> = document.users.iter().map(|of| of.username.as_str()).collect();
    for user in run.w.users()? {
        let made = run.w.applied(Part::User(user.id))? == By::Made;
        let name = &user.username;
        if !made || user.disabled_at.is_some() || named.contains(name.as_str()) {
            continue;
        }
        if run.caller.user().is_some_and(|me| me.id == user.id) {
            run.applied.warnings.push(format!("User {name} stays: that is you."));
            continue;
        }
        if user.admin && run.w.admins()? == 1 {
            let why = format!("User {name} stays: there is no other platform admin.");
            run.applied.warnings.push(why);
            continue;
        }
        let mut teams = Vec::new();
        for member in run.w.memberships(user.id)? {
            let team = run.w.team(&member.team.to_string())?;
            teams.extend(team.archived_at.is_none().then_some(team.slug));
        }
        if !teams.is_empty() {
            let teams = teams.join(", ");
            let why = format!("User `{name}` still belongs to teams that stay: {teams}.");
            refused.say("prune", why);
            continue;
        }
        let turns = turns(run, &user)?;
        if !turns.is_empty() {
            let why = format!(
                "User `{name}` still has turns in schedules that stay: {}.",
                turns.join(", ")
            );
            refused.say("prune", why);
            continue;
        }
        let what = format!("User `{name}`");
        if !kept(refused, refuse_named(run.w, &what, &[Target::User(user.id)]))? {
            continue;
        }
        disable(run.w, &user, &run.actor)?;
        run.w.set_applied(Part::User(user.id), By::Pruned)?;
        run.say(Remove, "user", name, Vec::new());
    }
    Ok(())
}
