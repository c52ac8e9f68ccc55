//! Where paging stands, as an incident shows it.
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where paging stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Escalation {
    pub state: EscalationState,
    pub round: u32,
    pub step: u32,
    pub next_at: Option<Timestamp>,
    pub next_targets: Vec<String>,
    pub told: Vec<Told>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EscalationState {
    Pending,
    Paused,
    Exhausted,
    #[default]
    #[serde(other)]
    None,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Told {
    pub user: String,
    pub channel: String,
    pub at: Timestamp,
    pub outcome: String,
}
