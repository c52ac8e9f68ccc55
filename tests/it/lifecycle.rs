//! What people do with incidents, and who may.
use incidentd::domain::{Action, Span, Status};
use incidentd::error::Kind;
use serde_json::json;

use crate::harness::{TestServer, hours, mins};

fn ack() -> Action {
    Action::Acknowledge { span: None, until: None, note: None, take: false }
}

#[tokio::test]
async fn two_who_acknowledge_at_once_one_wins_and_the_other_sees_who() {
    let server = TestServer::start().await;
    for _ in 0..20 {
        let title = format!("disk {}", *server.server().app.head().borrow());
        let id = server.alert(json!({"title": title})).await.incident_id.expect("an incident").0;
        let (a, b) = tokio::join!(server.act("alice", id, ack()), server.act("bob", id, ack()));
        let (a, b) = (a.expect("200"), b.expect("200"));
        assert!(a.changed != b.changed, "exactly one wins");
        let by = |acted: &incidentd::api::incidents::Acted| {
            acted.incident.acknowledged_by.clone().map(|by| by.name)
        };
        assert_eq!(by(&a), by(&b), "both see the winner");
        assert_eq!(server.story(id).await, ["created", "acknowledged"]);
    }
}

#[tokio::test]
async fn roles_are_enforced_in_one_place() {
    let server = TestServer::start().await;
    let id = server.alert(json!({"title": "disk full"})).await.incident_id.expect("an incident").0;
    let stranger = server.act("mallory", id, ack()).await.expect_err("a stranger");
    let missing = server.act("mallory", 4_711, ack()).await.expect_err("there is none");
    assert_eq!(stranger.kind, Kind::NotFound);
    assert_eq!(
        stranger.detail.replace("Incident 1 ", ""),
        missing.detail.replace("Incident 4711 ", ""),
        "what one may not see does not exist"
    );
    let observer = server.act("carol", id, ack()).await.expect_err("an observer");
    assert_eq!(observer.kind, Kind::Forbidden);
    assert!(server.act("bob", id, ack()).await.expect("a responder").changed);

    // Assigned, a stranger to the team may act until a day after the resolve.
    let to = Action::Reassign { to: "mallory".into(), reason: None };
    assert!(server.act("bob", id, to.clone()).await.is_err(), "bob does not know mallory");
    assert!(server.act("root", id, to).await.expect("root does").changed);
    let mut server = server;
    assert!(server.act("mallory", id, ack()).await.expect("assigned").changed);
    assert!(
        server
            .act("mallory", id, Action::Resolve { note: None, hold: None })
            .await
            .expect("assigned")
            .changed
    );
    server.advance(hours(25)).await;
    let late = server.act("mallory", id, Action::AddNote { body: "x".into() }).await;
    assert_eq!(late.expect_err("too late").kind, Kind::NotFound);
}

#[tokio::test]
async fn an_acknowledgement_times_out_and_a_snooze_ends() {
    let mut server = TestServer::start().await;
    let id = server.alert(json!({"title": "disk full"})).await.incident_id.expect("an incident").0;
    let short =
        Action::Acknowledge { span: Some(Span::secs(1_800)), until: None, note: None, take: false };
    server.act("bob", id, short).await.expect("acknowledged");
    server.advance(mins(29)).await;
    assert_eq!(server.incident(id).await.status, Status::Acknowledged);
    server.advance(mins(1)).await;
    assert_eq!(server.incident(id).await.status, Status::Triggered);
    server
        .act("bob", id, Action::Snooze { span: Some(Span::secs(600)), until: None })
        .await
        .expect("snoozed");
    server.restart().await;
    server.advance(mins(10)).await;
    // Each time step 1 at once, and, since nobody has a contact, the last resort.
    let both = ["escalated", "escalated"];
    let timeout = [&["created", "acknowledged", "updated ack_timeout"][..], &both].concat();
    let snooze = [&["updated snoozed", "updated snooze_ended"][..], &both].concat();
    assert_eq!(server.story(id).await, [timeout, snooze].concat());
}

#[tokio::test]
async fn a_stepped_wall_clock_fires_neither_all_nor_none() {
    let mut server = TestServer::start().await;
    let mut ids = Vec::new();
    for title in ["elapsed", "wall"] {
        ids.push(server.alert(json!({"title": title})).await.incident_id.expect("an incident").0);
    }
    let half_hour = Some(Span::secs(1_800));
    let timed = Action::Acknowledge { span: half_hour, until: None, note: None, take: false };
    server.act("bob", ids[0], timed).await.expect("acknowledged");
    server
        .act("bob", ids[1], Action::Snooze { span: half_hour, until: None })
        .await
        .expect("snoozed");
    server.step_wall(jiff::SignedDuration::from_hours(1)).await;
    assert_eq!(server.incident(ids[0]).await.status, Status::Acknowledged, "no time has passed");
    assert_eq!(server.incident(ids[1]).await.status, Status::Triggered, "its moment has passed");
    server.step_wall(jiff::SignedDuration::from_hours(-2)).await;
    server.advance(mins(29)).await;
    assert_eq!(server.incident(ids[0]).await.status, Status::Acknowledged);
    server.advance(mins(2)).await;
    assert_eq!(server.incident(ids[0]).await.status, Status::Triggered, "half an hour is one");
}

#[tokio::test]
async fn who_leaves_a_team_lets_go_of_what_he_holds() {
    let server = TestServer::start().await;
    let id = server.alert(json!({"title": "disk full"})).await.incident_id.expect("an incident").0;
    server.act("bob", id, ack()).await.expect("acknowledged");
    let path = ("payments".to_owned(), "bob".to_owned());
    let nothing = incidentd::api::Nothing {};
    server
        .call("alice", &incidentd::api::teams::REMOVE_MEMBER, path, &nothing, &nothing)
        .await
        .expect("removed");
    assert_eq!(server.incident(id).await.status, Status::Triggered);
    assert_eq!(server.act("bob", id, ack()).await.expect_err("gone").kind, Kind::NotFound);
}

#[tokio::test]
async fn a_repeated_idempotency_key_counts_once() {
    let server = TestServer::start().await;
    let send = |key: &'static str, body: serde_json::Value| {
        let url = format!("{}/integrations/{}/generic", server.url, crate::harness::KEY);
        let request = server.http().post(url).header("idempotency-key", key).json(&body);
        crate::harness::answer(request)
    };
    let first = send("a", json!({"title": "disk full"})).await;
    let again = send("a", json!({"title": "disk full"})).await;
    assert_eq!(first, again);
    assert_eq!(first.0, 202);
    assert_eq!(server.incident(1).await.alert_count, 1);
    let (status, problem) = send("a", json!({"title": "another"})).await;
    assert_eq!(status, 422, "{problem}");
    send("b", json!({"title": "disk full"})).await;
    assert_eq!(server.incident(1).await.alert_count, 2);
}

#[tokio::test]
async fn who_had_it_is_still_named_when_it_is_triggered_again() {
    let mut server = TestServer::start().await;
    let id = server.alert(json!({"title": "disk full"})).await.incident_id.expect("an incident").0;
    let assigned = async |server: &TestServer| -> Vec<String> {
        server.incident(id).await.assignees.into_iter().map(|user| user.username).collect()
    };
    server.act("bob", id, ack()).await.expect("acknowledged");
    server.advance(hours(8)).await;
    assert_eq!(server.incident(id).await.status, Status::Triggered);
    assert_eq!(assigned(&server).await, ["bob"], "the acknowledger is asked first");
    server.act("alice", id, ack()).await.expect("acknowledged");
    server.act("bob", id, Action::Unacknowledge {}).await.expect("given back");
    assert_eq!(assigned(&server).await, ["alice"]);
    server.act("alice", id, Action::Resolve { note: None, hold: None }).await.expect("resolved");
    server.act("alice", id, Action::Reopen {}).await.expect("reopened");
    assert!(assigned(&server).await.is_empty(), "a reopen starts over");
}

#[tokio::test]
async fn a_bulk_action_repeated_under_its_key_happens_once() {
    let server = TestServer::start().await;
    for title in ["a", "b"] {
        server.alert(json!({"title": title})).await;
    }
    let send = || {
        let url = format!("{}/api/v1/incidents/actions", server.url);
        let body = json!({"ids": [1, 2, 4_711], "action": "addNote", "body": "seen"});
        let request = server.http().post(url).bearer_auth(server.token("bob"));
        crate::harness::answer(request.header("idempotency-key", "k").json(&body))
    };
    let (status, first) = send().await;
    assert_eq!(status, 200, "{first}");
    assert_eq!(first["results"][2]["error"]["code"], "not_found", "{first}");
    assert_eq!(send().await.1["results"][0], first["results"][0]);
    for id in [1, 2] {
        assert_eq!(server.story(id).await, ["created", "note_added"]);
    }
}
