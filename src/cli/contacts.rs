//! `incidentd contact …`: how a person is told, and which contact rings when.
use clap::{Args, Subcommand};

use super::connect::connect;
use super::prompt::Stdin;
use super::{Common, Format, output};
use crate::api::contacts::{self as api, Contact as Found, ContactChange, NewContact, Verify};
use crate::api::{Nothing, PageQuery};
use crate::client::Client;
use crate::domain::contact::{Quiet, Rule, Rules};
use crate::error::{Error, Result};

#[derive(Subcommand)]
pub enum Contact {
    /// List contacts
    List {
        #[command(flatten)]
        whose: Whose,
    },
    /// Add a contact
    Add {
        /// How rules name it, such as `phone`
        #[arg(value_name = "NAME")]
        contact: String,
        /// email, ntfy, slack, … as this server has them
        #[arg(long = "channel", value_name = "CHANNEL")]
        kind: String,
        /// Where to; `-` reads it from stdin, as some are secrets; of email left out: the account's
        #[arg(long)]
        address: Option<String>,
        #[command(flatten)]
        whose: Whose,
    },
    /// Rename a contact, with the rules that name it, or give it another address
    Set {
        /// As `incidentd contact list` shows it
        #[arg(value_name = "NAME")]
        contact: String,
        /// A new name
        #[arg(long)]
        name: Option<String>,
        /// Where to; `-` reads it from stdin
        #[arg(long)]
        address: Option<String>,
        #[command(flatten)]
        whose: Whose,
    },
    /// Verify a contact by the code that was sent there
    Verify {
        /// As `incidentd contact list` shows it
        #[arg(value_name = "NAME")]
        contact: String,
        /// As it was sent there
        #[arg(value_name = "CODE")]
        code: String,
        #[command(flatten)]
        whose: Whose,
    },
    /// Send another code to a contact that is not verified
    Code {
        /// As `incidentd contact list` shows it
        #[arg(value_name = "NAME")]
        contact: String,
        #[command(flatten)]
        whose: Whose,
    },
    /// Remove a contact, and the rules that name it
    Remove {
        /// As `incidentd contact list` shows it
        #[arg(value_name = "NAME")]
        contact: String,
        #[command(flatten)]
        whose: Whose,
    },
    /// Show or set which contact rings when
    ///
    /// incidentd contact rules --high "0m=phone 5m=mail" --low 0m=mail --quiet-hours 22:00-07:00
    Rules(SetRules),
}

#[derive(Args)]
pub struct Whose {
    /// Somebody else's, for platform admins
    #[arg(long, value_name = "USER", default_value = "me", hide_default_value = true)]
    user: String,
}

#[derive(Args)]
pub struct SetRules {
    /// What rings for high urgency, how long after a page falls due; empty: every contact at once
    #[arg(long, value_name = "AFTER=NAME …", value_parser = rules)]
    high: Option<List>,
    /// The same for low urgency
    #[arg(long, value_name = "AFTER=NAME …", value_parser = rules)]
    low: Option<List>,
    /// Hours in which low urgency waits, by the clocks of my time zone: 22:00-07:00, or none
    #[arg(long, value_name = "FROM-TO", value_parser = quiet)]
    quiet_hours: Option<Hours>,
    /// Say when it is over, or somebody else has it
    #[arg(long, overrides_with = "no_all_clear")]
    all_clear: bool,
    /// Do not
    #[arg(long)]
    no_all_clear: bool,
    #[command(flatten)]
    whose: Whose,
}

/// Rules as one argument.
type List = std::sync::Arc<[Rule]>;

/// Hours, or none.
#[derive(Clone, Copy)]
struct Hours(Option<Quiet>);

fn rules(text: &str) -> std::result::Result<List, String> {
    let apart = |c: char| c.is_whitespace() || c == ',';
    text.split(apart).filter(|rule| !rule.is_empty()).map(str::parse).collect()
}

fn quiet(text: &str) -> std::result::Result<Hours, String> {
    if text == "none" { Ok(Hours(None)) } else { text.parse().map(|hours| Hours(Some(hours))) }
}

/// An address, from stdin where it says so.
pub(super) fn address(text: String) -> Result<String> {
    if text == "-" { Stdin::lock().line("address") } else { Ok(text) }
}

impl Contact {
    pub async fn run(self, common: &Common) -> Result<()> {
        let client = connect(common)?;
        match self {
            Self::List { whose } => list(common, &client, whose.user).await,
            Self::Add { contact, kind, address: to, whose } => {
                let address = to.map(address).transpose()?;
                let new = NewContact { name: contact, channel: kind, address };
                let made = client.call_once(&api::CREATE_CONTACT, whose.user, &new).await?;
                done(common, "Added", &made)
            }
            Self::Set { contact, name, address: to, whose } => {
                if name.is_none() && to.is_none() {
                    return Err(Error::usage("Nothing to change: give --name or --address."));
                }
                let change = ContactChange { name, address: to.map(address).transpose()? };
                let path = (whose.user, contact);
                let made = client.call(&api::CHANGE_CONTACT, path, &Nothing {}, &change).await?;
                done(common, "Changed", &made)
            }
            Self::Verify { contact, code, whose } => {
                let path = (whose.user, contact);
                let made = client.call_once(&api::VERIFY_CONTACT, path, &Verify { code }).await?;
                done(common, "Verified", &made)
            }
            Self::Code { contact, whose } => {
                let path = (whose.user, contact);
                let made = client.call_once(&api::SEND_CODE, path, &Nothing {}).await?;
                done(common, "Sent a code to", &made)
            }
            Self::Remove { contact, whose } => {
                let path = (whose.user, contact.clone());
                client.call(&api::REMOVE_CONTACT, path, &Nothing {}, &Nothing {}).await?;
                output::say(&format!("Removed contact {contact}."));
                Ok(())
            }
            Self::Rules(set) => set.run(common, &client).await,
        }
    }
}

fn done(common: &Common, what: &str, contact: &Found) -> Result<()> {
    if common.output == Format::Json {
        return output::json(contact);
    }
    let next = match contact.verified_at {
        Some(_) => String::new(),
        None => format!(
            " A code is on its way there. Next: incidentd contact verify {} CODE",
            contact.name
        ),
    };
    output::say(&format!("{what} contact {}.{next}", contact.name));
    Ok(())
}

async fn list(common: &Common, client: &Client, user: String) -> Result<()> {
    let page = client.call(&api::CONTACTS, user, &PageQuery::default(), &Nothing {}).await?;
    if output::for_programs(common, &page.items, |of| of.name.clone())? {
        return Ok(());
    }
    if page.items.is_empty() {
        output::say("There is no contact: pages go to the account's e-mail. Next: contact add");
    }
    let row = |of: Found| {
        let standing = if of.verified_at.is_some() { "" } else { "unverified" };
        vec![of.name, of.channel, of.address, standing.to_owned()]
    };
    let rows: Vec<Vec<String>> = page.items.into_iter().map(row).collect();
    output::table_or_less(&["CONTACT", "CHANNEL", "ADDRESS", ""], &["CHANNEL"], &rows);
    Ok(())
}

impl SetRules {
    async fn run(self, common: &Common, client: &Client) -> Result<()> {
        let Self { high, low, quiet_hours, all_clear, no_all_clear, whose } = self;
        let user = whose.user;
        let was = client.call(&api::RULES, user.clone(), &Nothing {}, &Nothing {}).await?;
        let rules = Rules {
            high: high.map_or_else(|| was.high.clone(), |rules| rules.to_vec()),
            low: low.map_or_else(|| was.low.clone(), |rules| rules.to_vec()),
            quiet: quiet_hours.map_or(was.quiet, |hours| hours.0),
            all_clear: (was.all_clear || all_clear) && !no_all_clear,
        };
        if rules != was {
            client.call(&api::SET_RULES, user, &Nothing {}, &rules).await?;
        }
        if common.output == Format::Json {
            return output::json(&rules);
        }
        let list = |rules: &[Rule]| match rules {
            [] => "every contact at once".to_owned(),
            some => some.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        };
        let quiet = rules.quiet.map_or_else(|| "none".into(), |quiet| quiet.to_string());
        let all_clear = if rules.all_clear { "told" } else { "not told" };
        output::facts(&[
            ("high", list(&rules.high)),
            ("low", list(&rules.low)),
            ("quiet", quiet),
            ("all clear", all_clear.to_owned()),
        ]);
        Ok(())
    }
}
