//! Completion as shells ask for it: a real bash with what `incidentd completions bash` prints, and
//! what zsh and fish would read.
use std::process::Command;

use serde_json::json;

use crate::harness::TestServer;
use crate::process::{incidentd, run};

fn binary() -> String {
    incidentd().get_program().to_string_lossy().into_owned()
}

/// What bash offers after these words, the last of which is being typed.
async fn bash(url: &str, token: &str, words: &[&str]) -> Vec<String> {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let script = format!(
        "source <('{}' completions bash)\n\
         complete -p incidentd >/dev/null || exit 1\n\
         COMP_WORDS=(incidentd {}) COMP_CWORD={} COMP_TYPE=9\n\
         _clap_complete_incidentd incidentd {}\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
        binary(),
        quoted.join(" "),
        words.len(),
        quoted.last().expect("a word"),
    );
    let mut command = Command::new("bash");
    command.args(["--norc", "-c", &script]).env("INCIDENTD_URL", url);
    command.env("INCIDENTD_TOKEN", token);
    let ran = tokio::task::spawn_blocking(move || run(&mut command, "")).await.expect("ran");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!((ran.status.code(), said.as_ref()), (Some(0), ""), "{words:?}");
    let offered = String::from_utf8(ran.stdout).expect("UTF-8");
    offered.lines().filter(|line| !line.is_empty()).map(|line| line.trim().to_owned()).collect()
}

/// What another shell reads.
async fn offered(server: &TestServer, shell: &str, words: &[&str]) -> String {
    let mut command = incidentd();
    command.arg("--").arg("incidentd").args(words).env("COMPLETE", shell);
    command.env("_CLAP_COMPLETE_INDEX", words.len().to_string());
    command.env("INCIDENTD_URL", &server.url).env("INCIDENTD_TOKEN", server.token("bob"));
    let ran = tokio::task::spawn_blocking(move || run(&mut command, "")).await.expect("ran");
    assert!(ran.status.success() && ran.stderr.is_empty());
    String::from_utf8(ran.stdout).expect("UTF-8")
}

#[tokio::test]
async fn bash_completes_commands_ids_and_names() {
    let server = TestServer::start().await;
    for title in ["disk full", "load", "cert"] {
        server.alert(json!({"title": title})).await;
    }
    let resolve = incidentd::domain::Action::Resolve { note: None, hold: None };
    server.act("bob", 2, resolve).await.expect("resolved");
    let bash = async |words: &[&str]| bash(&server.url, server.token("bob"), words).await;
    let commands = bash(&["re"]).await;
    for command in ["resolve", "reopen", "reassign", "restore"] {
        assert!(commands.contains(&command.to_owned()), "{commands:?}");
    }
    assert_eq!(bash(&["tim"]).await, ["timeline"]);
    assert_eq!(bash(&["ack", "--no"]).await, ["--note"]);
    let open = bash(&["ack", ""]).await;
    assert!(open.starts_with(&["1".into(), "3".into()]), "{open:?}");
    assert_eq!(bash(&["ack", "3"]).await, ["3"]);
    assert!(bash(&["reopen", ""]).await.starts_with(&["2".into()]));
    assert_eq!(bash(&["list", "--team", ""]).await, ["payments"], "search is not bob's to see");
    assert_eq!(bash(&["resolve", "--service", "che"]).await, ["checkout"]);
    assert_eq!(bash(&["reassign", "1", "--to", "al"]).await, ["alice"]);
    assert!(bash(&["merge", "1", "--into", ""]).await.contains(&"3".to_owned()));
    assert_eq!(bash(&["list", "--status", "ack"]).await, ["acknowledged"]);
    assert_eq!(bash(&["completions", "z"]).await, ["zsh"]);
    // Another server, as typed.
    let elsewhere = ["--server", "http://127.0.0.1:1", "list", "--team", ""];
    assert_eq!(bash(&elsewhere).await, Vec::<String>::new());
}

#[tokio::test]
async fn without_a_server_or_a_login_there_is_nothing_and_not_a_word() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = format!("http://{}", silent.local_addr().expect("an address"));
    let server = TestServer::start().await;
    for (url, token) in [
        ("http://127.0.0.1:1", "inc_1_x"),
        (silent.as_str(), "inc_1_x"),
        ("nonsense", "inc_1_x"),
        (server.url.as_str(), ""),
        (server.url.as_str(), "inc_1_x"),
    ] {
        let none = bash(url, token, &["list", "--team", ""]).await;
        assert_eq!(none, Vec::<String>::new(), "{url} {token}");
        assert_eq!(bash(url, token, &["tim"]).await, ["timeline"], "{url}");
    }
}

#[tokio::test]
async fn other_shells_show_titles_beside_ids_and_only_as_text() {
    let server = TestServer::start().await;
    server.alert(json!({"title": "disk: full\u{1b}[2J\u{202e} $(reboot) `id` \\"})).await;
    for (shell, expected) in [
        ("zsh", "1:HIGH disk: full\u{fffd}[2J\u{fffd} $(reboot) `id` \\\\"),
        ("fish", "1\tHIGH disk: full\u{fffd}[2J\u{fffd} $(reboot) `id` \\"),
    ] {
        let read = offered(&server, shell, &["show", ""]).await;
        assert_eq!(read.lines().next(), Some(expected), "{shell}: {read}");
        let mut command = incidentd();
        command.args(["completions", shell]);
        let ran = tokio::task::spawn_blocking(move || run(&mut command, "")).await.expect("ran");
        assert!(String::from_utf8_lossy(&ran.stdout).contains("COMPLETE"), "{shell}");
    }
}
