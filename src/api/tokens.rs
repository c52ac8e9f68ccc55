//! API tokens.
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Access, Method, Nothing, Page, PageQuery, Route};
use crate::domain::{Scope, Span, TokenId};

pub const TOKENS: Route<Nothing, PageQuery, Nothing, Page<Token>> =
    Route::new(Method::Get, "/tokens", Access::Manage, "List API tokens");
pub const CREATE_TOKEN: Route<Nothing, Nothing, NewToken, IssuedToken> =
    Route::new(Method::Post, "/tokens", Access::Manage, "Make an API token, shown once");
pub const REVOKE_TOKEN: Route<TokenId, Nothing, Nothing, Nothing> =
    Route::new(Method::Delete, "/tokens/{id}", Access::Manage, "Revoke an API token");

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Token {
    pub id: TokenId,
    pub user: String,
    pub name: String,
    pub scope: Scope,
    pub team: Option<String>,
    pub created_at: Timestamp,
    /// To the minute.
    pub last_used_at: Option<Timestamp>,
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
