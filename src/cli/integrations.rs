//! `incidentd integration …`: the keys by which senders reach a service.

use clap::{Subcommand, ValueEnum};

use super::connect::connect;
use super::{Common, Format, output};
use crate::api::incidents::{Outcome, OutcomeStatus};
use crate::api::services::{
    self, Integration as Listed, IntegrationChange, IntegrationsQuery, IssuedIntegration,
    NewIntegration, Payload, TestAlert,
};
use crate::api::{Nothing, PageQuery};
use crate::client::{self, Client};
use crate::domain::{IntegrationId, Severity};
use crate::error::{Error, Result};

#[derive(Subcommand)]
pub enum Integration {
    /// Add an integration; prints its address with the key, this once
    Add {
        /// The service's slug
        #[arg(value_name = "SERVICE")]
        service: String,
        /// What sends here, such as prometheus
        #[arg(value_name = "NAME")]
        name: String,
        /// For whom to print what to paste; left out: by the name, else for all
        #[arg(long, value_enum)]
        source: Option<Source>,
    },
    /// List integrations: when each was last heard, and what was refused; keys are not shown
    List {
        /// Of one team
        #[arg(long, value_name = "SLUG")]
        team: Option<String>,
        /// The service's slug
        #[arg(long, value_name = "SLUG")]
        service: Option<String>,
    },
    /// Rename an integration; its key stays
    Set {
        /// Which, or its id
        #[arg(value_name = "SERVICE/NAME")]
        integration: String,
        /// A new name
        #[arg(long)]
        name: String,
    },
    /// Make a new key, printed this once; the old one is dead at once
    Rotate {
        /// Which, or its id
        #[arg(value_name = "SERVICE/NAME")]
        integration: String,
        /// For whom to print what to paste
        #[arg(long, value_enum)]
        source: Option<Source>,
    },
    /// Show its last requests, taken and refused, newest first; secrets are replaced
    Payloads {
        /// Which, or its id
        #[arg(value_name = "SERVICE/NAME")]
        integration: String,
    },
    /// Send a test alert as if it had; prints the incident's id
    Test {
        /// Which, or its id
        #[arg(value_name = "SERVICE/NAME")]
        integration: String,
        /// Say that the last test is over
        #[arg(long)]
        resolve: bool,
        /// How bad; info wakes nobody unless the service says so
        #[arg(long, value_enum, default_value_t = Severity::Info)]
        severity: Severity,
    },
    /// Remove an integration; its key is dead, what it sent stays
    Remove {
        /// Which, or its id
        #[arg(value_name = "SERVICE/NAME")]
        integration: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Source {
    Generic,
    Prometheus,
    Alertmanager,
    Grafana,
    Pagerduty,
}

impl Source {
    /// What to paste where, for an address that ends with a key.
    fn lines(self, url: &str, key: &str) -> String {
        let (base, place) = url.split_once("/integrations/").unwrap_or((url, ""));
        let host = base.split_once("://").map_or(base, |(_, host)| host);
        let (host, prefix) = host.split_once('/').map_or((host, String::new()), |(host, rest)| {
            (host, format!("/{}", rest.trim_end_matches('/')))
        });
        let scheme = if base.starts_with("https://") { "https" } else { "http" };
        match self {
            Self::Generic => format!("curl -d 'disk full' {url}/generic"),
            Self::Prometheus => format!(
                "# prometheus.yml\nalerting:\n  alertmanagers:\n    - scheme: {scheme}\n      \
                 path_prefix: {prefix}/integrations/{place}\n      \
                 static_configs: [{{ targets: [\"{host}\"] }}]"
            ),
            Self::Alertmanager => format!(
                "# alertmanager.yml\nreceivers:\n  - name: incidentd\n    webhook_configs:\n      \
                 - url: {url}/alertmanager\n        send_resolved: true"
            ),
            Self::Grafana => {
                format!("# Grafana: Alerting, Contact points, Webhook, URL\n{url}/grafana")
            }
            Self::Pagerduty => {
                format!("# PagerDuty Events v2: POST {base}/v2/enqueue\nrouting_key: {key}")
            }
        }
    }

    /// Those that the name speaks of; all if none.
    fn of_name(name: &str) -> Vec<Self> {
        let name = name.to_lowercase();
        let named = |source: &Self| {
            source.to_possible_value().is_some_and(|value| name.contains(value.get_name()))
        };
        let all = Self::value_variants();
        match all.iter().find(|source| named(source)) {
            Some(source) => vec![*source],
            None => all.to_vec(),
        }
    }
}

impl Integration {
    pub async fn run(self, common: &Common) -> Result<()> {
        let client = connect(common)?;
        match self {
            Self::Add { service, name, source } => {
                let new = NewIntegration { service, name, key: None };
                let issued =
                    client.call_once(&services::CREATE_INTEGRATION, Nothing {}, &new).await?;
                show_key(common, &issued, source)
            }
            Self::List { team, service } => list(common, &client, team, service).await,
            Self::Set { integration, name } => {
                let id = find(&client, &integration).await?;
                let change = IntegrationChange { name: Some(name) };
                let renamed =
                    client.call(&services::RENAME_INTEGRATION, id, &Nothing {}, &change).await?;
                if common.output == Format::Json {
                    return output::json(&renamed);
                }
                output::say(&format!("It is {} now.", label(&renamed)));
                Ok(())
            }
            Self::Rotate { integration, source } => {
                let id = find(&client, &integration).await?;
                let issued = client.call_once(&services::ROTATE_KEY, id, &Nothing {}).await?;
                show_key(common, &issued, source)
            }
            Self::Payloads { integration } => payloads(common, &client, &integration).await,
            Self::Test { integration, resolve, severity } => {
                let id = find(&client, &integration).await?;
                let test = TestAlert { resolve, severity: Some(severity) };
                let outcome = client.call_once(&services::TEST_INTEGRATION, id, &test).await?;
                tested(common, &integration, &outcome)
            }
            Self::Remove { integration } => {
                let id = find(&client, &integration).await?;
                client.call(&services::REMOVE_INTEGRATION, id, &Nothing {}, &Nothing {}).await?;
                output::say(&format!("Removed {integration}; its key is dead."));
                Ok(())
            }
        }
    }
}

fn label(integration: &Listed) -> String {
    format!("{}/{}", integration.service.slug, integration.name)
}

/// An id, or `service/name`.
async fn find(client: &Client, name: &str) -> Result<IntegrationId> {
    if let Ok(id) = name.parse() {
        return Ok(id);
    }
    let (service, of) = name.split_once('/').ok_or_else(|| {
        Error::usage(format!("`{name}` is no integration; write SERVICE/NAME or an id."))
            .hint("`incidentd integration list` shows them.")
    })?;
    all(client, None, Some(service.to_owned()))
        .await?
        .into_iter()
        .find(|integration| integration.name == of)
        .map(|integration| integration.id)
        .ok_or_else(|| Error::not_found(format_args!("Integration `{name}`")))
}

async fn all(
    client: &Client,
    team: Option<String>,
    service: Option<String>,
) -> Result<Vec<Listed>> {
    client::all(|cursor| {
        let (team, service) = (team.clone(), service.clone());
        let query = IntegrationsQuery { team, service, cursor, limit: None };
        async move { client.call(&services::INTEGRATIONS, Nothing {}, &query, &Nothing {}).await }
    })
    .await
}

fn show_key(common: &Common, issued: &IssuedIntegration, source: Option<Source>) -> Result<()> {
    if common.output == Format::Json {
        return output::json(issued);
    }
    let name = label(&issued.integration);
    output::say(&format!("The address of {name}, with its key, shown this once:"));
    output::line(&issued.url);
    let sources = source.map_or_else(|| Source::of_name(&issued.integration.name), |s| vec![s]);
    output::say("To paste:");
    for source in sources {
        output::say("");
        for line in source.lines(&issued.url, &issued.key).lines() {
            output::say(line);
        }
    }
    Ok(())
}

async fn list(
    common: &Common,
    client: &Client,
    team: Option<String>,
    service: Option<String>,
) -> Result<()> {
    let items = all(client, team, service).await?;
    if output::for_programs(common, &items, |of| of.id.to_string())? {
        return Ok(());
    }
    let rows: Vec<Vec<String>> = items
        .into_iter()
        .map(|integration| {
            let when = |at: Option<_>| at.map_or_else(|| "never".to_owned(), output::when);
            vec![
                integration.id.to_string(),
                label(&integration),
                when(integration.last_received_at),
                when(integration.last_rejected_at),
                integration.last_rejection.unwrap_or_default(),
            ]
        })
        .collect();
    let head = ["ID", "INTEGRATION", "RECEIVED", "REFUSED", "WHY"];
    output::prose(&head, &["ID"], &rows);
    Ok(())
}

async fn payloads(common: &Common, client: &Client, integration: &str) -> Result<()> {
    let id = find(client, integration).await?;
    let page = client.call(&services::PAYLOADS, id, &PageQuery::default(), &Nothing {}).await?;
    if common.output == Format::Json {
        return output::json(&page.items);
    }
    let people = output::is_seen();
    for payload in page.items {
        let Payload { at, source, body, error } = payload;
        let became = error.map_or_else(|| "taken".into(), |why| format!("refused: {why}"));
        if people {
            output::line(&format!("{at}  {source}  {became}"));
            for line in body.lines() {
                output::line(&format!("    {line}"));
            }
        } else {
            output::table(&[], &[vec![at.to_string(), source, became, body]]);
        }
    }
    Ok(())
}

fn tested(common: &Common, integration: &str, outcome: &Outcome) -> Result<()> {
    if common.output == Format::Json {
        return output::json(outcome);
    }
    let Some(id) = outcome.incident_id else {
        output::say("No test of it is open.");
        return Ok(());
    };
    output::line(&id.to_string());
    output::say(&match (outcome.status, outcome.new) {
        (OutcomeStatus::Resolved, _) => format!("The test is over: incident {id} is resolved."),
        (_, true) => format!(
            "Opened incident {id}. Next: incidentd integration test {integration} --resolve"
        ),
        (_, false) => format!("Counted into incident {id}, which is open."),
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_paste_is_for_the_sender_that_the_name_speaks_of() {
        assert_eq!(Source::of_name("prometheus-eu"), [Source::Prometheus]);
        assert_eq!(Source::of_name("cron").len(), 5);
        let key = "0123456789abcdef0123456789abcdef";
        let url = format!("https://oncall.example.com/sub/integrations/{key}");
        let lines = Source::Prometheus.lines(&url, key);
        assert!(lines.contains("scheme: https"), "{lines}");
        assert!(lines.contains(&format!("path_prefix: /sub/integrations/{key}")), "{lines}");
        assert!(lines.contains("targets: [\"oncall.example.com\"]"), "{lines}");
    }
}
