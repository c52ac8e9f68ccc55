//! `incidentd channel …` and `incidentd webhook …`: where teams read, and where their events go.
use clap::Subcommand;

use super::connect::connect;
use super::contacts::address;
use super::prompt::Stdin;
use super::{Common, Format, output};
use crate::api::channels::{self as api, Channel as Found, ChannelChange, NewChannel};
use crate::api::webhooks::{self, EnableWebhook, IssuedWebhook, NewWebhook};
use crate::api::{Nothing, OfTeam};
use crate::client;
use crate::domain::WebhookId;
use crate::error::{Error, Kind, Result};

#[derive(Subcommand)]
pub enum Channel {
    /// List the channels of my teams
    List {
        /// Of one team
        #[arg(long, value_name = "SLUG")]
        team: Option<String>,
    },
    /// Add a place that a team reads, for its policies to name as channel:SLUG
    Add {
        /// How policies name it
        #[arg(value_name = "SLUG")]
        slug: String,
        /// Whose it is
        #[arg(long, value_name = "SLUG")]
        team: String,
        /// slack, ntfy, webhook, … as this server has them
        #[arg(long = "channel", value_name = "CHANNEL")]
        kind: String,
        /// Where to; `-` reads it from stdin, as some are secrets
        #[arg(long)]
        address: String,
    },
    /// Change a channel's address or slug
    Set {
        /// The channel's slug
        #[arg(value_name = "NAME")]
        channel: String,
        /// A new slug
        #[arg(long, value_name = "SLUG")]
        slug: Option<String>,
        /// Where to; `-` reads it from stdin
        #[arg(long)]
        address: Option<String>,
    },
    /// Send a test there, and say what became of it
    #[command(visible_alias = "verify")]
    Test {
        /// The channel's slug
        #[arg(value_name = "NAME")]
        channel: String,
    },
    /// Remove a channel that no policy names
    Remove {
        /// The channel's slug
        #[arg(value_name = "NAME")]
        channel: String,
    },
}

impl Channel {
    pub async fn run(self, common: &Common) -> Result<()> {
        let client = connect(common)?;
        match self {
            Self::List { team } => {
                let items = client::all(|cursor| {
                    let query = OfTeam { team: team.clone(), cursor, ..OfTeam::default() };
                    let client = &client;
                    async move { client.call(&api::CHANNELS, Nothing {}, &query, &Nothing {}).await }
                })
                .await?;
                if output::for_programs(common, &items, |of| of.slug.clone())? {
                    return Ok(());
                }
                let row = |of: Found| vec![of.slug, of.team.slug, of.channel, of.address];
                let rows: Vec<Vec<String>> = items.into_iter().map(row).collect();
                output::table_or_less(&["SLUG", "TEAM", "CHANNEL", "ADDRESS"], &["TEAM"], &rows);
                Ok(())
            }
            Self::Add { slug, team, kind, address: to } => {
                let new = NewChannel { slug, team, channel: kind, address: address(to)? };
                let made = client.call_once(&api::CREATE_CHANNEL, Nothing {}, &new).await?;
                if common.output == Format::Json {
                    return output::json(&made);
                }
                output::say(&format!(
                    "Added channel {0}. Next, a policy that names channel:{0}.",
                    made.slug
                ));
                Ok(())
            }
            Self::Set { channel, slug, address: to } => {
                if slug.is_none() && to.is_none() {
                    return Err(Error::usage("Nothing to change: give --address or --slug."));
                }
                let change = ChannelChange { slug, address: to.map(address).transpose()? };
                let made = client.call(&api::CHANGE_CHANNEL, channel, &Nothing {}, &change).await?;
                if common.output == Format::Json {
                    return output::json(&made);
                }
                output::say(&format!("Changed channel {}.", made.slug));
                Ok(())
            }
            Self::Test { channel } => {
                let sent = client.call_once(&api::TEST_CHANNEL, channel, &Nothing {}).await?;
                super::notify::tell(common, &client, vec![sent]).await
            }
            Self::Remove { channel } => {
                let path = channel.clone();
                client.call(&api::REMOVE_CHANNEL, path, &Nothing {}, &Nothing {}).await?;
                output::say(&format!("Removed channel {channel}."));
                Ok(())
            }
        }
    }
}

#[derive(Subcommand)]
pub enum Webhook {
    /// List the webhooks of my teams
    List {
        /// Of one team
        #[arg(long, value_name = "SLUG")]
        team: Option<String>,
    },
    /// Send a team's incident events from now on to an address; prints the secret, this once
    Add {
        /// Where they go: https://…
        #[arg(value_name = "URL")]
        url: String,
        /// Whose it is
        #[arg(long, value_name = "SLUG")]
        team: String,
        /// Read the secret from stdin instead of making one
        #[arg(long)]
        secret_stdin: bool,
    },
    /// Send it a signed event of type `webhook:test` now; fails if it does not take it
    #[command(visible_alias = "verify")]
    Test {
        /// As `incidentd webhook list` shows it
        #[arg(value_name = "ID")]
        webhook: WebhookId,
    },
    /// Let a webhook go on where it stopped
    Enable {
        /// As `incidentd webhook list` shows it
        #[arg(value_name = "ID")]
        webhook: WebhookId,
        /// Leave out what happened meanwhile
        #[arg(long)]
        skip: bool,
    },
    /// Stop a webhook; what happens meanwhile it gets when it is enabled
    Disable {
        /// As `incidentd webhook list` shows it
        #[arg(value_name = "ID")]
        webhook: WebhookId,
    },
    /// Make a new secret; prints it, this once
    Rotate {
        /// As `incidentd webhook list` shows it
        #[arg(value_name = "ID")]
        webhook: WebhookId,
    },
    /// Remove a webhook
    Remove {
        /// As `incidentd webhook list` shows it
        #[arg(value_name = "ID")]
        webhook: WebhookId,
    },
}

impl Webhook {
    pub async fn run(self, common: &Common) -> Result<()> {
        let client = connect(common)?;
        let nothing = Nothing {};
        match self {
            Self::List { team } => {
                let items = client::all(|cursor| {
                    let query = OfTeam { team: team.clone(), cursor, ..OfTeam::default() };
                    let client = &client;
                    async move { client.call(&webhooks::WEBHOOKS, nothing, &query, &nothing).await }
                })
                .await?;
                return list(common, items);
            }
            Self::Add { url, team, secret_stdin } => {
                let secret = if secret_stdin { Some(Stdin::lock().line("secret")?) } else { None };
                let new = NewWebhook { team, url, secret };
                let made = client.call_once(&webhooks::CREATE_WEBHOOK, nothing, &new).await?;
                return issued(common, "Added", &made);
            }
            Self::Rotate { webhook } => {
                let made = client.call_once(&webhooks::ROTATE_SECRET, webhook, &nothing).await?;
                return issued(common, "Gave a new secret to", &made);
            }
            Self::Test { webhook } => {
                let sent = client.call_once(&webhooks::TEST_WEBHOOK, webhook, &nothing).await?;
                if common.output == Format::Json {
                    output::json(&sent)?;
                } else if sent.taken {
                    output::say(&format!("Webhook {webhook} took it."));
                }
                if let Some(why) = sent.error {
                    let detail = format!("Webhook {webhook} did not take it: {why}");
                    return Err(Error::new(Kind::Unavailable, detail)
                        .hint("`incidentd webhook list` shows where it goes."));
                }
            }
            Self::Enable { webhook, skip } => {
                let how = EnableWebhook { skip };
                client.call_once(&webhooks::ENABLE_WEBHOOK, webhook, &how).await?;
                output::say(&format!("Enabled webhook {webhook}."));
            }
            Self::Disable { webhook } => {
                client.call_once(&webhooks::DISABLE_WEBHOOK, webhook, &nothing).await?;
                output::say(&format!("Disabled webhook {webhook}."));
            }
            Self::Remove { webhook } => {
                client.call(&webhooks::REMOVE_WEBHOOK, webhook, &nothing, &nothing).await?;
                output::say(&format!("Removed webhook {webhook}."));
            }
        }
        Ok(())
    }
}

fn issued(common: &Common, what: &str, made: &IssuedWebhook) -> Result<()> {
    if common.output == Format::Json {
        return output::json(made);
    }
    output::say(&format!("{what} webhook {}; its secret, shown this once:", made.webhook.id));
    output::line(&made.secret);
    Ok(())
}

fn list(common: &Common, items: Vec<webhooks::Webhook>) -> Result<()> {
    if output::for_programs(common, &items, |of| of.id.to_string())? {
        return Ok(());
    }
    let row = |of: webhooks::Webhook| {
        let standing = match (of.disabled_at, of.failing_since) {
            (Some(_), _) => "disabled".to_owned(),
            (None, Some(since)) => format!("fails since {}", output::clock(since)),
            (None, None) => String::new(),
        };
        let error = of.last_error.unwrap_or_default();
        vec![of.id.to_string(), of.team.slug, of.url, standing, error]
    };
    let rows: Vec<Vec<String>> = items.into_iter().map(row).collect();
    output::table_or_less(&["ID", "TEAM", "URL", "", "LAST ERROR"], &["TEAM"], &rows);
    Ok(())
}
