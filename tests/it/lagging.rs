//! Who reads too slowly is cut off and comes back; nobody else notices. And the end of it all:
//! a server that is told to stop stops, whoever hangs on the line.
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use futures_util::{SinkExt, StreamExt};
use incidentd::api::tokens::NewToken;
use incidentd::app::Caller;
use incidentd::clock::Clock;
use incidentd::config::Config;
use incidentd::server::Server;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{Socket, TestServer, answer, mins, secs};
use crate::wire::{
    Polling, Raw, WebSocket, asking, event, packet, status, until, websocket_over, within,
};

const WEBSOCKET: &str = "/socket.io/?EIO=4&transport=websocket";

/// A connection whose receive buffer takes next to nothing.
fn narrow(url: &str) -> TcpStream {
    use socket2::{Domain, Protocol, Socket, Type};
    let addr: std::net::SocketAddr = url.trim_start_matches("http://").parse().expect("an address");
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("set");
    socket.connect(&addr.into()).expect("a connection");
    socket.set_nonblocking(true).expect("set");
    TcpStream::from_std(socket.into()).expect("a stream")
}

async fn say(ws: &mut WebSocket, text: &str) {
    ws.send(Message::text(text)).await.expect("sent");
}

/// The ack with this id; what comes before it is passed over.
async fn ack(ws: &mut WebSocket, id: &str) -> Value {
    loop {
        let packet = packet(ws).await.expect("an ack");
        if let Some(answer) = packet.strip_prefix(id) {
            return serde_json::from_str::<Value>(answer).expect("JSON")[0].clone();
        }
    }
}

/// Subscribed over a connection that will not be read.
async fn stalled(server: &TestServer, token: &str) -> WebSocket {
    let tcp = narrow(&server.url);
    let mut ws = websocket_over(tcp, &server.url, WEBSOCKET, &[]).await.expect("a websocket");
    packet(&mut ws).await.expect("open");
    say(&mut ws, &format!("40{{\"token\":\"{token}\"}}")).await;
    assert!(packet(&mut ws).await.expect("connected").starts_with("40"));
    say(&mut ws, "421[\"subscribe:incidents\",{}]").await;
    assert_eq!(ack(&mut ws, "431").await["ok"], true);
    ws
}

/// As `stalled`, begun by polling and upgraded.
async fn stalled_upgraded(server: &TestServer, token: &str) -> WebSocket {
    let mut polling = Polling::open(&server.url, server.http()).await;
    polling.connect(token).await;
    let path = format!("{WEBSOCKET}&sid={}", polling.sid);
    let tcp = narrow(&server.url);
    let mut ws = websocket_over(tcp, &server.url, &path, &[]).await.expect("a websocket");
    say(&mut ws, "2probe").await;
    assert_eq!(packet(&mut ws).await.as_deref(), Some("3probe"));
    say(&mut ws, "5").await;
    say(&mut ws, "421[\"subscribe:incidents\",{}]").await;
    assert_eq!(ack(&mut ws, "431").await["ok"], true);
    ws
}

/// Reads what is left until the connection ends; the highest seq on the way. Answers no ping: what is
/// sent to an end that is gone has it reset the connection, and what was queued is lost with that.
async fn drain(ws: &mut WebSocket) -> i64 {
    let mut last = 0;
    while let Some(Ok(message)) = ws.next().await {
        let Message::Text(packet) = message else { continue };
        assert!(!packet.starts_with("41"), "a client that is sent away does not come back");
        if packet.starts_with("42[\"incident:") {
            last = event(&packet).1["seq"].as_i64().expect("a seq");
        }
    }
    last
}

const EVENTS: usize = 3_200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stops_reading_is_cut_off_and_nobody_else_notices() {
    let server = TestServer::start().await;
    let metrics = server.server().metrics.clone();
    let (alice, bob, carol) =
        (server.token("alice"), server.token("bob").to_owned(), server.token("carol"));
    let mut websocket = stalled(&server, alice).await;
    let mut upgraded = stalled_upgraded(&server, &bob).await;
    let mut polling = Polling::open(&server.url, server.http()).await;
    polling.connect(carol).await;
    let start = polling.subscribe().await["head"].as_i64().expect("a head");
    let mut healthy = server.socket("root").await;
    assert_eq!(healthy.subscribe(json!({})).await["ok"], true);

    let reading = async {
        let mut seqs = Vec::new();
        while seqs.len() < EVENTS {
            let created = healthy.expect("incident:created").await;
            assert_eq!(created["prev"].as_i64(), seqs.last().copied().or(created["prev"].as_i64()));
            seqs.push(created["seq"].as_i64().expect("a seq"));
        }
        seqs
    };
    let posting = async {
        for round in 0..EVENTS / 64 {
            let posts = (0..64).map(|n| {
                let title = format!("alert {round} {n}");
                server.alert(json!({"title": title, "description": "x".repeat(6_000)}))
            });
            futures_util::future::join_all(posts).await;
        }
    };
    // Their connections end, although they were not read; soon, since the kernel too forgets in time
    // what nobody takes.
    let leaving = async {
        let three = asking(|| async { metrics.lagging.get() == 3 });
        within(mins(3), "three that lag", three).await;
        let seen = within(secs(10), "the end of the websocket", drain(&mut websocket)).await;
        within(secs(10), "the end of the upgraded", drain(&mut upgraded)).await;
        assert!(seen >= start, "what was queued may still be read: {seen}");
    };
    let (seqs, (), ()) = tokio::join!(reading, posting, leaving);
    assert!(seqs.is_sorted_by(|a, b| a < b), "in order, and once");
    let url = format!("{}/metrics", server.url);
    let text = server.http().get(url).send().await.expect("sent").text().await.expect("text");
    assert!(text.contains("incidentd_sockets_lagging_total 3"), "{text}");

    assert_eq!(polling.poll().await.0, 400, "no further poll is let through");
    until("their sockets' end", || async { metrics.sockets.get() <= 2 }).await;

    // They come back: with a near cursor the rest, with a far one the state.
    let near = seqs[EVENTS - 40];
    for who in ["alice", "bob", "carol"] {
        let mut back = server.socket(who).await;
        let joined = back.subscribe(json!({"after": near})).await;
        let events = joined["events"].as_array().unwrap_or_else(|| panic!("{joined}"));
        let mut got: Vec<i64> = events.iter().filter_map(|e| e["seq"].as_i64()).collect();
        let mut more = joined["more"] == true;
        while more {
            let joined = back.subscribe(json!({"after": got.last()})).await;
            got.extend(
                joined["events"]
                    .as_array()
                    .expect("events")
                    .iter()
                    .filter_map(|e| e["seq"].as_i64()),
            );
            more = joined["more"] == true;
        }
        assert_eq!(got, seqs[EVENTS - 39..], "{who}");
        let reset = back.subscribe(json!({"after": start})).await;
        assert_eq!(reset["reset"], true, "{who}");
    }
    server.alert(json!({"title": "after the storm"})).await;
    assert_eq!(healthy.expect("incident:created").await["incident"]["title"], "after the storm");
}

#[tokio::test]
async fn an_admin_no_more_comes_back_as_what_he_is_also_by_polling() {
    let server = TestServer::start().await;
    let mut polling = Polling::open(&server.url, server.http()).await;
    polling.connect(server.token("root")).await;
    assert_eq!(polling.subscribe().await["rooms"], json!(["incidents:all"]));
    let (waited, ()) = tokio::join!(polling.poll(), async {
        let less = "[[users]]\nusername = \"root\"\nadmin = false\n[[users]]\nusername = \"alice\"\nadmin = true";
        let document = toml::from_str(less).expect("a document");
        server.server().app.apply(&Caller::host(), document).await.expect("applied");
    });
    // The poll under way ends with the library's ping, or with the end of the session.
    if waited.0 == 200 {
        let (status, packets) = polling.poll().await;
        assert_eq!(status, 400, "{packets:?}");
    }
    server.alert(json!({"title": "secret"})).await;
    let mut root = server.socket("root").await;
    assert_eq!(root.subscribe(json!({})).await["rooms"], json!(["user:1"]));
}

/// The built binary on a folder of its own.
struct Process {
    child: std::process::Child,
    url: String,
    _dir: tempfile::TempDir,
}

impl Drop for Process {
    fn drop(&mut self) {
        // Ended already, unless a test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    async fn start() -> (Self, String) {
        let dir = tempfile::tempdir().expect("a folder");
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            data_dir: dir.path().to_owned(),
            ..Config::default()
        };
        let server = Server::start(config, Clock::System).await.expect("started");
        let document = toml::from_str("[[users]]\nusername = \"root\"\nadmin = true");
        server.app.apply(&Caller::host(), document.expect("one")).await.expect("applied");
        let new = NewToken { user: Some("root".into()), ..NewToken::default() };
        let issued = server.app.create_token(&Caller::host(), new).await.expect("a token");
        server.stop().await;
        // The folder's lock is let go a moment after `stop`.
        let attempt = || {
            let path = dir.path().to_owned();
            tokio::task::spawn_blocking(move || spawn(&path))
        };
        let starting = async {
            loop {
                if let Some(started) = attempt().await.expect("tried") {
                    return started;
                }
            }
        };
        let (child, url) = within(secs(20), "the start", starting).await;
        (Self { child, url, _dir: dir }, issued.token)
    }

    fn terminate(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("told");
    }
}

/// Starts the binary on this folder and reads where it listens; none if it ended instead.
fn spawn(dir: &std::path::Path) -> Option<(std::process::Child, String)> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_incidentd"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(dir)
        .stderr(Stdio::piped())
        .spawn()
        .expect("spawned");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let url = lines.by_ref().map_while(Result::ok).find_map(|line| {
        line.find("listening on http://").map(|at| line[at + 13..].trim().to_owned())
    });
    // The rest is read too, so that the pipe never fills.
    std::thread::spawn(move || lines.for_each(drop));
    match url {
        Some(url) => Some((child, url)),
        None => {
            child.wait().expect("an end");
            None
        }
    }
}

#[tokio::test]
async fn a_server_that_is_told_to_stop_stops() {
    let (mut process, token) = Process::start().await;
    let url = process.url.clone();
    let http = crate::harness::http();
    let mut half = Raw::connect(&url).await;
    half.send("POST /v2/enqueue HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"half\":")
        .await;
    let mut half_head = Raw::connect(&url).await;
    half_head.send("GET /healthz HTTP/1.1\r\nHo").await;
    let mut idle = Raw::connect(&url).await;
    idle.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(idle.answer().await.expect("an answer").status, 200);
    let mut live = Socket::connect(&url, &json!({"token": token})).await.expect("connected");
    assert_eq!(live.subscribe(json!({})).await["ok"], true);
    let mut polling = Polling::open(&url, &http).await;
    polling.connect(&token).await;
    assert_eq!(polling.subscribe().await["ok"], true);
    let stalled = narrow(&url);
    let mut stalled = websocket_over(stalled, &url, WEBSOCKET, &[]).await.expect("a websocket");
    packet(&mut stalled).await.expect("open");
    say(&mut stalled, &format!("40{{\"token\":\"{token}\"}}")).await;
    assert!(packet(&mut stalled).await.expect("connected").starts_with("40"));
    say(&mut stalled, "421[\"subscribe:incidents\",{}]").await;
    let service = toml_service();
    let (status_of, applied) =
        answer(http.put(format!("{url}/api/v1/configuration")).bearer_auth(&token).json(&service))
            .await;
    assert_eq!(status_of, 200, "{applied}");
    let key = applied["keys"][0]["key"].as_str().expect("a key").to_owned();
    let listening = async {
        let mut packets = Vec::new();
        while let Some(packet) = live.packet().await {
            packets.push(packet);
        }
        packets
    };
    let stopping = async {
        // Enough that the stalled one has a full pipe, not so much that it is cut.
        for _ in 0..10 {
            let posts = (0..60).map(|n| {
                let body = json!({"title": format!("{n}"), "dedupKey": null, "description": "x".repeat(8_000)});
                answer(http.post(format!("{url}/integrations/{key}/generic")).json(&body))
            });
            for (status, said) in futures_util::future::join_all(posts).await {
                assert_eq!(status, 202, "{said}");
            }
        }
        process.terminate();
        Instant::now()
    };
    let polled = async {
        let mut all = Vec::new();
        loop {
            let request = http
                .get(format!("{url}/socket.io/?EIO=4&transport=polling&sid={}", polling.sid))
                .send()
                .await;
            match request {
                Ok(response) if response.status() == 200 => {
                    all.push(response.text().await.unwrap_or_default());
                }
                _ => return all,
            }
        }
    };
    let (packets, told, polled) = tokio::join!(listening, stopping, polled);
    assert!(!packets.iter().any(|packet| packet.starts_with("41")), "sent away: {packets:?}");
    assert!(!polled.iter().any(|text| text.split('\u{1e}').any(|packet| packet == "41")));
    let exit = tokio::task::spawn_blocking(move || {
        let status = process.child.wait().expect("an end");
        (process, status)
    });
    let (process, exit) = within(secs(8), "the end", exit).await.expect("waited");
    assert!(exit.success(), "{exit}");
    assert!(told.elapsed() < secs(6), "{:?}", told.elapsed());
    drop(process);
    // Not a 4xx: senders drop what is refused so.
    assert!(half.answer().await.is_none_or(|answer| answer.status == 503));
    drop((half_head, stalled));
    assert!(TcpStream::connect(url.trim_start_matches("http://")).await.is_err());
}

fn toml_service() -> Value {
    json!({
        "teams": [{"slug": "payments"}],
        "services": [{"slug": "checkout", "team": "payments"}],
        "integrations": [{"service": "checkout", "name": "cron"}],
    })
}

#[tokio::test]
async fn many_who_ask_whether_it_is_ready_cost_one_write() {
    let server = TestServer::start().await;
    let before = server.server().app.figures().operations;
    let asks = (0..200).map(|_| status(&server.url, "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"));
    for status in futures_util::future::join_all(asks).await {
        assert_eq!(status, 200);
    }
    let after = server.server().app.figures().operations;
    assert!(after - before < 40, "{}", after - before);
}
