//! `incidentd serve`: configuration, the server, and its signals.
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::{output, owner};
use crate::clock::Clock;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::server::Server;

#[derive(Args)]
pub struct Serve {
    /// A TOML file; each key is also a flag here and INCIDENTD_… in the environment
    #[arg(long, value_name = "FILE", env = "INCIDENTD_CONFIG")]
    config: Option<PathBuf>,
    /// Where to listen; port 0 picks a free one
    #[arg(long, value_name = "ADDR", env = "INCIDENTD_LISTEN")]
    listen: Option<SocketAddr>,
    /// The folder of the database
    // The global flag of the same name speaks to a server; this one is the server's own.
    #[arg(long, value_name = "DIR", env = "INCIDENTD_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// What links in messages begin with; its origin may open sockets
    #[arg(long, value_name = "URL", env = "INCIDENTD_PUBLIC_URL")]
    public_url: Option<String>,
    /// Further browser origins
    #[arg(long, value_name = "URL", env = "INCIDENTD_ALLOWED_ORIGINS", value_delimiter = ',')]
    allowed_origins: Vec<String>,
}

impl Serve {
    pub fn run(self) -> Result<()> {
        // Whatever this process makes is for its user alone.
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
        log_to_stderr();
        let config = self.config()?;
        // After the file was read, which root alone may be able to.
        owner::become_owner(&config.data_dir)?;
        owner::warn_of_root();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(Error::internal)?;
        runtime.block_on(serve(config))
    }

    fn config(self) -> Result<Config> {
        let mut config = Config::load(self.config.as_deref())?;
        if let Some(listen) = self.listen {
            config.listen = listen;
        }
        if let Some(data_dir) = self.data_dir {
            config.data_dir = data_dir;
        }
        if let Some(public_url) = self.public_url {
            config.public_url = Some(public_url);
        }
        if !self.allowed_origins.is_empty() {
            config.allowed_origins = self.allowed_origins;
        }
        Ok(config)
    }
}

async fn serve(config: Config) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::internal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::internal)?;
    let server = Server::start(config, Clock::System).await?;
    if let Some(addr) = server.addr {
        output::say(&format!("listening on http://{addr}"));
    }
    // Not under systemd: nobody to tell.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    tracing::info!("stopping");
    server.stop().await;
    Ok(())
}

/// `INCIDENTD_LOG=debug` says more.
fn log_to_stderr() {
    let filter =
        EnvFilter::try_from_env("INCIDENTD_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Only a second call in one process fails, and there is none.
    let _ = log.with_ansi(false).try_init();
}
