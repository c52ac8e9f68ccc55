//! Signs of life: a job that falls silent is an incident, and the next beat is its end.
use std::net::TcpListener;
use std::process::Output;

use incidentd::api::Nothing;
use incidentd::api::heartbeats::{
    CHANGE_HEARTBEAT, CREATE_HEARTBEAT, HEARTBEAT, Heartbeat, HeartbeatChange, NewHeartbeat,
    REMOVE_HEARTBEAT, ROTATE_HEARTBEAT,
};
use incidentd::app::Caller;
use incidentd::domain::heartbeat::Pulse;
use incidentd::domain::{Action, Span, Status};
use serde_json::{Value, json};

use crate::harness::{KEY, TestServer, answer, hours, mins, secs};
use crate::process::{Serving, incidentd, on_host, run};

/// The key of `nightly-backup`.
const BEAT: &str = "beatbeatbeatbeatbeatbeatbeatbeat";

/// `nightly-backup` of checkout: every 24 hours, with an hour of grace.
async fn world() -> TestServer {
    let server = TestServer::start().await;
    add(&server, nightly()).await;
    server
}

fn nightly() -> NewHeartbeat {
    NewHeartbeat {
        slug: "nightly-backup".into(),
        service: "checkout".into(),
        every: Span::days(1),
        grace: Some(Span::secs(3_600)),
        alert: Vec::new(),
        key: Some(BEAT.into()),
    }
}

async fn add(server: &TestServer, new: NewHeartbeat) -> String {
    let (none, nothing) = (Nothing {}, Nothing {});
    server.call("alice", &CREATE_HEARTBEAT, none, &nothing, &new).await.expect("added").key
}

async fn shown(server: &TestServer, slug: &str) -> Heartbeat {
    let (none, nothing) = (Nothing {}, Nothing {});
    server.call("carol", &HEARTBEAT, slug.into(), &none, &nothing).await.expect("shown")
}

async fn beat(server: &TestServer) {
    assert_eq!(get(server, &format!("/heartbeat/{BEAT}")).await, (200, json!("ok\n")));
}

async fn get(server: &TestServer, path: &str) -> (u16, Value) {
    answer(server.http().get(format!("{}{path}", server.url))).await
}

async fn fail(server: &TestServer, why: &str) {
    let path = format!("/heartbeat/{BEAT}/fail");
    let (status, said) = server.post_raw(&path, "text/plain", why.into()).await;
    assert_eq!(status, 200, "{said}");
}

#[tokio::test]
async fn a_backup_that_stays_away_is_an_incident_until_it_comes() {
    let mut server = world().await;
    server.advance(hours(72)).await;
    assert_eq!(shown(&server, "nightly-backup").await.status, Pulse::Waiting, "it never beat");

    beat(&server).await;
    server.advance(hours(24) + mins(59)).await;
    beat(&server).await;
    server.advance(hours(24) + mins(59) + secs(59)).await;
    let well = shown(&server, "nightly-backup").await;
    assert_eq!((well.status, well.incident_id), (Pulse::Beating, None), "within its grace");

    server.advance(secs(1)).await;
    let missing = shown(&server, "nightly-backup").await;
    assert_eq!((missing.status, missing.due_at), (Pulse::Missing, None));
    let id = missing.incident_id.expect("an incident").0;
    let incident = server.incident(id).await;
    assert_eq!(incident.title, "nightly-backup is missing: last heard 2026-11-27 03:59 UTC");
    assert_eq!(incident.dedup_key, "heartbeat:nightly-backup");
    assert_eq!(incident.service.expect("its service").slug, "checkout");
    assert_eq!(incident.labels["heartbeat"], "nightly-backup");

    server.advance(hours(30)).await;
    assert_eq!(server.incident(id).await.alert_count, 1, "it is told once");
    beat(&server).await;
    assert_eq!(server.story(id).await, ["created", "resolved source"]);
    assert_eq!(shown(&server, "nightly-backup").await.status, Pulse::Beating);
}

#[tokio::test]
async fn a_job_that_fails_says_so_at_once_and_why() {
    let mut server = world().await;
    fail(&server, "disk full\nwhile writing /srv/backup").await;
    let failed = shown(&server, "nightly-backup").await;
    assert_eq!(failed.status, Pulse::Failed);
    let id = failed.incident_id.expect("an incident").0;
    let incident = server.incident(id).await;
    assert_eq!(incident.title, "nightly-backup failed");
    assert_eq!(incident.description, "disk full\nwhile writing /srv/backup");

    fail(&server, "again").await;
    assert_eq!(server.incident(id).await.alert_count, 2, "counted, not opened again");
    server.advance(hours(25)).await;
    let both = shown(&server, "nightly-backup").await;
    assert_eq!((both.status, both.incident_id.expect("the same").0), (Pulse::Missing, id));
    let called = server.incident(id).await.title;
    assert!(called.starts_with("nightly-backup is missing: last heard"), "{called}");
    server.advance(secs(20)).await;
    fail(&server, "and again").await;
    let incident = server.incident(id).await;
    assert_eq!((incident.status, incident.firing_count), (Status::Triggered, 1), "not missing");
    assert_eq!((incident.title.as_str(), incident.description.as_str()), FAILED);
    beat(&server).await;
    assert_eq!(server.incident(id).await.status, Status::Resolved);
}

/// What the incident of a job that failed is called, and what it tells.
const FAILED: (&str, &str) = ("nightly-backup failed", "and again");

#[tokio::test]
async fn what_comes_back_is_called_after_what_is_wrong_now() {
    let mut server = world().await;
    beat(&server).await;
    server.advance(hours(25)).await;
    let id = shown(&server, "nightly-backup").await.incident_id.expect("an incident").0;
    beat(&server).await;
    assert_eq!(server.incident(id).await.status, Status::Resolved);
    server.advance(mins(5)).await;
    fail(&server, "and again").await;
    assert_eq!(shown(&server, "nightly-backup").await.incident_id.expect("the same").0, id);
    let incident = server.incident(id).await;
    assert_eq!((incident.title.as_str(), incident.description.as_str()), FAILED);
    let page = format!("{}/api/v1/incidents/{id}/timeline", server.url);
    let asked = server.http().get(page).bearer_auth(server.token("bob"));
    let told = answer(asked).await.1;
    let last = told["items"].as_array().and_then(|all| all.last()).expect("an event").clone();
    assert_eq!((&last["reason"], &last["title"]), (&json!("reopened"), &json!(FAILED.0)), "{last}");
    assert_eq!(last["incident"]["title"], FAILED.0);
}

#[tokio::test]
async fn what_stays_silent_comes_back_when_somebody_resolved_it_by_hand() {
    let mut server = world().await;
    beat(&server).await;
    server.advance(hours(25)).await;
    let id = shown(&server, "nightly-backup").await.incident_id.expect("an incident").0;
    let resolve = Action::Resolve { note: None, hold: None };
    server.act("bob", id, resolve).await.expect("resolved");
    server.advance(hours(1)).await;
    assert_eq!(
        server.story(id).await,
        ["created", "resolved manual", "updated still_firing"],
        "it still is"
    );
}

#[tokio::test]
async fn the_watchdog_of_prometheus_beats_and_opens_nothing() {
    let mut server = TestServer::start().await;
    let watchdog =
        json!({"title": "Watchdog", "dedupKey": "w", "labels": {"alertname": "Watchdog"}});
    let before = server.alert(watchdog.clone()).await.incident_id.expect("an incident").0;
    let new = NewHeartbeat {
        slug: "prometheus".into(),
        every: Span::secs(120),
        grace: Some(Span::secs(60)),
        alert: vec!["alertname=Watchdog".into(), "@service=checkout".into()],
        key: None,
        ..nightly()
    };
    add(&server, new).await;

    let (_, said) = server.post("generic", &watchdog).await;
    assert_eq!((&said["status"], &said["incidentId"]), (&json!("beat"), &Value::Null));
    assert_eq!(server.incident(before).await.status, Status::Resolved, "what it had opened");
    assert_eq!(shown(&server, "prometheus").await.status, Pulse::Beating);
    let other = json!({"title": "disk full", "labels": {"alertname": "DiskFull"}});
    assert!(server.alert(other).await.new, "others are alerts as ever");

    let mut over = watchdog.clone();
    over["status"] = json!("resolved");
    assert_eq!(server.post("generic", &over).await.1["status"], "ignored");
    server.advance(mins(3)).await;
    let missing = shown(&server, "prometheus").await;
    assert_eq!(missing.status, Pulse::Missing, "it must keep firing");
    server.post("generic", &watchdog).await;
    let id = missing.incident_id.expect("an incident").0;
    assert_eq!(server.incident(id).await.status, Status::Resolved);
}

#[tokio::test]
async fn no_heartbeat_swallows_what_is_no_sign_of_life() {
    let server = TestServer::start().await;
    let fed_by = |matchers: &[&str]| NewHeartbeat {
        slug: "prometheus".into(),
        alert: matchers.iter().map(|&matcher| matcher.into()).collect(),
        key: None,
        ..nightly()
    };
    for matchers in [
        &["alertname!=Watchdog"][..],
        &["alertname=~.*"],
        &["alertname=~.+"],
        &["alertname!~Watch.*", "host!=db-3"],
        &["@service=checkout"],
        &["@severity=critical"],
    ] {
        let new = fed_by(matchers);
        let (none, nothing) = (Nothing {}, Nothing {});
        let refused = server.call("alice", &CREATE_HEARTBEAT, none, &nothing, &new).await;
        let Err(refused) = refused else { panic!("{matchers:?} was taken") };
        assert_eq!(refused.fields[0].field, "alert", "{refused:?}");
        assert!(refused.fields[0].message.contains("alertname=Watchdog"), "{refused:?}");
        let document = format!(
            "[[heartbeats]]\nslug = \"h\"\nservice = \"checkout\"\nevery = \"1h\"\nalert = {matchers:?}"
        );
        let document = toml::from_str(&document).expect("a document");
        let refused = server.server().app.apply(&Caller::host(), document).await;
        assert!(refused.is_err(), "{matchers:?}");
    }
    add(&server, fed_by(&["alertname=~Watchdog|DeadMansSwitch", "@severity=info"])).await;
}

#[tokio::test]
async fn a_long_reason_is_cut_and_not_refused() {
    let server = world().await;
    let reason = format!("it broke {}", "x".repeat(200_000));
    fail(&server, &reason).await;
    let id = shown(&server, "nightly-backup").await.incident_id.expect("an incident").0;
    let said = server.incident(id).await.description;
    assert!(said.starts_with("it broke xxx") && said.ends_with('…'), "{}", said.len());
}

#[tokio::test]
async fn after_downtime_each_has_time_to_be_heard() {
    let mut server = world().await;
    beat(&server).await;
    server.server.take().expect("it runs").stop().await;
    server.clock.advance(hours(40));
    server.restart().await;
    server.advance(mins(64)).await;
    assert_eq!(shown(&server, "nightly-backup").await.status, Pulse::Beating, "nobody could beat");
    server.advance(mins(1)).await;
    assert_eq!(shown(&server, "nightly-backup").await.status, Pulse::Missing);
    server.restart().await;
    assert_eq!(shown(&server, "nightly-backup").await.status, Pulse::Missing, "and it stays so");
}

#[tokio::test]
async fn a_clock_that_is_set_makes_nothing_missing() {
    let mut server = world().await;
    beat(&server).await;
    server.step_wall(jiff::SignedDuration::from_hours(48)).await;
    server.advance(hours(24) + mins(59) + secs(59)).await;
    assert_eq!(shown(&server, "nightly-backup").await.status, Pulse::Beating);
    server.advance(secs(1)).await;
    assert_eq!(shown(&server, "nightly-backup").await.status, Pulse::Missing);
}

#[tokio::test]
async fn keys_are_shown_once_and_are_good_for_one_thing() {
    let mut server = world().await;
    let (none, nothing) = (Nothing {}, Nothing {});
    for path in ["nobodynobodynobodynobodynobodyno", KEY, "x", "%00"] {
        for tail in ["", "/fail"] {
            let (status, said) = get(&server, &format!("/heartbeat/{path}{tail}")).await;
            assert_eq!(status, 404, "{path}{tail}: {said}");
            assert!(path.len() < 32 || !said.to_string().contains(path), "{said}");
        }
    }
    let head = server.http().head(format!("{}/heartbeat/{BEAT}", server.url));
    assert_eq!(answer(head).await.0, 200);
    let path = format!("/integrations/{BEAT}/generic");
    assert_eq!(server.post_raw(&path, "text/plain", b"disk full".to_vec()).await.0, 404);

    let rotate = (&ROTATE_HEARTBEAT, "nightly-backup".to_owned());
    let issued = server.call("alice", rotate.0, rotate.1, &none, &nothing).await.expect("rotated");
    assert_eq!(get(&server, &format!("/heartbeat/{BEAT}")).await.0, 404, "dead at once");
    assert!(issued.url.ends_with(&issued.key));
    let path = issued.url.split_once("/heartbeat/").map(|(_, key)| format!("/heartbeat/{key}"));
    assert_eq!(get(&server, &path.expect("a path")).await.0, 200);

    server.advance(hours(25)).await;
    let id = shown(&server, "nightly-backup").await.incident_id.expect("an incident").0;
    let path = "nightly-backup".to_owned();
    server.call("alice", &REMOVE_HEARTBEAT, path, &none, &nothing).await.expect("removed");
    assert_eq!(server.incident(id).await.status, Status::Resolved, "nobody else could end it");
    server.advance(hours(48)).await;
    assert_eq!(server.story(id).await, ["created", "resolved source"]);
}

#[tokio::test]
async fn a_shorter_period_counts_from_the_last_beat_and_is_told_to_the_sender_first() {
    let mut server = world().await;
    beat(&server).await;
    server.advance(hours(3)).await;
    let change = HeartbeatChange {
        every: Some(Span::secs(3_600)),
        grace: Some(Span::secs(600)),
        slug: Some("hourly".into()),
        ..HeartbeatChange::default()
    };
    let path = "nightly-backup".to_owned();
    server.call("alice", &CHANGE_HEARTBEAT, path, &Nothing {}, &change).await.expect("changed");
    server.advance(mins(9)).await;
    assert_eq!(shown(&server, "hourly").await.status, Pulse::Beating);
    server.advance(mins(1)).await;
    let missing = shown(&server, "hourly").await;
    assert_eq!(missing.status, Pulse::Missing);
    let incident = server.incident(missing.incident_id.expect("an incident").0).await;
    assert_eq!(incident.dedup_key, "heartbeat:hourly");
}

#[tokio::test]
async fn they_are_part_of_the_file_and_end_with_it() {
    let server = TestServer::start().await;
    let app = &server.server().app;
    let host = incidentd::app::Caller::host();
    let document = |heartbeat: &str| {
        let text = format!(
            "{}[[heartbeats]]\nservice = \"checkout\"\nevery = \"1h\"\n{heartbeat}",
            crate::harness::WORLD
        );
        toml::from_str::<incidentd::api::configuration::Document>(&text).expect("a document")
    };
    let made = app.apply(&host, document("slug = \"job\"")).await.expect("applied");
    assert_eq!((made.keys[0].kind.as_str(), made.keys[0].name.as_str()), ("heartbeat", "job"));
    assert_eq!(get(&server, &format!("/heartbeat/{}", made.keys[0].key)).await.0, 200);
    let again = app.apply(&host, document("slug = \"job\"")).await.expect("applied");
    assert!(again.changes.is_empty(), "{again:?}");

    let other = "slug = \"task\"\nrenamed_from = \"job\"\ngrace = \"10m\"\n\
                 alert = [\"alertname=Watchdog\"]";
    let changed = app.apply(&host, document(other)).await.expect("applied");
    let fields: Vec<&str> = changed.changes[0].fields.iter().map(|of| of.field.as_str()).collect();
    assert_eq!(fields, ["slug", "grace", "alert"]);
    assert_eq!(get(&server, &format!("/heartbeat/{}", made.keys[0].key)).await.0, 200, "its key");
    let exported = app.export(&host).await.expect("exported");
    assert_eq!(exported.heartbeats[0].slug, "task");
    assert!(app.apply(&host, exported).await.expect("applied").changes.is_empty());

    let wrong = "slug = \"x\"\ngrace = \"900d\"\nkey = \"short\"\nalert = [\"nonsense\"]";
    let error = app.apply(&host, document(wrong)).await.expect_err("refused");
    let fields: Vec<&str> = error.fields.iter().map(|of| of.field.as_str()).collect();
    let expected = ["heartbeats[0].key", "heartbeats[0].grace", "heartbeats[0].alert"];
    assert_eq!(fields, expected);

    let without = toml::from_str(crate::harness::WORLD).expect("a document");
    let how = incidentd::api::configuration::ApplyQuery { prune: true, ..Default::default() };
    let pruned = app.configure(&host, without, how).await.expect("pruned");
    let (kind, name) = (&pruned.changes[0].kind, &pruned.changes[0].name);
    assert_eq!((kind.as_str(), name.as_str()), ("heartbeat", "task"));
    assert!(app.export(&host).await.expect("exported").heartbeats.is_empty());
}

/// `incidentd heartbeat wrap`, told of a key by its environment.
fn wrap(server: &str, job: &str) -> Output {
    let mut command = incidentd();
    command.env("INCIDENTD_HEARTBEAT_KEY", BEAT).args(["heartbeat", "wrap", "--url", server]);
    run(command.args(["--timeout", "1s", "--", "sh", "-c", job]), "in")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_job_is_wrapped_and_its_exit_code_is_its_own() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("world.toml");
    let world = format!(
        "{}[[heartbeats]]\nslug = \"job\"\nservice = \"checkout\"\nevery = \"1h\"\nkey = \"{BEAT}\"",
        crate::harness::WORLD
    );
    std::fs::write(&file, world).expect("written");
    on_host(dir.path(), &["apply", "-f", &file.display().to_string()], "");
    let serving = Serving::start(dir.path());

    let well = wrap(&serving.url, "cat; echo working >&2");
    assert_eq!(
        (well.status.code(), text(&well.stdout), text(&well.stderr)),
        (Some(0), "in".into(), "working\n".into())
    );
    let listed = on_host(dir.path(), &["heartbeat", "list"], "");
    assert!(listed.contains("beating"), "{listed}");

    let failed = wrap(&serving.url, "echo out of tape >&2; exit 7");
    assert_eq!(failed.status.code(), Some(7), "{}", text(&failed.stderr));
    let shown = on_host(dir.path(), &["show", "1"], "");
    assert!(shown.contains("job failed") && shown.contains("out of tape"), "{shown}");
    assert!(shown.contains("It ended with exit code 7."), "{shown}");
    assert_eq!(wrap(&serving.url, "kill -TERM $$").status.code(), Some(143));

    let mut whole = incidentd();
    let url = format!("{}/heartbeat/{BEAT}", serving.url);
    whole.args(["heartbeat", "wrap", "--url", &url, "--", "/nonexistent/job"]);
    assert_eq!(run(&mut whole, "").status.code(), Some(127));
    let mut nameless = incidentd();
    let output = run(nameless.args(["heartbeat", "wrap", "--", "true"]), "");
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
}

#[test]
fn a_job_runs_just_so_where_no_server_answers() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let nobody = format!("http://{}", free.local_addr().expect("an address"));
    drop(free);
    let away = wrap(&nobody, "echo done");
    assert_eq!((away.status.code(), text(&away.stdout)), (Some(0), "done\n".into()));
    assert!(text(&away.stderr).contains("could not be told"), "{}", text(&away.stderr));
    assert_eq!(wrap(&nobody, "exit 3").status.code(), Some(3));
}
