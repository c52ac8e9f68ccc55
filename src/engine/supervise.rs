//! Keeps a loop alive: one that panics, ends or shows no sign of life is started again, with a
//! growing pause, and counted.
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::metrics::Metrics;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Runs `work` until `stop`; whatever ends it before is logged, and it starts again. `stalled`
/// is asked every second; it must turn false once the loop is started anew.
pub async fn supervise<F, W>(
    name: &'static str,
    metrics: Metrics,
    stop: CancellationToken,
    stalled: impl Fn() -> bool,
    mut work: W,
) where
    F: Future<Output = ()>,
    W: FnMut() -> F,
{
    let mut pause = FIRST_PAUSE;
    loop {
        let why = tokio::select! {
            // First: once stopped, a loop that is ready to go on does not.
            biased;
            () = stop.cancelled() => return,
            ended = AssertUnwindSafe(work()).catch_unwind() => {
                if ended.is_err() { "panicked" } else { "stopped" }
            }
            () = until(&stalled) => "stalled",
        };
        metrics.restarts.inc();
        metrics.restarted.now();
        tracing::error!(name, why, ?pause, "a loop is started again");
        tokio::select! {
            () = stop.cancelled() => return,
            () = Clock::System.sleep(pause) => {}
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn until(stalled: &impl Fn() -> bool) {
    while !stalled() {
        Clock::System.sleep(LOOK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_loop_that_panics_or_stalls_is_started_again_and_counted() {
        let (metrics, stop) = (Metrics::default(), CancellationToken::new());
        let runs = AtomicU32::new(0);
        let stalled = || runs.load(Ordering::Relaxed) == 3;
        supervise("test", metrics.clone(), stop.clone(), stalled, || async {
            let run = runs.fetch_add(1, Ordering::Relaxed);
            assert!(run >= 2, "on purpose");
            if run == 3 {
                stop.cancel();
            }
            std::future::pending::<()>().await;
        })
        .await;
        assert_eq!(runs.load(Ordering::Relaxed), 4);
        assert_eq!(metrics.restarts.get(), 3);
        assert!(metrics.restarted.is_recent(), "and nobody calls that ready");
    }
}
