//! Looking: lists, one incident, what happened to it.
use clap::Args;
use jiff::Timestamp;

use super::connect::connect;
use super::{Common, Format, output};
use crate::api::incidents::{self as api, AfterQuery, ListQuery, LogEntry, StatusFilter};
use crate::api::{MAX_PAGE, Nothing};
use crate::domain::event::Event;
use crate::domain::{Incident, IncidentId, Matcher, Span};
use crate::error::{Error, Result};

#[derive(Args)]
pub struct List {
    /// Only this team's; may repeat
    #[arg(long)]
    team: Vec<String>,
    #[arg(long)]
    service: Option<String>,
    /// Statuses to show; may repeat
    #[arg(long, value_enum)]
    status: Vec<StatusFilter>,
    /// Only what is assigned to me
    #[arg(long)]
    mine: bool,
    /// Resolved ones too
    #[arg(long)]
    all: bool,
    /// Only what was opened within this time
    #[arg(long, value_name = "DURATION")]
    since: Option<Span>,
    /// Only what this matches; may repeat, and all must hold. Also `!=`, and with a regular
    /// expression `=~` and `!~`; bare names are labels, `@service`, `@team`, `@severity` are ours
    #[arg(long, value_name = "NAME=VALUE")]
    label: Vec<Matcher>,
    /// At most so many
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// Print ids only
    #[arg(short, long)]
    quiet: bool,
}

impl List {
    pub async fn run(self, common: &Common) -> Result<()> {
        let client = connect(common)?;
        let mut query = ListQuery {
            team: self.team,
            service: self.service,
            status: if self.all { vec![StatusFilter::All] } else { self.status },
            assignee: self.mine.then(|| "me".to_owned()),
            label: self.label.iter().map(ToString::to_string).collect(),
            since: self
                .since
                .map(|span| super::now().saturating_sub(span.duration()).unwrap_or(Timestamp::MIN)),
            ..ListQuery::default()
        };
        let mut found: Vec<Incident> = Vec::new();
        while (found.len() as u64) < u64::from(self.limit) {
            let left = self.limit - u32::try_from(found.len()).unwrap_or(self.limit);
            query.limit = Some(left.min(MAX_PAGE));
            let page = client.call(&api::LIST, Nothing {}, &query, &Nothing {}).await?;
            found.extend(page.items);
            match page.next_cursor {
                Some(next) => query.cursor = Some(next),
                None => break,
            }
        }
        if self.quiet {
            for incident in &found {
                output::line(&incident.id.to_string());
            }
            return Ok(());
        }
        if common.output == Format::Json {
            return output::json(&found);
        }
        if found.is_empty() {
            output::say("Nothing is open.");
        }
        let rows: Vec<Vec<String>> = found.iter().map(row).collect();
        output::table(&["STATUS", "AGE", "ID", "TITLE", "SERVICE", "WHO", "ALERTS"], &rows);
        Ok(())
    }
}

fn row(incident: &Incident) -> Vec<String> {
    let who: Vec<&str> = incident.assignees.iter().map(|user| user.username.as_str()).collect();
    vec![
        standing(incident).to_owned(),
        output::when(incident.created_at),
        incident.id.to_string(),
        incident.title.clone(),
        incident.service.as_ref().map_or_else(String::new, |service| service.slug.clone()),
        who.join(","),
        incident.alert_count.to_string(),
    ]
}

/// One word: does it need me?
fn standing(incident: &Incident) -> &'static str {
    use crate::domain::{Status, Urgency};
    match (incident.status, incident.urgency) {
        (Status::Resolved, _) => "RESOLVED",
        _ if incident.untold => "UNTOLD",
        (Status::Acknowledged, _) if incident.snoozed_until.is_some() => "SNOOZE",
        (Status::Acknowledged, _) => "ACK",
        (Status::Triggered, Urgency::High) => "HIGH",
        (Status::Triggered, Urgency::Low) => "LOW",
    }
}

#[derive(Args)]
pub struct One {
    /// `42`, `#42` or an incident's address
    #[arg(value_name = "ID")]
    id: String,
}

impl One {
    pub(super) fn id(&self) -> Result<IncidentId> {
        parse_id(&self.id)
    }

    pub async fn show(self, common: &Common) -> Result<()> {
        let client = connect(common)?;
        let id = self.id()?;
        let incident = client.call(&api::SHOW, id, &Nothing {}, &Nothing {}).await?;
        if common.output == Format::Json {
            return output::json(&incident);
        }
        for (name, value) in facts(&incident) {
            output::line(&format!("{name:<14}{value}"));
        }
        if !incident.description.is_empty() {
            output::line("");
            for text in incident.description.lines() {
                output::line(text);
            }
        }
        Ok(())
    }

    pub async fn timeline(self, common: &Common) -> Result<()> {
        let client = connect(common)?;
        let id = self.id()?;
        let mut events: Vec<LogEntry> = Vec::new();
        let mut query = AfterQuery { limit: Some(MAX_PAGE), ..AfterQuery::default() };
        loop {
            let page = client.call(&api::TIMELINE, id, &query, &Nothing {}).await?;
            events.extend(page.items);
            match page.next_cursor {
                Some(next) => query.cursor = Some(next),
                None => break,
            }
        }
        if common.output == Format::Json {
            return output::json(&events);
        }
        let rows = events
            .iter()
            .filter_map(|event| serde_json::from_str::<Event>(event.0.get()).ok())
            .map(|event| vec![event.at.to_string(), event.actor.name.clone(), event.change.words()])
            .collect::<Vec<_>>();
        output::table(&["AT", "WHO", "WHAT"], &rows);
        Ok(())
    }
}

fn facts(incident: &Incident) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("Incident", format!("{} {}", incident.id, incident.title)),
        ("Status", format!("{} ({} urgency)", incident.status.word(), incident.urgency.word())),
        ("Severity", incident.severity.word().to_owned()),
        ("Team", incident.team.slug.clone()),
    ];
    let mut add = |name, value: Option<String>| facts.extend(value.map(|value| (name, value)));
    add("Service", incident.service.as_ref().map(|service| service.slug.clone()));
    let who: Vec<&str> = incident.assignees.iter().map(|user| user.username.as_str()).collect();
    add("Assigned to", (!who.is_empty()).then(|| who.join(", ")));
    add("Opened", Some(incident.created_at.to_string()));
    add(
        "Acknowledged",
        incident
            .acknowledged_by
            .as_ref()
            .zip(incident.acknowledged_at)
            .map(|(by, at)| format!("{at} by {}", by.name)),
    );
    add("Until", incident.acknowledged_until.or(incident.snoozed_until).map(|at| at.to_string()));
    add(
        "Resolved",
        incident
            .resolved_by
            .as_ref()
            .zip(incident.resolved_at)
            .map(|(by, at)| format!("{at} by {}", by.name)),
    );
    add("Note", incident.resolution_note.clone());
    add("Held until", incident.held_until.map(|at| at.to_string()));
    add(
        "Alerts",
        Some(format!("{} reported, {} firing", incident.alert_count, incident.firing_count)),
    );
    for (name, value) in &incident.labels {
        add("Label", Some(format!("{name}={value}")));
    }
    for link in &incident.links {
        add("Link", Some(format!("{} {}", link.text, link.href)));
    }
    add("Open at", Some(incident.url.clone()));
    facts
}

/// `42`, `#42` or `https://…/incidents/42`.
pub(super) fn parse_id(text: &str) -> Result<IncidentId> {
    let last = match text.split_once("/incidents/") {
        Some((_, rest)) => rest.split(['/', '?', '#']).next().unwrap_or_default(),
        None => text.trim_start_matches('#'),
    };
    match last.parse() {
        Ok(IncidentId(id)) if id > 0 => Ok(IncidentId(id)),
        _ => Err(Error::usage(format!("`{text}` is no incident; write 42 or its address."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_people_write_them() {
        for text in
            ["42", "#42", "https://oncall.example.com/incidents/42", "http://x/incidents/42?a#b"]
        {
            assert_eq!(parse_id(text).expect(text), IncidentId(42), "{text}");
        }
        for text in ["", "x", "-1", "0", "4 2", "https://example.com/42"] {
            assert!(parse_id(text).is_err(), "{text}");
        }
    }
}
