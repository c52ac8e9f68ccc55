//! The command line's words: errors name what was typed, and the next step can be copied.
use incidentd::api::Nothing;
use incidentd::api::users::{CHANGE_USER, ChangeUser};
use incidentd::app::Caller;
use incidentd::domain::{Action, Span};
use serde_json::{Value, json};

use crate::commands::{Ran, command};
use crate::far::{Far, this_machine};
use crate::harness::{TestServer, mins};
use crate::paging::{LADDER, Night};
use crate::process::{incidentd, run};

const FILE: &str = r#"
[[services]]
slug = "web"
team = "payments"
[[integrations]]
service = "web"
name = "cron"
[[heartbeats]]
slug = "nightly"
service = "web"
every = "24h"
"#;

async fn apply(server: &TestServer, text: &'static str, more: &[&str]) -> Ran {
    command(server, "root", &[&["apply", "-f", "-"], more].concat(), text).await
}

#[tokio::test]
async fn a_key_that_apply_made_is_shown_as_the_address_to_paste() {
    let server = TestServer::start().await;
    let ran = apply(&server, FILE, &[]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.said);
    assert!(ran.said.contains("The address of web/cron, with its key, shown this once:"));
    let [cron, nightly] = ran.out.lines().collect::<Vec<_>>()[..] else { panic!("{}", ran.out) };
    assert!(cron.starts_with(&format!("{}/integrations/", server.url)), "{cron}");
    assert!(nightly.starts_with(&format!("{}/heartbeat/", server.url)), "{nightly}");
    let posted = server.http().post(format!("{cron}/generic")).body("disk full");
    assert_eq!(crate::harness::answer(posted).await.0, 202);
    let beaten = crate::harness::answer(server.http().get(nightly)).await;
    assert_eq!(beaten.0, 200, "{}", beaten.1);
}

#[tokio::test]
async fn an_error_names_the_flag_that_was_typed_and_the_next_step() {
    let server = TestServer::start().await;
    server.alert(json!({"title": "disk full"})).await;
    let past = "2001-01-01T00:00:00Z";
    let cases: &[(&[&str], &str)] = &[
        (&["snooze", "1"], "Until when? Say --for 2h or --until 08:00."),
        (&["snooze", "1", "--until", "soon"], "'--until <TIME>': `soon` is no moment; write"),
        (&["snooze", "1", "--until", past], "--until: lies in the past"),
        (&["ack", "1", "--for", "3000d"], "--for: is more than a year"),
        (&["resolve", "1", "--hold", "3000d"], "--hold: is more than a year"),
        (&["note", "1", ""], "TEXT: is empty"),
        (&["page", "team:payments", ""], "TEXT: is empty"),
        (&["merge", "1", "--into", "1"], "--into: is the same incident"),
        (
            &["silence", "add", "a=b", "--team", "payments", "--reason", "r", "--until", past],
            "--until: is over already",
        ),
        (
            &["silence", "add", "a=b", "--team", "payments", "--reason", "r", "--starts", "soon"],
            "--starts: `soon` is no moment",
        ),
        (&["silence", "add", "a~b", "--team", "payments", "--reason", "r"], "MATCHER: `a~b`"),
        (&["service", "add", "x", "--team", "payments"], "As responder of this team you may not"),
        (&["service", "add", "x", "--team", "payments"], "; it needs an admin. Ask"),
    ];
    for (arguments, says) in cases {
        let ran = command(&server, "bob", arguments, "").await;
        assert_ne!(ran.code, Some(0), "{arguments:?}");
        assert!(ran.said.contains(says), "{arguments:?}: {}", ran.said);
    }
    let asked = ["snooze", "1", "#1", "--until", past];
    let ran = command(&server, "bob", &asked, "").await;
    assert_eq!(ran.said.matches("--until: lies in the past").count(), 2, "{}", ran.said);
    let asked = ["ack", "1", "--for", "3000d", "-o", "json"];
    let said: Value = serde_json::from_str(&command(&server, "bob", &asked, "").await.said)
        .expect("JSON on stderr");
    assert_eq!(said["error"]["message"], "--for: is more than a year");
    let none = ["webhook", "add", "none", "--team", "payments"];
    let ran = command(&server, "alice", &none, "").await;
    assert!(ran.said.contains("URL: is none; write one as https://…"), "{}", ran.said);
    // Nothing is asked of a server that nobody runs; a variable that is empty names none.
    let ran: Ran = run(incidentd().args(["snooze", "1"]), "").into();
    assert_eq!((ran.code, ran.said.contains("--until 08:00")), (Some(2), true), "{}", ran.said);
    let ran: Ran = run(incidentd().arg("list").env("INCIDENTD_URL", ""), "").into();
    assert_eq!((ran.code, ran.said.contains("http://127.0.0.1:8080")), (Some(4), true));
}

#[tokio::test]
async fn a_channel_that_no_server_has_is_an_error_and_one_that_is_not_set_up_a_warning() {
    let server = TestServer::start().await;
    let nowhere = r#"
        [[users]]
        username = "alice"
        email = "alice@example.com"
        contacts = [ { name = "bird", channel = "pigeon", address = "coo" },
                     { name = "sms", channel = "twilio", address = "+4915112345678" } ]"#;
    let ran = apply(&server, nowhere, &[]).await;
    assert_eq!(ran.code, Some(1), "{}", ran.said);
    let says = "users[0].contacts[0].channel: `pigeon` is no channel of this server; there are ";
    assert!(ran.said.contains(says), "{}", ran.said);
    assert!(ran.said.contains("ntfy") && ran.said.contains("Nothing was changed"), "{}", ran.said);

    let growing = r#"
        [[users]]
        username = "alice"
        email = "alice@example.com"
        contacts = [ { name = "mail", channel = "email" },
                     { name = "sms", channel = "twilio", address = "+4915112345678" } ]
        [[users]]
        username = "bob"
        email = "bob@example.com"
        contacts = [ { name = "mail", channel = "email" } ]"#;
    let ran = apply(&server, growing, &[]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.said);
    for says in [
        "warning: users[0].contacts[0].channel: `email` is not set up on this server",
        "Its operator sets smtp.url and smtp.from. So it is at one other place.",
        "warning: users[0].contacts[1].channel: `twilio` is not set up on this server",
        "Its operator adds [gateways.twilio] with recipe = \"twilio\".",
    ] {
        assert!(ran.said.contains(says), "{says}: {}", ran.said);
    }
}

/// dave is of no team.
const APART: &str = r#"
[[users]]
username = "dave"
contacts = [{ name = "phone", channel = "webhook", address = "FAR/dave" }]
"#;

#[tokio::test]
async fn who_shares_no_team_is_paged_by_the_platforms_admins_in_their_own() {
    let mut far = Far::start().await;
    let server = TestServer::with(|config| config.outgoing.allow_private = this_machine()).await;
    let text = APART.replace("FAR", far.url("").trim_end_matches('/'));
    let document = toml::from_str(&text).expect("a document");
    server.server().app.apply(&Caller::host(), document).await.expect("applied");

    let ran = command(&server, "root", &["page", "dave", "please look"], "").await;
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "1\n"), "{}", ran.said);
    assert!(ran.said.contains("Telling dave."), "{}", ran.said);
    let heard = far.next().await;
    assert_eq!((heard.path.as_str(), &heard.json()["kind"]), ("/dave", &json!("page")));
    let incident = server.incident(1).await;
    assert_eq!((incident.team.slug.as_str(), incident.service.is_none()), ("incidentd", true));
    assert_eq!(incident.assignees[0].username, "dave");

    // Whom one does not know does not exist, and who only looks on pages nobody.
    let ran = command(&server, "bob", &["page", "dave", "x"], "").await;
    assert_eq!(ran.code, Some(3), "{}", ran.said);
    let ran = command(&server, "carol", &["page", "bob", "x"], "").await;
    assert_eq!(ran.code, Some(5), "{}", ran.said);
    let ran = command(&server, "bob", &["page", "alice", "x"], "").await;
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "2\n"), "{}", ran.said);
    assert_eq!(server.incident(2).await.team.slug, "payments", "the team that they share");
}

#[tokio::test]
async fn show_says_who_was_told_by_what_when_and_what_became_of_it() {
    let mut night = Night::begin(LADDER).await;
    night.server.alert(json!({"title": "disk full", "severity": "critical"})).await;
    night.expect_page("alice").await;
    night.server.advance(mins(5)).await;
    night.expect_page("bob").await;
    let ran = command(&night.server, "bob", &["ack", "1"], "").await;
    assert_eq!(ran.code, Some(0), "{}", ran.said);
    night.settled().await;
    let told = async |server: &TestServer| -> Vec<String> {
        let ran = command(server, "bob", &["show", "1"], "").await;
        assert_eq!(ran.code, Some(0), "{}", ran.said);
        ran.out.lines().filter(|line| line.starts_with("Told")).map(str::to_owned).collect()
    };
    assert_eq!(
        told(&night.server).await,
        [
            "Told\talice\tphone (webhook)\t2026-11-23T03:00:00Z\tsent",
            "Told\tbob\tphone (webhook)\t2026-11-23T03:05:00Z\tsent",
            "Told\talice\tphone (webhook)\t2026-11-23T03:05:00Z\tall clear sent",
        ]
    );
    // A night of many pages is shown whole.
    let file = night.server.dir().join("incidentd.db");
    let database = rusqlite::Connection::open(file).expect("opened");
    let copies = "create temp table copy as select * from deliveries where kind = 'page';
                  update copy set id = null";
    database.execute_batch(copies).expect("copied");
    for _ in 0..120 {
        database.execute("insert into deliveries select * from copy", []).expect("more");
    }
    assert_eq!(told(&night.server).await.len(), 3 + 240);
}

#[tokio::test]
async fn words_of_the_server_say_moments_by_the_clocks_of_who_reads_them() {
    let server = TestServer::start().await;
    server.alert(json!({"title": "disk full"})).await;
    let snooze = || Action::Snooze { span: Some(Span::secs(3_600)), until: None };
    let acted = server.act("bob", 1, snooze()).await.expect("snoozed");
    assert_eq!(acted.message, "Snoozed 1 until 2026-11-23 04:00 UTC.", "bob has said no zone");
    let zone = ChangeUser { time_zone: Some(Some("Asia/Kathmandu".into())), ..Default::default() };
    let path = "me".to_owned();
    server.call("bob", &CHANGE_USER, path, &Nothing {}, &zone).await.expect("changed");
    let resolve = Action::Resolve { note: None, hold: None };
    let acted = server.act("bob", 1, resolve).await.expect("resolved");
    let says = "Resolved 1. 1 still fires; back at 2026-11-23 09:45 +0545 unless it ends.";
    assert_eq!(acted.message, says);
    // A script reads what it reads everywhere.
    server.alert(json!({"title": "load"})).await;
    let ran =
        command(&server, "bob", &["snooze", "2", "--until", "2027-01-01T00:00:00Z"], "").await;
    assert_eq!(ran.out, "Snoozed 2 until 2027-01-01T00:00:00Z.\n", "{}", ran.said);
}

#[tokio::test]
async fn what_exists_already_or_is_still_in_use_is_shown_by_the_next_step() {
    let server = TestServer::start().await;
    for n in 1..=7 {
        server.alert(json!({"title": format!("alert {n}")})).await;
    }
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("root", &["user", "add", "bob"], &["`incidentd user show bob`"]),
        ("root", &["team", "add", "payments"], &["`incidentd team list`"]),
        (
            "alice",
            &["service", "add", "checkout", "--team", "payments"],
            &["`incidentd service list`"],
        ),
        (
            "alice",
            &["service", "remove", "checkout"],
            &["has 7 open incidents: 1, 2, 3, 4, 5 and 2 more.", "resolve --service checkout"],
        ),
        (
            "root",
            &["restore", "/nonexistent", "--data-dir", "/nonexistent"],
            &["/nonexistent cannot be read", "Name a file that `incidentd backup` wrote"],
        ),
    ];
    for (who, arguments, parts) in cases {
        let ran = command(&server, who, arguments, "").await;
        for part in *parts {
            assert!(ran.said.contains(part), "{arguments:?}: {}", ran.said);
        }
    }
}

#[tokio::test]
async fn a_template_is_rendered_with_its_lines() {
    let server = TestServer::start().await;
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("words");
    std::fs::write(&file, "one {{ 1 + 1 }}\n\nthree\u{1b}[2J\n").expect("written");
    let file = file.to_str().expect("text");
    let ran = command(&server, "bob", &["template", "render", "--template", file], "").await;
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "one 2\n\nthree\u{fffd}[2J\n"));
}

#[tokio::test]
async fn who_has_it_hears_that_nobody_reports_it_any_more() {
    let mut night = Night::begin(LADDER).await;
    let webhook = json!({"version": "4", "groupKey": "g", "receiver": "r", "alerts": [{
        "status": "firing", "labels": {"alertname": "Down", "severity": "critical"},
        "startsAt": crate::harness::START, "endsAt": "0001-01-01T00:00:00Z", "fingerprint": "a",
    }]});
    night.server.post("alertmanager", &webhook).await;
    night.expect_page("alice").await;
    let span = Some(Span::days(3));
    let ack = Action::Acknowledge { span, until: None, note: None, take: false };
    night.server.act("alice", 1, ack).await.expect("acknowledged");
    night.settled().await;
    night.server.advance(mins(24 * 60 + 1)).await;
    let (to, said) = night.heard().await;
    assert_eq!((to.as_str(), &said["kind"]), ("alice", &json!("update")), "{said}");
    let words = "1 alert fires, not reported for 1d; still so?";
    assert!(said.to_string().contains(words), "{said}");
}
