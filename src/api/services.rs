//! Services, and the integrations by which senders reach them.
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::incidents::Outcome;
use super::{Access, Method, Nothing, Page, PageQuery, Route, given};
use crate::domain::policy::PolicyRef;
use crate::domain::service::{Rules, ServiceRef, UrgencyRule};
use crate::domain::user::TeamRef;
use crate::domain::{IntegrationId, ServiceId, Severity, Span};

pub const SERVICES: Route<Nothing, ServicesQuery, Nothing, Page<Service>> =
    Route::new(Method::Get, "/services", Access::Read, "List the services of my teams");
pub const CREATE_SERVICE: Route<Nothing, Nothing, NewService, Service> = Route::new(
    Method::Post,
    "/services",
    Access::Manage,
    "Add a service, or bring an archived one of the same team back",
);
pub const SERVICE: Route<String, Nothing, Nothing, Service> =
    Route::new(Method::Get, "/services/{service}", Access::Read, "Show a service");
pub const CHANGE_SERVICE: Route<String, Nothing, ServiceChange, Service> =
    Route::new(Method::Patch, "/services/{service}", Access::Manage, "Change a service's rules");
pub const ARCHIVE_SERVICE: Route<String, Nothing, Nothing, Nothing> = Route::new(
    Method::Delete,
    "/services/{service}",
    Access::Manage,
    "Archive a service without open incidents; its keys are dead, its history stays",
);

pub const INTEGRATIONS: Route<Nothing, IntegrationsQuery, Nothing, Page<Integration>> =
    Route::new(Method::Get, "/integrations", Access::Read, "List the integrations of my teams");
pub const CREATE_INTEGRATION: Route<Nothing, Nothing, NewIntegration, IssuedIntegration> =
    Route::new(
        Method::Post,
        "/integrations",
        Access::Manage,
        "Add an integration; its key is shown once",
    );
pub const INTEGRATION: Route<IntegrationId, Nothing, Nothing, Integration> =
    Route::new(Method::Get, "/integrations/{id}", Access::Read, "Show an integration");
pub const RENAME_INTEGRATION: Route<IntegrationId, Nothing, IntegrationChange, Integration> =
    Route::new(Method::Patch, "/integrations/{id}", Access::Manage, "Rename an integration");
pub const REMOVE_INTEGRATION: Route<IntegrationId, Nothing, Nothing, Nothing> =
    Route::new(Method::Delete, "/integrations/{id}", Access::Manage, "Remove an integration");
pub const ROTATE_KEY: Route<IntegrationId, Nothing, Nothing, IssuedIntegration> = Route::new(
    Method::Post,
    "/integrations/{id}/rotate",
    Access::Manage,
    "Make a new key, shown once; the old one is dead at once",
);

pub const PAYLOADS: Route<IntegrationId, PageQuery, Nothing, Page<Payload>> = Route::new(
    Method::Get,
    "/integrations/{id}/payloads",
    Access::Manage,
    "The last requests of an integration, taken and refused, newest first",
);
pub const TEST_INTEGRATION: Route<IntegrationId, Nothing, TestAlert, Outcome> = Route::new(
    Method::Post,
    "/integrations/{id}/test",
    Access::Respond,
    "Send a test alert as if the integration had",
);

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ServicesQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// Archived ones too.
    pub archived: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    pub id: ServiceId,
    pub slug: String,
    pub name: String,
    pub team: TeamRef,
    #[serde(flatten)]
    pub rules: Rules,
    /// Null: the team's default, else the whole team, repeated.
    pub escalation_policy: Option<PolicyRef>,
    pub archived: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewService {
    pub slug: String,
    pub team: String,
    /// Left out: the slug.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urgency: Option<UrgencyRule>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_by: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ack_timeout: Option<Span>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reopen_within: Option<Span>,
    /// A policy of the same team; left out: the team's default, else the whole team, repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation_policy: Option<String>,
}

/// What is left out stays. A service does not change its team: its incidents would not go along.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceChange {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub urgency: Option<UrgencyRule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_by: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ack_timeout: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reopen_within: Option<Span>,
    /// A policy of the same team; null: the team's default, else the whole team, repeated.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub escalation_policy: Option<Option<String>>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IntegrationsQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// An integration; its key was shown when it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Integration {
    pub id: IntegrationId,
    pub name: String,
    pub service: ServiceRef,
    pub team: TeamRef,
    pub created_at: Timestamp,
    pub last_received_at: Option<Timestamp>,
    pub last_rejected_at: Option<Timestamp>,
    /// Why the last refused request was refused.
    pub last_rejection: Option<String>,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewIntegration {
    pub service: String,
    pub name: String,
    /// 32 letters and digits; left out: made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IntegrationChange {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// An integration, this once with its key.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IssuedIntegration {
    #[serde(flatten)]
    pub integration: Integration,
    pub key: String,
    /// What senders' addresses begin with; it holds the key.
    pub url: String,
}

/// A request of a sender, as it is kept: at most 16 KiB, secrets replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Payload {
    pub at: Timestamp,
    /// The format that it was sent in.
    pub source: String,
    pub body: String,
    /// Why it was refused; null if it was taken.
    pub error: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TestAlert {
    /// Say that the last test is over.
    pub resolve: bool,
    /// Left out: info, which wakes nobody unless the service says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
}
