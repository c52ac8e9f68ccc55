//! Who was told of an incident, by what, when, and what became of it.
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Access, Method, Nothing, Page, PageQuery, Route};
use crate::domain::delivery::{DeliveryKind, DeliveryState};
use crate::domain::user::UserRef;
use crate::domain::{DeliveryId, IncidentId, Seq};

pub const DELIVERIES: Route<IncidentId, PageQuery, Nothing, Page<DeliveryView>> = Route::new(
    Method::Get,
    "/incidents/{id}/deliveries",
    Access::Read,
    "Who was told of an incident, by what and when, oldest first",
);

pub const DELIVERY: Route<DeliveryId, Nothing, Nothing, DeliveryView> = Route::new(
    Method::Get,
    "/deliveries/{id}",
    Access::Read,
    "What became of a message: to me, of an incident that I see, or to a channel that I manage",
);

/// One message to one contact or team channel.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryView {
    pub id: DeliveryId,
    pub kind: DeliveryKind,
    pub state: DeliveryState,
    /// None: a team's channel.
    pub user: Option<UserRef>,
    /// `email`, `ntfy`, …
    pub channel: String,
    /// The contact's name, or the team channel's slug. Where it leads is its owner's affair.
    pub contact: String,
    /// The seq of the event that is its reason.
    pub made: Option<Seq>,
    pub due_at: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was sent, failed for good or was dropped.
    pub ended_at: Option<Timestamp>,
    /// Why it failed or was dropped.
    pub outcome: Option<String>,
    /// What went as one message shares this.
    pub message: Option<DeliveryId>,
}
