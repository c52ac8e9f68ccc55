//! People.
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Access, Method, Nothing, Page, Route};
use crate::domain::{Role, UserId};

pub const USERS: Route<Nothing, Nothing, Nothing, Page<User>> =
    Route::new(Method::Get, "/users", Access::Read, "List the people that I may see");
pub const CREATE_USER: Route<Nothing, Nothing, NewUser, User> =
    Route::new(Method::Post, "/users", Access::Platform, "Add a person");
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
