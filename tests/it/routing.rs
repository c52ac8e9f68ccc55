//! `route test`: who would be paged, by the ladder that would be climbed, and nobody is.
use incidentd::api::configuration::Document;
use incidentd::app::Caller;
use serde_json::{Value, json};

use crate::commands::command;
use crate::harness::{TestServer, mins};

/// Alice at once by ntfy, after 3 minutes by mail; bob after 5; then the team's admins.
const LADDER: &str = r#"
[[users]]
username = "alice"
contacts = [ { name = "phone", channel = "ntfy", address = "https://ntfy.example.com/a" },
             { name = "mail", channel = "email", address = "alice@example.com" } ]
rules.high = [ { after = "0m", contact = "phone" }, { after = "3m", contact = "mail" } ]
rules.low = [ { after = "0m", contact = "mail" } ]
[[users]]
username = "bob"
contacts = [ { name = "phone", channel = "ntfy", address = "https://ntfy.example.com/b" } ]
[[escalation_policies]]
slug = "payments-default"
team = "payments"
repeat = 0
steps = [ { after = "0m", targets = ["user:alice"] }, { after = "5m", targets = ["user:bob"] } ]
"#;

async fn apply(server: &TestServer, text: &str) {
    let document: Document = toml::from_str(text).expect("a document");
    server.server().app.apply(&Caller::host(), document).await.expect("applied");
}

/// (step, who, by), in the order in which they would ring.
async fn way(server: &TestServer, arguments: &[&str]) -> (Value, Vec<(u64, String, String)>) {
    let all = [&["route", "test", "--service", "checkout", "-o", "json"], arguments].concat();
    let ran = command(server, "carol", &all, "").await;
    let way: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}", ran.said));
    let mut rings = Vec::new();
    for step in way["steps"].as_array().expect("steps") {
        for page in step["pages"].as_array().expect("pages") {
            let text = |name: &str| page[name].as_str().unwrap_or_default().to_owned();
            rings.push((step["step"].as_u64().expect("a step"), text("who"), text("contact")));
        }
    }
    (way, rings)
}

fn ring(step: u64, who: &str, by: &str) -> (u64, String, String) {
    (step, who.into(), by.into())
}

#[tokio::test]
async fn it_says_who_rings_by_what_and_why() {
    let server = TestServer::start().await;
    apply(&server, LADDER).await;
    let (found, rings) = way(&server, &["severity=critical", "host=db-3"]).await;
    assert_eq!((&found["urgency"], &found["severity"]), (&json!("high"), &json!("critical")));
    assert_eq!(
        (&found["policy"], &found["policyOf"]),
        (&json!("payments-default"), &json!("team"))
    );
    let expected = [ring(1, "alice", "phone"), ring(1, "alice", "mail"), ring(2, "bob", "phone")];
    assert_eq!(rings[..3], expected);
    assert_eq!(rings[3..], [ring(0, "alice", "phone"), ring(0, "alice", "mail")]);
    let at = |step: usize, page: usize| found["steps"][step]["pages"][page]["at"].clone();
    assert_eq!(at(0, 1), "2026-11-23T03:03:00Z");
    assert_eq!(at(1, 0), "2026-11-23T03:05:00Z");
    let (low, rings) = way(&server, &["severity=info"]).await;
    assert_eq!((&low["urgency"], rings), (&json!("low"), vec![ring(1, "alice", "mail")]));
    let verdict = [
        ("alice", &["severity=critical"][..], 0),
        ("bob", &["severity=critical"], 1),
        ("nobody", &["severity=critical"], 3),
        ("channel:nothing", &["severity=critical"], 3),
    ];
    for (user, labels, code) in verdict {
        let arguments = [&["route", "test", "--service", "checkout", "--verify", user], labels];
        let ran = command(&server, "bob", &arguments.concat(), "").await;
        assert_eq!(ran.code, Some(code), "{user}: {}", ran.said);
    }
    // It was a rehearsal.
    let list = command(&server, "root", &["list", "-q"], "").await;
    assert_eq!(list.out, "");
}

#[tokio::test]
async fn it_is_what_then_happens() {
    let mut server = TestServer::start().await;
    apply(&server, LADDER).await;
    let (_, rings) = way(&server, &["host=db-3"]).await;
    server.alert(json!({"title": "disk full", "labels": {"host": "db-3"}})).await;
    server.advance(mins(11)).await;
    let incident = server.incident(1).await;
    let mut told: Vec<&str> =
        incident.escalation.told.iter().rev().map(|told| told.user.as_str()).collect();
    told.truncate(3);
    let foreseen: Vec<&str> = rings.iter().take(3).map(|(_, who, _)| who.as_str()).collect();
    assert_eq!(told, foreseen);
}

#[tokio::test]
async fn a_sign_of_life_pages_nobody() {
    let server = TestServer::start().await;
    apply(&server, LADDER).await;
    apply(
        &server,
        "[[heartbeats]]\nslug = \"prometheus\"\nservice = \"checkout\"\nevery = \"5m\"\n\
         alert = [\"alertname=Watchdog\"]",
    )
    .await;
    let (found, rings) = way(&server, &["alertname=Watchdog"]).await;
    assert_eq!((&found["heartbeats"], rings.len()), (&json!(["prometheus"]), 0), "{found}");
    let test = ["route", "test", "--service", "checkout", "alertname=Watchdog"];
    let ran = command(&server, "carol", &[&test[..], &["--verify", "alice"]].concat(), "").await;
    assert_eq!(ran.code, Some(1), "{}", ran.said);
    assert!(ran.said.contains("sign of life of prometheus"), "{}", ran.said);
    let (found, rings) = way(&server, &["alertname=DiskFull"]).await;
    assert_eq!(found["heartbeats"], json!([]));
    assert!(!rings.is_empty());
}

#[tokio::test]
async fn silences_holes_and_missing_policies_are_said() {
    let server = TestServer::start().await;
    let (bare, rings) = way(&server, &["host=db-3"]).await;
    assert_eq!(bare["policyOf"], "team", "{bare}");
    assert!(rings.is_empty(), "nobody has a contact");
    let holes = bare["steps"][0]["skipped"].to_string();
    assert!(holes.contains("alice has no contact"), "{holes}");
    let nobody = ["route", "test", "--service", "checkout", "--verify", "alice"];
    let ran = command(&server, "bob", &nobody, "").await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.said.contains("Nobody would be paged"), "{}", ran.said);
    apply(&server, LADDER).await;
    let add = ["silence", "add", "--team", "payments", "host=db-3", "-d", "1h", "-c", "x"];
    command(&server, "bob", &add, "").await;
    let (quiet, rings) = way(&server, &["host=db-3"]).await;
    assert_eq!(quiet["silences"], json!([1]));
    assert!(!rings.is_empty());
    let at = quiet["steps"][0]["at"].as_str().expect("a time").to_owned();
    assert!(at.starts_with("2026-11-23T04:00:00"), "the steps begin when it ends: {at}");
    let silent = ["route", "test", "--service", "checkout", "--verify", "alice", "host=db-3"];
    let ran = command(&server, "bob", &silent, "").await;
    assert!(ran.code == Some(1) && ran.said.contains("silenced until"), "{}", ran.said);
    // Who sees one service need not name it; who sees several must.
    let one = command(&server, "carol", &["route", "test", "host=web-1"], "").await;
    assert_eq!(one.code, Some(0), "{}", one.said);
    assert!(one.out.contains("phone (ntfy)"), "{}", one.out);
    let several = command(&server, "root", &["route", "test"], "").await;
    assert!(
        several.code == Some(1) && several.said.contains("checkout, index"),
        "{}",
        several.said
    );
    let hidden = ["route", "test", "--service", "checkout"];
    assert_eq!(command(&server, "mallory", &hidden, "").await.code, Some(3));
}
