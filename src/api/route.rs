//! Who would be paged: an alert is tried, and nothing comes of it.
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Access, Method, Nothing, Route};
use crate::domain::service::ServiceRef;
use crate::domain::user::TeamRef;
use crate::domain::{Labels, Severity, SilenceId, Urgency};

pub const TEST_ROUTE: Route<Nothing, Nothing, Try, Way> = Route::new(
    Method::Post,
    "/route-test",
    Access::Read,
    "Say who would be paged for an alert, when, by what and by which rule; nobody is",
);

/// An alert that is not.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Try {
    /// Left out: the only one that I may see.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    pub labels: Labels,
    /// Left out: what the label `severity` says, as in an alert.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
}

/// What would become of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Way {
    pub service: ServiceRef,
    pub team: TeamRef,
    pub severity: Severity,
    pub urgency: Urgency,
    /// Nobody is paged before; the steps are counted from then.
    pub silenced_until: Option<Timestamp>,
    /// By these.
    pub silences: Vec<SilenceId>,
    /// Heartbeats whose sign of life it is: such an alert opens no incident. Their slugs.
    #[serde(default)]
    pub heartbeats: Vec<String>,
    /// The slug.
    pub policy: String,
    pub policy_of: PolicyOf,
    /// In their order, if nobody answers; up to the last resort.
    pub steps: Vec<WayStep>,
}

/// Why this policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PolicyOf {
    /// The service names it.
    Service,
    /// The team's default.
    Team,
    /// The team has none: all of it at once, repeated.
    Nobody,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WayStep {
    /// Both from 1; 0 the last resort.
    pub round: u32,
    pub step: u32,
    pub at: Timestamp,
    pub targets: Vec<String>,
    /// Who rings, by what, when; the earliest first.
    pub pages: Vec<WayPage>,
    /// What tells nobody, and why.
    pub skipped: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WayPage {
    /// A username, or `channel:SLUG`.
    pub who: String,
    pub channel: String,
    /// The contact's name.
    pub contact: String,
    pub at: Timestamp,
}

impl Way {
    /// Who is told first, if anybody is.
    #[must_use]
    pub fn first(&self) -> Vec<&str> {
        let step = self.steps.iter().find(|step| !step.pages.is_empty());
        let mut first: Vec<&str> = Vec::new();
        for page in step.iter().flat_map(|step| &step.pages) {
            if !first.contains(&page.who.as_str()) {
                first.push(&page.who);
            }
        }
        first
    }
}
