//! What a terminal is sent: tables that fit it, our own colours, and nothing of what a sender
//! wrote that could drive it. `script` gives the command a terminal of its own.
use std::process::{Command, Output};

use incidentd::domain::text::is_hostile;
use serde_json::json;
use unicode_width::UnicodeWidthStr;

use crate::commands::command;
use crate::harness::TestServer;
use crate::process::{incidentd, run};

/// Everything that could move a cursor, set a clipboard, reorder or hide text.
const HOSTILE: &str =
    "a\u{1b}]52;c;x\u{7}b\u{9b}2Jc\u{202e}d\u{200b}e\u{2028}f\u{85}g\u{feff}h\u{1b}[2J\u{e0041}";

/// Runs a command on a terminal of `columns`; returns what the terminal was sent.
async fn on_terminal(server: &TestServer, columns: u16, env: &str, line: &str) -> Vec<String> {
    let binary = incidentd();
    let binary = binary.get_program().to_string_lossy();
    let script = format!("stty cols {columns} rows 24 -echo; {env} '{binary}' {line}");
    let mut command = Command::new("script");
    command.args(["-qec", &script, "/dev/null"]).env("TERM", "xterm").env("SHELL", "/bin/sh");
    command.env("INCIDENTD_URL", &server.url).env("INCIDENTD_TOKEN", server.token("bob"));
    command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
    let ran = tokio::task::spawn_blocking(move || run(&mut command, "")).await;
    let Output { stdout, .. } = ran.expect("ran");
    let sent = String::from_utf8(stdout).expect("UTF-8");
    sent.lines().map(|line| line.trim_end_matches('\r').to_owned()).collect()
}

/// Without the colours that are ours; whatever else begins with ESC stays.
fn plain(line: &str) -> String {
    let mut plain = line.to_owned();
    for ours in ["\u{1b}[37m\u{1b}[41m", "\u{1b}[30m\u{1b}[43m", "\u{1b}[0m"] {
        plain = plain.replace(ours, "");
    }
    plain
}

async fn world() -> TestServer {
    let server = TestServer::start().await;
    let long = format!("disk full {}", "x".repeat(300));
    server.alert(json!({"title": long, "labels": {"host": "db-3"}})).await;
    server.alert(json!({"title": "ディスクがいっぱいです", "severity": "warning"})).await;
    server.alert(json!({"title": "cert"})).await;
    let ack =
        incidentd::domain::Action::Acknowledge { span: None, until: None, note: None, take: false };
    server.act("bob", 3, ack).await.expect("acknowledged");
    server
}

#[tokio::test]
async fn a_table_fits_its_terminal_and_the_title_gives_way() {
    let server = world().await;
    for columns in [200, 80, 60] {
        let lines = on_terminal(&server, columns, "", "list").await;
        assert_eq!(lines.len(), 4, "{lines:#?}");
        assert!(lines[0].starts_with("STATUS  AGE"), "{lines:#?}");
        let plain: Vec<String> = lines.iter().map(|line| plain(line)).collect();
        assert!(plain.iter().all(|line| line.width() <= usize::from(columns)), "{plain:#?}");
        assert!(plain[1].starts_with("HIGH") && plain[1].contains('…'), "{plain:#?}");
        let services: Vec<usize> = plain[1..]
            .iter()
            .map(|line| line[..line.find("checkout").expect("the service is whole")].width())
            .collect();
        assert!(services.iter().all(|at| *at == services[0]), "straight: {plain:#?}");
    }
    let piped = command(&server, "bob", &["list"], "").await.out;
    assert!(piped.contains(&"x".repeat(300)), "nothing is cut in a pipe");
    server
        .act("bob", 1, incidentd::domain::Action::AddNote { body: "word ".repeat(60) })
        .await
        .expect("noted");
    let lines = on_terminal(&server, 60, "", "timeline 1").await;
    assert!(lines.iter().all(|line| line.width() <= 60), "{lines:#?}");
    assert_eq!(lines.concat().matches("word").count(), 60, "notes are wrapped, not cut");
}

#[tokio::test]
async fn colour_is_for_terminals_and_for_those_who_ask() {
    let server = world().await;
    let (fire, ack) = ("\u{1b}[37m\u{1b}[41mHIGH\u{1b}[0m", "\u{1b}[30m\u{1b}[43mACK\u{1b}[0m");
    let lines = on_terminal(&server, 80, "", "list").await;
    assert!(lines[1].starts_with(fire) && lines[3].starts_with(ack), "{lines:#?}");
    assert!(lines[2].starts_with("LOW "), "calm is colourless: {lines:#?}");
    for env in ["NO_COLOR=1", "TERM=dumb"] {
        let lines = on_terminal(&server, 80, env, "list").await;
        assert!(lines.iter().all(|line| !line.contains('\u{1b}')), "{env}: {lines:#?}");
    }
    let lines = on_terminal(&server, 80, "CLICOLOR_FORCE=1", "list | cat").await;
    assert!(lines[0].starts_with(&format!("{fire}\t")), "a pipe all the same: {lines:#?}");
    assert!(!command(&server, "bob", &["list"], "").await.out.contains('\u{1b}'));
}

#[tokio::test]
async fn several_are_asked_for_on_a_terminal() {
    let server = world().await;
    let lines = on_terminal(&server, 80, "echo n |", "resolve --team payments; echo $?").await;
    assert!(lines.concat().contains("--yes"), "a pipe is nobody who can be asked: {lines:#?}");
    let lines = on_terminal(&server, 80, "", "resolve --team payments; echo $?").await;
    let all = lines.join("\n");
    assert!(all.contains("Resolve 3 incidents? [y/N]") && all.contains("  3  cert"), "{all}");
    assert!(all.contains("Nothing was done.") && all.ends_with('5'), "{all}");
    assert_eq!(server.story(1).await, ["created"]);
}

#[tokio::test]
async fn nothing_that_a_sender_wrote_drives_the_terminal() {
    let server = TestServer::start().await;
    let alert = json!({"title": HOSTILE, "dedupKey": HOSTILE, "description": HOSTILE,
        "labels": {"host": HOSTILE}, "links": [{"href": "http://x", "text": HOSTILE}]});
    server.alert(alert).await;
    let note = incidentd::domain::Action::AddNote { body: HOSTILE.into() };
    server.act("bob", 1, note).await.expect("noted");
    let typed = HOSTILE.replace('\u{1b}', "$(printf '\\033')");
    for line in [
        "list",
        "list --all --label 'host!=x'",
        "show 1",
        "timeline 1",
        "ack 1 --note x",
        "resolve 1 -q",
        "show 1 -o json",
        "list -o json",
        "timeline 1 -o json",
        "list --team nobody",
        &format!("list --team \"{typed}\""),
        &format!("show \"{typed}\""),
        &format!("ack \"--{typed}\""),
        &format!("lis\"{typed}\""),
        &format!("reassign 1 --to \"{typed}\""),
        &format!("list --label \"a=~({typed}\""),
        &format!("list --server \"{typed}\""),
        &format!("list --data-dir \"{typed}\""),
        &format!("list -o json --team \"{typed}\""),
    ] {
        let lines = on_terminal(&server, 100, "", line).await;
        assert!(!lines.is_empty(), "{line}");
        let raw = lines.iter().find(|line| plain(line).contains(is_hostile));
        assert_eq!(raw, None, "{line}");
    }
    let arguments: [&[&str]; 6] = [
        &["list"],
        &["show", "1"],
        &["timeline", "1"],
        &["list", "--all", "-o", "json"],
        &["show", "1", "-o", "json"],
        &["timeline", "1", "-o", "json"],
    ];
    for arguments in arguments {
        let ran = command(&server, "bob", arguments, "").await;
        assert_eq!(ran.code, Some(0), "{}", ran.said);
        assert_eq!(ran.out.chars().find(|c| is_hostile(*c)), None, "{arguments:?}: {:?}", ran.out);
        if arguments.contains(&"json") {
            assert!(ran.out.contains("\\u202e"), "escaped, not stripped: {:?}", ran.out);
        }
    }
}
