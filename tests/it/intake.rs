//! Alerts in, incidents out: the rules of the night, over the wire.
use incidentd::domain::{Action, Span, Status};
use serde_json::{Value, json};

use crate::harness::{TestServer, hours, mins, secs};

fn resolve() -> Action {
    Action::Resolve { note: None, hold: None }
}

/// An alert of the Alertmanager API, firing from minute `start` of the story.
fn prometheus(name: &str, instance: &str, start: i64, ends: Option<i64>) -> Value {
    let at = |minute: i64| {
        let start: jiff::Timestamp = crate::harness::START.parse().expect("a time");
        (start + jiff::SignedDuration::from_mins(minute)).to_string()
    };
    let mut alert =
        json!({"labels": {"alertname": name, "instance": instance}, "startsAt": at(start)});
    if let Some(ends) = ends {
        alert["endsAt"] = at(ends).into();
    }
    alert
}

#[tokio::test]
async fn many_senders_at_once_make_one_incident_and_every_post_counts() {
    let server = TestServer::start().await;
    let alert = json!({"title": "disk full", "dedupKey": "db-3"});
    let posts = (0..64).map(|_| server.post("generic", &alert));
    let answers = futures_util::future::join_all(posts).await;
    assert!(answers.iter().all(|(status, _)| *status == 202));
    assert_eq!(answers.iter().filter(|(_, body)| body["new"] == true).count(), 1);
    let incident = server.incident(1).await;
    assert_eq!((incident.alert_count, incident.firing_count), (64, 1));
    assert_eq!(server.story(1).await, ["created"], "the same again changes nothing but a counter");
}

#[tokio::test]
async fn deduplication_lasts_as_long_as_the_incident() {
    let mut server = TestServer::start().await;
    let alert = json!({"title": "disk full"});
    server.alert(alert.clone()).await;
    server.advance(hours(24 * 30)).await;
    assert!(!server.alert(alert.clone()).await.new, "a long outage is one incident");
    let over = server.alert(json!({"title": "disk full", "status": "resolved"})).await;
    assert_eq!(over.incident_id.map(|id| id.0), Some(1));
    assert_eq!(server.incident(1).await.status, Status::Resolved, "recoveries resolve");
    let nothing = server.alert(json!({"title": "unheard of", "status": "resolved"})).await;
    assert_eq!(nothing.incident_id, None);
    server.advance(mins(11)).await;
    assert!(server.alert(alert).await.new, "past reopen_within it is another");
}

#[tokio::test]
async fn a_group_is_one_incident_and_resolves_when_no_member_fires() {
    let mut server = TestServer::start().await;
    let storm: Vec<Value> =
        (0..1_000).map(|n| prometheus("Down", &format!("host-{n}"), 0, Some(60))).collect();
    let (status, _) = server.post("api/v2/alerts", &Value::Array(storm.clone())).await;
    assert_eq!(status, 200);
    let incident = server.incident(1).await;
    assert_eq!(incident.firing_count, 1_000);
    server.advance(mins(1)).await;
    let over: Vec<Value> =
        (0..999).map(|n| prometheus("Down", &format!("host-{n}"), 0, Some(1))).collect();
    server.post("api/v2/alerts", &Value::Array(over)).await;
    assert_eq!(server.incident(1).await.status, Status::Triggered);
    server.post("api/v2/alerts", &json!([prometheus("Down", "host-999", 0, Some(1))])).await;
    assert_eq!(server.incident(1).await.status, Status::Resolved);
    assert!(server.story(1).await.len() < 10, "a storm is a handful of events");
}

#[tokio::test]
async fn a_resolve_by_hand_holds_what_still_fires() {
    let mut server = TestServer::start().await;
    let fires = json!([prometheus("Down", "a", 0, Some(600))]);
    server.post("api/v2/alerts", &fires).await;
    let acted = server.act("bob", 1, resolve()).await.expect("resolved");
    assert!(acted.message.contains("1 still fires"), "{}", acted.message);
    server.advance(mins(30)).await;
    server.post("api/v2/alerts", &fires).await;
    assert_eq!(server.incident(1).await.status, Status::Resolved, "the same episode is held");
    server.advance(mins(31)).await;
    let incident = server.incident(1).await;
    assert_eq!(incident.status, Status::Triggered, "it fires on and is back");
    assert_eq!(server.story(1).await.last().map(String::as_str), Some("updated still_firing"));
}

#[tokio::test]
async fn a_one_shot_does_not_come_back_and_a_new_episode_is_a_new_incident() {
    let mut server = TestServer::start().await;
    server.alert(json!({"title": "one shot"})).await;
    server.act("bob", 1, resolve()).await.expect("resolved");
    server.advance(hours(2)).await;
    assert_eq!(server.incident(1).await.status, Status::Resolved);

    server.post("api/v2/alerts", &json!([prometheus("Down", "a", 120, Some(900))])).await;
    server.act("bob", 2, resolve()).await.expect("resolved");
    server.advance(mins(5)).await;
    server.post("api/v2/alerts", &json!([prometheus("Down", "a", 124, Some(900))])).await;
    assert_eq!(server.incident(3).await.status, Status::Triggered, "another episode");
    server.advance(hours(2)).await;
    assert_eq!(server.incident(2).await.status, Status::Resolved, "the other has its key");
    let refused = server.act("bob", 2, Action::Reopen {}).await.expect_err("3 has its key");
    assert_eq!(refused.kind, incidentd::error::Kind::Refused);
}

#[tokio::test]
async fn flapping_is_one_event_and_settles() {
    let mut server = TestServer::start().await;
    let (fires, over) = (json!({"title": "link"}), json!({"title": "link", "status": "resolved"}));
    server.alert(fires.clone()).await;
    for _ in 0..3 {
        server.advance(mins(2)).await;
        server.alert(over.clone()).await;
        server.advance(mins(2)).await;
        assert!(!server.alert(fires.clone()).await.new);
    }
    let story = server.story(1).await;
    assert_eq!(
        story,
        [
            "created",
            "resolved source",
            "updated reopened",
            "resolved source",
            "updated reopened",
            "resolved source",
            "updated flapping"
        ]
    );
    assert!(server.incident(1).await.flapping);
    server.alert(over.clone()).await;
    assert_eq!(server.incident(1).await.status, Status::Triggered, "it waits");
    server.advance(mins(14)).await;
    server.alert(fires.clone()).await;
    server.advance(mins(16)).await;
    assert_eq!(server.incident(1).await.status, Status::Triggered, "a firing lets it go on");
    server.alert(over.clone()).await;
    server.advance(mins(14)).await;
    assert_eq!(server.incident(1).await.status, Status::Triggered);
    server.advance(mins(1)).await;
    assert_eq!(server.incident(1).await.status, Status::Resolved, "15 min without a firing member");
    server.advance(hours(1)).await;
    assert!(!server.incident(1).await.flapping);
}

#[tokio::test]
async fn what_is_no_longer_reported_expires_and_comes_back_as_itself() {
    let mut server = TestServer::start().await;
    server.post("api/v2/alerts", &json!([prometheus("Down", "a", 0, Some(4))])).await;
    server.advance(mins(2)).await;
    server.post("api/v2/alerts", &json!([prometheus("Down", "a", 0, Some(6))])).await;
    server.advance(mins(3)).await;
    assert_eq!(server.incident(1).await.status, Status::Triggered, "refreshed");
    server.advance(mins(2)).await;
    assert_eq!(server.incident(1).await.status, Status::Resolved);
    server.advance(hours(30)).await;
    server.post("api/v2/alerts", &json!([prometheus("Down", "a", 0, Some(60 * 31))])).await;
    assert_eq!(
        server.story(1).await,
        ["created", "resolved expired", "updated still_firing"],
        "the same episode, however late"
    );
}

#[tokio::test]
async fn after_a_start_senders_have_time_before_anything_expires() {
    let mut server = TestServer::start().await;
    server.post("api/v2/alerts", &json!([prometheus("Down", "a", 0, Some(4))])).await;
    server.server.take().expect("runs").stop().await;
    server.clock.advance(mins(60));
    server.restart().await;
    server.advance(mins(4)).await;
    assert_eq!(server.incident(1).await.status, Status::Triggered, "it could not report");
    server.advance(mins(2)).await;
    assert_eq!(server.incident(1).await.status, Status::Resolved);
}

#[tokio::test]
async fn a_source_that_falls_silent_while_it_fires_is_an_incident() {
    let mut server = TestServer::start().await;
    for minute in 0..5 {
        let alert = prometheus("Down", "a", 0, Some(minute + 4));
        server.post("api/v2/alerts", &json!([alert])).await;
        server.advance(mins(1)).await;
    }
    server.advance(mins(4)).await;
    assert_eq!(server.incident(1).await.status, Status::Resolved);
    let silent = server.incident(2).await;
    assert_eq!(silent.title, "prometheus went silent while 1 alert fired");
    assert_eq!(silent.urgency, incidentd::domain::Urgency::High);
    server.post("api/v2/alerts", &json!([])).await;
    assert_eq!(server.incident(2).await.status, Status::Resolved, "its next request ends it");
}

#[tokio::test]
async fn a_late_firing_of_an_ended_episode_waits_for_a_further_resolve() {
    let mut server = TestServer::start().await;
    let (fires, over) =
        (prometheus("Down", "a", -9, Some(60)), prometheus("Down", "a", -9, Some(0)));
    server.post("api/v2/alerts", &json!([fires])).await;
    server.advance(secs(10)).await;
    server.post("api/v2/alerts", &json!([over])).await;
    assert_eq!(server.incident(1).await.status, Status::Resolved);
    server.post("api/v2/alerts", &json!([fires])).await;
    assert_eq!(server.incident(1).await.status, Status::Resolved, "the other of the pair lags");
    server.post("api/v2/alerts", &json!([over])).await;
    server.advance(mins(6)).await;
    assert_eq!(server.incident(1).await.status, Status::Resolved, "confirmed");
    server.post("api/v2/alerts", &json!([fires])).await;
    server.advance(mins(5)).await;
    assert_eq!(server.incident(2).await.status, Status::Triggered, "it does fire");
}

#[tokio::test]
async fn a_new_member_of_an_acknowledged_incident_is_told_and_a_worse_one_triggers() {
    let server = TestServer::start().await;
    let member = |instance: &str, severity: &str| json!([{"labels": {"alertname": "Slow", "instance": instance, "severity": severity}}]);
    server.post("api/v2/alerts", &member("a", "warning")).await;
    let ack = Action::Acknowledge { span: None, until: None, note: None, take: false };
    server.act("bob", 1, ack).await.expect("acknowledged");
    server.post("api/v2/alerts", &member("b", "warning")).await;
    assert_eq!(server.incident(1).await.status, Status::Acknowledged);
    server.post("api/v2/alerts", &member("c", "critical")).await;
    let incident = server.incident(1).await;
    assert_eq!(incident.status, Status::Triggered);
    assert_eq!(incident.urgency, incidentd::domain::Urgency::High);
    assert_eq!(
        server.story(1).await,
        ["created", "acknowledged", "updated alert_added", "updated alert_added"]
    );
}

#[tokio::test]
async fn a_webhooks_alert_goes_stale_and_never_resolves_by_absence() {
    let mut server = TestServer::start().await;
    let webhook = |instances: &[&str]| {
        let alerts: Vec<Value> = instances
            .iter()
            .map(|instance| json!({"status": "firing", "labels": {"alertname": "Down", "instance": instance},
                "startsAt": crate::harness::START, "endsAt": "0001-01-01T00:00:00Z", "fingerprint": instance}))
            .collect();
        json!({"version": "4", "groupKey": "g", "receiver": "r", "truncatedAlerts": 0, "alerts": alerts})
    };
    let (status, _) = server.post("alertmanager", &webhook(&["a", "b"])).await;
    assert_eq!(status, 202);
    server.advance(mins(5)).await;
    server.post("alertmanager", &webhook(&["a"])).await;
    let incident = server.incident(1).await;
    assert_eq!((incident.status, incident.firing_count), (Status::Triggered, 2));
    assert_eq!(server.story(1).await, ["created", "updated alert_added", "updated stale"]);
    server.advance(hours(25)).await;
    assert_eq!(server.incident(1).await.status, Status::Triggered);
    assert_eq!(server.story(1).await.len(), 4, "a day without a refresh: stale");
    // A second Alertmanager of the pair tells the same story.
    server.post("alertmanager", &webhook(&["a", "b"])).await;
    assert_eq!(server.incident(1).await.firing_count, 2);
}

#[tokio::test]
async fn pagerdutys_sender_acknowledges_and_resolves() {
    let mut server = TestServer::start().await;
    let event = |action: &str| {
        json!({"routing_key": crate::harness::KEY, "event_action": action, "dedup_key": "k",
            "payload": {"summary": "disk full", "source": "db-3", "severity": "critical"}})
    };
    let send = async |server: &TestServer, action: &str| {
        server.post_raw("/v2/enqueue", "application/json", event(action).to_string().into()).await
    };
    let (status, answer) = send(&server, "trigger").await;
    assert_eq!((status, answer["dedup_key"].as_str()), (202, Some("k")));
    send(&server, "acknowledge").await;
    let incident = server.incident(1).await;
    assert_eq!(incident.status, Status::Acknowledged);
    assert!(incident.assignees.is_empty(), "no person has it");
    server.advance(hours(8)).await;
    assert_eq!(server.incident(1).await.status, Status::Triggered, "the timeout runs");
    send(&server, "resolve").await;
    assert_eq!(server.incident(1).await.status, Status::Resolved);
}

#[tokio::test]
async fn a_delivery_that_fails_leaves_nothing_that_makes_its_retry_a_duplicate() {
    let server = TestServer::start().await;
    let alert = json!({"title": "disk full", "dedupKey": "d"});
    let wrong =
        server.http().post(format!("{}/integrations/{}/generic", server.url, "0".repeat(32)));
    let (status, _) =
        crate::harness::answer(wrong.header("idempotency-key", "x").json(&alert)).await;
    assert_eq!(status, 404);
    let right =
        server.http().post(format!("{}/integrations/{}/generic", server.url, crate::harness::KEY));
    let (status, answer) =
        crate::harness::answer(right.header("idempotency-key", "x").json(&alert)).await;
    assert_eq!((status, answer["new"].as_bool()), (202, Some(true)));
    let snoozed =
        server.act("bob", 1, Action::Snooze { span: Some(Span::secs(60)), until: None }).await;
    assert!(snoozed.expect("snoozed").changed);
}

async fn apply(server: &TestServer, document: &str) {
    let document = toml::from_str(document).expect("a document");
    let host = incidentd::app::Caller::host();
    server.server().app.apply(&host, document).await.expect("applied");
}

fn with_severity(mut alert: Value, severity: &str) -> Value {
    alert["labels"]["severity"] = severity.into();
    alert
}

#[tokio::test]
async fn what_expires_during_a_hold_and_is_sent_again_stays_held() {
    let mut server = TestServer::start().await;
    let (a, b) = (prometheus("Down", "a", 0, Some(4)), prometheus("Down", "b", 0, Some(600)));
    server.post("api/v2/alerts", &json!([a, b])).await;
    server.act("bob", 1, resolve()).await.expect("resolved");
    server.advance(mins(5)).await;
    assert_eq!(server.incident(1).await.firing_count, 1, "one is no longer reported");
    server.post("api/v2/alerts", &json!([prometheus("Down", "a", 0, Some(600))])).await;
    let incident = server.incident(1).await;
    assert_eq!((incident.status, incident.firing_count), (Status::Resolved, 2), "held");
    server.advance(mins(56)).await;
    let story = server.story(1).await;
    assert_eq!(
        story,
        ["created", "updated alert_added", "resolved manual", "updated still_firing"]
    );
}

#[tokio::test]
async fn a_late_firing_during_a_hold_waits_with_the_others() {
    let mut server = TestServer::start().await;
    let (a, b) = (prometheus("Down", "a", -9, Some(600)), prometheus("Down", "b", -9, Some(600)));
    let over = prometheus("Down", "a", -9, Some(0));
    server.post("api/v2/alerts", &json!([a, b])).await;
    server.act("bob", 1, resolve()).await.expect("resolved");
    server.advance(secs(10)).await;
    server.post("api/v2/alerts", &json!([over])).await;
    server.post("api/v2/alerts", &json!([a])).await;
    server.advance(mins(6)).await;
    let incident = server.incident(1).await;
    assert_eq!((incident.status, incident.firing_count), (Status::Resolved, 2), "it does fire");
    assert_eq!(
        server.act("bob", 2, resolve()).await.expect_err("there is none").kind,
        incidentd::error::Kind::NotFound
    );
}

#[tokio::test]
async fn a_hold_lasts_its_length_when_the_clock_is_set() {
    let mut server = TestServer::start().await;
    let fires = json!([prometheus("Down", "a", 0, Some(600))]);
    server.post("api/v2/alerts", &fires).await;
    server.act("bob", 1, resolve()).await.expect("resolved");
    server.step_wall(jiff::SignedDuration::from_hours(2)).await;
    server.post("api/v2/alerts", &fires).await;
    let story = ["created", "resolved manual", "updated clock_set"];
    assert_eq!(server.story(1).await, story, "no time has passed");
    assert!(server.act("bob", 2, resolve()).await.is_err(), "nothing else is open");
    server.advance(hours(1)).await;
    assert_eq!(server.incident(1).await.status, Status::Triggered);
}

#[tokio::test]
async fn a_hold_after_which_nothing_comes_back_is_over() {
    let mut server = TestServer::start().await;
    server.alert(json!({"title": "disk full"})).await;
    server.act("bob", 1, resolve()).await.expect("resolved");
    assert!(server.incident(1).await.held_until.is_some());
    server.advance(hours(1)).await;
    let incident = server.incident(1).await;
    assert_eq!((incident.status, incident.held_until), (Status::Resolved, None));
    assert_eq!(server.story(1).await, ["created", "resolved manual", "updated hold_ended"]);
    server.advance(hours(2)).await;
    assert_eq!(server.story(1).await.len(), 3, "once");
    // Sent again, it is a new one, as ever.
    assert!(server.alert(json!({"title": "disk full"})).await.new);
}

#[tokio::test]
async fn members_that_a_hold_moves_are_not_swallowed() {
    let mut server = TestServer::start().await;
    let quiet = with_severity(prometheus("Slow", "b", 4, Some(600)), "info");
    let loud = with_severity(prometheus("Slow", "a", 0, Some(600)), "critical");
    server.post("api/v2/alerts", &json!([loud])).await;
    server.act("bob", 1, resolve()).await.expect("resolved");
    server.advance(mins(5)).await;
    server.post("api/v2/alerts", &json!([quiet])).await;
    let ack = Action::Acknowledge { span: None, until: None, note: None, take: false };
    server.act("bob", 2, ack).await.expect("acknowledged");
    server.advance(mins(55)).await;
    let (old, new) = (server.incident(1).await, server.incident(2).await);
    assert_eq!((old.firing_count, new.firing_count), (0, 2), "{new:?}");
    assert_eq!((old.alert_count, new.alert_count), (0, 2), "what was reported goes with them");
    assert_eq!(old.held_until, None, "nothing is held any more");
    assert_eq!(
        server.story(1).await,
        ["created", "resolved manual", "updated hold_ended"],
        "and the log says so"
    );
    assert_eq!(new.status, Status::Triggered, "a worse one came");
    assert_eq!(new.urgency, incidentd::domain::Urgency::High);
}

#[tokio::test]
async fn a_new_episode_ends_the_hold_of_the_one_before() {
    let mut server = TestServer::start().await;
    server.post("api/v2/alerts", &json!([prometheus("Down", "a", 0, Some(600))])).await;
    server.act("bob", 1, resolve()).await.expect("resolved");
    server.advance(mins(5)).await;
    server.post("api/v2/alerts", &json!([prometheus("Down", "a", 4, Some(600))])).await;
    assert_eq!(server.incident(2).await.firing_count, 1);
    let incident = server.incident(1).await;
    assert_eq!((incident.firing_count, incident.held_until), (0, None), "nothing fires there");
}

#[tokio::test]
async fn severity_is_that_of_the_worst_that_fires_and_urgency_falls_only_by_hand() {
    use incidentd::domain::{Severity, Urgency};
    let mut server = TestServer::start().await;
    let a = |ends| with_severity(prometheus("Slow", "a", 0, Some(ends)), "critical");
    let b = with_severity(prometheus("Slow", "b", 0, Some(600)), "warning");
    server.post("api/v2/alerts", &json!([b])).await;
    server.advance(secs(20)).await;
    server.post("api/v2/alerts", &json!([a(600)])).await;
    let incident = server.incident(1).await;
    assert_eq!((incident.severity, incident.urgency), (Severity::Critical, Urgency::High));
    server.advance(mins(1)).await;
    server.post("api/v2/alerts", &json!([a(1)])).await;
    let incident = server.incident(1).await;
    assert_eq!((incident.severity, incident.urgency), (Severity::Warning, Urgency::High));
    let quieter = Action::Urgency { to: Urgency::Low };
    server.act("bob", 1, quieter).await.expect("made quieter");
    assert_eq!(server.incident(1).await.urgency, Urgency::Low);

    // Held, the worst of them ends: what comes back is as bad as what fires.
    server.advance(mins(1)).await;
    let again = with_severity(prometheus("Slow", "a", 2, Some(600)), "critical");
    let over = with_severity(prometheus("Slow", "a", 2, Some(2)), "critical");
    server.post("api/v2/alerts", &json!([again])).await;
    server.act("bob", 1, resolve()).await.expect("resolved");
    server.advance(mins(1)).await;
    server.post("api/v2/alerts", &json!([over])).await;
    server.advance(hours(1)).await;
    let incident = server.incident(1).await;
    assert_eq!((incident.status, incident.severity), (Status::Triggered, Severity::Warning));
}

#[tokio::test]
async fn reopening_by_hand_is_no_flapping() {
    let mut server = TestServer::start().await;
    let (fires, over) = (json!({"title": "link"}), json!({"title": "link", "status": "resolved"}));
    server.alert(fires.clone()).await;
    for _ in 0..3 {
        server.act("bob", 1, resolve()).await.expect("resolved");
        server.act("bob", 1, Action::Reopen {}).await.expect("reopened");
    }
    server.alert(over).await;
    server.advance(mins(1)).await;
    server.alert(fires).await;
    assert_eq!(server.story(1).await.last().map(String::as_str), Some("updated reopened"));
}

#[tokio::test]
async fn what_was_stale_and_refreshed_can_go_stale_again() {
    let mut server = TestServer::start().await;
    let webhook = json!({"version": "4", "groupKey": "g", "receiver": "r", "alerts": [
        {"status": "firing", "labels": {"alertname": "Down"}, "startsAt": crate::harness::START,
         "endsAt": "0001-01-01T00:00:00Z", "fingerprint": "a"}]});
    for _ in 0..2 {
        assert_eq!(server.post("alertmanager", &webhook).await.0, 202);
        server.advance(hours(25)).await;
    }
    assert_eq!(server.story(1).await, ["created", "updated stale", "updated stale"]);
}

#[tokio::test]
async fn a_silent_source_is_loud_even_where_its_alerts_are_not() {
    let mut server = TestServer::start().await;
    apply(&server, "[[services]]\nslug = \"checkout\"\nteam = \"payments\"\nurgency = \"low\"")
        .await;
    for minute in 0..5 {
        let alert = prometheus("Down", "a", 0, Some(minute + 4));
        server.post("api/v2/alerts", &json!([alert])).await;
        server.advance(mins(1)).await;
    }
    server.advance(mins(4)).await;
    assert_eq!(server.incident(1).await.urgency, incidentd::domain::Urgency::Low);
    assert_eq!(server.incident(2).await.urgency, incidentd::domain::Urgency::High);
}

#[tokio::test]
async fn what_comes_back_under_another_key_joins_who_has_its_old_one() {
    let mut server = TestServer::start().await;
    server.post("api/v2/alerts", &json!([prometheus("Down", "a", 0, Some(4))])).await;
    server.advance(mins(5)).await;
    server.post("api/v2/alerts", &json!([prometheus("Down", "b", 4, Some(600))])).await;
    assert_eq!(server.incident(2).await.status, Status::Triggered);
    let document =
        "[[services]]\nslug = \"checkout\"\nteam = \"payments\"\ngroup_by = [\"instance\"]";
    apply(&server, document).await;
    let (status, answer) =
        server.post("api/v2/alerts", &json!([prometheus("Down", "a", 0, Some(600))])).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(server.incident(2).await.firing_count, 2);
}

#[tokio::test]
async fn a_late_firing_counts_once_and_so_does_a_resolve_ahead_of_it() {
    let mut server = TestServer::start().await;
    let fires = |start| json!([prometheus("Down", "a", start, Some(60))]);
    let over = |start, end| json!([prometheus("Down", "a", start, Some(end))]);
    server.post("api/v2/alerts", &fires(-9)).await;
    server.advance(secs(10)).await;
    server.post("api/v2/alerts", &over(-9, 0)).await;
    server.post("api/v2/alerts", &fires(-9)).await;
    server.advance(mins(5)).await;
    let incident = server.incident(1).await;
    assert_eq!((incident.status, incident.alert_count), (Status::Triggered, 2));
    // Of the next episode the resolve comes first: its firing lags behind.
    server.advance(mins(1)).await;
    server.post("api/v2/alerts", &over(-3, 6)).await;
    assert_eq!(server.incident(1).await.status, Status::Resolved);
    server.post("api/v2/alerts", &fires(-3)).await;
    assert_eq!(server.incident(1).await.status, Status::Resolved, "it is over already");
}

#[tokio::test]
async fn a_group_is_called_what_its_source_calls_it() {
    let server = TestServer::start().await;
    let webhook = |alertname: &str, summary: Option<&str>| {
        let mut webhook = json!({"version": "4", "groupKey": alertname, "receiver": "r",
            "groupLabels": {"alertname": alertname, "zone": "eu"},
            "commonLabels": {"alertname": alertname, "zone": "eu", "job": "db"},
            "commonAnnotations": {},
            "alerts": [{"status": "firing", "fingerprint": alertname,
                "labels": {"alertname": alertname, "zone": "eu", "job": "db", "instance": "db-3"},
                "annotations": {"summary": "db-3 is down", "runbook_url": "https://example.com/r"},
                "generatorURL": "https://example.com/g"}]});
        if let Some(summary) = summary {
            webhook["commonAnnotations"]["summary"] = summary.into();
        }
        webhook
    };
    server.post("alertmanager", &webhook("Down", Some("databases are down"))).await;
    server.post("alertmanager", &webhook("Slow", None)).await;
    let (named, plain) = (server.incident(1).await, server.incident(2).await);
    assert_eq!(named.title, "databases are down");
    assert_eq!(plain.title, "Slow (zone=eu)");
    assert_eq!(named.labels.get("job").map(String::as_str), Some("db"));
    assert!(!named.labels.contains_key("instance"), "what only one member has is not the group's");
    let links: Vec<&str> = named.links.iter().map(|link| link.text.as_str()).collect();
    assert_eq!(links, ["Run book", "Source"]);
}
