//! The server's configuration as an operator meets it: files, variables, flags, signals, sockets
//! that others opened, and the log.
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::harness::{KEY, PATIENCE, http};
use crate::process::{Serving, incidentd, on_host, run, until};
use crate::tls::Papers;

struct Ran {
    code: Option<i32>,
    out: String,
    said: String,
}

fn ran(command: &mut Command) -> Ran {
    let output = run(command, "");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Ran { code: output.status.code(), out: text(output.stdout), said: text(output.stderr) }
}

fn file(dir: &Path, text: &str) -> PathBuf {
    let path = dir.join("incidentd.toml");
    std::fs::write(&path, text).expect("written");
    path
}

#[test]
fn check_reads_as_serve_would_and_says_what_is_wrong() {
    let dir = tempfile::tempdir().expect("a folder");
    let example = ran(incidentd().args(["config", "example"]));
    assert_eq!(example.code, Some(0));
    let path = file(dir.path(), &example.out);
    let check = |path: &Path| {
        let mut command = incidentd();
        command.args(["config", "check", "--config"]).arg(path);
        command
    };
    assert_eq!(ran(&mut check(&path)).code, Some(0), "the example is good as it is");

    let papers = Papers::new();
    let tls = format!(
        "[tls]\ncert = {:?}\nkey = {:?}\n",
        papers.path("cert.pem"),
        papers.path("key.pem")
    );
    file(dir.path(), &tls);
    assert_eq!(ran(&mut check(&path)).code, Some(0));
    let open = std::fs::Permissions::from_mode(0o640);
    std::fs::set_permissions(papers.path("key.pem"), open).expect("opened");
    let refused = ran(&mut check(&path));
    assert_eq!(refused.code, Some(1));
    for part in ["incidentd.toml, line 3: tls.key:", "open to others", "chmod 600"] {
        assert!(refused.said.contains(part), "{}", refused.said);
    }

    for (text, said) in [
        (tls.replace("cert.pem", "none.pem"), "line 2: tls.cert:"),
        (tls.replace("key.pem", "cert.pem"), "line 3: tls.key:"),
        ("trusted_proxies = [\"10.0.0.0/64\"]".into(), "line 1: trusted_proxies:"),
        ("public_url = \"oncall.example.com\"".into(), "line 1: public_url:"),
        ("lisen = \"127.0.0.1:1\"".into(), "Did you mean `listen`?"),
    ] {
        file(dir.path(), &text);
        let refused = ran(&mut check(&path));
        assert_eq!(refused.code, Some(1), "{text}");
        assert!(refused.said.contains(said), "{text}: {}", refused.said);
        // The server says the same, and does not start.
        let mut serve = incidentd();
        serve.arg("serve").arg("--config").arg(&path).arg("--data-dir").arg(dir.path());
        let (code, words) = Serving::with(&mut serve, "127.0.0.1:0").err().expect("refused");
        assert_eq!(code, Some(1), "{words}");
        assert!(words.contains(said), "{text}: {words}");
    }
    file(dir.path(), "lisen = \"x\"\nlog_format = \"xml\"\n[limits]\nsocket = 1\n");
    let mut all = check(&path);
    all.env("INCIDENTD_FROB", "1").env("INCIDENTD_LISTNE", "1").env("INCIDENTD_KEY", "1");
    let refused = ran(&mut all);
    assert_eq!(refused.code, Some(1));
    for part in [
        "`lisen` is no key",
        "line 2: log_format:",
        "`socket` is no key",
        "INCIDENTD_FROB is no setting. `incidentd serve --help`",
        "INCIDENTD_LISTNE is no setting. Did you mean INCIDENTD_LISTEN?",
    ] {
        assert_eq!(refused.said.matches(part).count(), 1, "{part}: {}", refused.said);
    }
    assert!(!refused.said.contains("INCIDENTD_KEY"), "{}", refused.said);
    let used =
        "[gateways.sms]\nrecipe = \"discord\"\nvars = { a = { env = \"INCIDENTD_FROB\" } }\n";
    file(dir.path(), used);
    let mut own = check(&path);
    let taken = ran(own.env("INCIDENTD_FROB", "1"));
    assert!(!taken.said.contains("is no setting"), "{}", taken.said);
    let missing = ran(&mut check(&dir.path().join("none.toml")));
    assert_eq!((missing.code, missing.said.contains("none.toml")), (Some(3), true));
}

#[test]
fn a_flag_wins_over_a_variable_and_a_variable_over_the_file() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = file(dir.path(), "listen = \"no address\"\n");
    let check = |flags: &[&str], variables: &[(&str, &str)]| {
        let mut command = incidentd();
        command.args(["config", "check", "--config"]).arg(&path).args(flags);
        ran(command.envs(variables.iter().copied()))
    };
    assert!(check(&[], &[]).said.contains("line 1: listen:"));
    file(dir.path(), "listen = \"127.0.0.1:1\"\n");
    assert_eq!(check(&[], &[]).code, Some(0));
    let wrong = ("INCIDENTD_LISTEN", "nowhere");
    let said = check(&[], &[wrong]);
    assert!(said.said.contains("INCIDENTD_LISTEN: `nowhere`"), "{}", said.said);
    assert_eq!(said.code, Some(1));
    assert_eq!(check(&["--listen", "[::1]:1"], &[wrong]).code, Some(0));
    // A flag that cannot be is a command that was typed wrongly.
    assert_eq!(check(&["--listen", "nowhere"], &[]).code, Some(2));
    assert_eq!(check(&["--public-url", "nowhere"], &[]).code, Some(2));
    let said = check(&["--limits-sockets", "many"], &[]);
    assert_eq!(said.code, Some(2));
    assert!(said.said.contains("--limits-sockets: `many` is no whole number"), "{}", said.said);
    let said = check(&[], &[("INCIDENTD_ALLOWED_ORIGINS", "http://a,b")]);
    assert!(said.said.contains("INCIDENTD_ALLOWED_ORIGINS: `b`"), "{}", said.said);
    assert_eq!(check(&[], &[("INCIDENTD_LISTEN", "")]).code, Some(0), "empty is nothing");
    let said = check(&[], &[("INCIDENTD_LISTN", "127.0.0.1:1")]);
    assert!(said.said.contains("Did you mean INCIDENTD_LISTEN?"), "{}", said.said);
}

async fn get(url: &str, host: &str) -> u16 {
    let request = http().get(url).header("host", host).header("cookie", "a=b");
    request.send().await.map_or(0, |response| response.status().as_u16())
}

#[tokio::test]
async fn a_hang_up_takes_on_what_can_change_and_refuses_a_bad_file_whole() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = file(dir.path(), "log = \"warn\"\n");
    let mut command = incidentd();
    command.arg("serve").arg("--config").arg(&path).arg("--data-dir").arg(dir.path().join("data"));
    // The variable that `with` sets would win over the file.
    let mut server = Serving::with(command.args(["--log", "info"]), "127.0.0.1:0").expect("serves");
    let hang_up = |server: &Serving| {
        kill_process(Pid::from_child(&server.child), Signal::HUP).expect("signalled");
    };
    let url = format!("{}/healthz", server.url);
    assert_eq!(get(&url, "wall.lan").await, 403);

    file(dir.path(), "allowed_origins = [\"http://wall.lan\"]\npublic_url = \"http://x.lan\"\n");
    hang_up(&server);
    for line in [
        "allowed_origins: [] → [\"http://wall.lan\"]",
        "public_url: (not set) → \"http://x.lan\": takes a restart",
        "the configuration was read again",
    ] {
        assert!(server.says(line), "{line}");
    }
    until("the new name", || async { get(&url, "wall.lan").await == 200 }).await;
    assert_eq!(get(&url, "x.lan").await, 403, "not before a restart");

    file(dir.path(), "allowed_origins = []\n[limits]\nsocket = 1\n");
    hang_up(&server);
    assert!(server.says("line 3: `socket` is no key"), "the reason");
    assert_eq!(get(&url, "wall.lan").await, 200, "nothing of it holds");
    assert_eq!(server.terminate().0, Some(0));
}

#[test]
fn systemd_hears_of_the_start_of_reloads_and_of_the_end() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("notify.sock");
    let systemd = std::os::unix::net::UnixDatagram::bind(&path).expect("bound");
    systemd.set_read_timeout(Some(PATIENCE)).expect("set");
    let hear = |word: &str| loop {
        let mut message = [0; 4_096];
        let length = systemd.recv(&mut message).expect("a message");
        let message = String::from_utf8_lossy(&message[..length]).into_owned();
        if message.lines().any(|line| line == word) {
            return message;
        }
    };
    let mut command = incidentd();
    command.arg("serve").arg("--data-dir").arg(dir.path().join("data"));
    let mut server =
        Serving::with(command.env("NOTIFY_SOCKET", &path), "127.0.0.1:0").expect("it serves");
    hear("READY=1");
    kill_process(Pid::from_child(&server.child), Signal::HUP).expect("signalled");
    let since = hear("RELOADING=1");
    assert!(since.contains("MONOTONIC_USEC="), "{since}");
    hear("READY=1");
    assert_eq!(server.terminate().0, Some(0));
    hear("STOPPING=1");
}

#[tokio::test]
async fn a_socket_that_systemd_opened_is_taken_over() {
    // A stand-in for systemd: opens the socket as descriptor 3 and becomes the server.
    let dir = tempfile::tempdir().expect("a folder");
    let free = TcpListener::bind("127.0.0.1:0").expect("bound").local_addr().expect("an address");
    let script = "
import os, socket, sys
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('127.0.0.1', int(sys.argv[1]))); s.listen(16)
os.dup2(s.fileno(), 3); os.set_inheritable(3, True)
os.environ['LISTEN_FDS'] = '1'; os.environ['LISTEN_PID'] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])";
    let mut command = Command::new("python3");
    command.args(["-c", script, &free.port().to_string()]);
    command.arg(incidentd().get_program()).arg("serve").arg("--data-dir").arg(dir.path());
    let server = Serving::with(&mut command, "127.0.0.1:1").expect("it serves");
    assert_eq!(server.url, format!("http://{free}"), "and not where it would have listened");
    assert_eq!(get(&format!("{}/healthz", server.url), "localhost").await, 200);
}

/// `incidentd serve` that logs all it can, with its log.
fn talkative(dir: &Path, format: &str) -> Serving {
    let mut command = incidentd();
    command.arg("serve").arg("--data-dir").arg(dir);
    command.args(["--log", "trace", "--log-format", format]);
    Serving::with(&mut command, "127.0.0.1:0").expect("it serves")
}

/// A host with alice and an integration; alice's token.
fn set_up(dir: &Path) -> String {
    let add = ["user", "add", "alice", "--admin", "--password-stdin"];
    on_host(dir, &add, &format!("{PASSWORD}\n"));
    let world = format!(
        "[[teams]]\nslug = \"t\"\n[[services]]\nslug = \"s\"\nteam = \"t\"\n\
         [[integrations]]\nservice = \"s\"\nname = \"i\"\nkey = \"{KEY}\"\n"
    );
    on_host(dir, &["apply", "-f", "-"], &world);
    on_host(dir, &["token", "create", "--user", "alice"], "").trim().to_owned()
}

const PASSWORD: &str = "correct horse battery staple";
const OTHER_PASSWORD: &str = "tr0ub4dor and 3 more";
const HOSTILE: &str = "a\u{1b}[2Jb\r\nERROR forged\u{202e}c";

/// Everything that has a secret, once: login, token, link, key. Returns the secrets.
async fn story(url: &str, alice: &str) -> Vec<String> {
    let post = async |path: &str, body: Value| -> Value {
        let request = http().post(format!("{url}{path}")).bearer_auth(alice).json(&body);
        let answer = request.send().await.expect("sent").bytes().await.expect("a body");
        serde_json::from_slice(&answer).unwrap_or_default()
    };
    let text = |value: &Value, name: &str| match value[name].as_str() {
        Some(text) => text.to_owned(),
        None => panic!("no {name}: {value}"),
    };
    let login = json!({"username": "alice", "password": PASSWORD});
    let session = text(&post("/api/v1/sessions", login).await, "token");
    let made = text(&post("/api/v1/tokens", json!({"name": "ci"})).await, "token");
    post("/api/v1/users", json!({"username": "bob"})).await;
    let link = text(&post("/api/v1/users/bob/links", json!({})).await, "url");
    let link = link.rsplit('#').next().expect("a secret").to_owned();
    let looked = post("/api/v1/links", json!({"secret": link})).await;
    assert!(looked.to_string().contains("bob"), "{looked}");
    let welcome = json!({"secret": link, "password": OTHER_PASSWORD});
    let bobs = text(&post("/api/v1/welcome", welcome).await, "token");
    for path in [
        format!("/integrations/{KEY}/generic"),
        format!("/integrations/{KEY}/nothing"),
        format!("/integrations/{KEY}%0aERROR%20forged/generic"),
        format!("/socket.io/?EIO=4&transport=polling&token={session}"),
    ] {
        post(&path, json!({"title": HOSTILE})).await;
    }
    post("/v2/enqueue", json!({"routing_key": KEY, "event_action": HOSTILE})).await;
    let secret_of = |token: &str| token.splitn(3, '_').last().expect("a secret").to_owned();
    let words = [KEY, PASSWORD, OTHER_PASSWORD].map(ToOwned::to_owned);
    [secret_of(alice), secret_of(&made), session, link, bobs].into_iter().chain(words).collect()
}

#[tokio::test]
async fn the_log_holds_no_secret_and_nothing_that_a_sender_wrote_breaks_it() {
    for format in ["json", "text"] {
        let dir = tempfile::tempdir().expect("a folder");
        let alice = set_up(dir.path());
        let mut server = talkative(dir.path(), format);
        let secrets = story(&server.url, &alice).await;
        assert_eq!(server.terminate().0, Some(0));
        let log = server.rest();
        assert!(log.iter().any(|line| line.contains("/integrations/{key}/generic")), "{log:#?}");
        for secret in &secrets {
            let told = log.iter().find(|line| line.contains(secret));
            assert_eq!(told, None, "{format}");
        }
        for line in &log {
            assert!(!line.contains(incidentd::domain::text::is_hostile), "{line:?}");
            assert!(!line.starts_with("ERROR forged"), "{line:?}");
            if format == "json" && line.starts_with('{') {
                let entry: Value = serde_json::from_str(line).expect("JSON");
                assert!(entry["timestamp"].is_string() && entry["level"].is_string(), "{entry}");
            }
        }
        if format == "json" {
            let numbered = log.iter().filter(|line| line.contains("\"span\":{\"id\":")).count();
            assert!(numbered >= 7, "every line of a request has its number: {log:#?}");
        }
    }
}
