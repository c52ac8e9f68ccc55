//! Teams, and who belongs to them.
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Access, Method, Nothing, Page, PageQuery, Route};
use crate::domain::user::UserRef;
use crate::domain::{Role, TeamId};

pub const TEAMS: Route<Nothing, TeamsQuery, Nothing, Page<Team>> =
    Route::new(Method::Get, "/teams", Access::Read, "List the teams that I may see");
pub const CREATE_TEAM: Route<Nothing, Nothing, NewTeam, Team> = Route::new(
    Method::Post,
    "/teams",
    Access::Platform,
    "Add a team, or bring an archived one back",
);
pub const TEAM: Route<String, Nothing, Nothing, Team> =
    Route::new(Method::Get, "/teams/{team}", Access::Read, "Show a team");
pub const CHANGE_TEAM: Route<String, Nothing, TeamChange, Team> =
    Route::new(Method::Patch, "/teams/{team}", Access::Manage, "Change a team's name");
pub const ARCHIVE_TEAM: Route<String, Nothing, Nothing, Nothing> = Route::new(
    Method::Delete,
    "/teams/{team}",
    Access::Platform,
    "Archive a team without services; its history stays",
);
pub const MEMBERS: Route<String, PageQuery, Nothing, Page<Member>> =
    Route::new(Method::Get, "/teams/{team}/members", Access::Read, "Who belongs to a team");
pub const SET_MEMBER: Route<(String, String), Nothing, MemberRole, Nothing> = Route::new(
    Method::Put,
    "/teams/{team}/members/{user}",
    Access::Manage,
    "Add somebody to a team, or change his role",
);
pub const REMOVE_MEMBER: Route<(String, String), Nothing, Nothing, Nothing> = Route::new(
    Method::Delete,
    "/teams/{team}/members/{user}",
    Access::Manage,
    "Remove somebody from a team",
);

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TeamsQuery {
    /// Archived ones too.
    pub archived: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Team {
    pub id: TeamId,
    pub slug: String,
    pub name: String,
    pub created_at: Timestamp,
    pub archived_at: Option<Timestamp>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTeam {
    pub slug: String,
    /// Left out: the slug.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What is left out stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TeamChange {
    /// For platform admins: addresses and files name teams by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Member {
    #[serde(flatten)]
    pub user: UserRef,
    pub role: Role,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberRole {
    pub role: Role,
}
