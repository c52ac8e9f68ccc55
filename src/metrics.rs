//! What an operator asks: counters that every room may raise, and the vital signs of the loops.
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// A loop that shows no sign of life for this long is late; one that was started again so
/// lately is not trusted yet.
const LATE: Duration = Duration::from_secs(10);

/// Shared by all rooms.
#[derive(Clone)]
pub struct Metrics {
    counts: Arc<Counts>,
    started: Instant,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { counts: Arc::default(), started: Instant::now() }
    }
}

/// When something last happened.
#[derive(Default)]
pub struct Beat(Mutex<Option<Instant>>);

impl Beat {
    pub fn now(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// How long ago; none if never.
    fn age(&self) -> Option<Duration> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).map(|at| at.elapsed())
    }

    /// A loop that began and shows no sign of life.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.age().is_some_and(|age| age > LATE)
    }

    /// Something that happened a short while ago.
    #[must_use]
    pub fn is_recent(&self) -> bool {
        self.age().is_some_and(|age| age <= LATE)
    }
}

#[derive(Default)]
pub struct Counts {
    pub requests: Counter,
    pub alerts: Counter,
    pub rejected: Counter,
    pub overloaded: Counter,
    pub emitted: Counter,
    pub emit_failures: Counter,
    pub lagging: Counter,
    pub skipped_events: Counter,
    pub restarts: Counter,
    pub timers: Counter,
    pub retired: Counter,
    pub sockets: Gauge,
    pub connections: Gauge,
    /// The emitter's place in the log.
    pub emitter_cursor: AtomicI64,
    /// When each loop last showed signs of life.
    pub emitter_beat: Beat,
    pub timers_beat: Beat,
    /// When a loop was last started again.
    pub restarted: Beat,
}

impl std::ops::Deref for Metrics {
    type Target = Counts;
    fn deref(&self) -> &Counts {
        &self.counts
    }
}

/// Figures that are read rather than counted, one `(name, help, value)` each.
pub type Reading = (&'static str, &'static str, i64);

impl Metrics {
    /// All figures in the Prometheus text format.
    #[must_use]
    pub fn text(&self, readings: &[Reading]) -> String {
        let mut registry = Registry::with_prefix("incidentd");
        let counters = [
            ("ingest_requests", "Requests of alert senders", &self.requests),
            ("ingest_alerts", "Alerts stored", &self.alerts),
            ("ingest_rejected", "Requests of senders that were refused", &self.rejected),
            ("overloaded", "Requests answered 503", &self.overloaded),
            ("events_emitted", "Events sent to sockets", &self.emitted),
            ("emit_failures", "Events that could not be queued for a socket", &self.emit_failures),
            ("sockets_lagging", "Sockets closed because they read too slowly", &self.lagging),
            ("events_skipped", "Events that no follower could handle", &self.skipped_events),
            ("follower_restarts", "Loops restarted after a panic or stall", &self.restarts),
            ("timers_handled", "Timers that fell due", &self.timers),
        ];
        for (name, help, counter) in counters {
            registry.register(name, help, counter.clone());
        }
        registry.register("sockets", "Socket.IO connections", self.sockets.clone());
        registry.register("connections", "TCP connections", self.connections.clone());
        for (name, help, value) in readings {
            let gauge = Gauge::<i64>::default();
            gauge.set(*value);
            registry.register(*name, *help, gauge);
        }
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &registry);
        text
    }

    /// Whole seconds since the start.
    #[must_use]
    pub fn uptime_secs(&self) -> u64 {
        self.started.elapsed().as_secs()
    }
}
