//! What is missing for somebody to be told or to be heard. Said, never refused: a configuration
//! grows step by step.
use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::api::configuration::Document;
use crate::app::paging::rehearsal::{IN_GOOD_TIME, first_told};
use crate::app::rota::{AHEAD, rules};
use crate::domain::policy::TargetName;
use crate::domain::words::moment;
use crate::domain::{Role, Service, Span};
use crate::error::Result;
use crate::store::{Contact, User, Write};

/// Holes in what the document names.
pub(super) fn holes(w: &Write<'_>, document: &Document) -> Result<Vec<String>> {
    let mut holes = Vec::new();
    for entry in &document.users {
        let Some(user) = w.find_username(&entry.username)? else { continue };
        let name = &entry.username;
        if user.disabled_at.is_some() {
            if entry.disabled.is_none() {
                holes.push(format!(
                    "User {name} is disabled; `disabled = false` lets him in again."
                ));
            }
        } else if !w.can_log_in(user.id, w.now())? {
            holes.push(format!(
                "User {name} cannot log in: no password, token or link. Next: incidentd user link \
                 {name}"
            ));
        }
    }
    for entry in &document.teams {
        let Some(team) = w.find_team(&entry.slug)? else { continue };
        if !w.team_members(team.id)?.iter().any(answers) {
            holes.push(format!("Team {} has nobody who can answer: no responder.", entry.slug));
        }
    }
    for entry in &document.services {
        let Some(service) = w.find_service(&entry.slug)? else { continue };
        if !w.has_integration(service.id)? {
            let slug = &entry.slug;
            holes.push(format!("Service {slug} has no integration: nothing can send to it."));
        }
        holes.extend(late(w, &service)?);
    }
    untellable(w, document, &mut holes)?;
    for entry in &document.schedules {
        let Some(row) = w.find_schedule(&entry.slug)? else { continue };
        let until = w.now().saturating_add(AHEAD).unwrap_or(Timestamp::MAX);
        let gaps = rules(w, &row, w.now(), until)?.gaps(w.now(), until).items;
        let Some(first) = gaps.first() else { continue };
        let more = match gaps.len() {
            1 => String::new(),
            n => format!(" and {} times more within four weeks", n - 1),
        };
        let when = |at: Timestamp| moment(at, Some(&row.time_zone));
        let start = if first.start > w.now() { when(first.start) } else { "now".to_owned() };
        let (slug, end) = (&entry.slug, when(first.end));
        holes.push(format!("Schedule {slug} has nobody on call from {start} until {end}{more}."));
    }
    Ok(holes)
}

/// Whether somebody is told in good time of what is sent to a service.
fn late(w: &Write<'_>, service: &Service) -> Result<Option<String>> {
    let slug = &service.slug;
    let what = match first_told(w, service, w.now())? {
        Some(at) if at.duration_since(w.now()) <= IN_GOOD_TIME => return Ok(None),
        Some(at) => {
            let wait = Span::about(at.duration_since(w.now()));
            format!("nobody is told of an alert before {wait}")
        }
        None => "nobody would be told of an alert".to_owned(),
    };
    Ok(Some(format!("Service {slug}: {what}. Next: incidentd route test --service {slug}")))
}

/// Steps of the document's policies that tell nobody, and people in them or in its schedules whom
/// nothing reaches.
fn untellable(w: &Write<'_>, document: &Document, holes: &mut Vec<String>) -> Result<()> {
    let mut people: BTreeSet<String> = BTreeSet::new();
    for schedule in &document.schedules {
        let rotations = schedule.rotations.iter().flatten();
        people.extend(rotations.flat_map(|rotation| rotation.participants.clone()));
    }
    for policy in &document.escalation_policies {
        for step in policy.steps.iter().flatten() {
            let mut somebody = false;
            for target in &step.targets {
                somebody |= match target {
                    TargetName::User(name) => {
                        people.insert(name.clone());
                        w.find_username(name)?.is_some_and(|user| user.disabled_at.is_none())
                    }
                    TargetName::Schedule(slug) | TargetName::Next(slug) => {
                        let row = w.find_schedule(slug)?;
                        row.is_some_and(|row| !row.rotations.is_empty())
                    }
                    TargetName::Team(slug) => {
                        let Some(team) = w.find_team(slug)? else { continue };
                        w.team_members(team.id)?.iter().any(answers)
                    }
                    TargetName::Channel(_) => true,
                };
            }
            if !somebody {
                holes.push(format!("Policy {}, step {step}, can tell nobody.", policy.slug));
            }
        }
    }
    for name in people {
        let Some(user) = w.find_username(&name)?.filter(|user| user.disabled_at.is_none()) else {
            continue;
        };
        let works = w.contacts(user.id)?.iter().any(Contact::works);
        if !works && user.email.is_none() {
            holes.push(format!(
                "User {name} would be paged and has no contact that works, nor an e-mail. Next: \
                 incidentd contact add NAME --channel CHANNEL --user {name}"
            ));
        }
    }
    Ok(())
}

fn answers((user, role): &(User, Role)) -> bool {
    user.disabled_at.is_none() && *role >= Role::Responder
}
