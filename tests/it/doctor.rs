//! The appliance looks at itself: what is wrong is said with its remedy, and what lasts is an
//! incident of its own team.
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use incidentd::api::doctor::{DOCTOR, Diagnosis, Finding, Gravity};
use incidentd::api::teams::{
    ARCHIVE_TEAM, CHANGE_TEAM, MEMBERS, MemberRole, SET_MEMBER, TeamChange,
};
use incidentd::api::{Nothing, PageQuery};
use incidentd::app::Caller;
use incidentd::domain::{Action, Role, Status};
use incidentd::error::Kind;

use crate::backup::{files, first_schema};
use crate::far::{Far, this_machine};
use crate::harness::{TestServer, hours};
use crate::process::{Serving, incidentd, on_host, run};
use crate::watchdog::watchdog;

async fn diagnosis(server: &TestServer) -> Diagnosis {
    let none = Nothing {};
    server.call("root", &DOCTOR, Nothing {}, &none, &none).await.expect("a diagnosis")
}

fn of<'a>(diagnosis: &'a Diagnosis, check: &str) -> &'a Finding {
    let found = diagnosis.findings.iter().find(|finding| finding.check == check);
    found.unwrap_or_else(|| panic!("nothing about {check}: {:?}", diagnosis.findings))
}

async fn apply(server: &TestServer, text: &str) {
    let document = toml::from_str(text).expect("a document");
    server.server().app.apply(&Caller::host(), document).await.expect("applied");
}

/// Its story, but for whom it was tried to page.
async fn told(server: &TestServer, id: i64) -> Vec<String> {
    let mut story = server.story(id).await;
    story.retain(|event| event != "escalated" && event != "updated delivery_failed");
    story
}

#[tokio::test]
async fn a_good_server_has_warnings_at_most_and_each_has_a_remedy() {
    let far = Far::start().await;
    let server = TestServer::with(|config| config.outgoing.allow_private = this_machine()).await;
    let bare = diagnosis(&server).await;
    let policies = of(&bare, "policies");
    assert_eq!((bare.healthy, policies.severity), (false, Gravity::Problem), "{policies:?}");
    assert!(policies.message.contains("checkout (payments-default)"), "{policies:?}");
    let contact = |name: &str| {
        let url = far.url(&format!("/{name}"));
        format!(
            "[[users]]\nusername = \"{name}\"\n\
             contacts = [{{ name = \"hook\", channel = \"webhook\", address = \"{url}\" }}]\n"
        )
    };
    apply(&server, &(contact("alice") + &contact("mallory"))).await;
    let first = diagnosis(&server).await;
    assert!(first.healthy, "{first:?}");
    let late = of(&first, "policies");
    assert_eq!(late.severity, Gravity::Warning, "the first step is a week away: {late:?}");
    assert!(late.message.contains("more than an hour: checkout (payments-default)"), "{late:?}");
    let at_once = |team: &str| {
        format!(
            "[[escalation_policies]]\nslug = \"{team}-default\"\nteam = \"{team}\"\n\
             steps = [ {{ after = \"0s\", targets = [\"team:{team}\"] }} ]\n"
        )
    };
    apply(&server, &(at_once("payments") + &at_once("search"))).await;
    assert_eq!(of(&diagnosis(&server).await, "policies").severity, Gravity::Ok);
    for check in ["ready", "database", "disk", "clock", "timers", "time zones", "schedule", "pages"]
    {
        assert_eq!(of(&first, check).severity, Gravity::Ok, "{:?}", of(&first, check));
    }
    for check in ["backup", "contacts", "alerts", "sign of life"] {
        let finding = of(&first, check);
        assert_eq!(finding.severity, Gravity::Warning, "{finding:?}");
        assert!(finding.remedy.is_some(), "{finding:?}");
    }

    server.server().app.back_up(&Caller::host()).await.expect("backed up");
    server.alert(serde_json::json!({"title": "disk full"})).await;
    let then = diagnosis(&server).await;
    assert_eq!(of(&then, "backup").severity, Gravity::Ok);
    assert_eq!(of(&then, "alerts").severity, Gravity::Ok);
}

#[tokio::test]
async fn gaps_and_people_who_cannot_be_reached_are_problems_before_the_night() {
    let mut server = TestServer::with(|config| {
        // Nobody listens there.
        config.smtp.url = Some("smtp://127.0.0.1:1?tls=none".into());
        config.smtp.from = Some("incidentd@example.com".into());
    })
    .await;
    apply(
        &server,
        r#"
[[users]]
username = "bob"
email = "bob@example.com"
[[schedules]]
slug = "days"
team = "payments"
[[schedules.rotations]]
name = "office"
every = "1w"
handoff = "2026-01-05T00:00"
participants = ["alice"]
restrict = [{ from = "00:00", to = "12:00" }]
"#,
    )
    .await;
    let found = diagnosis(&server).await;
    assert!(!found.healthy);
    assert_eq!(of(&found, "schedule").severity, Gravity::Problem);
    assert!(of(&found, "schedule").message.contains("days: nobody is on call from 2026-11-23 12:"));
    let contacts = of(&found, "contacts");
    assert_eq!(contacts.severity, Gravity::Problem);
    assert!(contacts.message.ends_with("cannot be reached: alice"), "{contacts:?}");
    let metrics = server.http().get(format!("{}/metrics", server.url)).send().await;
    let metrics = metrics.expect("an answer").text().await.expect("text");
    assert!(metrics.contains("incidentd_oncall_without_contact 1"), "{metrics}");

    apply(&server, "[[users]]\nusername = \"alice\"\nemail = \"alice@example.com\"").await;
    let better = diagnosis(&server).await;
    // Carol only reads; root and mallory answer for teams and have no address.
    assert!(of(&better, "contacts").message.ends_with("cannot be reached: mallory"), "{better:?}");
    assert_eq!(of(&better, "contacts").severity, Gravity::Warning);
    assert!(of(&better, "channel").message.starts_with("email: "), "{better:?}");

    server.step_wall(jiff::SignedDuration::from_hours(1)).await;
    server.advance(hours(24 * 100)).await;
    let later = diagnosis(&server).await;
    assert_eq!(of(&later, "clock").severity, Gravity::Warning);
    assert!(of(&later, "keys").message.contains("checkout/prometheus"), "{later:?}");
}

#[tokio::test]
async fn what_lasts_is_an_incident_of_the_team_of_the_platforms_admins() {
    let mut server = TestServer::start().await;
    let mut dog = watchdog(&server);
    let fault = || vec!["emitter: no sign of life".to_owned()];
    assert_eq!(dog.turn(fault()).await.len(), 1);
    let none = Nothing {};
    let missing =
        server.call("root", &MEMBERS, "incidentd".into(), &PageQuery::default(), &none).await;
    assert_eq!(missing.expect_err("once is not told").kind, Kind::NotFound);

    dog.turn(fault()).await;
    dog.turn(fault()).await;
    let incident = server.incident(1).await;
    assert_eq!(incident.title, "not ready: emitter: no sign of life");
    assert_eq!((incident.team.slug.as_str(), incident.service), ("incidentd", None));
    let members =
        server.call("root", &MEMBERS, "incidentd".into(), &PageQuery::default(), &none).await;
    let members = members.expect("shown").items;
    assert_eq!((members[0].user.username.as_str(), members[0].role), ("root", Role::Admin));
    let stranger =
        server.call("alice", &MEMBERS, "incidentd".into(), &PageQuery::default(), &none).await;
    assert_eq!(stranger.expect_err("hidden").kind, Kind::NotFound);

    let resolve = Action::Resolve { note: None, hold: None };
    server.act("root", 1, resolve).await.expect("resolved");
    dog.turn(fault()).await;
    assert_eq!(told(&server, 1).await, ["created", "resolved manual"], "who resolved it knows");
    server.advance(hours(1)).await;
    dog.turn(fault()).await;
    assert_eq!(server.incident(2).await.status, Status::Triggered, "and it is still so");
    dog.turn(Vec::new()).await;
    assert_eq!(told(&server, 2).await, ["created", "resolved source"]);
}

#[tokio::test]
async fn the_own_team_is_built_in() {
    let server = TestServer::start().await;
    let (app, mut dog) = (server.server().app.clone(), watchdog(&server));
    let fault = || vec!["emitter: no sign of life".to_owned()];
    dog.turn(fault()).await;
    dog.turn(fault()).await;
    dog.turn(Vec::new()).await;
    let (none, own) = (Nothing {}, || "incidentd".to_owned());
    let removed = server.call("root", &ARCHIVE_TEAM, own(), &none, &none).await;
    assert_eq!(removed.expect_err("stays").kind, Kind::Refused);
    let slug = TeamChange { slug: Some("other".into()), name: None };
    let renamed = server.call("root", &CHANGE_TEAM, own(), &none, &slug).await;
    assert_eq!(renamed.expect_err("stays").kind, Kind::Refused);
    let name = TeamChange { slug: None, name: Some("The pager itself".into()) };
    server.call("root", &CHANGE_TEAM, own(), &none, &name).await.expect("it may be called so");
    let path = (own(), "bob".to_owned());
    let member = MemberRole { role: Role::Responder };
    let added = server.call("root", &SET_MEMBER, path, &none, &member).await;
    assert_eq!(added.expect_err("admins alone").kind, Kind::Refused);

    let exported = app.export(&Caller::host()).await.expect("exported");
    let team = exported.teams.iter().find(|team| team.slug == "incidentd").expect("exported");
    assert_eq!(team.members, None);
    let again = app.apply(&Caller::host(), exported).await.expect("applied");
    assert!(again.changes.is_empty(), "{again:?}");
}

#[test]
fn a_host_is_looked_at_with_a_server_and_without() {
    let dir = tempfile::tempdir().expect("a folder");
    on_host(dir.path(), &["user", "add", "root", "--admin", "--password-stdin"], "correct horse");
    let doctor = |more: &[&str]| {
        run(incidentd().arg("doctor").args(more).arg("--data-dir").arg(dir.path()), "")
    };
    let without = doctor(&[]);
    let said = String::from_utf8_lossy(&without.stdout).into_owned();
    assert_eq!(without.status.code(), Some(1), "{said}");
    assert!(said.starts_with("problem\tserver\tnone runs"), "{said}");

    let serving = Serving::start(dir.path());
    let with = doctor(&["-o", "json"]);
    let said: Diagnosis = serde_json::from_slice(&with.stdout).expect("JSON");
    assert!(with.status.success() && said.healthy, "{said:?}");
    drop(serving);

    damage(&dir.path().join("incidentd.db"));
    let damaged = doctor(&["--brief"]);
    let said = String::from_utf8_lossy(&damaged.stdout).into_owned();
    assert_eq!(damaged.status.code(), Some(1), "{said}");
    assert!(said.contains("problem\tdatabase\tdamaged"), "{said}");
}

/// Fills the first page of an index with what is none, once nothing of it waits in the log.
fn damage(path: &std::path::Path) {
    let db = rusqlite::Connection::open(path).expect("opened");
    let one = |sql| db.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a number");
    one("pragma wal_checkpoint(truncate)");
    let size = one("pragma page_size");
    let root = one("select rootpage from sqlite_master where name = 'overrides_schedule'");
    db.close().expect("closed");
    let mut file = std::fs::OpenOptions::new().write(true).open(path).expect("opened");
    let place = u64::try_from((root - 1) * size).expect("in the file");
    file.seek(SeekFrom::Start(place)).expect("there");
    file.write_all(&vec![0xAA; usize::try_from(size).expect("small")]).expect("written");
}

#[test]
fn another_monitor_hears_that_this_server_lives() {
    let monitor = TcpListener::bind("127.0.0.1:0").expect("bound");
    let url = format!("http://{}/ping/0a1b2c", monitor.local_addr().expect("an address"));
    let dir = tempfile::tempdir().expect("a folder");
    let mut command = incidentd();
    command.arg("serve").arg("--data-dir").arg(dir.path()).env("INCIDENTD_HEARTBEAT_URL", url);
    let _serving = Serving::with(&mut command, "127.0.0.1:0").expect("serves");
    let (mut stream, _) = monitor.accept().expect("a sign of life");
    let mut request = [0; 64];
    stream.read_exact(&mut request).expect("a request");
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").expect("answered");
    assert!(request.starts_with(b"GET /ping/0a1b2c HTTP/1.1\r\n"));
}

#[test]
fn a_monitor_that_does_not_take_them_is_a_problem() {
    let monitor = TcpListener::bind("127.0.0.1:0").expect("bound");
    let url = format!("http://{}/ping/0a1b2c", monitor.local_addr().expect("an address"));
    let dir = tempfile::tempdir().expect("a folder");
    let mut command = incidentd();
    command.arg("serve").arg("--data-dir").arg(dir.path()).env("INCIDENTD_HEARTBEAT_URL", url);
    let _serving = Serving::with(&mut command, "127.0.0.1:0").expect("serves");
    let (mut stream, _) = monitor.accept().expect("a sign of life");
    let _ = stream.read(&mut [0; 512]).expect("a request");
    stream.write_all(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n").expect("answered");
    // As soon as its answer was heard.
    let told = || {
        let ran = run(incidentd().args(["doctor", "-o", "json", "--data-dir"]).arg(dir.path()), "");
        let found = serde_json::from_slice::<Diagnosis>(&ran.stdout).expect("a diagnosis");
        let finding = of(&found, "sign of life");
        (finding.severity == Gravity::Problem).then(|| finding.message.clone())
    };
    let message = (0..50).find_map(|_| told()).expect("a problem");
    assert!(message.contains("500"), "{message}");
}

#[tokio::test]
async fn hosts_to_which_addresses_lead_are_asked_and_told_nothing() {
    let mut far = Far::start().await;
    let server = TestServer::with(|config| config.outgoing.allow_private = this_machine()).await;
    // Taken and given back: nobody listens there.
    let closed =
        TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let text = format!(
        r#"
[[users]]
username = "alice"
contacts = [ {{ name = "phone", channel = "ntfy", address = "{}" }},
             {{ name = "chat", channel = "slack", address = "{}" }},
             {{ name = "hook", channel = "webhook", address = "http://{closed}/sesame" }},
             {{ name = "inner", channel = "webhook", address = "http://10.255.255.1/sesame" }} ]
[[webhooks]]
team = "payments"
url = "{}"
"#,
        far.url("/sesame-topic"),
        far.url("/services/sesame"),
        far.url("/events"),
    );
    apply(&server, &text).await;
    far.answer(404, "x-why", "nothing here");
    let found = diagnosis(&server).await;
    let ends: Vec<&Finding> = found.findings.iter().filter(|it| it.check == "far end").collect();
    let said: Vec<&str> = ends.iter().map(|it| it.message.as_str()).collect();
    assert_eq!(
        said[..2],
        [
            "http://10.255.255.1, for webhook: Its address lies in a private network \
             (10.255.255.1); outgoing.allow_private may allow that",
            &format!("http://{closed}, for webhook: It takes no connection"),
        ]
    );
    assert_eq!(said[2], format!("answering: http://{}", far.addr), "whatever it answers");
    assert!(ends[..2].iter().all(|it| it.severity == Gravity::Problem && it.remedy.is_some()));
    let asked = far.so_far();
    let asked: Vec<_> = asked.iter().map(|it| (it.method.as_str(), it.path.as_str())).collect();
    assert_eq!(asked, [("HEAD", "/")], "once for all three, and nothing of what is secret");
    assert!(!format!("{found:?}").contains("sesame"), "{found:?}");
}

#[test]
fn where_no_server_runs_the_configuration_is_read_and_its_channels_tried() {
    let dir = tempfile::tempdir().expect("a folder");
    let data = dir.path().join("data");
    let file = dir.path().join("incidentd.toml");
    let made =
        run(incidentd().args(["user", "add", "root", "--admin", "--data-dir"]).arg(&data), "");
    assert!(made.status.success(), "{made:?}");
    let doctor = |text: &str| {
        std::fs::write(&file, text).expect("written");
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).expect("closed");
        let mut command = incidentd();
        command.args(["doctor", "-o", "json", "--data-dir"]).arg(&data);
        let ran = run(command.arg("--config").arg(&file), "");
        assert_eq!(ran.status.code(), Some(1), "no server runs: {ran:?}");
        serde_json::from_slice::<Diagnosis>(&ran.stdout).expect("a diagnosis")
    };
    let closed = "[smtp]\nurl = \"smtp://127.0.0.1:1?tls=none\"\nfrom = \"oncall@example.com\"\n\
                  [gateways.house]\nurl = \"http://127.0.0.1:1/{{ address }}\"\ntext = \"x\"\n\
                  [heartbeat]\nurl = \"https://example.com/beat\"\n";
    let found = doctor(closed);
    assert_eq!(of(&found, "server").severity, Gravity::Problem);
    assert!(of(&found, "config").message.contains("public_url"), "{found:?}");
    assert_eq!(of(&found, "sign of life").severity, Gravity::Ok);
    let channels = found.findings.iter().filter(|it| it.severity == Gravity::Problem);
    let channels = channels.filter(|it| it.check == "channel").map(|it| it.message.as_str());
    let channels: Vec<&str> = channels.collect();
    assert!(channels[0].starts_with("email: "), "{channels:?}");
    assert_eq!(channels[1..], ["house: It takes no connection"]);

    let wrong = doctor("[limits]\nsocket = 5\n");
    let config = of(&wrong, "config");
    assert_eq!(config.severity, Gravity::Problem);
    assert!(config.message.contains("incidentd.toml") && config.message.contains("socket"));
    assert!(config.remedy.as_deref().is_some_and(|it| it.contains("sockets")), "{config:?}");
    assert!(wrong.findings.iter().any(|it| it.check == "database"), "the rest is looked at");
}

#[test]
fn who_looks_at_a_folder_makes_nothing_there_and_migrates_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let doctor = |data: &Path| {
        let ran = run(incidentd().arg("doctor").arg("--data-dir").arg(data), "");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        (ran.status.code(), text(ran.stdout), text(ran.stderr))
    };
    let none = dir.path().join("none");
    let (code, out, said) = doctor(&none);
    assert_eq!((code, out.as_str()), (Some(3), ""), "{said}");
    assert!(said.contains("There is no database in") && !none.exists(), "{said}");

    first_schema(dir.path());
    let before = files(dir.path());
    let (code, out, said) = doctor(dir.path());
    assert_eq!(code, Some(1), "no server runs: {said}");
    assert!(out.contains("has schema 1,") && out.contains("incidentd.db.before-"), "{out}");
    assert_eq!(files(dir.path()), before);
    // Who changes something has it migrated.
    on_host(dir.path(), &["user", "add", "new"], "");
    let (_, out, _) = doctor(dir.path());
    assert!(out.contains("ok\tdatabase\tintact"), "{out}");
}
