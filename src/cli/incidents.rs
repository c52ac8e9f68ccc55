//! What responders type.
use std::io::Read;

use clap::Args;
use jiff::Timestamp;
use serde_json::value::RawValue;

use super::connect::connect;
use super::{Common, Format, output};
use crate::api::incidents::{self as api, AfterQuery, ListQuery, Outcome, StatusFilter};
use crate::api::{MAX_PAGE, Nothing};
use crate::client::Client;
use crate::domain::alert::Labels;
use crate::domain::event::{Event, UpdateReason};
use crate::domain::{Action, Change, Incident, IncidentId, Link, Severity, Span};
use crate::error::{Error, Kind, Result};
use crate::secret::Secret;

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
    /// Only with this label; may repeat
    #[arg(long, value_name = "NAME=VALUE")]
    label: Vec<String>,
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
            label: self.label,
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
    pub async fn show(self, common: &Common) -> Result<()> {
        let client = connect(common)?;
        let id = parse_id(&self.id)?;
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
        let id = parse_id(&self.id)?;
        let mut events: Vec<Box<RawValue>> = Vec::new();
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
            .filter_map(|event| serde_json::from_str::<Event>(event.get()).ok())
            .map(|event| {
                vec![event.at.to_string(), event.actor.name.clone(), sentence(&event.change)]
            })
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

/// What happened, in words.
fn sentence(change: &Change) -> String {
    let noted =
        |note: &Option<String>| note.as_ref().map_or_else(String::new, |note| format!(": {note}"));
    match change {
        Change::Created => "opened".into(),
        Change::Acknowledged { until, note, .. } => match until {
            Some(until) => format!("acknowledged until {until}{}", noted(note)),
            None => format!("acknowledged{}", noted(note)),
        },
        Change::Resolved { reason, note, .. } => {
            use crate::domain::ResolveReason as Reason;
            let why = match reason {
                Reason::Manual => "resolved",
                Reason::Source => "resolved by its source",
                Reason::Expired => "no longer reported",
                Reason::Unknown => "resolved for a reason that this version does not know",
            };
            format!("{why}{}", noted(note))
        }
        Change::Reassigned { to, reason, .. } => {
            let names: Vec<&str> = to.iter().map(|user| user.username.as_str()).collect();
            format!("reassigned to {}{}", names.join(", "), noted(reason))
        }
        Change::NoteAdded { note } => format!("noted: {}", note.body),
        Change::Updated(update) => {
            let about = update.alert.as_ref().map(|alert| format!(": {}", alert.title));
            let what = match update.reason {
                UpdateReason::Unacknowledged => "given back",
                UpdateReason::AckTimeout => "acknowledgement timed out",
                UpdateReason::Reopened => "reopened",
                UpdateReason::StillFiring => "still fires",
                UpdateReason::Snoozed => "snoozed",
                UpdateReason::SnoozeEnded => "snooze ended",
                UpdateReason::Urgency => "urgency changed",
                UpdateReason::Severity => "severity changed",
                UpdateReason::AlertAdded => "another alert",
                UpdateReason::AlertResolved => "an alert is over",
                UpdateReason::Stale => "not reported for long; is it still so?",
                UpdateReason::Flapping => "flapping",
                UpdateReason::Unknown => "changed in a way that this version does not know",
            };
            format!("{what}{}", about.unwrap_or_default())
        }
        Change::Unknown => "something that this version does not know".into(),
    }
}

/// Which incidents: ids, or a filter.
#[derive(Args)]
pub struct Ids {
    /// `42`, `#42`, an incident's address, or `-` to read them from stdin
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
}

impl Ids {
    pub async fn run(self, common: &Common, action: Action) -> Result<()> {
        let client = connect(common)?;
        act(&client, common, read_ids(&self.ids)?, &action).await
    }
}

/// Which incidents: ids, or all open ones of somebody, a team or a service.
#[derive(Args)]
struct Chosen {
    /// `42`, `#42`, an incident's address, or `-` to read them from stdin
    #[arg(value_name = "ID", required_unless_present_any = ["mine", "team", "service"])]
    ids: Vec<String>,
    /// All open ones that are assigned to me
    #[arg(long, conflicts_with = "ids")]
    mine: bool,
    /// All open ones of this team
    #[arg(long, conflicts_with = "ids")]
    team: Option<String>,
    /// All open ones of this service
    #[arg(long, conflicts_with = "ids")]
    service: Option<String>,
    /// Do not ask before acting on several
    #[arg(long)]
    yes: bool,
}

impl Chosen {
    async fn find(self, client: &Client, verb: &str) -> Result<Vec<IncidentId>> {
        if !self.ids.is_empty() {
            return read_ids(&self.ids);
        }
        let mut query = ListQuery {
            team: self.team.into_iter().collect(),
            service: self.service,
            assignee: self.mine.then(|| "me".to_owned()),
            limit: Some(MAX_PAGE),
            ..ListQuery::default()
        };
        let mut ids = Vec::new();
        loop {
            let page = client.call(&api::LIST, Nothing {}, &query, &Nothing {}).await?;
            ids.extend(page.items.into_iter().map(|incident| incident.id));
            match page.next_cursor {
                Some(next) => query.cursor = Some(next),
                None => break,
            }
        }
        if ids.len() > 1 && !self.yes {
            confirm(&format!("{verb} {} incidents?", ids.len()))?;
        }
        Ok(ids)
    }
}

/// Asks on a terminal; elsewhere `--yes` must have said so.
fn confirm(question: &str) -> Result<()> {
    use std::io::IsTerminal;
    if !std::io::stdin().is_terminal() {
        return Err(Error::refused(format!("{question} Nobody can be asked here."))
            .hint("Say --yes to act on all of them."));
    }
    output::say(&format!("{question} [y/N]"));
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(Error::internal)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Error::refused("Nothing was done.")),
    }
}

#[derive(Args)]
pub struct Ack {
    #[command(flatten)]
    chosen: Chosen,
    /// Triggered again after this time
    #[arg(long = "for", value_name = "DURATION")]
    span: Option<Span>,
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Also if somebody else has it
    #[arg(long)]
    take: bool,
}

impl Ack {
    pub async fn run(self, common: &Common) -> Result<()> {
        let client = connect(common)?;
        let ids = self.chosen.find(&client, "Acknowledge").await?;
        let action =
            Action::Acknowledge { span: self.span, until: None, note: self.note, take: self.take };
        act(&client, common, ids, &action).await
    }
}

#[derive(Args)]
pub struct Resolve {
    #[command(flatten)]
    chosen: Chosen,
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// How long alerts that still fire stay quiet (default 1h)
    #[arg(long, value_name = "DURATION")]
    hold: Option<Span>,
}

impl Resolve {
    pub async fn run(self, common: &Common) -> Result<()> {
        let client = connect(common)?;
        let ids = self.chosen.find(&client, "Resolve").await?;
        act(&client, common, ids, &Action::Resolve { note: self.note, hold: self.hold }).await
    }
}

#[derive(Args)]
pub struct Snooze {
    #[command(flatten)]
    ids: Ids,
    #[arg(long = "for", value_name = "DURATION", required_unless_present = "until")]
    span: Option<Span>,
    /// A time of day here (`08:00`), or a moment (RFC 3339)
    #[arg(long, value_name = "TIME", conflicts_with = "span")]
    until: Option<String>,
}

impl Snooze {
    pub async fn run(self, common: &Common) -> Result<()> {
        let until = self.until.as_deref().map(parse_moment).transpose()?;
        self.ids.run(common, Action::Snooze { span: self.span, until }).await
    }
}

/// The next time that the clock on the wall shows this, or a moment as it stands.
fn parse_moment(text: &str) -> Result<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let wrong = || Error::usage(format!("--until: `{text}` is neither 08:00 nor a moment."));
    let time: jiff::civil::Time = text.parse().map_err(|_| wrong())?;
    let now = super::now().to_zoned(jiff::tz::TimeZone::system());
    let today = now.with().time(time).build().map_err(|_| wrong())?;
    let next = if today > now { today } else { today.tomorrow().map_err(|_| wrong())? };
    Ok(next.timestamp())
}

#[derive(Args)]
pub struct Reassign {
    #[command(flatten)]
    ids: Ids,
    /// A username, or `me`
    #[arg(long, value_name = "USER")]
    to: String,
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

impl Reassign {
    pub async fn run(self, common: &Common) -> Result<()> {
        self.ids.run(common, Action::Reassign { to: self.to, reason: self.note }).await
    }
}

#[derive(Args)]
pub struct Note {
    #[command(flatten)]
    id: One,
    /// The text, or `-` to read it from stdin
    text: String,
}

impl Note {
    pub async fn run(self, common: &Common) -> Result<()> {
        let client = connect(common)?;
        let body = if self.text == "-" { read_stdin()? } else { self.text };
        let id = parse_id(&self.id.id)?;
        act(&client, common, vec![id], &Action::AddNote { body }).await
    }
}

#[derive(Args)]
pub struct Trigger {
    #[arg(long, required_unless_present = "key")]
    service: Option<String>,
    #[arg(long)]
    title: String,
    #[arg(long, value_enum)]
    severity: Option<Severity>,
    /// What makes two of them the same; left out: the title
    #[arg(long)]
    dedup_key: Option<String>,
    #[arg(long, value_name = "NAME=VALUE")]
    label: Vec<String>,
    #[arg(long, value_name = "URL")]
    link: Vec<String>,
    /// An integration's key instead of a person's token
    #[arg(long, env = "INCIDENTD_KEY", hide_env_values = true, conflicts_with = "service")]
    key: Option<String>,
}

impl Trigger {
    pub async fn run(self, common: &Common) -> Result<()> {
        let mut labels = Labels::new();
        for label in &self.label {
            let (name, value) = label
                .split_once('=')
                .ok_or_else(|| Error::usage("--label must be written name=value."))?;
            labels.insert(name.to_owned(), value.to_owned());
        }
        let links = self.link.iter().map(|href| Link { href: href.clone(), text: String::new() });
        let body = api::Trigger {
            service: self.service.unwrap_or_default(),
            title: self.title,
            dedup_key: self.dedup_key,
            status: None,
            severity: self.severity,
            urgency: None,
            description: String::new(),
            labels,
            links: links.collect(),
            to: None,
        };
        let outcome: Outcome = match &self.key {
            Some(key) => {
                let client = Client::new(&common.server, None, common.timeout())?;
                client.send_alert(&Secret::new(key), &body).await?
            }
            None => connect(common)?.call_once(&api::TRIGGER, Nothing {}, &body).await?,
        };
        if common.output == Format::Json {
            return output::json(&outcome);
        }
        if let Some(id) = outcome.incident_id {
            output::line(&id.to_string());
        }
        Ok(())
    }
}

/// Acts on each; all are tried. Failures of one kind give its exit code, of several 1.
async fn act(
    client: &Client,
    common: &Common,
    ids: Vec<IncidentId>,
    action: &Action,
) -> Result<()> {
    let mut failures: Vec<Error> = Vec::new();
    let mut acted = Vec::new();
    let several = ids.len() > 1;
    for id in ids {
        match client.call_once(&api::ACT, id, action).await {
            Ok(one) => {
                if common.output == Format::Text {
                    output::line(&one.message);
                }
                acted.push(one);
            }
            Err(error) => failures.push(error),
        }
    }
    if common.output == Format::Json && !acted.is_empty() {
        match acted.as_slice() {
            [one] if !several => output::json(one)?,
            all => output::json(&all)?,
        }
    }
    let Some(last) = failures.pop() else { return Ok(()) };
    // Each is said once: all but the last here, the last by whoever ends the command.
    for error in &failures {
        output::error(error, common.output == Format::Json);
    }
    if failures.iter().all(|error| error.kind == last.kind) {
        return Err(last);
    }
    output::error(&last, common.output == Format::Json);
    let all = failures.len() + 1;
    Err(Error::new(Kind::Internal, format!("{all} incidents could not be acted on.")))
}

fn read_stdin() -> Result<String> {
    let mut text = String::new();
    std::io::stdin()
        .take(1024 * 1024)
        .read_to_string(&mut text)
        .map_err(|_| Error::invalid("stdin", "is not readable text"))?;
    Ok(text)
}

fn read_ids(given: &[String]) -> Result<Vec<IncidentId>> {
    let mut ids = Vec::new();
    for text in given {
        if text == "-" {
            for word in read_stdin()?.split_whitespace() {
                ids.push(parse_id(word)?);
            }
        } else {
            ids.push(parse_id(text)?);
        }
    }
    Ok(ids)
}

/// `42`, `#42` or `https://…/incidents/42`.
fn parse_id(text: &str) -> Result<IncidentId> {
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

    #[test]
    fn a_time_of_day_is_the_next_one() {
        let at = parse_moment("08:00").expect("a time");
        let ahead = at.duration_since(super::super::now());
        assert!(ahead.is_positive() && ahead.as_hours() <= 25);
        assert!(parse_moment("soon").is_err());
    }
}
