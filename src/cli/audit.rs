//! `incidentd audit`: who did what to whom and when.
use clap::Args;

use super::connect::connect;
use super::{Common, Format, output};
use crate::api::audit::{AUDIT, AuditQuery};
use crate::api::{MAX_PAGE, Nothing};
use crate::domain::Span;
use crate::error::Result;

#[derive(Args)]
pub struct Audit {
    /// What happened within this time
    #[arg(long, value_name = "DURATION", default_value = "7d")]
    since: Span,
    /// Only what this person did; `host` for commands on the server's host
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Only what concerns this team
    #[arg(long, value_name = "SLUG")]
    team: Option<String>,
}

impl Audit {
    /// Prints page by page, however long it is: with `-o json` one object a line.
    pub async fn run(self, common: &Common) -> Result<()> {
        let client = connect(common)?;
        let mut query = AuditQuery {
            since: super::now().saturating_sub(self.since.duration()).ok(),
            actor: self.user,
            team: self.team,
            limit: Some(MAX_PAGE),
            ..AuditQuery::default()
        };
        loop {
            let page = client.call(&AUDIT, Nothing {}, &query, &Nothing {}).await?;
            if common.quiet {
                for entry in &page.items {
                    output::line(&entry.seq.to_string());
                }
            } else if common.output == Format::Json {
                for entry in &page.items {
                    output::json(entry)?;
                }
            } else if !page.items.is_empty() {
                let row = |entry: crate::api::audit::Entry| {
                    vec![
                        output::clock(entry.at),
                        entry.actor.name,
                        entry.team.unwrap_or_default(),
                        entry.what,
                    ]
                };
                let rows: Vec<_> = page.items.into_iter().map(row).collect();
                output::prose(&["AT", "WHO", "TEAM", "WHAT"], &["TEAM"], &rows);
            }
            match page.next_cursor {
                Some(next) => query.cursor = Some(next),
                None => return Ok(()),
            }
        }
    }
}
