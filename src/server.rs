//! Puts the rooms together into a running server, and takes it down again.
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::clock::{self, Clock, ManualClock};
use crate::config::{Config, Current, Shift};
use crate::engine::deliver::Deliver;
use crate::engine::supervise::supervise;
use crate::engine::{alive, retention, timers, watchdog, webhooks};
use crate::error::{Error, Result};
use crate::http::crowd::Crowd;
use crate::http::health::Health;
use crate::http::listen;
pub use crate::http::listen::Listener;
use crate::http::server::Acceptor;
use crate::http::tls::{self, Tls};
use crate::http::{Shared, front, routes};
use crate::live::Live;
use crate::metrics::{Beat, Metrics};
use crate::notify::{Notifier, PushKey};
use crate::store::Store;

/// Requests under way may take this long to end, sockets to close.
const DRAIN: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// The control socket's name in the data directory.
pub const CONTROL: &str = "control.sock";

/// A server that runs.
pub struct Server {
    /// Where it listens; none for one that serves the control socket only.
    pub addr: Option<SocketAddr>,
    /// Where, in words for people and clients: `http://127.0.0.1:8080`, `unix:/run/x.sock`.
    pub listening: Vec<String>,
    pub app: App,
    pub metrics: Metrics,
    shared: Shared,
    acceptor: Acceptor,
    loops: TaskTracker,
    stop: CancellationToken,
}

impl Server {
    /// Opens the data directory and serves: TCP, sockets, control socket, timers.
    ///
    /// # Errors
    /// Says what stands in the way.
    pub async fn start(config: Config, clock: Clock) -> Result<Self> {
        config.check()?;
        let listener = Listener::bind(&config.listen)?;
        Self::start_on(vec![listener], config, clock).await
    }

    /// The same, on sockets that are open already.
    ///
    /// # Errors
    /// Says what stands in the way.
    pub async fn start_on(listeners: Vec<Listener>, config: Config, clock: Clock) -> Result<Self> {
        Self::check(&config)?;
        let tls = Tls::new(&config.tls)?;
        let addr = listeners.iter().find_map(Listener::addr);
        let listening: Vec<String> =
            listeners.iter().map(|listener| listener.name(tls.is_some())).collect();
        let own = listening.iter().find(|name| name.starts_with("http")).cloned();
        let own =
            own.map(|own| own.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:"));
        let url = config.public_url.clone().or(own).unwrap_or_else(|| "http://localhost".into());
        let store = open(&config, Store::open).await?;
        let (shared, mut acceptor) = assemble(store, config, clock.clone(), &url).await?;
        shared.app.grant_grace().await?;
        shared.app.watch_schedules().await?;
        let live = Live::new(&shared);
        let (loops, stop) = (TaskTracker::new(), CancellationToken::new());
        spawn_loops(&shared, &live, &loops, &stop);
        if let Some(tls) = &tls {
            let watch = tls.clone().watch(clock, shared.config.clone());
            loops.spawn(stop.clone().run_until_cancelled_owned(watch));
        }
        acceptor.tls = tls;
        let router = routes::router(&shared).merge(live.router.clone());
        acceptor.router = front::before(router, &shared);
        for listener in listeners {
            tokio::spawn(acceptor.clone().accept(listener));
        }
        let path = shared.config().data_dir.join(CONTROL);
        match listen::control(&path) {
            Ok(control) => drop(tokio::spawn(acceptor.clone().accept_control(control))),
            Err(error) => {
                tracing::warn!(%error, "commands with --data-dir cannot reach this server");
            }
        }
        let (app, metrics) = (shared.app.clone(), shared.metrics.clone());
        Ok(Self { addr, listening, app, metrics, shared, acceptor, loops, stop })
    }

    /// Serves the control socket alone, for one command on a host where no server runs. None if one
    /// does: it holds the directory.
    ///
    /// # Errors
    /// Says what stands in the way.
    pub async fn start_for_one_command(config: Config) -> Result<Option<Self>> {
        let Some(store) = open(&config, Store::open_if_free).await? else { return Ok(None) };
        let url = config.public_url.clone().unwrap_or_else(|| format!("http://{}", config.listen));
        let (shared, mut acceptor) = assemble(store, config, Clock::System, &url).await?;
        acceptor.router = front::before(routes::router(&shared), &shared);
        let control = listen::control(&shared.config().data_dir.join(CONTROL))?;
        tokio::spawn(acceptor.clone().accept_control(control));
        let (app, metrics) = (shared.app.clone(), shared.metrics.clone());
        Ok(Some(Self {
            addr: None,
            listening: Vec::new(),
            app,
            metrics,
            shared,
            acceptor,
            loops: TaskTracker::new(),
            stop: CancellationToken::new(),
        }))
    }

    /// Would a server start with this? Looks at the files that it names, and changes nothing.
    ///
    /// # Errors
    /// `Invalid`, naming the key.
    pub fn check(config: &Config) -> Result<()> {
        config.check()?;
        Notifier::check(config)?;
        tls::load(&config.tls).map(drop)
    }

    /// Takes on what can change while it runs.
    ///
    /// # Errors
    /// As `check`; then nothing has changed.
    pub fn reload(&self, new: &Config) -> Result<Shift> {
        new.check()?;
        let (config, shift) = self.shared.config.now().shifted(new);
        // Read again even under the same names: that is how a renewal is told.
        let read = tls::load(&new.tls)?;
        self.shared.notifier.reload(&config)?;
        if let (Some(tls), Some(read)) = (&self.acceptor.tls, read) {
            tls.replace(read, &config.tls);
        }
        self.shared.config.replace(config);
        Ok(shift)
    }

    /// The configuration that holds now.
    #[must_use]
    pub fn config(&self) -> Arc<Config> {
        self.shared.config.now()
    }

    /// Time passes on a clock that is turned by hand; everything that falls due on the way happens
    /// at its moment.
    ///
    /// # Errors
    /// `Unavailable` when the database cannot be read.
    pub async fn pass(&self, clock: &ManualClock, by: Duration) -> Result<()> {
        let end = clock::shift(self.app.now(), by);
        loop {
            let next = self.app.next_due().await?.filter(|due| *due <= end);
            let step = next.unwrap_or(end).duration_since(self.app.now());
            clock.advance(Duration::try_from(step).unwrap_or_default());
            // Who went to sleep by this clock a moment too early would sleep on.
            self.app.knock();
            timers::turn(&self.app).await;
            if next.is_none() {
                return Ok(());
            }
        }
    }

    /// What hangs, so that only a new start may help.
    pub async fn stuck(&self) -> Vec<String> {
        let faults = self.shared.faults().await;
        faults.into_iter().filter(|fault| fault.stuck).map(|fault| fault.what).collect()
    }

    /// Takes no new requests, closes sockets, lets what is under way end, then cuts the rest.
    pub async fn stop(self) {
        self.acceptor.drain.cancel();
        self.acceptor.tasks.close();
        let sockets_closed = async {
            while self.metrics.sockets.get() > 0 {
                Clock::System.sleep(LOOK_EVERY).await;
            }
        };
        let drained = async {
            tokio::join!(sockets_closed, self.acceptor.tasks.wait());
        };
        #[expect(clippy::disallowed_methods, reason = "real time bounds real clients")]
        if tokio::time::timeout(DRAIN, drained).await.is_err() {
            tracing::info!("some connections did not end in time and are cut");
        }
        self.acceptor.abort.cancel();
        self.stop.cancel();
        self.loops.close();
        self.loops.wait().await;
    }
}

/// Off the async threads: a migration may take its time.
async fn open<T: Send + 'static>(config: &Config, open: fn(&Path) -> Result<T>) -> Result<T> {
    let dir = config.data_dir.clone();
    tokio::task::spawn_blocking(move || open(&dir)).await.map_err(Error::internal)?
}

async fn assemble(
    store: Store,
    config: Config,
    clock: Clock,
    url: &str,
) -> Result<(Shared, Acceptor)> {
    let app = App::new(store, clock.clone(), url);
    let key = app.push_key(PushKey::generate).await?;
    // Whom a push service may write to about us.
    let contact = match &config.smtp.from {
        _ if url.starts_with("https://") => url.to_owned(),
        // Of `Incidents <a@b.c>` the address.
        Some(from) => {
            let bare = from.rsplit_once('<').map_or(from.as_str(), |(_, at)| at);
            format!("mailto:{}", bare.trim_end_matches('>').trim())
        }
        None => "mailto:incidentd@localhost".into(),
    };
    let key = PushKey::read(&key, &contact)?;
    let metrics = Metrics::default();
    let shared = Shared {
        app,
        notifier: Notifier::new(&config, clock, key)?,
        config: Current::new(config),
        metrics: metrics.clone(),
        health: Health::default(),
    };
    let acceptor = Acceptor {
        router: axum::Router::new(),
        config: shared.config.clone(),
        metrics,
        crowd: Crowd::default(),
        tls: None,
        tasks: TaskTracker::new(),
        drain: CancellationToken::new(),
        abort: CancellationToken::new(),
    };
    Ok((shared, acceptor))
}

fn spawn_loops(shared: &Shared, live: &Live, loops: &TaskTracker, stop: &CancellationToken) {
    let late = |beat: fn(&Metrics) -> &Beat| {
        let metrics = shared.metrics.clone();
        move || beat(&metrics).is_stalled()
    };
    let emitter = live.emitter.clone();
    loops.spawn(supervise(
        "emitter",
        shared.metrics.clone(),
        stop.clone(),
        late(|metrics| &metrics.emitter_beat),
        move || emitter.clone().run(),
    ));
    let (app, metrics) = (shared.app.clone(), shared.metrics.clone());
    loops.spawn(supervise(
        "timers",
        shared.metrics.clone(),
        stop.clone(),
        late(|metrics| &metrics.timers_beat),
        move || timers::run(app.clone(), metrics.clone()),
    ));
    let (app, notifier) = (shared.app.clone(), shared.notifier.clone());
    loops.spawn(supervise(
        "webhooks",
        shared.metrics.clone(),
        stop.clone(),
        || false,
        move || webhooks::run(app.clone(), notifier.clone()),
    ));
    let (app, metrics) = (shared.app.clone(), shared.metrics.clone());
    let notifier = shared.notifier.clone();
    loops.spawn(supervise(
        "deliver",
        shared.metrics.clone(),
        stop.clone(),
        late(|metrics| &metrics.deliver_beat),
        move || Deliver::new(app.clone(), notifier.clone(), metrics.clone()).run(),
    ));
    let (app, metrics) = (shared.app.clone(), shared.metrics.clone());
    let config = shared.config.clone();
    loops.spawn(supervise(
        "retention",
        shared.metrics.clone(),
        stop.clone(),
        || false,
        move || retention::run(app.clone(), metrics.clone(), config.clone()),
    ));
    let of = shared.clone();
    let faults = move || {
        let of = of.clone();
        async move { of.faults().await.into_iter().map(|fault| fault.what).collect() }
    };
    let (app, notifier, watched) = (shared.app.clone(), shared.notifier.clone(), faults.clone());
    loops.spawn(supervise(
        "watchdog",
        shared.metrics.clone(),
        stop.clone(),
        || false,
        move || watchdog::run(app.clone(), notifier.clone(), watched.clone()),
    ));
    let of = shared.clone();
    loops.spawn(supervise(
        "sign of life",
        shared.metrics.clone(),
        stop.clone(),
        || false,
        move || {
            let Shared { notifier, config, metrics, .. } = of.clone();
            alive::run(notifier, config, metrics, faults.clone())
        },
    ));
}
