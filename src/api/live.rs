//! Messages over Socket.IO and the rooms they go to. Names here are the contract.
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::domain::user::UserRef;
use crate::domain::{Seq, TeamId, UserId};
use crate::error::Error;

pub const PATH: &str = "/socket.io";
pub const SUBSCRIBE: &str = "subscribe:incidents";
pub const UNSUBSCRIBE: &str = "unsubscribe:incidents";
pub const PING: &str = "ping";
pub const AUTHENTICATED: &str = "authenticated";
pub const UNSUBSCRIBED: &str = "unsubscribed";
pub const MEMBERSHIP_CHANGED: &str = "membership_changed";
pub const SESSION_EXPIRED: &str = "session_expired";
pub const RATE_LIMIT_WARNING: &str = "rate_limit_warning";

/// Largest ack, in bytes.
pub const MAX_ACK: usize = 256 * 1024;
/// Most teams that one subscribe may name.
pub const MAX_TEAMS: usize = 200;

/// Whom an event is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Room {
    /// Every team's incidents, for platform admins.
    All,
    Team(TeamId),
    /// What a person was assigned to or paged for.
    User(UserId),
}

impl std::fmt::Display for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All => f.write_str("incidents:all"),
            Self::Team(id) => write!(f, "team:{id}"),
            Self::User(id) => write!(f, "user:{id}"),
        }
    }
}

impl Serialize for Room {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Room {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Room".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "Whom an event is sent to: `incidents:all`, `team:{id}` or `user:{id}`.",
            "pattern": "^(incidents:all|(team|user):[0-9]+)$",
        })
    }
}

/// A team by id or slug.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum TeamName {
    Id(i64),
    Slug(String),
}

impl std::fmt::Display for TeamName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Slug(slug) => slug.fmt(f),
        }
    }
}

/// `subscribe:incidents` and `unsubscribe:incidents`; no team: all that I may see.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Subscribe {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team_id: Option<TeamName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team_ids: Option<Vec<TeamName>>,
    /// The last seq that the client has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Seq>,
}

impl Subscribe {
    /// The teams as named; none: all.
    #[must_use]
    pub fn teams(&self) -> Option<Vec<String>> {
        if self.team_id.is_none() && self.team_ids.is_none() {
            return None;
        }
        let many = self.team_ids.iter().flatten();
        Some(self.team_id.iter().chain(many).map(ToString::to_string).collect())
    }
}

/// Sent first on every accepted connection.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Authenticated {
    pub user: Option<UserRef>,
    pub head: Seq,
    pub now: Timestamp,
    pub version: &'static str,
}

/// The ack of a subscribe that was accepted.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Subscribed {
    pub ok: bool,
    pub rooms: Vec<Room>,
    pub head: Seq,
    #[serde(flatten)]
    pub backlog: Backlog,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum Backlog {
    /// `more`: not joined yet, call again with the last seq.
    Events {
        events: Vec<Box<RawValue>>,
        more: bool,
    },
    Reset {
        reset: bool,
        incidents: Vec<Box<RawValue>>,
        next_cursor: Option<String>,
    },
}

/// The ack of an unsubscribe: the rooms that were left.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Left {
    pub ok: bool,
    pub rooms: Vec<Room>,
}

/// The ack of a ping.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Pong {
    pub ok: bool,
    pub head: Seq,
    pub now: Timestamp,
}

/// Any ack that says no.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Refused {
    pub ok: bool,
    pub error: RefusedError,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct RefusedError {
    pub code: &'static str,
    pub message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub teams: Vec<String>,
}

impl From<&Error> for Refused {
    fn from(error: &Error) -> Self {
        let teams = error
            .fields
            .iter()
            .filter(|field| field.field == "team")
            .map(|field| field.message.clone())
            .collect();
        let error = RefusedError { code: error.kind.code(), message: error.detail.clone(), teams };
        Self { ok: false, error }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Unsubscribed {
    pub rooms: Vec<Room>,
    pub reason: &'static str,
}

/// I have this role in this team now; its events come with my next subscribe.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MembershipChanged<'a> {
    pub team_id: TeamId,
    pub role: &'a str,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RateLimitWarning {
    pub current: usize,
    pub limit: usize,
    pub message: String,
    pub retry_after_ms: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct SessionExpired {
    pub message: &'static str,
}
