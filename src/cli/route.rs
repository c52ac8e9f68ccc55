//! `incidentd route test`: who would be paged for an alert, and why.
use clap::{Args, Subcommand};

use super::connect::connect;
use super::incidents::parse_label;
use super::{Common, Format, output};
use crate::api::Nothing;
use crate::api::channels::CHANNEL;
use crate::api::route::{PolicyOf, TEST_ROUTE, Try, Way, WayStep};
use crate::api::users::USER;
use crate::client::Client;
use crate::domain::Severity;
use crate::error::{Error, Kind, Result};

#[derive(Subcommand)]
pub enum Route {
    /// Say who would be paged now for an alert with these labels, by which rule and when
    ///
    /// Nobody is. With --verify it fails if it is somebody else.
    Test(Test),
}

#[derive(Args)]
pub struct Test {
    /// Of this service; left out: the only one that I may see
    #[arg(long, value_name = "SLUG")]
    service: Option<String>,
    /// Left out: what the label `severity` says, as in an alert
    #[arg(long, value_enum)]
    severity: Option<Severity>,
    /// Fail unless this person (or channel:SLUG) is among the first who are paged, now
    #[arg(long, value_name = "USER")]
    verify: Option<String>,
    /// The alert's labels
    #[arg(value_name = "LABEL=VALUE", value_parser = parse_label)]
    labels: Vec<(String, String)>,
}

impl Route {
    pub async fn run(self, common: &Common) -> Result<()> {
        let Self::Test(Test { service, severity, verify, labels }) = self;
        let client = connect(common)?;
        let asked = Try { service, labels: labels.into_iter().collect(), severity };
        let way = client.call(&TEST_ROUTE, Nothing {}, &Nothing {}, &asked).await?;
        if common.output == Format::Json {
            output::json(&way)?;
        } else {
            print(&way);
        }
        match verify {
            Some(who) => check(&client, &way, &who).await,
            None => Ok(()),
        }
    }
}

/// # Errors
/// Says who it is, if it is somebody else; `NotFound` for a name of nobody.
async fn check(client: &Client, way: &Way, user: &str) -> Result<()> {
    let first = way.first();
    if !first.contains(&user) {
        let (path, nothing) = (user.trim_start_matches("channel:").to_owned(), Nothing {});
        if user == path {
            client.call(&USER, path, &nothing, &nothing).await.map(drop)?;
        } else {
            client.call(&CHANNEL, path, &nothing, &nothing).await.map(drop)?;
        }
    }
    let why = match way.silenced_until {
        _ if !way.heartbeats.is_empty() => beats(way),
        Some(until) => {
            format!("It is silenced until {}; nobody is paged now.", output::clock(until))
        }
        None if first.contains(&user) => return Ok(()),
        None if first.is_empty() => "Nobody would be paged.".to_owned(),
        None => format!("Not {user} would be paged first, but {}.", first.join(", ")),
    };
    Err(Error::new(Kind::Internal, why)
        .hint("See who is on call: incidentd on-call, and the policy: incidentd policy show"))
}

fn beats(way: &Way) -> String {
    let of = way.heartbeats.join(", ");
    format!("Such an alert is the sign of life of {of}; it opens no incident, and nobody is paged.")
}

fn print(way: &Way) {
    output::say(&format!(
        "{} of {}: {}, {} urgency.",
        way.service.slug,
        way.team.slug,
        way.severity.word(),
        way.urgency.word()
    ));
    if !way.heartbeats.is_empty() {
        return output::say(&beats(way));
    }
    if let Some(until) = way.silenced_until {
        let by: Vec<String> = way.silences.iter().map(ToString::to_string).collect();
        let (until, by) = (output::clock(until), by.join(", "));
        output::say(&format!("Nobody is paged before {until}: silence {by}."));
    }
    output::say(&match way.policy_of {
        PolicyOf::Service => format!("Policy {}, which the service names.", way.policy),
        PolicyOf::Team => format!("Policy {}, the team's default.", way.policy),
        PolicyOf::Nobody => format!("There is no policy {}: the whole team.", way.policy),
    });
    let rows: Vec<Vec<String>> = way.steps.iter().flat_map(rows).collect();
    output::prose(&["WHEN", "STEP", "WHO", "BY", "FOR"], &["STEP", "BY"], &rows);
}

fn rows(step: &WayStep) -> Vec<Vec<String>> {
    let name = match step.step {
        0 => "last resort".to_owned(),
        n => format!("{}.{n}", step.round),
    };
    let targets = step.targets.join(" ");
    let mut rows: Vec<Vec<String>> = step
        .pages
        .iter()
        .map(|page| {
            let by = if page.contact == page.channel {
                page.channel.clone()
            } else {
                format!("{} ({})", page.contact, page.channel)
            };
            vec![output::clock(page.at), name.clone(), page.who.clone(), by, targets.clone()]
        })
        .collect();
    for hole in &step.skipped {
        let nobody = hole.clone();
        rows.push(vec![output::clock(step.at), name.clone(), String::new(), String::new(), nobody]);
    }
    rows
}
