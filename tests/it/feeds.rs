//! Calendars by a secret address, read by a library of others.
use incidentd::api::audit::{AUDIT, AuditQuery};
use incidentd::api::feeds::{CREATE_FEED, DELETE_FEED, FEEDS, IssuedFeed, NewFeed};
use incidentd::api::schedules::{CREATE_SCHEDULE, NewSchedule};
use incidentd::api::{Nothing, PageQuery, configuration::Document};
use incidentd::app::Caller;
use serde_json::json;

use crate::harness::{TestServer, hours};
use crate::process::{incidentd, run};
use crate::programs::{python, run as run_program};

const NONE: &Nothing = &Nothing {};

/// Weekly from Monday 09:00 in Paris: bob's until the story's first morning, then alice's.
async fn world() -> TestServer {
    let server = TestServer::start().await;
    for (slug, team, people) in
        [("primary", "payments", ["alice", "bob"].as_slice()), ("index", "search", &["mallory"])]
    {
        let new: NewSchedule = serde_json::from_value(json!({
            "slug": slug, "team": team, "timeZone": "Europe/Paris", "rotations": [{
                "name": "weekly", "every": "1w", "handoff": "2026-01-05T09:00", "participants": people,
            }],
        }))
        .expect("a schedule");
        server.call("root", &CREATE_SCHEDULE, Nothing {}, NONE, &new).await.expect("added");
    }
    server
}

async fn add(server: &TestServer, who: &str, schedule: Option<&str>) -> IssuedFeed {
    let new = NewFeed { schedule: schedule.map(str::to_owned) };
    server.call(who, &CREATE_FEED, Nothing {}, NONE, &new).await.expect("made")
}

/// As a calendar program reads it: status and text.
async fn read(server: &TestServer, url: &str) -> (u16, String) {
    let answer = server.http().get(url).send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("a text"))
}

/// uid, start, end, summary of its events.
async fn events(server: &TestServer, url: &str) -> Vec<[String; 4]> {
    let (status, text) = read(server, url).await;
    assert_eq!(status, 200, "{text}");
    let told = run_program(&mut python("read_calendar.py"), &text).done();
    told.lines().map(|line| serde_json::from_str(line).expect("an event")).collect()
}

#[tokio::test]
async fn a_schedule_s_calendar_tells_who_is_on_call_and_stays_the_same() {
    let mut server = world().await;
    let made = add(&server, "carol", Some("primary")).await;
    let found = events(&server, &made.url).await;
    let bobs = found.iter().find(|event| event[1] == "2026-11-16T08:00:00+00:00").expect("there");
    assert_eq!(bobs[2..], ["2026-11-23T08:00:00+00:00", "bob on call: primary"]);
    let reach = (&found[0][1], &found[found.len() - 1][2]);
    assert!(reach.0.as_str() < "2026-11-10" && reach.1.as_str() > "2027-02-14", "{reach:?}");
    // Days later the same shifts are the same events.
    server.advance(hours(5 * 24)).await;
    let later = events(&server, &made.url).await;
    assert_eq!(found, later);
    server.advance(hours(30 * 24)).await;
    let later = events(&server, &made.url).await;
    let known = later.iter().filter(|event| found.contains(event)).count();
    assert!(known >= 10, "{known} of {later:?}");
    let whole = &found[1..found.len() - 1];
    for event in later.iter().filter(|event| whole.iter().any(|one| one[0] == event[0])) {
        assert!(found.contains(event), "{event:?} was something else");
    }
}

#[tokio::test]
async fn ones_own_shifts_come_from_all_schedules_and_nobody_else_s() {
    let server = world().await;
    let made = add(&server, "mallory", None).await;
    let found = events(&server, &made.url).await;
    assert!(!found.is_empty());
    assert!(found.iter().all(|event| event[3] == "mallory on call: index"), "{found:?}");
    let made = add(&server, "bob", None).await;
    let found = events(&server, &made.url).await;
    assert!(found.iter().all(|event| event[3] == "bob on call: primary"), "{found:?}");
}

#[tokio::test]
async fn an_address_ends_with_its_removal_and_with_its_maker_s_sight() {
    let server = world().await;
    let (app, host) = (server.server().app.clone(), Caller::host());
    let ended = add(&server, "alice", Some("primary")).await;
    let left = add(&server, "carol", Some("primary")).await;
    let disabled = add(&server, "bob", None).await;
    let list = async |who| {
        server
            .call(who, &FEEDS, Nothing {}, &PageQuery::default(), NONE)
            .await
            .expect("a page")
            .items
            .len()
    };
    assert_eq!((list("alice").await, list("carol").await, list("mallory").await), (2, 1, 0));
    assert_eq!(list("root").await, 3);
    for made in [&ended, &left, &disabled] {
        assert_eq!(read(&server, &made.url).await.0, 200);
    }
    server.call("mallory", &DELETE_FEED, left.id, NONE, NONE).await.expect_err("not hers");
    server.call("alice", &DELETE_FEED, ended.id, NONE, NONE).await.expect("removed");
    let document: Document = toml::from_str(
        "[[teams]]\nslug = \"payments\"\nmembers = { alice = \"admin\", bob = \"responder\" }",
    )
    .expect("a document");
    app.apply(&host, document).await.expect("applied");
    app.disable_user(&host, "bob".into()).await.expect("disabled");
    for made in [&ended, &left, &disabled] {
        let (status, said) = read(&server, &made.url).await;
        assert_eq!(status, 404, "{said}");
        assert!(!said.contains("primary"), "{said}");
    }
    app.enable_user(&host, "bob".into()).await.expect("enabled");
    assert_eq!(read(&server, &disabled.url).await.0, 404, "as his tokens, it stays revoked");
    assert_eq!(read(&server, &format!("{}/feeds/none.ics", server.url)).await.0, 404);
    assert_eq!(read(&server, left.url.trim_end_matches(".ics")).await.0, 404);
    let query = AuditQuery::default();
    let audit = server.call("root", &AUDIT, Nothing {}, &query, NONE).await.expect("a page");
    let audit = serde_json::to_string(&audit.items).expect("JSON");
    let secret = ended.url.rsplit('/').next().expect("a name").trim_end_matches(".ics");
    assert!(audit.contains("removed feed primary") && !audit.contains(secret), "{audit}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands() {
    let server = world().await;
    let command = |arguments: &[&str]| {
        let mut command = incidentd();
        command.args(["schedule", "feed"]).args(arguments).env("INCIDENTD_URL", &server.url);
        command.env("INCIDENTD_TOKEN", server.token("bob"));
        let output = run(&mut command, "");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, url, said) = command(&["add", "primary"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("incidentd schedule feed remove 1"), "{said}");
    assert_eq!(read(&server, url.trim()).await.0, 200);
    assert_eq!(command(&["add"]).0, Some(0));
    let (_, listed, _) = command(&["list"]);
    let rows: Vec<Vec<&str>> = listed.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!((rows[0][..3].to_vec(), rows[1][1]), (vec!["1", "primary", "bob"], "own shifts"));
    assert_eq!((rows[0][4] == "never", rows[1][4]), (false, "never"));
    assert_eq!(command(&["remove", "1"]).0, Some(0));
    assert_eq!(command(&["remove", "1"]).0, Some(3));
    assert_eq!(read(&server, url.trim()).await.0, 404);
    assert_eq!(command(&["add", "index"]).0, Some(3), "a stranger's");
}
