//! What the server is told: defaults, then a TOML file, then `INCIDENTD_…`, then flags. `Config`
//! is the one place where a key is written: from its name, type, comment and default follow the
//! file, the flag, the variable, the example and the reference (`keys`).
#![allow(rustdoc::bare_urls, reason = "the comments are the help text, too")]
mod address;
mod check;
mod keys;
mod load;
mod outside;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::Span;

pub use address::{Listen, Network};
pub use keys::{Key, Kind as KeyKind, Shift, example, keys, nearest};
pub use load::{Given, SYSTEM_FILE, Sources};
pub use outside::{Command, Gateway, Outgoing, SignOfLife, Smtp, Value};

/// The server's configuration; each key has a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where to listen: ADDRESS:PORT, where port 0 picks a free one, or unix:/path/to.sock (mode
    /// 0660, for a proxy on this host)
    #[schemars(with = "String", extend("x-restart" = true, "x-value" = "ADDR"))]
    pub listen: Listen,
    /// The folder of the database; without it $STATE_DIRECTORY, else incidentd in the XDG data
    /// directory
    #[schemars(extend("x-restart" = true, "x-value" = "DIR"), example = "/var/lib/incidentd")]
    pub data_dir: PathBuf,
    /// The address at which people reach this server: links in messages begin with it, and its
    /// origin may open sockets
    #[schemars(
        extend("x-restart" = true, "x-value" = "URL"),
        example = "https://oncall.example.com"
    )]
    pub public_url: Option<String>,
    /// Further browser origins, such as https://wall.example.com
    #[schemars(extend("x-value" = "URL,URL"))]
    pub allowed_origins: Vec<String>,
    /// Networks of proxies, such as 10.0.0.0/8, whose X-Forwarded-For (or Forwarded) names the
    /// client; a proxy must write its own
    #[schemars(with = "Vec<String>", extend("x-value" = "NETWORK,NETWORK"))]
    pub trusted_proxies: Vec<Network>,
    /// What is logged: error, warn, info, debug or trace, also by module, as in
    /// info,incidentd::live=debug
    #[schemars(extend("x-value" = "FILTER"))]
    pub log: String,
    /// How it is logged, to stderr
    #[schemars(extend("x-restart" = true))]
    pub log_format: LogFormat,
    /// How long incidents are kept after their resolve, and the audit as long; 0 is for ever
    #[schemars(with = "String", extend("x-value" = "DURATION"))]
    pub retention: Span,
    pub tls: Tls,
    pub smtp: Smtp,
    pub outgoing: Outgoing,
    pub heartbeat: SignOfLife,
    pub limits: Limits,
    // Maps have names of their own, so they stand in the file only: `outside` has their example.
    /// Programs of this host that a contact may name as its channel
    #[schemars(skip)]
    pub commands: BTreeMap<String, Command>,
    /// SMS, voice and chat providers that a contact may name as its channel
    #[schemars(skip)]
    pub gateways: BTreeMap<String, Gateway>,
    /// The most messages a minute to one far end, by channel
    #[schemars(skip)]
    pub rates: BTreeMap<String, NonZeroU32>,
    /// The words of messages
    #[schemars(skip)]
    pub templates: BTreeMap<String, String>,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// With both, the server speaks https. They are read again at SIGHUP and when they change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// The certificate, followed by those that vouch for it: a PEM file
    #[schemars(example = "/etc/incidentd/cert.pem", extend("x-value" = "FILE"))]
    pub cert: Option<PathBuf>,
    /// Its private key: a PEM file that only its owner can read
    #[schemars(example = "/etc/incidentd/key.pem", extend("x-value" = "FILE"))]
    pub key: Option<PathBuf>,
}

/// Everything has a limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// TCP connections at once
    #[schemars(range(min = 1))]
    pub connections: usize,
    /// Of these, from one address (an IPv6 network of 64 bits is one); this host and trusted
    /// proxies are left out
    #[schemars(range(min = 1))]
    pub connections_per_address: usize,
    /// Socket.IO connections at once
    #[schemars(range(min = 1))]
    pub sockets: usize,
    /// Body of a sender's request, in bytes
    #[schemars(range(min = 1))]
    pub sender_body: usize,
    /// Body of an API request, in bytes
    #[schemars(range(min = 1))]
    pub api_body: usize,
    /// Within this the head of a request must arrive, and an idle connection speak again
    #[schemars(range(min = 1))]
    pub head_timeout_secs: u64,
    /// Within this the body of a request must arrive
    #[schemars(range(min = 1))]
    pub body_timeout_secs: u64,
    /// Within this a TLS handshake must end
    #[schemars(range(min = 1))]
    pub tls_timeout_secs: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            connections_per_address: 256,
            sockets: 2_000,
            sender_body: 8 * 1024 * 1024,
            api_body: 512 * 1024,
            head_timeout_secs: 30,
            body_timeout_secs: 30,
            tls_timeout_secs: 10,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: ([127, 0, 0, 1], 8080).into(),
            data_dir: default_data_dir(),
            public_url: None,
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            log: "info".into(),
            log_format: LogFormat::default(),
            retention: Span::days(400),
            tls: Tls::default(),
            smtp: Smtp::default(),
            outgoing: Outgoing::default(),
            heartbeat: SignOfLife::default(),
            limits: Limits::default(),
            commands: BTreeMap::new(),
            gateways: BTreeMap::new(),
            rates: BTreeMap::new(),
            templates: BTreeMap::new(),
        }
    }
}

/// `$STATE_DIRECTORY` (set by systemd), else `incidentd` in the XDG data directory.
#[must_use]
pub fn default_data_dir() -> PathBuf {
    use etcetera::BaseStrategy;
    if let Some(dir) = std::env::var_os("STATE_DIRECTORY").filter(|dir| !dir.is_empty()) {
        return dir.into();
    }
    etcetera::choose_base_strategy()
        .map_or_else(|_| PathBuf::from("incidentd-data"), |base| base.data_dir().join("incidentd"))
}

impl Config {
    /// Do browsers reach this server by https?
    #[must_use]
    pub fn is_https(&self) -> bool {
        match &self.public_url {
            Some(url) => url.starts_with("https://"),
            None => self.tls.cert.is_some(),
        }
    }
}

/// The configuration as it is now; a reload puts another in its place.
#[derive(Clone, Default)]
pub struct Current(Arc<RwLock<Arc<Config>>>);

impl Current {
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(config))))
    }

    #[must_use]
    pub fn now(&self) -> Arc<Config> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn replace(&self, config: Config) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
    }
}
