//! What is missing for somebody to be told or to be heard. Said, never refused: a configuration
//! grows step by step.
use jiff::Timestamp;

use crate::api::configuration::Document;
use crate::app::schedules::{AHEAD, rules};
use crate::domain::Role;
use crate::error::Result;
use crate::store::{User, Write};

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
        let answers =
            |(user, role): &(User, Role)| user.disabled_at.is_none() && *role >= Role::Responder;
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
    }
    for entry in &document.schedules {
        let Some(row) = w.find_schedule(&entry.slug)? else { continue };
        let until = w.now().saturating_add(AHEAD).unwrap_or(Timestamp::MAX);
        let gaps = rules(w, &row, w.now(), until)?.gaps(w.now(), until).items;
        let Some(first) = gaps.first() else { continue };
        let more = match gaps.len() {
            1 => String::new(),
            n => format!(" and {} times more within four weeks", n - 1),
        };
        let start = if first.start > w.now() { first.start.to_string() } else { "now".to_owned() };
        holes.push(format!(
            "Schedule {} has nobody on call from {start} until {}{more}.",
            entry.slug, first.end
        ));
    }
    Ok(holes)
}
