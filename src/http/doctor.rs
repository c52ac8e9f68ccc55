//! What the rooms around know, for `doctor` to judge.
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;

use super::Shared;
use super::mount::Mounted;
use crate::api::doctor::DOCTOR;
use crate::app::Caller;
use crate::app::doctor::{Around, Host};
use crate::error::Result;
use crate::notify::Failure;

/// A far end that takes longer to answer is as good as away.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// Hosts that are asked in one look.
const MAX_HOSTS: usize = 64;

#[must_use]
pub fn operations(mounted: Mounted) -> Mounted {
    mounted.mount(&DOCTOR, |s, c| async move {
        let around = around(&s, &c.caller).await?;
        s.app.diagnose(&c.caller, around).await
    })
}

async fn around(shared: &Shared, caller: &Caller) -> Result<Around> {
    let config = shared.config();
    let addresses = shared.app.addresses(caller).await?;
    let (channels, hosts) = tokio::join!(channels(shared), hosts(shared, addresses));
    Ok(Around {
        faults: shared.faults().await.into_iter().map(|fault| fault.what).collect(),
        advice: config.advice().into_iter().map(ToOwned::to_owned).collect(),
        channels,
        hosts,
        sign_of_life: config.heartbeat.url.as_ref().map(|_| shared.metrics.sign_of_life.get()),
    })
}

/// Those that are set up, each tried without sending anything.
async fn channels(shared: &Shared) -> Vec<(String, Result<(), String>)> {
    let tried = shared.notifier.channels().into_iter().map(|about| async {
        let reached = in_time(shared.notifier.probe(&about.channel)).await;
        (about.channel, reached)
    });
    join_all(tried).await
}

/// Where addresses lead, each host asked once whether it answers.
async fn hosts(shared: &Shared, addresses: BTreeSet<(String, String)>) -> Vec<Host> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (channel, address) in addresses {
        if let Some(host) = shared.notifier.far_end(&channel, &address) {
            found.entry(host).or_default().insert(channel);
        }
    }
    let tried = found.into_iter().take(MAX_HOSTS).map(|(name, channels)| async {
        let reached = in_time(shared.notifier.knock(&name)).await;
        Host { name, channels: channels.into_iter().collect(), reached }
    });
    join_all(tried).await
}

async fn in_time(asked: impl Future<Output = Result<(), Failure>>) -> Result<(), String> {
    #[expect(clippy::disallowed_methods, reason = "real time bounds a real far end")]
    match tokio::time::timeout(ANSWERS_WITHIN, asked).await {
        Ok(answer) => answer.map_err(|failure| failure.why().to_owned()),
        Err(_) => Err("It did not answer in time.".to_owned()),
    }
}
