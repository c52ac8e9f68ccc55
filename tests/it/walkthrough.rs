//! The main run, by the built binary and with programs of other people: Prometheus fires, two
//! Socket.IO clients see it, somebody acknowledges, everybody sees that.
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::KEY;
use crate::programs::{Host, Listen, Program, node, python};

/// A machine that Prometheus watches: it answers 503 until it is well.
struct Machine {
    address: SocketAddr,
    well: Arc<AtomicBool>,
}

impl Machine {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let well = Arc::new(AtomicBool::new(false));
        let is_well = well.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let status = if is_well.load(Ordering::SeqCst) { "200 OK" } else { "503 Ill" };
                // One read takes the whole of such a small request; who left early is asked again.
                let _ = stream.read(&mut [0; 4_096]);
                let head = "content-type: text/plain\r\ncontent-length: 0\r\nconnection: close";
                let _ = write!(stream, "HTTP/1.1 {status}\r\n{head}\r\n\r\n");
            }
        });
        Self { address, well }
    }

    fn recover(&self) {
        self.well.store(true, Ordering::SeqCst);
    }
}

/// Prometheus as it would be set up for `machine`, with the server as its only Alertmanager.
fn prometheus(host: &Host, machine: &Machine) -> Program {
    let (config, rules) = (host.path("prometheus.yml"), host.path("rules.yml"));
    let text = format!(
        r"
global: {{ evaluation_interval: 1s, scrape_interval: 1s, scrape_timeout: 1s }}
rule_files: ['{}']
scrape_configs:
  - job_name: db
    static_configs: [{{ targets: ['{}'], labels: {{ instance: db-3 }} }}]
alerting:
  alertmanagers:
    - path_prefix: /integrations/{KEY}
      static_configs: [{{ targets: ['{}'] }}]
",
        rules.display(),
        machine.address,
        host.url.trim_start_matches("http://"),
    );
    std::fs::write(&config, text).expect("written");
    std::fs::write(&rules, RULES).expect("written");
    let mut command = Command::new("prometheus");
    command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", host.path("tsdb").display()))
        .arg("--web.listen-address=127.0.0.1:0")
        // It learns of its Alertmanagers some seconds after its start; an alert that fired before
        // is sent again after this. Four times as long it counts as firing unless refreshed.
        .arg("--rules.alert.resend-delay=3s");
    Program::start(&mut command, Listen::Stderr)
}

const RULES: &str = r"
groups:
  - name: machines
    rules:
      - alert: MachineDown
        expr: up == 0
        labels: { severity: critical }
        annotations: { summary: '{{ $labels.instance }} is down' }
";

#[test]
fn prometheus_fires_and_everybody_sees_who_has_it() {
    let host = Host::start();
    let mut watchers = [host.watch(node("watch.mjs"), None), host.watch(python("watch.py"), None)];
    let machine = Machine::start();
    let _prometheus = prometheus(&host, &machine);
    let mut ids = Vec::new();
    for watcher in &mut watchers {
        let created = watcher.event("incident:created");
        assert_eq!(created["incident"]["title"], "db-3 is down");
        assert_eq!(created["incident"]["severity"], "critical");
        assert_eq!(created["incident"]["labels"]["alertname"], "MachineDown");
        assert_eq!(created["incident"]["service"]["slug"], "checkout");
        ids.push(created["incidentId"].to_string());
    }
    assert_eq!(ids[0], ids[1]);
    let id = &ids[0];
    assert_eq!(host.cli(["list", "-q"]).done(), format!("{id}\n"));
    // Nobody has a contact yet.
    assert!(host.cli(["list"]).done().starts_with("UNTOLD\t"));

    host.cli(["ack", id]).done();
    for watcher in &mut watchers {
        let acknowledged = watcher.event("incident:acknowledged");
        assert_eq!(acknowledged["actor"]["name"], "alice");
        assert_eq!(acknowledged["incident"]["status"], "acknowledged");
    }
    let again = host.cli(["ack", id]).done();
    assert!(again.contains("already"), "{again}");
    let timeline = host.cli(["timeline", id]).done();
    let told: Vec<Vec<&str>> = timeline.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(told.len(), 4, "{timeline}");
    assert_eq!(told[0][1..], ["prometheus", "opened"]);
    let nobody = "step 1: told nobody (alice has no contact; bob has no contact)";
    assert_eq!(told[1][1..], ["incidentd", nobody]);
    assert_eq!(told[2][1..], ["incidentd", "last resort: told nobody (alice has no contact)"]);
    assert_eq!(told[3][1], "alice");
    assert!(told[3][2].starts_with("acknowledged until "), "{timeline}");

    machine.recover();
    for watcher in &mut watchers {
        let resolved = watcher.event("incident:resolved");
        assert_eq!(resolved["reason"], "source");
        // The second acknowledgement made no event: with whom it told, these are one chain.
        let mut happened = chain(watcher);
        happened.retain(|name| name != "escalated" && name != "updated");
        assert_eq!(happened, ["created", "acknowledged", "resolved"]);
    }
}

/// The names of the incident events so far, each of which follows the one before.
fn chain(watcher: &Program) -> Vec<String> {
    let mut events = watcher.incident_events();
    events.sort_by_key(|event| event["seq"].as_u64());
    for pair in events.windows(2) {
        assert_eq!(pair[1]["prev"], pair[0]["seq"], "{events:#?}");
    }
    let name = |event: &Value| {
        event["type"].as_str().expect("a type").trim_start_matches("incident:").to_owned()
    };
    events.iter().map(name).collect()
}

#[test]
fn every_transport_of_socket_io_carries_it() {
    let host = Host::start();
    let mut websocket = host.watch(node("watch.mjs"), Some("websocket"));
    let mut polling = host.watch(node("watch.mjs"), Some("polling"));
    let mut upgrading = host.watch(node("watch.mjs"), None);
    let mut python_polling = host.watch(python("watch.py"), Some("polling"));
    let mut python_websocket = host.watch(python("watch.py"), Some("websocket"));
    // It begins by polling; after this the event travels over the upgraded connection.
    assert_eq!(upgrading.event_so_far("open")["transport"], "polling");
    assert_eq!(upgrading.event_so_far("upgrade")["transport"], "websocket");
    assert_eq!(websocket.event_so_far("open")["transport"], "websocket");
    assert_eq!(polling.event_so_far("open")["transport"], "polling");
    host.cli(["trigger", "--service", "checkout", "--title", "disk full"]).done();
    let all =
        [&mut websocket, &mut polling, &mut upgrading, &mut python_polling, &mut python_websocket];
    for watcher in all {
        let created = watcher.event("incident:created");
        assert_eq!(created["incident"]["title"], "disk full");
    }
}

/// What comes while a client and the server are apart, and around that, comes once and in order.
fn nothing_is_missed_over_a_restart(signal: Signal) {
    let mut host = Host::start();
    let mut watchers = [
        host.watch(node("watch.mjs"), Some("websocket")),
        host.watch(node("watch.mjs"), Some("polling")),
        host.watch(node("watch.mjs"), None),
        host.watch(python("watch.py"), None),
        host.watch(python("watch.py"), Some("polling")),
    ];
    let trigger = |host: &Host, title: &str| {
        host.cli(["trigger", "--service", "checkout", "--title", title]).done();
    };
    trigger(&host, "before");
    for watcher in &mut watchers {
        watcher.event("incident:created");
    }
    // Frozen, they come back after the server and what happened: theirs is the gap.
    for watcher in &watchers {
        watcher.signal(Signal::STOP);
    }
    trigger(&host, "unseen");
    host.restart(signal);
    trigger(&host, "while away");
    for watcher in &watchers {
        watcher.signal(Signal::CONT);
    }
    for watcher in &mut watchers {
        let back = watcher.event("subscribed");
        assert!(back["events"].is_array(), "what was missed, no start from scratch: {back}");
    }
    trigger(&host, "after");
    for watcher in &mut watchers {
        watcher.wait_for("the last", |line| line.contains("\"after\"").then_some(()));
        let mut opened = chain(watcher);
        opened.retain(|name| name == "created");
        assert_eq!(opened, ["created"; 4]);
        let created = |event: &&Value| event["type"] == "incident:created";
        let titles: Vec<Value> = watcher
            .incident_events()
            .iter()
            .filter(created)
            .map(|event| event["incident"]["title"].clone())
            .collect();
        assert_eq!(titles, ["before", "unseen", "while away", "after"]);
    }
}

#[test]
fn nothing_is_missed_when_the_server_is_restarted() {
    nothing_is_missed_over_a_restart(Signal::TERM);
}

#[test]
fn nothing_is_missed_when_the_server_is_killed() {
    nothing_is_missed_over_a_restart(Signal::KILL);
}
