//! The appliance's own sign of life: a request to another monitor as long as all is well, so that
//! its silence is noticed by somebody else.
use std::time::Duration;

use crate::clock::Clock;
use crate::config::Current;
use crate::metrics::Metrics;
use crate::notify::Notifier;

/// Where no address is set, one may be with the next reload.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Runs for ever; `faults` says why the server is not ready, the same as /readyz.
pub async fn run<F: Future<Output = Vec<String>>>(
    notifier: Notifier,
    config: Current,
    metrics: Metrics,
    faults: impl Fn() -> F,
) {
    let mut silent = None;
    loop {
        let heartbeat = config.now().heartbeat.clone();
        let Some(url) = &heartbeat.url else {
            Clock::System.sleep(LOOK_EVERY).await;
            continue;
        };
        let now = match faults().await.as_slice() {
            [] => send(&notifier, url).await.err(),
            faults => Some(format!("this server is not ready: {}", faults.join("; "))),
        };
        match &now {
            None => {
                metrics.heartbeats_sent.inc();
            }
            // Once, not with each try.
            Some(why) if now != silent => tracing::error!("no sign of life was sent: {why}"),
            Some(_) => {}
        }
        metrics.sign_of_life.set(now.clone().map_or(Ok(()), Err));
        silent = now;
        Clock::System.sleep(heartbeat.every.duration()).await;
    }
}

/// # Errors
/// Says why nobody heard it.
pub async fn send(notifier: &Notifier, url: &str) -> Result<(), String> {
    let out = notifier.outgoing();
    let sent = async {
        let request = out.operators(reqwest::Method::GET, url)?;
        out.send(request).await?.taken()
    };
    sent.await.map_err(|failure| failure.why().to_owned())
}
