//! Durable ingest beside Alertmanager, over HTTP: `cargo bench --bench ingest [-- --quick]`.
//! Each figure is the median of interleaved rounds, each round a fresh server on an empty folder.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench talks")]
#![allow(clippy::disallowed_methods, reason = "real time is what is measured")]
#[allow(dead_code, reason = "each bench uses its part")]
mod support;

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use support::{Http, KEY, Server, median, percentile, to_f64};

/// Not measured at the start of each run.
const WARM_UP: Duration = Duration::from_millis(500);
/// Distinct alerts that the repeating scenario sends over and over.
const REPEATED: u64 = 500;

struct Scenario {
    name: &'static str,
    connections: usize,
    /// Alerts in one request.
    alerts: u64,
    /// Alerts come again, so that nothing new opens.
    repeats: bool,
}

const SCENARIOS: [Scenario; 5] = [
    Scenario { name: "new, 1 connection", connections: 1, alerts: 1, repeats: false },
    Scenario { name: "new, 16 connections", connections: 16, alerts: 1, repeats: false },
    Scenario { name: "new, 256 connections", connections: 256, alerts: 1, repeats: false },
    Scenario { name: "repeated, 16 connections", connections: 16, alerts: 1, repeats: true },
    Scenario { name: "new, 64 a request, 16 conn.", connections: 16, alerts: 64, repeats: false },
];

/// One run of one server.
struct Run {
    alerts_per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    /// The server's CPU time for each alert: holds on a busy machine too.
    cpu_us: f64,
    peak_mb: f64,
}

fn main() {
    support::move_to_load_core();
    let quick = support::flag("--quick");
    let only = std::env::args().skip_while(|arg| arg != "--only").nth(1);
    let (rounds, length) = if quick { (1, 1) } else { (5, 3) };
    let length = Duration::from_secs(length);
    support::runtime().block_on(async {
        let template = support::folder();
        support::set_up(template.path());
        println!("| alerts | server | alerts/s | p50 ms | p99 ms | CPU µs | peak MB | ours/theirs | by CPU |");
        println!("|---|---|---|---|---|---|---|---|---|");
        for scenario in &SCENARIOS {
            if only.as_ref().is_some_and(|only| !scenario.name.contains(only.as_str())) {
                continue;
            }
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for _ in 0..rounds {
                ours.push(incidentd(template.path(), scenario, length).await);
                if !support::flag("--ours") {
                    theirs.push(alertmanager(scenario, length).await);
                }
            }
            report(scenario, &ours, &theirs);
        }
    });
}

async fn incidentd(template: &Path, scenario: &Scenario, length: Duration) -> Run {
    let dir = support::copy(template);
    let server = Server::incidentd(dir.path());
    load(&server, &format!("/integrations/{KEY}/api/v2/alerts"), scenario, length).await
}

async fn alertmanager(scenario: &Scenario, length: Duration) -> Run {
    let dir = support::folder();
    let server = Server::alertmanager(dir.path()).await;
    load(&server, "/api/v2/alerts", scenario, length).await
}

async fn load(server: &Server, path: &str, scenario: &Scenario, length: Duration) -> Run {
    let number = Arc::new(AtomicU64::new(0));
    let cpu = server.cpu();
    let from = Instant::now() + WARM_UP;
    let until = from + length;
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..scenario.connections {
        let (number, path) = (number.clone(), path.to_owned());
        let (alerts, repeats) = (scenario.alerts, scenario.repeats);
        let mut http = Http::connect(server.addr).await;
        workers.spawn(async move {
            let (mut took, mut body) = (Vec::new(), String::new());
            loop {
                write_alerts(&mut body, &number, alerts, repeats);
                let sent = Instant::now();
                http.post(&path, &body).await;
                let answered = Instant::now();
                if answered >= until {
                    return took;
                }
                if answered >= from {
                    took.push(answered - sent);
                }
            }
        });
    }
    let all = async {
        let mut took = Vec::new();
        while let Some(worker) = workers.join_next().await {
            took.append(&mut worker.expect("every answer is a 2xx"));
        }
        took
    };
    let mut took = tokio::time::timeout(length + support::PATIENCE, all).await.expect("an end");
    let cpu = server.cpu().saturating_sub(cpu).as_secs_f64();
    took.sort_unstable();
    let ms = |share| percentile(&took, share).as_secs_f64() * 1e3;
    Run {
        alerts_per_second: to_f64(took.len() as u64 * scenario.alerts) / length.as_secs_f64(),
        p50_ms: ms(50),
        p99_ms: ms(99),
        cpu_us: cpu * 1e6 / to_f64(number.load(Ordering::Relaxed)),
        peak_mb: server.peak_rss_mb(),
    }
}

fn write_alerts(body: &mut String, number: &AtomicU64, alerts: u64, repeats: bool) {
    body.clear();
    body.push('[');
    for index in 0..alerts {
        let n = number.fetch_add(1, Ordering::Relaxed);
        let n = if repeats { n % REPEATED } else { n };
        let comma = if index == 0 { "" } else { "," };
        write!(
            body,
            r#"{comma}{{"labels":{{"alertname":"HighLatency","instance":"host-{n}:9090","job":"checkout","cluster":"eu-1","severity":"critical"}},"annotations":{{"summary":"Latency of host-{n} is high","description":"99 % of requests take longer than 500 ms."}},"generatorURL":"http://prometheus.example.com/graph?g0.expr=latency"}}"#
        )
        .expect("memory");
    }
    body.push(']');
}

fn report(scenario: &Scenario, ours: &[Run], theirs: &[Run]) {
    let rate = |runs: &[Run]| median(runs.iter().map(|run| run.alerts_per_second));
    let cpu = |runs: &[Run]| median(runs.iter().map(|run| run.cpu_us));
    let row = |server: &str, runs: &[Run], ratio: String| {
        println!(
            "| {} | {server} | {:.0} | {:.2} | {:.2} | {:.1} | {:.0} | {ratio} |",
            scenario.name,
            rate(runs),
            median(runs.iter().map(|run| run.p50_ms)),
            median(runs.iter().map(|run| run.p99_ms)),
            cpu(runs),
            runs.iter().map(|run| run.peak_mb).fold(0.0, f64::max),
        );
    };
    let ratios = format!("{:.2} | {:.2}", rate(ours) / rate(theirs), cpu(theirs) / cpu(ours));
    row("incidentd", ours, ratios);
    if !theirs.is_empty() {
        row("Alertmanager", theirs, " | ".into());
    }
}
