//! `incidentd session …`: where somebody is logged in.
use clap::Subcommand;

use super::connect::connect;
use super::{Common, output};
use crate::api::sessions::{self, SessionView};
use crate::api::{Nothing, PageQuery};
use crate::domain::SessionId;
use crate::error::{Error, Result};

#[derive(Subcommand)]
pub enum Session {
    /// List my sessions, the one used last first
    List {
        /// Somebody else's, as platform admin
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
    /// End sessions; sockets that they opened close
    End {
        /// As `incidentd session list` shows them
        #[arg(value_name = "ID", required_unless_present_any = ["others", "user"])]
        ids: Vec<String>,
        /// All of mine but the one that asks
        #[arg(long, conflicts_with_all = ["ids", "user"])]
        others: bool,
        /// All of somebody else's, as platform admin
        #[arg(long, value_name = "NAME", conflicts_with = "ids")]
        user: Option<String>,
    },
}

impl Session {
    pub async fn run(self, common: &Common) -> Result<()> {
        let client = connect(common)?;
        let nothing = Nothing {};
        let ended = match self {
            Self::List { user } => {
                let all = PageQuery::default();
                let page = match user {
                    Some(user) => client.call(&sessions::SESSIONS_OF, user, &all, &nothing).await?,
                    None => client.call(&sessions::SESSIONS, nothing, &all, &nothing).await?,
                };
                return show(common, page.items);
            }
            Self::End { user: Some(user), .. } => {
                client.call(&sessions::END_SESSIONS_OF, user, &nothing, &nothing).await?.ended
            }
            Self::End { others: true, .. } => {
                client.call(&sessions::END_OTHER_SESSIONS, nothing, &nothing, &nothing).await?.ended
            }
            Self::End { ids, .. } => {
                let ids = ids.iter().map(|id| session_id(id)).collect::<Result<Vec<_>>>()?;
                for id in &ids {
                    client.call(&sessions::END_SESSION, *id, &nothing, &nothing).await?;
                }
                ids.len() as u64
            }
        };
        let plural = if ended == 1 { "session" } else { "sessions" };
        output::say(&format!("Ended {ended} {plural}."));
        Ok(())
    }
}

fn session_id(text: &str) -> Result<SessionId> {
    text.parse().map_err(|_| {
        Error::usage(format!("`{text}` is no session; `incidentd session list` shows ids."))
    })
}

fn show(common: &Common, items: Vec<SessionView>) -> Result<()> {
    if output::for_programs(common, &items, |of| of.id.to_string())? {
        return Ok(());
    }
    if items.is_empty() {
        output::say("There is none; a token is no session.");
        return Ok(());
    }
    let row = |session: SessionView| {
        vec![
            session.id.to_string(),
            output::when(session.created_at),
            output::when(session.last_used_at),
            session.address,
            if session.current { "this one" } else { "" }.to_owned(),
            session.client,
        ]
    };
    let rows: Vec<Vec<String>> = items.into_iter().map(row).collect();
    let head = ["ID", "OPENED", "USED", "FROM", "", "CLIENT"];
    output::table_or_less(&head, &["OPENED", "FROM"], &rows);
    Ok(())
}
