//! Sleeps until the next timer is due or a second has passed, and notices when somebody sets the
//! wall clock: then elapsed timers keep their length. Suspend and downtime are not steps.
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::app::App;
use crate::metrics::Metrics;

const TICK: Duration = Duration::from_secs(1);
/// Smaller differences between the clocks are drift, not a step.
const STEP: SignedDuration = SignedDuration::from_secs(2);
const SWEEP_EVERY: Duration = Duration::from_secs(600);

/// Watches the wall clock against the boot clock.
pub struct ClockWatch {
    wall: Timestamp,
    boot: Duration,
}

impl ClockWatch {
    #[must_use]
    pub fn new(app: &App) -> Self {
        Self { wall: app.clock().now(), boot: app.clock().since_boot() }
    }

    /// By how much the wall clock was set since the last look, if it was.
    pub fn step(&mut self, app: &App) -> Option<SignedDuration> {
        let now = Self::new(app);
        let wall = now.wall.duration_since(self.wall);
        let boot = SignedDuration::try_from(now.boot.saturating_sub(self.boot)).ok()?;
        *self = now;
        let step = wall.checked_sub(boot)?;
        (step.abs() > STEP).then_some(step)
    }
}

/// Follows a step of the wall clock, then handles what is due; returns how many timers that were.
pub async fn turn(app: &App, clock: &mut ClockWatch) -> usize {
    if let Some(step) = clock.step(app) {
        tracing::warn!(seconds = step.as_secs(), "the wall clock was set; elapsed timers follow");
        if let Err(error) = app.follow_clock_step(step).await {
            tracing::error!(%error, "timers could not follow the clock");
        }
    }
    let mut handled = 0;
    loop {
        match app.run_due_timers().await {
            Ok(0) => return handled,
            Ok(some) => handled += some,
            Err(error) => {
                tracing::error!(%error, "timers could not be read");
                return handled;
            }
        }
    }
}

/// Runs for ever.
pub async fn run(app: App, metrics: Metrics, uptime: impl Fn() -> u64) {
    let mut clock = ClockWatch::new(&app);
    let mut head = app.head();
    let mut swept = app.clock().since_boot();
    loop {
        metrics.timers.inc_by(turn(&app, &mut clock).await as u64);
        metrics.timers_beat.store(uptime(), Ordering::Relaxed);
        if app.clock().since_boot().saturating_sub(swept) >= SWEEP_EVERY {
            match app.sweep().await {
                // More may be waiting: the next turn goes on.
                Ok(rows) if rows > 0 => {}
                Ok(_) => swept = app.clock().since_boot(),
                Err(error) => tracing::warn!(%error, "old rows could not be swept"),
            }
        }
        let next = app.next_due().await.ok().flatten();
        let wait = next.map_or(TICK, |due| {
            Duration::try_from(due.duration_since(app.now())).unwrap_or_default().min(TICK)
        });
        tokio::select! {
            () = app.clock().sleep(wait) => {}
            _ = head.changed() => {}
        }
    }
}
