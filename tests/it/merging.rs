//! Two incidents that are one: the first goes into the other, and nothing of it is lost.
use incidentd::api::configuration::Document;
use incidentd::api::incidents::ListQuery;
use incidentd::api::{Nothing, incidents};
use incidentd::app::Caller;
use incidentd::domain::{Action, IncidentId, Severity, Status};
use incidentd::error::Kind;
use serde_json::{Value, json};

use crate::harness::{TestServer, mins, secs};

/// The key of `ledger`'s integration: another service of payments.
const LEDGER: &str = "1111111111111111aaaaaaaaaaaaaaaa";

async fn world() -> TestServer {
    let server = TestServer::start().await;
    let ledger = format!(
        "[[services]]\nslug = \"ledger\"\nteam = \"payments\"\n
         [[integrations]]\nservice = \"ledger\"\nname = \"cron\"\nkey = \"{LEDGER}\"\n"
    );
    let document: Document = toml::from_str(&ledger).expect("a document");
    server.server().app.apply(&Caller::host(), document).await.expect("applied");
    server
}

fn ack() -> Action {
    Action::Acknowledge { span: None, until: None, note: None, take: false }
}

fn into(id: i64) -> Action {
    Action::Merge { into: IncidentId(id) }
}

async fn firing(server: &TestServer, key: &str, severity: &str) -> i64 {
    let alert = json!({"title": key, "dedupKey": key, "severity": severity});
    server.alert(alert).await.incident_id.expect("an incident").0
}

async fn resolved(server: &TestServer, key: &str) -> i64 {
    let alert = json!({"title": key, "dedupKey": key, "status": "resolved"});
    server.alert(alert).await.incident_id.expect("an incident").0
}

#[tokio::test]
async fn what_is_merged_goes_on_elsewhere_with_its_alerts_and_its_key() {
    let mut server = world().await;
    let disk = firing(&server, "disk", "critical").await;
    firing(&server, "disk", "critical").await;
    let backup = firing(&server, "backup", "warning").await;
    let acted = server.act("bob", disk, into(backup)).await.expect("merged");
    assert!(acted.changed);
    assert_eq!(acted.message, format!("Merged {disk} into {backup}."));
    let (a, b) = (server.incident(disk).await, server.incident(backup).await);
    assert_eq!((a.status, a.merged_into), (Status::Resolved, Some(IncidentId(backup))));
    assert_eq!((a.alert_count, a.firing_count, a.held_until), (0, 0, None));
    assert_eq!((b.alert_count, b.firing_count, b.severity), (3, 2, Severity::Critical));
    assert_eq!(server.story(disk).await, ["created", "resolved merged"]);
    assert_eq!(server.story(backup).await, ["created", "updated merged"]);

    // A retry, another caller and a link that is pressed twice change nothing.
    let again = server.act("alice", disk, into(backup)).await.expect("so already");
    assert!(!again.changed);
    assert!(again.message.contains(&format!("merged into {backup} by bob")), "{}", again.message);

    // The key went along, and survives a restart.
    server.restart().await;
    assert_eq!(firing(&server, "disk", "critical").await, backup);
    assert_eq!(server.incident(backup).await.alert_count, 4);
    assert_eq!(resolved(&server, "disk").await, backup);
    assert_eq!(server.incident(backup).await.status, Status::Triggered, "the other still fires");
    assert_eq!(resolved(&server, "backup").await, backup);
    assert_eq!(server.incident(backup).await.status, Status::Resolved);

    // Once it is over, a firing of either stands alone; the newest has the key.
    server.advance(mins(11)).await;
    let anew = firing(&server, "disk", "error").await;
    assert!(anew > backup);
    server.act("bob", backup, Action::Reopen {}).await.expect("its own key is free");
    resolved(&server, "disk").await;
    server.advance(mins(11)).await;
    assert!(firing(&server, "disk", "error").await > anew, "the merge is no longer asked");
}

#[tokio::test]
async fn what_was_merged_stays_so() {
    let server = world().await;
    let (a, b) = (firing(&server, "a", "error").await, firing(&server, "b", "error").await);
    let c = firing(&server, "c", "error").await;
    server.act("bob", a, into(b)).await.expect("merged");
    for action in [Action::Reopen {}, into(c), Action::Unacknowledge {}] {
        let refused = server.act("bob", a, action.clone()).await.expect_err("it is part of b");
        assert_eq!(refused.kind, Kind::Refused, "{action:?}");
        assert_eq!(refused.hint, Some(format!("Act on {b} instead.")), "{action:?}");
    }
    assert!(!server.act("bob", a, ack()).await.expect("already over").changed);
    let note = Action::AddNote { body: "see b".into() };
    assert!(server.act("bob", a, note).await.expect("notes are always taken").changed);

    // A chain: all that b had goes on to c, the key of a too.
    server.act("bob", b, into(c)).await.expect("merged");
    assert_eq!(firing(&server, "a", "error").await, c);
    assert_eq!(firing(&server, "b", "error").await, c);
    assert_eq!(server.incident(c).await.firing_count, 3);
    assert_eq!(server.incident(a).await.merged_into, Some(IncidentId(b)), "history stays");
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_nothing_moves() {
    let server = world().await;
    let (a, b) = (firing(&server, "a", "error").await, firing(&server, "b", "error").await);
    let foreign = json!({"title": "slow"}).to_string().into_bytes();
    let path = "/integrations/fedcba9876543210fedcba9876543210/generic";
    let (_, answer) = server.post_raw(path, "application/json", foreign).await;
    let foreign = answer["incidentId"].as_i64().expect("an incident of search");
    server.act("bob", b, Action::Resolve { note: None, hold: None }).await.expect("resolved");
    for (who, from, to, kind) in [
        ("bob", a, a, Kind::Invalid),
        ("bob", a, b, Kind::Refused),
        ("bob", b, a, Kind::Refused),
        ("bob", a, foreign, Kind::NotFound),
        ("bob", a, 4_711, Kind::NotFound),
        ("bob", foreign, a, Kind::NotFound),
        ("mallory", foreign, a, Kind::NotFound),
        ("carol", a, b, Kind::Forbidden),
        ("root", a, foreign, Kind::Refused),
        ("root", foreign, a, Kind::Refused),
    ] {
        let error = server.act(who, from, into(to)).await.expect_err("it does not fit");
        assert_eq!(error.kind, kind, "{who}: {from} into {to}: {error}");
        assert!(kind == Kind::Forbidden || error.hint.is_some() || kind == Kind::Invalid);
    }
    assert_eq!(server.story(a).await, ["created"]);
    assert_eq!(server.incident(a).await.firing_count, 1);
}

#[tokio::test]
async fn who_has_the_other_keeps_it_unless_nobody_had_answered_the_first() {
    let server = world().await;
    let answered = async |key: &str| {
        let id = firing(&server, key, "error").await;
        server.act("bob", id, ack()).await.expect("acknowledged");
        id
    };
    let (a, b) = (answered("a").await, answered("b").await);
    let acted = server.act("alice", a, into(b)).await.expect("merged");
    assert_eq!(acted.message, format!("Merged {a} into {b}."));
    let both = server.incident(b).await;
    assert_eq!((both.status, both.assignees[0].username.as_str()), (Status::Acknowledged, "bob"));

    let c = firing(&server, "c", "error").await;
    let acted = server.act("alice", c, into(b)).await.expect("merged");
    let says = format!("Merged {c} into {b}. {b} is triggered again: nobody had answered {c}.");
    assert_eq!((acted.said(&into(b), &|_| String::new()), &acted.message), (says.clone(), &says));
    let unanswered = server.incident(b).await;
    assert_eq!(unanswered.status, Status::Triggered, "nobody had answered c");
    assert_eq!(unanswered.assignees[0].username, "bob", "b keeps its people");
    assert_eq!(unanswered.acknowledged_until, None);
}

#[tokio::test]
async fn a_held_incident_comes_back_with_what_was_merged_into_it() {
    let mut server = world().await;
    let start = server.server().app.now().to_string();
    let post = async |server: &TestServer, name: &str| -> i64 {
        let body = json!({"groupKey": name, "alerts": [
            {"status": "firing", "labels": {"alertname": name}, "startsAt": start}]});
        let (code, answer) = server.post("alertmanager", &body).await;
        assert_eq!(code, 202, "{answer}");
        answer["alerts"][0]["incidentId"].as_i64().expect("an incident")
    };
    let (a, b) = (post(&server, "a").await, post(&server, "b").await);
    server.act("bob", a, into(b)).await.expect("merged");
    let held = server.act("bob", b, Action::Resolve { note: None, hold: None }).await;
    assert!(held.expect("resolved").message.contains("2 still fire"));
    assert_eq!(post(&server, "a").await, b, "the same episode waits for the hold's end");
    server.advance(mins(60)).await;
    let back = server.incident(b).await;
    assert_eq!((back.status, back.firing_count), (Status::Triggered, 2));
    assert_eq!(server.story(b).await.last().map(String::as_str), Some("updated still_firing"));
    // Complete lists speak of their own group alone.
    assert_eq!(post(&server, "b").await, b);
    server.advance(secs(11)).await;
    assert!(!server.story(b).await.contains(&"updated stale".to_owned()));
}

#[tokio::test]
async fn services_of_one_team_can_be_merged_and_keep_their_keys_apart() {
    let mut server = world().await;
    let path = format!("/integrations/{LEDGER}/generic");
    let ledger = async |server: &TestServer, status: &str| -> Value {
        let body = json!({"title": "db", "dedupKey": "db", "status": status});
        server.post_raw(&path, "application/json", body.to_string().into()).await.1
    };
    let a = ledger(&server, "firing").await["incidentId"].as_i64().expect("an incident");
    let b = firing(&server, "db", "error").await;
    assert_ne!(a, b, "a key's scope is the service");
    server.act("bob", a, into(b)).await.expect("merged");
    assert_eq!(ledger(&server, "firing").await["incidentId"], b);
    resolved(&server, "db").await;
    assert_eq!(server.incident(b).await.status, Status::Triggered, "ledger's still fires");
    assert_eq!(ledger(&server, "resolved").await["status"], "resolved");
    server.advance(mins(1)).await;
    assert_eq!(firing(&server, "db", "error").await, b, "reopened by its own key");
    let c = ledger(&server, "firing").await["incidentId"].as_i64().expect("an incident");
    assert_eq!(c, b, "open again, it has ledger's key again");
    let query = ListQuery { service: Some("ledger".into()), ..ListQuery::default() };
    let open = server.call("bob", &incidents::LIST, Nothing {}, &query, &Nothing {}).await;
    assert_eq!(open.expect("a page").items.len(), 0);
}

#[tokio::test]
async fn many_who_merge_at_once_move_everything_once() {
    let server = world().await;
    let b = firing(&server, "b", "error").await;
    for round in 0..10 {
        let a = firing(&server, &format!("a{round}"), "error").await;
        let (one, two, three) = tokio::join!(
            server.act("alice", a, into(b)),
            server.act("bob", a, into(b)),
            server.act("root", a, into(b)),
        );
        let all = [one, two, three].map(|acted| acted.expect("200").changed);
        assert_eq!(all.iter().filter(|changed| **changed).count(), 1, "one wins");
    }
    let merged = server.incident(b).await;
    assert_eq!((merged.alert_count, merged.firing_count), (11, 11));
    let stories = server.story(b).await;
    assert_eq!(stories.iter().filter(|event| *event == "updated merged").count(), 10);
}
