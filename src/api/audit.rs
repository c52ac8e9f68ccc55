//! The audit: who did what to whom and when.
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Access, Method, Nothing, Page, Route};
use crate::domain::{Actor, IncidentId, Seq};

pub const AUDIT: Route<Nothing, AuditQuery, Nothing, Page<Entry>> = Route::new(
    Method::Get,
    "/audit",
    Access::Platform,
    "Who did what to whom and when, oldest first unless asked otherwise",
);

/// `after` is the `seq` of the last entry that is known; a page may be short, or empty, although
/// more follow.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AuditQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Seq>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// A username; `host` for commands on the server's host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort: Option<AuditOrder>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AuditOrder {
    /// Oldest first, as programs follow it.
    Old,
    /// Newest first, as people look.
    New,
}

/// One act. Names are those of then.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    pub seq: Seq,
    pub at: Timestamp,
    pub actor: Actor,
    /// `access:changed`, `config:changed`, or the event of an incident.
    #[serde(rename = "type")]
    pub kind: String,
    /// In words.
    pub what: String,
    /// To whom, of which team, on which incident.
    pub user: Option<String>,
    pub team: Option<String>,
    pub incident_id: Option<IncidentId>,
}
