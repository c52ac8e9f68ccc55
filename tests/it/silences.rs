//! Silences: what matches is seen and pages nobody, as long as all that fires in an incident is
//! silenced; afterwards what still fires is heard.
use incidentd::api::Nothing;
use incidentd::api::silences::{
    self as api, NewSilence, Silence, SilencePreview, SilencesQuery, Windows,
};
use incidentd::app::Caller;
use incidentd::domain::escalation::EscalationState;
use incidentd::domain::silence::State;
use incidentd::domain::{Action, Incident, SilenceId, Span, Status};
use incidentd::error::{Error, Kind};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::commands::command;
use crate::harness::{START, TestServer, hours, mins, secs};

fn at(minute: i64) -> Timestamp {
    let start: Timestamp = START.parse().expect("a time");
    start + SignedDuration::from_mins(minute)
}

/// Of payments, until a minute of the story.
fn until(minute: i64, matchers: &[&str]) -> NewSilence {
    NewSilence {
        team: Some("payments".into()),
        matchers: matchers.iter().map(ToString::to_string).collect(),
        reason: "deploy".into(),
        ends_at: Some(at(minute)),
        ..NewSilence::default()
    }
}

async fn silence(server: &TestServer, who: &str, new: &NewSilence) -> Result<Silence, Error> {
    server.call(who, &api::CREATE_SILENCE, Nothing {}, &Nothing {}, new).await
}

async fn end(server: &TestServer, who: &str, id: SilenceId) -> Result<Silence, Error> {
    server.call(who, &api::END_SILENCE, id, &Nothing {}, &Nothing {}).await
}

async fn preview(server: &TestServer, who: &str, new: &NewSilence) -> SilencePreview {
    let asked = server.call(who, &api::PREVIEW_SILENCE, Nothing {}, &Nothing {}, new).await;
    asked.expect("a preview")
}

/// Alerts of one name, which are one incident: (instance, still fires).
async fn report(server: &TestServer, members: &[(&str, bool)]) {
    let alerts: Vec<Value> = members
        .iter()
        .map(|(instance, fires)| {
            let ends_at = if *fires { at(60 * 24 * 30) } else { server.server().app.now() };
            json!({"labels": {"alertname": "Down", "instance": instance},
                "startsAt": START, "endsAt": ends_at})
        })
        .collect();
    let (status, answer) = server.post("api/v2/alerts", &Value::Array(alerts)).await;
    assert_eq!(status, 200, "{answer}");
}

/// What happened, but for who was told.
async fn story(server: &TestServer, id: i64) -> Vec<String> {
    let mut story = server.story(id).await;
    story.retain(|event| event != "escalated");
    story
}

async fn paged(server: &TestServer, id: i64) -> usize {
    server.story(id).await.iter().filter(|event| *event == "escalated").count()
}

/// The whole team at once. Nobody has a contact: what is seen is the attempt.
async fn ring_at_once(server: &TestServer) {
    let policy = "[[escalation_policies]]\nslug = \"payments-default\"\nteam = \"payments\"\n\
                  steps = [ { after = \"0m\", targets = [\"team:payments\"] } ]";
    let document = toml::from_str(policy).expect("a document");
    server.server().app.apply(&Caller::host(), document).await.expect("applied");
}

const fn silenced(incident: &Incident) -> Option<Timestamp> {
    incident.silenced_until
}

#[tokio::test]
async fn a_silenced_alert_still_makes_its_incident_and_is_heard_afterwards() {
    let mut server = TestServer::start().await;
    ring_at_once(&server).await;
    let made = silence(&server, "bob", &until(120, &["host=db-3"])).await.expect("made");
    assert_eq!((made.state, made.author.as_str()), (State::Active, "bob"));
    assert_eq!(made.matchers, ["host=\"db-3\""]);
    server.alert(json!({"title": "disk full", "labels": {"host": "db-3"}})).await;
    server.alert(json!({"title": "link down", "labels": {"host": "web-1"}})).await;
    assert_eq!(silenced(&server.incident(1).await), Some(at(120)));
    assert_eq!(silenced(&server.incident(2).await), None);
    assert_eq!(story(&server, 1).await, ["created"]);
    assert_eq!(server.incident(1).await.escalation.state, EscalationState::Paused);
    assert!(paged(&server, 2).await > 0);
    server.advance(mins(119)).await;
    assert_eq!(silenced(&server.incident(1).await), Some(at(120)));
    assert_eq!(paged(&server, 1).await, 0);
    server.advance(mins(1)).await;
    let incident = server.incident(1).await;
    assert_eq!((incident.status, silenced(&incident)), (Status::Triggered, None));
    assert!(paged(&server, 1).await > 0, "what still fires is heard from step 1");
    assert_eq!(story(&server, 1).await.last().map(String::as_str), Some("updated unsilenced"));
    let after = server.alert(json!({"title": "more", "labels": {"host": "db-3"}})).await;
    let after = server.incident(after.incident_id.expect("one").0).await;
    assert_eq!(silenced(&after), None, "it is over");
}

#[tokio::test]
async fn a_silence_covers_what_fires_when_it_begins_and_no_more_when_it_is_ended() {
    let server = TestServer::start().await;
    ring_at_once(&server).await;
    for title in ["triggered", "acknowledged", "resolved"] {
        server.alert(json!({"title": title, "labels": {"host": "db-3"}})).await;
    }
    let ack = Action::Acknowledge { span: None, until: None, note: None, take: false };
    server.act("bob", 2, ack).await.expect("acknowledged");
    server.alert(json!({"title": "resolved", "status": "resolved"})).await;
    let made = silence(&server, "alice", &until(60, &["host=db-3"])).await.expect("made");
    for (id, expected) in [(1, Some(at(60))), (2, Some(at(60))), (3, None)] {
        assert_eq!(silenced(&server.incident(id).await), expected, "{id}");
    }
    assert_eq!(server.incident(2).await.status, Status::Acknowledged);
    let (before, held) = (paged(&server, 1).await, paged(&server, 2).await);
    let over = end(&server, "bob", made.id).await.expect("ended");
    assert_eq!((over.state, over.ended_at.is_some()), (State::Expired, true));
    let again = end(&server, "bob", made.id).await.expect("ended already");
    assert_eq!(again.ended_at, over.ended_at);
    for (id, status) in [(1, Status::Triggered), (2, Status::Acknowledged), (3, Status::Resolved)] {
        let incident = server.incident(id).await;
        assert_eq!((incident.status, silenced(&incident)), (status, None), "{id}");
    }
    assert!(paged(&server, 1).await > before, "it pages anew");
    assert_eq!(paged(&server, 2).await, held, "somebody has it");
    assert_eq!(story(&server, 3).await, ["created", "resolved source"], "what was over stays so");
}

#[tokio::test]
async fn an_incident_is_silenced_while_all_that_fires_in_it_is() {
    let server = TestServer::start().await;
    report(&server, &[("db-1", true), ("db-2", true), ("web-1", true)]).await;
    silence(&server, "bob", &until(60, &["instance=~db-.*"])).await.expect("made");
    assert_eq!(silenced(&server.incident(1).await), None, "web-1 is not covered");
    report(&server, &[("web-1", false)]).await;
    assert_eq!(silenced(&server.incident(1).await), Some(at(60)), "what is left is");
    report(&server, &[("db-3", true)]).await;
    assert_eq!(silenced(&server.incident(1).await), Some(at(60)), "a new one, covered");
    report(&server, &[("web-2", true)]).await;
    assert_eq!(silenced(&server.incident(1).await), None, "a new one that is not");
    silence(&server, "bob", &until(30, &["instance=~web-.*"])).await.expect("made");
    assert_eq!(silenced(&server.incident(1).await), Some(at(30)), "each by another");
    report(&server, &[("web-2", false)]).await;
    report(&server, &[("db-1", false), ("db-2", false), ("db-3", false)]).await;
    let over = server.incident(1).await;
    assert_eq!((over.status, silenced(&over)), (Status::Resolved, None));
    report(&server, &[("db-4", true)]).await;
    let incident = server.incident(1).await;
    assert_eq!((incident.status, silenced(&incident)), (Status::Triggered, Some(at(60))));
    let story = story(&server, 1).await;
    assert_eq!(story[story.len() - 2..], ["updated reopened", "updated silenced"]);
}

#[tokio::test]
async fn a_silenced_alert_takes_an_incident_from_nobody() {
    let mut server = TestServer::start().await;
    report(&server, &[("web-1", true)]).await;
    let ack = Action::Acknowledge { span: None, until: None, note: None, take: false };
    server.act("bob", 1, ack).await.expect("acknowledged");
    silence(&server, "bob", &until(600, &["instance=db-1"])).await.expect("made");
    // Later than what an acknowledgement swallows.
    server.advance(mins(45)).await;
    report(&server, &[("db-1", true)]).await;
    assert_eq!(server.incident(1).await.status, Status::Acknowledged, "seen, not heard");
    report(&server, &[("db-2", true)]).await;
    assert_eq!(server.incident(1).await.status, Status::Triggered, "this one is not silenced");
}

#[tokio::test]
async fn one_that_is_to_come_begins_by_itself_after_a_restart_and_by_the_wall_clock() {
    let mut server = TestServer::start().await;
    server.alert(json!({"title": "disk full", "labels": {"host": "db-3"}})).await;
    let later = NewSilence { starts_at: Some(at(60)), ..until(120, &["host=db-3"]) };
    let made = silence(&server, "bob", &later).await.expect("made");
    assert_eq!(made.state, State::Pending);
    server.advance(mins(59)).await;
    assert_eq!(silenced(&server.incident(1).await), None);
    server.restart().await;
    server.advance(mins(1)).await;
    assert_eq!(silenced(&server.incident(1).await), Some(at(120)));
    // Somebody sets the clock to the end: silences go by it.
    server.step_wall(SignedDuration::from_mins(60)).await;
    assert_eq!(silenced(&server.incident(1).await), None);
    // One that was on when it was made stays on, even if the clock is set back before that.
    let made = silence(&server, "bob", &until(180, &["host=db-3"])).await.expect("made");
    server.step_wall(SignedDuration::from_mins(-90)).await;
    let new = server.alert(json!({"title": "another", "labels": {"host": "db-3"}})).await;
    let new = server.incident(new.incident_id.expect("one").0).await;
    assert_eq!(silenced(&new), Some(at(180)));
    // One that ended while nobody looked is over at the first look.
    end(&server, "bob", made.id).await.expect("ended");
    assert_eq!(silenced(&server.incident(1).await), None);
}

#[tokio::test]
async fn hundreds_of_incidents_follow_in_batches() {
    let mut server = TestServer::start().await;
    for n in 0..230 {
        server.alert(json!({"title": format!("{n}"), "labels": {"host": "db-3"}})).await;
    }
    let made = silence(&server, "bob", &until(60, &["host=db-3"])).await.expect("made");
    assert!(silenced(&server.incident(1).await).is_some(), "the first at once");
    server.advance(secs(1)).await;
    for id in [1, 100, 101, 200, 230] {
        assert_eq!(silenced(&server.incident(id).await), Some(at(60)), "{id}");
    }
    end(&server, "bob", made.id).await.expect("ended");
    server.restart().await;
    server.advance(secs(1)).await;
    for id in [1, 100, 101, 200, 230] {
        assert_eq!(silenced(&server.incident(id).await), None, "{id}");
        assert_eq!(
            story(&server, id).await,
            ["created", "updated silenced", "updated unsilenced"],
            "{id}"
        );
    }
}

/// Sundays from 02:30 in Paris, half an hour.
fn sundays() -> NewSilence {
    NewSilence {
        starts_at: Some("2026-03-01T01:30:00Z".parse().expect("a time")),
        ends_at: None,
        windows: Some(Windows {
            rrule: "FREQ=WEEKLY;BYDAY=SU".into(),
            time_zone: "Europe/Paris".into(),
            duration: Span::secs(1_800),
        }),
        ..until(0, &["@service=checkout"])
    }
}

#[tokio::test]
async fn windows_come_again_by_the_clocks_of_their_zone() {
    let mut server = TestServer::start().await;
    // The story begins on a Monday; spring is 125 days away.
    server.alert(json!({"title": "disk full"})).await;
    let made = silence(&server, "bob", &sundays()).await.expect("made");
    let span = made.span.expect("a span");
    assert_eq!(span.start, "2026-11-29T01:30:00Z".parse().expect("a time"));
    server.advance(hours(24 * 6)).await;
    assert_eq!(server.incident(1).await.silenced_until, None, "03:00 here, 04:00 in Paris");
    let heard = story(&server, 1).await;
    assert_eq!(heard, ["created", "updated silenced", "updated unsilenced"]);
    // To the night on which the clocks leap from 02:00 to 03:00: 2027-03-28.
    let leap: Timestamp = "2027-03-28T01:00:00Z".parse().expect("a time");
    let before = leap - SignedDuration::from_secs(1);
    let ahead = before.duration_since(server.server().app.now());
    server.advance(ahead.unsigned_abs()).await;
    assert_eq!(silenced(&server.incident(1).await), None);
    server.advance(secs(1)).await;
    let until = server.incident(1).await.silenced_until;
    assert_eq!(until, Some(leap + SignedDuration::from_mins(30)), "it opens where the gap ends");
    server.advance(mins(30)).await;
    assert_eq!(silenced(&server.incident(1).await), None);
    let listed = command(&server, "bob", &["silence", "list"], "").await;
    assert!(listed.out.contains("pending"), "{}", listed.out);
    assert!(listed.out.contains("FREQ=WEEKLY;BYDAY=SU"), "{}", listed.out);
}

#[tokio::test]
async fn a_preview_says_what_would_be_silenced_and_changes_nothing() {
    let server = TestServer::start().await;
    report(&server, &[("db-1", true), ("web-1", true)]).await;
    server.alert(json!({"title": "disk full", "labels": {"instance": "db-1"}})).await;
    server.alert(json!({"title": "other", "labels": {"instance": "web-1"}})).await;
    let found = preview(&server, "bob", &until(60, &["instance=~db-.*"])).await;
    let seen: Vec<_> =
        found.items.iter().map(|it| (it.id.0, it.matching, it.firing, it.silenced)).collect();
    assert_eq!(seen, [(1, 1, 2, false), (2, 1, 1, true)]);
    assert_eq!(found.spans.len(), 1);
    assert!(!found.more);
    assert_eq!(preview(&server, "bob", &sundays()).await.spans.len(), 3);
    let asked = SilencesQuery::default();
    let none = server.call("bob", &api::SILENCES, Nothing {}, &asked, &Nothing {}).await;
    assert!(none.expect("a list").items.is_empty());
    assert_eq!(silenced(&server.incident(2).await), None);
}

#[tokio::test]
async fn silences_belong_to_a_team_and_those_of_all_to_the_platform() {
    let server = TestServer::start().await;
    let elsewhere = "/integrations/fedcba9876543210fedcba9876543210/generic";
    server.post_raw(elsewhere, "text/plain", b"index is stale".to_vec()).await;
    server.alert(json!({"title": "disk full"})).await;
    let everything = NewSilence { force: true, ..until(60, &[]) };
    for (who, kind) in [("mallory", Kind::NotFound), ("carol", Kind::Forbidden)] {
        let refused = silence(&server, who, &everything).await.expect_err(who);
        assert_eq!(refused.kind, kind, "{who}");
    }
    let ours = silence(&server, "bob", &everything).await.expect("made");
    assert_eq!(silenced(&server.incident(1).await), None, "another team's is not ours");
    assert!(silenced(&server.incident(2).await).is_some());
    let hidden = server.call("mallory", &api::SILENCE, ours.id, &Nothing {}, &Nothing {}).await;
    assert_eq!(hidden.expect_err("hidden").kind, Kind::NotFound);
    assert_eq!(end(&server, "mallory", ours.id).await.expect_err("hidden").kind, Kind::NotFound);
    assert_eq!(end(&server, "carol", ours.id).await.expect_err("reads").kind, Kind::Forbidden);

    let global = NewSilence { team: None, ..everything };
    assert_eq!(silence(&server, "alice", &global).await.expect_err("no").kind, Kind::Forbidden);
    let all = silence(&server, "root", &global).await.expect("made");
    assert!(silenced(&server.incident(1).await).is_some());
    assert_eq!(end(&server, "alice", all.id).await.expect_err("no").kind, Kind::Forbidden);
    let list = |who: &'static str, state: Option<State>| {
        let query = SilencesQuery { state, ..SilencesQuery::default() };
        let server = &server;
        async move {
            let page = server.call(who, &api::SILENCES, Nothing {}, &query, &Nothing {}).await;
            page.expect("a list").items.iter().map(|it| it.id).collect::<Vec<_>>()
        }
    };
    assert_eq!(list("mallory", None).await, [all.id], "what silences me is no secret");
    assert_eq!(list("carol", None).await, [all.id, ours.id]);
    end(&server, "root", all.id).await.expect("ended");
    assert_eq!(list("carol", None).await, [ours.id]);
    assert_eq!(list("root", Some(State::Expired)).await, [all.id]);
    assert_eq!(silenced(&server.incident(1).await), None);
    assert!(silenced(&server.incident(2).await).is_some());
}

#[tokio::test]
async fn what_makes_no_sense_or_too_much_is_refused_with_its_field() {
    let server = TestServer::start().await;
    let windows = |rrule: &str, zone: &str, secs: u32| NewSilence {
        windows: Some(Windows {
            rrule: rrule.into(),
            time_zone: zone.into(),
            duration: Span::secs(secs),
        }),
        ..sundays()
    };
    for (new, field) in [
        (until(60, &[]), "matchers"),
        (until(60, &["host=~.*"]), "matchers"),
        (until(60, &["severity!=critical"]), "matchers"),
        (until(60, &["@team=payments"]), "matchers"),
        (until(60, &["host"]), "matchers"),
        (until(60, &["host=~((((.{99}){99}){99}){99})"]), "matchers"),
        (until(60, &[&format!("host=~{}", "x".repeat(600))]), "matchers"),
        (until(60, &["host=x"; 17]), "matchers"),
        (NewSilence { reason: " ".into(), ..until(60, &["host=x"]) }, "reason"),
        (NewSilence { reason: "x".repeat(1_025), ..until(60, &["host=x"]) }, "reason"),
        (until(0, &["host=x"]), "endsAt"),
        (
            NewSilence {
                starts_at: Some(at(-60)),
                ends_at: None,
                span: Some(Span::secs(1_800)),
                ..until(60, &["host=x"])
            },
            "endsAt",
        ),
        (NewSilence { span: Some(Span::secs(60)), ..until(60, &["host=x"]) }, "for"),
        (NewSilence { ends_at: None, ..until(60, &["host=x"]) }, "endsAt"),
        (until(367 * 24 * 60, &["host=x"]), "endsAt"),
        (NewSilence { starts_at: Some(at(70)), ..until(60, &["host=x"]) }, "endsAt"),
        (windows("FREQ=SECONDLY", "UTC", 60), "windows.rrule"),
        (windows("FREQ=DAILY;BYHOUR=1;BYMINUTE=1", "UTC", 60), "windows.rrule"),
        (windows("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "UTC", 60), "windows.rrule"),
        (windows("FREQ=DAILY", "Mars/Olympus", 60), "windows.timeZone"),
        (windows("FREQ=DAILY", "UTC", 59), "windows.duration"),
        (windows("FREQ=DAILY", "UTC", 86_400), "windows.duration"),
        (windows("FREQ=DAILY", "Europe/Paris", 25 * 3_600), "windows.duration"),
        (windows("FREQ=WEEKLY", "UTC", 7 * 86_400), "windows.duration"),
        (windows("FREQ=DAILY", "UTC", 8 * 86_400), "windows.duration"),
    ] {
        let refused = silence(&server, "bob", &new).await.expect_err(field);
        assert_eq!((refused.kind, refused.fields[0].field.as_str()), (Kind::Invalid, field));
    }
    for n in 0..200 {
        silence(&server, "bob", &until(60, &[&format!("host={n}")])).await.expect("made");
    }
    let full = silence(&server, "bob", &until(60, &["host=x"])).await.expect_err("full");
    assert_eq!(full.kind, Kind::Refused);
}

#[tokio::test]
async fn the_command_line_speaks_as_amtool_does() {
    let server = TestServer::start().await;
    server.alert(json!({"title": "disk full", "labels": {"host": "db-3"}})).await;
    let add = ["silence", "add", "--team", "payments", "host=~db-.*", "-d", "2h", "-c", "deploy"];
    let made = command(&server, "bob", &add, "").await;
    assert_eq!((made.code, made.out.as_str()), (Some(0), "1\n"), "{}", made.said);
    assert!(made.said.contains("Silence 1 is active until"), "{}", made.said);
    assert_eq!(silenced(&server.incident(1).await), Some(at(120)));
    let listed = command(&server, "carol", &["silence", "list"], "").await;
    let row: Vec<&str> = listed.out.trim_end().split('\t').collect();
    assert_eq!(row[..3], ["1", "active", "payments"]);
    assert_eq!(row[6..], ["bob", "host=~\"db-.*\"", "deploy"]);
    let shown = command(&server, "bob", &["show", "1"], "").await;
    assert!(shown.out.contains("Silenced until"), "{}", shown.out);
    let preview = ["silence", "preview", "--team", "payments", "host=db-3"];
    let preview = command(&server, "bob", &preview, "").await;
    assert!(preview.out.contains("1/1\tsilenced\tdisk full"), "{}", preview.out);
    for (who, arguments, code) in [
        ("bob", &["silence", "end", "1", "4711"][..], 3),
        ("bob", &["silence", "end", "1"], 0),
        ("carol", &["silence", "add", "--team", "payments", "a=b", "-c", "x"], 5),
        ("mallory", &["silence", "add", "--team", "payments", "a=b", "-c", "x"], 3),
        ("bob", &["silence", "add", "a=b", "-c", "x"], 2),
        ("bob", &["silence", "add", "--team", "payments", "a=b"], 2),
        ("bob", &["silence", "add", "--team", "payments", "-c", "x"], 1),
        ("bob", &["silence", "add", "--team", "payments", "-c", "x", "--force"], 0),
        ("bob", &["silence", "add", "--all-teams", "a=b", "-c", "x"], 5),
        ("root", &["silence", "add", "--all-teams", "a=b", "-c", "x"], 0),
        ("bob", &["silence", "add", "--team", "payments", "a=b", "-c", "x", "--every", "X"], 2),
    ] {
        let ran = command(&server, who, arguments, "").await;
        assert_eq!(ran.code, Some(code), "{arguments:?}: {}", ran.said);
    }
    let ids = command(&server, "bob", &["silence", "list", "-q"], "").await;
    assert_eq!(ids.out, "3\n2\n");
    let audit = command(&server, "root", &["audit"], "").await;
    assert!(audit.out.contains("ended silence 1 of payments: host=~"), "{}", audit.out);
}
