//! From polling to a websocket, as every browser does: nothing is lost on the way.
use futures_util::SinkExt;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::TestServer;
use crate::wire::{Polling, WEBSOCKET, event, packet, until, websocket};

/// Who asks seldom has much waiting when his websocket comes: nothing of it is left behind.
#[tokio::test]
async fn what_one_poll_could_not_carry_is_not_lost_in_an_upgrade() {
    let server = TestServer::start().await;
    let mut bob = Polling::open(&server.url, server.http()).await;
    bob.connect(server.token("bob")).await;
    assert_eq!(bob.subscribe().await["ok"], true);
    let metrics = server.server().metrics.clone();
    let before = metrics.emitted.get();
    for n in 0..100 {
        server.alert(json!({"title": format!("alert {n}"), "description": "x".repeat(900)})).await;
    }
    until("all are queued", || async { metrics.emitted.get() >= before + 100 }).await;
    let created = |packet: &String| packet.starts_with("42[\"incident:created\"");
    let title = |packet: &String| event(packet).1["incident"]["title"].clone();
    let (_, first) = bob.poll().await;
    let mut titles: Vec<Value> = first.iter().filter(|it| created(it)).map(title).collect();
    let path = format!("{WEBSOCKET}&sid={}", bob.sid);
    let mut ws = websocket(&server.url, &path, &[]).await.expect("a websocket");
    ws.send(Message::text("2probe")).await.expect("sent");
    assert_eq!(packet(&mut ws).await.as_deref(), Some("3probe"));
    ws.send(Message::text("5")).await.expect("sent");
    while titles.len() < 100 {
        let packet = packet(&mut ws).await.expect("an event");
        titles.extend(Some(&packet).filter(|it| created(it)).map(title));
    }
    let all: Vec<Value> = (0..100).map(|n| json!(format!("alert {n}"))).collect();
    assert_eq!(titles, all);
}

#[tokio::test]
async fn a_handshake_says_how_much_may_be_sent_at_once() {
    let server = TestServer::start().await;
    let url = format!("{}/socket.io/?EIO=4&transport=polling", server.url);
    let open = server.http().get(url).send().await.expect("an answer").text().await.expect("text");
    let open: Value = serde_json::from_str(&open[1..]).expect("an open packet");
    assert_eq!(open["maxPayload"], 65_536, "{open}");
}
