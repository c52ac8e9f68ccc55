//! Which incidents a command is about: ids as people write them, or all open ones of a filter.
use std::io::{IsTerminal, Read, stdin};

use clap::Args;

use super::{output, sheet};
use crate::api::incidents::{self as api, ListQuery};
use crate::api::{MAX_PAGE, Nothing};
use crate::client::{Client, Named, Ours};
use crate::domain::{Incident, IncidentId};
use crate::error::{Error, Result};

/// How many of those that would be acted on are named when asking.
const NAMED: usize = 10;

/// One incident.
#[derive(Args)]
pub struct One {
    /// `42`, `'#42'` or an incident's address
    #[arg(value_name = "ID")]
    id: String,
}

impl One {
    pub async fn id(&self, client: &Client) -> Result<IncidentId> {
        one(client, &self.id).await
    }

    /// The incident itself, where it must be one of `ours`.
    pub fn named(&self, ours: &Ours) -> Result<IncidentId> {
        ours.id(&Named::read(&self.id)?)
    }
}

/// The incident that `text` means.
pub async fn one(client: &Client, text: &str) -> Result<IncidentId> {
    let ids = client.ours(&[Named::read(text)?]).await?;
    Ok(ids.first().copied().unwrap_or_default())
}

/// Incidents by their ids.
#[derive(Args)]
pub struct Ids {
    /// `42`, `'#42'`, an incident's address, or `-` to read them from stdin
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
}

impl Ids {
    pub async fn read(&self, client: &Client) -> Result<Picked> {
        read_ids(client, &self.ids).await
    }

    /// The incidents themselves, where nobody types into stdin.
    pub fn named(&self, ours: &Ours) -> Result<Vec<IncidentId>> {
        named(&self.ids, ours)
    }
}

/// Incidents by their ids, or all open ones of somebody, a team or a service.
#[derive(Args)]
pub struct Chosen {
    /// `42`, `'#42'`, an incident's address, or `-` to read them from stdin
    #[arg(value_name = "ID", required_unless_present_any = ["mine", "team", "service"])]
    ids: Vec<String>,
    /// All open ones that are assigned to me
    #[arg(long, conflicts_with = "ids")]
    mine: bool,
    /// All open ones of this team
    #[arg(long, value_name = "SLUG", conflicts_with = "ids")]
    team: Option<String>,
    /// All open ones of this service
    #[arg(long, value_name = "SLUG", conflicts_with = "ids")]
    service: Option<String>,
    /// Do not ask before acting on several
    #[arg(long)]
    yes: bool,
}

/// What was picked.
pub struct Picked {
    pub ids: Vec<IncidentId>,
    /// One was named, so one is answered; otherwise it is a list, however long.
    pub one: bool,
}

impl Chosen {
    /// The incidents themselves, where no server is asked.
    pub fn named(&self, ours: &Ours) -> Result<Vec<IncidentId>> {
        if self.ids.is_empty() {
            return Err(Error::usage("Name the incidents, or select them with space."));
        }
        named(&self.ids, ours)
    }

    pub async fn find(self, client: &Client, verb: &str) -> Result<Picked> {
        if !self.ids.is_empty() {
            return read_ids(client, &self.ids).await;
        }
        let query = ListQuery {
            team: self.team.into_iter().collect(),
            service: self.service,
            assignee: self.mine.then(|| "me".to_owned()),
            ..ListQuery::default()
        };
        let found = list(client, query, u64::MAX).await?.0;
        if found.is_empty() {
            output::say("Nothing is open there.");
        }
        if found.len() > 1 && !self.yes {
            confirm(verb, &found)?;
        }
        Ok(Picked { ids: found.into_iter().map(|incident| incident.id).collect(), one: false })
    }
}

/// Up to `limit` incidents, and whether there are more.
pub async fn list(
    client: &Client,
    mut query: ListQuery,
    limit: u64,
) -> Result<(Vec<Incident>, bool)> {
    let mut found: Vec<Incident> = Vec::new();
    loop {
        let left = limit.saturating_sub(found.len() as u64);
        if left == 0 {
            return Ok((found, query.cursor.is_some()));
        }
        query.limit = Some(u32::try_from(left).unwrap_or(MAX_PAGE).min(MAX_PAGE));
        let page = client.call(&api::LIST, Nothing {}, &query, &Nothing {}).await?;
        found.extend(page.items);
        query.cursor = page.next_cursor;
        if query.cursor.is_none() {
            return Ok((found, false));
        }
    }
}

/// Asks on a terminal; elsewhere `--yes` must have said so.
fn confirm(verb: &str, found: &[Incident]) -> Result<()> {
    let question = format!("{verb} {} incidents?", found.len());
    if sheet::is_there() || !stdin().is_terminal() {
        return Err(Error::refused(format!("{question} Nobody can be asked here."))
            .hint("Say --yes to act on all of them."));
    }
    for incident in found.iter().take(NAMED) {
        output::say(&format!("  {}  {}", incident.id, incident.title));
    }
    if found.len() > NAMED {
        output::say(&format!("  and {} more", found.len() - NAMED));
    }
    output::say(&format!("{question} [y/N]"));
    let mut answer = String::new();
    stdin().read_line(&mut answer).map_err(Error::internal)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Error::refused("Nothing was done.").hint("Answer y to go on.")),
    }
}

pub fn read_stdin() -> Result<String> {
    sheet::must_have_stdin()?;
    let mut text = String::new();
    stdin()
        .take(1024 * 1024)
        .read_to_string(&mut text)
        .map_err(|_| Error::invalid("stdin", "is not readable text"))?;
    Ok(text)
}

async fn read_ids(client: &Client, given: &[String]) -> Result<Picked> {
    let mut names = Vec::new();
    for text in given {
        if text == "-" {
            for word in read_stdin()?.split_whitespace() {
                names.push(Named::read(word)?);
            }
        } else {
            names.push(Named::read(text)?);
        }
    }
    let ids = client.ours(&names).await?;
    Ok(Picked { one: given.len() == 1 && given[0] != "-", ids })
}

fn named(given: &[String], ours: &Ours) -> Result<Vec<IncidentId>> {
    if given.iter().any(|id| id == "-") {
        return Err(Error::usage("There is no stdin here."));
    }
    given.iter().map(|id| ours.id(&Named::read(id)?)).collect()
}
