//! Outgoing webhooks: the log's own JSON, signed, in order, until it is taken.
use std::time::Duration;

use incidentd::domain::Seq;
use incidentd::engine::webhooks;
use incidentd::notify::sign;
use serde_json::{Value, json};

use crate::far::{Far, Heard, this_machine};
use crate::harness::{TestServer, hours, mins, secs};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

async fn server() -> TestServer {
    TestServer::with(|config| config.outgoing.allow_private = this_machine()).await
}

fn database(server: &TestServer) -> rusqlite::Connection {
    let file = std::fs::read_dir(server.dir())
        .expect("a folder")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "db"))
        .expect("a database");
    rusqlite::Connection::open(file).expect("opened")
}

/// A webhook of payments from now on.
fn add(server: &TestServer, url: &str) {
    database(server)
        .execute(
            "insert into webhooks (team_id, url, secret, seq, created_at)
             values ((select id from teams where slug = 'payments'), ?1, ?2,
                (select max(seq) from events), 0)",
            (url, SECRET),
        )
        .expect("added");
}

fn verified(heard: &Heard) -> Value {
    let key = sign::key(SECRET).expect("a key");
    let at = heard.header("webhook-timestamp").parse().expect("seconds");
    let at = jiff::Timestamp::from_second(at).expect("a time");
    let expected = sign::headers(&key, heard.header("webhook-id"), at, &heard.body);
    assert_eq!(heard.header("webhook-signature"), expected[2].1);
    heard.json()
}

/// Time passes until something more is heard.
async fn heard_later(server: &TestServer, far: &mut Far, step: Duration) -> Heard {
    loop {
        server.clock.advance(step);
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        if let Some(heard) = far.so_far().pop() {
            return heard;
        }
    }
}

#[tokio::test]
async fn a_webhook_gets_the_log_in_order_and_can_tell_that_it_is_ours() {
    let (server, mut far) = (server().await, Far::start().await);
    server.alert(json!({"title": "before"})).await;
    add(&server, &far.url("/hook"));
    let id = server.alert(json!({"title": "disk full"})).await.incident_id.expect("opened").0;
    let ack = serde_json::from_value(json!({"action": "acknowledge"})).expect("an action");
    server.act("alice", id, ack).await.expect("acknowledged");
    let first = verified(&far.next().await);
    assert_eq!((&first["type"], &first["incidentId"]), (&json!("incident:created"), &json!(id)));
    let mut last = first;
    while last["type"] != "incident:acknowledged" {
        let next = far.next().await;
        assert_eq!(next.header("webhook-id"), format!("evt_{}", next.json()["seq"]));
        let next = verified(&next);
        assert_eq!(next["prev"], last["seq"], "in order, and none left out");
        last = next;
    }
    let row = server.server().app.events_after(Seq(0), 1_000).await.expect("the log");
    let row = row.iter().find(|row| json!(row.seq) == last["seq"]).expect("its row");
    assert_eq!(serde_json::from_str::<Value>(&row.json).expect("JSON"), last, "the wire's JSON");
}

#[tokio::test]
async fn what_is_not_taken_is_sent_again_and_holds_up_no_other() {
    let (server, mut sick, mut well) = (server().await, Far::start().await, Far::start().await);
    sick.answer(503, "retry-after", "60");
    add(&server, &sick.url("/sick"));
    add(&server, &well.url("/well"));
    server.alert(json!({"title": "disk full"})).await;
    let refused = sick.next().await;
    verified(&well.next().await);
    server.clock.advance(secs(59));
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    assert!(sick.so_far().is_empty(), "it asked for a minute");
    let again = heard_later(&server, &mut sick, secs(5)).await;
    assert_eq!(again.header("webhook-id"), refused.header("webhook-id"));
    assert_eq!(again.body, refused.body);
}

#[tokio::test]
async fn one_that_fails_for_three_days_is_disabled() {
    let (server, mut far) = (server().await, Far::start().await);
    for _ in 0..1_000 {
        far.answer(500, "x-told", "broken");
    }
    add(&server, &far.url("/hook"));
    server.alert(json!({"title": "disk full"})).await;
    far.next().await;
    let disabled = || {
        let read = "select disabled_at is not null, failing_since, last_error from webhooks";
        database(&server)
            .query_row(read, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .expect("there")
    };
    let told = |(_, since, _): &(bool, Option<i64>, Option<String>)| since.is_some();
    while !told(&disabled()) {
        tokio::task::yield_now().await;
    }
    server.clock.advance(hours(71));
    heard_later(&server, &mut far, secs(1)).await;
    assert!(!disabled().0);
    server.clock.advance(hours(1) + mins(11));
    while !disabled().0 {
        server.clock.advance(secs(1));
        tokio::task::yield_now().await;
    }
    assert_eq!(disabled().2.as_deref(), Some("It answered 500; it has trouble of its own."));
}

#[tokio::test]
async fn one_that_is_gone_is_disabled_at_once() {
    let (server, mut far) = (server().await, Far::start().await);
    far.answer(410, "x-told", "");
    add(&server, &far.url("/hook"));
    server.alert(json!({"title": "disk full"})).await;
    far.next().await;
    let read = "select disabled_at is not null from webhooks";
    while !database(&server).query_row(read, [], |row| row.get::<_, bool>(0)).expect("there") {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_event_that_brings_its_sending_down_is_left_out_and_the_next_are_sent() {
    // It may not reach this machine: the server's own follower gets nowhere.
    let server = TestServer::start().await;
    add(&server, "http://127.0.0.1:9/hook");
    for n in 0..3 {
        server.alert(json!({"title": format!("alert {n}")})).await;
    }
    let app = server.server().app.clone();
    let rows = app.events_after(Seq(0), 1_000).await.expect("the log");
    let of_incidents = rows.iter().filter(|row| row.json.contains("\"type\":\"incident:"));
    let all: Vec<Seq> = of_incidents.map(|row| row.seq).collect();
    let poison = all[1];
    let (heard, mut given) = tokio::sync::mpsc::unbounded_channel();
    let follower = tokio::spawn(webhooks::follow(app, move |_, event| {
        let heard = heard.clone();
        async move {
            heard.send(event.seq).expect("somebody listens");
            assert_ne!(event.seq, poison, "on purpose");
            Ok(())
        }
    }));
    let mut seen = Vec::new();
    while seen.last() != all.last() {
        server.clock.advance(secs(1));
        tokio::task::yield_now().await;
        seen.extend(std::iter::from_fn(|| given.try_recv().ok()));
    }
    let thrice = [&all[..1], &[poison; 3], &all[2..]].concat();
    assert_eq!(seen, thrice, "three times, then the others in their order");
    follower.abort();
}
