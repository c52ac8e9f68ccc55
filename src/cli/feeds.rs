//! `incidentd schedule feed …`: calendars for phones and desktops, by a secret address.
use clap::Subcommand;

use super::connect::connect;
use super::{Common, Format, output};
use crate::api::feeds::{self as api, NewFeed};
use crate::api::{Nothing, PageQuery};
use crate::domain::FeedId;
use crate::error::Result;

#[derive(Subcommand)]
pub enum Feed {
    /// Make a calendar's address, shown this once: of a schedule, or without a NAME of my own shifts
    ///
    /// Calendar programs subscribe to it (iCalendar). Whoever has the address can read it; it is
    /// good as long as you may see what it shows.
    Add {
        /// The schedule's slug; left out: my own shifts
        #[arg(value_name = "NAME")]
        schedule: Option<String>,
    },
    /// List the addresses that I made, and those of schedules that I manage
    List,
    /// End an address
    Remove {
        /// As `incidentd schedule feed list` shows it
        #[arg(value_name = "ID")]
        id: FeedId,
    },
}

impl Feed {
    pub async fn run(self, common: &Common) -> Result<()> {
        let (client, nothing) = (connect(common)?, Nothing {});
        match self {
            Self::Add { schedule } => {
                let new = NewFeed { schedule };
                let made = client.call_once(&api::CREATE_FEED, nothing, &new).await?;
                if common.output == Format::Json {
                    return output::json(&made);
                }
                let id = made.id;
                output::say("Whoever has this address, shown this once, can read the calendar.");
                output::say(&format!("End it: incidentd schedule feed remove {id}"));
                output::line(&made.url);
                Ok(())
            }
            Self::List => {
                let found =
                    client.call(&api::FEEDS, nothing, &PageQuery::default(), &nothing).await?.items;
                if output::for_programs(common, &found, |of| of.id.to_string())? {
                    return Ok(());
                }
                let row = |of: api::Feed| {
                    let what = of.schedule.unwrap_or_else(|| "own shifts".into());
                    let used = of.last_used_at.map_or_else(|| "never".into(), output::when);
                    vec![
                        of.id.to_string(),
                        what,
                        of.made_by.username,
                        output::when(of.created_at),
                        used,
                    ]
                };
                let rows: Vec<Vec<String>> = found.into_iter().map(row).collect();
                let head = ["ID", "OF", "MADE BY", "MADE", "READ"];
                output::table_or_less(&head, &["MADE", "MADE BY"], &rows);
                Ok(())
            }
            Self::Remove { id } => {
                client.call(&api::DELETE_FEED, id, &nothing, &nothing).await?;
                output::say(&format!("Feed {id} is over."));
                Ok(())
            }
        }
    }
}
