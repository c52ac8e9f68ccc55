//! Sessions, users, teams and tokens.
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Access, Method, Nothing, Page, Route};
use crate::domain::user::{TeamRef, UserRef};
use crate::domain::{Role, Scope, Seq, Span, TokenId, UserId};

pub const LOG_IN: Route<Nothing, Nothing, Login, Session> =
    Route::new(Method::Post, "/sessions", Access::Anyone, "Log in");
pub const LOG_OUT: Route<Nothing, Nothing, Nothing, Nothing> =
    Route::new(Method::Delete, "/sessions/current", Access::Read, "Log out");
pub const ME: Route<Nothing, Nothing, Nothing, Me> =
    Route::new(Method::Get, "/me", Access::Read, "Who am I, and what may I");

pub const USERS: Route<Nothing, Nothing, Nothing, Page<User>> =
    Route::new(Method::Get, "/users", Access::Read, "List the people that I may see");
pub const CREATE_USER: Route<Nothing, Nothing, NewUser, User> =
    Route::new(Method::Post, "/users", Access::Platform, "Add a person");
pub const DISABLE_USER: Route<String, Nothing, Nothing, Nothing> =
    Route::new(Method::Delete, "/users/{user}", Access::Platform, "Disable a person");
pub const SET_PASSWORD: Route<String, Nothing, Password, Nothing> =
    Route::new(Method::Put, "/users/{user}/password", Access::Platform, "Set a password");

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

pub const TOKENS: Route<Nothing, Nothing, Nothing, Page<Token>> =
    Route::new(Method::Get, "/tokens", Access::Manage, "List API tokens");
pub const CREATE_TOKEN: Route<Nothing, Nothing, NewToken, IssuedToken> =
    Route::new(Method::Post, "/tokens", Access::Manage, "Make an API token, shown once");
pub const REVOKE_TOKEN: Route<TokenId, Nothing, Nothing, Nothing> =
    Route::new(Method::Delete, "/tokens/{id}", Access::Manage, "Revoke an API token");

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    pub username: String,
    pub password: String,
}

/// A session; `token` is shown this once and goes where API tokens go.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    pub token: String,
    pub user: UserRef,
    pub expires_at: Option<Timestamp>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    /// Null over the control socket: the host's administrator.
    pub user: Option<UserRef>,
    pub admin: bool,
    pub scope: Scope,
    pub teams: Vec<Membership>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Membership {
    #[serde(flatten)]
    pub team: TeamRef,
    pub role: Role,
    pub since: Seq,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    pub id: UserId,
    pub username: String,
    pub name: String,
    pub email: Option<String>,
    pub time_zone: Option<String>,
    pub admin: bool,
    pub disabled: bool,
    pub created_at: Timestamp,
}

#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewUser {
    pub username: String,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub email: Option<String>,
    #[serde(default)]
    pub admin: bool,
    #[serde(default)]
    pub teams: Vec<NewMembership>,
    #[serde(default)]
    pub password: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMembership {
    pub team: String,
    pub role: Role,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Password {
    pub password: String,
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

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Token {
    pub id: TokenId,
    pub user: String,
    pub name: String,
    pub scope: Scope,
    pub team: Option<String>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// Whose; left out: the caller's.
    #[serde(default)]
    pub user: Option<String>,
    #[serde(default)]
    pub name: String,
    /// What it may at most do; left out: all that its user may.
    #[serde(default)]
    pub scope: Option<Scope>,
    /// The only team it is good for.
    #[serde(default)]
    pub team: Option<String>,
    #[serde(default)]
    pub expires: Option<Span>,
}

/// A token, this once with its secret.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IssuedToken {
    pub id: TokenId,
    pub token: String,
    pub scope: Scope,
    pub expires_at: Option<Timestamp>,
}
