//! Looking: lists, one incident, what happened to it.

use clap::Args;
use jiff::Timestamp;

use super::chosen::{One, list};
use super::connect::connect;
use super::{Common, Format, output};
use crate::api::deliveries::{DELIVERIES, DeliveryView};
use crate::api::incidents::{self as api, AfterQuery, ListQuery, LogEntry, StatusFilter};
use crate::api::{MAX_PAGE, Nothing, PageQuery};
use crate::client;
use crate::domain::delivery::{DeliveryKind, DeliveryState};
use crate::domain::escalation::EscalationState;
use crate::domain::event::ActorKind;
use crate::domain::words::Standing;
use crate::domain::{Event, Incident, Matcher, Span};
use crate::error::Result;

#[derive(Args)]
pub struct List {
    /// Only this team's; may repeat
    #[arg(long, value_name = "SLUG")]
    team: Vec<String>,
    /// Only this service's
    #[arg(long, value_name = "SLUG")]
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
    /// Only what was opened within this time, or since a moment (RFC 3339)
    #[arg(long, value_name = "24h", value_parser = parse_since)]
    since: Option<Timestamp>,
    /// Only what this matches; may repeat, and all must hold. Also `!=`, and with a regular
    /// expression `=~` and `!~`; bare names are labels, `@service`, `@team`, `@severity` are ours
    #[arg(long, value_name = "NAME=VALUE")]
    label: Vec<Matcher>,
    /// At most so many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

impl List {
    /// It asks for all that is open, or for what is over too, and for nothing less.
    pub fn over(&self) -> Option<bool> {
        let Self { team, service, status, mine, all, since, label, limit: _ } = self;
        let whole = team.is_empty() && status.is_empty() && label.is_empty() && !mine;
        (whole && service.is_none() && since.is_none()).then_some(*all)
    }

    pub async fn run(self, common: &Common) -> Result<()> {
        let client = connect(common)?;
        let query = ListQuery {
            team: self.team,
            service: self.service,
            status: if self.all { vec![StatusFilter::All] } else { self.status },
            assignee: self.mine.then(|| "me".to_owned()),
            label: self.label.iter().map(ToString::to_string).collect(),
            since: self.since,
            ..ListQuery::default()
        };
        let open = query == ListQuery::default();
        let (found, more) = list(&client, query, u64::from(self.limit)).await?;
        print(common, &found, if open { "Nothing is open." } else { "Nothing matches." })?;
        if more {
            output::say(&format!("There are more: --limit {}.", self.limit.saturating_mul(2)));
        }
        Ok(())
    }
}

/// Incidents, as `list` prints them, or why there are none.
pub fn print(common: &Common, found: &[Incident], none: &str) -> Result<()> {
    if output::for_programs(common, found, |of| of.id.to_string())? {
        return Ok(());
    }
    if found.is_empty() {
        output::say(none);
    } else {
        let rows: Vec<Vec<String>> = found.iter().map(row).collect();
        let head = ["STATUS", "AGE", "ID", "TITLE", "SERVICE", "WHO", "ALERTS"];
        output::table_or_less(&head, &["ALERTS", "SERVICE", "WHO"], &rows);
    }
    Ok(())
}

/// So long ago, or a moment.
fn parse_since(text: &str) -> std::result::Result<Timestamp, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let span: Span = text.parse().map_err(|_| "write 90s, 30m, 24h, 3d or a moment".to_owned())?;
    Ok(super::now().saturating_sub(span.duration()).unwrap_or(Timestamp::MIN))
}

fn row(incident: &Incident) -> Vec<String> {
    let who: Vec<&str> = incident.assignees.iter().map(|user| user.username.as_str()).collect();
    vec![
        Standing::of(incident).word().to_owned(),
        output::when(incident.created_at),
        incident.id.to_string(),
        incident.title.clone(),
        incident.service.as_ref().map_or_else(String::new, |service| service.slug.clone()),
        who.join(","),
        incident.alert_count.to_string(),
    ]
}

impl One {
    pub async fn show(self, common: &Common) -> Result<()> {
        let client = connect(common)?;
        let id = self.id(&client).await?;
        let incident = client.call(&api::SHOW, id, &Nothing {}, &Nothing {}).await?;
        if common.output == Format::Json {
            return output::json(&incident);
        }
        let sent = client::all(|cursor| {
            let query = PageQuery { limit: Some(MAX_PAGE), cursor };
            let client = &client;
            async move { client.call(&DELIVERIES, id, &query, &Nothing {}).await }
        })
        .await?;
        output::facts(&facts(&incident));
        told(sent);
        Ok(())
    }

    pub async fn timeline(self, common: &Common) -> Result<()> {
        let client = connect(common)?;
        let id = self.id(&client).await?;
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
            .map(|event| {
                let what = event.change.words_with(&output::clock);
                // What came by itself needs no author where people read.
                let itself = event.actor.kind == ActorKind::System && output::is_seen();
                let who = if itself { String::new() } else { event.actor.name };
                vec![output::clock(event.at), who, what]
            })
            .collect::<Vec<_>>();
        output::prose(&["AT", "WHO", "WHAT"], &[], &rows);
        Ok(())
    }
}

/// Who was told by what and when, and what became of it; what still waits comes last. In a pipe
/// each row begins with what it is, as the facts before it do.
fn told(mut sent: Vec<DeliveryView>) {
    if sent.is_empty() {
        return;
    }
    sent.sort_by_key(|of| (of.ended_at.is_none(), of.ended_at.unwrap_or(of.due_at)));
    let mut rows: Vec<Vec<String>> = sent.iter().map(one_told).collect();
    if output::is_seen() {
        output::data("\n");
    } else {
        for row in &mut rows {
            row.insert(0, "Told".into());
        }
    }
    output::prose(&["TOLD", "BY", "WHEN", "OUTCOME"], &["BY"], &rows);
}

fn one_told(of: &DeliveryView) -> Vec<String> {
    let who = of.user.as_ref().map_or("the team", |user| user.username.as_str());
    let by = if of.contact == of.channel {
        of.channel.clone()
    } else {
        format!("{} ({})", of.contact, of.channel)
    };
    let what = match of.kind {
        DeliveryKind::Page => "",
        DeliveryKind::AllClear => "all clear ",
        DeliveryKind::Update => "update ",
        DeliveryKind::Notice => "notice ",
        DeliveryKind::Test => "test ",
    };
    let state = match of.state {
        DeliveryState::Sent => "sent",
        DeliveryState::Failed => "failed",
        DeliveryState::Dropped => "not sent",
        DeliveryState::Queued if of.attempts > 0 => "tried again then",
        DeliveryState::Queued => "waits until then",
    };
    let why = of.outcome.as_ref().filter(|_| of.state != DeliveryState::Sent);
    let why = why.map_or_else(String::new, |why| format!(": {why}"));
    let when = output::clock(of.ended_at.unwrap_or(of.due_at));
    vec![who.to_owned(), by, when, format!("{what}{state}{why}")]
}

fn facts(incident: &Incident) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("Incident", incident.id.to_string()),
        ("Title", incident.title.clone()),
        ("Status", format!("{} ({} urgency)", incident.status.word(), incident.urgency.word())),
        ("Severity", incident.severity.word().to_owned()),
        ("Team", incident.team.slug.clone()),
    ];
    let mut add = |name, value: Option<String>| facts.extend(value.map(|value| (name, value)));
    add("Service", incident.service.as_ref().map(|service| service.slug.clone()));
    let who: Vec<&str> = incident.assignees.iter().map(|user| user.username.as_str()).collect();
    add("Assigned to", (!who.is_empty()).then(|| who.join(", ")));
    add("Opened", Some(output::clock(incident.created_at)));
    add(
        "Acknowledged",
        incident
            .acknowledged_by
            .as_ref()
            .zip(incident.acknowledged_at)
            .map(|(by, at)| format!("{} by {}", output::clock(at), by.name)),
    );
    add("Until", incident.acknowledged_until.or(incident.snoozed_until).map(output::clock));
    add("Silenced until", incident.silenced_until.map(output::clock));
    add(
        "Resolved",
        incident
            .resolved_by
            .as_ref()
            .zip(incident.resolved_at)
            .map(|(by, at)| format!("{} by {}", output::clock(at), by.name)),
    );
    let paging = &incident.escalation;
    add("Told", incident.untold.then(|| "nobody could be told".to_owned()));
    add(
        "Next",
        paging.next_at.map(|at| {
            let who = paging.next_targets.join(", ");
            let who = match (who.as_str(), paging.state) {
                ("", EscalationState::Exhausted) => "the last resort again",
                ("", _) => "the next step",
                (who, _) => who,
            };
            format!("{who} {}", output::clock(at))
        }),
    );
    add("Merged into", incident.merged_into.map(|id| id.to_string()));
    add("Note", incident.resolution_note.clone());
    add("Held until", incident.held_until.map(output::clock));
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
    add("Description", Some(incident.description.clone()).filter(|text| !text.is_empty()));
    add("Open at", Some(incident.url.clone()));
    facts
}
