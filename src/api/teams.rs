//! Teams, and who belongs to them.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Access, Method, Nothing, Page, Route};
use crate::domain::Role;
use crate::domain::user::{TeamRef, UserRef};

pub const TEAMS: Route<Nothing, Nothing, Nothing, Page<TeamRef>> =
    Route::new(Method::Get, "/teams", Access::Read, "List the teams that I may see");
pub const MEMBERS: Route<String, Nothing, Nothing, Page<Member>> =
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
