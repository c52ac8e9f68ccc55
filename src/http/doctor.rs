//! What the rooms around know, for `doctor` to judge.
use std::time::Duration;

use futures_util::future::join_all;

use super::Shared;
use super::mount::Mounted;
use crate::api::doctor::DOCTOR;
use crate::app::doctor::Around;

/// A channel that takes longer to answer is as good as away.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

#[must_use]
pub fn operations(mounted: Mounted) -> Mounted {
    mounted.mount(&DOCTOR, |s, c| async move {
        let around = around(&s).await;
        s.app.diagnose(&c.caller, around).await
    })
}

async fn around(shared: &Shared) -> Around {
    let config = shared.config();
    Around {
        faults: shared.faults().await.into_iter().map(|fault| fault.what).collect(),
        advice: config.advice().into_iter().map(ToOwned::to_owned).collect(),
        channels: channels(shared).await,
        sign_of_life: config.heartbeat.url.is_some(),
    }
}

/// Those that are set up, each tried without sending anything.
async fn channels(shared: &Shared) -> Vec<(String, Result<(), String>)> {
    let tried = shared.notifier.channels().into_iter().map(|about| async {
        let probe = shared.notifier.probe(&about.channel);
        #[expect(clippy::disallowed_methods, reason = "real time bounds a real far end")]
        let reached = match tokio::time::timeout(ANSWERS_WITHIN, probe).await {
            Ok(answer) => answer.map_err(|failure| failure.why().to_owned()),
            Err(_) => Err("It did not answer in time.".to_owned()),
        };
        (about.channel, reached)
    });
    join_all(tried).await
}
