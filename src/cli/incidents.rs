//! What responders type.
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;

use super::chosen::{Chosen, Ids, One, Picked, one, read_stdin};
use super::connect::connect;
use super::schedules::moment;
use super::{Common, Format, output, sheet};
use crate::api::Nothing;
use crate::api::incidents::{self as api, Outcome};
use crate::client::{Client, Named, Ours};
use crate::domain::words::telling;
use crate::domain::{Action, IncidentId, Link, Severity, Span, Urgency};
use crate::error::{Error, Kind, Result};
use crate::secret::Secret;

/// How long an incident's answer is waited for where that of the one before did not come.
const ONCE_MORE: Duration = Duration::from_millis(250);

/// Which incidents a line names, and what is to be done to them.
pub type Meant = (Vec<IncidentId>, Action);

impl Ids {
    pub async fn run(self, common: &Common, action: Action) -> Result<()> {
        let client = connect(common)?;
        let picked = self.read(&client).await?;
        act(&client, common, picked, &action).await
    }
}

#[derive(Args)]
pub struct Ack {
    #[command(flatten)]
    chosen: Chosen,
    /// Triggered again after this time
    #[arg(long = "for", value_name = "DURATION")]
    span: Option<Span>,
    /// What others should know
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Also if somebody else has it
    #[arg(long)]
    take: bool,
}

impl Ack {
    pub async fn run(self, common: &Common) -> Result<()> {
        let client = connect(common)?;
        let action = self.action();
        let picked = self.chosen.find(&client, "Acknowledge").await?;
        act(&client, common, picked, &action).await
    }

    fn action(&self) -> Action {
        let note = self.note.clone();
        Action::Acknowledge { span: self.span, until: None, note, take: self.take }
    }

    pub fn meant(self, ours: &Ours) -> Result<Meant> {
        Ok((self.chosen.named(ours)?, self.action()))
    }
}

#[derive(Args)]
pub struct Resolve {
    #[command(flatten)]
    chosen: Chosen,
    /// What others should know
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// How long alerts that still fire stay quiet (default 1h)
    #[arg(long, value_name = "DURATION")]
    hold: Option<Span>,
}

impl Resolve {
    pub async fn run(self, common: &Common) -> Result<()> {
        let client = connect(common)?;
        let action = self.action();
        let picked = self.chosen.find(&client, "Resolve").await?;
        act(&client, common, picked, &action).await
    }

    fn action(&self) -> Action {
        Action::Resolve { note: self.note.clone(), hold: self.hold }
    }

    pub fn meant(self, ours: &Ours) -> Result<Meant> {
        Ok((self.chosen.named(ours)?, self.action()))
    }
}

#[derive(Args)]
pub struct Snooze {
    #[command(flatten)]
    ids: Ids,
    /// So long, from now on
    #[arg(long = "for", value_name = "DURATION")]
    span: Option<Span>,
    /// RFC 3339, `2026-12-01T09:00` here, or the next `09:00` here
    #[arg(long, value_name = "TIME", value_parser = moment, conflicts_with = "span")]
    until: Option<Timestamp>,
}

impl Snooze {
    pub async fn run(self, common: &Common) -> Result<()> {
        let action = self.action()?;
        self.ids.run(common, action).await
    }

    fn action(&self) -> Result<Action> {
        if self.span.is_none() && self.until.is_none() {
            return Err(Error::usage("Until when?").hint("Say --for 2h or --until 08:00."));
        }
        Ok(Action::Snooze { span: self.span, until: self.until })
    }

    pub fn meant(self, ours: &Ours) -> Result<Meant> {
        Ok((self.ids.named(ours)?, self.action()?))
    }
}

#[derive(Args)]
pub struct Reassign {
    #[command(flatten)]
    ids: Ids,
    /// A username, or `me`
    #[arg(long, value_name = "USER")]
    to: String,
    /// What others should know
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

impl Reassign {
    pub async fn run(self, common: &Common) -> Result<()> {
        self.ids.run(common, Action::Reassign { to: self.to, reason: self.note }).await
    }

    pub fn meant(self, ours: &Ours) -> Result<Meant> {
        Ok((self.ids.named(ours)?, Action::Reassign { to: self.to, reason: self.note }))
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
        let client = connect(common)?;
        let into = one(&client, &self.into).await?;
        self.ids.run(common, Action::Merge { into }).await
    }

    pub fn meant(self, ours: &Ours) -> Result<Meant> {
        Ok((self.ids.named(ours)?, Action::Merge { into: ours.id(&Named::read(&self.into)?)? }))
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
        let picked = Picked { ids: vec![self.id.id(&client).await?], one: true };
        let body = if self.text == "-" { read_stdin()? } else { self.text };
        act(&client, common, picked, &Action::AddNote { body }).await
    }

    pub fn meant(self, ours: &Ours) -> Result<Meant> {
        Ok((vec![self.id.named(ours)?], Action::AddNote { body: self.text }))
    }
}

/// Where an integration's key may lie.
pub(super) const KEY: &str = "INCIDENTD_KEY";

#[derive(Args)]
pub struct Trigger {
    /// Of which service; left out with --key, which is of one
    #[arg(long, value_name = "SLUG")]
    service: Option<String>,
    /// What is wrong, in one line
    #[arg(long, value_name = "TEXT")]
    title: String,
    /// How bad it is (default error)
    #[arg(long, value_enum)]
    severity: Option<Severity>,
    /// What makes two of them the same; left out: the title
    #[arg(long, value_name = "KEY")]
    dedup_key: Option<String>,
    /// May repeat
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_label)]
    label: Vec<(String, String)>,
    /// An address to show with it; may repeat
    #[arg(long, value_name = "URL")]
    link: Vec<String>,
    /// An integration's key instead of a person's token and --service; also `INCIDENTD_KEY`
    #[arg(long, value_name = "KEY", conflicts_with = "service")]
    key: Option<String>,
}

impl Trigger {
    pub async fn run(self, common: &Common) -> Result<()> {
        // A service that was named wins over a key that happens to lie in the environment.
        let key = match &self.service {
            Some(_) => None,
            None => {
                self.key.clone().or_else(|| std::env::var(KEY).ok().filter(|key| !key.is_empty()))
            }
        };
        if self.service.is_none() && key.is_none() {
            return Err(Error::usage("Of which service is it?")
                .hint("Say --service SLUG, or give an integration's key in INCIDENTD_KEY."));
        }
        let body = self.asked();
        let outcome: Outcome = match &key {
            Some(key) => {
                let client = match &common.client {
                    Some(client) => client.clone(),
                    None => Client::new(&common.server()?, None, common.timeout())?,
                };
                client.send_alert(&Secret::new(key), "generic", &body).await?
            }
            None => connect(common)?.call_once(&api::TRIGGER, Nothing {}, &body).await?,
        };
        opened(common, &outcome)
    }

    /// It names a service, not a key that is of one.
    pub(super) const fn names_service(&self) -> bool {
        self.service.is_some()
    }

    pub(super) fn asked(self) -> api::Trigger {
        let links = self.link.into_iter().map(|href| Link { href, text: String::new() });
        api::Trigger {
            service: self.service,
            dedup_key: self.dedup_key,
            severity: self.severity,
            labels: self.label.into_iter().collect(),
            links: links.collect(),
            ..api::Trigger::titled(self.title)
        }
    }
}

/// Opens an incident for somebody, of no service.
#[derive(Args)]
pub struct Page {
    /// Whom: a username, `me`, `team:SLUG` or `schedule:SLUG`
    to: String,
    /// What is wrong, in one line
    text: String,
    /// Whose incident it is; left out: a team that you share with them, else the built-in
    /// `incidentd`, whose members are the platform's admins
    #[arg(long, value_name = "SLUG")]
    team: Option<String>,
    /// How loud it is: low wakes nobody
    #[arg(long, value_enum, default_value = "high")]
    urgency: Urgency,
}

impl Page {
    pub async fn run(self, common: &Common) -> Result<()> {
        let body = self.asked();
        let client = connect(common)?;
        let outcome = client.call_once(&api::TRIGGER, Nothing {}, &body).await?;
        if let Some(id) = outcome.incident_id {
            let incident = client.call(&api::SHOW, id, &Nothing {}, &Nothing {}).await?;
            output::say(&telling(&incident));
        }
        opened(common, &outcome)
    }

    pub(super) fn asked(self) -> api::Trigger {
        api::Trigger {
            to: Some(self.to),
            team: self.team,
            urgency: Some(self.urgency),
            ..api::Trigger::titled(self.text)
        }
    }
}

fn opened(common: &Common, outcome: &Outcome) -> Result<()> {
    if common.output == Format::Json && !common.quiet {
        return output::json(outcome);
    }
    if sheet::is_there() {
        output::say(&outcome.words());
    }
    output::ids(outcome.incident_id);
    Ok(())
}

pub(super) fn parse_label(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("must be written name=value".into()),
    }
}

/// Acts on each; all are tried, but a server that hangs is waited for only once. Failures of one
/// kind give its exit code, of several 1.
async fn act(client: &Client, common: &Common, picked: Picked, action: &Action) -> Result<()> {
    let hasty = client.within(ONCE_MORE);
    let mut failures: Vec<Error> = Vec::new();
    let mut acted = Vec::new();
    for id in picked.ids {
        let hangs = failures.last().is_some_and(|error| error.kind == Kind::Unreachable);
        let client = if hangs { &hasty } else { client };
        match client.call_once(&api::ACT, id, action).await {
            Ok(one) => {
                if common.quiet {
                    output::ids([id]);
                } else if common.output == Format::Text {
                    output::line(&one.said(action, &output::clock));
                }
                acted.push(one);
            }
            Err(error) => failures.push(error),
        }
    }
    if common.output == Format::Json && !common.quiet {
        match (picked.one, acted.as_slice()) {
            (true, []) => {}
            (true, [one, ..]) => output::json(one)?,
            (false, all) => output::json(&all)?,
        }
    }
    output::failures(failures, common.output == Format::Json)
}
