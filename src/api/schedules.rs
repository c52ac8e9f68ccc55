//! Who is on call when: schedules, those who stand in, and what follows from them.
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Access, Method, Nothing, OfTeam, Page, Route};
use crate::domain::schedule::{self, Gap};
use crate::domain::user::{TeamRef, UserRef};
use crate::domain::{OverrideId, ScheduleId, Span};

pub const ON_CALL: Route<Nothing, OnCallQuery, Nothing, Page<OnCall>> = Route::new(
    Method::Get,
    "/on-call",
    Access::Read,
    "Who is on call, now or at a moment: one entry a person, one without a person for a gap",
);

pub const SCHEDULES: Route<Nothing, OfTeam, Nothing, Page<Schedule>> =
    Route::new(Method::Get, "/schedules", Access::Read, "List the schedules of my teams");
pub const CREATE_SCHEDULE: Route<Nothing, Nothing, NewSchedule, Schedule> =
    Route::new(Method::Post, "/schedules", Access::Manage, "Add a schedule");
pub const SCHEDULE: Route<String, Nothing, Nothing, Schedule> =
    Route::new(Method::Get, "/schedules/{schedule}", Access::Read, "Show a schedule");
pub const SET_SCHEDULE: Route<String, Nothing, Plan, Schedule> = Route::new(
    Method::Put,
    "/schedules/{schedule}",
    Access::Manage,
    "Set the rotations of a schedule; those who stand in go on to",
);
pub const DELETE_SCHEDULE: Route<String, Nothing, Nothing, Nothing> = Route::new(
    Method::Delete,
    "/schedules/{schedule}",
    Access::Manage,
    "Remove a schedule in which nobody stands in from now on",
);
pub const SHIFTS: Route<String, SpanQuery, Nothing, Shifts> = Route::new(
    Method::Get,
    "/schedules/{schedule}/shifts",
    Access::Read,
    "Who is on call when, and when nobody is",
);
pub const PREVIEW: Route<String, SpanQuery, Plan, Preview> = Route::new(
    Method::Post,
    "/schedules/{schedule}/preview",
    Access::Manage,
    "Say who would gain and lose what if the rotations were these; changes nothing",
)
.trying();

pub const OVERRIDES: Route<String, OverridesQuery, Nothing, Page<Override>> = Route::new(
    Method::Get,
    "/schedules/{schedule}/overrides",
    Access::Read,
    "List those who stand in; now and later, unless asked otherwise",
);
pub const CREATE_OVERRIDE: Route<String, Nothing, NewOverride, Override> = Route::new(
    Method::Post,
    "/schedules/{schedule}/overrides",
    Access::Respond,
    "Let somebody stand in for all or for one; of several the one made last counts",
);
pub const END_OVERRIDE: Route<(String, OverrideId), Nothing, Nothing, Nothing> = Route::new(
    Method::Delete,
    "/schedules/{schedule}/overrides/{id}",
    Access::Respond,
    "End a standing in: what was stays, what is to come does not",
);
pub const SWAP: Route<String, Nothing, Swap, Page<Override>> = Route::new(
    Method::Post,
    "/schedules/{schedule}/swap",
    Access::Respond,
    "Let two people stand in for each other, both or neither",
);
pub const TAKE: Route<String, Nothing, Take, Override> = Route::new(
    Method::Post,
    "/schedules/{schedule}/take",
    Access::Respond,
    "Be on call from now on, alone",
);

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OnCallQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// Left out: now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SpanQuery {
    /// Left out: now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Left out: four weeks later; two years at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OverridesQuery {
    /// Left out: now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Left out: for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A schedule, as named inside other things.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScheduleRef {
    pub id: ScheduleId,
    pub slug: String,
}

/// Somebody who is on call, or a gap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OnCall {
    pub schedule: ScheduleRef,
    pub team: TeamRef,
    /// Null: nobody is.
    pub user: Option<UserRef>,
    /// When that ends; null: not within two years.
    pub until: Option<Timestamp>,
    /// Who is on call then.
    pub next: Vec<UserRef>,
}

/// People are called by their usernames.
pub type Rotation = schedule::Rotation<String>;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Schedule {
    pub id: ScheduleId,
    pub slug: String,
    pub team: TeamRef,
    pub time_zone: String,
    pub rotations: Vec<Rotation>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewSchedule {
    pub slug: String,
    /// It does not change.
    pub team: String,
    /// Such as `Europe/Paris`; its clocks say when shifts begin. Left out: `UTC`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    #[serde(default)]
    pub rotations: Vec<Rotation>,
}

/// All that decides who is on call, but for those who stand in.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// A new slug; left out: as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,
    /// Left out: as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// All count: together they are a union.
    pub rotations: Vec<Rotation>,
}

/// One person's span on call; the cause is a rotation or somebody who stands in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shift {
    pub start: Timestamp,
    pub end: Timestamp,
    pub user: UserRef,
    /// The rotation's name.
    pub rotation: Option<String>,
    #[serde(rename = "override")]
    pub stand_in: Option<OverrideId>,
}

/// Both lists are whole up to `until`, which is earlier than asked if that was too much.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Shifts {
    pub items: Vec<Shift>,
    pub gaps: Vec<Gap>,
    pub from: Timestamp,
    pub until: Timestamp,
}

/// What somebody gains or loses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    pub start: Timestamp,
    pub end: Timestamp,
    pub user: UserRef,
    pub gains: bool,
}

/// What would become of it; whole up to `until`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Preview {
    pub items: Vec<Difference>,
    pub gaps: Vec<Gap>,
    pub from: Timestamp,
    pub until: Timestamp,
}

/// Somebody stands in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Override {
    pub id: OverrideId,
    pub start: Timestamp,
    /// Not included.
    pub end: Timestamp,
    pub user: UserRef,
    /// Null: all.
    pub replacing: Option<UserRef>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOverride {
    /// A username, or `me`.
    pub user: String,
    pub start: Timestamp,
    /// Not included; at most a year later.
    pub end: Timestamp,
    /// Whom; left out: all who are on call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replacing: Option<String>,
}

/// `with` stands in for `user` in one span, and `user` for `with` in another.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Swap {
    /// A username, or `me`.
    pub user: String,
    pub with: String,
    /// When `user` is stood in for.
    pub start: Timestamp,
    pub end: Timestamp,
    /// When `with` is; left out: at the same time, for people of two rotations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back: Option<Back>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Back {
    pub start: Timestamp,
    pub end: Timestamp,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Take {
    /// Left out: until somebody else's turn, a day at most.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
}
