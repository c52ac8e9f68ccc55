//! `incidentd heartbeat …`: signs of life that are expected, and their keys.
use clap::Subcommand;

use super::connect::connect;
use super::wrap::Wrap;
use super::{Common, Format, output};
use crate::api::Nothing;
use crate::api::heartbeats::{
    self, Heartbeat as Listed, HeartbeatChange, HeartbeatsQuery, IssuedHeartbeat, NewHeartbeat,
};
use crate::client::{self, Client};
use crate::domain::Span;
use crate::error::Result;

#[derive(Subcommand)]
pub enum Heartbeat {
    /// Add a heartbeat; prints its address with the key, this once
    ///
    /// Until it first beats nothing is missing. From then on its absence opens an incident of the
    /// service, and the next beat resolves it.
    Add {
        /// How commands name it
        #[arg(value_name = "SLUG")]
        slug: String,
        /// The service whose incident its absence is
        #[arg(long, value_name = "SLUG")]
        service: String,
        /// How often it is expected
        #[arg(long, value_name = "DURATION")]
        every: Span,
        /// How much later it may come; left out: a tenth of that, at least a minute
        #[arg(long, value_name = "DURATION")]
        grace: Option<Span>,
        /// Alerts of the service that match are its beats and open no incident, such as
        /// alertname=Watchdog; may repeat, and then all must hold
        #[arg(long, value_name = "MATCHER")]
        alert: Vec<String>,
    },
    /// List heartbeats: how each stands and when it was heard; keys are not shown
    List {
        /// Of one team
        #[arg(long, value_name = "SLUG")]
        team: Option<String>,
        /// Of one service
        #[arg(long, value_name = "SLUG")]
        service: Option<String>,
    },
    /// Change a heartbeat; its key stays
    Set {
        /// The heartbeat's slug
        #[arg(value_name = "SLUG")]
        heartbeat: String,
        /// A new slug
        #[arg(long, value_name = "SLUG")]
        slug: Option<String>,
        /// How often it is expected
        #[arg(long, value_name = "DURATION")]
        every: Option<Span>,
        /// How much later it may come
        #[arg(long, value_name = "DURATION")]
        grace: Option<Span>,
        /// In place of those that it has
        #[arg(long, value_name = "MATCHER", conflicts_with = "no_alert")]
        alert: Option<Vec<String>>,
        /// Only requests with its key beat
        #[arg(long)]
        no_alert: bool,
    },
    /// Make a new key, printed this once; the old one is dead at once
    Rotate {
        /// The heartbeat's slug
        #[arg(value_name = "SLUG")]
        heartbeat: String,
    },
    /// Remove a heartbeat; its key is dead, and what it says is wrong is over
    Remove {
        /// The heartbeat's slug
        #[arg(value_name = "SLUG")]
        heartbeat: String,
    },
    Wrap(Wrap),
}

impl Heartbeat {
    pub async fn run(self, common: &Common) -> Result<()> {
        let client = connect(common)?;
        match self {
            Self::Add { slug, service, every, grace, alert } => {
                let new = NewHeartbeat { slug, service, every, grace, alert, key: None };
                let made = &heartbeats::CREATE_HEARTBEAT;
                show_key(common, &client.call_once(made, Nothing {}, &new).await?)
            }
            Self::List { team, service } => list(common, &client, team, service).await,
            Self::Set { heartbeat, slug, every, grace, alert, no_alert } => {
                let alert = if no_alert { Some(Vec::new()) } else { alert };
                let change = HeartbeatChange { slug, every, grace, alert };
                let route = &heartbeats::CHANGE_HEARTBEAT;
                let changed = client.call(route, heartbeat, &Nothing {}, &change).await?;
                if common.output == Format::Json {
                    return output::json(&changed);
                }
                output::say(&format!("Changed heartbeat {}.", changed.slug));
                Ok(())
            }
            Self::Rotate { heartbeat } => {
                let route = &heartbeats::ROTATE_HEARTBEAT;
                show_key(common, &client.call_once(route, heartbeat, &Nothing {}).await?)
            }
            Self::Remove { heartbeat } => {
                let (route, path) = (&heartbeats::REMOVE_HEARTBEAT, heartbeat.clone());
                client.call(route, path, &Nothing {}, &Nothing {}).await?;
                output::say(&format!("Removed heartbeat {heartbeat}; its key is dead."));
                Ok(())
            }
            // It has an exit code of its own: whoever runs commands does it before.
            Self::Wrap(_) => Ok(()),
        }
    }
}

fn show_key(common: &Common, issued: &IssuedHeartbeat) -> Result<()> {
    if common.output == Format::Json {
        return output::json(issued);
    }
    let IssuedHeartbeat { heartbeat, url, .. } = issued;
    output::say(&format!("The address of {}, with its key, shown this once:", heartbeat.slug));
    output::line(url);
    output::say("To paste, each at the end of the job:");
    output::say(&format!("  curl -fsS -m 10 --retry 5 {url}"));
    output::say(&format!("  incidentd heartbeat wrap --url {url} -- COMMAND"));
    if !heartbeat.alert.is_empty() {
        output::say("Alerts that match beat, too.");
    }
    output::say("Nothing is missing until it first beats.");
    Ok(())
}

async fn list(
    common: &Common,
    client: &Client,
    team: Option<String>,
    service: Option<String>,
) -> Result<()> {
    let items = client::all(|cursor| {
        let (team, service) = (team.clone(), service.clone());
        let query = HeartbeatsQuery { team, service, cursor, limit: None };
        async move { client.call(&heartbeats::HEARTBEATS, Nothing {}, &query, &Nothing {}).await }
    })
    .await?;
    if output::for_programs(common, &items, |of| of.slug.clone())? {
        return Ok(());
    }
    let row = |heartbeat: Listed| {
        let when = |at: Option<_>| at.map_or_else(|| "never".to_owned(), output::when);
        vec![
            heartbeat.slug,
            heartbeat.service.slug,
            heartbeat.every.to_string(),
            heartbeat.grace.to_string(),
            heartbeat.status.word().to_owned(),
            when(heartbeat.last_at),
            heartbeat.incident_id.map(|id| id.to_string()).unwrap_or_default(),
            heartbeat.alert.join(" "),
        ]
    };
    let rows: Vec<Vec<String>> = items.into_iter().map(row).collect();
    let head = ["SLUG", "SERVICE", "EVERY", "GRACE", "STATUS", "HEARD", "INCIDENT", "ALERT"];
    output::table_or_less(&head, &["ALERT", "GRACE", "SERVICE", "EVERY", "INCIDENT"], &rows);
    Ok(())
}
