//! Fan-out beside Node's socket.io: `cargo bench --bench fanout [-- --quick]`. The same raw
//! clients for both; an event is the answer to a POST, whose own cost (measured without sockets)
//! is subtracted in the column `net`. Figures are medians of interleaved rounds.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench talks")]
#![allow(clippy::disallowed_methods, reason = "real time is what is measured")]
#[allow(dead_code, reason = "each bench uses its part")]
mod support;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use support::{Http, KEY, PATIENCE, Server, median, percentile, to_f64};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// Events of a burst: one transaction of ours, one turn of Node's loop.
const BURST: u64 = 16;
/// Sockets in each stage, and how many single events and bursts it sees.
const STAGES: [(u64, u64, u64); 3] = [(16, 2_000, 400), (100, 1_000, 200), (1_000, 200, 60)];
/// Connects under way at once.
const CONNECTING: usize = 64;

fn main() {
    support::move_to_load_core();
    let quick = support::flag("--quick");
    let (rounds, divide) = if quick { (1, 10) } else { (5, 1) };
    support::runtime().block_on(async {
        let template = support::folder();
        let token = support::set_up(template.path());
        let peer = (!support::flag("--ours")).then(socket_io_folder);
        let event = sample_event(template.path(), &token).await;
        println!("an event has {} bytes", event.len());
        let event_file = template.path().join("event.json");
        std::fs::write(&event_file, &event).expect("written");
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let dir = support::copy(template.path());
            let server = Server::incidentd(dir.path());
            ours.push(round(Subject { server, token: &token, causes: incidents }, divide).await);
            if let Some(folder) = &peer {
                let server = node(folder, &token, &event_file);
                let subject = Subject { server, token: &token, causes: emits };
                theirs.push(round(subject, divide).await);
            }
        }
        report(&ours, &theirs);
    });
}

/// A server under test, and the request that makes it send `events`.
struct Subject<'a> {
    server: Server,
    token: &'a str,
    causes: fn(events: u64, number: u64) -> (String, String),
}

/// A single event through the generic source, a burst as Prometheus sends it.
fn incidents(events: u64, number: u64) -> (String, String) {
    let title = "Latency of the checkout is high";
    let description = "99 % of requests take longer than 500 ms since a few minutes.";
    if events == 1 {
        let body = json!({
            "title": title, "dedupKey": format!("single-{number}"), "description": description,
            "severity": "critical", "labels": {"cluster": "eu-1", "job": "checkout"},
            "links": [{"href": "https://example.com/runbooks/latency", "text": "Run book"}],
        });
        return (format!("/integrations/{KEY}/generic"), body.to_string());
    }
    let alert = |n: u64| {
        json!({
            "labels": {"alertname": "HighLatency", "instance": format!("{number}-{n}"),
                "cluster": "eu-1", "job": "checkout", "severity": "critical"},
            "annotations": {"summary": title, "description": description,
                "runbook_url": "https://example.com/runbooks/latency"},
        })
    };
    let alerts: Vec<Value> = (0..events).map(alert).collect();
    (format!("/integrations/{KEY}/api/v2/alerts"), Value::from(alerts).to_string())
}

fn emits(events: u64, _: u64) -> (String, String) {
    ("/emit".into(), json!({"count": events}).to_string())
}

/// Where npm's socket.io is: with the test clients, else in a folder of the build.
fn socket_io_folder() -> PathBuf {
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let own = Path::new(env!("CARGO_TARGET_TMPDIR")).join("socket.io");
    for folder in [clients, own.clone()] {
        if folder.join("node_modules/socket.io").is_dir() {
            return folder;
        }
    }
    std::fs::create_dir_all(&own).expect("made");
    let install = ["install", "--no-audit", "--no-fund", "socket.io@4"];
    let installed = Command::new("npm").args(install).current_dir(&own).status();
    assert!(installed.expect("npm is installed").success());
    own
}

fn node(folder: &Path, token: &str, event: &Path) -> Server {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/socketio-server.mjs");
    let mut command = support::pinned("node");
    command.arg(script).arg(folder).arg(token).arg(event);
    Server::announced(command.stderr(std::process::Stdio::piped()))
}

/// What our server sends for one alert: the peer sends the same.
async fn sample_event(template: &Path, token: &str) -> String {
    let dir = support::copy(template);
    let server = Server::incidentd(dir.path());
    let (mut stream, head) = connect(server.addr, token).await;
    subscribe(&mut stream, &head).await;
    let (path, body) = incidents(1, 0);
    Http::connect(server.addr).await.post(&path, &body).await;
    let packet = packet_with(&mut stream, "42").await;
    packet.trim_start_matches("42").to_owned()
}

type Stream = WebSocketStream<TcpStream>;

/// Returns when the server has said `authenticated`, with the head that it named.
async fn connect(addr: SocketAddr, token: &str) -> (Stream, Value) {
    let tcp = TcpStream::connect(addr).await.expect("a connection");
    tcp.set_nodelay(true).expect("nodelay");
    let address = format!("ws://{addr}/socket.io/?EIO=4&transport=websocket");
    // Small buffers: the clients' memory is not what is measured.
    let config = WebSocketConfig::default().read_buffer_size(16 * 1024);
    let client = tokio_tungstenite::client_async_with_config(address, tcp, Some(config));
    let (mut stream, _) = client.await.expect("a websocket");
    packet_with(&mut stream, "0").await;
    let auth = json!({"token": token});
    stream.send(Message::text(format!("40{auth}"))).await.expect("sent");
    let packet = packet_with(&mut stream, "42[\"authenticated\"").await;
    let (_, hello): (String, Value) = serde_json::from_str(&packet[2..]).expect("an event");
    (stream, hello["head"].clone())
}

/// From `head` on: nobody is sent the incidents that are open.
async fn subscribe(stream: &mut Stream, head: &Value) {
    let packet = json!(["subscribe:incidents", {"teamId": "payments", "after": head}]);
    stream.send(Message::text(format!("420{packet}"))).await.expect("sent");
    let answer = packet_with(stream, "430").await;
    assert!(answer.contains("\"ok\":true"), "{answer}");
}

/// The next packet that begins so; pings on the way are answered.
async fn packet_with(stream: &mut Stream, prefix: &str) -> String {
    let wait = async {
        loop {
            let message = stream.next().await.expect("open").expect("a frame");
            let Message::Text(text) = message else { continue };
            if text.starts_with(prefix) {
                return text.to_string();
            }
            assert!(!text.starts_with("44"), "refused: {text}");
            assert!(!text.starts_with("44"), "{text}");
            if text.as_str() == "2" {
                stream.send(Message::text("3")).await.expect("sent");
            }
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("no silence")
}

/// How many events all clients have received.
#[derive(Default)]
struct Received {
    events: AtomicU64,
    awaited: AtomicU64,
    reached: Notify,
}

impl Received {
    fn count(&self) {
        let events = self.events.fetch_add(1, Ordering::Relaxed) + 1;
        if events == self.awaited.load(Ordering::Relaxed) {
            self.reached.notify_one();
        }
    }

    fn expect(&self, more: u64) {
        self.awaited.store(self.events.load(Ordering::Relaxed) + more, Ordering::Relaxed);
    }

    async fn all(&self) {
        let reached = tokio::time::timeout(PATIENCE, self.reached.notified()).await;
        reached.expect("every socket receives every event");
    }
}

async fn follow(mut stream: Stream, received: Arc<Received>) {
    while let Some(Ok(message)) = stream.next().await {
        let Message::Text(text) = message else { continue };
        if text.starts_with("42[\"incident:") {
            received.count();
        } else if text.as_str() == "2" && stream.send(Message::text("3")).await.is_err() {
            return;
        }
    }
}

/// One kind of load at one number of sockets.
#[derive(Clone, Copy, Default)]
struct Cost {
    /// CPU time of the server for each delivery, in µs, with the request and without.
    gross: f64,
    net: f64,
    p50_ms: f64,
    p99_ms: f64,
}

#[derive(Default)]
struct Round {
    /// (single events, bursts) at each stage.
    costs: Vec<(Cost, Cost)>,
    /// CPU of a request without sockets, in µs: (one event, a burst).
    request: (f64, f64),
    handshakes_per_second: f64,
    handshakes_per_cpu_second: f64,
    kb_per_socket: f64,
    kb_after_events: f64,
}

async fn round(subject: Subject<'_>, divide: u64) -> Round {
    let server = &subject.server;
    let received = Arc::new(Received::default());
    let mut load = Load { subject: &subject, http: Http::connect(server.addr).await, number: 0 };
    // Both warm up; what is measured later has run before.
    load.requests(BURST, 100 / divide, 0, &received).await;
    let (one, _) = load.requests(1, 2_000 / divide, 0, &received).await;
    let (burst, _) = load.requests(BURST, 400 / divide, 0, &received).await;
    let mut round = Round { request: (one, burst), ..Round::default() };
    let mut clients = tokio::task::JoinSet::new();
    let before_all = server.rss_kb();
    for (sockets, singles, bursts) in STAGES {
        let before = server.rss_kb();
        let new = sockets - clients.len() as u64;
        let (cpu, started) = (server.cpu(), Instant::now());
        let streams = connect_all(&subject, new).await;
        let (took, cpu) = (started.elapsed(), server.cpu().saturating_sub(cpu));
        round.handshakes_per_second = to_f64(new) / took.as_secs_f64();
        round.handshakes_per_cpu_second = to_f64(new) / cpu.as_secs_f64();
        for (mut stream, head) in streams {
            subscribe(&mut stream, &head).await;
            clients.spawn(follow(stream, received.clone()));
        }
        round.kb_per_socket = (to_f64(server.rss_kb()) - to_f64(before)) / to_f64(new);
        let single = load.fan_out(1, singles / divide, sockets, &received, one).await;
        let burst = load.fan_out(BURST, bursts / divide, sockets, &received, burst).await;
        round.costs.push((single, burst));
        round.kb_after_events = (to_f64(server.rss_kb()) - to_f64(before_all)) / to_f64(sockets);
    }
    round
}

async fn connect_all(subject: &Subject<'_>, sockets: u64) -> Vec<(Stream, Value)> {
    let (addr, token) = (subject.server.addr, subject.token);
    futures_util::stream::iter(0..sockets)
        .map(|_| connect(addr, token))
        .buffer_unordered(CONNECTING)
        .collect()
        .await
}

struct Load<'a> {
    subject: &'a Subject<'a>,
    http: Http,
    number: u64,
}

impl Load<'_> {
    /// Returns the server's CPU for each request in µs, and how long each took to reach the last.
    async fn requests(
        &mut self,
        events: u64,
        times: u64,
        sockets: u64,
        received: &Received,
    ) -> (f64, Vec<Duration>) {
        let cpu = self.subject.server.cpu();
        let mut took = Vec::new();
        for _ in 0..times {
            self.number += 1;
            let (path, body) = (self.subject.causes)(events, self.number);
            received.expect(events * sockets);
            let sent = Instant::now();
            self.http.post(&path, &body).await;
            if sockets > 0 {
                received.all().await;
            }
            took.push(sent.elapsed());
        }
        let cpu = self.subject.server.cpu().saturating_sub(cpu);
        took.sort_unstable();
        (cpu.as_secs_f64() * 1e6 / to_f64(times), took)
    }

    async fn fan_out(
        &mut self,
        events: u64,
        times: u64,
        sockets: u64,
        received: &Received,
        request: f64,
    ) -> Cost {
        let (cpu, took) = self.requests(events, times, sockets, received).await;
        let deliveries = to_f64(events * sockets);
        let ms = |share| percentile(&took, share).as_secs_f64() * 1e3;
        Cost {
            gross: cpu / deliveries,
            net: (cpu - request) / deliveries,
            p50_ms: ms(50),
            p99_ms: ms(99),
        }
    }
}

fn report(ours: &[Round], theirs: &[Round]) {
    let of = |rounds: &[Round], get: &dyn Fn(&Round) -> f64| median(rounds.iter().map(get));
    let servers = [("incidentd", ours), ("Node socket.io", theirs)];
    println!(
        "| sockets | events | server | µs/delivery | net | p50 ms | p99 ms | theirs/ours net |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (stage, (sockets, ..)) in STAGES.iter().enumerate() {
        for (kind, pick) in [("single", 0), ("burst of 16", 1)] {
            let cost = |round: &Round| match (round.costs[stage], pick) {
                ((single, _), 0) => single,
                ((_, burst), _) => burst,
            };
            let net = |rounds: &[Round]| of(rounds, &|round| cost(round).net);
            for (server, rounds) in servers.iter().filter(|(_, rounds)| !rounds.is_empty()) {
                println!(
                    "| {sockets} | {kind} | {server} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} |",
                    of(rounds, &|round| cost(round).gross),
                    net(rounds),
                    of(rounds, &|round| cost(round).p50_ms),
                    of(rounds, &|round| cost(round).p99_ms),
                    net(theirs) / net(rounds),
                );
            }
        }
    }
    println!();
    println!(
        "| server | KB/socket | KB after events | handshakes/s | per CPU s | µs a request, 1 event | {BURST} events |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (server, rounds) in servers.iter().filter(|(_, rounds)| !rounds.is_empty()) {
        println!(
            "| {server} | {:.1} | {:.1} | {:.0} | {:.0} | {:.0} | {:.0} |",
            of(rounds, &|round| round.kb_per_socket),
            of(rounds, &|round| round.kb_after_events),
            of(rounds, &|round| round.handshakes_per_second),
            of(rounds, &|round| round.handshakes_per_cpu_second),
            of(rounds, &|round| round.request.0),
            of(rounds, &|round| round.request.1),
        );
    }
}
