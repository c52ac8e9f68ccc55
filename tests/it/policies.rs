//! Escalation policies as people have them: who is told when. Ladders themselves are told in the
//! domain.
use incidentd::api::Nothing;
use incidentd::api::configuration::ApplyQuery;
use incidentd::api::policies::{
    CHANGE_POLICY, CREATE_POLICY, NewPolicy, POLICY, PolicyChange, REMOVE_POLICY,
};
use incidentd::api::services::{CHANGE_SERVICE, ServiceChange};

use crate::configuration::{PRUNE, apply, configure, export, lines, refused};
use crate::harness::{TestServer, WORLD};
use crate::process::{incidentd, run};

const NONE: &Nothing = &Nothing {};

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

fn new(slug: &str, steps: &[&str]) -> NewPolicy {
    let steps = steps.iter().map(|step| step.parse().expect("a step")).collect();
    NewPolicy { slug: slug.into(), team: "payments".into(), steps, ..NewPolicy::default() }
}

#[tokio::test]
async fn a_team_s_admin_says_who_of_his_team_is_told() {
    let server = TestServer::start().await;
    let add = async |who: &str, policy: NewPolicy| {
        server.call(who, &CREATE_POLICY, Nothing {}, NONE, &policy).await
    };
    let wrong = add("alice", new("nights", &["0m=user:bob", "5m=user:mallory,user:nobody"])).await;
    let wrong = wrong.expect_err("a stranger and nobody");
    let fields: Vec<String> =
        wrong.fields.into_iter().map(|it| format!("{}: {}", it.field, it.message)).collect();
    assert_eq!(
        fields,
        [
            "steps[1].targets[0]: there is no user `mallory` that you may name here",
            "steps[1].targets[1]: there is no user `nobody` that you may name here",
        ],
        "both in the same words"
    );
    let made = add("alice", new("nights", &["0m=user:bob", "5m=team:payments"])).await;
    let made = made.expect("added");
    assert_eq!((made.repeat, made.last_resort, made.services.len()), (2, None, 0));
    // The platform's admin may name anybody, and what is named may stay.
    let steps = Some(vec!["0m=user:mallory".parse().expect("a step")]);
    let change = PolicyChange { steps, ..PolicyChange::default() };
    let path = || "nights".to_owned();
    server.call("root", &CHANGE_POLICY, path(), NONE, &change).await.expect("changed");
    let last_resort = Some(Some(vec!["user:alice".parse().expect("a target")]));
    let change = PolicyChange { last_resort, ..change };
    server.call("alice", &CHANGE_POLICY, path(), NONE, &change).await.expect("changed");

    let service = |policy: Option<&str>| ServiceChange {
        escalation_policy: Some(policy.map(str::to_owned)),
        ..ServiceChange::default()
    };
    let checkout = || "checkout".to_owned();
    let set = service(Some("nights"));
    let set = server.call("alice", &CHANGE_SERVICE, checkout(), NONE, &set).await.expect("set");
    assert_eq!(set.escalation_policy.expect("a policy").slug, "nights");
    let found = server.call("carol", &POLICY, path(), NONE, NONE).await.expect("seen");
    assert_eq!(found.services, ["checkout"]);
    let refused = server.call("alice", &REMOVE_POLICY, path(), NONE, NONE).await;
    let refused = refused.expect_err("a service names it").to_string();
    assert!(refused.contains("checkout") && refused.contains("service set"), "{refused}");
    let index = service(Some("nights"));
    let other = server.call("mallory", &CHANGE_SERVICE, "index".into(), NONE, &index).await;
    assert_eq!(other.expect_err("of another team").fields[0].field, "escalationPolicy");
    let unset = service(None);
    server.call("alice", &CHANGE_SERVICE, checkout(), NONE, &unset).await.expect("unset");
    server.call("alice", &REMOVE_POLICY, path(), NONE, NONE).await.expect("removed");
}

#[tokio::test]
async fn the_commands_read_as_people_write() {
    let server = TestServer::start().await;
    let (url, token) = (server.url.clone(), server.token("alice").to_owned());
    let command = async |line: &str, stdin: &'static str| {
        let mut command = incidentd();
        command.args(line.split_whitespace().map(|word| word.replace('_', " ")));
        command.env("INCIDENTD_URL", &url).env("INCIDENTD_TOKEN", &token);
        let ran = tokio::task::spawn_blocking(move || run(&mut command, stdin)).await.expect("ran");
        let said = String::from_utf8_lossy(&ran.stderr).trim().to_owned();
        (ran.status.code(), String::from_utf8(ran.stdout).expect("UTF-8"), said)
    };
    let secret = "https://ntfy.sh/x7f3\n";
    let (code, _, said) =
        command("channel add chat --team payments --channel ntfy --address -", secret).await;
    assert_eq!(
        (code, said.as_str()),
        (Some(0), "Added channel chat. Next, a policy that names channel:chat.")
    );
    let add = "policy add evenings --team payments --step 0m=user:bob \
               --step 5m=user:alice,channel:chat --last-resort team:payments";
    let (code, _, said) = command(add, "").await;
    assert_eq!((code, said.as_str()), (Some(0), "Added policy evenings."));
    let (_, list, _) = command("policy list", "").await;
    let first = "evenings\tpayments\t0s=user:bob 5m=user:alice,channel:chat\t2\t\n";
    assert!(list.starts_with(first), "{list}");
    let (_, shown, _) = command("policy show evenings", "").await;
    assert_eq!(
        shown,
        "0s\tuser:bob\n5m\tuser:alice,channel:chat\n\tagain, 2 more times, 5m after the last \
         step\nat last\tteam:payments; then every hour\n"
    );
    let (code, _, said) = command("policy set evenings --step 5m", "").await;
    assert!(code == Some(2) && said.contains("5m=user:alice,channel:chat"), "{said}");
    let (_, _, said) = command("channel remove chat", "").await;
    assert!(said.contains("named by policies: evenings"), "{said}");

    let (code, _, said) = command("contact add phone --channel ntfy --address -", secret).await;
    assert_eq!(
        (code, said.lines().next()),
        (
            Some(0),
            Some(
                "Added contact phone. A code is on its way there. Next: incidentd contact verify phone CODE"
            )
        ),
        "{said}"
    );
    let (_, rules, _) =
        command("contact rules --high 0m=phone --quiet-hours 22:00-07:00 --no-all-clear", "").await;
    assert_eq!(
        rules,
        "high\t0s=phone\nlow\tevery contact at once\nquiet\t22:00-07:00\nall clear\tnot told\n"
    );
    let (code, _, said) = command("contact rules --low 0m=pager", "").await;
    assert!(code == Some(3) && said.contains("there is no contact `pager`"), "{said}");
    let (_, secret, _) = command("webhook add https://example.com/hook --team payments", "").await;
    assert!(secret.starts_with("whsec_"), "{secret}");
    let (code, ..) = command("webhook disable 1", "").await;
    assert_eq!(code, Some(0));
    let (_, list, _) = command("webhook list", "").await;
    assert_eq!(list, "1\tpayments\thttps://example.com/hook\tdisabled\t\n");
}
