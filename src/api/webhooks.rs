//! Outgoing webhooks: every incident event of a team's log, signed, to an address.
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Access, Method, Nothing, OfTeam, Page, Route};
use crate::domain::user::TeamRef;
use crate::domain::{Seq, WebhookId};

pub const WEBHOOKS: Route<Nothing, OfTeam, Nothing, Page<Webhook>> =
    Route::new(Method::Get, "/webhooks", Access::Read, "List the webhooks of my teams");
pub const CREATE_WEBHOOK: Route<Nothing, Nothing, NewWebhook, IssuedWebhook> = Route::new(
    Method::Post,
    "/webhooks",
    Access::Manage,
    "Send a team's incident events from now on to an address; the secret is shown once",
);
pub const WEBHOOK: Route<WebhookId, Nothing, Nothing, Webhook> =
    Route::new(Method::Get, "/webhooks/{id}", Access::Read, "Show a webhook");
pub const ENABLE_WEBHOOK: Route<WebhookId, Nothing, EnableWebhook, Webhook> = Route::new(
    Method::Post,
    "/webhooks/{id}/enable",
    Access::Manage,
    "Let a webhook go on where it stopped, or with `skip` from now on",
);
pub const DISABLE_WEBHOOK: Route<WebhookId, Nothing, Nothing, Webhook> = Route::new(
    Method::Post,
    "/webhooks/{id}/disable",
    Access::Manage,
    "Stop a webhook; what happens meanwhile it gets when it is enabled",
);
pub const TEST_WEBHOOK: Route<WebhookId, Nothing, Nothing, WebhookTest> = Route::new(
    Method::Post,
    "/webhooks/{id}/test",
    Access::Manage,
    "Send a signed event of type `webhook:test` to a webhook now, and say what became of it",
);
pub const ROTATE_SECRET: Route<WebhookId, Nothing, Nothing, IssuedWebhook> = Route::new(
    Method::Post,
    "/webhooks/{id}/rotate",
    Access::Manage,
    "Make a new secret, shown once; what is sent from now on is signed with it",
);
pub const REMOVE_WEBHOOK: Route<WebhookId, Nothing, Nothing, Nothing> =
    Route::new(Method::Delete, "/webhooks/{id}", Access::Manage, "Remove a webhook");

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    pub id: WebhookId,
    pub team: TeamRef,
    /// Cut for who does not manage the team.
    pub url: String,
    /// The last event that it took.
    pub seq: Seq,
    /// Since when it takes nothing.
    pub failing_since: Option<Timestamp>,
    pub last_error: Option<String>,
    /// Stopped by hand, or as it failed for 72 hours.
    pub disabled_at: Option<Timestamp>,
}

/// What became of a test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WebhookTest {
    /// It answered that it has it.
    pub taken: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A webhook with its secret, which is shown this once.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct IssuedWebhook {
    #[serde(flatten)]
    pub webhook: Webhook,
    /// For the signatures of the Standard Webhooks specification.
    pub secret: String,
}

#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWebhook {
    pub team: String,
    pub url: String,
    /// `whsec_` and 24 to 64 bytes as base64; left out: made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EnableWebhook {
    /// Leave out what happened while it was stopped.
    pub skip: bool,
}
