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
    let faults = shared.health.ask(|| faults(&shared)).await;
    if faults.is_empty() {
        return reply::with_type(StatusCode::OK, "text/plain; charset=utf-8", "ready\n");
    }
    let text = format!("{}\n", faults.join("\n"));
    reply::with_type(StatusCode::SERVICE_UNAVAILABLE, "text/plain; charset=utf-8", text)
}

/// What was found last: many who ask at once cost one write, not a queue of them.
#[derive(Clone, Default)]
pub struct Health(Arc<Mutex<Option<Found>>>);

/// When the faults were looked for, and those that were found.
type Found = (Instant, Vec<String>);

impl Health {
    async fn ask<F: Future<Output = Vec<String>>>(&self, look: impl FnOnce() -> F) -> Vec<String> {
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

async fn faults(shared: &Shared) -> Vec<String> {
    let mut faults = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "real time bounds a real disk")]
    let write = tokio::time::timeout(WRITE_WITHIN, shared.app.check_writable()).await;
    match write {
        // A small write may fit where those that matter do not.
        Ok(Ok(())) => match shared.app.figures().0.failed_ago {
            Some(ago) if ago < FAILED_LATELY => {
                faults.push(format!("database: a write failed {} s ago", ago.as_secs()));
            }
            _ => {}
        },
        Ok(Err(error)) => faults.push(format!("database: {}", error.detail)),
        Err(_) => faults.push("database: a write takes too long".into()),
    }
    let metrics = &shared.metrics;
    if metrics.restarted.is_recent() {
        faults.push("loops: one was started again a moment ago; the log says why".into());
    }
    if metrics.timers_beat.is_late() {
        faults.push("timers: no sign of life".into());
    }
    if metrics.emitter_beat.is_late() {
        faults.push(format!("emitter: no sign of life, {} events behind", emitter_lag(shared)));
    }
    faults
}

fn emitter_lag(shared: &Shared) -> i64 {
    shared.app.head().borrow().0 - shared.metrics.emitter_cursor.load(Ordering::Relaxed)
}

/// `GET /metrics`, in the Prometheus text format.
pub async fn metrics(State(shared): State<Shared>) -> Response {
    let (writer, (database, wal)) = shared.app.figures();
    let (triggered, acknowledged) = shared.app.open_counts().await.unwrap_or_default();
    let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let head = shared.app.head().borrow().0;
    let lag = emitter_lag(&shared);
    let text = shared.metrics.text(&[
        ("incidents_triggered", "Open incidents that nobody has", whole(triggered)),
        ("incidents_acknowledged", "Open incidents that somebody has", whole(acknowledged)),
        ("log_head", "Newest seq of the log", head),
        ("emitter_lag", "Events that the emitter has yet to send", lag),
        ("writer_operations", "Operations written", whole(writer.operations)),
        ("writer_batches", "Transactions written", whole(writer.batches)),
        ("writer_commit_micros", "Microseconds spent in commits", whole(writer.commit_micros)),
        ("writer_failed_commits", "Commits that failed", whole(writer.failed_commits)),
        ("writer_waiting", "Operations waiting to be written", whole(writer.waiting)),
        ("database_bytes", "Size of the database file", whole(database)),
        ("wal_bytes", "Size of the write-ahead log", whole(wal)),
        ("uptime_seconds", "Seconds since the start", whole(shared.metrics.uptime_secs())),
    ]);
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    reply::with_type(StatusCode::OK, kind, text)
}
