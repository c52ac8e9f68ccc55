//! People.
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Access, Method, Nothing, Page, PageQuery, Route, given};
use crate::domain::{Role, UserId};

pub const USERS: Route<Nothing, PageQuery, Nothing, Page<User>> =
    Route::new(Method::Get, "/users", Access::Read, "List the people that I may see");
pub const CREATE_USER: Route<Nothing, Nothing, NewUser, User> =
    Route::new(Method::Post, "/users", Access::Platform, "Add a person");
pub const USER: Route<String, Nothing, Nothing, User> =
    Route::new(Method::Get, "/users/{user}", Access::Read, "Show a person; `me` is the caller");
pub const CHANGE_USER: Route<String, Nothing, ChangeUser, User> = Route::new(
    Method::Patch,
    "/users/{user}",
    Access::Manage,
    "Change a person; everybody may change himself, but for `admin`",
);
pub const ENABLE_USER: Route<String, Nothing, Nothing, User> = Route::new(
    Method::Post,
    "/users/{user}/enable",
    Access::Platform,
    "Let a disabled person in again",
);
pub const DISABLE_USER: Route<String, Nothing, Nothing, Nothing> =
    Route::new(Method::Delete, "/users/{user}", Access::Platform, "Disable a person");
pub const SET_PASSWORD: Route<String, Nothing, Password, Nothing> =
    Route::new(Method::Put, "/users/{user}/password", Access::Platform, "Set a password");

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

/// What is left out stays; null takes away.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangeUser {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub email: Option<Option<String>>,
    /// Such as `Europe/Paris`.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<Option<String>>,
    /// Platform admin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<bool>,
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
