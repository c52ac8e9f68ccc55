//! `incidentd doctor`: is everything so that somebody will be told?
use clap::Args;

use super::connect::connect_for_setup;
use super::{Common, Format, output};
use crate::api::Nothing;
use crate::api::doctor::{DOCTOR, Diagnosis, Finding, Gravity};
use crate::error::{Error, Kind, Result};

const ABOUT: &str = "\
Looks at the configuration, the database, the disk, the clock and time zones, each channel (without
sending anything), people on call without a contact, gaps in schedules, unused keys, the last
alert, late timers, followers and backups. Each finding that is not ok has its remedy.

Needs a platform admin's token, or --data-dir on the host, where no server need run. Exit code: 0,
also with warnings; 1 if there is a problem.";

#[derive(Args)]
#[command(after_long_help = ABOUT)]
pub struct Doctor {
    /// Only what is not ok
    #[arg(long)]
    brief: bool,
}

impl Doctor {
    pub async fn run(self, common: &Common) -> Result<()> {
        let connection = connect_for_setup(common).await?;
        let asked = connection.client.call(&DOCTOR, Nothing {}, &Nothing {}, &Nothing {}).await;
        let alone = connection.is_alone();
        connection.close().await;
        let Diagnosis { mut findings, .. } = asked?;
        if alone {
            let remedy = "Start it: incidentd serve --data-dir DIR";
            let said = "none runs on this folder: nothing is taken in and nobody is paged";
            findings.push(Finding::new(Gravity::Problem, "server", said, remedy));
            // Only a server knows with what it runs.
            findings.retain(|of| !["config", "ready", "sign of life"].contains(&of.check.as_str()));
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

fn show(common: &Common, diagnosis: &Diagnosis) -> Result<()> {
    if common.output == Format::Json {
        return output::json(diagnosis);
    }
    let row = |finding: &Finding| {
        let Finding { check, severity, message, remedy } = finding;
        let remedy = remedy.as_ref().map_or_else(String::new, |remedy| format!(". {remedy}"));
        vec![severity.word().to_owned(), check.clone(), format!("{message}{remedy}")]
    };
    let rows: Vec<Vec<String>> = diagnosis.findings.iter().map(row).collect();
    output::prose(&["", "CHECK", "FOUND, AND WHAT TO DO"], &rows);
    Ok(())
}
