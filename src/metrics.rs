//! What an operator asks: counters that every room may raise, and the vital signs of the loops.
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
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
pub struct Beat {
    last: Mutex<Option<Instant>>,
    waiting: AtomicBool,
}

/// Who has it waits for the database; over when it is dropped.
pub struct Waiting<'a>(&'a Beat);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.store(false, Ordering::Relaxed);
    }
}

impl Beat {
    pub fn now(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// The loop waits for the database, behind others: that is no fault of its own, and to start
    /// it again would only make the queue longer.
    pub fn waits(&self) -> Waiting<'_> {
        self.waiting.store(true, Ordering::Relaxed);
        Waiting(self)
    }

    /// How long ago; none if never.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).map(|at| at.elapsed())
    }

    /// Late, and for nobody else's fault: to be started again.
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        self.is_late() && !self.waiting.load(Ordering::Relaxed)
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

/// What came of something, when it was last tried.
#[derive(Default)]
pub struct Last(Mutex<Option<Result<(), String>>>);

impl Last {
    pub fn set(&self, outcome: Result<(), String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
    }

    /// None: it was not tried yet.
    #[must_use]
    pub fn get(&self) -> Option<Result<(), String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Names and values of a series.
pub type Labels = Vec<(&'static str, String)>;

pub struct Counts {
    pub requests: Counter,
    /// By source.
    pub alerts: Family<Labels, Counter>,
    pub rejected: Counter,
    pub overloaded: Counter,
    /// From a sender's request to its answer.
    pub ingest_seconds: Histogram,
    /// By method, route (never the address) and class of status.
    pub http: Family<Labels, Counter>,
    pub logins_failed: Counter,
    pub emitted: Counter,
    pub emit_failures: Counter,
    pub lagging: Counter,
    pub skipped_events: Counter,
    pub restarts: Counter,
    pub timers: Counter,
    /// By channel and outcome.
    pub messages: Family<Labels, Counter>,
    pub retired: Counter,
    /// Signs of life that another monitor took.
    pub heartbeats_sent: Counter,
    pub sign_of_life: Last,
    pub sockets: Gauge,
    pub connections: Gauge,
    /// The emitter's place in the log.
    pub emitter_cursor: AtomicI64,
    /// When each loop last showed signs of life.
    pub emitter_beat: Beat,
    pub timers_beat: Beat,
    pub deliver_beat: Beat,
    /// When a loop was last started again.
    pub restarted: Beat,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            requests: Counter::default(),
            alerts: Family::default(),
            rejected: Counter::default(),
            overloaded: Counter::default(),
            ingest_seconds: seconds(),
            http: Family::default(),
            logins_failed: Counter::default(),
            emitted: Counter::default(),
            emit_failures: Counter::default(),
            lagging: Counter::default(),
            skipped_events: Counter::default(),
            restarts: Counter::default(),
            timers: Counter::default(),
            messages: Family::default(),
            retired: Counter::default(),
            heartbeats_sent: Counter::default(),
            sign_of_life: Last::default(),
            sockets: Gauge::default(),
            connections: Gauge::default(),
            emitter_cursor: AtomicI64::default(),
            emitter_beat: Beat::default(),
            timers_beat: Beat::default(),
            deliver_beat: Beat::default(),
            restarted: Beat::default(),
        }
    }
}

impl Metrics {
    /// A message went to a channel, or did not.
    pub fn delivered(&self, channel: &str, outcome: &str) {
        let labels = vec![("channel", channel.to_owned()), ("outcome", outcome.to_owned())];
        self.messages.get_or_create(&labels).inc();
    }
}

impl std::ops::Deref for Metrics {
    type Target = Counts;
    fn deref(&self) -> &Counts {
        &self.counts
    }
}

/// From half a millisecond to 16 seconds.
#[must_use]
pub fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.000_5, 2.0, 16))
}

/// From 1 to 256.
#[must_use]
pub fn sizes() -> Histogram {
    Histogram::new(exponential_buckets(1.0, 2.0, 9))
}

/// The figures of one moment, on their way into text.
pub struct Page(Registry);

impl Page {
    pub fn counted(&mut self, name: &str, help: &str, counter: &Counter) {
        self.0.register(name, help, counter.clone());
    }

    pub fn spread(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.0.register(name, help, histogram.clone());
    }

    /// What was counted elsewhere.
    pub fn total(&mut self, name: &str, help: &str, value: u64) {
        let counter = Counter::<u64>::default();
        counter.inc_by(value);
        self.0.register(name, help, counter);
    }

    #[expect(clippy::cast_precision_loss, reason = "exact below 2^53")]
    pub fn number(&mut self, name: &str, help: &str, value: u64) {
        self.value(name, help, value as f64);
    }

    pub fn value(&mut self, name: &str, help: &str, value: f64) {
        let gauge = Gauge::<f64, AtomicU64>::default();
        gauge.set(value);
        self.0.register(name, help, gauge);
    }

    pub fn series(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (Labels, f64)>,
    ) {
        let family = Family::<Labels, Gauge<f64, AtomicU64>>::default();
        for (labels, value) in values {
            family.get_or_create(&labels).set(value);
        }
        self.0.register(name, help, family);
    }

    /// In the text format that every scraper reads.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.0);
        classic(&text)
    }
}

/// The library writes OpenMetrics, where the comments of a counter lack its `_total`.
fn classic(open: &str) -> String {
    let mut text = String::with_capacity(open.len() + 1_024);
    let mut help = "";
    for line in open.lines() {
        if line.starts_with("# HELP ") {
            // Its type comes next, and says what it is called.
            help = line;
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap_or((rest, "untyped"));
            let tail = if kind == "counter" { "_total" } else { "" };
            let words = help.trim_start_matches("# HELP ").trim_start_matches(name).trim_start();
            // Writing to a String cannot fail.
            let _ = writeln!(text, "# HELP {name}{tail} {words}\n# TYPE {name}{tail} {kind}");
        } else if line != "# EOF" {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

impl Metrics {
    /// Counts a request by its route, which is one of few, as its address is not.
    pub fn answered(&self, method: &str, route: &str, status: u16, took: Duration) {
        let method = match method {
            "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" => method,
            _ => "other",
        };
        self.http
            .get_or_create(&vec![
                ("method", method.to_owned()),
                ("route", route.to_owned()),
                ("status", format!("{}xx", status / 100)),
            ])
            .inc();
        if route.starts_with("/integrations/") || route == "/v2/enqueue" {
            self.ingest_seconds.observe(took.as_secs_f64());
        }
    }

    /// All that is counted here, under names of ours.
    #[must_use]
    pub fn page(&self) -> Page {
        let mut page = Page(Registry::with_prefix("incidentd"));
        for (name, help, counter) in [
            ("ingest_requests", "Requests of alert senders", &self.requests),
            ("ingest_rejected", "Requests of senders that were refused", &self.rejected),
            ("overloaded", "Requests of senders answered 503", &self.overloaded),
            ("logins_failed", "Logins with a wrong name or password", &self.logins_failed),
            ("events_emitted", "Events sent to sockets", &self.emitted),
            ("emit_failures", "Events that could not be queued for a socket", &self.emit_failures),
            ("sockets_lagging", "Sockets closed because they read too slowly", &self.lagging),
            ("events_skipped", "Events that no follower could handle", &self.skipped_events),
            ("follower_restarts", "Loops restarted after a panic or stall", &self.restarts),
            ("timers_handled", "Timers that fell due", &self.timers),
            ("heartbeats_sent", "Signs of life that another monitor took", &self.heartbeats_sent),
            ("incidents_retired", "Old incidents that are no longer kept", &self.retired),
        ] {
            page.counted(name, help, counter);
        }
        let Page(registry) = &mut page;
        registry.register("ingest_alerts", "Alerts stored, by source", self.alerts.clone());
        let help = "Messages to people, by channel and outcome";
        registry.register("messages", help, self.messages.clone());
        let help = "Requests by method, route and class of status";
        registry.register("http_requests", help, self.http.clone());
        registry.register("sockets", "Socket.IO connections", self.sockets.clone());
        registry.register("connections", "TCP connections", self.connections.clone());
        let help = "From a sender's request to its answer, on disk";
        page.spread("ingest_request_seconds", help, &self.ingest_seconds);
        page
    }

    /// How long this has been counted.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_the_database_is_late_and_not_stalled() {
        let beat = Beat::default();
        assert!(!beat.is_late() && !beat.is_stalled(), "it has not begun");
        *beat.last.lock().expect("unpoisoned") = Instant::now().checked_sub(LATE * 2);
        assert!(beat.is_late() && beat.is_stalled());
        let waiting = beat.waits();
        assert!(beat.is_late() && !beat.is_stalled());
        drop(waiting);
        assert!(beat.is_stalled());
        beat.now();
        assert!(!beat.is_late() && !beat.is_stalled());
    }
}
