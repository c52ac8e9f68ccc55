//! Reaching a server: by address and token, or on its host by its data directory. Where no server
//! runs, a command that may opens the directory itself, under the same lock.
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::logins::Logins;
use super::{Common, Format};
use crate::client::{self, Client};
use crate::config::Config;
use crate::domain::Span;
use crate::error::{Error, Kind, Result};
use crate::secret::Secret;
use crate::server::{CONTROL, Server};

/// A way to a server, and what must be taken down afterwards.
pub struct Connection {
    pub client: Client,
    own: Option<Server>,
}

impl Connection {
    /// No server runs: this command holds the directory itself.
    pub const fn is_alone(&self) -> bool {
        self.own.is_some()
    }

    /// Ends the server that was started for this command alone.
    pub async fn close(self) {
        if let Some(server) = self.own {
            server.stop().await;
        }
    }
}

/// For everything that people do.
///
/// # Errors
/// `Unauthenticated` without a token, `Unreachable` where no server holds the directory.
pub fn connect(common: &Common) -> Result<Client> {
    if let Some(client) = &common.client {
        return Ok(client.clone());
    }
    if let Some(dir) = &common.data_dir {
        let socket = dir.join(CONTROL);
        if !socket.exists() {
            return Err(Error::new(
                Kind::Unreachable,
                format!("No server runs on {}.", dir.display()),
            )
            .hint(format!("Start it: incidentd serve --data-dir {}", dir.display())));
        }
        return Client::control(&socket, common.timeout());
    }
    let token = std::env::var("INCIDENTD_TOKEN").ok().filter(|token| !token.is_empty());
    let server = common.server()?;
    let token = match token {
        Some(token) => Secret::new(token.trim()),
        None => Logins::load()?.get(&server).ok_or_else(|| not_logged_in(&server))?.token(),
    };
    Client::new(&server, Some(token), common.timeout())
}

impl Common {
    /// What a dashboard runs goes the way that it goes itself.
    pub fn over(client: Client, timeout: Span) -> Self {
        Self {
            server: Some(client.base().to_owned()),
            data_dir: None,
            timeout,
            output: Format::Text,
            quiet: false,
            client: Some(client),
        }
    }

    /// The server that is meant: named, else that of the environment, of the last log-in, or this
    /// host's.
    ///
    /// # Errors
    /// `Refused` where the log-ins cannot be read, `Usage` for an address that is none.
    pub fn server(&self) -> Result<String> {
        let named = self.server.clone().or_else(|| std::env::var("INCIDENTD_URL").ok());
        // A variable that is set to nothing is not set.
        match named.filter(|server| !server.is_empty()) {
            // Before anybody is told to log in there.
            Some(server) => client::must_be_address(&server).map(|()| server),
            None => Logins::load().map(|logins| logins.default_server().to_owned()),
        }
    }
}

/// For setting a host up: works on an empty directory too.
///
/// # Errors
/// As `connect`; `Refused` where the directory cannot be used.
pub async fn connect_for_setup(common: &Common) -> Result<Connection> {
    // As the server would be told, for the links that a command makes.
    let public_url = std::env::var("INCIDENTD_PUBLIC_URL").ok().filter(|url| !url.is_empty());
    connect_configured(common, Config { public_url, ..Config::default() }).await
}

/// The same; where no server runs, as one with this configuration would be.
///
/// # Errors
/// As `connect_for_setup`.
pub async fn connect_configured(common: &Common, config: Config) -> Result<Connection> {
    let Some(dir) = &common.data_dir else {
        return connect(common).map(|client| Connection { client, own: None });
    };
    let config = Config { data_dir: dir.clone(), ..config };
    let own = if is_served(dir) { None } else { Server::start_for_one_command(config).await? };
    let client = match &own {
        Some(_) => Client::control(&dir.join(CONTROL), common.timeout())?,
        None => connect(common)?,
    };
    Ok(Connection { client, own })
}

/// Does somebody listen at the folder's control socket? Whatever its database is then, whoever
/// holds it knows it.
pub fn is_served(dir: &Path) -> bool {
    UnixStream::connect(dir.join(CONTROL)).is_ok()
}

/// For what looks and copies: where nothing is, nothing is made.
///
/// # Errors
/// `NotFound`.
pub fn must_have_database(dir: &Path) -> Result<()> {
    if dir.join("incidentd.db").exists() { Ok(()) } else { Err(no_database(dir)) }
}

pub fn no_database(dir: &Path) -> Error {
    Error::new(Kind::NotFound, format!("There is no database in {}.", dir.display()))
        .hint("Name the server's folder with --data-dir.")
}

/// Not logged in, with what to do.
fn not_logged_in(server: &str) -> Error {
    Error::new(Kind::Unauthenticated, format!("You are not logged in to {server}.")).hint(format!(
        "Log in: incidentd login {server}; scripts put a token into INCIDENTD_TOKEN."
    ))
}
