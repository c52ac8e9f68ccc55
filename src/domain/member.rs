//! An alert as an incident remembers it: one row for each episode's place.
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::alert::{Labels, Link, Severity};
use super::id::{AlertId, IncidentId, IntegrationId};

/// Why a member no longer fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EndedBy {
    Source,
    Expired,
}

/// What intake knows of an alert that it has seen before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub id: AlertId,
    pub incident: IncidentId,
    /// None while it fires.
    pub ended: Option<EndedBy>,
    pub severity: Severity,
    /// The episode, where the source names one.
    pub starts_at: Option<Timestamp>,
    /// When silence ends it, where the source says.
    pub ends_at: Option<Timestamp>,
    pub last_at: Timestamp,
    /// A firing came after its episode's resolve; it waits for a further resolve.
    pub late: bool,
    pub stale: bool,
    pub integration: Option<IntegrationId>,
}

impl Member {
    #[must_use]
    pub const fn fires(&self) -> bool {
        self.ended.is_none()
    }

    /// Does a firing that began at `starts_at` belong to the episode that this row is of?
    /// Without a start an episode lasts until its source's resolve.
    #[must_use]
    pub fn same_episode(&self, starts_at: Option<Timestamp>) -> bool {
        match (self.starts_at, starts_at) {
            // One that began before an ended one is over with it: the sender's twin lags.
            (Some(known), Some(sent)) if self.ended == Some(EndedBy::Source) => sent <= known,
            (Some(known), Some(sent)) => known == sent,
            (None, None) => self.ended != Some(EndedBy::Source),
            _ => self.fires(),
        }
    }
}

/// A member as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberView {
    pub id: AlertId,
    /// `firing` or `resolved`.
    pub status: String,
    pub title: String,
    #[serde(default)]
    pub description: String,
    pub severity: Severity,
    #[serde(default)]
    pub labels: Labels,
    #[serde(default)]
    pub links: Vec<Link>,
    pub source: Option<String>,
    pub starts_at: Option<Timestamp>,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub ended_by: Option<EndedBy>,
    pub stale: bool,
    /// How often it was reported firing.
    pub count: u64,
}
