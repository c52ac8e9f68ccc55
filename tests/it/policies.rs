//! Escalation policies as people have them: who is told when. Ladders themselves are told in the
//! domain.
use incidentd::api::configuration::ApplyQuery;

use crate::configuration::{PRUNE, apply, configure, export, lines, refused};
use crate::harness::{TestServer, WORLD};

const PAGING: &str = r#"
[[schedules]]
slug = "primary"
team = "payments"
[[channels]]
slug = "chat"
team = "payments"
channel = "slack"
address = "https://hooks.slack.com/services/T0/B0/sesame"
[[escalation_policies]]
slug = "payments-default"
team = "payments"
repeat = 1
steps = [ { after = "0m", targets = ["schedule:primary"] },
          { after = "5m", targets = ["user:alice", "channel:chat", "schedule:primary/next"] } ]
last_resort = ["team:payments"]
"#;

fn world(more: &str) -> String {
    format!("{WORLD}{more}")
}

#[tokio::test]
async fn a_file_says_who_is_told_when_and_shows_what_differs_step_by_step() {
    let server = TestServer::start().await;
    let made = apply(&server, PAGING).await;
    assert_eq!(made[..2], ["+ schedule primary", "+ channel chat"]);
    assert!(made[2].starts_with("~ policy payments-default (repeat: 2 → 1; "), "{made:?}");
    assert_eq!(apply(&server, PAGING).await, [""; 0], "it is so already");

    let written = toml::to_string(&export(&server).await).expect("written");
    assert!(!written.contains("sesame"), "a secret: {written}");
    assert_eq!(apply(&server, &written).await, [""; 0], "what was written down is so");

    let later = PAGING
        .replace("\"user:alice\", ", "")
        .replace("repeat = 1", "")
        .replace("[\"team:payments\"]", "[]")
        .replace("\"0m\"", "\"1m\"");
    assert_eq!(
        apply(&server, &later).await,
        ["~ policy payments-default (steps.0s: schedule:primary → nothing; steps.1m: nothing → \
          schedule:primary; steps.5m: user:alice,channel:chat,schedule:primary/next → \
          channel:chat,schedule:primary/next; last_resort: team:payments → nothing)"],
        "what is left out stays"
    );
    let moved = "[[channels]]\nslug = \"chat\"\nteam = \"payments\"\nchannel = \"slack\"\n\
                 address = \"https://hooks.slack.com/services/T0/B0/other\"";
    assert_eq!(apply(&server, moved).await, ["~ channel chat (address changed)"]);
}

#[tokio::test]
async fn what_a_policy_names_stays_until_it_names_it_no_more() {
    let server = TestServer::start().await;
    let with = world(&PAGING.replace("-default\"", "-nights\"")).replace(
        "slug = \"checkout\"",
        "slug = \"checkout\"\nescalation_policy = \"payments-nights\"",
    );
    configure(&server, "root", &with, PRUNE).await.expect("applied");
    let named: String = with
        .split("[[channels]]")
        .next()
        .expect("a beginning")
        .replace("\nescalation_policy = \"payments-nights\"", "")
        .replace("[[schedules]]\nslug = \"primary\"\nteam = \"payments\"", "");
    let by_hand = refused(&server, &named, PRUNE).await;
    assert_eq!(
        by_hand,
        [
            "prune: Policy `payments-nights` is that of services: checkout.",
            "prune: Channel `chat` is named by policies: payments-nights.",
            "prune: Schedule `primary` is named by policies: payments-nights.",
        ]
    );
    let freed =
        named.replace("slug = \"checkout\"", "slug = \"checkout\"\nescalation_policy = \"\"");
    let pruned = configure(&server, "root", &freed, PRUNE).await.expect("pruned");
    assert_eq!(
        lines(&pruned),
        [
            "~ service checkout (escalation_policy: payments-nights → nothing)",
            "- policy payments-nights",
            "- channel chat",
            "- schedule primary",
        ]
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_policy_is_named_by_its_place() {
    let server = TestServer::start().await;
    let by_itself = r#"
[[channels]]
slug = "chat"
team = "payments"
channel = "Slack"
address = ""
[[escalation_policies]]
slug = "p"
team = "payments"
repeat = 11
steps = [ { after = "5m", targets = [] }, { after = "5m", targets = ["user:alice"] } ]
"#;
    let wrong = refused(&server, by_itself, ApplyQuery::default()).await;
    let places: Vec<&str> = wrong.iter().filter_map(|line| line.split(": ").next()).collect();
    assert_eq!(
        places,
        [
            "channels[0].channel",
            "channels[0].address",
            "escalation_policies[0].repeat",
            "escalation_policies[0].steps[0].targets",
            "escalation_policies[0].steps[1].after",
        ]
    );
    let by_reference = r#"
[[escalation_policies]]
slug = "p"
team = "payments"
steps = [ { after = "0m", targets = ["user:alice", "user:nobody"] } ]
last_resort = ["channel:chat"]
[[escalation_policies]]
slug = "q"
team = "payments"
[[services]]
slug = "checkout"
team = "payments"
escalation_policy = "of-nobody"
[[users]]
username = "alice"
contacts = [ { name = "phone", channel = "ntfy" } ]
rules.high = [ { after = "0m", contact = "pager" } ]
"#;
    assert_eq!(
        refused(&server, by_reference, ApplyQuery::default()).await,
        [
            "users[0].contacts[0].address: is missing: only that of an e-mail may be",
            "users[0].rules.high[0].contact: there is no contact `pager`",
            "escalation_policies[0].steps[0].targets[1]: there is no user `nobody`; add it to the file",
            "escalation_policies[0].last_resort[0]: there is no channel `chat`; add it to the file",
            "escalation_policies[1].steps: are missing: a new policy needs them",
            "services[0].escalation_policy: team `payments` has no policy `of-nobody`",
        ]
    );
}

#[tokio::test]
async fn a_team_s_default_follows_its_slug() {
    let server = TestServer::start().await;
    apply(&server, PAGING).await;
    let renamed = "[[teams]]\nslug = \"pay\"\nrenamed_from = \"payments\"";
    assert_eq!(apply(&server, renamed).await, ["~ team pay (slug: payments → pay)"]);
    let policies = export(&server).await.escalation_policies;
    assert_eq!(policies[0].slug, "pay-default");
    let file = PAGING
        .replace("\"payments\"", "\"pay\"")
        .replace(
            "slug = \"payments-default\"",
            "slug = \"pay-default\"\nrenamed_from = \"payments-default\"",
        )
        .replace("team:payments", "team:pay");
    assert_eq!(apply(&server, &file).await, [""; 0]);
}
