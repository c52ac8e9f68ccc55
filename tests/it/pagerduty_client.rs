//! PagerDuty's own Python client against `/v2/enqueue`, as it is but for the address. It speaks
//! https only, and so does the server here.
use incidentd::domain::{Incident, Severity, Status};

use crate::harness::KEY;
use crate::programs::{Host, Ran, python, run};
use crate::tls::Papers;

fn host() -> Host {
    Host::start_with(Some(Papers::new()))
}

/// Sends one event; the client prints the dedup key that it was given back.
fn send(host: &Host, key: &str, event: &[&str]) -> Ran {
    let mut command = python("pagerduty_events.py");
    command.env("INCIDENTD_KEY", key).arg(&host.url).args(event);
    host.trusted(&mut command);
    run(&mut command, "")
}

fn incident(host: &Host) -> Incident {
    let shown = host.cli(["show", "1", "-o", "json"]).done();
    serde_json::from_str(&shown).expect("an incident")
}

#[test]
fn pagerdutys_own_client_triggers_acknowledges_and_resolves() {
    let host = host();
    let trigger = ["trigger", "disk full", "db-3/disk"];
    assert_eq!(send(&host, KEY, &trigger).done(), "db-3/disk\n");
    let opened = incident(&host);
    assert_eq!((opened.title.as_str(), opened.status), ("disk full", Status::Triggered));
    assert_eq!((opened.severity, opened.dedup_key.as_str()), (Severity::Warning, "db-3/disk"));
    assert_eq!(opened.description, "free: 2%\nmount: /var");
    let labels = [
        ("source", "db-3.example.com"),
        ("component", "disk"),
        ("group", "databases"),
        ("class", "capacity"),
    ];
    assert_eq!(opened.labels, labels.map(|(name, value)| (name.into(), value.into())).into());
    assert_eq!(opened.links[0].href, "https://graphs.example.com/db-3");

    send(&host, KEY, &trigger).done();
    assert_eq!(incident(&host).alert_count, 2, "the same again is counted");
    send(&host, KEY, &["acknowledge", "db-3/disk"]).done();
    assert_eq!(incident(&host).status, Status::Acknowledged);
    assert_eq!(send(&host, KEY, &["resolve", "db-3/disk"]).done(), "db-3/disk\n");
    assert_eq!(incident(&host).status, Status::Resolved);
}

#[test]
fn without_a_dedup_key_it_is_told_the_one_that_was_made() {
    let host = host();
    let made = send(&host, KEY, &["trigger", "disk full"]).done();
    let made = made.trim();
    assert!(!made.is_empty());
    send(&host, KEY, &["resolve", made]).done();
    assert_eq!(incident(&host).status, Status::Resolved);
}

#[test]
fn a_wrong_key_is_an_error_that_it_shows() {
    let refused = send(&host(), "00000000000000000000000000000000", &["trigger", "x"]);
    assert!(!refused.status.success());
    assert!(refused.stderr.contains("belongs to no integration"), "{}", refused.stderr);
}
