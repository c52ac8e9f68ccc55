//! How messages leave the house: mail, what may be reached, and what an operator adds in tables
//! of his own: commands, gateways, words.
use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Network;
use crate::domain::Span;
use crate::error::{Error, Result};
use crate::secret::{self, Secret};

/// What says of a variable that it is a secret.
const SECRETIVE: &[&str] = &["token", "password", "secret", "key"];

/// Whom we give e-mail to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Smtp {
    /// The server that takes e-mail: smtps:// speaks TLS from the start (port 465), smtp://
    /// demands STARTTLS (port 587) unless it ends in ?tls=none; name and password
    /// percent-encoded
    #[schemars(
        extend("x-secret" = true, "x-value" = "URL"),
        example = "smtps://user:secret@mail.example.com"
    )]
    pub url: Option<String>,
    /// The address that e-mail comes from
    #[schemars(extend("x-value" = "ADDRESS"), example = "incidentd@example.com")]
    pub from: Option<String>,
}

/// What messages and webhooks may reach.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Outgoing {
    /// Networks such as 192.168.0.0/16 that addresses of contacts, channels and webhooks may
    /// lie in although they are private; without it they reach the public internet only
    #[schemars(with = "Vec<String>", extend("x-value" = "NETWORK,NETWORK"))]
    pub allow_private: Vec<Network>,
    /// Certificate authorities of your own that mail servers, channels and webhooks may be vouched
    /// for by, beside those that the host trusts: a PEM file
    #[schemars(example = "/etc/incidentd/authorities.pem", extend("x-value" = "FILE"))]
    pub authorities: Option<PathBuf>,
}

/// What another monitor hears as long as this server is well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SignOfLife {
    /// The address of a check at another monitor: it is called while all is well, as /readyz says
    /// it, so that this server's own death is noticed
    #[schemars(
        extend("x-secret" = true, "x-value" = "URL"),
        example = "https://monitor.example.com/ping/0a1b2c"
    )]
    pub url: Option<String>,
    /// How often
    #[schemars(with = "String", extend("x-value" = "DURATION"))]
    pub every: Span,
}

impl Default for SignOfLife {
    fn default() -> Self {
        Self { url: None, every: Span::secs(60) }
    }
}

/// A program of this host that a contact may name as its channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// The program, from the root, and its arguments; no shell reads them.
    pub run: Vec<String>,
    /// It is ended after this long.
    #[serde(default = "ten_seconds")]
    pub timeout: Span,
    /// What a contact's address looks like, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

const fn ten_seconds() -> Span {
    Span::secs(10)
}

/// A provider that is spoken to by HTTP, as its recipe or the operator says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gateway {
    /// The name of one that is known; what stands beside it wins over it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
    /// What a contact's address looks like, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// A regular expression that an address must match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Name and password of HTTP's basic authentication.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basic: Option<[String; 2]>,
    /// The body: a table whose texts are templates, sent as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json: Option<toml::Table>,
    /// Or as a form.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub form: BTreeMap<String, String>,
    /// Or as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The longest that a text of the body may be, in characters, by its place (`content`,
    /// `blocks.0.text.text`): the story in it is cut so that it fits.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, usize>,
    /// The statuses that count as sent; none: all from 200 to 299.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ok: Vec<u16>,
    /// `{{ vars.NAME }}` in the templates.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub vars: BTreeMap<String, Value>,
}

impl Gateway {
    /// Does the file itself hold a secret of it?
    #[must_use]
    pub fn holds_secret(&self) -> bool {
        let secretive = |name: &str| {
            let name = name.to_ascii_lowercase();
            SECRETIVE.iter().any(|word| name.contains(word))
        };
        self.vars.iter().any(|(name, value)| matches!(value, Value::Text(_)) && secretive(name))
    }

    /// The variables of the environment that it reads.
    pub fn variables(&self) -> impl Iterator<Item = String> {
        self.vars.values().filter_map(|value| match value {
            Value::Env { env } => Some(env.clone()),
            _ => None,
        })
    }
}

/// A text that stands in the file, or comes from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a text, { env = \"NAME\" } or { file = \"PATH\" }")]
pub enum Value {
    Text(String),
    Env { env: String },
    File { file: PathBuf },
}

impl Value {
    /// # Errors
    /// `Invalid` if it is not where it is said to be, or open to others.
    pub fn read(&self) -> Result<Secret> {
        match self {
            Self::Text(text) => Ok(Secret::new(text)),
            Self::Env { env } => std::env::var(env)
                .map(Secret::new)
                .map_err(|_| Error::invalid("env", format!("the environment has no `{env}`"))),
            Self::File { file } => secret::from_file(file),
        }
    }
}

/// What cannot be a flag, explained and ready to be uncommented.
pub(super) const EXAMPLE: &str = r#"# Programs of this host as channels: `--channel pager` runs it with the message as JSON on its
# standard input, and INCIDENTD_ADDRESS, INCIDENTD_TITLE, … in its environment.
# [commands.pager]
# run = ["/usr/local/bin/pager", "--loud"]
# timeout = "10s"
# address = "a pager's number"

# Providers as channels: `--channel sms --address +4915112345678`. Recipes: discord, gotify,
# mattermost, pushover, slack, teams, telegram, twilio, twilio-call. A secret may be { file = "…" } or
# { env = "…" }.
# [gateways.sms]
# recipe = "twilio"
# vars = { sid = "AC…", token = { file = "/etc/incidentd/twilio" }, from = "+15550100" }
#
# [gateways.chat]
# url = "https://chat.example.com/api/{{ address }}/send"
# headers = { authorization = "Bearer {{ vars.token }}" }
# json = { text = "{{ title }}", loud = "{{ urgency == 'high' }}", link = "{{ url }}" }
# address = "a room's number"
# pattern = "^[0-9]+$"
# limits = { text = 4000 }
# vars = { token = { env = "CHAT_TOKEN" } }

# The most messages a minute that a channel's far end gets, where a provider counts them. They go
# evenly spread, pages of high urgency first; those that wait for one person go as one.
# [rates]
# email = 60
# sms = 30

# The words of messages: title, text, short (SMS) and html (e-mail). `incidentd template render`
# shows what becomes of them.
# [templates]
# title = "{{ severity|upper }} {{ what }}"
"#;
