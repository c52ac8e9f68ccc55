//! Calendars by a secret address: a schedule's shifts, or somebody's own.
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Access, Method, Nothing, Page, PageQuery, Route};
use crate::domain::FeedId;
use crate::domain::user::UserRef;

pub const FEEDS: Route<Nothing, PageQuery, Nothing, Page<Feed>> = Route::new(
    Method::Get,
    "/feeds",
    Access::Manage,
    "List the calendar addresses that I made, and those of schedules that I manage",
);
pub const CREATE_FEED: Route<Nothing, Nothing, NewFeed, IssuedFeed> = Route::new(
    Method::Post,
    "/feeds",
    Access::Manage,
    "Make a secret address of a calendar, shown once: of a schedule, or of my own shifts",
);
pub const DELETE_FEED: Route<FeedId, Nothing, Nothing, Nothing> =
    Route::new(Method::Delete, "/feeds/{id}", Access::Manage, "End a calendar's address");

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewFeed {
    /// Left out: my own shifts, in all schedules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
}

/// An address as listed: the secret in it was shown when it was made.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Feed {
    pub id: FeedId,
    /// Null: the shifts of `madeBy`, in all schedules.
    pub schedule: Option<String>,
    /// It is good as long as he may see what it shows.
    pub made_by: UserRef,
    pub created_at: Timestamp,
    /// To the hour.
    pub last_used_at: Option<Timestamp>,
}

/// An address that was just made: whoever has it can read the calendar.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IssuedFeed {
    pub id: FeedId,
    pub url: String,
}
