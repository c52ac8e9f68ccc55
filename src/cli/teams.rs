//! `incidentd team …`: teams, and who belongs to them.
use clap::Subcommand;

use super::connect::connect;
use super::{Common, Format, output};
use crate::api::teams::{self, MemberRole, NewTeam, TeamChange, TeamsQuery};
use crate::api::{Nothing, PageQuery};
use crate::client::{self, Client};
use crate::domain::Role;
use crate::error::Result;

#[derive(Subcommand)]
pub enum Team {
    /// Add a team, or bring an archived one back with its members
    Add {
        /// How commands name it
        #[arg(value_name = "SLUG")]
        slug: String,
        /// The name that people read; left out: the slug
        #[arg(long)]
        name: Option<String>,
    },
    /// List the teams that I may see
    List {
        /// Archived ones too
        #[arg(long)]
        archived: bool,
    },
    /// Change a team's name or slug; its history and ids stay
    Set {
        /// The team's slug
        #[arg(value_name = "SLUG")]
        team: String,
        /// The name that people read
        #[arg(long)]
        name: Option<String>,
        /// A new slug (platform admins)
        #[arg(long, value_name = "SLUG")]
        slug: Option<String>,
    },
    /// Archive a team that has no services left; its history stays
    Remove {
        /// The team's slug
        #[arg(value_name = "SLUG")]
        team: String,
    },
    /// Manage who belongs to a team
    #[command(subcommand)]
    Member(Member),
}

#[derive(Subcommand)]
pub enum Member {
    /// Add somebody to a team, or change his role
    Add {
        /// The team's slug
        team: String,
        /// A username
        user: String,
        /// What he may do there
        #[arg(long, value_enum, default_value_t = Role::Responder)]
        role: Role,
    },
    /// Who belongs to a team
    List {
        /// The team's slug
        team: String,
    },
    /// Remove somebody from a team: what he holds there is triggered again
    Remove {
        /// The team's slug
        team: String,
        /// A username
        user: String,
    },
}

impl Team {
    pub async fn run(self, common: &Common) -> Result<()> {
        let client = connect(common)?;
        match self {
            Self::Add { slug, name } => {
                let new = NewTeam { slug, name };
                let team = client.call_once(&teams::CREATE_TEAM, Nothing {}, &new).await?;
                shown(common, &team, &format!("Added team {}.", team.slug))
            }
            Self::List { archived } => list(common, &client, archived).await,
            Self::Set { team, name, slug } => {
                let change = TeamChange { slug, name };
                let team = client.call(&teams::CHANGE_TEAM, team, &Nothing {}, &change).await?;
                shown(common, &team, &format!("Team {} is called {}.", team.slug, team.name))
            }
            Self::Remove { team } => {
                client.call(&teams::ARCHIVE_TEAM, team.clone(), &Nothing {}, &Nothing {}).await?;
                output::say(&format!("Archived team {team}; its history stays."));
                Ok(())
            }
            Self::Member(member) => member.run(common, &client).await,
        }
    }
}

fn shown(common: &Common, value: &impl serde::Serialize, words: &str) -> Result<()> {
    if common.output == Format::Json {
        return output::json(value);
    }
    output::say(words);
    Ok(())
}

async fn list(common: &Common, client: &Client, archived: bool) -> Result<()> {
    let items = client::all(|cursor| {
        let query = TeamsQuery { archived, cursor, ..TeamsQuery::default() };
        async move { client.call(&teams::TEAMS, Nothing {}, &query, &Nothing {}).await }
    })
    .await?;
    if output::for_programs(common, &items, |of| of.slug.clone())? {
        return Ok(());
    }
    let rows: Vec<Vec<String>> = items
        .into_iter()
        .map(|team| {
            let standing = if team.archived_at.is_some() { "archived" } else { "" };
            vec![team.slug, team.name, standing.into()]
        })
        .collect();
    output::table(&["SLUG", "NAME", ""], &rows);
    Ok(())
}

impl Member {
    async fn run(self, common: &Common, client: &Client) -> Result<()> {
        match self {
            Self::Add { team, user, role } => {
                let path = (team.clone(), user.clone());
                client.call(&teams::SET_MEMBER, path, &Nothing {}, &MemberRole { role }).await?;
                output::say(&format!("{user} is {} of team {team}.", role.word()));
                Ok(())
            }
            Self::List { team } => {
                let page =
                    client.call(&teams::MEMBERS, team, &PageQuery::default(), &Nothing {}).await?;
                if output::for_programs(common, &page.items, |of| of.user.username.clone())? {
                    return Ok(());
                }
                let rows: Vec<Vec<String>> = page
                    .items
                    .into_iter()
                    .map(|member| {
                        vec![member.user.username, member.role.word().into(), member.user.name]
                    })
                    .collect();
                output::table_or_less(&["USERNAME", "ROLE", "NAME"], &["NAME"], &rows);
                Ok(())
            }
            Self::Remove { team, user } => {
                let path = (team.clone(), user.clone());
                client.call(&teams::REMOVE_MEMBER, path, &Nothing {}, &Nothing {}).await?;
                output::say(&format!("Removed {user} from team {team}."));
                Ok(())
            }
        }
    }
}
