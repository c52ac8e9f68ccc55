//! `incidentd token …`: API tokens.
use clap::Subcommand;

use super::connect::connect_for_setup;
use super::{Common, Format, output};
use crate::api::tokens::{self, NewToken};
use crate::api::{Nothing, PageQuery};
use crate::domain::{Scope, Span, TokenId};
use crate::error::{Error, Result};

#[derive(Subcommand)]
pub enum Token {
    /// Make an API token; prints it, this once, and nothing else
    Create {
        /// Whose; left out: mine
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        /// What it is for
        #[arg(long, default_value = "")]
        name: String,
        /// What it may at most do
        #[arg(long, value_enum)]
        scope: Option<Scope>,
        /// The only team that it is good for
        #[arg(long, value_name = "SLUG")]
        team: Option<String>,
        /// After this time it is no longer good
        #[arg(long, value_name = "DURATION")]
        expires: Option<Span>,
    },
    /// List tokens, without their secrets
    List,
    /// Revoke a token; open sockets close
    Revoke {
        /// As `incidentd token list` shows it
        #[arg(value_name = "ID")]
        id: String,
    },
}

impl Token {
    pub async fn run(self, common: &Common) -> Result<()> {
        let connection = connect_for_setup(common).await?;
        let done = self.call(common, &connection.client).await;
        connection.close().await;
        done
    }

    async fn call(self, common: &Common, client: &crate::client::Client) -> Result<()> {
        match self {
            Self::Create { user, name, scope, team, expires } => {
                let new = NewToken { user, name, scope, team, expires };
                let issued = client.call_once(&tokens::CREATE_TOKEN, Nothing {}, &new).await?;
                if common.output == Format::Json {
                    return output::json(&issued);
                }
                output::line(&issued.token);
                Ok(())
            }
            Self::List => {
                let page = client
                    .call(&tokens::TOKENS, Nothing {}, &PageQuery::default(), &Nothing {})
                    .await?;
                if output::for_programs(common, &page.items, |of| of.id.to_string())? {
                    return Ok(());
                }
                let rows: Vec<Vec<String>> = page
                    .items
                    .into_iter()
                    .map(|token| {
                        let expires = token.expires_at.map_or_else(String::new, output::clock);
                        let used = token.last_used_at.map_or_else(String::new, output::when);
                        vec![
                            token.id.to_string(),
                            token.user,
                            token.name,
                            token.scope.word().into(),
                            token.team.unwrap_or_default(),
                            expires,
                            used,
                        ]
                    })
                    .collect();
                let head = ["ID", "USER", "NAME", "SCOPE", "TEAM", "EXPIRES", "USED"];
                output::table_or_less(&head, &["TEAM", "EXPIRES", "SCOPE"], &rows);
                Ok(())
            }
            Self::Revoke { id } => {
                let number = id.strip_prefix("inc_").unwrap_or(&id);
                let number = number.split('_').next().unwrap_or_default();
                let id: TokenId = number.parse().map_err(|_| {
                    Error::usage("This is no token; `incidentd token list` shows ids.")
                })?;
                client.call(&tokens::REVOKE_TOKEN, id, &Nothing {}, &Nothing {}).await?;
                output::say(&format!("Revoked token {id}."));
                Ok(())
            }
        }
    }
}
