//! Logging in and out, links that work once, and who somebody is.
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Access, Method, Nothing, Open, Page, PageQuery, Route};
use crate::domain::user::{TeamRef, UserRef};
use crate::domain::{Role, Scope, Seq, SessionId};

pub const LOG_IN: Open<Login, Session> = Open::new("/sessions", "Log in");
pub const LOG_OUT: Route<Nothing, Nothing, Nothing, Nothing> =
    Route::new(Method::Delete, "/sessions/current", Access::Read, "Log out");
pub const ME: Route<Nothing, Nothing, Nothing, Me> =
    Route::new(Method::Get, "/me", Access::Read, "Who am I, and what may I");
pub const CHANGE_PASSWORD: Route<Nothing, Nothing, ChangePassword, Nothing> = Route::new(
    Method::Put,
    "/me/password",
    Access::Manage,
    "Change my password; my other sessions end",
);

pub const SESSIONS: Route<Nothing, PageQuery, Nothing, Page<SessionView>> =
    Route::new(Method::Get, "/sessions", Access::Manage, "List my sessions");
pub const END_SESSION: Route<SessionId, Nothing, Nothing, Nothing> =
    Route::new(Method::Delete, "/sessions/{id}", Access::Manage, "End a session");
pub const END_OTHER_SESSIONS: Route<Nothing, Nothing, Nothing, Ended> =
    Route::new(Method::Delete, "/sessions", Access::Manage, "End all my sessions but this one");
pub const SESSIONS_OF: Route<String, PageQuery, Nothing, Page<SessionView>> =
    Route::new(Method::Get, "/users/{user}/sessions", Access::Platform, "List somebody's sessions");
pub const END_SESSIONS_OF: Route<String, Nothing, Nothing, Ended> = Route::new(
    Method::Delete,
    "/users/{user}/sessions",
    Access::Platform,
    "End all of somebody's sessions",
);

pub const CREATE_SETUP_LINK: Route<Nothing, Nothing, Nothing, Link> = Route::new(
    Method::Post,
    "/setup-links",
    Access::Platform,
    "Make the link that sets up the first platform admin; voids the older",
);
pub const CREATE_LINK: Route<String, Nothing, Nothing, Link> = Route::new(
    Method::Post,
    "/users/{user}/links",
    Access::Platform,
    "Make a link by which somebody sets his password; voids the older",
);
pub const LOOK_AT_LINK: Open<LinkSecret, LinkView> =
    Open::new("/links", "Say what a link is for, without using it");
pub const SET_UP: Open<SetUp, Session> =
    Open::new("/setup", "Become the first platform admin, by a set-up link");
pub const WELCOME: Open<Welcome, Session> =
    Open::new("/welcome", "Log in by a link, and set a password");

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    pub username: String,
    pub password: String,
}

/// A session that was just opened; `token` is shown this once and goes where API tokens go.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    pub token: String,
    pub user: UserRef,
    pub expires_at: Option<Timestamp>,
}

/// A session as listed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionView {
    pub id: SessionId,
    /// What the browser or program calls itself.
    pub client: String,
    /// Where it was last seen.
    pub address: String,
    pub created_at: Timestamp,
    /// To the hour.
    pub last_used_at: Timestamp,
    pub expires_at: Timestamp,
    /// The one that asks.
    pub current: bool,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Ended {
    /// How many sessions ended.
    pub ended: u64,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    pub current: String,
    pub password: String,
}

/// What proved who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Credential {
    Session,
    Token,
    /// The control socket.
    Host,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    /// Null over the control socket: the host's administrator.
    pub user: Option<UserRef>,
    pub admin: bool,
    pub credential: Credential,
    pub scope: Scope,
    /// The only team that the credential is good for.
    pub team: Option<TeamRef>,
    pub expires_at: Option<Timestamp>,
    pub teams: Vec<Membership>,
    /// What links to this server begin with, in messages and in `incident.url`.
    #[serde(default)]
    pub public_url: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Membership {
    #[serde(flatten)]
    pub team: TeamRef,
    pub role: Role,
    pub since: Seq,
}

/// A link that works once; its secret stands behind the `#`, which no browser sends.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    pub url: String,
    pub expires_at: Timestamp,
    /// Absent where the account has no address, or the server sends no e-mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mailed: Option<Mailed>,
}

/// A link that was sent to the address of the account.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct Mailed {
    pub to: String,
    /// Why it did not go; then it is to be handed over by other means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkSecret {
    pub secret: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LinkView {
    /// Whose password it sets; null: it sets up the first platform admin.
    pub user: Option<UserRef>,
    pub time_zone: Option<String>,
    /// He has a password already, which may stay.
    #[serde(default)]
    pub has_password: bool,
    pub expires_at: Timestamp,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetUp {
    pub secret: String,
    pub username: String,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub email: Option<String>,
    pub password: String,
    #[serde(default)]
    pub time_zone: Option<String>,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Welcome {
    pub secret: String,
    /// Left out: stays as it is, if there is one.
    #[serde(default)]
    pub password: Option<String>,
    /// Left out: stays as it is.
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub time_zone: Option<String>,
}
