//! `incidentd demo`: a throw-away server with a made-up company at work, in one command.
mod folder;
mod kinds;
mod phones;
mod players;
mod story;

use std::io::{IsTerminal, stdin, stdout};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::verbs::Verbs;
use super::{Common, Format, log, output};
use crate::app::Caller;
use crate::client::Client;
use crate::client::live::{Wanted, follow};
use crate::clock::{Clock, ManualClock};
use crate::config::{Config, Listen, Outgoing};
use crate::domain::Span;
use crate::error::{Error, Kind, Result};
use crate::server::Server;
use crate::tui;

use folder::Folder;
use kinds::Sender;
use players::{Players, YOU};
use story::{BEFORE, PULSES, Story};

/// How often it is looked whether the first server's folder is free for the second.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Show a made-up company at work.
///
/// Starts a throw-away server on a free port, with two teams and what they have to do: alerts come
/// in, people answer. It knows no stored log-in and no configuration, sends nothing to anybody, and
/// leaves nothing behind when it ends. Everything works: act on incidents, send alerts, add users.
#[derive(Args)]
pub struct Demo {
    /// Start the terminal dashboard on it
    #[arg(long)]
    tui: bool,
    /// Tell the same story as the last time with this number
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Only what happened so far; nothing goes on
    #[arg(long)]
    still: bool,
    /// Where to listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

impl Demo {
    pub fn run(self, common: &Common) -> Result<()> {
        if common.data_dir.is_some() {
            return Err(Error::usage("The demo has a folder of its own, and keeps nothing.")
                .hint("To keep what you do: incidentd serve --data-dir DIR"));
        }
        if self.tui && !(stdin().is_terminal() && stdout().is_terminal()) {
            return Err(Error::usage("There is no terminal to show it on.")
                .hint("Without --tui it prints an address for a browser."));
        }
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
        if !self.tui {
            // On a dashboard there is no place for it.
            log::start("error", crate::config::LogFormat::Text)?;
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(Error::internal)?;
        let folder = Folder::make()?;
        let here = "127.0.0.1/32".to_owned().try_into().map_err(Error::internal)?;
        let config = Config {
            listen: Listen::Tcp(settled(self.listen)?),
            data_dir: folder.path().to_owned(),
            // Its people's phones are on this host, and nothing else of it is spoken to.
            outgoing: Outgoing { allow_private: vec![here], ..Outgoing::default() },
            ..Config::default()
        };
        runtime.block_on(self.show(config, common))
    }

    async fn show(self, config: Config, common: &Common) -> Result<()> {
        let mut terminate = signal(SignalKind::terminate()).map_err(Error::internal)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::internal)?;
        let mut hang_up = signal(SignalKind::hangup()).map_err(Error::internal)?;
        let ended = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                _ = hang_up.recv() => {}
            }
        };
        let seed = self.seed.unwrap_or_else(|| u64::from(std::process::id()));
        let played = async {
            output::say("Making up a company and its night…");
            let (server, players) = prepare(&config, seed).await?;
            self.open(&server, &players, common.output).await?;
            let client = players.client(YOU)?;
            tokio::select! {
                watched = watch(client, self.tui, common.timeout) => watched?,
                () = go_on(players, seed), if !self.still => {}
            }
            server.stop().await;
            Ok(())
        };
        // What runs ends with the runtime, and then the folder goes.
        tokio::select! {
            done = played => done,
            () = ended => Ok(()),
        }
    }

    /// Says how to look at it.
    async fn open(&self, server: &Server, players: &Players, format: Format) -> Result<()> {
        if self.tui {
            return Ok(());
        }
        let link = server.app.make_link(&Caller::host(), YOU.into()).await?;
        let (url, token) = (server.app.public_url(), players.token(YOU)?.expose());
        let hook =
            format!("{url}/integrations/{}/generic", players.key("ci", Sender::Cron)?.expose());
        if format == Format::Json {
            return output::json(&serde_json::json!({
                "url": url, "link": link.url, "token": token, "hook": hook,
            }));
        }
        output::say("A made-up company at work. Ctrl-c ends it, and nothing of it stays.");
        output::say("");
        output::say(&format!("In the browser, once:  {}", link.url));
        output::say("In another terminal:");
        output::say(&format!("  export INCIDENTD_URL={url} INCIDENTD_TOKEN={token}"));
        output::say("  incidentd watch          all of it, live");
        output::say("  incidentd list           what is open; then: incidentd ack ID");
        output::say(&format!("  curl -d 'disk full' {hook}"));
        Ok(())
    }
}

/// An address whose port is known before anybody listens there.
fn settled(listen: SocketAddr) -> Result<SocketAddr> {
    if listen.port() != 0 {
        return Ok(listen);
    }
    let found = std::net::TcpListener::bind(listen).and_then(|listener| listener.local_addr());
    found.map_err(|error| Error::usage(format!("Nobody can listen on {listen}: {error}.")))
}

/// Founds the company and lets some days pass, in a moment; then the server starts anew, today.
async fn prepare(config: &Config, seed: u64) -> Result<(Server, Players)> {
    let began = Clock::System.now().checked_sub(BEFORE).map_err(Error::internal)?;
    let clock = ManualClock::starting_at(began);
    // Where it will be today, too: links are kept as they are made.
    let server = Server::start(config.clone(), Clock::Manual(clock.clone())).await?;
    let mut players = Players::found(&server.app, &phones::lie_there().await?).await?;
    let until = async |at: Duration| {
        let passed = server.app.now().duration_since(began);
        let passed = Duration::try_from(passed).unwrap_or_default();
        server.pass(&clock, at.saturating_sub(passed)).await
    };
    let pulses =
        PULSES.iter().map(|(ago, slug)| (BEFORE.saturating_sub(Duration::from_hours(*ago)), *slug));
    let mut pulses = pulses.peekable();
    for beat in story::before(seed) {
        while let Some((at, slug)) = pulses.next_if(|(at, _)| *at <= beat.at) {
            until(at).await?;
            players.beat(slug).await?;
        }
        until(beat.at).await?;
        overtaken(players.play(&beat).await)?;
    }
    let left = Clock::System.now().duration_since(server.app.now());
    server.pass(&clock, Duration::try_from(left).unwrap_or_default()).await?;
    server.stop().await;
    // The folder is free once the last of the old server's tasks has heard of its end.
    let server = loop {
        match Server::start(config.clone(), Clock::System).await {
            Err(error) if error.kind == Kind::Refused => Clock::System.sleep(LOOK_EVERY).await,
            started => break started?,
        }
    };
    let players = players.at(&server.app);
    Ok((server, players))
}

/// The dashboard, until somebody has seen enough; without one for ever.
async fn watch(client: Client, tui: bool, timeout: Span) -> Result<()> {
    if !tui {
        return std::future::pending().await;
    }
    let lives = follow(&client, Clock::System, Wanted::default());
    let zone = jiff::tz::TimeZone::system();
    let (readonly, notify, teams) = (false, false, Vec::new());
    let verbs = Box::new(Verbs::over(client.clone(), timeout));
    let settings = tui::Settings { readonly, notify, zone, verbs, teams };
    tui::run(tui::Watch { client, lives, settings }).await
}

/// The story goes on, for ever.
async fn go_on(mut players: Players, seed: u64) {
    let began = Instant::now();
    for beat in Story::live(seed) {
        Clock::System.sleep(beat.at.saturating_sub(began.elapsed())).await;
        if let Err(error) = overtaken(players.play(&beat).await) {
            tracing::error!(%error, "the demo has lost its thread");
        }
    }
}

/// Whoever looks may have been faster: no reason to stop.
fn overtaken(done: Result<()>) -> Result<()> {
    match done {
        Err(error) if matches!(error.kind, Kind::NotFound | Kind::Refused) => Ok(()),
        done => done,
    }
}
