//! Puts the rooms together into a running server, and takes it down again.
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::engine::supervise::supervise;
use crate::engine::timers;
use crate::error::{Error, Result};
use crate::http::health::Health;
use crate::http::server::{Acceptor, listen};
use crate::http::{Shared, routes};
use crate::live::Live;
use crate::metrics::{Beat, Metrics};
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
    pub app: App,
    pub metrics: Metrics,
    acceptor: Acceptor,
    loops: TaskTracker,
    stop: CancellationToken,
    control: std::path::PathBuf,
}

impl Server {
    /// Opens the data directory and serves: TCP, sockets, control socket, timers.
    ///
    /// # Errors
    /// Says what stands in the way.
    pub async fn start(config: Config, clock: Clock) -> Result<Self> {
        config.check()?;
        let listener = listen(config.listen)?;
        let addr = listener.local_addr().map_err(Error::internal)?;
        let url = config.public_url.clone().unwrap_or_else(|| format!("http://{addr}"));
        let (shared, acceptor) = assemble(config, clock, &url).await?;
        shared.app.grant_grace().await?;
        let live = Live::new(&shared);
        let (loops, stop) = (TaskTracker::new(), CancellationToken::new());
        spawn_loops(&shared, &live, &loops, &stop);
        let mut acceptor = acceptor;
        acceptor.router = routes::router(&shared).merge(live.router.clone());
        tokio::spawn(acceptor.clone().accept_tcp(listener));
        let control = shared.config.data_dir.join(CONTROL);
        match control_socket(&control) {
            Ok(listener) => {
                tokio::spawn(acceptor.clone().accept_unix(listener));
            }
            Err(error) => {
                tracing::warn!(%error, "commands with --data-dir cannot reach this server");
            }
        }
        Ok(Self {
            addr: Some(addr),
            app: shared.app,
            metrics: shared.metrics,
            acceptor,
            loops,
            stop,
            control,
        })
    }

    /// Serves the control socket alone, for one command on a host where no server runs.
    ///
    /// # Errors
    /// Says what stands in the way; `Refused` if a server holds the directory.
    pub async fn start_for_one_command(config: Config) -> Result<Self> {
        let url = format!("http://{}", config.listen);
        let (shared, mut acceptor) = assemble(config, Clock::System, &url).await?;
        acceptor.router = routes::router(&shared);
        let control = shared.config.data_dir.join(CONTROL);
        let listener = control_socket(&control)?;
        tokio::spawn(acceptor.clone().accept_unix(listener));
        Ok(Self {
            addr: None,
            app: shared.app,
            metrics: shared.metrics,
            acceptor,
            loops: TaskTracker::new(),
            stop: CancellationToken::new(),
            control,
        })
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
        // A socket file that stays is replaced at the next start.
        let _ = fs::remove_file(&self.control);
    }
}

async fn assemble(config: Config, clock: Clock, url: &str) -> Result<(Shared, Acceptor)> {
    let dir = config.data_dir.clone();
    let store =
        tokio::task::spawn_blocking(move || Store::open(&dir)).await.map_err(Error::internal)??;
    let app = App::new(store, clock, url);
    let slots = Arc::new(Semaphore::new(config.limits.connections));
    let metrics = Metrics::default();
    let shared = Shared {
        app,
        config: Arc::new(config),
        metrics: metrics.clone(),
        health: Health::default(),
    };
    let acceptor = Acceptor {
        router: axum::Router::new(),
        metrics,
        slots,
        tasks: TaskTracker::new(),
        drain: CancellationToken::new(),
        abort: CancellationToken::new(),
    };
    Ok((shared, acceptor))
}

fn spawn_loops(shared: &Shared, live: &Live, loops: &TaskTracker, stop: &CancellationToken) {
    let late = |beat: fn(&Metrics) -> &Beat| {
        let metrics = shared.metrics.clone();
        move || beat(&metrics).is_late()
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
}

/// Binds the control socket for its owner alone. The lock on the directory is held, so a file
/// that is there is a dead one.
fn control_socket(path: &Path) -> Result<UnixListener> {
    let bind = || {
        if path.exists() {
            fs::remove_file(path)?;
        }
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        Ok::<_, std::io::Error>(listener)
    };
    bind().map_err(|error| {
        Error::unavailable(format!("{} cannot be made: {error}.", path.display()))
            .hint("Choose a data directory with a shorter path.")
    })
}
