//! Keeps a loop alive: one that panics or ends is started again, with a growing pause, and counted.
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::metrics::Metrics;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Runs `work` until `stop`; whatever ends it before is logged, and it starts again.
pub async fn supervise<F, W>(
    name: &'static str,
    metrics: Metrics,
    stop: CancellationToken,
    mut work: W,
) where
    F: Future<Output = ()>,
    W: FnMut() -> F,
{
    let mut pause = FIRST_PAUSE;
    loop {
        let run = AssertUnwindSafe(work()).catch_unwind();
        let ended = tokio::select! {
            // First: once stopped, a loop that is ready to go on does not.
            biased;
            () = stop.cancelled() => return,
            ended = run => ended,
        };
        metrics.restarts.inc();
        let why = if ended.is_err() { "panicked" } else { "stopped" };
        tracing::error!(name, why, ?pause, "a loop is started again");
        tokio::select! {
            () = stop.cancelled() => return,
            () = Clock::System.sleep(pause) => {}
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_loop_that_panics_is_started_again_and_counted() {
        let (metrics, stop) = (Metrics::default(), CancellationToken::new());
        let runs = AtomicU32::new(0);
        supervise("test", metrics.clone(), stop.clone(), || async {
            assert!(runs.fetch_add(1, Ordering::Relaxed) >= 2, "on purpose");
            stop.cancel();
            std::future::pending::<()>().await;
        })
        .await;
        assert_eq!(runs.load(Ordering::Relaxed), 3);
        assert_eq!(metrics.restarts.get(), 2);
    }
}
