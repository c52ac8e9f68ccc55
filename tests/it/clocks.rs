//! Somebody sets the wall clock: what measures how much time passes keeps its length, and is shown
//! so; what waits for a moment of the wall waits for that.
use incidentd::api::Nothing;
use incidentd::api::silences::{CREATE_SILENCE, NewSilence};
use incidentd::api::webhooks::{CREATE_WEBHOOK, NewWebhook, WEBHOOK};
use incidentd::domain::{Action, Span, Status};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::far::Far;
use crate::harness::{hours, mins, secs};
use crate::paging::{LADDER, Night, page};

/// Alice is not to be woken by what is not urgent; what is rings twice.
async fn night() -> Night {
    let mut night = Night::begin(LADDER).await;
    let (first, second) = (night.far.url("/alice"), night.far.url("/again"));
    let alice = format!(
        "[[users]]\nusername = \"alice\"\ntime_zone = \"UTC\"\n\
         contacts = [{{ name = \"phone\", channel = \"webhook\", address = \"{first}\" }},\n\
                     {{ name = \"other\", channel = \"webhook\", address = \"{second}\" }}]\n\
         rules.high = [{{ after = \"0m\", contact = \"phone\" }},\n\
                       {{ after = \"4m\", contact = \"other\" }}]\n\
         rules.low = [{{ after = \"0m\", contact = \"phone\" }}]\n\
         rules.quiet = {{ from = \"22:00\", to = \"07:00\" }}\n"
    );
    night.apply(&alice).await;
    night
}

#[tokio::test]
async fn what_waits_for_the_morning_goes_when_the_clocks_say_so() {
    for (by, left) in [(2, mins(119)), (-1, mins(299)), (3, mins(59))] {
        let mut night = night().await;
        night.server.alert(json!({"title": "backup slow", "severity": "warning"})).await;
        assert_eq!(night.settled().await, [], "it is 03:00");
        night.server.step_wall(SignedDuration::from_hours(by)).await;
        assert_eq!(night.passes(left).await, [], "{by} h: 06:59");
        assert_eq!(night.passes(mins(1)).await, [page("alice")], "{by} h: 07:00");
    }
    let mut night = night().await;
    night.server.alert(json!({"title": "backup slow", "severity": "warning"})).await;
    night.server.step_wall(SignedDuration::from_hours(5)).await;
    assert_eq!(night.passes(secs(1)).await, [page("alice")], "its moment has passed");
}

#[tokio::test]
async fn what_rings_after_a_while_rings_after_that_while() {
    for by in [4, -1] {
        let mut night = night().await;
        night.server.alert(json!({"title": "disk full"})).await;
        night.expect_page("alice").await;
        night.server.step_wall(SignedDuration::from_hours(by)).await;
        assert_eq!(night.passes(secs(239)).await, [], "{by} h");
        assert_eq!(night.passes(secs(1)).await, [page("again")], "{by} h");
    }
}

#[tokio::test]
async fn a_clock_that_starts_behind_delays_nothing() {
    let mut night = night().await;
    night.server.alert(json!({"title": "disk full"})).await;
    night.expect_page("alice").await;
    night.server.restart_with_wall(SignedDuration::from_hours(-1)).await;
    assert_eq!(night.passes(secs(239)).await, []);
    assert_eq!(night.passes(secs(1)).await, [page("again")]);
    // Set while it runs, it is known; after a restart it is not taken for another step.
    night.server.step_wall(SignedDuration::from_hours(-2)).await;
    night.server.restart().await;
    assert_eq!(night.passes(secs(59)).await, []);
    assert_eq!(night.passes(secs(1)).await, [page("bob")]);
}

#[tokio::test]
async fn what_a_silence_voids_does_not_ring_after_it() {
    let mut night = night().await;
    night.server.alert(json!({"title": "disk full", "labels": {"host": "db-3"}})).await;
    night.expect_page("alice").await;
    let quiet =
        json!({"team": "payments", "matchers": ["host=db-3"], "reason": "deploy", "for": "1m"});
    let quiet: NewSilence = serde_json::from_value(quiet).expect("a silence");
    night.server.call("bob", &CREATE_SILENCE, Nothing {}, &Nothing {}, &quiet).await.expect("made");
    let rang = night.passes(mins(1)).await;
    assert_eq!(rang, [page("alice")], "its ladder starts anew");
    assert_eq!(night.passes(secs(239)).await, [], "what was to come before is void");
    assert_eq!(night.passes(secs(1)).await, [page("again")]);
}

#[tokio::test]
async fn a_word_that_wakes_nobody_waits_for_the_morning_too() {
    let (mut night, mut gone) = (night().await, Far::start().await);
    gone.answer(410, "x-told", "");
    let new = NewWebhook { team: "payments".into(), url: gone.url("/hook"), secret: None };
    let none = &Nothing {};
    let hook = night.server.call("alice", &CREATE_WEBHOOK, Nothing {}, none, &new).await;
    let id = hook.expect("added").webhook.id;
    night.server.alert(json!({"title": "disk full"})).await;
    gone.next().await;
    let disabled = async || {
        let hook = night.server.call("alice", &WEBHOOK, id, none, none).await.expect("shown");
        hook.disabled_at.is_some()
    };
    while !disabled().await {
        tokio::task::yield_now().await;
    }
    let act = serde_json::from_value(json!({"action": "acknowledge"})).expect("an action");
    night.server.act("alice", 1, act).await.expect("acknowledged");
    night.settled().await;
    night.server.step_wall(SignedDuration::from_hours(2)).await;
    assert_eq!(night.passes(mins(119)).await, [], "06:59");
    assert_eq!(night.passes(mins(1)).await, [("alice".into(), "notice".into())], "07:00");
}

#[tokio::test]
async fn what_is_shown_of_an_acknowledgement_and_a_hold_is_when_they_end() {
    for by in [1, -1] {
        let mut night = Night::begin(LADDER).await;
        for title in ["disk full", "link down"] {
            night.server.alert(json!({"title": title})).await;
        }
        let half_hour = Some(Span::secs(1_800));
        let ack = Action::Acknowledge { span: half_hour, until: None, note: None, take: false };
        night.server.act("alice", 1, ack).await.expect("acknowledged");
        let resolve = Action::Resolve { note: None, hold: Some(Span::secs(3_600)) };
        night.server.act("alice", 2, resolve).await.expect("resolved");
        night.settled().await;
        night.server.step_wall(SignedDuration::from_hours(by)).await;
        let now = night.server.server().app.now();
        let left = |at: Option<Timestamp>| at.expect("a time").duration_since(now).as_secs();
        let [acked, held] = [night.server.incident(1).await, night.server.incident(2).await];
        assert_eq!((left(acked.acknowledged_until), left(held.held_until)), (1_800, 3_600));
        // And that is when they do.
        let until = acked.acknowledged_until;
        night.server.restart().await;
        assert_eq!(night.server.incident(1).await.acknowledged_until, until);
        night.passes(mins(1)).await;
        night.server.alert(json!({"title": "link down"})).await;
        night.passes(secs(1_739)).await;
        assert_eq!(night.server.incident(1).await.status, Status::Acknowledged, "{by} h");
        night.passes(secs(1)).await;
        assert_eq!(night.server.incident(1).await.status, Status::Triggered, "{by} h");
        assert_eq!(night.server.incident(2).await.status, Status::Resolved, "{by} h");
        night.passes(hours(1) / 2).await;
        assert_eq!(night.server.incident(2).await.status, Status::Triggered, "{by} h: it fires");
    }
}
