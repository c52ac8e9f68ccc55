//! Is it alive, is it ready, and how does it do.
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use tokio::sync::Mutex;

use super::{Shared, reply};

/// A failed commit counts for so long.
const FAILED_LATELY: Duration = Duration::from_secs(3);
/// An answer this old is as good as a new one.
const FRESH: Duration = Duration::from_millis(250);
/// The disk must answer within this.
const WRITE_WITHIN: Duration = Duration::from_secs(5);

/// `GET /healthz`: the process answers.
pub async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: the database can be written, the emitter keeps up, timers are on time.
/// 503 with one line for each fault.
pub async fn ready(State(shared): State<Shared>) -> Response {
    let faults = shared.faults().await;
    if faults.is_empty() {
        return reply::with_type(StatusCode::OK, "text/plain; charset=utf-8", "ready\n");
    }
    let text = faults.iter().fold(String::new(), |text, fault| text + &fault.what + "\n");
    reply::with_type(StatusCode::SERVICE_UNAVAILABLE, "text/plain; charset=utf-8", text)
}

/// What was found last: many who ask at once cost one write, not a queue of them.
#[derive(Clone, Default)]
pub struct Health(Arc<Mutex<Option<Found>>>);

/// When the faults were looked for, and those that were found.
type Found = (Instant, Vec<Fault>);

/// Why it is not ready.
#[derive(Clone, Debug)]
pub struct Fault {
    pub what: String,
    /// Something hangs, and only a new start may help. A full disk is not of these: there reads,
    /// sockets and refusals go on, which a restart would only interrupt.
    pub stuck: bool,
}

impl Fault {
    fn stuck(what: impl Into<String>) -> Self {
        Self { what: what.into(), stuck: true }
    }

    fn passing(what: impl Into<String>) -> Self {
        Self { what: what.into(), stuck: false }
    }
}

impl Shared {
    /// All that is wrong now.
    pub async fn faults(&self) -> Vec<Fault> {
        self.health.ask(|| look(self)).await
    }
}

impl Health {
    async fn ask<F: Future<Output = Vec<Fault>>>(&self, look: impl FnOnce() -> F) -> Vec<Fault> {
        let mut last = self.0.lock().await;
        if let Some((at, faults)) = &*last
            && at.elapsed() < FRESH
        {
            return faults.clone();
        }
        let faults = look().await;
        *last = Some((Instant::now(), faults.clone()));
        faults
    }
}

async fn look(shared: &Shared) -> Vec<Fault> {
    let mut faults = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "real time bounds a real disk")]
    let write = tokio::time::timeout(WRITE_WITHIN, shared.app.check_writable()).await;
    match write {
        // A small write may fit where those that matter do not.
        Ok(Ok(())) => match shared.app.figures().failed_ago {
            Some(ago) if ago < FAILED_LATELY => {
                let what = format!("database: a write failed {} s ago", ago.as_secs());
                faults.push(Fault::passing(what));
            }
            _ => {}
        },
        Ok(Err(error)) => faults.push(Fault::passing(format!("database: {}", error.detail))),
        Err(_) => faults.push(Fault::stuck("database: a write takes too long")),
    }
    let metrics = &shared.metrics;
    if metrics.restarted.is_recent() {
        let what = "loops: one was started again a moment ago; the log says why";
        faults.push(Fault::passing(what));
    }
    if metrics.timers_beat.is_late() {
        faults.push(Fault::stuck("timers: no sign of life"));
    }
    if metrics.deliver_beat.is_late() {
        faults.push(Fault::stuck("messages: no sign of life of the loop that sends them"));
    }
    if metrics.emitter_beat.is_late() {
        let what = format!("emitter: no sign of life, {} events behind", emitter_lag(shared));
        faults.push(Fault::stuck(what));
    }
    faults
}

pub(super) fn emitter_lag(shared: &Shared) -> i64 {
    shared.app.head().borrow().0 - shared.metrics.emitter_cursor.load(Ordering::Relaxed)
}
