//! What responders type.
use std::io::Read;

use clap::Args;
use jiff::Timestamp;

use super::connect::connect;
use super::look::{One, parse_id};
use super::{Common, Format, output};
use crate::api::incidents::{self as api, ListQuery, Outcome};
use crate::api::{MAX_PAGE, Nothing};
use crate::client::Client;
use crate::domain::alert::Labels;
use crate::domain::{Action, IncidentId, Link, Severity, Span};
use crate::error::{Error, Kind, Result};
use crate::secret::Secret;

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
pub struct Merge {
    #[command(flatten)]
    ids: Ids,
    /// The incident that goes on: `42`, `#42` or its address
    #[arg(long, value_name = "ID")]
    into: String,
}

impl Merge {
    pub async fn run(self, common: &Common) -> Result<()> {
        let into = parse_id(&self.into)?;
        self.ids.run(common, Action::Merge { into }).await
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
        let id = self.id.id()?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_is_the_next_one() {
        let at = parse_moment("08:00").expect("a time");
        let ahead = at.duration_since(super::super::now());
        assert!(ahead.is_positive() && ahead.as_hours() <= 25);
        assert!(parse_moment("soon").is_err());
    }
}
