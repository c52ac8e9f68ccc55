//! What the server is told: defaults, then a TOML file, then `INCIDENTD_…`, then flags.
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Error, Kind, Result};

/// The server's configuration; each key has a default.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// The folder of the database: `$STATE_DIRECTORY`, else the XDG data directory.
    pub data_dir: PathBuf,
    /// Links in messages begin with it; its origin is allowed for sockets.
    pub public_url: Option<String>,
    /// Further browser origins, such as `https://wall.example.com`.
    pub allowed_origins: Vec<String>,
    pub limits: Limits,
}

/// Everything has a limit.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// TCP connections at once.
    pub connections: usize,
    /// Socket.IO connections at once.
    pub sockets: usize,
    /// Body of a sender's request, in bytes.
    pub sender_body: usize,
    /// Body of an API request, in bytes.
    pub api_body: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            sockets: 2_000,
            sender_body: 8 * 1024 * 1024,
            api_body: 512 * 1024,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            data_dir: default_data_dir(),
            public_url: None,
            allowed_origins: Vec::new(),
            limits: Limits::default(),
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
    /// Reads a TOML file; without one, the defaults.
    ///
    /// # Errors
    /// Names the file, and the line that is wrong.
    pub fn load(file: Option<&Path>) -> Result<Self> {
        let Some(file) = file else { return Ok(Self::default()) };
        let wrong = |why: String| {
            Error::new(Kind::Invalid, format!("{}: {why}", file.display()))
                .hint("Correct it, then start again.")
        };
        let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
        toml::from_str(&text).map_err(|error| wrong(error.to_string()))
    }

    /// # Errors
    /// Names the key that is wrong.
    pub fn check(&self) -> Result<()> {
        for (key, url) in self
            .public_url
            .iter()
            .map(|url| ("public_url", url))
            .chain(self.allowed_origins.iter().map(|url| ("allowed_origins", url)))
        {
            if !(url.starts_with("http://") || url.starts_with("https://")) {
                let why = format!("`{url}` must begin with http:// or https://");
                return Err(Error::invalid(key, why));
            }
        }
        Ok(())
    }
}
