//! `incidentd user …`: people.
use clap::{Args, Subcommand};
use serde::Serialize;

use super::connect::connect_for_setup;
use super::prompt::{self, Stdin};
use super::{Common, Format, output};
use crate::api::sessions::{CHANGE_PASSWORD, CREATE_LINK, ChangePassword, Link, Mailed};
use crate::api::users::{self, ChangeUser, NewMembership, NewUser, Password};
use crate::api::{Nothing, PageQuery};
use crate::client::Client;
use crate::domain::Role;
use crate::error::{Error, Result};

#[derive(Subcommand)]
pub enum User {
    /// Add a person
    Add(AddUser),
    /// List the people that I may see
    List,
    /// Show a person; `me` is who asks
    Show {
        /// A username
        #[arg(value_name = "NAME", default_value = "me")]
        username: String,
    },
    /// Change a person; everybody may change himself
    Edit(EditUser),
    /// Make a link by which somebody sets a password; voids the older
    Link {
        /// A username
        #[arg(value_name = "NAME")]
        username: String,
    },
    /// Disable a person: sessions and tokens end, history stays
    Disable {
        /// A username
        #[arg(value_name = "NAME")]
        username: String,
    },
    /// Let a disabled person in again
    Enable {
        /// A username
        #[arg(value_name = "NAME")]
        username: String,
    },
    /// Set a password: somebody's, or without a NAME mine; other sessions end
    SetPassword {
        /// A username
        #[arg(value_name = "NAME")]
        username: Option<String>,
        /// Read it from stdin; of mine the current one first, a line each
        #[arg(long)]
        password_stdin: bool,
    },
}

#[derive(Args)]
pub struct EditUser {
    /// A username
    #[arg(value_name = "NAME", default_value = "me")]
    username: String,
    /// Full name
    #[arg(long)]
    name: Option<String>,
    /// Empty: none
    #[arg(long)]
    email: Option<String>,
    /// Such as Europe/Paris; empty: none
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// Platform admin or not
    #[arg(long, value_name = "true|false")]
    admin: Option<bool>,
}

impl EditUser {
    fn change(self) -> Result<(String, ChangeUser)> {
        let or_none = |text: String| Some(text).filter(|text| !text.is_empty());
        let change = ChangeUser {
            name: self.name,
            email: self.email.map(or_none),
            time_zone: self.time_zone.map(or_none),
            admin: self.admin,
        };
        if [&change.email, &change.time_zone].iter().all(|field| field.is_none())
            && change.name.is_none()
            && change.admin.is_none()
        {
            return Err(Error::usage(
                "Nothing to change: give --name, --email, --time-zone or --admin.",
            ));
        }
        Ok((self.username, change))
    }
}

#[derive(Args)]
pub struct AddUser {
    /// A username
    #[arg(value_name = "NAME")]
    username: String,
    /// Full name
    #[arg(long)]
    name: Option<String>,
    /// Platform admin
    #[arg(long)]
    admin: bool,
    /// Where links are sent to, and pages where nothing else is set
    #[arg(long)]
    email: Option<String>,
    /// A team, with a role if not responder; may repeat
    #[arg(long, value_name = "SLUG[:ROLE]", value_parser = parse_membership)]
    team: Vec<NewMembership>,
    /// Read a password from stdin; without it a link to set one is printed
    #[arg(long)]
    password_stdin: bool,
}

fn parse_membership(text: &str) -> std::result::Result<NewMembership, String> {
    let (team, role) = text.split_once(':').unwrap_or((text, "responder"));
    let role = Role::of_word(role)
        .ok_or_else(|| format!("`{role}` is no role; write admin, responder or observer"))?;
    Ok(NewMembership { team: team.to_owned(), role })
}

impl User {
    pub async fn run(self, common: &Common) -> Result<()> {
        let passwords = self.passwords()?;
        let connection = connect_for_setup(common).await?;
        let done = self.call(common, &connection.client, passwords).await;
        connection.close().await;
        done
    }

    /// The passwords that the command takes, read before anything is done.
    fn passwords(&self) -> Result<Vec<String>> {
        const INSTEAD: &str = "Pipe it, and say so: --password-stdin";
        match self {
            Self::Add(AddUser { password_stdin: true, .. })
            | Self::SetPassword { username: Some(_), password_stdin: true } => {
                Ok(vec![Stdin::lock().line("password")?])
            }
            Self::SetPassword { username: Some(_), .. } => {
                Ok(vec![prompt::ask_new_password(INSTEAD)?])
            }
            Self::SetPassword { password_stdin: true, .. } => {
                let mut stdin = Stdin::lock();
                Ok(vec![stdin.line("current")?, stdin.line("password")?])
            }
            Self::SetPassword { .. } => Ok(vec![
                prompt::ask_secret("Current password", INSTEAD)?,
                prompt::ask_new_password(INSTEAD)?,
            ]),
            _ => Ok(Vec::new()),
        }
    }

    async fn call(
        self,
        common: &Common,
        client: &Client,
        mut passwords: Vec<String>,
    ) -> Result<()> {
        let nothing = Nothing {};
        match self {
            Self::Add(add) => add.call(common, client, passwords.pop()).await,
            Self::List => {
                let page =
                    client.call(&users::USERS, nothing, &PageQuery::default(), &nothing).await?;
                list(common, page.items)
            }
            Self::Show { username } => {
                let user = client.call(&users::USER, username, &nothing, &nothing).await?;
                show(common, user)
            }
            Self::Edit(edit) => {
                let (username, change) = edit.change()?;
                let user = client.call(&users::CHANGE_USER, username, &nothing, &change).await?;
                show(common, user)
            }
            Self::Link { username } => {
                let link = client.call_once(&CREATE_LINK, username.clone(), &nothing).await?;
                if common.output == Format::Json {
                    return output::json(&link);
                }
                say_link(&username, &link);
                Ok(())
            }
            Self::Disable { username } => {
                client.call(&users::DISABLE_USER, username.clone(), &nothing, &nothing).await?;
                output::say(&format!("Disabled {username}."));
                Ok(())
            }
            Self::Enable { username } => {
                client.call_once(&users::ENABLE_USER, username.clone(), &nothing).await?;
                output::say(&format!(
                    "Enabled {username}; tokens and calendar feeds stay revoked."
                ));
                Ok(())
            }
            Self::SetPassword { username: Some(username), .. } => {
                let body = Password { password: passwords.pop().unwrap_or_default() };
                client.call(&users::SET_PASSWORD, username.clone(), &nothing, &body).await?;
                output::say(&format!("Set the password of {username}; all sessions ended."));
                Ok(())
            }
            Self::SetPassword { username: None, .. } => {
                let password = passwords.pop().unwrap_or_default();
                let body =
                    ChangePassword { current: passwords.pop().unwrap_or_default(), password };
                client.call(&CHANGE_PASSWORD, nothing, &nothing, &body).await?;
                output::say("Set your password; other sessions ended.");
                Ok(())
            }
        }
    }
}

impl AddUser {
    async fn call(self, common: &Common, client: &Client, password: Option<String>) -> Result<()> {
        let wants_link = password.is_none();
        let new = NewUser {
            username: self.username,
            name: self.name,
            email: self.email,
            admin: self.admin,
            teams: self.team,
            password,
        };
        let user = client.call_once(&users::CREATE_USER, Nothing {}, &new).await?;
        let link = if wants_link {
            let made = client.call_once(&CREATE_LINK, user.username.clone(), &Nothing {}).await;
            Some(made.map_err(|error| {
                error.hint(format!(
                    "{0} was added; make a link: incidentd user link {0}",
                    user.username
                ))
            })?)
        } else {
            None
        };
        if common.output == Format::Json {
            return output::json(&Added { user, link });
        }
        output::say(&format!("Added {}.", user.username));
        if let Some(link) = link {
            say_link(&user.username, &link);
        }
        Ok(())
    }
}

/// Somebody who was added, with the link for his password if he has none.
#[derive(Serialize)]
struct Added {
    #[serde(flatten)]
    user: users::User,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<Link>,
}

fn say_link(username: &str, link: &Link) {
    match &link.mailed {
        None => {}
        Some(Mailed { to, failure: None }) => output::say(&format!("Mailed to {to}.")),
        Some(Mailed { to, failure: Some(why) }) => {
            output::say(&format!("It could not be mailed to {to}: {why}"));
        }
    }
    let gone = link.mailed.as_ref().is_some_and(|mailed| mailed.failure.is_none());
    let send = if gone { "If it does not arrive, send" } else { "Send" };
    output::say(&format!(
        "{send} this to {username}, who sets a password by it, once, within 72 hours:"
    ));
    output::line(&link.url);
}

fn standing(user: &users::User) -> &'static str {
    match (user.disabled, user.admin) {
        (true, _) => "disabled",
        (false, true) => "admin",
        (false, false) => "",
    }
}

fn list(common: &Common, items: Vec<users::User>) -> Result<()> {
    if output::for_programs(common, &items, |of| of.username.clone())? {
        return Ok(());
    }
    let row = |user: users::User| {
        let standing = standing(&user).to_owned();
        vec![user.username, user.name, user.email.unwrap_or_default(), standing]
    };
    let rows: Vec<Vec<String>> = items.into_iter().map(row).collect();
    output::table_or_less(&["USERNAME", "NAME", "EMAIL", ""], &["NAME"], &rows);
    Ok(())
}

fn show(common: &Common, user: users::User) -> Result<()> {
    if common.output == Format::Json {
        return output::json(&user);
    }
    let standing = standing(&user).to_owned();
    output::facts(&[
        ("username", user.username),
        ("name", user.name),
        ("email", user.email.unwrap_or_default()),
        ("time zone", user.time_zone.unwrap_or_default()),
        ("standing", standing),
        ("added", output::clock(user.created_at)),
    ]);
    Ok(())
}
