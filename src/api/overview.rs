//! What a dashboard says above its list: who is on call, whom of them nothing reaches, what nobody
//! covers, when a sender was last heard.
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schedules::{OnCall, ScheduleRef};
use super::{Access, Method, Nothing, Route};
use crate::domain::schedule::Gap;
use crate::domain::user::UserRef;

pub const OVERVIEW: Route<Nothing, OverviewQuery, Nothing, Overview> = Route::new(
    Method::Get,
    "/overview",
    Access::Read,
    "Who is on call, what nobody covers in the next four weeks, when a sender was last heard",
);

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OverviewQuery {
    /// Left out: all teams that I may see.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Overview {
    pub on_call: Vec<OnCall>,
    /// The soonest first.
    pub gaps: Vec<Uncovered>,
    /// When any sender of these teams last sent something.
    pub last_alert_at: Option<Timestamp>,
    /// Open incidents of which nobody could be told.
    pub untold: u64,
    /// Whoever is on call, now or within a week, and has no contact that works: the caller, and in
    /// teams that the caller manages everybody. The soonest first.
    #[serde(default)]
    pub unreachable: Vec<Unreachable>,
}

/// Somebody's turn, in which no page would arrive.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Unreachable {
    pub schedule: ScheduleRef,
    pub user: UserRef,
    /// When it begins; of one that has begun, now.
    pub start: Timestamp,
}

/// A time in which nobody is on call.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Uncovered {
    pub schedule: ScheduleRef,
    #[serde(flatten)]
    pub gap: Gap,
}
