//! What a storm does to everybody else: `cargo bench --bench storm [-- --quick]`. Alerts come as
//! fast as they are taken, messages go out for real, and one alert of another team must not wait.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench talks")]
#![allow(clippy::disallowed_methods, reason = "real time is what is measured")]
#[allow(dead_code, reason = "each bench uses its part")]
mod support;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};
use support::{Http, Server, percentile};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const CONNECTIONS: usize = 16;
const STORM: &str = "00000000000000000000000000000001";
const CALM: &str = "00000000000000000000000000000002";
const LADDER: &str = "00000000000000000000000000000003";
/// After a storm, what is still under way has this long.
const AFTER: Duration = Duration::from_secs(10);
/// When the second step of the ladder is due.
const STEP: Duration = Duration::from_mins(1);

/// Three teams of one person each, who is reached at the far end.
fn world(far: SocketAddr) -> String {
    ["storm", "calm", "ladder"].iter().zip([STORM, CALM, LADDER]).fold(
        String::new(),
        |world, (team, key)| {
            world
                + &format!(
                    r#"
[[users]]
username = "{team}"
contacts = [ {{ name = "hook", channel = "webhook", address = "http://{far}/{team}" }} ]
[[teams]]
slug = "{team}"
members = {{ {team} = "responder" }}
[[escalation_policies]]
slug = "{team}-default"
team = "{team}"
steps = [ {{ after = "0m", targets = ["team:{team}"] }},
          {{ after = "{}s", targets = ["team:{team}"] }} ]
[[services]]
slug = "{team}"
team = "{team}"
[[integrations]]
service = "{team}"
name = "bench"
key = "{key}"
"#,
                    STEP.as_secs()
                )
        },
    )
}

/// Who was told when.
#[derive(Default)]
struct Heard {
    told: Mutex<Vec<(String, Instant)>>,
    /// Nobody answers.
    hangs: AtomicBool,
}

impl Heard {
    fn by(&self, team: &str) -> Vec<Instant> {
        let told = self.told.lock().expect("unpoisoned");
        told.iter().filter(|(who, _)| who == team).map(|(_, at)| *at).collect()
    }
}

async fn far_end() -> (SocketAddr, Arc<Heard>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    let heard = Arc::new(Heard::default());
    let keeps = heard.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, keeps.clone()));
        }
    });
    (addr, heard)
}

/// Answers one connection's requests, each with an empty 200.
async fn answer(mut stream: TcpStream, heard: Arc<Heard>) {
    let (mut bytes, mut piece) = (Vec::new(), vec![0; 16 * 1024]);
    loop {
        let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            match stream.read(&mut piece).await {
                Ok(read @ 1..) => bytes.extend_from_slice(&piece[..read]),
                _ => return,
            }
            continue;
        };
        let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
        let whole = head + 4 + length.map_or(0, |length| length.parse().expect("a length"));
        while bytes.len() < whole {
            match stream.read(&mut piece).await {
                Ok(read @ 1..) => bytes.extend_from_slice(&piece[..read]),
                _ => return,
            }
        }
        bytes.drain(..whole);
        let who = text.split(['/', ' ']).nth(2).unwrap_or_default().to_owned();
        heard.told.lock().expect("unpoisoned").push((who, Instant::now()));
        if heard.hangs.load(Ordering::Relaxed) {
            return std::future::pending().await;
        }
        if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.is_err() {
            return;
        }
    }
}

fn alert(key: u64) -> String {
    json!({ "title": format!("host {key} is down"), "dedupKey": format!("k{key}") }).to_string()
}

/// Posts `count` alerts to `key`, over `keys` dedup keys; what each took, sorted.
async fn flood(server: &Server, key: &str, count: u64, keys: u64) -> Vec<Duration> {
    let number = Arc::new(AtomicU64::new(0));
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (number, path) = (number.clone(), format!("/integrations/{key}/generic"));
        let mut http = Http::connect(server.addr).await;
        workers.spawn(async move {
            let mut took = Vec::new();
            loop {
                let n = number.fetch_add(1, Ordering::Relaxed);
                if n >= count {
                    return took;
                }
                let sent = Instant::now();
                http.post(&path, &alert(n % keys)).await;
                took.push(sent.elapsed());
            }
        });
    }
    let mut took = workers.join_all().await.concat();
    took.sort_unstable();
    took
}

fn main() {
    support::move_to_load_core();
    let divide = if support::flag("--quick") { 10 } else { 1 };
    support::runtime().block_on(async {
        let (far, heard) = far_end().await;
        let template = support::folder();
        let token = support::set_up_with(template.path(), &world(far));
        let storms = [("10^4 keys", 10_000, 10_000), ("10^5 on one key", 100_000, 1)];
        for (name, count, keys) in storms {
            let dir = support::copy(template.path());
            let server = Server::incidentd(dir.path());
            storm(name, &server, &heard, count / divide, keys).await;
        }
        let dir = support::copy(template.path());
        steps(&Server::incidentd(dir.path()), &token, 1_000 / divide).await;
        let dir = support::copy(template.path());
        hanging(&Server::incidentd(dir.path()), &heard, 20_000 / divide).await;
    });
}

/// The sentinel's alert comes in the middle.
async fn storm(name: &str, server: &Server, heard: &Heard, count: u64, keys: u64) {
    heard.told.lock().expect("unpoisoned").clear();
    let began = Instant::now();
    let sentinel = async {
        while heard.by("storm").is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let mut http = Http::connect(server.addr).await;
        let posted = Instant::now();
        http.post(&format!("/integrations/{CALM}/generic"), &alert(0)).await;
        loop {
            if let Some(told) = heard.by("calm").first() {
                return told.duration_since(posted);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let (took, calm) = tokio::join!(flood(server, STORM, count, keys), sentinel);
    let lasted = began.elapsed();
    let first = heard.by("storm").first().map(|told| told.duration_since(began));
    tokio::time::sleep(AFTER).await;
    println!(
        "{name}: {count} alerts in {lasted:.1?} (p99 {:.1?}); first page after {:.0?}, the other \
         team's after {calm:.0?}; {} messages; {:.0} MB",
        percentile(&took, 99),
        first.unwrap_or_default(),
        heard.by("storm").len(),
        server.peak_rss_mb(),
    );
}

/// How late the second steps of incidents are that were opened together.
async fn steps(server: &Server, token: &str, count: u64) {
    flood(server, LADDER, count, count).await;
    tokio::time::sleep(STEP + AFTER).await;
    let mut late = Vec::new();
    let mut after = 0;
    loop {
        let path = format!("/api/v1/events?team=ladder&limit=200&after={after}");
        let page: Value = get(server.addr, &path, token).await;
        let events = page["items"].as_array().expect("events");
        let Some(last) = events.last() else { break };
        after = last["seq"].as_u64().expect("a seq");
        let steps = events.iter().filter(|event| event["step"] == 2);
        late.extend(steps.map(|event| {
            let time = |value: &Value| value.as_str().expect("a time").parse::<Timestamp>();
            let at = time(&event["at"]).expect("a time");
            let made = time(&event["incident"]["createdAt"]).expect("a time");
            Duration::try_from(at.duration_since(made)).expect("later").saturating_sub(STEP)
        }));
    }
    late.sort_unstable();
    println!(
        "{} of {count} second steps taken, the last {:.0?} late (p50 {:.0?}); {:.0} MB",
        late.len(),
        late.last().copied().unwrap_or_default(),
        percentile(&late, 50),
        server.peak_rss_mb(),
    );
}

async fn get(addr: SocketAddr, path: &str, token: &str) -> Value {
    let mut stream = TcpStream::connect(addr).await.expect("a connection");
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
         connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an answer");
    let text = String::from_utf8(answer).expect("text");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    serde_json::from_str(body).expect("JSON")
}

/// Intake while a far end answers, and while it hangs.
async fn hanging(server: &Server, heard: &Heard, count: u64) {
    let answered = flood(server, STORM, count, count).await;
    heard.hangs.store(true, Ordering::Relaxed);
    let hung = flood(server, CALM, count, count).await;
    heard.hangs.store(false, Ordering::Relaxed);
    let (answered, hung) = (percentile(&answered, 99), percentile(&hung, 99));
    println!(
        "intake's p99 {answered:.1?}; while the far end hangs {hung:.1?} ({:.2} of it)",
        hung.as_secs_f64() / answered.as_secs_f64()
    );
}
