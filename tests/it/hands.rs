//! Commands that reach out, by the built binary: what arrives at the far end is what the command
//! said, and its exit code tells scripts how it went.
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use incidentd::notify::sign;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::commands::{Ran, command};
use crate::far::{Far, Heard, this_machine};
use crate::harness::TestServer;
use crate::paging::{LADDER, Night, page};
use crate::process::{incidentd, run};

async fn server() -> TestServer {
    TestServer::with(|config| config.outgoing.allow_private = this_machine()).await
}

/// What it came to, which must be `code`.
async fn ran(server: &TestServer, who: &str, code: i32, arguments: &[&str]) -> Ran {
    let ran = command(server, who, arguments, "").await;
    assert_eq!(ran.code, Some(code), "{arguments:?}: {}{}", ran.out, ran.said);
    ran
}

/// The six digits of a code.
fn code_in(heard: &Heard) -> String {
    let said = heard.json()["text"].to_string();
    said.split(|c: char| !c.is_ascii_digit()).find(|it| it.len() == 6).expect("a code").to_owned()
}

#[test]
fn a_server_that_hangs_is_not_waited_for_with_each_incident() {
    // Connections wait there, and nobody takes them.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let ids = ["1", "2", "3", "4", "5", "6", "7", "8"];
    let mut ack = incidentd();
    ack.args(["ack", "--timeout", "3s"]).args(ids);
    let began = Instant::now();
    let output = run(ack.env("INCIDENTD_URL", url).env("INCIDENTD_TOKEN", "inc_1_x"), "");
    assert_eq!(output.status.code(), Some(6));
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_contact_is_added_verified_and_tried() {
    let (server, mut far) = (server().await, Far::start().await);
    let address = far.url("/bob-x7f3");
    let add = ["contact", "add", "phone", "--channel", "webhook", "--address", &address];
    let added = ran(&server, "bob", 0, &add).await;
    assert!(added.said.contains("Next: incidentd contact verify phone CODE"), "{}", added.said);
    assert!(!added.said.contains("x7f3") && added.out.is_empty(), "a webhook's is a secret");
    let code = code_in(&far.next().await);
    let listed = ran(&server, "bob", 0, &["contact", "list"]).await.out;
    assert_eq!(listed, format!("phone\twebhook\thttp://{}/…\tunverified\n", far.addr));
    let early = ran(&server, "bob", 5, &["notify", "test"]).await;
    assert!(early.said.contains("contact"), "{}", early.said);

    let wrong = if code == "000000" { "000001" } else { "000000" };
    let refused = ran(&server, "bob", 2, &["contact", "verify", "phone", wrong]).await;
    assert!(refused.said.to_lowercase().contains("code"), "{}", refused.said);
    ran(&server, "bob", 3, &["contact", "verify", "pager", &code]).await;
    ran(&server, "bob", 0, &["contact", "verify", "phone", &code]).await;
    ran(&server, "bob", 0, &["contact", "verify", "phone", &code]).await;
    assert_eq!(far.so_far().len(), 0, "of all that nothing was sent");

    let sent = ran(&server, "bob", 0, &["notify", "test"]).await;
    assert_eq!(sent.out, "phone\twebhook\tsent\t\n");
    let heard = far.next().await;
    assert_eq!((heard.path.as_str(), &heard.json()["kind"]), ("/bob-x7f3", &json!("test")));
    ran(&server, "root", 0, &["notify", "test", "bob"]).await;
    assert_eq!(far.next().await.json()["kind"], "test");
    let elsewhere = ["notify", "test", "--contact", "pager"];
    ran(&server, "bob", 3, &elsewhere).await;
    let anothers = command(&server, "alice", &["notify", "test", "bob"], "").await;
    assert!(matches!(anothers.code, Some(3 | 5)), "{}", anothers.said);

    far.answer(404, "x-told", "nothing here");
    let failed = command(&server, "bob", &["notify", "test", "-o", "json"], "").await;
    let rows: Value = serde_json::from_str(&failed.out).expect("JSON");
    assert_eq!((&rows[0]["state"], failed.code != Some(0)), (&json!("failed"), true));
    let why = rows[0]["outcome"].as_str().expect("why");
    assert!(why.contains("404") && !why.contains("x7f3"), "{why}");
}

#[tokio::test]
async fn a_team_s_channel_is_added_and_tried_by_who_may() {
    let (server, mut far) = (server().await, Far::start().await);
    let address = far.url("/services/sesame");
    let add = ["channel", "add", "chat", "--team", "payments", "--channel", "webhook", "--address"];
    let add = [&add[..], &[address.as_str()]].concat();
    ran(&server, "bob", 5, &add).await;
    ran(&server, "mallory", 3, &add).await;
    let added = ran(&server, "alice", 0, &add).await;
    assert!(added.said.contains("channel:chat"), "{}", added.said);
    let listed = ran(&server, "carol", 0, &["channel", "list"]).await.out;
    assert!(listed.starts_with("chat\tpayments\twebhook\t") && !listed.contains("sesame"));
    let sent = ran(&server, "alice", 0, &["channel", "test", "chat"]).await;
    assert_eq!(sent.out, "chat\twebhook\tsent\t\n");
    let heard = far.next().await;
    assert_eq!((heard.path.as_str(), &heard.json()["kind"]), ("/services/sesame", &json!("test")));
    ran(&server, "mallory", 3, &["channel", "test", "chat"]).await;
    ran(&server, "alice", 3, &["channel", "test", "chats"]).await;
    far.answer(410, "x-told", "");
    let gone = command(&server, "alice", &["channel", "test", "chat"], "").await;
    assert!(gone.code != Some(0) && gone.out.contains("failed\tIt answered 410"), "{}", gone.out);
    far.next().await;
    assert_eq!(far.so_far().len(), 0, "who may not sends nothing");
}

#[tokio::test]
async fn words_are_shown_as_they_would_be_sent() {
    let server = TestServer::start().await;
    server.alert(json!({"title": "disk full", "severity": "critical"})).await;
    let render = ["template", "render"];
    let of = |more: &[&'static str]| [&render[..], more].concat();
    let short = ran(&server, "bob", 0, &of(&["--template", "short", "--incident", "1"])).await.out;
    assert!(short.contains("#1 disk full") && short.trim_end().len() <= 160, "{short}");
    let text = ran(&server, "bob", 0, &of(&["--incident", "1"])).await.out;
    assert!(text.contains("disk full") && text.contains("/a/EXAMPLE"), "{text}");
    assert!(!ran(&server, "bob", 0, &render).await.out.contains("disk full on 1"), "made up");

    let dir = tempfile::tempdir().expect("a folder");
    let own = dir.path().join("own.txt");
    let own = own.to_str().expect("UTF-8");
    std::fs::write(own, "{{ severity|upper }} {{ what }} in {{ where }}").expect("written");
    let arguments = ["template", "render", "--template", own, "--incident", "1"];
    assert_eq!(ran(&server, "bob", 0, &arguments).await.out, "CRITICAL #1 disk full in checkout\n");
    std::fs::write(own, "{{ what }}\n{{ what|shout }}").expect("written");
    let wrong = ran(&server, "bob", 2, &arguments).await;
    assert!(wrong.said.contains("shout") && wrong.said.contains("line 2"), "{}", wrong.said);
    ran(&server, "bob", 3, &of(&["--template", "/nonexistent"])).await;
    ran(&server, "mallory", 3, &of(&["--incident", "1"])).await;
}

/// The next at the far end, signed by this secret.
async fn signed(far: &mut Far, secret: &str) -> Value {
    let key = sign::key(secret).expect("a key");
    let heard = far.next().await;
    let at = heard.header("webhook-timestamp").parse().expect("seconds");
    let at = jiff::Timestamp::from_second(at).expect("a time");
    let expected = sign::headers(&key, heard.header("webhook-id"), at, &heard.body);
    assert_eq!(heard.header("webhook-signature"), expected[2].1);
    heard.json()
}

/// The next `created` there: the incident's title.
async fn created(far: &mut Far, secret: &str) -> String {
    loop {
        let event = signed(far, secret).await;
        if event["type"] == "incident:created" {
            return event["incident"]["title"].as_str().expect("a title").to_owned();
        }
    }
}

#[tokio::test]
async fn a_webhook_is_added_stopped_and_let_go_on() {
    let (server, mut far) = (server().await, Far::start().await);
    let alert = async |title: &str| server.alert(json!({"title": title})).await;
    let hook = async |arguments: &[&str]| {
        let all = [&["webhook"], arguments].concat();
        ran(&server, "alice", 0, &all).await
    };
    alert("before").await;
    let url = far.url("/hook/sesame");
    ran(&server, "bob", 5, &["webhook", "add", &url, "--team", "payments"]).await;
    let added = hook(&["add", &url, "--team", "payments"]).await;
    let secret = added.out.trim_end();
    assert!(secret.starts_with("whsec_") && !added.said.contains(secret), "{}", added.said);
    assert!(added.said.contains("shown this once"), "{}", added.said);
    assert_eq!(hook(&["test", "1"]).await.said, "Webhook 1 took it.\n");
    let test = signed(&mut far, secret).await;
    assert_eq!(
        (&test["type"], &test["team"]["slug"]),
        (&json!("webhook:test"), &json!("payments"))
    );
    far.answer(410, "x-why", "gone");
    let failed = ran(&server, "alice", 1, &["webhook", "verify", "1"]).await.said;
    assert!(failed.contains("did not take it") && failed.contains("410"), "{failed}");
    assert!(!failed.contains("sesame"), "{failed}");
    ran(&server, "bob", 5, &["webhook", "test", "1"]).await;
    signed(&mut far, secret).await;
    alert("first").await;
    assert_eq!(created(&mut far, secret).await, "first", "a test stops nothing");

    hook(&["disable", "1"]).await;
    alert("while it is stopped").await;
    let listed = hook(&["list"]).await.out;
    assert!(listed.contains("\tdisabled\t"), "{listed}");
    assert_eq!(far.so_far().len(), 0);
    hook(&["enable", "1"]).await;
    assert_eq!(created(&mut far, secret).await, "while it is stopped", "where it stopped");

    hook(&["disable", "1"]).await;
    alert("left out").await;
    hook(&["enable", "1", "--skip"]).await;
    alert("after").await;
    assert_eq!(created(&mut far, secret).await, "after");

    let rotated = hook(&["rotate", "1"]).await.out;
    alert("signed anew").await;
    assert_eq!(created(&mut far, rotated.trim_end()).await, "signed anew");
    hook(&["remove", "1"]).await;
    ran(&server, "alice", 3, &["webhook", "enable", "1"]).await;
    ran(&server, "alice", 2, &["webhook", "enable", "one"]).await;
}

/// A wrapped job that says when it runs.
fn wrapped(address: &str, job: &str) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut command = incidentd();
    command.args(["heartbeat", "wrap", "--url", address, "--", "sh", "-c", job]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("started");
    let mut output = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    output.read_line(&mut line).expect("a line");
    assert_eq!(line, "ready\n");
    (child, output)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrapped_job_hears_the_signals_and_all_that_it_says_is_passed_on() {
    let server = TestServer::start().await;
    let add = ["heartbeat", "add", "job", "--service", "checkout", "--every", "1h"];
    let address = ran(&server, "alice", 0, &add).await.out.trim_end().to_owned();
    assert!(address.starts_with(&format!("{}/heartbeat/", server.url)), "{address}");

    // A shell that waits hears it at once, and cleans up in its own time.
    let job = "trap 'kill $!; echo cleaned; exit 9' TERM HUP; sleep 60 & echo ready; wait";
    for (n, signal) in [Signal::TERM, Signal::HUP].into_iter().enumerate() {
        let (mut child, mut output) = wrapped(&address, job);
        kill_process(Pid::from_child(&child), signal).expect("signalled");
        let mut rest = String::new();
        output.read_to_string(&mut rest).expect("the rest");
        let code = child.wait().expect("an end").code();
        assert_eq!((rest.as_str(), code), ("cleaned\n", Some(9)), "{n}");
    }
    let told = server.incident(1).await;
    assert!(told.description.contains("It ended with exit code 9."), "{}", told.description);
    // An interrupt, which a terminal sends to both, ends the job and not its news.
    let (mut child, _output) =
        wrapped(&address, "trap 'kill $!; exit 0' TERM; sleep 60 & echo ready; wait");
    kill_process(Pid::from_child(&child), Signal::INT).expect("signalled");
    assert!(child.try_wait().expect("looked").is_none(), "it waits for the job");
    kill_process(Pid::from_child(&child), Signal::TERM).expect("signalled");
    assert_eq!(child.wait().expect("an end").code(), Some(0));

    let much = "head -c 300000 /dev/zero | tr '\\0' x; head -c 200000 /dev/zero | tr '\\0' y >&2";
    let mut command = incidentd();
    command.args(["heartbeat", "wrap", "--url", &address, "--", "sh", "-c", much]);
    let output = tokio::task::spawn_blocking(move || crate::process::run(&mut command, ""));
    let output = output.await.expect("ran");
    assert_eq!((output.stdout.len(), output.stderr.len()), (300_000, 200_000));
    assert!(output.stdout.iter().all(|byte| *byte == b'x') && output.status.success());
    let listed = ran(&server, "alice", 0, &["heartbeat", "list"]).await.out;
    assert!(listed.contains("\tbeating\t"), "{listed}");
    let mut folder = incidentd();
    folder.args(["heartbeat", "wrap", "--url", &address, "--", "/"]);
    let folder = tokio::task::spawn_blocking(move || crate::process::run(&mut folder, ""));
    assert_eq!(folder.await.expect("ran").status.code(), Some(126), "what cannot be run");
}

#[tokio::test]
async fn what_is_silenced_by_hand_pages_nobody_until_that_is_ended() {
    let mut night = Night::begin(LADDER).await;
    night.server.alert(json!({"title": "disk full", "labels": {"host": "db-3"}})).await;
    night.expect_page("alice").await;
    let by_bob = async |night: &Night, code: i32, arguments: &[&str]| {
        let all = [&["silence"], arguments].concat();
        ran(&night.server, "bob", code, &all).await
    };
    let shown = by_bob(&night, 0, &["preview", "--team", "payments", "host=db-3"]).await.out;
    assert_eq!(shown, "1\ttriggered\tcheckout\t1/1\tsilenced\tdisk full\n");
    let none = by_bob(&night, 0, &["preview", "--team", "payments", "host=db-4"]).await;
    assert!(none.out.is_empty() && none.said.contains("Nothing"), "{}", none.said);
    for all in [&[][..], &["host=~.*"], &["@team=payments"]] {
        let add = [&["add", "--team", "payments", "-c", "work", "-d", "1h"], all].concat();
        // Where the words were typed they are the wrong ones; where none were, more are needed.
        let refused = by_bob(&night, if all.is_empty() { 1 } else { 2 }, &add).await;
        assert!(refused.said.contains("--force"), "{all:?}: {}", refused.said);
    }
    assert_eq!(by_bob(&night, 0, &["list"]).await.out, "");

    let add = ["add", "--team", "payments", "-c", "work", "-d", "1h", "--force"];
    let id = by_bob(&night, 0, &add).await.out.trim_end().to_owned();
    night.server.alert(json!({"title": "link down"})).await;
    assert_eq!(night.passes(crate::harness::mins(30)).await, [], "both are quiet");
    assert_eq!(by_bob(&night, 0, &["list", "-q"]).await.out, format!("{id}\n"));
    by_bob(&night, 0, &["end", &id]).await;
    let told = night.passes(crate::harness::mins(1)).await;
    assert_eq!(told, [page("alice")], "both in one message");
    assert_eq!(by_bob(&night, 0, &["list"]).await.out, "");
}
