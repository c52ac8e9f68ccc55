//! `incidentd demo`, as a curious person runs it: the built binary, and what it leaves behind.
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};

use incidentd::clock::Clock;
use jiff::{SignedDuration, Timestamp};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::harness::{answer, http};
use crate::process::{incidentd, until};

struct Demo {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// What it printed: `url`, `link`, `token`, `hook`.
    told: Value,
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Demo {
    /// Its temporary folder is in `dir`.
    fn start(dir: &Path, arguments: &[&str]) -> Self {
        let mut child = incidentd()
            .args(["demo", "-o", "json"])
            .args(arguments)
            .env("TMPDIR", dir)
            .env("INCIDENTD_URL", "http://127.0.0.1:1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line");
        let told = serde_json::from_str(&line).expect("JSON");
        Self { child, stdout, told }
    }

    fn told(&self, what: &str) -> &str {
        self.told[what].as_str().expect("told")
    }

    async fn get(&self, path: &str) -> Value {
        let url = format!("{}/api/v1{path}", self.told("url"));
        let (status, body) = answer(http().get(url).bearer_auth(self.told("token"))).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    async fn titles(&self) -> Vec<String> {
        let all = self.get("/incidents?status=all&limit=200").await;
        let items = all["items"].as_array().expect("a list");
        items.iter().map(|incident| incident["title"].to_string()).collect()
    }

    fn end(mut self, by: Signal) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), by).expect("signalled");
        let status = self.child.wait().expect("waited");
        let mut rest = String::new();
        self.stdout.read_line(&mut rest).expect("the end");
        assert_eq!(rest, "");
        status.code()
    }
}

fn is_empty(dir: &Path) -> bool {
    std::fs::read_dir(dir).expect("a folder").next().is_none()
}

#[tokio::test]
async fn it_tells_a_seed_s_story_again_and_leaves_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let first = Demo::start(dir.path(), &["--seed", "7", "--still"]);
    let titles = first.titles().await;
    assert!(titles.len() > 30, "{titles:?}");
    let open = first.get("/incidents").await;
    let open = open["items"].as_array().expect("a list");
    let with = |status: &str| open.iter().filter(|one| one["status"] == status).count();
    assert_eq!((with("triggered"), with("acknowledged")), (5, 3), "{open:?}");
    let here =
        |one: &&Value| one["url"].as_str().is_some_and(|it| it.starts_with(first.told("url")));
    assert_eq!(open.iter().filter(here).count(), open.len(), "{open:?}");
    // Each page has something in it, and nothing of it is an incident.
    let hearts = first.get("/heartbeats").await;
    let hearts: Vec<_> = hearts["items"].as_array().expect("a list").iter().collect();
    let overdue = |one: &Value| {
        let last: Timestamp = one["lastAt"].as_str().expect("beaten").parse().expect("a moment");
        assert_eq!((&one["every"], &one["status"]), (&json!("1d"), &json!("beating")), "{one}");
        Clock::System.now().duration_since(last) > SignedDuration::from_hours(24)
    };
    let late = hearts.iter().filter(|one| overdue(one)).count();
    assert_eq!((hearts.len(), late), (2, 1), "one is well, one late");
    let quiet = first.get("/silences").await;
    assert_eq!(quiet["items"][0]["windows"]["rrule"], "FREQ=WEEKLY;BYDAY=SU", "{quiet}");
    let mine = first.get("/users/me/contacts").await;
    let proved = |at: usize| !mine["items"][at]["verifiedAt"].is_null();
    assert_eq!((proved(0), proved(1)), (true, false), "{mine}");
    for path in ["/channels", "/webhooks"] {
        assert_eq!(first.get(path).await["items"].as_array().map(Vec::len), Some(1), "{path}");
    }
    assert!(!is_empty(dir.path()));
    // Nobody can tidy up after that, and still somebody does.
    assert_eq!(first.end(Signal::KILL), None);
    until("its folder to go", async || is_empty(dir.path())).await;

    let second = Demo::start(dir.path(), &["--seed", "7", "--still"]);
    assert_eq!(second.titles().await, titles);
    assert_eq!(second.end(Signal::TERM), Some(0));
    assert!(is_empty(dir.path()));
    let third = Demo::start(dir.path(), &["--seed", "8", "--still"]);
    assert_ne!(third.titles().await, titles);
    assert_eq!(third.end(Signal::INT), Some(0));
    assert!(is_empty(dir.path()));
}

#[tokio::test]
async fn its_link_lets_a_browser_in_and_what_is_pasted_works() {
    let dir = tempfile::tempdir().expect("a folder");
    let demo = Demo::start(dir.path(), &[]);
    let (page, secret) = demo.told("link").split_once('#').expect("behind the #");
    assert_eq!(page, format!("{}/welcome", demo.told("url")));
    let url = format!("{}/api/v1/welcome", demo.told("url"));
    let (status, body) = answer(http().post(url).json(&json!({"secret": secret}))).await;
    assert_eq!((status, &body["user"]["username"]), (200, &json!("you")), "{body}");
    let (status, body) = answer(http().post(demo.told("hook")).body("disk full")).await;
    assert_eq!((status, &body["new"]), (202, &json!(true)), "{body}");
    let head = async || demo.get("/events?limit=1").await["head"].as_i64().expect("a seq");
    let mine = head().await;
    until("the story to go on", async || head().await > mine).await;
}
