//! The document of `apply`: the same in TOML and JSON, `snake_case`. Absent fields stay as they
//! are, present ones own what they name.
mod paging;

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schedules::Rotation;
use super::{Access, Method, Nothing, Route};
use crate::domain::service::UrgencyRule;
use crate::domain::{Role, Span};
use crate::secret::Secret;

pub use paging::{Channel, Contact, Policy, Rules, Silence, Webhook};

pub const APPLY: Route<Nothing, ApplyQuery, Document, Applied> = Route::new(
    Method::Put,
    "/configuration",
    Access::Platform,
    "Make the configuration as a document says, all or nothing",
);
pub const EXPORT: Route<Nothing, Nothing, Nothing, Document> = Route::new(
    Method::Get,
    "/configuration",
    Access::Platform,
    "The configuration as a document, without secrets and without what is archived",
);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct ApplyQuery {
    /// Say what would change, and change nothing.
    pub dry_run: bool,
    /// Also end what an earlier apply made and the document does not name.
    pub prune: bool,
}

/// The configuration: what of it is left out stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Document {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<User>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub teams: Vec<Team>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<Service>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub integrations: Vec<Integration>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub schedules: Vec<Schedule>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub escalation_policies: Vec<Policy>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<Channel>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub webhooks: Vec<Webhook>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub heartbeats: Vec<Heartbeat>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub silences: Vec<Silence>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct User {
    pub username: String,
    /// What he was called before: history and ids stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<String>,
    /// The name that people read; for a new user left out: the username.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// An empty text removes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Such as `Europe/Paris`; an empty text removes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Platform admin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<bool>,
    /// Users are disabled, never erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// All that he has; what is not named here is removed. They count as verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contacts: Option<Vec<Contact>>,
    /// Which of them rings when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<Rules>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Team {
    pub slug: String,
    /// The slug that it had before: history, ids and rooms stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<String>,
    /// For a new team left out: the slug.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Everybody who belongs to it; who is not named here leaves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<BTreeMap<String, Role>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    pub slug: String,
    /// The slug that it had before: history, ids and keys stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<String>,
    /// The team that answers for it; it does not change.
    pub team: String,
    /// For a new service left out: the slug.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urgency: Option<UrgencyRule>,
    /// Labels that put alerts of the Alertmanager API into one incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_by: Option<Vec<String>>,
    /// After this long an acknowledged incident is triggered again; 0 never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ack_timeout: Option<Span>,
    /// A firing this soon after its source's resolve reopens the incident; 0 never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reopen_within: Option<Span>,
    /// A policy of the same team; an empty text: the team's default, else the whole team, repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation_policy: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Integration {
    pub service: String,
    pub name: String,
    /// 32 letters and digits; left out: made, and shown once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<SecretText>,
}

/// Who is on call when. Those who stand in are no part of the file: they stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AppliedSchedule")]
pub struct Schedule {
    pub slug: String,
    /// The slug that it had before: those who stand in stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<String>,
    /// The team whose schedule it is; it does not change.
    pub team: String,
    /// Such as `Europe/Paris`; for a new schedule left out: `UTC`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// All count: together they are a union.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotations: Option<Vec<Rotation>>,
}

/// A sign of life that is expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AppliedHeartbeat")]
pub struct Heartbeat {
    pub slug: String,
    /// The slug that it had before: its key and history stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<String>,
    /// The service whose incident its absence is; it does not change.
    pub service: String,
    /// So often it is expected.
    pub every: Span,
    /// So much later it may come; for a new one left out: a tenth of `every`, at least a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace: Option<Span>,
    /// Alerts of the service that match all of these, such as `alertname=Watchdog`, are such signs
    /// and open no incident; left out: only requests with the key are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<Vec<String>>,
    /// 32 letters and digits; left out: made, and shown once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<SecretText>,
}

impl Document {
    /// All that may be a secret, and where it stands.
    pub fn secrets(&mut self) -> Vec<(String, &mut SecretText)> {
        let mut found = Vec::new();
        for (n, user) in self.users.iter_mut().enumerate() {
            for (m, contact) in user.contacts.iter_mut().flatten().enumerate() {
                let at = format!("users[{n}].contacts[{m}].address");
                found.extend(contact.address.as_mut().map(|address| (at, address)));
            }
        }
        for (n, of) in self.integrations.iter_mut().enumerate() {
            found.extend(of.key.as_mut().map(|key| (format!("integrations[{n}].key"), key)));
        }
        for (n, of) in self.heartbeats.iter_mut().enumerate() {
            found.extend(of.key.as_mut().map(|key| (format!("heartbeats[{n}].key"), key)));
        }
        for (n, of) in self.channels.iter_mut().enumerate() {
            let at = format!("channels[{n}].address");
            found.extend(of.address.as_mut().map(|address| (at, address)));
        }
        for (n, of) in self.webhooks.iter_mut().enumerate() {
            let at = format!("webhooks[{n}].secret");
            found.extend(of.secret.as_mut().map(|secret| (at, secret)));
        }
        found
    }
}

impl Document {
    /// Where messages go, with the places in the document and the channels: an address may be left
    /// out.
    #[must_use]
    pub fn addresses<'a>(&'a self) -> Vec<(String, &'a str, Option<&'a str>)> {
        let text = |address: &'a Option<SecretText>| address.as_ref().and_then(SecretText::text);
        let mut found = Vec::new();
        for (n, user) in self.users.iter().enumerate() {
            for (m, of) in user.contacts.iter().flatten().enumerate() {
                let at = format!("users[{n}].contacts[{m}].address");
                found.push((at, of.channel.as_str(), text(&of.address)));
            }
        }
        for (n, of) in self.channels.iter().enumerate() {
            let at = format!("channels[{n}].address");
            found.push((at, of.channel.as_str(), text(&of.address)));
        }
        let to = |(n, of): (usize, &'a Webhook)| {
            (format!("webhooks[{n}].url"), "webhook", Some(of.url.as_str()))
        };
        found.extend(self.webhooks.iter().enumerate().map(to));
        found
    }
}

/// A secret, or where the command line finds it; a server is only sent the text.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a text, { env = \"NAME\" } or { file = \"PATH\" }")]
pub enum SecretText {
    Text(String),
    Env(FromEnv),
    File(FromFile),
}

impl SecretText {
    /// None where it is only said where it lies.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Env(_) | Self::File(_) => None,
        }
    }
}

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

/// The value of an environment variable.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FromEnv {
    pub env: String,
}

/// The content of a file, without the white space around it; beside the document unless absolute.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FromFile {
    pub file: PathBuf,
}

/// What `apply` did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Applied {
    /// In order; none if all was so already.
    pub changes: Vec<Difference>,
    /// What is missing for somebody to be told or to be heard; no error.
    pub warnings: Vec<String>,
    /// Keys that were made, shown this once.
    pub keys: Vec<MadeKey>,
    /// Webhooks' secrets that were made, shown this once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<MadeSecret>,
}

/// One entry of the configuration that becomes another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    pub action: DifferenceAction,
    /// `user`, `team`, `service`, `integration`, `schedule`, `policy`, `channel`, `webhook`,
    /// `heartbeat` or `silence`.
    pub kind: String,
    pub name: String,
    pub fields: Vec<FieldChange>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DifferenceAction {
    /// Made, or brought back.
    Add,
    Change,
    /// A user is disabled, a team or service archived, a silence ended, all else removed.
    Remove,
}

/// One field that became another; of a secret neither is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FieldChange {
    pub field: String,
    pub from: Option<String>,
    pub to: Option<String>,
}

impl std::fmt::Display for FieldChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { field, from, to } = self;
        let word = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".into());
        match (from, to) {
            (None, None) => write!(f, "{field} changed"),
            _ => write!(f, "{field}: {} → {}", word(from), word(to)),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MadeSecret {
    pub team: String,
    pub url: String,
    pub secret: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MadeKey {
    /// `integration` or `heartbeat`.
    pub kind: String,
    /// As it is named in the list of changes.
    pub name: String,
    pub key: String,
    /// The whole address, to paste where it sends; of an integration its source's name follows.
    #[serde(default)]
    pub url: String,
}

impl MadeKey {
    #[must_use]
    pub fn new(kind: &str, name: &str, key: &Secret) -> Self {
        let (kind, name, key) = (kind.into(), name.into(), key.expose().into());
        Self { kind, name, key, url: String::new() }
    }

    /// As it is reached at `base`.
    pub fn place(&mut self, base: &str) {
        let room = if self.kind == "heartbeat" { "heartbeat" } else { "integrations" };
        self.url = format!("{base}/{room}/{}", self.key);
    }
}
