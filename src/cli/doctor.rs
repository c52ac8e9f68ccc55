//! `incidentd doctor`: is everything so that somebody will be told?
use std::path::{Path, PathBuf};

use clap::Args;

use super::connect::{connect_configured, is_served, must_have_database, no_database};
use super::settings::Settings;
use super::{Common, Format, output};
use crate::api::Nothing;
use crate::api::doctor::{DOCTOR, Diagnosis, Finding, Gravity};
use crate::app::vitals;
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::server::Server;

const ABOUT: &str = "\
Looks at the configuration, the database, the disk, the clock and time zones, each channel and each
host to which contacts, team channels and webhooks lead, people on call without a contact, gaps in
schedules, unused keys, the last alert, late timers, followers and backups. Nothing is sent: a mail
server is greeted, a web host asked by `HEAD /`, for five seconds at most. Each finding that is not
ok has its remedy.

Needs a platform admin's token, or --data-dir on the host, where no server need run: then the
configuration is read as `serve` would read it, from --config or /etc/incidentd/incidentd.toml and
the variables, and a database of an older schema is left to `serve` to migrate. Exit code: 0, also
with warnings; 1 if there is a problem.";

#[derive(Args)]
#[command(after_long_help = ABOUT)]
pub struct Doctor {
    /// Where no server runs: the file that it would be started with
    #[arg(long, value_name = "FILE", env = "INCIDENTD_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
    /// Only what is not ok
    #[arg(long)]
    brief: bool,
}

impl Doctor {
    pub async fn run(self, common: &Common) -> Result<()> {
        let configured = configuration(self.config);
        let config = configured.as_ref().map_or_else(|_| Config::default(), Clone::clone);
        let older = common.data_dir.as_deref().map(older_schema).transpose()?.flatten();
        let (mut findings, alone) = match older {
            Some(older) => (vec![older], true),
            None => ask(common, config).await?,
        };
        if alone {
            let remedy = "Start it: incidentd serve --data-dir DIR";
            let said = "none runs on this folder: nothing is taken in and nobody is paged";
            findings.push(Finding::new(Gravity::Problem, "server", said, remedy));
            // Of what runs nothing can be said.
            findings.retain(|of| of.check != "ready");
            if let Err(error) = configured {
                // The defaults stood in for it.
                let of_it = ["config", "sign of life", "channel", "far end"];
                findings.retain(|of| !of_it.contains(&of.check.as_str()));
                let remedy = error.hint.unwrap_or_else(|| "incidentd config check".into());
                let said = error.detail.trim_end_matches('.');
                findings.push(Finding::new(Gravity::Problem, "config", said, remedy));
            }
        }
        if self.brief {
            findings.retain(|finding| finding.severity != Gravity::Ok);
        }
        let diagnosis = Diagnosis::of(findings);
        show(common, &diagnosis)?;
        let problems = |finding: &&Finding| finding.severity == Gravity::Problem;
        match diagnosis.findings.iter().filter(problems).count() {
            0 => Ok(()),
            n => {
                let what = if n == 1 { "1 problem".to_owned() } else { format!("{n} problems") };
                Err(Error::new(Kind::Invalid, format!("{what}."))
                    .hint("What to do stands beside each."))
            }
        }
    }
}

/// What the server finds, and whether it is one for this command alone.
async fn ask(common: &Common, config: Config) -> Result<(Vec<Finding>, bool)> {
    let connection = connect_configured(common, config).await?;
    let asked = connection.client.call(&DOCTOR, Nothing {}, &Nothing {}, &Nothing {}).await;
    let alone = connection.is_alone();
    connection.close().await;
    Ok((asked?.findings, alone))
}

/// Who looks does not migrate: that the next start of the server does.
fn older_schema(dir: &Path) -> Result<Option<Finding>> {
    must_have_database(dir)?;
    if is_served(dir) {
        return Ok(None);
    }
    let (found, newest) = (vitals::schema_in(dir)?, vitals::schema());
    if found == 0 {
        return Err(no_database(dir));
    }
    let said =
        format!("has schema {found}, and this version schema {newest}: nothing more was looked at");
    let remedy = format!(
        "The next `incidentd serve` migrates it, and keeps a copy: incidentd.db.before-{newest}"
    );
    Ok((found < newest).then(|| Finding::new(Gravity::Warning, "database", said, remedy)))
}

/// As `serve` would read it.
fn configuration(file: Option<PathBuf>) -> Result<Config> {
    let sources = Settings::of_environment(file)?.sources()?;
    let config = sources.read()?;
    Server::check(&config).map_err(|error| sources.located(error))?;
    Ok(config)
}

fn show(common: &Common, diagnosis: &Diagnosis) -> Result<()> {
    if common.output == Format::Json {
        return output::json(diagnosis);
    }
    let row = |finding: &Finding| {
        let Finding { check, severity, message, remedy } = finding;
        let remedy = remedy
            .as_ref()
            .map_or_else(String::new, |remedy| format!(". {}", output::typed_here(remedy)));
        vec![severity.word().to_owned(), check.clone(), format!("{message}{remedy}")]
    };
    let rows: Vec<Vec<String>> = diagnosis.findings.iter().map(row).collect();
    output::prose(&["", "CHECK", "FOUND, AND WHAT TO DO"], &[], &rows);
    Ok(())
}
