//! Silences: what matches makes nobody's phone ring for a while.
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Access, Method, Nothing, Page, Route};
use crate::domain::silence::State;
use crate::domain::user::TeamRef;
use crate::domain::{IncidentId, SilenceId, Span, Status};

pub const SILENCES: Route<Nothing, SilencesQuery, Nothing, Page<Silence>> = Route::new(
    Method::Get,
    "/silences",
    Access::Read,
    "List silences of my teams and of all teams, newest first; not those that are over",
);
pub const CREATE_SILENCE: Route<Nothing, Nothing, NewSilence, Silence> = Route::new(
    Method::Post,
    "/silences",
    Access::Respond,
    "Silence what matches, now or later, once or in windows that come again",
);
pub const PREVIEW_SILENCE: Route<Nothing, Nothing, NewSilence, SilencePreview> = Route::new(
    Method::Post,
    "/silences/preview",
    Access::Respond,
    "Say what such a silence would match now, and when it would be on; changes nothing",
)
.trying();
pub const SILENCE: Route<SilenceId, Nothing, Nothing, Silence> =
    Route::new(Method::Get, "/silences/{id}", Access::Read, "Show a silence");
pub const END_SILENCE: Route<SilenceId, Nothing, Nothing, Silence> = Route::new(
    Method::Delete,
    "/silences/{id}",
    Access::Respond,
    "End a silence: what still fires and nobody has does page; over already, it stays so",
);

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SilencesQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// Left out: active and pending ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Silence {
    pub id: SilenceId,
    /// Null: all teams'.
    pub team: Option<TeamRef>,
    /// As they are understood; all must hold.
    pub matchers: Vec<String>,
    pub reason: String,
    pub author: String,
    pub state: State,
    pub starts_at: Timestamp,
    /// Null: its windows come again for ever.
    pub ends_at: Option<Timestamp>,
    /// Somebody ended it then.
    pub ended_at: Option<Timestamp>,
    /// Null: it is on from its start to its end.
    pub windows: Option<Windows>,
    /// When it is on, or is next; null once it is over.
    pub span: Option<Quiet>,
    pub created_at: Timestamp,
}

/// Windows that open again and again, by the clocks of a zone: the first may on the day of the
/// start, all at the start's time of day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Windows {
    /// On which days: `FREQ=WEEKLY;BYDAY=SU`, with INTERVAL, BYDAY, BYMONTHDAY, BYMONTH and WKST
    /// as in RFC 5545.
    pub rrule: String,
    /// Such as `Europe/Paris`.
    pub time_zone: String,
    /// How long each lasts: a minute to seven days.
    pub duration: Span,
}

/// A time of quiet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SilenceSpan")]
pub struct Quiet {
    pub start: Timestamp,
    /// Not included.
    pub end: Timestamp,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewSilence {
    /// Left out or null: all teams, which takes a platform admin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// `name=value`, `name!=value`, `name=~regex` or `name!~regex`: labels as sent, or `@service`,
    /// `@team`, `@severity`. All must hold.
    #[serde(default)]
    pub matchers: Vec<String>,
    #[serde(default)]
    pub reason: String,
    /// Left out: now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    /// How long from its start on; or `endsAt`.
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
    /// At most 366 days after the start. Only windows go without, for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub windows: Option<Windows>,
    /// Also where next to nothing is left out.
    #[serde(default)]
    pub force: bool,
}

/// What a silence would do.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SilencePreview {
    /// Open incidents in which something fires that it matches.
    pub items: Vec<Matched>,
    /// There are more, or more to look through, than is shown.
    pub more: bool,
    /// When it would be on: the first few times.
    pub spans: Vec<Quiet>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Matched {
    pub id: IncidentId,
    pub title: String,
    pub status: Status,
    /// The service's slug.
    pub service: Option<String>,
    /// How many of its alerts fire, and how many of these it matches.
    pub firing: u64,
    pub matching: u64,
    /// All that fire would be silenced, by this and others: then nobody is paged for it.
    pub silenced: bool,
}
