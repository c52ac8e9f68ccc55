//! Reaching a server: by address and token, or on its host by its data directory. Where no server
//! runs, a command that may opens the directory itself, under the same lock.
use std::path::Path;

use super::Common;
use crate::client::Client;
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::secret::Secret;
use crate::server::{CONTROL, Server};

/// A way to a server, and what must be taken down afterwards.
pub struct Connection {
    pub client: Client,
    own: Option<Server>,
}

impl Connection {
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
    let token = token.map(|token| Secret::new(token.trim())).ok_or_else(|| {
        Error::new(Kind::Unauthenticated, "You are not logged in.")
            .hint("Put a token into INCIDENTD_TOKEN; `incidentd token create` makes one.")
    })?;
    Client::new(&common.server, Some(token), common.timeout())
}

/// For setting a host up: works on an empty directory too.
///
/// # Errors
/// As `connect`; `Refused` where the directory cannot be used.
pub async fn connect_for_setup(common: &Common) -> Result<Connection> {
    let Some(dir) = &common.data_dir else {
        return connect(common).map(|client| Connection { client, own: None });
    };
    let own = match own_server(dir).await {
        Ok(server) => Some(server),
        Err(error) if error.kind == Kind::Refused => None,
        Err(error) => return Err(error),
    };
    let client = match &own {
        Some(_) => Client::control(&dir.join(CONTROL), common.timeout())?,
        None => connect(common)?,
    };
    Ok(Connection { client, own })
}

async fn own_server(dir: &Path) -> Result<Server> {
    let config = Config { data_dir: dir.to_owned(), ..Config::default() };
    Server::start_for_one_command(config).await
}
