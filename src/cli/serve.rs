//! `incidentd serve`: configuration, the server, and its signals.
use std::time::Duration;

use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};

use super::settings::{Settings, strange_variables};
use super::{first_run, log, output, owner};
use crate::clock::Clock;
use crate::config::Sources;
use crate::error::{Error, Result};
use crate::server::{Listener, Server};

/// Each setting is a flag, a variable and a key of a TOML file; a flag wins over a variable, a
/// variable over the file. SIGHUP reads them again, SIGTERM ends the server within 6 seconds.
#[derive(Args)]
pub struct Serve {
    #[command(flatten)]
    settings: Settings,
}

impl Serve {
    pub fn run(self) -> Result<()> {
        // Whatever this process makes is for its user alone.
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
        let sources = self.settings.sources()?;
        let config = match sources.read_whole() {
            Ok(config) => config,
            Err(wrong) => return output::failures(wrong, false),
        };
        let level = log::start(&config.log, config.log_format)?;
        // After the file was read, which root alone may be able to.
        owner::become_owner(&config.data_dir)?;
        owner::warn_of_root();
        Server::check(&config).map_err(|error| sources.located(error))?;
        for said in strange_variables(&config) {
            tracing::warn!("{said}");
        }
        for advice in config.advice() {
            tracing::info!("{advice}");
        }
        if let Some(file) = &sources.file {
            tracing::info!("configured by {}", file.display());
        }
        allow_files();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(Error::internal)?;
        runtime.block_on(serve(config, &sources, &level))
    }
}

/// Each connection is a file: as many as the system grants, not as few as it begins with.
fn allow_files() {
    let granted = getrlimit(Resource::Nofile).maximum;
    // Where it fails there are fewer connections.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: granted, maximum: granted });
}

async fn serve(config: crate::config::Config, sources: &Sources, level: &log::Level) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::internal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::internal)?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(Error::internal)?;
    let inherited = Listener::inherited()?;
    let server = if inherited.is_empty() {
        Server::start(config, Clock::System).await?
    } else {
        Server::start_on(inherited, config, Clock::System).await?
    };
    for name in &server.listening {
        output::say(&format!("listening on {name}"));
    }
    first_run::announce(&server).await;
    tell(&[NotifyState::Ready]);
    // Three signs of life within the time that systemd waits for one.
    let every = sd_notify::watchdog_enabled().map(|within| within / 3);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => reload(&server, sources, level),
            () = pause(every) => show_life(&server).await,
        }
    }
    tell(&[NotifyState::Stopping]);
    tracing::info!("stopping");
    server.stop().await;
    Ok(())
}

/// Never ends where nobody asks for signs of life.
async fn pause(every: Option<Duration>) {
    match every {
        Some(every) => Clock::System.sleep(every).await,
        None => std::future::pending().await,
    }
}

/// Tells systemd that nothing hangs; if something does, says what, and systemd starts anew.
async fn show_life(server: &Server) {
    match server.stuck().await.as_slice() {
        [] => tell(&[NotifyState::Watchdog]),
        stuck => tracing::error!("no sign of life for systemd: {}", stuck.join("; ")),
    }
}

/// Not under systemd there is nobody to tell.
fn tell(state: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(state);
}

/// All of it, or nothing: a configuration that is wrong leaves the old one as it was.
fn reload(server: &Server, sources: &Sources, level: &log::Level) {
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        tell(&[NotifyState::Reloading, now]);
    }
    let read = sources
        .read()
        .and_then(|config| server.reload(&config).map_err(|error| sources.located(error)));
    match read.and_then(|shift| level.set(&server.config().log).map(|()| shift)) {
        Ok(shift) => {
            for line in &shift.changed {
                tracing::info!("{line}");
            }
            for line in &shift.waiting {
                tracing::warn!("{line}: takes a restart");
            }
            let changed = shift.changed.len();
            tracing::info!(changed, "the configuration was read again");
        }
        Err(error) => tracing::error!(%error, "the configuration stays as it was"),
    }
    tell(&[NotifyState::Ready]);
}
