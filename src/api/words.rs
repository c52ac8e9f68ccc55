//! How people are told: which channels there are, and what messages say.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Access, Method, Nothing, Route};
use crate::domain::IncidentId;

pub const KINDS: Route<Nothing, Nothing, Nothing, Kinds> = Route::new(
    Method::Get,
    "/channel-kinds",
    Access::Read,
    "The channels that contacts and team channels may use here",
);
pub const RENDER: Route<Nothing, Nothing, Render, Rendered> = Route::new(
    Method::Post,
    "/templates/render",
    Access::Read,
    "Try the words of messages, on an incident of yours or a made-up one",
);

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Kinds {
    pub items: Vec<ChannelKind>,
    /// What a browser needs to subscribe to Web Push (`applicationServerKey`).
    pub push_key: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ChannelKind {
    pub channel: String,
    /// What an address on it looks like.
    pub address: String,
    /// Whoever knows an address can use it: it is shown to its owner alone.
    pub secret: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Render {
    /// One of the server's; left out: `text`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<TemplateName>,
    /// Or another, to be tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// Left out: a made-up one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentId>,
}

/// The words of messages.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum TemplateName {
    /// One line: subjects and headings
    Title,
    #[default]
    /// All of it
    Text,
    /// An SMS
    Short,
    /// E-mail
    Html,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Rendered {
    pub text: String,
}
