//! Engine.IO and Socket.IO as nobody's library speaks them: every byte by hand.
use std::time::Duration;

use futures_util::SinkExt;
use incidentd::api::tokens::NewToken;
use incidentd::api::{Nothing, users};
use incidentd::app::Caller;
use incidentd::secret::Secret;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{Socket, TestServer, answer, mins, secs};
use crate::wire::{
    Polling, Raw, WEBSOCKET, WebSocket, asking, event, is_well, packet, status, until, websocket,
    within,
};

async fn get(server: &TestServer, query: &str) -> u16 {
    let head = format!("GET /socket.io/?{query} HTTP/1.1\r\nHost: x\r\n\r\n");
    status(&server.url, head).await
}

/// A websocket that has its Engine.IO session and nothing else.
async fn opened(server: &TestServer) -> WebSocket {
    let mut ws = websocket(&server.url, WEBSOCKET, &[]).await.expect("a websocket");
    assert!(packet(&mut ws).await.expect("open").starts_with('0'));
    ws
}

async fn say(ws: &mut WebSocket, text: impl Into<String>) {
    // Fails when the server is gone, which the next read tells.
    let _ = ws.send(Message::text(text.into())).await;
}

/// A websocket that is connected as `token`'s owner.
async fn connected(server: &TestServer, token: &str) -> WebSocket {
    let mut ws = opened(server).await;
    say(&mut ws, format!("40{{\"token\":\"{token}\"}}")).await;
    assert!(packet(&mut ws).await.expect("connected").starts_with("40"));
    assert!(packet(&mut ws).await.expect("greeted").starts_with("42[\"authenticated\""));
    ws
}

/// Everything that comes until the connection ends.
async fn rest(ws: &mut WebSocket) -> Vec<String> {
    let mut packets = Vec::new();
    while let Some(packet) = packet(ws).await {
        packets.push(packet);
    }
    packets
}

async fn still_serves(server: &TestServer) {
    let mut bob = server.socket("bob").await;
    bob.expect_nothing().await;
    is_well(server, "all that").await;
}

#[tokio::test]
async fn handshakes_that_are_none() {
    let server = TestServer::start().await;
    let unknown = "AAAAAAAAAAAAAAHs";
    for query in [
        "EIO=3&transport=polling",
        "EIO=3&transport=websocket",
        "EIO=5&transport=polling",
        "EIO=&transport=polling",
        "EIO=4",
        "transport=polling",
        "EIO=4&transport=foo",
        "EIO=4&transport=",
        "",
        &format!("EIO=4&transport=polling&sid={unknown}"),
        "EIO=4&transport=polling&sid=",
        "EIO=4&transport=polling&sid=../../etc",
        &format!("EIO=4&transport=polling&sid={}", "a".repeat(5_000)),
        "EIO=4&transport=websocket",
        &format!("EIO=4&transport=websocket&sid={unknown}"),
        "EIO=4&transport=polling&token=inc_1_x",
        "EIO=4&transport=polling&a=b&token=",
    ] {
        assert_eq!(get(&server, query).await, 400, "{query}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"] {
        let head = format!(
            "{method} /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
        );
        let status = status(&server.url, head).await;
        assert!(matches!(status, 400 | 405), "{method}: {status}");
    }
    for path in [WEBSOCKET.to_owned() + "&token=x", WEBSOCKET.replace('4', "3")] {
        assert_eq!(websocket(&server.url, &path, &[]).await.err(), Some(400), "{path}");
    }
    // The library upgrades first and looks for the session then: closed at once.
    let path = format!("{WEBSOCKET}&sid={unknown}");
    if let Ok(mut ws) = websocket(&server.url, &path, &[]).await {
        assert_eq!(rest(&mut ws).await, Vec::<String>::new());
    }
    still_serves(&server).await;
}

#[tokio::test]
async fn polling_is_as_good_as_a_websocket() {
    let server = TestServer::start().await;
    let mut bob = Polling::open(&server.url, server.http()).await;
    bob.connect(server.token("bob")).await;
    let joined = bob.subscribe().await;
    assert_eq!((&joined["ok"], &joined["reset"]), (&json!(true), &json!(true)), "{joined}");
    for n in 0..20 {
        server.alert(json!({"title": format!("alert {n}")})).await;
    }
    for n in 0..20 {
        let (name, data) = event(&bob.packet().await);
        assert_eq!(name, "incident:created");
        assert_eq!(data["incident"]["title"], format!("alert {n}"));
    }
    // Two at once is not allowed; it ends the session, not the server.
    let (a, b) = tokio::join!(bob.poll(), bob.poll());
    assert!(a.0 == 400 || b.0 == 400 || a.0 == 200, "{a:?} {b:?}");
    still_serves(&server).await;
}

#[tokio::test]
async fn events_cross_an_upgrade_once_and_in_order() {
    let server = TestServer::start().await;
    let mut bob = Polling::open(&server.url, server.http()).await;
    bob.connect(server.token("bob")).await;
    assert_eq!(bob.subscribe().await["ok"], true);
    let posting = async {
        for n in 0..120 {
            server.alert(json!({"title": format!("alert {n}")})).await;
        }
    };
    let watching = async {
        let mut titles: Vec<Value> = Vec::new();
        let keep = |titles: &mut Vec<Value>, packet: &str| {
            if packet.starts_with("42") {
                titles.push(event(packet).1["incident"]["title"].clone());
            }
        };
        while titles.len() < 20 {
            let packet = bob.packet().await;
            keep(&mut titles, &packet);
        }
        let path = format!("{WEBSOCKET}&sid={}", bob.sid);
        let mut ws = websocket(&server.url, &path, &[]).await.expect("a websocket");
        say(&mut ws, "2probe").await;
        // The poll that is under way ends, with what was ready or with nothing.
        let probed = async { assert_eq!(packet(&mut ws).await.as_deref(), Some("3probe")) };
        let polled = bob.poll();
        let ((), (_, last)) = tokio::join!(probed, polled);
        for packet in &last {
            keep(&mut titles, packet);
        }
        say(&mut ws, "5").await;
        while titles.len() < 120 {
            let packet = packet(&mut ws).await.expect("an event");
            keep(&mut titles, &packet);
        }
        titles
    };
    let ((), titles) = tokio::join!(posting, watching);
    let all: Vec<Value> = (0..120).map(|n| json!(format!("alert {n}"))).collect();
    assert_eq!(titles, all);
}

#[tokio::test]
async fn who_does_not_connect_is_let_go() {
    let server = TestServer::start().await;
    let mut silent = opened(&server).await;
    let mut chatty = opened(&server).await;
    let mut elsewhere = opened(&server).await;
    say(&mut elsewhere, "40/admin,{}").await;
    let refused = packet(&mut elsewhere).await.expect("an answer");
    assert!(refused.starts_with("44/admin"), "{refused}");
    let polling = Polling::open(&server.url, server.http()).await;
    say(&mut chatty, "42[\"ping\"]").await;
    let gone = async {
        tokio::join!(rest(&mut silent), rest(&mut chatty), rest(&mut elsewhere));
    };
    within(secs(12), "an end", gone).await;
    until("the session's end", || async { polling.poll().await.0 == 400 }).await;
}

#[tokio::test]
async fn twenty_thousand_connects_are_one() {
    let server = TestServer::start().await;
    let mut ws = opened(&server).await;
    let connect = format!("40{{\"token\":\"{}\"}}", server.token("bob"));
    for _ in 0..20_000 {
        ws.feed(Message::text(connect.clone())).await.expect("sent");
    }
    ws.flush().await.expect("sent");
    say(&mut ws, "421[\"ping\"]").await;
    let mut answers = Vec::new();
    loop {
        let packet = packet(&mut ws).await.expect("no end");
        let done = packet.starts_with("431");
        answers.push(packet);
        if done {
            break;
        }
    }
    let accepted = answers.iter().filter(|packet| packet.starts_with("40")).count();
    let greeted = answers.iter().filter(|packet| packet.contains("authenticated")).count();
    assert_eq!((accepted, greeted), (1, 1));
    assert!(answers.len() < 10, "{}", answers.len());
    // With a wrong token each is an answer at most, and never a way in.
    let mut ws = opened(&server).await;
    for _ in 0..2_000 {
        ws.feed(Message::text("40{\"token\":\"inc_1_x\"}")).await.expect("sent");
    }
    ws.flush().await.expect("sent");
    let all = rest(&mut ws).await;
    assert!(all.iter().all(|packet| packet.starts_with("44") || packet == "1"), "{all:?}");
    let metrics = server.server().metrics.clone();
    until("one socket at most", || async { metrics.sockets.get() <= 1 }).await;
    still_serves(&server).await;
}

#[tokio::test]
async fn packets_beyond_all_limits_end_the_connection() {
    let server = TestServer::start().await;
    let token = server.token("bob").to_owned();
    let big = "x".repeat(70_000);
    let mut cases: Vec<(&str, Vec<Message>)> = vec![
        ("a large text", vec![Message::text(format!("42[\"ping\",\"{big}\"]"))]),
        ("a large binary", vec![Message::binary(vec![0; 70_000])]),
        (
            "attachments without end",
            vec![Message::text("4599999-[\"ping\",{\"_placeholder\":true,\"num\":0}]")],
        ),
        (
            "nine attachments",
            vec![Message::text("459-[\"ping\",{\"_placeholder\":true,\"num\":0}]")],
        ),
    ];
    let mut heavy = vec![Message::text("458-[\"ping\",{\"_placeholder\":true,\"num\":0}]")];
    heavy.extend((0..8).map(|_| Message::binary(vec![7; 60_000])));
    cases.push(("480 KB of attachments", heavy));
    for (name, messages) in cases {
        for connect in [true, false] {
            let mut ws =
                if connect { connected(&server, &token).await } else { opened(&server).await };
            for message in messages.clone() {
                let _ = ws.feed(message).await;
            }
            let _ = ws.flush().await;
            within(secs(12), name, rest(&mut ws)).await;
        }
    }
    // By polling the same.
    let polling = Polling::open(&server.url, server.http()).await;
    let (status, _) = answer(
        server
            .http()
            .post(format!("{}/socket.io/?EIO=4&transport=polling&sid={}", server.url, polling.sid))
            .body(format!("42[\"{big}\"]")),
    )
    .await;
    assert_eq!(status, 413);
    still_serves(&server).await;
}

/// One frame from a client, masked with zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..126 => frame.push(0x80 | u8::try_from(short).expect("short")),
        long => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

async fn raw_websocket(server: &TestServer) -> Raw {
    let mut raw = Raw::connect(&server.url).await;
    raw.send(format!(
        "GET {WEBSOCKET} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    ))
    .await;
    let upgraded = raw.answer().await.expect("an answer");
    assert_eq!(upgraded.status, 101);
    assert!(!upgraded.head.contains("deflate"), "compression is not offered: {}", upgraded.head);
    raw
}

#[tokio::test]
async fn frames_that_break_the_rules_end_the_connection() {
    let server = TestServer::start().await;
    let parked = "x".repeat(60_000);
    for (name, frames) in [
        // Fragments of one message that never ends: 64 KiB, then out.
        (
            "parked fragments",
            vec![frame(0x01, parked.as_bytes()), frame(0x00, parked.as_bytes()), frame(0x00, b"x")],
        ),
        ("a frame that claims 2^62 bytes", vec![[&[0x81, 0xff, 0x40][..], &[0; 11]].concat()]),
        ("a frame that claims 2^64 bytes", vec![[&[0x81, 0xff][..], &[0xff; 8], &[0; 4]].concat()]),
        ("no mask", vec![vec![0x81, 0x02, b'4', b'0']]),
        ("reserved bits", vec![frame(0xf1, b"2")]),
        ("an unknown opcode", vec![frame(0x83, b"2")]),
        ("a long ping", vec![frame(0x89, &[b'x'; 126])]),
        ("a ping in pieces", vec![frame(0x09, b"x")]),
        ("a text that is none", vec![frame(0x81, b"\xff\xfe")]),
        ("the middle without a start", vec![frame(0x00, b"x")]),
        ("a close with one byte", vec![frame(0x88, b"x")]),
        ("HTTP after the upgrade", vec![b"GET / HTTP/1.1\r\n\r\n".to_vec()]),
    ] {
        let mut raw = raw_websocket(&server).await;
        for bytes in frames {
            raw.send(bytes).await;
        }
        within(secs(12), name, raw.closed()).await;
    }
    // A fragment that stays alone costs its own bytes, and the connection ends with the rest.
    let mut alone = raw_websocket(&server).await;
    alone.send(frame(0x01, parked.as_bytes())).await;
    within(secs(12), "a fragment alone", alone.closed()).await;
    still_serves(&server).await;
}

#[tokio::test]
async fn other_peoples_pages_may_not_connect() {
    let server = TestServer::start().await;
    let host = server.url.trim_start_matches("http://").to_owned();
    let port: u16 = host.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let foreign = [
        "https://evil.example".to_owned(),
        "null".to_owned(),
        "file://".to_owned(),
        String::new(),
        format!("http://127.0.0.1:{}", port ^ 1),
        "http://127.0.0.1".to_owned(),
        format!("ftp://{host}"),
        format!("http://evil-{host}"),
        format!("http://{host}.evil.example"),
        format!("http://evil.example/{host}"),
        format!("http://evil.example@{host}"),
        format!("http://{host}/"),
        format!("http://localhost:{port}"),
        format!("chrome-extension://{host}"),
        "\u{e9}vil".to_owned(),
    ];
    for origin in &foreign {
        let headers = [("origin", origin.as_str())];
        let refused = websocket(&server.url, WEBSOCKET, &headers).await.err();
        assert_eq!(refused, Some(403), "{origin} by websocket");
        let url = format!("{}/socket.io/?EIO=4&transport=polling", server.url);
        let (status, body) = answer(server.http().get(url).header("origin", origin)).await;
        assert_eq!(status, 403, "{origin} by polling: {body}");
    }
    // A name that a stranger's DNS may point here proves nothing.
    let rebound = format!(
        "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: rebound.example:{port}\r\n\
         Origin: http://rebound.example:{port}\r\n\r\n"
    );
    assert_eq!(status(&server.url, rebound).await, 403);
    let own = format!("http://{host}");
    assert!(websocket(&server.url, WEBSOCKET, &[("origin", &own)]).await.is_ok());
    let url = format!("{}/socket.io/?EIO=4&transport=polling", server.url);
    assert_eq!(answer(server.http().get(url).header("origin", own)).await.0, 200);
}

/// Logs bob in; his session's cookie.
async fn log_in(server: &TestServer) -> String {
    let password = Secret::new("correct horse");
    server.server().app.set_password(&Caller::host(), "bob".into(), password).await.expect("set");
    let url = format!("{}/api/v1/sessions", server.url);
    let login = json!({"username": "bob", "password": "correct horse"});
    let response = server.http().post(url).json(&login).send().await.expect("an answer");
    assert_eq!(response.status(), 200);
    let cookie = response.headers()["set-cookie"].to_str().expect("text").to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    cookie.split(';').next().expect("a pair").to_owned()
}

#[tokio::test]
async fn a_cookie_counts_only_from_an_allowed_page() {
    let server = TestServer::start().await;
    let cookie = log_in(&server).await;
    let own = server.url.clone();
    let mut bare = websocket(&server.url, WEBSOCKET, &[("cookie", &cookie)]).await.expect("opened");
    packet(&mut bare).await.expect("open");
    say(&mut bare, "40").await;
    let refused = packet(&mut bare).await.expect("an answer");
    assert_eq!(refused, "44{\"message\":\"Authentication required\"}");
    for (name, value, lets_in) in [
        ("sec-fetch-site", "same-site", false),
        ("sec-fetch-site", "same-origin", true),
        ("origin", own.as_str(), true),
        // All that a poll over plain http says.
        ("x-incidentd-page", "same-origin", true),
    ] {
        let headers = [("cookie", cookie.as_str()), (name, value)];
        let mut page = websocket(&server.url, WEBSOCKET, &headers).await.expect("opened");
        packet(&mut page).await.expect("open");
        say(&mut page, "40").await;
        let answer = packet(&mut page).await.expect("an answer");
        assert_eq!(answer.starts_with("40"), lets_in, "{name}: {value}: {answer}");
    }
    // Pages of others cannot send that: their browser asks first.
    let polls = format!("{}/socket.io/?EIO=4&transport=polling", server.url);
    let preflight = server.http().request(reqwest::Method::OPTIONS, polls);
    let preflight = preflight
        .header("origin", "http://127.0.0.1:1")
        .header("access-control-request-headers", "x-incidentd-page");
    let refused = preflight.send().await.expect("an answer");
    assert_eq!(refused.status(), 403);
    assert!(!refused.headers().contains_key("access-control-allow-headers"));

    let headers = [("cookie", cookie.as_str()), ("origin", own.as_str())];
    let mut page = websocket(&server.url, WEBSOCKET, &headers).await.expect("opened");
    packet(&mut page).await.expect("open");
    say(&mut page, "40").await;
    assert!(packet(&mut page).await.expect("connected").starts_with("40"));
    let hello = event(&packet(&mut page).await.expect("greeted")).1;
    assert_eq!(hello["user"]["username"], "bob");

    // Over HTTP: reading is free to pages of this server, changing takes their Origin.
    let me = format!("{}/api/v1/me", server.url);
    let act = format!("{}/api/v1/incidents", server.url);
    let body = json!({"service": "checkout", "title": "x"});
    for (origin, site, reads, writes) in [
        (Some(own.as_str()), None, 200, 200),
        (Some("https://evil.example"), None, 403, 403),
        (Some("null"), None, 403, 403),
        (None, None, 200, 403),
        (None, Some("same-origin"), 200, 200),
        (None, Some("cross-site"), 403, 403),
        (None, Some("same-site"), 200, 403),
        (None, Some("none"), 200, 403),
    ] {
        let with = |mut request: reqwest::RequestBuilder| {
            request = request.header("cookie", &cookie);
            if let Some(origin) = origin {
                request = request.header("origin", origin);
            }
            if let Some(site) = site {
                request = request.header("sec-fetch-site", site);
            }
            request
        };
        let read = answer(with(server.http().get(&me))).await.0;
        let write = answer(with(server.http().post(&act).json(&body))).await.0;
        assert_eq!((read, write), (reads, writes), "{origin:?} {site:?}");
    }
    // A page of somebody else cannot log its visitor in, either.
    let url = format!("{}/api/v1/sessions", server.url);
    let login = json!({"username": "bob", "password": "correct horse"});
    let foreign = server.http().post(url).json(&login).header("origin", "https://evil.example");
    assert_eq!(answer(foreign).await.0, 403);

    // Logging out reaches the page at once, and says so before it ends.
    let out = format!("{}/api/v1/sessions/current", server.url);
    let request = server.http().delete(out).header("cookie", &cookie).header("origin", &own);
    assert_eq!(answer(request).await.0, 200);
    let (name, _) = event(&packet(&mut page).await.expect("told"));
    assert_eq!(name, "session_expired");
    assert_eq!(packet(&mut page).await.as_deref(), Some("41"));
    let again = server.http().get(me).header("cookie", &cookie);
    assert_eq!(answer(again).await.0, 401, "the session is over on the server");
}

#[tokio::test]
async fn an_expired_token_ends_its_sockets() {
    let mut server = TestServer::start().await;
    let new = NewToken {
        user: Some("bob".into()),
        expires: Some("60s".parse().expect("a span")),
        ..NewToken::default()
    };
    let issued = server.server().app.create_token(&Caller::host(), new).await.expect("made");
    let mut ws = connected(&server, &issued.token).await;
    let mut other = server.socket("bob").await;
    server.advance(secs(59)).await;
    say(&mut ws, "421[\"ping\"]").await;
    assert!(packet(&mut ws).await.expect("an answer").starts_with("431"));
    server.advance(secs(2)).await;
    let told = packet(&mut ws).await.expect("told");
    assert!(told.starts_with("42[\"session_expired\""), "{told}");
    assert_eq!(packet(&mut ws).await.as_deref(), Some("41"));
    other.expect_nothing().await;
    let refused = Socket::connect(&server.url, &json!({"token": issued.token})).await.err();
    assert_eq!(refused.as_deref(), Some("Session expired"));
    server.advance(mins(1)).await;
}

#[tokio::test]
async fn a_token_for_one_team_sees_that_team_alone() {
    let server = TestServer::start().await;
    for (user, team, rooms, sees) in [
        ("root", "payments", "team:1", true),
        ("root", "search", "team:2", false),
        ("bob", "payments", "team:1", true),
    ] {
        let new =
            NewToken { user: Some(user.into()), team: Some(team.into()), ..NewToken::default() };
        let app = &server.server().app;
        let issued = app.create_token(&Caller::host(), new).await.expect("made");
        let auth = json!({"token": issued.token});
        let mut socket = Socket::connect(&server.url, &auth).await.expect("connected");
        let joined = socket.subscribe(json!({})).await;
        assert_eq!(joined["rooms"], json!([rooms]), "neither a person's room nor all: {joined}");
        let others = socket.subscribe(json!({"teamIds": ["payments", "search"]})).await;
        assert_eq!(others["ok"], false, "{others}");
        let title = format!("for {user} of {team}");
        let id = server.alert(json!({"title": title})).await.incident_id.expect("an id");
        let to = incidentd::domain::Action::Reassign { to: user.into(), reason: None };
        server.act("root", id.0, to).await.expect("assigned");
        if sees {
            assert_eq!(socket.expect("incident:created").await["incident"]["title"], title);
            socket.expect("incident:reassigned").await;
        }
        if sees {
            // Nobody has a contact: given to him, then step 1, and the last resort.
            for _ in 0..3 {
                socket.expect("incident:escalated").await;
            }
        }
        socket.expect_nothing().await;
        let me = server.http().get(format!("{}/api/v1/me", server.url)).bearer_auth(&issued.token);
        let (_, me) = answer(me).await;
        let teams: Vec<&Value> =
            me["teams"].as_array().expect("teams").iter().map(|t| &t["slug"]).collect();
        assert!(teams.iter().all(|slug| **slug == *team), "{me}");
        let list = format!("{}/api/v1/tokens", server.url);
        let (_, tokens) = answer(server.http().get(list).bearer_auth(&issued.token)).await;
        for token in tokens["items"].as_array().expect("tokens") {
            assert_eq!(token["team"], team, "{tokens}");
        }
    }
}

#[tokio::test]
async fn what_a_client_may_not_say() {
    let server = TestServer::start().await;
    let mut watcher = server.socket("alice").await;
    watcher.subscribe(json!({})).await;
    let mut bob = server.socket("bob").await;
    let many: Vec<Value> = (0..10_000).map(|n| json!(n)).collect();
    let refused = bob.subscribe(json!({"teamIds": many})).await;
    assert_eq!(refused["error"]["code"], "invalid", "{}", refused["error"]["message"]);
    assert!(refused.to_string().len() < 1_000, "what is refused is not repeated");
    for name in [
        "incident:created",
        "incident:resolved",
        "session_expired",
        "rate_limit_warning",
        "authenticated",
        "unsubscribed",
        "connect",
        "disconnect",
        "connect_error",
        "newListener",
        "__proto__",
    ] {
        let answer = bob.ask(name, &json!({"seq": 1, "incidentId": 1, "message": "x"})).await;
        assert_eq!(answer["ok"], false, "{name:?}: {answer}");
    }
    // Names that the library cannot read end the connection that said them.
    for name in ["", "\u{0}\u{1b}[2J", "a\"b"] {
        let mut ws = connected(&server, server.token("carol")).await;
        say(&mut ws, format!("421{}", json!([name, {}]))).await;
        let said = packet(&mut ws).await.unwrap_or_default();
        assert!(said.is_empty() || said == "1" || said.contains("\"ok\":false"), "{said}");
        assert!(!said.contains("\\u001b"), "{said}");
    }
    watcher.expect_nothing().await;
    // Ids of acks, as large as they come.
    let mut ws = connected(&server, server.token("carol")).await;
    for id in ["0", "9223372036854775807", "9223372036854775808", "-1", "00000000000000000001"] {
        say(&mut ws, format!("42{id}[\"ping\"]")).await;
        say(&mut ws, format!("43{id}[1]")).await;
    }
    still_serves(&server).await;
}

#[tokio::test]
async fn a_flood_of_questions_ends_itself() {
    let server = TestServer::start().await;
    let mut healthy = server.socket("alice").await;
    healthy.subscribe(json!({})).await;
    let mut ws = connected(&server, server.token("bob")).await;
    for id in 0..20_000 {
        if ws.feed(Message::text(format!("42{id}[\"ping\"]"))).await.is_err() {
            break;
        }
    }
    let _ = ws.flush().await;
    let mut said = Vec::new();
    while let Some(packet) = packet(&mut ws).await {
        let over = packet.starts_with("41");
        said.push(packet);
        if over {
            break;
        }
    }
    let answered = said.iter().filter(|packet| packet.contains("\"now\"")).count();
    assert!(answered <= 100, "{answered}");
    assert!(said.iter().any(|packet| packet.contains("rate_limit_warning")));
    server.alert(json!({"title": "disk full"})).await;
    healthy.expect("incident:created").await;
    still_serves_alice(&server).await;
}

async fn still_serves_alice(server: &TestServer) {
    server.socket("alice").await.expect_nothing().await;
}

#[tokio::test]
async fn who_leaves_in_the_doorway_leaves_nothing_behind() {
    let server = TestServer::start().await;
    let token = server.token("bob").to_owned();
    for n in 0..120 {
        let mut ws = opened(&server).await;
        ws.feed(Message::text(format!("40{{\"token\":\"{token}\"}}"))).await.expect("sent");
        match n % 3 {
            // Connect and disconnect in one breath.
            0 => {
                ws.feed(Message::text("41")).await.expect("sent");
                ws.flush().await.expect("sent");
                packet(&mut ws).await;
            }
            1 => {
                ws.flush().await.expect("sent");
                ws.close(None).await.expect("closed");
            }
            _ => ws.flush().await.expect("sent"),
        }
        drop(ws);
    }
    let metrics = server.server().metrics.clone();
    until("no socket", || async { metrics.sockets.get() == 0 }).await;
    until("no connection", || async { metrics.connections.get() <= 1 }).await;
}

#[tokio::test]
async fn who_is_sent_away_does_not_keep_the_line() {
    let server = TestServer::start().await;
    let mut ws = connected(&server, server.token("bob")).await;
    let disable = &users::DISABLE_USER;
    let nothing = Nothing {};
    server.call("root", disable, "bob".to_owned(), &nothing, &nothing).await.expect("disabled");
    let left = within(secs(15), "the end of the line", rest(&mut ws)).await;
    assert!(left.iter().any(|packet| packet.starts_with("41")), "{left:?}");
    // Who goes by himself, too.
    let mut ws = connected(&server, server.token("alice")).await;
    say(&mut ws, "41").await;
    within(secs(15), "the end of the line", rest(&mut ws)).await;
    let metrics = server.server().metrics.clone();
    until("no socket", || async { metrics.sockets.get() == 0 }).await;
}

#[tokio::test]
async fn a_session_that_never_was_is_not_remembered() {
    let server = TestServer::start().await;
    // Each names a session of its own; none exists.
    for n in 0..300 {
        let path = format!("{WEBSOCKET}&sid=AAAAAAAAAAAA{n:04}");
        if let Ok(mut ws) = websocket(&server.url, &path, &[]).await {
            assert_eq!(rest(&mut ws).await, Vec::<String>::new());
        }
    }
    // A second websocket for a session does not take the place of its own.
    let mut bob = Polling::open(&server.url, server.http()).await;
    bob.connect(server.token("bob")).await;
    let head = format!("GET {WEBSOCKET}&sid={} HTTP/1.1\r\nHost: x\r\n\r\n", bob.sid);
    assert_eq!(status(&server.url, head).await, 400);
    assert_eq!(bob.subscribe().await["ok"], true);
    still_serves(&server).await;
}

#[tokio::test]
async fn handshakes_that_lead_nowhere_are_bounded() {
    let server = TestServer::with(|config| config.limits.sockets = 200).await;
    let mut raw = Raw::connect(&server.url).await;
    let mut refused = None;
    for n in 0..600 {
        raw.send("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n").await;
        let answer = raw.answer().await.expect("an answer");
        if answer.status == 503 {
            assert!(answer.head.contains("retry-after"), "{}", answer.head);
            refused = Some(n);
            break;
        }
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    assert!(refused.is_some(), "600 sessions without a connect");
    // They pass, and then others are let in again.
    let again = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n";
    let free = || async { status(&server.url, again).await == 200 };
    within(Duration::from_secs(15), "room again", asking(free)).await;
}
