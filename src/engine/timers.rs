//! Sleeps until the next timer is due or a second has passed, then does what is due.
use std::time::Duration;

use crate::app::App;
use crate::clock::Clock;
use crate::metrics::Metrics;

const TICK: Duration = Duration::from_secs(1);
const MEND_EVERY: Duration = Duration::from_mins(1);
const SWEEP_EVERY: Duration = Duration::from_mins(10);

/// Follows a step of the wall clock, then handles what is due; returns how many timers that were.
pub async fn turn(app: &App) -> usize {
    // First: between the look at the clock and the timers no time may pass.
    if let Err(error) = app.write_uses().await {
        tracing::warn!(%error, "when credentials were last used could not be stored");
    }
    match app.follow_clock().await {
        Ok(None) => {}
        Ok(Some(step)) => {
            tracing::warn!(seconds = step.as_secs(), "the wall clock was set; timers follow");
        }
        Err(error) => tracing::error!(%error, "timers could not follow the clock"),
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

/// The promise that somebody is told, looked after apart from what keeps it.
async fn mend(app: &App) {
    match app.mend_ladders().await {
        Ok(0) => {}
        Ok(mended) => tracing::error!(mended, "incidents had no next step; they begin at step 1"),
        Err(error) => tracing::error!(%error, "it cannot be seen whether all have a next step"),
    }
}

/// Runs for ever.
pub async fn run(app: App, metrics: Metrics) {
    metrics.timers_beat.now();
    let mut head = app.head();
    let (mut swept, mut mended) = (app.clock().since_boot(), app.clock().since_boot());
    mend(&app).await;
    loop {
        let waits = metrics.timers_beat.waits();
        metrics.timers.inc_by(turn(&app).await as u64);
        drop(waits);
        metrics.timers_beat.now();
        if app.clock().since_boot().saturating_sub(mended) >= MEND_EVERY {
            mended = app.clock().since_boot();
            mend(&app).await;
        }
        if app.clock().since_boot().saturating_sub(swept) >= SWEEP_EVERY {
            match app.sweep().await {
                // More may be waiting: the next turn goes on.
                Ok(rows) if rows > 0 => {}
                Ok(_) => swept = app.clock().since_boot(),
                Err(error) => tracing::warn!(%error, "old rows could not be swept"),
            }
        }
        let next = app.next_due().await.ok().flatten();
        // What is still due could not be handled: it is tried again in a while, not at once.
        let wait = next
            .and_then(|due| Duration::try_from(due.duration_since(app.now())).ok())
            .filter(|wait| !wait.is_zero())
            .map_or(TICK, |wait| wait.min(TICK));
        tokio::select! {
            () = app.clock().sleep(wait) => {}
            _ = head.changed() => {}
            // A clock that stands still makes no loop look dead.
            () = Clock::System.sleep(TICK) => {}
        }
    }
}
