//! What of the document says who is told, when and by what.
use jiff::civil::DateTime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SecretText;
use crate::domain::Span;
use crate::domain::contact::{self, Quiet, Rule};
use crate::domain::policy::{Step, TargetName};

/// A person's address on a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AppliedContact")]
pub struct Contact {
    pub name: String,
    /// `email`, `ntfy`, `slack`, …
    pub channel: String,
    /// For `email` left out: the account's. Otherwise left out: as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<SecretText>,
}

/// Which contact rings when, as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "AppliedRules")]
pub struct Rules {
    /// An empty list: every contact at once.
    pub high: Vec<Rule>,
    pub low: Vec<Rule>,
    /// Low urgency waits until they end; high never does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet: Option<Quiet>,
    /// Say when it is over, or somebody else has it.
    pub all_clear: bool,
}

impl Default for Rules {
    fn default() -> Self {
        contact::Rules::default().into()
    }
}

impl From<contact::Rules> for Rules {
    fn from(contact::Rules { high, low, quiet, all_clear }: contact::Rules) -> Self {
        Self { high, low, quiet, all_clear }
    }
}

impl From<Rules> for contact::Rules {
    fn from(Rules { high, low, quiet, all_clear }: Rules) -> Self {
        Self { high, low, quiet, all_clear }
    }
}

/// Who is told when, until somebody answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AppliedPolicy")]
pub struct Policy {
    /// `TEAM-default` holds for the team's services that name no other.
    pub slug: String,
    /// The slug that it had before: what names it goes on to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<String>,
    /// The team whose policy it is; it does not change.
    pub team: String,
    /// Rounds after the first; for a new policy left out: 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<u32>,
    /// A new policy needs them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<Vec<Step<TargetName>>>,
    /// Who is told when nobody answered; empty: the team's admins, then the platform's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_resort: Option<Vec<TargetName>>,
}

/// Where a team's incident events go, signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AppliedWebhook")]
pub struct Webhook {
    pub team: String,
    pub url: String,
    /// `whsec_…`; left out: as it is, of a new one made, and shown once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretText>,
}

/// A place that a whole team reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AppliedChannel")]
pub struct Channel {
    pub slug: String,
    /// The slug that it had before: what names it goes on to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<String>,
    /// The team that reads it; it does not change.
    pub team: String,
    /// The same channels as for contacts.
    pub channel: String,
    /// Left out: as it is; a new one needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<SecretText>,
}

/// Maintenance that comes again: what matches is seen then, and pages nobody. What is quiet once,
/// or was silenced by hand, is no part of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AppliedSilence")]
pub struct Silence {
    pub slug: String,
    /// The slug that it had before: a window that is open stays so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<String>,
    /// Left out: all teams. It does not change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// As in `incidentd silence add`; all must hold.
    #[serde(default)]
    pub matchers: Vec<String>,
    pub reason: String,
    /// On which days: `FREQ=WEEKLY;BYDAY=SU`, as in RFC 5545.
    pub rrule: String,
    /// The first day on which a window may open, and the time of day at which all do, by the clocks
    /// of the zone: `2026-01-04T02:00`.
    #[schemars(with = "String")]
    pub starts_at: DateTime,
    /// How long each lasts: a minute to seven days.
    pub duration: Span,
    /// Such as `Europe/Paris`.
    pub time_zone: String,
    /// Also where next to nothing is left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
}
