//! What a look at the whole finds: is everything so that somebody will be told?
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Access, Method, Nothing, Route};

pub const DOCTOR: Route<Nothing, Nothing, Nothing, Diagnosis> = Route::new(
    Method::Get,
    "/doctor",
    Access::Platform,
    "Look at database, disk, clock, channels, on-call people, schedules, senders and backups",
);

/// All that was looked at, and what was found.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Diagnosis {
    /// No finding is a problem.
    pub healthy: bool,
    /// The gravest first.
    pub findings: Vec<Finding>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What was looked at, such as `database`.
    pub check: String,
    pub severity: Gravity,
    pub message: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "FindingSeverity")]
pub enum Gravity {
    /// Somebody may not be told.
    Problem,
    /// It works, and could fail unnoticed.
    Warning,
    Ok,
}

impl Gravity {
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Problem => "problem",
            Self::Warning => "warning",
            Self::Ok => "ok",
        }
    }
}

impl Diagnosis {
    #[must_use]
    pub fn of(mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|finding| finding.severity);
        let healthy = findings.iter().all(|finding| finding.severity != Gravity::Problem);
        Self { healthy, findings }
    }
}

impl Finding {
    /// All is well with it.
    #[must_use]
    pub fn ok(check: &str, message: impl Into<String>) -> Self {
        let (check, message) = (check.to_owned(), message.into());
        Self { check, severity: Gravity::Ok, message, remedy: None }
    }

    /// Every other finding has its remedy, which is read after a full stop.
    #[must_use]
    pub fn new(
        severity: Gravity,
        check: &str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let message = message.into().trim_end_matches('.').to_owned();
        Self { check: check.to_owned(), severity, message, remedy: Some(remedy.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_ends_where_its_remedy_begins() {
        let found = Finding::new(Gravity::Problem, "ready", "The disk is full.", "Free some.");
        assert_eq!(found.message, "The disk is full");
    }
}
