//! `-q`: every list prints ids alone, as the verb takes them that ends or removes one.
use incidentd::app::Caller;
use serde_json::json;

use crate::commands::command;
use crate::harness::TestServer;

const MORE: &str = r#"
[[heartbeats]]
slug = "nightly"
service = "checkout"
every = "24h"
[[schedules]]
slug = "primary"
team = "payments"
[[schedules.rotations]]
name = "weekly"
every = "1w"
handoff = "2026-01-05T09:00"
participants = ["alice", "bob"]
[[channels]]
slug = "room"
team = "payments"
channel = "slack"
address = "https://hooks.example.com/services/x"
[[webhooks]]
team = "payments"
url = "https://hooks.example.com/events"
"#;

/// The ways to all lists that the command line has.
fn lists(of: &clap::Command, way: &[String], found: &mut Vec<Vec<String>>) {
    for inner in of.get_subcommands() {
        let way = [way, &[inner.get_name().to_owned()]].concat();
        if inner.get_name() == "list" {
            found.push(way.clone());
        }
        lists(inner, &way, found);
    }
}

#[tokio::test]
async fn every_list_prints_its_ids_alone_and_they_are_taken_back() {
    let server = TestServer::start().await;
    let document = toml::from_str(MORE).expect("a document");
    server.server().app.apply(&Caller::host(), document).await.expect("applied");
    server.alert(json!({"title": "disk full"})).await;
    let done = async |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let ran = command(&server, "alice", &words, "").await;
        assert_eq!(ran.code, Some(0), "{line}: {}", ran.said);
        ran
    };
    done("schedule feed add primary").await;
    done("contact add phone --channel ntfy --address https://ntfy.example.com/x").await;
    done("silence add --team payments host=x --for 1h --reason r").await;
    // Each with what is done with its ids, if that leaves the others as they are.
    let cases = [
        ("list", "resolve IDS --yes"),
        ("audit", ""),
        ("on-call", "user show IDS"),
        ("silence list", "silence end IDS"),
        ("schedule feed list", "schedule feed remove IDS"),
        ("schedule list", "schedule remove IDS"),
        ("heartbeat list", "heartbeat remove IDS"),
        ("channel list", "channel remove IDS"),
        ("webhook list", "webhook remove IDS"),
        ("contact list", "contact remove IDS"),
        ("integration list --service checkout", "integration remove IDS"),
        ("service list", "service set IDS --name Checkout"),
        ("policy list", "policy show IDS"),
        ("team list", "team set IDS --name Payments"),
        ("team member list payments", ""),
        ("user list", ""),
        ("token list", ""),
        // A token is no session; `login` has more.
        ("session list", ""),
    ];
    let mut known = Vec::new();
    lists(&incidentd::cli::command(), &[], &mut known);
    for way in known.iter().map(|way| way.join(" ")) {
        let tried =
            cases.iter().any(|(list, _)| format!("{list} ").starts_with(&format!("{way} ")));
        assert!(tried, "{way} -q");
    }
    for (list, then) in cases {
        let who = if list == "audit" { "root" } else { "alice" };
        let words: Vec<&str> = list.split(' ').chain(["-q"]).collect();
        let ran = command(&server, who, &words, "").await;
        assert_eq!((ran.code, ran.said.as_str()), (Some(0), ""), "{list}");
        assert_eq!(ran.out.is_empty(), list == "session list", "{list}");
        assert!(!ran.out.contains(['\t', ' ']), "{list}: {}", ran.out);
        if !then.is_empty() {
            done(&then.replace("IDS", ran.out.trim_end())).await;
        }
    }
}
