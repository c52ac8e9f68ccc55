//! Live over Socket.IO: who sees what, once, in order, across reconnects and restarts.
use incidentd::domain::Action;
use serde_json::{Value, json};

use crate::harness::{Socket, TestServer};
use crate::programs::{self, node, python};

fn ack() -> Action {
    Action::Acknowledge { span: None, until: None, note: None, take: false }
}

#[tokio::test]
async fn a_subscriber_sees_its_teams_incidents_and_nobody_elses() {
    let server = TestServer::start().await;
    let (mut bob, mut mallory) = (server.socket("bob").await, server.socket("mallory").await);
    let joined = bob.subscribe(json!({"teamId": "payments"})).await;
    assert_eq!((&joined["ok"], &joined["reset"]), (&json!(true), &json!(true)), "{joined}");
    assert_eq!(joined["rooms"], json!(["team:1"]));
    let refused = mallory.subscribe(json!({"teamIds": ["search", "payments", 99]})).await;
    assert_eq!(refused["ok"], false);
    assert_eq!(refused["error"]["teams"], json!(["payments", "99"]), "and nothing is joined");
    server.alert(json!({"title": "disk full"})).await;
    let created = bob.expect("incident:created").await;
    assert_eq!(created["incident"]["title"], "disk full");
    assert_eq!(created["actor"]["name"], "prometheus");
    server.act("bob", 1, ack()).await.expect("acknowledged");
    let acked = bob.expect("incident:acknowledged").await;
    assert_eq!(acked["prev"], created["seq"]);
    mallory.expect_nothing().await;
}

#[tokio::test]
async fn an_event_comes_once_however_many_rooms_it_is_in() {
    let server = TestServer::start().await;
    let mut root = server.socket("root").await;
    root.subscribe(json!({})).await;
    root.subscribe(json!({"teamId": 1})).await;
    server.alert(json!({"title": "disk full"})).await;
    let to = Action::Reassign { to: "root".into(), reason: None };
    server.act("root", 1, to).await.expect("assigned");
    root.expect("incident:created").await;
    root.expect("incident:reassigned").await;
    // Nobody has a contact: given to root, then step 1, and the last resort.
    for _ in 0..3 {
        root.expect("incident:escalated").await;
    }
    root.expect_nothing().await;
}

#[tokio::test]
async fn who_comes_back_gets_what_he_missed_once_and_in_order() {
    let mut server = TestServer::start().await;
    let mut bob = server.socket("bob").await;
    let cursor = bob.subscribe(json!({"teamId": "payments"})).await["head"].clone();
    drop(bob);
    for n in 0..5 {
        server.alert(json!({"title": format!("alert {n}")})).await;
    }
    server.restart().await;
    let mut bob = server.socket("bob").await;
    let back = bob.subscribe(json!({"teamId": "payments", "after": cursor})).await;
    let titles: Vec<&str> = back["events"]
        .as_array()
        .expect("events")
        .iter()
        .map(|event| event["incident"]["title"].as_str().expect("a title"))
        .collect();
    assert_eq!(titles, ["alert 0", "alert 1", "alert 2", "alert 3", "alert 4"]);
    assert_eq!(back["more"], false);
    server.alert(json!({"title": "alert 5"})).await;
    assert_eq!(bob.expect("incident:created").await["incident"]["title"], "alert 5");
    for (after, why) in [(json!(1_000_000), "beyond the head"), (json!(1), "before his membership")]
    {
        let reset = bob.subscribe(json!({"teamId": "payments", "after": after})).await;
        assert_eq!(reset["reset"], true, "{why}");
        assert_eq!(reset["incidents"].as_array().map(Vec::len), Some(6));
    }
}

#[tokio::test]
async fn a_large_backlog_comes_in_pieces() {
    let server = TestServer::start().await;
    let mut bob = server.socket("bob").await;
    let mut after = bob.subscribe(json!({"teamId": "payments"})).await["head"].clone();
    drop(bob);
    for n in 0..120 {
        let body = json!({"title": format!("alert {n}"), "description": "x".repeat(6_000)});
        server.alert(body).await;
    }
    let mut bob = server.socket("bob").await;
    let mut titles = Vec::new();
    loop {
        let piece = bob.subscribe(json!({"teamId": "payments", "after": after})).await;
        let events = piece["events"].as_array().unwrap_or_else(|| panic!("{piece}")).clone();
        assert!(piece.to_string().len() <= 256 * 1024);
        titles.extend(events.iter().map(|event| event["incident"]["title"].clone()));
        after = events.last().expect("some")["seq"].clone();
        if piece["more"] == false {
            break;
        }
    }
    let all: Vec<Value> = (0..120).map(|n| json!(format!("alert {n}"))).collect();
    assert_eq!(titles, all);
}

#[tokio::test]
async fn the_seam_loses_nothing_and_doubles_nothing() {
    let server = TestServer::start().await;
    let mut bob = server.socket("bob").await;
    let mut after = bob.subscribe(json!({"teamId": "payments"})).await["head"].clone();
    let posting = async {
        for n in 0..300 {
            server.alert(json!({"title": format!("alert {n}")})).await;
        }
    };
    let watching = async {
        let mut titles: Vec<Value> = Vec::new();
        while titles.len() < 300 {
            let mut socket = server.socket("bob").await;
            let joined = socket.subscribe(json!({"teamId": "payments", "after": after})).await;
            let events = joined["events"].as_array().unwrap_or_else(|| panic!("{joined}"));
            titles.extend(events.iter().map(|event| event["incident"]["title"].clone()));
            after = joined["head"].clone();
            for _ in 0..7 {
                if titles.len() == 300 {
                    break;
                }
                let event = socket.expect("incident:created").await;
                titles.push(event["incident"]["title"].clone());
                after = event["seq"].clone();
            }
        }
        titles
    };
    let ((), titles) = tokio::join!(posting, watching);
    let all: Vec<Value> = (0..300).map(|n| json!(format!("alert {n}"))).collect();
    assert_eq!(titles, all);
}

#[tokio::test]
async fn connecting_takes_a_verified_token() {
    let server = TestServer::start().await;
    for (auth, message) in [
        (json!({}), "Authentication required"),
        (Value::Null, "Authentication required"),
        (json!({"token": "inc_1_wrong"}), "Authentication failed"),
        (json!({"token": "x".repeat(5_000)}), "Authentication failed"),
    ] {
        let refused = Socket::connect(&server.url, &auth).await.err();
        assert_eq!(refused.as_deref(), Some(message), "{auth}");
    }
    let bob = server.socket("bob").await;
    assert_eq!(bob.authenticated["user"]["username"], "bob");
}

#[tokio::test]
async fn revoking_reaches_open_sockets() {
    let server = TestServer::start().await;
    let nothing = incidentd::api::Nothing {};
    let mut bob = server.socket("bob").await;
    bob.subscribe(json!({"teamId": "payments"})).await;
    let path = ("payments".to_owned(), "bob".to_owned());
    let remove = &incidentd::api::teams::REMOVE_MEMBER;
    server.call("alice", remove, path, &nothing, &nothing).await.expect("removed");
    assert_eq!(bob.expect("unsubscribed").await["rooms"], json!(["team:1"]));
    server.alert(json!({"title": "disk full"})).await;
    bob.expect_nothing().await;
    assert_eq!(bob.subscribe(json!({"teamId": "payments"})).await["ok"], false);

    let disable = &incidentd::api::users::DISABLE_USER;
    server.call("root", disable, "bob".to_owned(), &nothing, &nothing).await.expect("disabled");
    bob.expect("session_expired").await;
    assert!(bob.event().await.is_none(), "closed");
    let refused = Socket::connect(&server.url, &json!({"token": server.token("bob")})).await;
    assert_eq!(refused.err().as_deref(), Some("Session expired"));
}

#[tokio::test]
async fn who_joins_a_team_hears_of_it_and_subscribes_anew() {
    let server = TestServer::start().await;
    server.alert(json!({"title": "disk full"})).await;
    let mut mallory = server.socket("mallory").await;
    let before = mallory.subscribe(json!({})).await;
    assert_eq!(before["incidents"], json!([]), "{before}");
    let mut bob = server.socket("bob").await;
    let role = incidentd::api::teams::MemberRole { role: incidentd::domain::Role::Responder };
    let (path, set) = (("payments".into(), "mallory".into()), &incidentd::api::teams::SET_MEMBER);
    server.call("alice", set, path, &incidentd::api::Nothing {}, &role).await.expect("joined");
    let said = mallory.expect("membership_changed").await;
    assert_eq!(said, json!({"teamId": 1, "role": "responder"}));
    let now = mallory.subscribe(json!({"after": before["head"]})).await;
    assert_eq!(now["incidents"][0]["title"], "disk full", "{now}");
    bob.expect_nothing().await;
}

#[tokio::test]
async fn whoever_is_assigned_sees_it_live_without_a_subscription() {
    let server = TestServer::start().await;
    let mut mallory = server.socket("mallory").await;
    server.alert(json!({"title": "disk full"})).await;
    let to = Action::Reassign { to: "mallory".into(), reason: None };
    server.act("root", 1, to).await.expect("assigned");
    assert_eq!(mallory.expect("incident:reassigned").await["incidentId"], 1);
    let all = mallory.subscribe(json!({})).await;
    assert_eq!(all["incidents"][0]["id"], 1, "{all}");
}

#[tokio::test]
async fn a_hundred_messages_a_minute_and_reconnecting_does_not_reset_it() {
    let server = TestServer::start().await;
    let mut bob = server.socket("bob").await;
    for n in 1..=80 {
        let pong = bob.ask("ping", &Value::Null).await;
        assert_eq!(pong["ok"], true, "message {n}");
    }
    assert_eq!(bob.expect("rate_limit_warning").await["current"], 80);
    let mut again = server.socket("bob").await;
    for _ in 81..=100 {
        again.ask("ping", &Value::Null).await;
    }
    again.send("42[\"ping\"]").await;
    assert_eq!(again.expect("rate_limit_warning").await["current"], 101);
    assert!(again.event().await.is_none(), "disconnected");
    let mut third = server.socket("bob").await;
    assert_eq!(third.subscribe(json!({})).await["ok"], true, "the first subscribes are free");
}

#[tokio::test]
async fn what_clients_say_oddly_is_no_wish_for_everything() {
    let server = TestServer::start().await;
    for (mut client, transport) in [
        (node("odd.mjs"), "websocket"),
        (node("odd.mjs"), "polling"),
        (python("odd.py"), "websocket"),
        (python("odd.py"), "polling"),
    ] {
        client.args([&server.url, transport]).env("INCIDENTD_TOKEN", server.token("bob"));
        let ran = tokio::task::spawn_blocking(move || programs::run(&mut client, ""));
        let said = ran.await.expect("ran").done();
        let said: Value = serde_json::from_str(&said).expect("a line of JSON");
        let answers = said["answers"].as_object().expect("answers");
        assert_eq!(answers["pong"]["ok"], true, "{said}");
        for (what, answer) in answers.iter().filter(|(what, _)| *what != "pong") {
            assert_eq!(answer["error"]["code"], "invalid", "{what}: {answer}");
            let message = answer["error"]["message"].as_str().unwrap_or_default();
            assert!(message.contains("send one object {teamId?"), "{what}: {message}");
        }
    }
    // None of them is in a room, also of those that asked for no answer.
    let (mut quiet, mut loud) = (server.socket("bob").await, server.socket("bob").await);
    quiet.send(r#"42["subscribe:incidents",{},{}]"#).await;
    loud.subscribe(json!({})).await;
    server.alert(json!({"title": "disk full"})).await;
    loud.expect("incident:created").await;
    quiet.expect_nothing().await;
}

#[tokio::test]
async fn malformed_messages_harm_nobody() {
    let server = TestServer::start().await;
    let mut watcher = server.socket("alice").await;
    watcher.subscribe(json!({"teamId": "payments"})).await;
    let mut bob = server.socket("bob").await;
    for data in [
        json!(42),
        json!([1, 2]),
        json!("x"),
        json!(true),
        json!({"teamId": {"a": 1}}),
        json!({"teamIds": "payments"}),
        // A slip of the pen is no wish for all.
        json!({"team": "payments"}),
        json!({"after": "x"}),
        json!({"teamIds": vec![1; 10_000]}),
    ] {
        let answer = bob.subscribe(data.clone()).await;
        assert_eq!(answer["ok"], false, "{data} -> {answer}");
    }
    // Nor is what cannot be read as one message.
    for (id, packet) in [
        r#"42901["subscribe:incidents",{},{}]"#,
        r#"42902["subscribe:incidents",null,null]"#,
        r#"42903["unsubscribe:incidents",{"teamId":"payments"},3]"#,
    ]
    .iter()
    .enumerate()
    {
        bob.send(packet).await;
        let answer = bob.packet().await.expect("an answer");
        let expected = format!("4390{}", id + 1);
        assert!(answer.starts_with(&expected), "{packet} -> {answer}");
        assert!(answer.contains("send one object {teamId?, teamIds?, after?}"), "{answer}");
    }
    assert_eq!(bob.ask("no such event", &json!({})).await["ok"], false);
    assert_eq!(bob.ask("incident:created", &json!({"seq": 1})).await["ok"], false);
    for raw in [
        "42",
        "42[]",
        "42{}",
        "42[1]",
        "43[]",
        "4299999999999999999999[\"ping\"]",
        "40/other,{}",
        "45",
        "451-[\"x\",{\"_placeholder\":true,\"num\":0}]",
        "9",
        "",
        "4",
        "42[\"subscribe:incidents\",{}",
        "42[\"subscribe:incidents\",{},{},3]",
        "40{}",
        "41",
    ] {
        let mut socket = server.socket("carol").await;
        socket.send(raw).await;
    }
    let mut big = server.socket("carol").await;
    big.send(&format!("42[\"subscribe:incidents\",\"{}\"]", "x".repeat(1_000_000))).await;
    assert!(big.packet().await.is_none(), "over 64 KiB: closed");
    server.alert(json!({"title": "disk full"})).await;
    watcher.expect("incident:created").await;
}

#[tokio::test]
async fn pages_of_other_origins_are_refused_and_this_servers_own_may_poll() {
    let server = TestServer::start().await;
    let poll = |origin: String| {
        let url = format!("{}/socket.io/?EIO=4&transport=polling", server.url);
        server.http().get(url).header("origin", origin).send()
    };
    let own = poll(server.url.clone()).await.expect("an answer");
    assert_eq!(own.status(), 200);
    let allowed = own.headers().get("access-control-allow-origin").expect("consent");
    assert_eq!(allowed.to_str().expect("text"), server.url);
    let foreign = poll("https://evil.example".into()).await.expect("an answer");
    assert_eq!(foreign.status(), 403);
    assert!(foreign.headers().get("access-control-allow-origin").is_none());
}

#[tokio::test]
async fn a_shutdown_tells_clients_and_does_not_send_them_away() {
    let mut server = TestServer::start().await;
    let mut bob = server.socket("bob").await;
    let stopping = server.server.take().expect("runs").stop();
    let hearing = async {
        let mut packets = Vec::new();
        while let Some(packet) = bob.packet().await {
            packets.push(packet);
        }
        packets
    };
    let ((), packets) = tokio::join!(stopping, hearing);
    assert_eq!(bob.close_code, Some(1001), "going away");
    // Neither a Socket.IO disconnect nor an Engine.IO close: some clients never come back from it.
    assert!(!packets.iter().any(|packet| packet.starts_with("41") || packet == "1"), "{packets:?}");
}
