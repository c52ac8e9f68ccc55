//! The command line as scripts see it: exit codes, stdout, stderr.
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

use crate::harness::{KEY, PATIENCE, TestServer};
use crate::process::{Serving, incidentd, on_host, run};

/// What one command came to: exit code, stdout, stderr.
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub said: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Self { code: output.status.code(), out: text(output.stdout), said: text(output.stderr) }
    }
}

/// Runs a command as `who` against a server that runs in this process.
pub async fn command(
    server: &TestServer,
    who: &str,
    arguments: &[&str],
    stdin: &'static str,
) -> Ran {
    let mut command = incidentd();
    command.args(arguments).env("INCIDENTD_URL", &server.url);
    command.env("INCIDENTD_TOKEN", server.token(who));
    tokio::task::spawn_blocking(move || run(&mut command, stdin)).await.expect("ran").into()
}

#[tokio::test]
async fn a_watch_that_nobody_reads_any_more_ends() {
    let server = TestServer::start().await;
    server.alert(json!({"title": "disk full"})).await;
    let mut command = incidentd();
    command.args(["watch", "-o", "json", "--after", "0"]).env("INCIDENTD_URL", &server.url);
    command.env("INCIDENTD_TOKEN", server.token("bob"));
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let code = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().expect("started");
        let mut first = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        out.read_line(&mut first).expect("a line");
        assert!(first.contains("disk full"), "{first}");
        drop(out);
        // Nothing happens any more.
        let closed = Instant::now();
        loop {
            if let Some(status) = child.try_wait().expect("waited") {
                return status.code();
            }
            if closed.elapsed() > PATIENCE {
                child.kill().expect("killed");
                return None;
            }
            std::thread::yield_now();
        }
    });
    assert_eq!(code.await.expect("ran"), Some(0));
}

#[tokio::test]
async fn exit_codes_tell_scripts_what_happened() {
    let server = TestServer::start().await;
    server.alert(json!({"title": "disk full"})).await;
    server.alert(json!({"title": "link down"})).await;
    let cases: &[(&str, &[&str], i32)] = &[
        ("bob", &["ack", "1"], 0),
        ("bob", &["ack", "1"], 0),
        ("bob", &["ack", "#1", "/incidents/2"], 0),
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
        ("bob", &["list", "--label", "host=~("], 2),
        ("bob", &["list", "--since", "yesterday"], 2),
        ("bob", &["list", "--since", "3650d"], 0),
        ("bob", &["list", "--since", "2026-11-23T00:00:00Z"], 0),
        ("bob", &["lits"], 2),
        ("bob", &["trigger", "--title", "x"], 2),
        ("bob", &["trigger", "--title", "x", "--service", "checkout", "--key", KEY], 2),
        ("bob", &["merge", "1", "--into", "1"], 2),
        ("bob", &["merge", "1", "--into", "2"], 5),
        ("bob", &["merge", "1", "--into", "4711"], 3),
        ("bob", &["note", "1", "-"], 1),
        ("bob", &["note", "1", ""], 2),
        ("bob", &["ack", "1", "--for", "3000d"], 2),
        ("bob", &["snooze", "1", "--until", "2001-01-01T00:00:00Z"], 2),
        ("bob", &["trigger", "--service", "checkout", "--title", ""], 2),
        ("bob", &["trigger", "--service", "nothing", "--title", "x"], 3),
        ("bob", &["list", "--limit", "0"], 2),
        ("bob", &["silence", "add", "--team", "payments", "a=~(", "--reason", "x"], 2),
        ("bob", &["silence", "add", "--team", "nobody", "a=b", "--reason", "x"], 3),
        ("bob", &["route", "test", "--service", "nothing", "a=b"], 3),
        ("bob", &["route", "test", "--service", "checkout", "--verify", "nobody"], 3),
        ("alice", &["service", "add", "Not A Slug", "--team", "payments"], 2),
        ("alice", &["service", "add", "x", "--team", "payments", "--policy", "none"], 3),
        ("alice", &["service", "add", "x", "--team", "nobody"], 3),
        ("alice", &["heartbeat", "add", "x", "--service", "checkout", "--every", "1s"], 2),
        ("alice", &["policy", "add", "p", "--team", "payments", "--step", "0m=user:nobody"], 3),
        ("alice", &["policy", "add", "p", "--team", "payments", "--step", "0m=channel:x"], 3),
        ("alice", &["channel", "verify", "nothing"], 3),
        ("alice", &["contact", "rules", "--high", "0m=nothing"], 3),
        ("alice", &["contact", "add", "x", "--channel", "pigeon", "--address", "coo"], 2),
        ("root", &["user", "add", "Not A Name"], 2),
        ("root", &["user", "add", "bob"], 5),
        ("root", &["restore", "/nonexistent", "--data-dir", "/nonexistent"], 3),
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
    let mut nowhere = incidentd();
    nowhere.args(["list", "--server", "127.0.0.1:8080"]);
    let ran = tokio::task::spawn_blocking(move || run(&mut nowhere, "")).await.expect("ran");
    assert_eq!(ran.status.code(), Some(2), "nobody is told to log in there: {ran:?}");
    let mut wrong = incidentd();
    wrong.args(["list"]).env("INCIDENTD_URL", &server.url).env("INCIDENTD_TOKEN", "inc_1_nonsense");
    let ran = tokio::task::spawn_blocking(move || run(&mut wrong, "")).await.expect("ran");
    assert_eq!(ran.status.code(), Some(4));
}

#[tokio::test]
async fn an_incident_of_another_server_is_not_ours_of_the_same_number() {
    let public = "https://oncall.example.com";
    let mut server = TestServer::with(|config| config.public_url = Some(public.into())).await;
    server.alert(json!({"title": "disk full"})).await;
    let ours = server.url.clone();
    let theirs = "http://elsewhere.example.com:8080/incidents/1";
    let foreign: &[(&[&str], &str)] = &[
        (&["ack", theirs], ""),
        (&["ack", "1", theirs], ""),
        (&["ack", "-"], "1 http://elsewhere.example.com:8080/incidents/1"),
        (&["resolve", "https://oncall.example.com.evil.example/incidents/1"], ""),
        (&["show", "elsewhere.example.com:8080/incidents/1"], ""),
        (&["note", theirs, "text"], ""),
        (&["merge", "1", "--into", theirs], ""),
        // That there is none of this number tells nothing.
        (&["timeline", "http://elsewhere.example.com:8080/incidents/4711"], ""),
    ];
    for (arguments, stdin) in foreign {
        let ran = command(&server, "bob", arguments, stdin).await;
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{arguments:?}: {}", ran.said);
        for part in ["example", &ours, public, "--server"] {
            assert!(ran.said.contains(part), "{arguments:?}: {}", ran.said);
        }
    }
    assert_eq!(server.story(1).await, ["created"]);
    // As messages name it, as it is spoken to, and as this host is also called.
    let named = server.incident(1).await.url;
    assert_eq!(named, format!("{public}/incidents/1"));
    let local = ours.replace("127.0.0.1", "localhost");
    for address in [named, format!("{ours}/incidents/1"), format!("{local}/incidents/1?from=mail")]
    {
        let ran = command(&server, "bob", &["ack", &address], "").await;
        assert_eq!(ran.code, Some(0), "{address}: {}", ran.said);
    }
    // On the host the server is known by what it calls itself.
    let (dir, ask) = (server.dir().to_owned(), |address: &str| {
        let mut command = incidentd();
        command.args(["show", address, "--data-dir"]);
        command
    });
    for (address, code) in [("https://oncall.example.com/incidents/1", 0), (theirs, 2)] {
        let mut command = ask(address);
        command.arg(&dir);
        let ran = tokio::task::spawn_blocking(move || run(&mut command, "")).await.expect("ran");
        assert_eq!(ran.status.code(), Some(code), "{address}: {ran:?}");
    }
    server.restart().await;
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
async fn json_has_the_form_that_the_command_asks_for_however_many_there_are() {
    let server = TestServer::start().await;
    server.alert(json!({"title": "disk full"})).await;
    let ran = async |arguments: &[&str], stdin| command(&server, "bob", arguments, stdin).await;
    let json = |ran: &Ran| serde_json::from_str::<Value>(&ran.out).expect("JSON");
    let all = |value: &Value| value.as_array().map(Vec::len);
    let one = ran(&["ack", "1", "-o", "json"], "").await;
    assert_eq!(json(&one)["incident"]["status"], "acknowledged");
    assert_eq!(all(&json(&ran(&["ack", "-", "-o", "json"], "1").await)), Some(1));
    assert_eq!(all(&json(&ran(&["ack", "-", "-o", "json"], "").await)), Some(0));
    assert_eq!(all(&json(&ran(&["ack", "--mine", "-o", "json"], "").await)), Some(1));
    let some = ran(&["ack", "1", "4711", "-o", "json"], "").await;
    assert_eq!((all(&json(&some)), some.code), (Some(1), Some(3)));
    let none = ran(&["ack", "4711", "-o", "json"], "").await;
    assert_eq!((none.out.as_str(), none.code), ("", Some(3)));
    assert_eq!(
        all(&json(&ran(&["list", "-o", "json", "--service", "checkout"], "").await)),
        Some(1)
    );
    assert_eq!(json(&ran(&["version", "-o", "json"], "").await)["version"], "0.1.0");
    for wrong in
        [&["ack", "-o", "json"][..], &["-ojson", "lits"], &["ack", "--no", "--output=json"]]
    {
        let ran = ran(wrong, "").await;
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{wrong:?}");
        let said: Value = serde_json::from_str(&ran.said).expect("JSON on stderr");
        assert_eq!(said["error"]["code"], "usage", "{said}");
        assert!(said["error"]["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{said}");
    }
}

/// (code, command) of what can be refused: each says what failed and what to do next.
#[tokio::test]
async fn no_refusal_leaves_people_alone() {
    let server = TestServer::start().await;
    server.alert(json!({"title": "disk full"})).await;
    server.alert(json!({"title": "load"})).await;
    let over = incidentd::domain::Action::Resolve { note: None, hold: None };
    server.act("bob", 2, over).await.expect("resolved");
    let long = "x".repeat(5_000);
    let cases: &[(&str, &str, &[&str])] = &[
        ("not_found", "bob", &["show", "4711"]),
        ("not_found", "bob", &["timeline", "4711"]),
        ("not_found", "bob", &["list", "--team", "nobody"]),
        ("not_found", "bob", &["list", "--service", "nothing"]),
        ("not_found", "bob", &["reassign", "1", "--to", "zoe"]),
        ("not_found", "bob", &["trigger", "--service", "nothing", "--title", "x"]),
        ("not_found", "bob", &["merge", "1", "--into", "4711"]),
        ("not_found", "mallory", &["ack", "1"]),
        ("refused", "bob", &["merge", "1", "--into", "2"]),
        ("refused", "bob", &["snooze", "2", "--for", "5m"]),
        ("refused", "bob", &["unack", "2"]),
        ("refused", "bob", &["reassign", "2", "--to", "me"]),
        ("forbidden", "carol", &["ack", "1"]),
        ("forbidden", "carol", &["resolve", "1"]),
        ("forbidden", "bob", &["user", "add", "zoe"]),
        ("invalid", "bob", &["merge", "1", "--into", "1"]),
        ("invalid", "bob", &["note", "1", ""]),
        ("invalid", "bob", &["note", "1", &long]),
        ("invalid", "bob", &["ack", "1", "--for", "3000d"]),
        ("invalid", "bob", &["snooze", "1", "--until", "2001-01-01T00:00:00Z"]),
        ("invalid", "bob", &["trigger", "--service", "checkout", "--title", ""]),
        ("usage", "bob", &["show", "one"]),
        ("usage", "bob", &["snooze", "1", "--until", "soon"]),
        ("usage", "bob", &["trigger", "--title", "x"]),
        ("usage", "bob", &["list", "--label", "x"]),
        ("usage", "bob", &["nonsense"]),
        ("unreachable", "bob", &["list", "--server", "http://127.0.0.1:1"]),
        ("unreachable", "bob", &["list", "--data-dir", "/nonexistent"]),
    ];
    for (code, who, arguments) in cases {
        let asked = [*arguments, &["-o", "json"]].concat();
        let ran = command(&server, who, &asked, "").await;
        let said: Value = serde_json::from_str(&ran.said).expect("JSON on stderr");
        assert_eq!(said["error"]["code"], *code, "{arguments:?}: {said}");
        for part in ["message", "hint"] {
            let text = said["error"][part].as_str().unwrap_or_default();
            assert!(text.len() > 8, "{arguments:?} has no {part}: {said}");
        }
    }
}

#[tokio::test]
async fn several_are_acted_on_by_filter_and_quietly() {
    let server = TestServer::start().await;
    for title in ["disk", "load", "cert"] {
        server.alert(json!({"title": title})).await;
    }
    let ran = async |arguments: &[&str]| command(&server, "bob", arguments, "").await;
    let asked = ran(&["ack", "--service", "checkout"]).await;
    assert_eq!((asked.code, asked.out.as_str()), (Some(5), ""));
    assert!(asked.said.contains("Acknowledge 3 incidents?") && asked.said.contains("--yes"));
    assert_eq!(server.story(1).await, ["created"], "nothing was done");
    let quiet = ran(&["ack", "--service", "checkout", "--yes", "-q"]).await;
    assert_eq!((quiet.code, quiet.out.as_str(), quiet.said.as_str()), (Some(0), "1\n2\n3\n", ""));
    assert_eq!(ran(&["resolve", "3", "4711", "-q"]).await.out, "3\n");
    let one = ran(&["list", "-q", "--label", "@severity=error", "--limit", "1"]).await;
    assert_eq!(one.out, "1\n");
    let merged = ran(&["merge", "2", "--into", "1"]).await;
    assert_eq!((merged.code, merged.out.as_str()), (Some(0), "Merged 2 into 1.\n"));
    let again = ran(&["merge", "2", "--into", "1"]).await;
    assert_eq!(again.code, Some(0));
    assert!(again.out.starts_with("2 was already merged into 1 by you"), "{}", again.out);
    let last = ran(&["resolve", "--team", "payments"]).await;
    assert!(last.out.starts_with("Resolved 1. 2 still fire"), "one is not asked for: {}", last.out);
    let none = ran(&["ack", "--mine"]).await;
    assert_eq!((none.code, none.out.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn a_key_needs_no_token_and_a_named_service_wins_over_it() {
    let server = TestServer::start().await;
    let trigger = async |arguments: &'static [&'static str], token: Option<&str>| -> Ran {
        let mut command = incidentd();
        command.args(["trigger", "--title", "by hand"]).args(arguments);
        command.env("INCIDENTD_URL", &server.url).env("INCIDENTD_KEY", KEY);
        if let Some(token) = token {
            command.env("INCIDENTD_TOKEN", token);
        }
        tokio::task::spawn_blocking(move || run(&mut command, "")).await.expect("ran").into()
    };
    let by_key = trigger(&["--label", "host=db"], None).await;
    assert_eq!((by_key.code, by_key.out.as_str()), (Some(0), "1\n"), "{}", by_key.said);
    assert_eq!(server.incident(1).await.labels["host"], "db");
    let named = trigger(&["--service", "index"], Some(server.token("mallory"))).await;
    assert_eq!((named.code, named.out.as_str()), (Some(0), "2\n"), "{}", named.said);
    assert_eq!(trigger(&["--service", "checkout"], None).await.code, Some(4), "a token is needed");
}

/// A server that hangs up in the middle of an answer twice, and then refuses.
#[test]
fn one_key_holds_over_all_tries_and_then_time_is_up() {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let served = std::thread::spawn(move || {
        let mut keys = Vec::new();
        for try_number in 0..3 {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut head = Vec::new();
            while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                let mut piece = [0; 512];
                let read = stream.read(&mut piece).expect("a request");
                head.extend_from_slice(&piece[..read]);
            }
            let head = String::from_utf8_lossy(&head).to_lowercase();
            let key = head.lines().find_map(|line| line.strip_prefix("idempotency-key: "));
            keys.push(key.expect("a key").to_owned());
            let rest = if try_number == 2 { "0\r\n\r\n" } else { "99\r\n\r\nnot all of it" };
            write!(stream, "HTTP/1.1 409 Conflict\r\nconnection: close\r\ncontent-length: {rest}")
                .expect("sent");
        }
        keys
    });
    let mut command = incidentd();
    command.args(["ack", "1", "--server", &url]).env("INCIDENTD_TOKEN", "inc_1_x");
    let ran: Ran = run(&mut command, "").into();
    assert_eq!(ran.code, Some(5), "{}", ran.said);
    let keys = served.join().expect("served");
    assert!(keys[0].len() >= 16 && keys.iter().all(|key| *key == keys[0]), "{keys:?}");

    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", nobody.local_addr().expect("an address"));
    for arguments in [&["ack", "1"][..], &["trigger", "--title", "x"]] {
        let mut command = incidentd();
        command.args(arguments).args(["--timeout", "1s", "--server", &url]);
        command.env("INCIDENTD_TOKEN", "inc_1_x").env("INCIDENTD_KEY", KEY);
        let ran: Ran = run(&mut command, "").into();
        assert_eq!(ran.code, Some(6), "{}", ran.said);
        assert!(ran.said.contains("no answer in time"), "{}", ran.said);
    }
}

#[test]
fn what_is_typed_wrongly_says_what_was_meant() {
    let said = |arguments: &[&str]| -> String {
        let ran: Ran = run(incidentd().args(arguments), "").into();
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{arguments:?}");
        ran.said
    };
    assert!(said(&["lits"]).contains("'list'"));
    assert!(said(&["ack", "1", "--not", "x"]).contains("'--note'"));
    assert!(said(&["snooze", "1"]).contains("--for"));
    assert!(!said(&["ack", "--\u{1b}[2J\u{202e}"]).contains(['\u{1b}', '\u{202e}']));
    let bare: Ran = run(&mut incidentd(), "").into();
    assert_eq!(bare.code, Some(0));
    let lines = bare.out.lines().count();
    assert!((8..=14).contains(&lines), "about a dozen lines: {}", bare.out);
    for group in ["Answer", "Look", "Run"] {
        assert!(bare.out.contains(group), "{}", bare.out);
    }
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
