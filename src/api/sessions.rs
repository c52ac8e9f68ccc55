//! Logging in and out, and who somebody is.
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Access, Method, Nothing, Route};
use crate::domain::user::{TeamRef, UserRef};
use crate::domain::{Role, Scope, Seq};

pub const LOG_IN: Route<Nothing, Nothing, Login, Session> =
    Route::new(Method::Post, "/sessions", Access::Anyone, "Log in");
pub const LOG_OUT: Route<Nothing, Nothing, Nothing, Nothing> =
    Route::new(Method::Delete, "/sessions/current", Access::Read, "Log out");
pub const ME: Route<Nothing, Nothing, Nothing, Me> =
    Route::new(Method::Get, "/me", Access::Read, "Who am I, and what may I");

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
