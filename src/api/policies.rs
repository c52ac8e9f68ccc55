//! Escalation policies: who is told when, until somebody answers.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Access, Method, Nothing, OfTeam, Page, Route, given};
use crate::domain::PolicyId;
use crate::domain::policy::{self, TargetName};
use crate::domain::user::TeamRef;

pub const POLICIES: Route<Nothing, OfTeam, Nothing, Page<Policy>> =
    Route::new(Method::Get, "/policies", Access::Read, "List the policies of my teams");
pub const CREATE_POLICY: Route<Nothing, Nothing, NewPolicy, Policy> =
    Route::new(Method::Post, "/policies", Access::Manage, "Add a policy");
pub const POLICY: Route<String, Nothing, Nothing, Policy> =
    Route::new(Method::Get, "/policies/{policy}", Access::Read, "Show a policy");
pub const CHANGE_POLICY: Route<String, Nothing, PolicyChange, Policy> = Route::new(
    Method::Patch,
    "/policies/{policy}",
    Access::Manage,
    "Change a policy; ladders that are climbed go on by it from their next step",
);
pub const REMOVE_POLICY: Route<String, Nothing, Nothing, Nothing> = Route::new(
    Method::Delete,
    "/policies/{policy}",
    Access::Manage,
    "Remove a policy that no service names",
);

/// Targets are called by their names.
pub type Step = policy::Step<TargetName>;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    pub id: PolicyId,
    /// `TEAM-default` holds for the team's services that name no other.
    pub slug: String,
    pub team: TeamRef,
    /// Rounds after the first.
    pub repeat: u32,
    pub steps: Vec<Step>,
    /// Who is told when nobody answered; null: the team's admins, then the platform's.
    pub last_resort: Option<Vec<TargetName>>,
    /// The slugs of services that name it.
    pub services: Vec<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewPolicy {
    /// `TEAM-default` holds for the team's services that name no other.
    pub slug: String,
    /// It does not change.
    pub team: String,
    /// Rounds after the first; left out: 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<u32>,
    /// Each later than the one before; all count from the start of the round.
    pub steps: Vec<Step>,
    /// Left out: the team's admins, then the platform's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_resort: Option<Vec<TargetName>>,
}

/// What is left out stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyChange {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeat: Option<u32>,
    /// All of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<Vec<Step>>,
    /// Null: the team's admins, then the platform's.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub last_resort: Option<Option<Vec<TargetName>>>,
}
