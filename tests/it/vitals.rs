//! How it does: figures for Prometheus, and signs of life for systemd.
use std::os::unix::net::UnixDatagram;
use std::process::Command;

use serde_json::json;

use crate::harness::{PATIENCE, TestServer};
use crate::process::{Serving, incidentd, run};

async fn scrape(server: &TestServer, who: Option<&str>) -> (u16, String) {
    let mut request = server.http().get(format!("{}/metrics", server.url));
    if let Some(who) = who {
        request = request.bearer_auth(server.token(who));
    }
    let response = request.send().await.expect("an answer");
    (response.status().as_u16(), response.text().await.expect("text"))
}

#[tokio::test]
async fn metrics_count_what_happens_and_name_nobody() {
    let server = TestServer::start().await;
    server.alert(json!({"title": "one", "severity": "critical"})).await;
    server.alert(json!({"title": "two", "severity": "info"})).await;
    server.post("grafana", &json!({"nonsense": true})).await;
    let login = server.http().post(format!("{}/api/v1/sessions", server.url));
    let wrong = json!({"username": "alice", "password": "not this one"});
    assert_eq!(crate::harness::answer(login.json(&wrong)).await.0, 401);

    let (status, text) = scrape(&server, None).await;
    assert_eq!(status, 200);
    for line in [
        "incidentd_ingest_requests_total 3",
        "incidentd_ingest_alerts_total{source=\"generic\"} 2",
        "incidentd_ingest_rejected_total 1",
        "incidentd_ingest_request_seconds_count 3",
        "incidentd_incidents_open{status=\"triggered\",urgency=\"high\"} 1",
        "incidentd_incidents_open{status=\"triggered\",urgency=\"low\"} 1",
        "incidentd_incidents_open{status=\"acknowledged\",urgency=\"high\"} 0",
        "incidentd_logins_failed_total 1",
        "incidentd_ready 1",
        "incidentd_emitter_lag 0",
        "incidentd_timers_late 0",
        "incidentd_writer_failed_commits_total 0",
        &format!(
            "incidentd_build_info{{version=\"{}\",schema=\"{}\"}} 1",
            env!("CARGO_PKG_VERSION"),
            std::fs::read_dir("migrations").expect("here").count()
        ),
    ] {
        let found = text.lines().any(|one| one.strip_suffix(".0").unwrap_or(one) == line);
        assert!(found, "{line} is not in\n{text}");
    }
    let route = "route=\"/integrations/{key}/generic\",status=\"2xx\"} 2";
    assert!(text.contains(route), "{text}");
    for secret in ["payments", "checkout", "alice", crate::harness::KEY] {
        assert!(!text.contains(secret), "{secret} is in\n{text}");
    }
    let (_, theirs) = scrape(&server, Some("bob")).await;
    assert!(!theirs.contains("payments"), "a responder is no platform admin");
    let (_, named) = scrape(&server, Some("root")).await;
    let open =
        "incidentd_incidents_open{status=\"triggered\",urgency=\"high\",team=\"payments\"} 1";
    assert!(named.contains(open), "{named}");
    for text in [text, named] {
        let output = run(Command::new("promtool").args(["check", "metrics"]), &text);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn systemd_is_told_of_readiness_life_and_the_end() {
    let dir = tempfile::tempdir().expect("a folder");
    let notify = dir.path().join("notify");
    let systemd = UnixDatagram::bind(&notify).expect("bound");
    systemd.set_read_timeout(Some(PATIENCE)).expect("set");
    let hear = || {
        let mut message = [0; 512];
        let length = systemd.recv(&mut message).expect("a message in time");
        String::from_utf8_lossy(&message[..length]).trim().to_owned()
    };
    let mut command = incidentd();
    command.arg("serve").arg("--data-dir").arg(dir.path().join("data"));
    command.env("NOTIFY_SOCKET", &notify).env("WATCHDOG_USEC", "150000");
    let mut server = Serving::with(&mut command, "127.0.0.1:0").expect("serves");
    assert_eq!(hear(), "READY=1");
    for _ in 0..3 {
        assert_eq!(hear(), "WATCHDOG=1");
    }
    assert_eq!(server.terminate().0, Some(0));
    let last = std::iter::repeat_with(hear).find(|message| message != "WATCHDOG=1");
    assert_eq!(last.as_deref(), Some("STOPPING=1"));
}
