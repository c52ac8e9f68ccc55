//! `incidentd policy …`: who is told when, until somebody answers.
use clap::Subcommand;

use super::connect::connect;
use super::{Common, Format, output};
use crate::api::policies::{self as api, NewPolicy, Policy as Found, PolicyChange, Step};
use crate::api::{Nothing, OfTeam};
use crate::client::{self, Client};
use crate::domain::policy::TargetName;
use crate::error::{Error, Result};

#[derive(Subcommand)]
pub enum Policy {
    /// List the policies of my teams
    List {
        /// Of one team
        #[arg(long, value_name = "SLUG")]
        team: Option<String>,
    },
    /// Show who is told when
    Show {
        /// The policy's slug
        #[arg(value_name = "NAME")]
        policy: String,
    },
    /// Add a policy; called TEAM-default it holds for the team's services that name no other
    ///
    /// incidentd policy add payments-default --team payments --step 0m=schedule:primary --step
    /// 5m=user:alice,channel:chat
    Add {
        /// How services name it
        #[arg(value_name = "SLUG")]
        slug: String,
        /// Whose it is
        #[arg(long, value_name = "SLUG")]
        team: String,
        #[command(flatten)]
        ladder: Ladder,
    },
    /// Change a policy; ladders that are climbed go on by it from their next step
    Set {
        /// The policy's slug
        #[arg(value_name = "NAME")]
        policy: String,
        /// A new slug
        #[arg(long, value_name = "SLUG")]
        slug: Option<String>,
        #[command(flatten)]
        ladder: Ladder,
    },
    /// Remove a policy that no service names
    Remove {
        /// The policy's slug
        #[arg(value_name = "NAME")]
        policy: String,
    },
}

#[derive(clap::Args)]
pub struct Ladder {
    /// When, from the start of the round, and whom: user:NAME, schedule:SLUG (who is on call
    /// then), schedule:SLUG/next (who is after them), team:SLUG, channel:SLUG; may repeat, and
    /// replaces all steps
    #[arg(long = "step", value_name = "AFTER=TARGET,…")]
    steps: Option<Vec<Step>>,
    /// Rounds after the first
    #[arg(long, value_name = "N")]
    repeat: Option<u32>,
    /// Who is told when nobody answered; empty: the team's admins, then the platform's
    #[arg(long, value_name = "TARGET,…", value_parser = targets)]
    last_resort: Option<Targets>,
}

/// Targets as one argument.
type Targets = std::sync::Arc<[TargetName]>;

fn targets(text: &str) -> std::result::Result<Targets, String> {
    text.split(',').filter(|target| !target.is_empty()).map(str::parse).collect()
}

impl Policy {
    pub async fn run(self, common: &Common) -> Result<()> {
        let client = connect(common)?;
        match self {
            Self::List { team } => list(common, &client, team).await,
            Self::Show { policy } => {
                let found = client.call(&api::POLICY, policy, &Nothing {}, &Nothing {}).await?;
                show(common, &found)
            }
            Self::Add { slug, team, ladder } => {
                let Ladder { steps, repeat, last_resort } = ladder;
                let steps = steps.ok_or_else(|| {
                    Error::usage("A policy needs steps.").hint("Such as: --step 0m=team:payments")
                })?;
                let last_resort = last_resort.map(|last| last.to_vec());
                let new = NewPolicy { slug, team, repeat, steps, last_resort };
                let made = client.call_once(&api::CREATE_POLICY, Nothing {}, &new).await?;
                done(common, "Added", &made)
            }
            Self::Set { policy, slug, ladder } => {
                let Ladder { steps, repeat, last_resort } = ladder;
                if steps.is_none() && slug.is_none() && repeat.is_none() && last_resort.is_none() {
                    return Err(Error::usage(
                        "Nothing to change: give --step, --repeat, --last-resort or --slug.",
                    ));
                }
                let last_resort =
                    last_resort.map(|last| Some(last.to_vec()).filter(|last| !last.is_empty()));
                let change = PolicyChange { slug, repeat, steps, last_resort };
                let made = client.call(&api::CHANGE_POLICY, policy, &Nothing {}, &change).await?;
                done(common, "Changed", &made)
            }
            Self::Remove { policy } => {
                let path = policy.clone();
                client.call(&api::REMOVE_POLICY, path, &Nothing {}, &Nothing {}).await?;
                output::say(&format!("Removed policy {policy}."));
                Ok(())
            }
        }
    }
}

fn done(common: &Common, what: &str, policy: &Found) -> Result<()> {
    if common.output == Format::Json {
        return output::json(policy);
    }
    output::say(&format!("{what} policy {}.", policy.slug));
    Ok(())
}

fn names(targets: &[TargetName]) -> String {
    let names: Vec<String> = targets.iter().map(ToString::to_string).collect();
    names.join(",")
}

async fn list(common: &Common, client: &Client, team: Option<String>) -> Result<()> {
    let items = client::all(|cursor| {
        let query = OfTeam { team: team.clone(), cursor, ..OfTeam::default() };
        async move { client.call(&api::POLICIES, Nothing {}, &query, &Nothing {}).await }
    })
    .await?;
    if output::for_programs(common, &items, |of| of.slug.clone())? {
        return Ok(());
    }
    if items.is_empty() {
        output::say(
            "There is no policy: whole teams are told at once, three times. Next: policy add",
        );
    }
    let row = |of: Found| {
        let steps: Vec<String> = of.steps.iter().map(ToString::to_string).collect();
        vec![of.slug, of.team.slug, steps.join(" "), of.repeat.to_string(), of.services.join(",")]
    };
    let rows: Vec<Vec<String>> = items.into_iter().map(row).collect();
    let head = ["POLICY", "TEAM", "STEPS", "REPEAT", "SERVICES"];
    output::table_or_less(&head, &["REPEAT", "SERVICES", "TEAM"], &rows);
    Ok(())
}

fn show(common: &Common, policy: &Found) -> Result<()> {
    if common.output == Format::Json {
        return output::json(policy);
    }
    let default = policy.slug == crate::domain::policy::default_slug(&policy.team.slug);
    let services = match (policy.services.as_slice(), default) {
        ([], false) => "no service names it".to_owned(),
        ([], true) => "for all services that name no other".to_owned(),
        (some, false) => format!("for {}", some.join(", ")),
        (some, true) => format!("for {} and all services that name no other", some.join(", ")),
    };
    output::say(&format!("{} of {}: {services}", policy.slug, policy.team.slug));
    let mut rows: Vec<Vec<String>> = policy
        .steps
        .iter()
        .map(|step| vec![step.after.to_string(), names(&step.targets)])
        .collect();
    rows.push(match policy.repeat {
        0 => vec![String::new(), "once".into()],
        n => vec![String::new(), format!("again, {n} more times, 5m after the last step")],
    });
    let last = policy.last_resort.as_deref().map(names);
    let last = last.unwrap_or_else(|| "the team's admins, then the platform's".into());
    rows.push(vec!["at last".into(), format!("{last}; then every hour")]);
    output::table(&["AFTER", "TELL"], &rows);
    Ok(())
}
