//! Those who open connections and then take their time: they are let go, and harm nobody.
use std::time::{Duration, Instant};

use incidentd::clock::Clock;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;

use crate::harness::{KEY, TestServer, secs};
use crate::process::{Serving, incidentd, until as asked_until};
use crate::wire::{Raw, is_well, status, until, within};

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

/// Sends a byte now and then until the other side has had enough.
async fn drip(raw: &mut Raw, begin: &str, bytes: &str) {
    raw.send(begin).await;
    let mut bytes = bytes.bytes().cycle();
    while raw.send([bytes.next().expect("without end")]).await {
        Clock::System.sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn whoever_dawdles_is_let_go() {
    let server = TestServer::with(|config| {
        config.limits.head_timeout_secs = 1;
        config.limits.body_timeout_secs = 1;
    })
    .await;
    let body = format!(
        "POST /integrations/{KEY}/generic HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n"
    );
    let chunked = body.replace("Content-Length: 5000", "Transfer-Encoding: chunked");
    let nowhere = body.replace("generic", "nothing");
    let connect = async || Raw::connect(&server.url).await;
    let (mut silent, mut idle) = (connect().await, connect().await);
    let (mut a, mut b, mut c, mut d) =
        (connect().await, connect().await, connect().await, connect().await);
    idle.send(HEALTH).await;
    assert_eq!(idle.answer().await.expect("an answer").status, 200);
    let all = async {
        tokio::join!(
            silent.closed(),
            idle.closed(),
            drip(&mut a, "GET /healthz HTTP/1.1\r\n", "X-Y: z\r\n"),
            drip(&mut b, &body, "{"),
            drip(&mut c, &chunked, "1\r\nx\r\n"),
            // Nobody reads this body.
            drip(&mut d, &nowhere, "x"),
        );
    };
    within(secs(9), "all of them gone", all).await;
    let metrics = server.server().metrics.clone();
    until("no connection", || async { metrics.connections.get() == 0 }).await;
    is_well(&server, "dawdlers").await;
}

#[tokio::test]
async fn two_thousand_idle_connections_harm_nobody() {
    // Both ends of each are files of this process.
    let granted = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: granted, maximum: granted }).expect("raised");
    let server = TestServer::start().await;
    let mut crowd = Vec::new();
    for n in 0..2_000 {
        let mut raw = Raw::connect(&server.url).await;
        if n % 2 == 0 {
            raw.send("POST /v2/enqueue HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{").await;
        }
        crowd.push(raw);
    }
    let metrics = server.server().metrics.clone();
    until("all of them inside", || async { metrics.connections.get() >= 2_000 }).await;
    let mut bob = server.socket("bob").await;
    assert_eq!(bob.subscribe(json!({})).await["ok"], true);
    let began = Instant::now();
    for n in 0..50 {
        server.alert(json!({"title": format!("alert {n}")})).await;
        bob.expect("incident:created").await;
    }
    crate::process::say(&format!("an alert in and out: {:?}", began.elapsed() / 50));
    is_well(&server, "a crowd").await;
    drop(crowd);
    until("nearly all gone", || async { metrics.connections.get() < 10 }).await;
}

#[tokio::test]
async fn one_connection_too_many_is_closed_and_the_others_stay() {
    let server = TestServer::with(|config| config.limits.connections = 3).await;
    let mut kept = Vec::new();
    for _ in 0..3 {
        let mut raw = Raw::connect(&server.url).await;
        raw.send(HEALTH).await;
        assert_eq!(raw.answer().await.expect("an answer").status, 200);
        kept.push(raw);
    }
    assert_eq!(status(&server.url, HEALTH).await, 0, "closed without a word");
    let listed = server.server().app.vitals(Vec::new()).await;
    assert!(listed.is_ok(), "the rest goes on");
    let mut last = kept.pop().expect("three");
    last.send(HEALTH).await;
    assert_eq!(last.answer().await.expect("an answer").status, 200);
    drop(last);
    until("room again", || async { status(&server.url, HEALTH).await == 200 }).await;

    // A reload makes room at once.
    let mut config = (*server.server().config()).clone();
    config.limits.connections = 5;
    let shift = server.server().reload(&config).expect("good");
    assert_eq!(shift.changed, ["limits.connections: 3 → 5"]);
    let mut more = Vec::new();
    for _ in 0..3 {
        let mut raw = Raw::connect(&server.url).await;
        raw.send(HEALTH).await;
        assert_eq!(raw.answer().await.map(|answer| answer.status), Some(200));
        more.push(raw);
    }
}

#[tokio::test]
async fn a_server_without_files_recovers() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut command = std::process::Command::new("bash");
    let binary = incidentd().get_program().to_owned();
    let few = "ulimit -n 64; exec \"$0\" serve --data-dir \"$1\" \"${@:2}\"";
    command.arg("-c").arg(few).arg(binary).arg(dir.path());
    let server = Serving::with(&mut command, "127.0.0.1:0").expect("it serves");
    let mut crowd = Vec::new();
    for _ in 0..100 {
        let mut raw = Raw::connect(&server.url).await;
        raw.send("GET /healthz HTTP/1.1\r\n").await;
        crowd.push(raw);
    }
    assert!(server.says("a connection could not be accepted"), "it has none left");
    drop(crowd);
    let url = server.url.clone();
    asked_until("an answer", || async { status(&url, HEALTH).await == 200 }).await;
}
