//! Ladders that wait: while somebody sets the clock, while nothing fires, under silences.
use incidentd::api::Nothing;
use incidentd::api::silences::{CREATE_SILENCE, NewSilence};
use incidentd::domain::escalation::EscalationState;
use incidentd::domain::{Action, Status};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::harness::{hours, mins, secs};
use crate::paging::{LADDER, Night, ack, page};

/// What is shown of the next step: in how many seconds it comes.
async fn next_in(night: &Night) -> Option<i64> {
    let shown = night.server.incident(1).await.escalation;
    let now = night.server.server().app.now();
    shown.next_at.map(|at| at.duration_since(now).as_secs())
}

#[tokio::test]
async fn a_step_comes_after_the_time_that_passed_and_is_shown_so_whatever_the_clock_says() {
    for by in [1, -1] {
        let mut night = Night::begin(LADDER).await;
        let alert = json!({"title": "disk full", "dedupKey": "disks"});
        night.server.alert(alert.clone()).await;
        night.expect_page("alice").await;
        night.settled().await;
        night.server.advance(mins(1)).await;
        night.server.step_wall(SignedDuration::from_hours(by)).await;
        assert_eq!(next_in(&night).await, Some(240), "{by} h");
        assert_eq!(night.settled().await, [], "{by} h");
        // What happens meanwhile moves nothing: another alert, a word, a restart.
        let other = json!({"title": "other disk", "dedupKey": "disks", "severity": "critical"});
        night.server.alert(other).await;
        night.server.act("carol", 1, Action::AddNote { body: "hm".into() }).await.ok();
        night.server.restart().await;
        assert_eq!(next_in(&night).await, Some(240), "{by} h");
        assert_eq!(night.passes(secs(239)).await, [], "{by} h");
        assert_eq!(night.passes(secs(1)).await, [page("bob")], "{by} h");
        assert_eq!(next_in(&night).await, Some(300), "{by} h");
    }
}

/// Three times within the hour it was over and came back; now nothing fires.
async fn flapping() -> Night {
    let mut night = Night::begin(LADDER).await;
    night.server.alert(json!({"title": "link"})).await;
    for n in 0..4 {
        night.passes(mins(1)).await;
        night.server.alert(json!({"title": "link", "status": "resolved"})).await;
        if n < 3 {
            night.passes(mins(1)).await;
            night.server.alert(json!({"title": "link"})).await;
        }
    }
    night.settled().await;
    assert!(night.server.incident(1).await.flapping);
    night
}

#[tokio::test]
async fn what_flaps_pages_nobody_while_nothing_fires_though_it_is_given_back() {
    let mut night = flapping().await;
    let shown = |it: incidentd::domain::Incident| (it.status, it.escalation.state);
    let waits = (Status::Triggered, EscalationState::Paused);
    assert_eq!(shown(night.server.incident(1).await), waits, "as it is, so it is shown");
    assert_eq!(next_in(&night).await, None);
    night.server.act("alice", 1, ack()).await.expect("acknowledged");
    night.settled().await;
    night.server.act("alice", 1, Action::Unacknowledge {}).await.expect("given back");
    assert_eq!(shown(night.server.incident(1).await), waits);
    assert_eq!(night.passes(mins(7)).await, [], "its steps wait");

    night.server.alert(json!({"title": "link"})).await;
    assert_eq!(night.settled().await, [page("alice")], "a firing lets them go on");
    assert_eq!(night.passes(mins(5)).await, [page("bob")]);
}

#[tokio::test]
async fn who_is_given_what_flaps_hears_of_it_and_the_others_do_not() {
    let mut night = flapping().await;
    let to = Action::Reassign { to: "bob".into(), reason: None };
    night.server.act("alice", 1, to).await.expect("reassigned");
    assert_eq!(night.settled().await.iter().filter(|it| **it == page("bob")).count(), 1);
    let told = night.passes(mins(14)).await;
    assert_eq!(told.iter().filter(|(_, kind)| kind == "page").count(), 0, "{told:?}");
    night.passes(mins(1)).await;
    assert_eq!(night.server.incident(1).await.status, Status::Resolved, "15 min of quiet");
    assert_eq!(night.passes(hours(2)).await, []);
}

/// `covered` alerts that a silence covers and, after them, `heard` that none does, as one incident.
async fn under_a_silence(night: &Night, covered: usize, heard: usize) {
    let new = json!({"team": "payments", "matchers": ["quiet=yes"], "reason": "work", "for": "8h"});
    let new: NewSilence = serde_json::from_value(new).expect("a silence");
    let none = Nothing {};
    night.server.call("alice", &CREATE_SILENCE, none, &none, &new).await.expect("made");
    let all: Vec<Value> = (0..covered + heard).map(|n| member(n, n < covered, false)).collect();
    assert_eq!(night.server.post("api/v2/alerts", &json!(all)).await.0, 200);
}

fn member(n: usize, covered: bool, over: bool) -> Value {
    let quiet = if covered { "yes" } else { "no" };
    let ends = if over { "2026-11-23T03:00:00Z" } else { "2026-11-23T09:00:00Z" };
    json!({"labels": {"alertname": "Disks", "n": n.to_string(), "quiet": quiet,
                      "severity": "critical"},
           "startsAt": "2026-11-23T02:59:00Z", "endsAt": ends})
}

#[tokio::test]
async fn what_a_batch_leaves_is_silenced_once_and_nobody_is_paged_for_it() {
    let mut night = Night::begin(LADDER).await;
    under_a_silence(&night, 300, 100).await;
    night.expect_page("alice").await;
    assert_eq!(night.server.incident(1).await.silenced_until, None, "some are heard");
    let over: Vec<Value> = (200..400).map(|n| member(n, n < 300, true)).collect();
    assert_eq!(night.server.post("api/v2/alerts", &json!(over)).await.0, 200);
    let it = night.server.incident(1).await;
    assert!(it.silenced_until.is_some(), "all that is left falls under it");
    assert_eq!((it.firing_count, it.escalation.state), (200, EscalationState::Paused));
    let story = night.server.story(1).await;
    assert_eq!(story.iter().filter(|it| *it == "updated silenced").count(), 1, "{story:?}");
    assert_eq!(night.passes(mins(30)).await, []);
}
