//! What an operator asks: counters that every room may raise, and the vital signs of the loops.
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// A loop that shows no sign of life for this long is late.
const LATE_SECS: u64 = 10;

/// Shared by all rooms.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Counts>);

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
    pub sockets: Gauge,
    pub connections: Gauge,
    /// The emitter's place in the log.
    pub emitter_cursor: AtomicI64,
    /// Seconds since the start at which each loop last showed signs of life.
    pub emitter_beat: AtomicU64,
    pub timers_beat: AtomicU64,
}

impl std::ops::Deref for Metrics {
    type Target = Counts;
    fn deref(&self) -> &Counts {
        &self.0
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

    /// Has a loop shown no sign of life for too long?
    #[must_use]
    pub fn is_late(beat: &AtomicU64, uptime_secs: u64) -> bool {
        uptime_secs.saturating_sub(beat.load(Ordering::Relaxed)) > LATE_SECS
    }
}
