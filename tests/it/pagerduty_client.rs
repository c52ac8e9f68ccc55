//! PagerDuty's own Python client against `/v2/enqueue`, as it is but for the address.
use incidentd::domain::{Severity, Status};

use crate::harness::{KEY, TestServer};
use crate::programs::{Ran, python, run};

/// Sends one event; the client prints the dedup key that it was given back.
async fn send(server: &TestServer, key: &'static str, event: &[&str]) -> Ran {
    let mut command = python("pagerduty_events.py");
    command.env("INCIDENTD_KEY", key).arg(&server.url).args(event);
    // Off this thread, on which the server answers.
    tokio::task::spawn_blocking(move || run(&mut command, "")).await.expect("it ran")
}

#[tokio::test]
async fn pagerdutys_own_client_triggers_acknowledges_and_resolves() {
    let server = TestServer::start().await;
    let trigger = ["trigger", "disk full", "db-3/disk"];
    assert_eq!(send(&server, KEY, &trigger).await.done(), "db-3/disk\n");
    let incident = server.incident(1).await;
    assert_eq!((incident.title.as_str(), incident.status), ("disk full", Status::Triggered));
    assert_eq!((incident.severity, incident.dedup_key.as_str()), (Severity::Warning, "db-3/disk"));
    assert_eq!(incident.description, "free: 2%\nmount: /var");
    let labels = [
        ("source", "db-3.example.com"),
        ("component", "disk"),
        ("group", "databases"),
        ("class", "capacity"),
    ];
    assert_eq!(incident.labels, labels.map(|(name, value)| (name.into(), value.into())).into());
    assert_eq!(incident.links[0].href, "https://graphs.example.com/db-3");

    send(&server, KEY, &trigger).await.done();
    assert_eq!(server.incident(1).await.alert_count, 2, "the same again is counted");
    send(&server, KEY, &["acknowledge", "db-3/disk"]).await.done();
    assert_eq!(server.incident(1).await.status, Status::Acknowledged);
    assert_eq!(send(&server, KEY, &["resolve", "db-3/disk"]).await.done(), "db-3/disk\n");
    assert_eq!(server.incident(1).await.status, Status::Resolved);
    assert_eq!(server.story(1).await, ["created", "acknowledged", "resolved source"]);
}

#[tokio::test]
async fn without_a_dedup_key_it_is_told_the_one_that_was_made() {
    let server = TestServer::start().await;
    let made = send(&server, KEY, &["trigger", "disk full"]).await.done();
    let made = made.trim();
    assert!(!made.is_empty());
    send(&server, KEY, &["resolve", made]).await.done();
    assert_eq!(server.incident(1).await.status, Status::Resolved);
}

#[tokio::test]
async fn a_wrong_key_is_an_error_that_it_shows() {
    let server = TestServer::start().await;
    let refused = send(&server, "00000000000000000000000000000000", &["trigger", "x"]).await;
    assert!(!refused.status.success());
    assert!(refused.stderr.contains("belongs to no integration"), "{}", refused.stderr);
}
