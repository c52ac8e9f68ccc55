//! Places that whole teams read: chats, boards, mailing lists.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::deliveries::DeliveryView;
use super::{Access, Method, Nothing, OfTeam, Page, Route};
use crate::domain::ChannelId;
use crate::domain::user::TeamRef;

pub const CHANNELS: Route<Nothing, OfTeam, Nothing, Page<Channel>> =
    Route::new(Method::Get, "/channels", Access::Read, "List the channels of my teams");
pub const CREATE_CHANNEL: Route<Nothing, Nothing, NewChannel, Channel> = Route::new(
    Method::Post,
    "/channels",
    Access::Manage,
    "Add a place that a team reads, for its policies to name",
);
pub const CHANNEL: Route<String, Nothing, Nothing, Channel> =
    Route::new(Method::Get, "/channels/{channel}", Access::Read, "Show a channel");
pub const CHANGE_CHANNEL: Route<String, Nothing, ChannelChange, Channel> =
    Route::new(Method::Patch, "/channels/{channel}", Access::Manage, "Change a channel");
pub const REMOVE_CHANNEL: Route<String, Nothing, Nothing, Nothing> = Route::new(
    Method::Delete,
    "/channels/{channel}",
    Access::Manage,
    "Remove a channel that no policy names",
);

pub const TEST_CHANNEL: Route<String, Nothing, Nothing, DeliveryView> = Route::new(
    Method::Post,
    "/channels/{channel}/test",
    Access::Manage,
    "Send a test to a channel; `/deliveries/{id}` says what became of it",
);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Channel {
    pub id: ChannelId,
    pub slug: String,
    pub team: TeamRef,
    /// `slack`, `ntfy`, `webhook`, …
    pub channel: String,
    /// Cut where it is a secret; for who does not manage the team always.
    pub address: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewChannel {
    pub slug: String,
    /// It does not change.
    pub team: String,
    /// The same channels as for contacts.
    pub channel: String,
    pub address: String,
}

/// What is left out stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ChannelChange {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}
