//! Follows the log for each outgoing webhook: the wire's JSON as it is, signed, one after the
//! other, again until it is taken. A slow end holds up no other.
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use futures_util::{FutureExt, future::BoxFuture};

use crate::app::{App, LogRow, WebhookRow};
use crate::domain::{Seq, WebhookId};
use crate::error::Result;
use crate::notify::http::{Answer, Outgoing};
use crate::notify::{Failure, Notifier, sign};
use crate::secret;

const TICK: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_mins(10);
/// Events that one end gets before it is looked at anew: it may be disabled meanwhile.
const RUN: usize = 100;
/// An event that brings its sending down this often is skipped, loudly.
const ATTEMPTS: u32 = 3;

/// What is known of one webhook beside its row.
#[derive(Default)]
struct State {
    sending: bool,
    failures: u32,
    /// By the boot clock.
    due: Duration,
    /// The log's head when it was last found to have all of it.
    has: Seq,
    /// The event that panicked, and how often.
    panicked: (Seq, u32),
}

/// How a turn went.
enum Ended {
    /// It has all that the log held at this head.
    UpToDate(Seq),
    /// It has as many as go in one turn.
    More,
    Failed {
        after: Option<Duration>,
    },
    Panicked(Seq),
}

/// Runs for ever.
pub async fn run(app: App, notifier: Notifier) {
    let by = app.clone();
    follow(app, move |hook, event| {
        let (app, out) = (by.clone(), notifier.outgoing());
        async move { send(&app, &out, &hook, &event).await }
    })
    .await;
}

/// The same, where `send` gives an event to a webhook.
pub async fn follow<S, F>(app: App, send: S)
where
    S: Fn(WebhookRow, LogRow) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Sent> + Send + 'static,
{
    let mut states: HashMap<WebhookId, State> = HashMap::new();
    let mut turns: FuturesUnordered<BoxFuture<'static, (WebhookId, Ended)>> =
        FuturesUnordered::new();
    let mut head = app.head();
    loop {
        let hooks = app.enabled_webhooks().await.unwrap_or_else(|error| {
            tracing::error!(%error, "webhooks cannot be read");
            Vec::new()
        });
        let (newest, now) = (*head.borrow_and_update(), app.clock().since_boot());
        states.retain(|id, state| state.sending || hooks.iter().any(|hook| hook.id == *id));
        for hook in hooks {
            let state = states.entry(hook.id).or_default();
            // Enabled anew by somebody, who wants to see it work now.
            if hook.failing_since.is_none() && state.failures > 0 {
                *state = State { sending: state.sending, ..State::default() };
            }
            if state.wants(newest, now) {
                state.sending = true;
                let skip = (state.panicked.1 >= ATTEMPTS).then_some(state.panicked.0);
                turns.push(turn(app.clone(), send.clone(), hook, newest, skip).boxed());
            }
        }
        tokio::select! {
            Some((id, ended)) = turns.next() => {
                if let Some(state) = states.get_mut(&id) {
                    state.end(&ended, app.clock().since_boot());
                }
            }
            _ = head.changed() => {}
            () = app.clock().sleep(TICK) => {}
        }
    }
}

impl State {
    /// Is there something to send to it now, as far as is known?
    fn wants(&self, newest: Seq, now: Duration) -> bool {
        !self.sending && self.due <= now && self.has < newest
    }

    fn end(&mut self, ended: &Ended, now: Duration) {
        self.sending = false;
        match ended {
            Ended::UpToDate(has) => *self = Self { has: *has, ..Self::default() },
            Ended::More => *self = Self::default(),
            Ended::Failed { after } => {
                let pause = FIRST_PAUSE * 2_u32.saturating_pow(self.failures.min(16));
                // From three quarters to five, so that many do not come back as one.
                let pause = pause.min(LONGEST_PAUSE).mul_f64(0.75 + secret::chance() / 2.0);
                self.failures += 1;
                self.due = now + after.unwrap_or_default().max(pause);
            }
            Ended::Panicked(seq) => {
                let times = if self.panicked.0 == *seq { self.panicked.1 + 1 } else { 1 };
                self.panicked = (*seq, times);
                self.due = now + TICK;
            }
        }
    }
}

/// Sends what its team's log holds, until one event is not taken. `newest` is the log's head before.
async fn turn<S, F>(
    app: App,
    send: S,
    hook: WebhookRow,
    newest: Seq,
    skip: Option<Seq>,
) -> (WebhookId, Ended)
where
    S: Fn(WebhookRow, LogRow) -> F,
    F: Future<Output = Sent>,
{
    let mut seq = hook.seq;
    for _ in 0..RUN {
        let event = match app.next_for_webhook(&hook, seq).await {
            Ok(Some(event)) => event,
            Ok(None) => return (hook.id, Ended::UpToDate(newest)),
            Err(error) => {
                tracing::error!(%error, "the log cannot be read for a webhook");
                return (hook.id, Ended::Failed { after: None });
            }
        };
        let sent = if skip == Some(event.seq) {
            tracing::error!(seq = event.seq.0, webhook = hook.id.0, "an event is left out");
            Ok(Ok(()))
        } else {
            let (hook, event) = (hook.clone(), event.clone());
            AssertUnwindSafe(async { send(hook, event).await }).catch_unwind().await
        };
        let ended = match sent {
            Err(_) => Some(Ended::Panicked(event.seq)),
            Ok(Err((failure, gone))) => {
                log(app.webhook_failed(&hook, failure.why(), gone).await);
                let after = match failure {
                    Failure::Later { after, .. } => after,
                    Failure::Never { .. } | Failure::Gone { .. } => None,
                };
                Some(Ended::Failed { after })
            }
            Ok(Ok(())) => {
                log(app.webhook_took(hook.id, event.seq).await);
                None
            }
        };
        match ended {
            Some(ended) => return (hook.id, ended),
            None => seq = event.seq,
        }
    }
    (hook.id, Ended::More)
}

/// What could not be stored is sent again: at least once.
fn log(stored: Result<()>) {
    if let Err(error) = stored {
        tracing::error!(%error, "what became of a webhook cannot be stored");
    }
}

/// Taken, or why not; the flag says that the end is gone for good (410).
pub type Sent = std::result::Result<(), (Failure, bool)>;

/// The event as clients read it.
async fn send(app: &App, out: &Outgoing, hook: &WebhookRow, event: &LogRow) -> Sent {
    // The same whenever it is sent again.
    let id = format!("evt_{}", event.seq);
    let body = event.json.as_bytes();
    let answer = sign::post(out, &hook.url, &hook.secret, &id, app.now(), body).await;
    let answer = answer.map_err(|failure| (failure, false))?;
    let gone = answer.status == 410;
    Answer::taken(answer).map_err(|failure| (failure, gone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_everything_is_left_in_peace_until_there_is_more() {
        let mut state = State::default();
        let now = Duration::from_secs(7);
        assert!(state.wants(Seq(3), now), "nothing is known of it yet");
        state.end(&Ended::UpToDate(Seq(3)), now);
        assert!(!state.wants(Seq(3), now));
        assert!(state.wants(Seq(4), now));
        state.end(&Ended::More, now);
        assert!(state.wants(Seq(4), now), "a turn has an end, the log goes on");
        state.end(&Ended::Failed { after: None }, now);
        assert!(!state.wants(Seq(4), now), "it rests");
        assert!(state.wants(Seq(4), now + FIRST_PAUSE * 2));
    }
}
