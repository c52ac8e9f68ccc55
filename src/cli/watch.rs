//! `incidentd watch`: the terminal dashboard; elsewhere a line an event, or what is open now.
use std::collections::BTreeMap;
use std::io::{IsTerminal, stdin, stdout};
use std::os::fd::AsFd;

use clap::Args;
use tokio::io::Interest;
use tokio::net::unix::pipe;

use super::connect::connect;
use super::verbs::Verbs;
use super::{Common, Format, look, output};
use crate::client::live::{Live, Lives, Wanted, follow};
use crate::clock::Clock;
use crate::domain::{Event, Incident, Seq};
use crate::error::{Error, Kind, Result};
use crate::tui;

/// Follow what happens, live.
///
/// On a terminal: the dashboard; ? explains its keys. In a pipe, or with `-o json`: one line an
/// event, from now on or after --after, with `-o json` as the log has it. It reconnects for ever and misses nothing. If the
/// server cannot tell what came after --after (too far back), it says what is open instead:
/// `{"type":"snapshot","head":…,"incidents":[…]}` with `-o json`.
#[derive(Args)]
pub struct Watch {
    /// Only this team's; may repeat (default: all my teams)
    #[arg(long, value_name = "SLUG")]
    team: Vec<String>,
    /// Print what is open now, and end
    #[arg(long, conflicts_with = "after")]
    once: bool,
    /// Begin after this event, the last one that is known
    #[arg(long, value_name = "SEQ")]
    after: Option<i64>,
    /// The dashboard looks only; no key changes anything
    #[arg(long)]
    readonly: bool,
    /// The dashboard asks the terminal for a desktop notification when something needs an answer
    #[arg(long)]
    notify: bool,
}

impl Watch {
    pub async fn run(self, common: &Common) -> Result<()> {
        if common.data_dir.is_some() {
            return Err(Error::usage("watch follows as a person, not as the host.")
                .hint("Leave --data-dir out; say --server URL and log in."));
        }
        let client = connect(common)?;
        let teams = self.team.clone();
        let looks = self.after.is_none() && stdin().is_terminal() && stdout().is_terminal();
        let looks = looks && common.output == Format::Text;
        let events_alone = !looks && !self.once && self.after.is_none();
        let wanted = Wanted { teams: self.team, after: self.after.map(Seq), events_alone };
        let lives = follow(&client, Clock::System, wanted);
        if self.once {
            return tokio::select! {
                printed = once(lives, common) => printed,
                () = Clock::System.sleep(common.timeout()) => Err(away(client.base())),
            };
        }
        if looks {
            let zone = jiff::tz::TimeZone::system();
            let (readonly, notify) = (self.readonly, self.notify);
            let client = if readonly { client.looking_only(tui::READONLY) } else { client };
            let verbs = Box::new(Verbs::over(client.clone(), common.timeout));
            let settings = tui::Settings { readonly, notify, zone, verbs, teams };
            return tui::run(tui::Watch { client, lives, settings }).await;
        }
        tokio::select! {
            followed = stream(lives, common.output, self.after.is_some()) => followed,
            () = unread() => Ok(()),
        }
    }
}

fn away(server: &str) -> Error {
    Error::new(Kind::Unreachable, format!("{server} cannot be reached in time."))
        .hint("Is the server running there? Choose another with --server or INCIDENTD_URL.")
}

/// What is open now, as `list` prints it.
async fn once(mut lives: Lives, common: &Common) -> Result<()> {
    let mut found: BTreeMap<_, Incident> = BTreeMap::new();
    let mut order = Vec::new();
    while let Some(live) = lives.next().await {
        let (incidents, more) = match live {
            Live::Snapshot { incidents, more, .. } => {
                found.clear();
                order.clear();
                (incidents, more)
            }
            Live::Rest { incidents, more } => (incidents, more),
            Live::Refused(error) => return Err(error),
            _ => continue,
        };
        for incident in incidents {
            order.push(incident.id);
            found.insert(incident.id, incident);
        }
        if !more {
            let open: Vec<Incident> = order.iter().filter_map(|id| found.remove(id)).collect();
            return look::print(common, &open, "Nothing is open.");
        }
    }
    Ok(())
}

/// Until nobody reads any more what is printed, as after `| head -1`: the next event may be far off.
async fn unread() {
    let out = stdout().as_fd().try_clone_to_owned();
    let gone = match out.and_then(pipe::Sender::from_owned_fd_unchecked) {
        Ok(out) => out.ready(Interest::ERROR).await.is_ok(),
        // A file is always read.
        Err(_) => false,
    };
    if !gone {
        std::future::pending::<()>().await;
    }
}

/// A line an event, for ever.
async fn stream(mut lives: Lives, format: Format, mut told_all: bool) -> Result<()> {
    while let Some(live) = lives.next().await {
        match live {
            Live::Event(event) if format == Format::Json => {
                output::data(&format!("{}\n", output::escaped(event.raw.get())));
            }
            Live::Event(event) => match &event.event {
                Some(event) => output::table(&[], &[cells(event)]),
                None => output::say(&format!("Event {} is newer than this version.", event.seq)),
            },
            // The first is where the story begins; a later one stands for what cannot be told.
            Live::Snapshot { head, incidents, more } => {
                if told_all && format == Format::Json {
                    output::json(&serde_json::json!({
                        "type": "snapshot", "head": head, "incidents": incidents, "more": more,
                    }))?;
                } else if told_all {
                    output::say(
                        "What happened meanwhile is too far back to be told; see `incidentd list`.",
                    );
                }
            }
            Live::Rest { incidents, more } if told_all && format == Format::Json => {
                output::json(&serde_json::json!({
                    "type": "snapshot", "incidents": incidents, "more": more,
                }))?;
            }
            Live::CaughtUp { .. } => told_all = true,
            Live::Lost { why, attempt, next_in, .. } if attempt == 1 || attempt % 10 == 0 => {
                output::say(&format!(
                    "Connection lost: {why}. Trying again in {} s.",
                    next_in.as_secs().max(1),
                ));
            }
            Live::Left { reason, .. } | Live::Warned(reason) => output::say(&reason),
            Live::Refused(error) => return Err(error),
            Live::Connected { .. } | Live::Joined | Live::Rest { .. } | Live::Lost { .. } => {}
        }
    }
    Ok(())
}

/// When, seq, incident, who, what, title.
fn cells(event: &Event) -> Vec<String> {
    vec![
        event.at.to_string(),
        event.seq.to_string(),
        event.incident_id.to_string(),
        event.actor.name.clone(),
        event.change.words(),
        event.incident.title.clone(),
    ]
}
