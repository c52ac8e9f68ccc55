//! Heartbeats: signs of life that are expected, and the keys by which they come.
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Access, Method, Nothing, Page, Route};
use crate::domain::heartbeat::Pulse;
use crate::domain::service::ServiceRef;
use crate::domain::user::TeamRef;
use crate::domain::{HeartbeatId, IncidentId, Span};

pub const HEARTBEATS: Route<Nothing, HeartbeatsQuery, Nothing, Page<Heartbeat>> =
    Route::new(Method::Get, "/heartbeats", Access::Read, "List the heartbeats of my teams");
pub const CREATE_HEARTBEAT: Route<Nothing, Nothing, NewHeartbeat, IssuedHeartbeat> = Route::new(
    Method::Post,
    "/heartbeats",
    Access::Manage,
    "Add a heartbeat; its key is shown once. Until it first beats nothing is missing",
);
pub const HEARTBEAT: Route<String, Nothing, Nothing, Heartbeat> =
    Route::new(Method::Get, "/heartbeats/{heartbeat}", Access::Read, "Show a heartbeat");
pub const CHANGE_HEARTBEAT: Route<String, Nothing, HeartbeatChange, Heartbeat> = Route::new(
    Method::Patch,
    "/heartbeats/{heartbeat}",
    Access::Manage,
    "Change a heartbeat; its key stays",
);
pub const REMOVE_HEARTBEAT: Route<String, Nothing, Nothing, Nothing> = Route::new(
    Method::Delete,
    "/heartbeats/{heartbeat}",
    Access::Manage,
    "Remove a heartbeat; its key is dead, and what it says is wrong is over",
);
pub const ROTATE_HEARTBEAT: Route<String, Nothing, Nothing, IssuedHeartbeat> = Route::new(
    Method::Post,
    "/heartbeats/{heartbeat}/rotate",
    Access::Manage,
    "Make a new key, shown once; the old one is dead at once",
);

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HeartbeatsQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A heartbeat; its key was shown when it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Heartbeat {
    pub id: HeartbeatId,
    pub slug: String,
    pub service: ServiceRef,
    pub team: TeamRef,
    /// So often it is expected.
    pub every: Span,
    /// So much later it may come.
    pub grace: Span,
    /// Matchers of the service's alerts that are such signs; empty: only requests with the key.
    pub alert: Vec<String>,
    pub status: Pulse,
    /// When it was last heard, well or failing.
    pub last_at: Option<Timestamp>,
    /// Since when it fails.
    pub failed_at: Option<Timestamp>,
    /// Since when it is missing.
    pub missing_at: Option<Timestamp>,
    /// When it will be missing unless it is heard; null until it first beats, and once it is.
    pub due_at: Option<Timestamp>,
    /// The open incident about it.
    pub incident_id: Option<IncidentId>,
    pub created_at: Timestamp,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHeartbeat {
    pub slug: String,
    pub service: String,
    pub every: Span,
    /// Left out: a tenth of `every`, at least a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace: Option<Span>,
    /// Alerts of the service that match all of these beat, and open no incident.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alert: Vec<String>,
    /// 32 letters and digits; left out: made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// What is left out stays. A heartbeat does not change its service: its incidents would not go
/// along.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HeartbeatChange {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert: Option<Vec<String>>,
}

/// A heartbeat, this once with its key.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IssuedHeartbeat {
    #[serde(flatten)]
    pub heartbeat: Heartbeat,
    pub key: String,
    /// Where it beats, by GET or POST; with `/fail` it says that it failed. It holds the key.
    pub url: String,
}
