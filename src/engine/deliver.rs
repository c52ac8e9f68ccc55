//! Sends what is due: a message at a time to each address, several at once, no more to a far end
//! than the operator allows, and to one that keeps failing only what finds out whether it is well
//! again.
use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};
use futures_util::{FutureExt, future::BoxFuture};

use crate::app::{App, Due, Undelivered};
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::notify::{Failure, Notifier};

const TICK: Duration = Duration::from_secs(1);
/// Messages on their way at once, in all and to one far end.
const AT_ONCE: usize = 32;
const AT_ONE_END: usize = 4;
/// A message that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);
/// Places that are kept for far ends to which nothing is on its way.
const KEPT: usize = 8;
/// After so many addresses in a row could not be reached, they are left alone for a while.
const FAILURES: usize = 3;
const LEFT_ALONE: Duration = Duration::from_secs(5);

/// What is known of a far end.
#[derive(Default)]
struct End {
    sending: usize,
    /// Addresses that failed since it last took something.
    failed: HashSet<String>,
    /// Of these, those for which it asked for no pause, which wait for it to be well again.
    waiting: HashSet<String>,
    /// Those that were tried again since it was, and have taken nothing yet: once is enough.
    hurried: HashSet<String>,
    /// Why the last that found out whether it is well failed: so do all that wait for that.
    down: Option<String>,
    /// By the boot clock: nothing is sent before.
    alone_until: Duration,
    paced_until: Duration,
}

/// A channel and, where the address names one, its host: what fails together.
type EndName = (String, String);

fn end_of(due: &Due) -> EndName {
    let host = due.address.split("://").nth(1).map(|rest| rest.split(['/', '?']).next());
    (due.channel.clone(), host.flatten().unwrap_or_default().to_owned())
}

/// How a message went.
struct Done {
    due: Due,
    went: Went,
}

enum Went {
    /// Nobody wanted it any more.
    Nowhere,
    /// It failed with another, which had the turn.
    WithAnother,
    There(Result<(), Undelivered>),
}

/// Messages on their way, and the far ends that they go to.
pub struct Deliver {
    app: App,
    notifier: Notifier,
    metrics: Metrics,
    sending: FuturesUnordered<BoxFuture<'static, Option<Done>>>,
    busy: HashSet<(String, String)>,
    ends: HashMap<EndName, End>,
}

impl Deliver {
    #[must_use]
    pub fn new(app: App, notifier: Notifier, metrics: Metrics) -> Self {
        Self {
            app,
            notifier,
            metrics,
            sending: FuturesUnordered::new(),
            busy: HashSet::new(),
            ends: HashMap::new(),
        }
    }

    /// Runs for ever.
    pub async fn run(mut self) {
        let mut head = self.app.head();
        loop {
            self.metrics.deliver_beat.now();
            let began = Instant::now();
            let metrics = self.metrics.clone();
            let waits = metrics.deliver_beat.waits();
            let wait = self.begin().await;
            drop(waits);
            // However often the head moves, looking takes a fifth of the time, or a pause of a
            // second follows.
            if self.sending.is_empty() {
                Clock::System.sleep((began.elapsed() * 4).min(TICK)).await;
            }
            tokio::select! {
                Some(done) = self.sending.next() => self.end(done),
                _ = head.changed() => {}
                () = self.app.knocked() => {}
                () = self.app.clock().sleep(wait) => {}
                // A clock that stands still makes no loop look dead.
                () = Clock::System.sleep(TICK) => {}
            }
        }
    }

    /// Sends all that is due now, to its end. For who turns the clock himself.
    pub async fn turn(&mut self) {
        loop {
            self.begin().await;
            let Some(done) = self.sending.next().await else { return };
            self.end(done);
        }
    }

    /// Sets on their way what is due and has room; says how long nothing else is.
    async fn begin(&mut self) -> Duration {
        if self.sending.len() >= AT_ONCE {
            return TICK;
        }
        let (due, next) = match self.app.due_messages(self.busy.clone()).await {
            Ok(found) => found,
            Err(error) => {
                tracing::error!(%error, "messages that are due cannot be read");
                return TICK;
            }
        };
        let since_boot = self.app.clock().since_boot();
        self.ends.retain(|_, end| {
            let known = !end.failed.is_empty() || !end.hurried.is_empty();
            end.sending > 0 || known || end.paced_until > since_boot
        });
        let mut rest = TICK;
        for due in due {
            if self.sending.len() >= AT_ONCE {
                break;
            }
            let end = self.ends.entry(end_of(&due)).or_default();
            // An address that has not failed is tried, whatever others of its end did: it may be
            // theirs alone. Of those that failed, one at a time finds out whether it is well again.
            let ill = end.failed.len() >= FAILURES && end.failed.contains(&due.address);
            if ill && let Some(why) = end.down.clone() {
                end.sending += 1;
                self.busy.insert((due.channel.clone(), due.address.clone()));
                self.sending.push(self.fail(due, why).boxed());
                continue;
            }
            let until = if ill { end.alone_until.max(end.paced_until) } else { end.paced_until };
            if let Some(more) = until.checked_sub(since_boot).filter(|more| !more.is_zero()) {
                rest = rest.min(more);
                continue;
            }
            let room = if ill { 1 } else { AT_ONE_END };
            let kept = self.sending.len() + KEPT >= AT_ONCE && end.sending > 0;
            if kept || end.sending >= room {
                continue;
            }
            end.sending += 1;
            end.paced_until = since_boot + self.notifier.pace(&due.channel);
            self.busy.insert((due.channel.clone(), due.address.clone()));
            self.sending.push(self.send(due).boxed());
        }
        for end in self.ends.values_mut() {
            end.down = None;
        }
        let now = self.app.now();
        next.and_then(|next| Duration::try_from(next.duration_since(now)).ok())
            .map_or(rest, |wait| wait.max(Duration::from_millis(1)).min(rest))
    }

    /// As if it had been tried: another was, and its far end is down. What has given way is left
    /// for a try of its own.
    fn fail(&self, due: Due, why: String) -> impl Future<Output = Option<Done>> + use<> {
        let app = self.app.clone();
        async move {
            let failed = async {
                match app.claim(due.clone()).await? {
                    Some(outgoing) if !outgoing.has_given_way() => {
                        app.settle(outgoing, Err(Undelivered::Later { why, after: None })).await
                    }
                    _ => Ok(()),
                }
            };
            if let Err(error) = failed.await {
                tracing::error!(%error, "what became of a message could not be stored");
            }
            Some(Done { due, went: Went::WithAnother })
        }
    }

    /// What waits for a far end that is well again waits no longer.
    fn hurry(
        &self,
        channel: String,
        addresses: Vec<String>,
    ) -> impl Future<Output = Option<Done>> + use<> {
        let app = self.app.clone();
        async move {
            if let Err(error) = app.hurry(channel, addresses).await {
                tracing::error!(%error, "messages that wait could not be hurried");
            }
            None
        }
    }

    fn send(&self, due: Due) -> impl Future<Output = Option<Done>> + use<> {
        let (app, notifier) = (self.app.clone(), self.notifier.clone());
        async move {
            let outgoing = match app.claim(due.clone()).await {
                Ok(Some(outgoing)) => outgoing,
                Ok(None) => return Some(Done { due, went: Went::Nowhere }),
                Err(error) => {
                    // It is still queued: looked at again in a while, not at once.
                    tracing::error!(%error, "a message could not be taken");
                    app.clock().sleep(TICK).await;
                    return Some(Done { due, went: Went::Nowhere });
                }
            };
            let sent = notifier.send(&due.channel, &due.address, &outgoing.message);
            let result = bounded(AssertUnwindSafe(sent).catch_unwind()).await;
            if let Err(error) = app.settle(outgoing, result.clone()).await {
                tracing::error!(%error, "a message went out but this could not be stored");
                app.clock().sleep(TICK).await;
            }
            Some(Done { due, went: Went::There(result) })
        }
    }

    fn end(&mut self, done: Option<Done>) {
        let Some(Done { due, went }) = done else { return };
        let end = self.ends.entry(end_of(&due)).or_default();
        end.sending = end.sending.saturating_sub(1);
        match &went {
            // Its turn is the next one's.
            Went::Nowhere => end.paced_until = Duration::ZERO,
            Went::WithAnother => {}
            Went::There(Ok(())) => {
                self.metrics.delivered(&due.channel, "sent");
                end.failed.clear();
                end.alone_until = Duration::ZERO;
                end.hurried.remove(&due.address);
                end.waiting.remove(&due.address);
                let hurried = &mut end.hurried;
                let waiting = end.waiting.drain().filter(|address| hurried.insert(address.clone()));
                let waiting: Vec<String> = waiting.collect();
                if !waiting.is_empty() {
                    self.sending.push(self.hurry(due.channel.clone(), waiting).boxed());
                }
            }
            Went::There(Err(why)) => {
                self.metrics.delivered(&due.channel, "failed");
                tracing::warn!(channel = due.channel, why = why.why(), "a message did not go out");
                if let Undelivered::Later { why, after } = why {
                    end.failed.insert(due.address.clone());
                    if after.is_none() {
                        end.waiting.insert(due.address.clone());
                    }
                    if end.failed.len() >= FAILURES {
                        end.alone_until = self.app.clock().since_boot() + LEFT_ALONE;
                        end.down = Some(why.clone());
                    }
                } else {
                    end.hurried.remove(&due.address);
                }
            }
        }
        self.busy.remove(&(due.channel, due.address));
    }
}

/// Far ends hang in real time, whatever the clock of the tests says; and a channel that panics
/// takes nothing down.
async fn bounded(
    sending: impl Future<Output = std::thread::Result<Result<(), Failure>>>,
) -> Result<(), Undelivered> {
    let later = |why: &str| Err(Undelivered::Later { why: why.into(), after: None });
    let sent = tokio::select! {
        sent = sending => sent,
        () = Clock::System.sleep(PATIENCE) => return later("no answer in time"),
    };
    match sent {
        Ok(Ok(())) => Ok(()),
        Ok(Err(Failure::Later { why, after })) => Err(Undelivered::Later { why, after }),
        Ok(Err(Failure::Never { why })) => Err(Undelivered::Never { why }),
        Ok(Err(Failure::Gone { why })) => Err(Undelivered::Gone { why }),
        Err(_) => later("the channel failed inside; see the log"),
    }
}
