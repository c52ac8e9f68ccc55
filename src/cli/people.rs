//! `incidentd user …`: people.
use std::io::Read;

use clap::{Args, Subcommand};

use super::connect::connect_for_setup;
use super::{Common, Format, output};
use crate::api::Nothing;
use crate::api::users::{self, NewMembership, NewUser, Password};
use crate::domain::Role;
use crate::error::{Error, Result};

#[derive(Subcommand)]
pub enum User {
    /// Add a person
    Add(AddUser),
    /// List the people that I may see
    List,
    /// Disable a person: sessions and tokens end, history stays
    Disable {
        #[arg(value_name = "NAME")]
        username: String,
    },
    /// Set a password, read from stdin; other sessions end
    SetPassword {
        #[arg(value_name = "NAME")]
        username: String,
        /// Read the password from stdin
        #[arg(long, required = true)]
        password_stdin: bool,
    },
}

#[derive(Args)]
pub struct AddUser {
    #[arg(value_name = "NAME")]
    username: String,
    /// Full name
    #[arg(long)]
    name: Option<String>,
    /// Platform admin
    #[arg(long)]
    admin: bool,
    #[arg(long)]
    email: Option<String>,
    /// A team, with a role if not responder; may repeat
    #[arg(long, value_name = "SLUG[:ROLE]", value_parser = parse_membership)]
    team: Vec<NewMembership>,
    /// Read a password from stdin
    #[arg(long)]
    password_stdin: bool,
}

fn parse_membership(text: &str) -> std::result::Result<NewMembership, String> {
    let (team, role) = text.split_once(':').unwrap_or((text, "responder"));
    let role = Role::of_word(role)
        .ok_or_else(|| format!("`{role}` is no role; write admin, responder or observer"))?;
    Ok(NewMembership { team: team.to_owned(), role })
}

/// The first line of stdin.
fn read_password() -> Result<String> {
    let mut text = String::new();
    std::io::stdin()
        .take(4_096)
        .read_to_string(&mut text)
        .map_err(|_| Error::invalid("password", "is not readable text"))?;
    let password = text.lines().next().unwrap_or_default();
    if password.is_empty() {
        return Err(Error::invalid("password", "is missing on stdin"));
    }
    Ok(password.to_owned())
}

impl User {
    pub async fn run(self, common: &Common) -> Result<()> {
        let password = match &self {
            Self::Add(add) if add.password_stdin => Some(read_password()?),
            Self::SetPassword { .. } => Some(read_password()?),
            _ => None,
        };
        let connection = connect_for_setup(common).await?;
        let done = self.call(common, &connection.client, password).await;
        connection.close().await;
        done
    }

    async fn call(
        self,
        common: &Common,
        client: &crate::client::Client,
        password: Option<String>,
    ) -> Result<()> {
        match self {
            Self::Add(add) => {
                let new = NewUser {
                    username: add.username,
                    name: add.name,
                    email: add.email,
                    admin: add.admin,
                    teams: add.team,
                    password,
                };
                let user = client.call_once(&users::CREATE_USER, Nothing {}, &new).await?;
                if common.output == Format::Json {
                    return output::json(&user);
                }
                output::say(&format!("Added {}.", user.username));
                Ok(())
            }
            Self::List => {
                let page = client.call(&users::USERS, Nothing {}, &Nothing {}, &Nothing {}).await?;
                if common.output == Format::Json {
                    return output::json(&page.items);
                }
                let rows: Vec<Vec<String>> = page
                    .items
                    .into_iter()
                    .map(|user| {
                        let standing = match (user.disabled, user.admin) {
                            (true, _) => "disabled",
                            (false, true) => "admin",
                            (false, false) => "",
                        };
                        vec![
                            user.username,
                            user.name,
                            user.email.unwrap_or_default(),
                            standing.into(),
                        ]
                    })
                    .collect();
                output::table(&["USERNAME", "NAME", "EMAIL", ""], &rows);
                Ok(())
            }
            Self::Disable { username } => {
                client
                    .call(&users::DISABLE_USER, username.clone(), &Nothing {}, &Nothing {})
                    .await?;
                output::say(&format!("Disabled {username}."));
                Ok(())
            }
            Self::SetPassword { username, .. } => {
                let body = Password { password: password.unwrap_or_default() };
                client.call(&users::SET_PASSWORD, username.clone(), &Nothing {}, &body).await?;
                output::say(&format!("Set the password of {username}; other sessions ended."));
                Ok(())
            }
        }
    }
}
