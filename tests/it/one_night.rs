//! One night by the built binary and the real clock: an alert comes in, a page goes out, the
//! server is killed, the next one is called, somebody answers, and it is quiet.
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use incidentd::clock::Clock;
use serde_json::json;

use crate::far::{Far, Heard};
use crate::harness::{self, KEY};
use crate::process::{Serving, incidentd, on_host, run, say};

/// On a machine that does much else meanwhile; the figure is printed.
const SOON: Duration = Duration::from_secs(2);
/// When bob is called, and when alice is again.
const SECOND_STEP: Duration = Duration::from_secs(2);
const THIRD_STEP: Duration = Duration::from_secs(4);

fn world(far: &Far) -> String {
    let contact = |name: &str| {
        let (channel, url) = ("webhook", far.url(&format!("/{name}")));
        format!("[{{ name = \"phone\", channel = \"{channel}\", address = \"{url}\" }}]")
    };
    format!(
        r#"
[[users]]
username = "alice"
contacts = {}
[[users]]
username = "bob"
contacts = {}
[[teams]]
slug = "payments"
members = {{ alice = "admin", bob = "responder" }}
[[services]]
slug = "checkout"
team = "payments"
[[integrations]]
service = "checkout"
name = "prometheus"
key = "{KEY}"
[[escalation_policies]]
slug = "payments-default"
team = "payments"
repeat = 5
steps = [
    {{ after = "0s", targets = ["user:alice"] }},
    {{ after = "2s", targets = ["user:bob"] }},
    {{ after = "4s", targets = ["user:alice"] }},
]
"#,
        contact("alice"),
        contact("bob"),
    )
}

/// Far ends of this test are on this machine.
fn serve(dir: &Path) -> Command {
    let mut serve = incidentd();
    serve.arg("serve").arg("--data-dir").arg(dir);
    serve.args(["--outgoing-allow-private", "127.0.0.0/8"]);
    serve
}

/// Whom a page went to, and its id.
fn page(heard: &Heard) -> Option<(String, String)> {
    let said = heard.json();
    (said["kind"] == "page").then(|| (heard.path.clone(), said["id"].to_string()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_called_is_called_in_time_though_it_is_killed_until_somebody_answers() {
    let mut far = Far::start().await;
    let dir = tempfile::tempdir().expect("a folder");
    let listening = || {
        Serving::with(&mut serve(dir.path()), "127.0.0.1:0")
            .unwrap_or_else(|(_, said)| panic!("{said}"))
    };

    let server = listening();
    // To the server that runs: it knows which networks its operator allows.
    on_host(dir.path(), &["apply", "-f", "-"], &world(&far));
    let token = on_host(dir.path(), &["token", "create", "--user", "bob"], "").trim().to_owned();
    let (http, began) = (harness::http(), Instant::now());
    let post = http.post(format!("{}/integrations/{KEY}/generic", server.url));
    let answer = post.json(&json!({ "title": "disk full" })).send().await.expect("answered");
    assert!(answer.status().is_success(), "{}", answer.status());
    let accepted = began.elapsed();
    let first = page(&far.next().await).expect("a page");
    let paged = began.elapsed();
    assert_eq!(first.0, "/alice");
    assert!(paged < SOON, "the first page took {paged:?}");

    server.kill();
    let server = listening();
    let ready = server.ready_in;
    // The kill may have come before it could note that the first went out: then it goes again,
    // and can be told by its id.
    let second = loop {
        let next = page(&far.next().await).expect("a page");
        if next != first {
            break next;
        }
    };
    let stepped = began.elapsed();
    assert_eq!(second.0, "/bob");
    assert!(stepped >= SECOND_STEP, "bob was called after {stepped:?} already");

    let mut ack = incidentd();
    ack.env("INCIDENTD_URL", &server.url).env("INCIDENTD_TOKEN", &token).args(["ack", "1"]);
    let ran = run(&mut ack, "");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let acknowledged = began.elapsed();
    // Alice may have been called again, if this machine was slow; after the answer, nobody is.
    far.so_far();
    Clock::System.sleep(THIRD_STEP + SOON).await;
    let after: Vec<_> = far.so_far().iter().filter_map(page).collect();
    assert!(after.is_empty(), "{after:?} after the acknowledge");
    say(&format!(
        "accepted in {accepted:?}, paged in {paged:?}; killed, ready again in {ready:?}; second \
         step (after {SECOND_STEP:?}) in {stepped:?}; acknowledged at {acknowledged:?}, then quiet"
    ));
}
