//! `incidentd service …`: what is watched.
use clap::{Args, Subcommand};

use super::connect::connect;
use super::{Common, Format, output};
use crate::api::Nothing;
use crate::api::services::{self, NewService, ServiceChange, ServicesQuery};
use crate::client::{self, Client};
use crate::domain::Span;
use crate::domain::service::UrgencyRule;
use crate::error::Result;

#[derive(Subcommand)]
pub enum Service {
    /// Add a service, or bring an archived one of the same team back
    Add {
        /// How commands name it
        #[arg(value_name = "SLUG")]
        slug: String,
        /// The team that answers for it
        #[arg(long, value_name = "SLUG")]
        team: String,
        #[command(flatten)]
        rules: Rules,
    },
    /// List the services of my teams
    List {
        /// Of one team
        #[arg(long, value_name = "SLUG")]
        team: Option<String>,
        /// Archived ones too
        #[arg(long)]
        archived: bool,
    },
    /// Change a service's rules, name or slug; its history and ids stay
    Set {
        /// The service's slug
        #[arg(value_name = "SLUG")]
        service: String,
        /// A new slug
        #[arg(long, value_name = "SLUG")]
        slug: Option<String>,
        #[command(flatten)]
        rules: Rules,
    },
    /// Archive a service without open incidents: its keys are dead, its history stays
    Remove {
        /// The service's slug
        #[arg(value_name = "SLUG")]
        service: String,
    },
}

#[derive(Args)]
pub struct Rules {
    /// The name that people read
    #[arg(long)]
    name: Option<String>,
    /// How loud its incidents are: by severity, or always one
    #[arg(long, value_enum)]
    urgency: Option<UrgencyRule>,
    /// A label that puts alerts into one incident; may repeat
    #[arg(long, value_name = "LABEL")]
    group_by: Option<Vec<String>>,
    /// After this long an acknowledged incident is triggered again; 0 never
    #[arg(long, value_name = "DURATION")]
    ack_timeout: Option<Span>,
    /// A firing this soon after its source's resolve reopens the incident; 0 never
    #[arg(long, value_name = "DURATION")]
    reopen_within: Option<Span>,
    /// The escalation policy; empty: the team's default, else the whole team, repeated
    #[arg(long, value_name = "SLUG")]
    policy: Option<String>,
}

impl Service {
    pub async fn run(self, common: &Common) -> Result<()> {
        let client = connect(common)?;
        match self {
            Self::Add { slug, team, rules } => {
                let Rules { name, urgency, group_by, ack_timeout, reopen_within, policy } = rules;
                let escalation_policy = policy.filter(|slug| !slug.is_empty());
                let new = NewService {
                    slug,
                    team,
                    name,
                    urgency,
                    group_by,
                    ack_timeout,
                    reopen_within,
                    escalation_policy,
                };
                let service = client.call_once(&services::CREATE_SERVICE, Nothing {}, &new).await?;
                if common.output == Format::Json {
                    return output::json(&service);
                }
                output::say(&format!(
                    "Added service {0}. Next, a key for what watches it:\n  \
                     incidentd integration add {0} NAME",
                    service.slug
                ));
                Ok(())
            }
            Self::List { team, archived } => list(common, &client, team, archived).await,
            Self::Set { service, slug, rules } => {
                let Rules { name, urgency, group_by, ack_timeout, reopen_within, policy } = rules;
                let escalation_policy =
                    policy.map(|slug| Some(slug).filter(|slug| !slug.is_empty()));
                let change = ServiceChange {
                    slug,
                    name,
                    urgency,
                    group_by,
                    ack_timeout,
                    reopen_within,
                    escalation_policy,
                };
                let service =
                    client.call(&services::CHANGE_SERVICE, service, &Nothing {}, &change).await?;
                if common.output == Format::Json {
                    return output::json(&service);
                }
                output::say(&format!("Changed service {}.", service.slug));
                Ok(())
            }
            Self::Remove { service } => {
                let path = service.clone();
                client.call(&services::ARCHIVE_SERVICE, path, &Nothing {}, &Nothing {}).await?;
                output::say(&format!("Archived service {service}; its history stays."));
                Ok(())
            }
        }
    }
}

async fn list(
    common: &Common,
    client: &Client,
    team: Option<String>,
    archived: bool,
) -> Result<()> {
    let items = client::all(|cursor| {
        let query =
            ServicesQuery { team: team.clone(), archived, cursor, ..ServicesQuery::default() };
        async move { client.call(&services::SERVICES, Nothing {}, &query, &Nothing {}).await }
    })
    .await?;
    if output::for_programs(common, &items, |of| of.slug.clone())? {
        return Ok(());
    }
    let rows: Vec<Vec<String>> = items
        .into_iter()
        .map(|service| {
            let standing = if service.archived { "archived" } else { "" };
            let urgency = service.rules.urgency.word().into();
            vec![service.slug, service.team.slug, urgency, service.name, standing.into()]
        })
        .collect();
    let head = ["SLUG", "TEAM", "URGENCY", "NAME", ""];
    output::table_or_less(&head, &["NAME", "URGENCY"], &rows);
    Ok(())
}
