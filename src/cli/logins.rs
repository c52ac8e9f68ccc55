//! Which servers this person is logged in to: a file of his own, 0600, several servers, the last
//! log-in first.
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};
use crate::secret::Secret;

/// What is meant where nothing is said.
pub const DEFAULT_SERVER: &str = "http://127.0.0.1:8080";

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Logins {
    /// The server of the last log-in.
    default: Option<String>,
    servers: BTreeMap<String, Login>,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Login {
    pub username: String,
    token: String,
}

impl Login {
    pub fn token(&self) -> Secret {
        Secret::new(&*self.token)
    }
}

/// One spelling for one server.
pub fn server_name(url: &str) -> String {
    let url = url.trim().trim_end_matches('/');
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    format!("{}://{}{path}", scheme.to_lowercase(), host.to_lowercase())
}

fn file() -> Result<PathBuf> {
    use etcetera::BaseStrategy;
    let base = etcetera::choose_base_strategy().map_err(|_| {
        Error::new(Kind::Refused, "There is no home directory to keep a log-in in.")
            .hint("Set HOME or XDG_CONFIG_HOME, or put a token into INCIDENTD_TOKEN.")
    })?;
    Ok(base.config_dir().join("incidentd").join("logins.toml"))
}

fn unusable(path: &Path, why: impl std::fmt::Display) -> Error {
    Error::new(Kind::Refused, format!("{} cannot be used: {why}.", path.display()))
        .hint("Correct or remove it, then log in again: incidentd login")
}

impl Logins {
    /// # Errors
    /// `Refused` for a file that others can read, or that is none of ours.
    pub fn load() -> Result<Self> {
        let path = file()?;
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(unusable(&path, error)),
        };
        let mode = fs::metadata(&path).map_err(|error| unusable(&path, error))?.mode();
        if mode & 0o077 != 0 {
            return Err(unusable(&path, "others can read it")
                .hint(format!("chmod 600 {}; then log out and in again", path.display())));
        }
        toml::from_str(&text).map_err(|error| unusable(&path, error.message()))
    }

    fn save(&self) -> Result<()> {
        let path = file()?;
        let text = toml::to_string(self).map_err(Error::internal)?;
        let write = || -> io::Result<()> {
            if let Some(folder) = path.parent() {
                DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            }
            // Beside it and then in its place, so that it is never half a file.
            let new = path.with_extension("new");
            let _ = fs::remove_file(&new);
            let mut made =
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
            made.write_all(text.as_bytes())?;
            made.sync_all()?;
            fs::rename(&new, &path)
        };
        write().map_err(|error| unusable(&path, error))
    }

    pub fn default_server(&self) -> &str {
        self.default.as_deref().unwrap_or(DEFAULT_SERVER)
    }

    pub fn get(&self, server: &str) -> Option<&Login> {
        self.servers.get(&server_name(server))
    }

    /// # Errors
    /// `Refused` where it cannot be kept.
    pub fn remember(mut self, server: &str, username: &str, token: &Secret) -> Result<()> {
        let server = server_name(server);
        let login = Login { username: username.to_owned(), token: token.expose().to_owned() };
        self.servers.insert(server.clone(), login);
        self.default = Some(server);
        self.save()
    }

    /// # Errors
    /// `Refused` where it cannot be kept.
    pub fn forget(mut self, server: &str) -> Result<()> {
        let server = server_name(server);
        self.servers.remove(&server);
        if self.default == Some(server) {
            self.default = self.servers.keys().next().cloned();
        }
        self.save()
    }
}

#[cfg(test)]
mod tests {
    use super::server_name;

    #[test]
    fn a_server_has_one_name() {
        assert_eq!(server_name("HTTP://Oncall.Example.com:80/"), "http://oncall.example.com:80");
        assert_eq!(server_name("https://x/Sub/"), "https://x/Sub");
    }
}
