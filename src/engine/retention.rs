//! Lets go of what is older than it must be kept, every hour, a little at a time.
use std::time::Duration;

use crate::app::App;
use crate::clock::Clock;
use crate::config::Current;
use crate::metrics::Metrics;

const LOOK_EVERY: Duration = Duration::from_hours(1);
/// Between two writes, for whoever else writes.
const PAUSE: Duration = Duration::from_millis(10);

/// Lets go of all that is older than `keep`; returns how many incidents that were.
pub async fn turn(app: &App, keep: Duration) -> usize {
    let mut incidents = 0;
    loop {
        match app.let_go_of_old(keep).await {
            Ok((0, _)) => return incidents,
            Ok((_, gone)) => incidents += gone,
            Err(error) => {
                tracing::warn!(%error, "what is old could not be let go of");
                return incidents;
            }
        }
        Clock::System.sleep(PAUSE).await;
    }
}

/// Runs for ever.
pub async fn run(app: App, metrics: Metrics, config: Current) {
    loop {
        let keep = config.now().retention;
        let incidents = if keep.is_zero() { 0 } else { turn(&app, keep.duration()).await };
        metrics.retired.inc_by(incidents as u64);
        if incidents > 0 {
            tracing::info!(incidents, "old incidents are gone");
        }
        app.clock().sleep(LOOK_EVERY).await;
    }
}
