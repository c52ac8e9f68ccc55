//! What real senders really sent, recorded by `tests/payloads/record.sh`, against the server.
use incidentd::domain::{Incident, Severity, Status};
use serde_json::Value;

use crate::harness::{START, TestServer, mins};

/// A recorded body whose alerts started with the story and end at minute `ends`; else as it was
/// sent. The recording's own times mean nothing to a clock that stands elsewhere: what fires would
/// be over already, what is over would still fire.
fn recorded(body: &str, ends: i64) -> Vec<u8> {
    let start: jiff::Timestamp = START.parse().expect("a time");
    let end = start + jiff::SignedDuration::from_mins(ends);
    let json: Value = serde_json::from_str(body).expect("JSON");
    let alerts = json.as_array().or_else(|| json["alerts"].as_array()).cloned();
    let mut text = body.to_owned();
    for alert in alerts.into_iter().flatten() {
        for (name, at) in [("startsAt", start), ("endsAt", end)] {
            let was = alert[name].as_str().expect("a time");
            // The zero time is how Go says none.
            if !was.starts_with("0001-") {
                text =
                    text.replace(&format!(r#""{name}":"{was}""#), &format!(r#""{name}":"{at}""#));
            }
        }
    }
    text.into_bytes()
}

/// Posts what fires and, a minute later, what is over.
async fn story(path: &str, expected: u16, firing: &str, over: &str) -> (Incident, Incident) {
    let mut server = TestServer::start().await;
    let post = |body| server.post_raw(path, "application/json", body);
    let (status, answer) = post(recorded(firing, 10)).await;
    assert_eq!(status, expected, "{answer}");
    let before = server.incident(1).await;
    server.advance(mins(1)).await;
    let (status, answer) = server.post_raw(path, "application/json", recorded(over, 1)).await;
    assert_eq!(status, expected, "{answer}");
    let after = server.incident(1).await;
    assert_eq!(server.story(1).await.last().map(String::as_str), Some("resolved source"));
    (before, after)
}

fn labels(incident: &Incident) -> Vec<String> {
    incident.labels.iter().map(|(name, value)| format!("{name}={value}")).collect()
}

#[tokio::test]
async fn prometheus_itself() {
    let (before, after) = story(
        "/integrations/0123456789abcdef0123456789abcdef/api/v2/alerts",
        200,
        include_str!("../payloads/prometheus-api-v2-firing.json"),
        include_str!("../payloads/prometheus-api-v2-resolved.json"),
    )
    .await;
    assert_eq!(before.title, "Disk of db-3 is full");
    assert_eq!((before.status, before.severity), (Status::Triggered, Severity::Critical));
    assert_eq!((before.firing_count, after.firing_count), (2, 0), "both alerts are one group");
    let expected = [
        "alertname=DiskFull",
        "cluster=eu-1",
        "instance=db-3",
        "service=checkout",
        "severity=critical",
    ];
    assert_eq!(labels(&before), expected);
    assert_eq!(before.description, "97 % of /var are used");
    assert_eq!(before.links[0].href, "https://runbooks.example.com/disk");
    assert!(before.links[1].href.starts_with("http://prometheus.example.com/graph?"));
    assert_eq!(after.status, Status::Resolved);
}

#[tokio::test]
async fn alertmanagers_webhook() {
    let (before, after) = story(
        "/integrations/0123456789abcdef0123456789abcdef/alertmanager",
        202,
        include_str!("../payloads/alertmanager-webhook-firing.json"),
        include_str!("../payloads/alertmanager-webhook-resolved.json"),
    )
    .await;
    assert_eq!(before.title, "DiskFull (service=checkout)");
    assert_eq!((before.status, before.severity), (Status::Triggered, Severity::Critical));
    assert_eq!((before.firing_count, after.firing_count), (2, 0));
    let common = ["alertname=DiskFull", "cluster=eu-1", "service=checkout", "severity=critical"];
    assert_eq!(labels(&before), common, "what the group has in common");
    assert_eq!(after.status, Status::Resolved);
}

#[tokio::test]
async fn alertmanagers_pagerduty_receiver() {
    let (before, after) = story(
        "/v2/enqueue",
        202,
        include_str!("../payloads/alertmanager-pagerduty-v2-trigger.json"),
        include_str!("../payloads/alertmanager-pagerduty-v2-resolve.json"),
    )
    .await;
    assert_eq!(before.title, "[FIRING:2] DiskFull checkout (eu-1 critical)");
    assert_eq!((before.status, before.severity), (Status::Triggered, Severity::Error));
    assert_eq!(labels(&before), ["client=Alertmanager", "source=Alertmanager"]);
    assert!(before.description.contains("instance = db-4"), "{}", before.description);
    assert_eq!(before.links[0].href, "http://alertmanager.example.com/#/alerts?receiver=incidentd");
    assert_eq!(after.status, Status::Resolved);
}
