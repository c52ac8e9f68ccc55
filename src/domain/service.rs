//! What is watched, and the rules that it gives its incidents.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::alert::{Labels, Severity, Urgency};
use super::id::ServiceId;
use super::span::Span;
use super::user::TeamRef;

/// How a service sets the urgency of its incidents.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum UrgencyRule {
    /// By severity.
    #[default]
    Auto,
    High,
    Low,
}

impl UrgencyRule {
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::High => "high",
            Self::Low => "low",
        }
    }

    #[must_use]
    pub const fn urgency(self, severity: Severity) -> Urgency {
        match self {
            Self::Auto => severity.urgency(),
            Self::High => Urgency::High,
            Self::Low => Urgency::Low,
        }
    }
}

/// A service, as named inside other things.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceRef {
    pub id: ServiceId,
    pub slug: String,
    pub name: String,
}

/// The rules of a service, with their defaults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Rules {
    pub urgency: UrgencyRule,
    /// Labels that put alerts of the Alertmanager API into one incident.
    pub group_by: Vec<String>,
    /// After this long an acknowledged incident is triggered again; 0 never.
    pub ack_timeout: Span,
    /// A firing this soon after its source's resolve reopens the incident; 0 never.
    pub reopen_within: Span,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            urgency: UrgencyRule::Auto,
            group_by: vec!["alertname".into()],
            ack_timeout: Span::secs(8 * 3_600),
            reopen_within: Span::secs(600),
        }
    }
}

/// A service with all that intake needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    pub id: ServiceId,
    pub slug: String,
    pub name: String,
    pub team: TeamRef,
    pub rules: Rules,
    /// Ended: only its history is left.
    pub archived: bool,
}

impl Service {
    #[must_use]
    pub fn reference(&self) -> ServiceRef {
        ServiceRef { id: self.id, slug: self.slug.clone(), name: self.name.clone() }
    }

    /// The text of the key that groups an alert with these labels.
    #[must_use]
    pub fn group_key(&self, labels: &Labels) -> String {
        let values: Vec<(&str, &str)> = self
            .rules
            .group_by
            .iter()
            .map(|name| (name.as_str(), labels.get(name).map_or("", String::as_str)))
            .collect();
        if values.iter().all(|(_, value)| value.is_empty()) {
            // None of the grouping labels is there: the alert is its own group.
            return super::alert::label_text(labels);
        }
        super::alert::pairs_text(values)
    }
}
