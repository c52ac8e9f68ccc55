//! The command line as scripts see it: exit codes, stdout, stderr.
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use crate::harness::{KEY, TestServer};
use crate::process::{Serving, incidentd, on_host, run};

/// What one command came to: exit code, stdout, stderr.
struct Ran {
    code: Option<i32>,
    out: String,
    said: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Self { code: output.status.code(), out: text(output.stdout), said: text(output.stderr) }
    }
}

/// Runs a command as `who` against a server that runs in this process.
async fn command(server: &TestServer, who: &str, arguments: &[&str], stdin: &'static str) -> Ran {
    let mut command = incidentd();
    command.args(arguments).env("INCIDENTD_URL", &server.url);
    command.env("INCIDENTD_TOKEN", server.token(who));
    tokio::task::spawn_blocking(move || run(&mut command, stdin)).await.expect("ran").into()
}

#[tokio::test]
async fn exit_codes_tell_scripts_what_happened() {
    let server = TestServer::start().await;
    server.alert(json!({"title": "disk full"})).await;
    server.alert(json!({"title": "link down"})).await;
    let cases: &[(&str, &[&str], i32)] = &[
        ("bob", &["ack", "1"], 0),
        ("bob", &["ack", "1"], 0),
        ("bob", &["ack", "#1", "http://x/incidents/2"], 0),
        ("bob", &["ack", "4711"], 3),
        ("bob", &["ack", "one"], 2),
        ("bob", &["ack"], 2),
        ("bob", &["snooze", "1", "--until", "soon"], 2),
        ("bob", &["trigger", "--service", "checkout", "--title", "x", "--label", "y"], 2),
        ("bob", &["--token", "x", "list"], 2),
        ("carol", &["ack", "1"], 5),
        ("mallory", &["ack", "1"], 3),
        ("bob", &["resolve", "2", "--hold", "0s"], 0),
        ("bob", &["snooze", "2", "--for", "5m"], 5),
        ("bob", &["ack", "1", "4711", "4712"], 3),
        ("bob", &["snooze", "2", "4711", "--for", "5m"], 1),
        ("bob", &["list", "--server", "http://127.0.0.1:1"], 6),
        ("bob", &["ack", "1", "--timeout", "1s", "--server", "http://127.0.0.1:1"], 6),
        ("bob", &["list", "--data-dir", "/nonexistent"], 6),
        ("bob", &["note", "1", "-"], 1),
        ("bob", &["version"], 0),
    ];
    for (who, arguments, code) in cases {
        let ran = command(&server, who, arguments, "").await;
        assert_eq!(ran.code, Some(*code), "{arguments:?}: {}{}", ran.out, ran.said);
        assert_eq!(*code == 0, ran.said.is_empty(), "{arguments:?}: {}", ran.said);
    }
    let mut nobody = incidentd();
    nobody.args(["list"]).env("INCIDENTD_URL", &server.url);
    let ran = tokio::task::spawn_blocking(move || run(&mut nobody, "")).await.expect("ran");
    assert_eq!(ran.status.code(), Some(4));
    let mut wrong = incidentd();
    wrong.args(["list"]).env("INCIDENTD_URL", &server.url).env("INCIDENTD_TOKEN", "inc_1_nonsense");
    let ran = tokio::task::spawn_blocking(move || run(&mut wrong, "")).await.expect("ran");
    assert_eq!(ran.status.code(), Some(4));
}

#[tokio::test]
async fn of_several_ids_all_are_tried_and_each_is_said_once() {
    let server = TestServer::start().await;
    server.alert(json!({"title": "disk full"})).await;
    let ran = command(&server, "bob", &["ack", "4711", "1", "4712"], "").await;
    assert_eq!(ran.code, Some(3));
    assert_eq!(ran.out.lines().count(), 1, "{}", ran.out);
    assert!(
        ran.out.contains("Acknowledged #1") || ran.out.contains("Acknowledged 1"),
        "{}",
        ran.out
    );
    for id in ["4711", "4712"] {
        let lines = ran.said.lines().filter(|line| line.contains(id)).count();
        assert_eq!(lines, 1, "{}", ran.said);
    }
    let ran = command(&server, "bob", &["ack", "-", "-o", "json"], " 1\n#1 \n").await;
    let all: Value = serde_json::from_str(&ran.out).expect("one JSON array");
    assert_eq!((ran.code, all.as_array().map(Vec::len)), (Some(0), Some(2)));
    let ran = command(&server, "bob", &["resolve", "-"], "").await;
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""), "nothing to do is no failure");
}

#[tokio::test]
async fn an_error_is_json_where_json_was_asked_for() {
    let server = TestServer::start().await;
    let ran = command(&server, "bob", &["show", "4711", "-o", "json"], "").await;
    assert_eq!((ran.code, ran.out.as_str()), (Some(3), ""));
    let said: Value = serde_json::from_str(&ran.said).expect("JSON on stderr");
    assert_eq!(said["error"]["code"], "not_found");
    assert!(said["error"]["message"].is_string() && said["error"]["hint"].is_string(), "{said}");
}

#[tokio::test]
async fn a_pipe_gets_tabs_and_no_header_and_ids_alone_when_asked() {
    let server = TestServer::start().await;
    server.alert(json!({"title": "disk\tfull\non db-3"})).await;
    server.alert(json!({"title": "x".repeat(900)})).await;
    let ran = command(&server, "bob", &["list"], "").await;
    let rows: Vec<Vec<&str>> = ran.out.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows.len(), 2, "{}", ran.out);
    assert!(rows.iter().all(|row| row.len() == 7), "{}", ran.out);
    assert_eq!(rows[0][3], "disk full on db-3");
    assert_eq!(rows[1][3].len(), 900, "nothing is cut");
    assert!(rows[0][1].parse::<jiff::Timestamp>().is_ok(), "{}", rows[0][1]);
    let ran = command(&server, "bob", &["list", "-q"], "").await;
    assert_eq!(ran.out, "1\n2\n");
    let ran = command(&server, "bob", &["list", "-o", "json"], "").await;
    let all: Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(all.as_array().map(Vec::len), Some(2));
    let trigger = ["trigger", "--service", "checkout", "--title", "by hand"];
    assert_eq!(command(&server, "bob", &trigger, "").await.out, "3\n");
    let ran = command(&server, "bob", &["list", "-q", "--service", "checkout"], "").await;
    assert_eq!(ran.out, "1\n2\n3\n");
}

#[tokio::test]
async fn nothing_that_a_sender_wrote_drives_the_terminal() {
    let server = TestServer::start().await;
    let hostile = "a\u{1b}]52;c;x\u{7}b\u{9b}2Jc\u{202e}d\u{200b}e\u{2028}f\u{85}g\u{feff}h";
    let alert = json!({"title": hostile, "dedupKey": hostile, "description": hostile,
        "labels": {"host": hostile}, "links": [{"href": "http://x", "text": hostile}]});
    server.alert(alert).await;
    let note = incidentd::domain::Action::AddNote { body: hostile.into() };
    server.act("bob", 1, note).await.expect("noted");
    let commands: [&[&str]; 6] = [
        &["list"],
        &["show", "1"],
        &["timeline", "1"],
        &["list", "-o", "json"],
        &["show", "1", "-o", "json"],
        &["timeline", "1", "-o", "json"],
    ];
    for arguments in commands {
        let ran = command(&server, "bob", arguments, "").await;
        assert_eq!(ran.code, Some(0), "{}", ran.said);
        let raw = ran.out.chars().find(|c| incidentd::domain::text::is_hostile(*c));
        assert_eq!(raw, None, "{arguments:?}: {:?}", ran.out);
        assert!(ran.out.contains('h'), "{arguments:?}");
        if arguments.contains(&"json") {
            assert!(ran.out.contains("\\u202e"), "escaped, not stripped: {:?}", ran.out);
        }
    }
    let ran = command(&server, "bob", &["ack", "x\u{1b}[2J"], "").await;
    assert!(!ran.said.contains('\u{1b}'), "{:?}", ran.said);
}

#[tokio::test]
async fn a_reader_that_has_enough_is_no_failure_and_a_full_disk_is() {
    let server = TestServer::start().await;
    for number in 0..100 {
        server.alert(json!({"title": format!("{number} {}", "x".repeat(1_000))})).await;
    }
    let binary = env!("CARGO_BIN_EXE_incidentd");
    let shell = async |script: String| -> Ran {
        let mut command = std::process::Command::new("bash");
        command.arg("-c").arg(script).env("INCIDENTD_URL", &server.url);
        command.env("INCIDENTD_TOKEN", server.token("bob"));
        tokio::task::spawn_blocking(move || run(&mut command, "")).await.expect("ran").into()
    };
    let ran = shell(format!("'{binary}' list | head -1 >/dev/null; echo ${{PIPESTATUS[0]}}")).await;
    assert_eq!((ran.out.as_str(), ran.said.as_str()), ("0\n", ""));
    if Path::new("/dev/full").exists() {
        let ran = shell(format!("'{binary}' list -o json > /dev/full")).await;
        assert_eq!(ran.code, Some(1), "{}", ran.said);
        assert!(!ran.said.contains("panicked"), "{}", ran.said);
    }
}

#[tokio::test]
async fn on_the_host_commands_work_beside_a_running_server() {
    let server = TestServer::start().await;
    let mut socket = server.socket("bob").await;
    let joined = socket.subscribe(json!({})).await;
    assert_eq!(joined["ok"], true, "{joined}");
    let dir = server.dir().to_owned();
    let on_host = async |arguments: &'static [&'static str], stdin: &'static str| {
        let dir = dir.clone();
        tokio::task::spawn_blocking(move || on_host(&dir, arguments, stdin)).await.expect("ran")
    };
    on_host(&["user", "add", "dave", "--team", "payments"], "").await;
    let token = on_host(&["token", "create", "--user", "dave"], "").await;
    let dave = crate::harness::Socket::connect(&server.url, &json!({"token": token.trim()})).await;
    dave.expect("the token is good at once");
    on_host(
        &["apply", "-f", "-"],
        "[[teams]]\nslug = \"payments\"\nmembers = { alice = \"admin\" }\n",
    )
    .await;
    let gone = socket.expect("unsubscribed").await;
    assert!(gone["rooms"].is_array(), "{gone}");
    let listed = on_host(&["list"], "").await;
    assert_eq!(listed, "");
    assert_eq!(server.post("generic", &json!({"title": "x"})).await.0, 202, "nothing stopped");
}

#[test]
fn on_the_host_an_empty_folder_becomes_one_that_serves() {
    let parent = tempfile::tempdir().expect("a folder");
    let dir = parent.path().join("data");
    on_host(
        &dir,
        &["user", "add", "root", "--admin", "--password-stdin"],
        "correct horse battery\n",
    );
    let token = on_host(&dir, &["token", "create", "--user", "root"], "");
    assert_eq!(token.lines().count(), 1);
    assert!(!dir.join("control.sock").exists(), "nothing is left behind");
    let again: Ran =
        run(incidentd().args(["user", "add", "root", "--data-dir"]).arg(&dir), "").into();
    assert_eq!(again.code, Some(5), "{}", again.said);
    let none: Ran = run(incidentd().args(["list", "--data-dir"]).arg(&dir), "").into();
    assert_eq!(none.code, Some(6), "{}", none.said);

    // A server that was killed leaves its socket behind: it is no server.
    let server = Serving::start(&dir);
    server.kill();
    assert!(dir.join("control.sock").exists());
    let none: Ran = run(incidentd().args(["list", "--data-dir"]).arg(&dir), "").into();
    assert_eq!(none.code, Some(6), "{}", none.said);
    on_host(&dir, &["user", "list"], "");

    let server = Serving::start(&dir);
    let listed: Ran = run(
        incidentd().args(["list", "--server", &server.url]).env("INCIDENTD_TOKEN", token.trim()),
        "",
    )
    .into();
    assert_eq!((listed.code, listed.out.as_str()), (Some(0), ""), "{}", listed.said);
    let triggered: Ran = run(
        incidentd()
            .args(["trigger", "--title", "x", "--server", &server.url])
            .env("INCIDENTD_KEY", KEY),
        "",
    )
    .into();
    assert!(triggered.code == Some(3) || triggered.code == Some(4), "{}", triggered.said);
}
