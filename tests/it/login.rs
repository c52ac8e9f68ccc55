//! The first run of a host, and logging in to servers, by the built binary.
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use incidentd::app::Caller;
use incidentd::secret::Secret;
use serde_json::{Value, json};

use crate::harness::{TestServer, answer, http};
use crate::process::{Serving, incidentd, on_host, run};

const PASSWORD: &str = "correct horse battery\n";

/// What one command came to: exit code, stdout, stderr.
type Ran = (Option<i32>, String, String);

fn ran(command: &mut Command, stdin: &str) -> Ran {
    let output = run(command, stdin);
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Somebody at a command line, with a home of his own.
struct Person(tempfile::TempDir);

impl Person {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn logins(&self) -> std::path::PathBuf {
        self.0.path().join("incidentd/logins.toml")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = incidentd();
        command.args(arguments).env("XDG_CONFIG_HOME", self.0.path());
        command
    }

    async fn types(&self, arguments: &[&str], stdin: &'static str) -> Ran {
        let mut command = self.command(arguments);
        tokio::task::spawn_blocking(move || ran(&mut command, stdin)).await.expect("ran")
    }
}

async fn set_password(server: &TestServer, username: &str) {
    let (app, host) = (&server.server().app, Caller::host());
    let password = Secret::new(PASSWORD.trim());
    app.set_password(&host, username.into(), password).await.expect("set");
}

async fn set_up(url: &str, secret: &str) -> (u16, Value) {
    let body = json!({"secret": secret, "username": "root", "password": PASSWORD.trim()});
    answer(http().post(format!("{url}/api/v1/setup")).json(&body)).await
}

fn secret_of(line: &str) -> &str {
    line.trim().rsplit_once('#').expect("a link").1
}

#[tokio::test]
async fn a_newcomer_is_told_how_to_begin_until_somebody_did() {
    let parent = tempfile::tempdir().expect("a folder");
    let dir = parent.path().join("data");
    let mut server = Serving::start(&dir);
    let again = on_host(&dir, &["setup-link"], "");
    assert!(again.starts_with(&format!("{}/setup#", server.url)), "{again}");
    let url = server.url.clone();
    server.terminate();
    let said = server.rest();
    let line = said.iter().find(|line| line.starts_with("First time here?")).expect("told");
    assert!(
        line.contains("within 30 minutes") && line.contains(&format!("{url}/setup#")),
        "{line}"
    );
    let port = url.rsplit_once(':').expect("a port").1;
    let tunnel = format!("ssh -L {port}:127.0.0.1:{port} ");
    assert!(said.iter().any(|line| line.contains(&tunnel)), "{said:?}");
    let browserless =
        format!("user add NAME --admin --password-stdin --data-dir {}", dir.display());
    assert!(said.iter().any(|line| line.contains(&browserless)), "{said:?}");

    // A restart voids both.
    let mut server = Serving::start(&dir);
    for old in [line.as_str(), again.as_str()] {
        assert_eq!(set_up(&server.url, secret_of(old)).await.0, 409);
    }
    let link = on_host(&dir, &["setup-link"], "");
    let (status, session) = set_up(&server.url, secret_of(&link)).await;
    assert_eq!((status, &session["user"]["username"]), (200, &json!("root")), "{session}");
    let late = ran(incidentd().args(["setup-link", "--data-dir"]).arg(&dir), "");
    assert_eq!(late.0, Some(5), "{}", late.2);
    assert!(late.2.contains("incidentd login"), "{}", late.2);
    server.terminate();
    let mut server = Serving::start(&dir);
    server.terminate();
    assert_eq!(server.rest(), Vec::<String>::new(), "nothing more to tell");
}

#[tokio::test]
async fn without_a_server_links_are_made_all_the_same() {
    let parent = tempfile::tempdir().expect("a folder");
    let dir = parent.path().join("data");
    let (code, link, said) = ran(incidentd().args(["setup-link", "--data-dir"]).arg(&dir), "");
    assert_eq!(code, Some(0), "{said}");
    assert!(link.contains("/setup#") && said.contains("No server runs"), "{link}{said}");
    on_host(&dir, &["user", "add", "root", "--admin", "--password-stdin"], PASSWORD);
    let (code, link, said) =
        ran(incidentd().args(["user", "add", "dave", "--data-dir"]).arg(&dir), "");
    assert_eq!((code, link.lines().count()), (Some(0), 1), "the link alone: {link}{said}");
    assert!(link.contains("/welcome#") && said.contains("Added dave"), "{link}{said}");
    let again = on_host(&dir, &["user", "link", "dave"], "");
    let server = Serving::start(&dir);
    let open = |secret: &str| {
        let body = json!({"secret": secret, "password": PASSWORD.trim()});
        answer(http().post(format!("{}/api/v1/welcome", server.url)).json(&body))
    };
    assert_eq!(open(secret_of(&link)).await.0, 409, "the newer voids the older");
    let (status, session) = open(secret_of(&again)).await;
    assert_eq!((status, &session["user"]["username"]), (200, &json!("dave")), "{session}");
}

#[tokio::test]
async fn a_log_in_is_kept_until_the_log_out() {
    let server = TestServer::start().await;
    set_password(&server, "bob").await;
    let (bob, url) = (Person::new(), server.url.clone());
    let (code, _, said) = bob.types(&["whoami"], "").await;
    assert_eq!(code, Some(4));
    assert!(said.contains("incidentd login"), "{said}");
    let (code, _, said) = bob.types(&["login", &url], "").await;
    assert_eq!(code, Some(2), "asks nobody where nobody sits: {said}");
    assert!(said.contains("--password-stdin") && said.contains("--with-token"), "{said}");
    let log_in = ["login", &url, "--username", "bob", "--password-stdin"];
    let (code, _, said) = bob.types(&log_in, "wrong horse battery\n").await;
    assert_eq!(code, Some(4), "{said}");
    assert!(!bob.logins().exists());
    let (code, out, said) = bob.types(&log_in, PASSWORD).await;
    assert_eq!((code, out.as_str()), (Some(0), ""), "{said}");
    let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&bob.logins()), 0o600);

    let (code, who, said) = bob.types(&["whoami"], "").await;
    assert_eq!(code, Some(0), "{said}");
    for fact in
        ["user\tbob", &format!("server\t{url}"), "payments (responder)", "session", "expires"]
    {
        assert!(who.contains(fact), "{fact}: {who}");
    }
    let (_, who, _) = bob.types(&["whoami", "-o", "json"], "").await;
    let who: Value = serde_json::from_str(&who).expect("JSON");
    assert_eq!((&who["credential"], &who["scope"]), (&json!("session"), &json!("admin")));
    assert_eq!(bob.types(&["list"], "").await.0, Some(0));

    // What the environment says wins.
    let mut command = bob.command(&["whoami"]);
    command.env("INCIDENTD_URL", &url).env("INCIDENTD_TOKEN", server.token("carol"));
    let carol = tokio::task::spawn_blocking(move || ran(&mut command, "")).await.expect("ran");
    assert!(
        carol.1.contains("user\tcarol") && carol.1.contains("credential\ttoken"),
        "{}",
        carol.1
    );

    let (code, _, said) = bob.types(&["logout"], "").await;
    assert_eq!(code, Some(0), "{said}");
    let sessions = server.server().app.sessions(&Caller::host(), Some("bob".into())).await;
    assert!(sessions.expect("listed").is_empty(), "ended on the server, too");
    assert_eq!(bob.types(&["whoami"], "").await.0, Some(4));
    assert_eq!(bob.types(&["logout"], "").await.0, Some(0), "it was so already");
}

#[tokio::test]
async fn several_servers_are_kept_and_the_last_log_in_is_meant() {
    let (one, other) = (TestServer::start().await, TestServer::start().await);
    set_password(&one, "bob").await;
    let bob = Person::new();
    let log_in = ["login", &one.url, "--username", "bob", "--password-stdin"];
    assert_eq!(bob.types(&log_in, PASSWORD).await.0, Some(0));
    let token: &'static str = other.token("alice").to_owned().leak();
    let (code, _, said) = bob.types(&["login", &other.url, "--with-token"], token).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(bob.types(&["whoami"], "").await.1.contains("user\talice"));
    let there = format!("{}/", one.url);
    assert!(bob.types(&["whoami", "--server", &there], "").await.1.contains("user\tbob"));
    let (code, _, said) = bob.types(&["whoami", "--server", "http://127.0.0.1:1"], "").await;
    assert_eq!(code, Some(4), "no token goes where it was not given: {said}");
    let (_, _, said) = bob.types(&["logout"], "").await;
    assert!(said.contains("token stays good"), "{said}");
    let me = other.http().get(format!("{}/api/v1/me", other.url)).bearer_auth(token);
    assert_eq!(answer(me).await.0, 200, "it may be in use elsewhere");
    assert!(bob.types(&["whoami"], "").await.1.contains("user\tbob"), "the other is left");

    // Refused by the server: log in again.
    let ended = one.server().app.end_sessions(&Caller::host(), Some("bob".into())).await;
    assert_eq!(ended.expect("ended").ended, 1);
    let (code, _, said) = bob.types(&["list"], "").await;
    assert_eq!(code, Some(4));
    assert!(said.contains("Session expired. Log in again: incidentd login"), "{said}");
    assert_eq!(bob.types(&["logout"], "").await.0, Some(0), "what is over can be forgotten");
}

#[tokio::test]
async fn a_file_that_others_read_or_nobody_understands_is_refused() {
    let server = TestServer::start().await;
    let bob = Person::new();
    let token: &'static str = server.token("bob").to_owned().leak();
    assert_eq!(bob.types(&["login", &server.url, "--with-token"], token).await.0, Some(0));
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(bob.logins(), open).expect("set");
    let (code, _, said) = bob.types(&["list"], "").await;
    assert_eq!(code, Some(5));
    assert!(said.contains("chmod 600"), "{said}");
    std::fs::set_permissions(bob.logins(), std::fs::Permissions::from_mode(0o600)).expect("set");
    std::fs::write(bob.logins(), "servers = 7").expect("written");
    let (code, _, said) = bob.types(&["list"], "").await;
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains("logins.toml"), "{said}");
    let mut command = bob.command(&["list"]);
    command.env("INCIDENTD_URL", &server.url).env("INCIDENTD_TOKEN", token);
    let there = tokio::task::spawn_blocking(move || ran(&mut command, "")).await.expect("ran");
    assert_eq!(there.0, Some(0), "who brings his own needs no file: {}", there.2);
}

#[tokio::test]
async fn people_manage_themselves_and_admins_the_others() {
    let server = TestServer::start().await;
    for who in ["bob", "root"] {
        set_password(&server, who).await;
    }
    let (bob, root) = (Person::new(), Person::new());
    for (person, name) in [(&bob, "bob"), (&root, "root")] {
        let log_in = ["login", &server.url, "--username", name, "--password-stdin"];
        assert_eq!(person.types(&log_in, PASSWORD).await.0, Some(0));
    }
    let phone = Person::new();
    let log_in = ["login", &server.url, "--username", "bob", "--password-stdin"];
    assert_eq!(phone.types(&log_in, PASSWORD).await.0, Some(0));

    let (_, listed, _) = bob.types(&["session", "list"], "").await;
    let rows: Vec<&str> = listed.lines().collect();
    assert_eq!(rows.len(), 2, "{listed}");
    assert_eq!(rows.iter().filter(|row| row.contains("this one")).count(), 1, "{listed}");
    assert!(rows.iter().all(|row| row.contains("127.0.0.1\t") && row.contains("incidentd/")));
    let (_, ids, _) = bob.types(&["session", "list", "-q"], "").await;
    let of_row = |row: &&str| row.split('\t').next().expect("an id").to_owned();
    assert_eq!(ids.lines().collect::<Vec<_>>(), rows.iter().map(of_row).collect::<Vec<_>>());
    let (_, _, said) = bob.types(&["session", "end", "--others"], "").await;
    assert_eq!(said, "Ended 1 session.\n");
    assert_eq!(phone.types(&["list"], "").await.0, Some(4));

    let cases: &[(&Person, &[&str], &'static str, i32)] = &[
        (&bob, &["user", "edit", "--name", "Bob B.", "--time-zone", "Europe/Paris"], "", 0),
        (&bob, &["user", "edit", "--time-zone", "Mars/Olympus"], "", 2),
        (&bob, &["user", "edit"], "", 2),
        (&bob, &["user", "edit", "carol", "--name", "x"], "", 5),
        (&bob, &["user", "edit", "mallory", "--name", "x"], "", 3),
        (&bob, &["user", "edit", "--admin", "true"], "", 5),
        (&bob, &["user", "show", "alice"], "", 0),
        (&bob, &["user", "show", "mallory"], "", 3),
        (&bob, &["user", "link", "alice"], "", 5),
        (&bob, &["session", "list", "--user", "root"], "", 5),
        (&bob, &["session", "end", "3"], "", 0),
        (&bob, &["session", "end", "777"], "", 3),
        (&bob, &["session", "end", "x"], "", 2),
        (&root, &["session", "list", "--user", "bob"], "", 0),
        (&root, &["user", "disable", "root"], "", 5),
        (&root, &["user", "edit", "root", "--admin", "false"], "", 5),
        (&root, &["user", "disable", "mallory"], "", 0),
        (&root, &["user", "link", "mallory"], "", 5),
        (&root, &["user", "enable", "mallory"], "", 0),
        (&root, &["user", "link", "mallory"], "", 0),
        (&root, &["user", "set-password"], "", 2),
        (&root, &["user", "set-password", "--password-stdin"], "wrong\nanother good one\n", 1),
        (
            &root,
            &["user", "set-password", "--password-stdin"],
            "correct horse battery\nanother good one\n",
            0,
        ),
        (&root, &["whoami"], "", 0),
    ];
    for (person, arguments, stdin, code) in cases {
        let (got, out, said) = person.types(arguments, stdin).await;
        assert_eq!(got, Some(*code), "{arguments:?}: {out}{said}");
    }
    assert_eq!(bob.types(&["session", "end", "1"], "").await.0, Some(0), "his own");
    assert_eq!(bob.types(&["session", "list"], "").await.0, Some(4));
    let (_, shown, _) = root.types(&["user", "show", "bob"], "").await;
    assert!(shown.contains("Bob B.") && shown.contains("Europe/Paris"), "{shown}");
}

/// A password is typed without echo, and only there.
#[tokio::test]
async fn on_a_terminal_it_asks_and_shows_nothing_of_what_is_typed() {
    let server = TestServer::start().await;
    set_password(&server, "bob").await;
    let bob = Person::new();
    let mut command = Command::new("script");
    let line = format!("'{}' login {}", env!("CARGO_BIN_EXE_incidentd"), server.url);
    command.args(["-qec", &line, "/dev/null"]).env("XDG_CONFIG_HOME", bob.0.path());
    for name in ["INCIDENTD_URL", "INCIDENTD_TOKEN"] {
        command.env_remove(name);
    }
    let typed = "bob\ncorrect horse battery\n";
    let (code, shown, _) =
        tokio::task::spawn_blocking(move || ran(&mut command, typed)).await.expect("ran");
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("Username:") && shown.contains("Password:"), "{shown}");
    assert!(shown.contains("Logged in to") && shown.contains("as bob"), "{shown}");
}
