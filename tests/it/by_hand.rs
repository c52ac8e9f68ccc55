//! What people do to a ladder by hand: given on, given back, hurried, made quieter.
use incidentd::api::Nothing;
use incidentd::api::silences::{CREATE_SILENCE, NewSilence};
use incidentd::domain::escalation::EscalationState;
use incidentd::domain::{Action, Span, Status};
use serde_json::json;

use crate::harness::{hours, mins, secs};
use crate::paging::{LADDER, Night, ack, clear, page};

#[tokio::test]
async fn who_gets_it_has_five_minutes_alone() {
    let mut night = Night::begin(LADDER).await;
    night.server.alert(json!({"title": "disk full"})).await;
    night.expect_page("alice").await;
    night.settled().await;
    let to = Action::Reassign { to: "bob".into(), reason: None };
    night.server.act("alice", 1, to).await.expect("reassigned");
    let mut told = night.settled().await;
    told.sort();
    assert_eq!(told, [clear("alice"), page("bob")]);
    assert_eq!(night.passes(secs(299)).await, []);
    let mut told = night.passes(secs(1)).await;
    told.sort();
    assert_eq!(told, [page("alice"), page("bob")], "step 1, and the one who had it");
}

#[tokio::test]
async fn who_was_not_reached_before_it_was_given_to_another_is_left_in_peace() {
    let mut night = Night::begin(LADDER).await;
    night.far.answer(503, "retry-after", "20");
    night.server.alert(json!({"title": "disk full"})).await;
    night.expect_page("alice").await;
    let to = Action::Reassign { to: "bob".into(), reason: None };
    night.server.act("alice", 1, to).await.expect("reassigned");
    assert_eq!(night.settled().await, [page("bob")]);
    assert_eq!(night.passes(secs(299)).await, []);
    let row = &night.deliveries(1).await[0];
    assert_eq!(row.outcome.as_deref(), Some("given to another"), "{row:?}");
}

#[tokio::test]
async fn given_back_and_timed_out_ring_the_one_who_had_it_and_step_one() {
    let mut night = Night::begin(LADDER).await;
    night.server.alert(json!({"title": "disk full"})).await;
    night.expect_page("alice").await;
    let for_an_hour =
        Action::Acknowledge { span: Some(Span::secs(3_600)), until: None, note: None, take: false };
    night.server.act("bob", 1, for_an_hour).await.expect("acknowledged");
    assert_eq!(night.settled().await, [clear("alice")]);
    let mut told = night.passes(hours(1)).await;
    told.sort();
    assert_eq!(told, [page("alice"), page("bob")], "the timeout");
    assert_eq!(night.server.incident(1).await.status, Status::Triggered);
}

#[tokio::test]
async fn whoever_gives_it_back_and_step_one_are_told_at_once_though_step_one_waits_at_first() {
    let mut night = Night::begin(&LADDER.replace("\"0m\"", "\"2m\"")).await;
    night.server.alert(json!({"title": "disk full"})).await;
    assert_eq!(night.passes(secs(119)).await, []);
    assert_eq!(night.passes(secs(1)).await, [page("alice")]);
    let hour =
        Action::Acknowledge { span: Some(Span::secs(3_600)), until: None, note: None, take: false };
    let snooze = Action::Snooze { span: Some(Span::secs(3_600)), until: None };
    let both = [page("alice"), page("bob")];
    for (held, by_hand) in [(ack(), true), (hour, false), (snooze, false)] {
        night.server.act("bob", 1, held).await.expect("held");
        night.settled().await;
        assert_eq!(night.passes(secs(3_599)).await, []);
        if by_hand {
            night.server.act("bob", 1, Action::Unacknowledge {}).await.expect("given back");
        }
        let mut told = night.passes(secs(u64::from(!by_hand))).await;
        told.sort();
        assert_eq!(told, both);
        let it = night.server.incident(1).await;
        assert_eq!((it.escalation.round, it.escalation.step), (1, 1));
        assert_eq!(it.escalation.next_targets, ["bob"]);
    }
    assert_eq!(night.passes(secs(179)).await, []);
    assert_eq!(night.passes(secs(1)).await, [page("bob")], "three minutes are between the steps");
}

#[tokio::test]
async fn who_is_given_what_is_silenced_hears_of_it_and_nobody_else() {
    let mut night = Night::begin(LADDER).await;
    night.server.alert(json!({"title": "disk full", "labels": {"host": "a"}})).await;
    night.expect_page("alice").await;
    night.server.advance(secs(1)).await;
    let silence = NewSilence {
        team: Some("payments".into()),
        matchers: vec!["host=a".into()],
        reason: "deploy".into(),
        ends_at: Some(night.server.server().app.now() + hours(1)),
        ..NewSilence::default()
    };
    let asked = night.server.call("alice", &CREATE_SILENCE, Nothing {}, &Nothing {}, &silence);
    asked.await.expect("a silence");
    assert_eq!(night.passes(mins(6)).await, [], "silenced");
    let to = Action::Reassign { to: "bob".into(), reason: None };
    night.server.act("alice", 1, to).await.expect("reassigned");
    let mut told = night.settled().await;
    told.sort();
    assert_eq!(told, [clear("alice"), page("bob")]);
    assert_eq!(night.server.incident(1).await.escalation.state, EscalationState::Paused);
    assert_eq!(night.passes(mins(50)).await, [], "the steps wait");
    let mut told = night.passes(mins(4)).await;
    told.sort();
    assert_eq!(told, [page("alice"), page("bob")], "from step 1 when the silence ends");
}

#[tokio::test]
async fn escalate_takes_the_next_step_now_whoever_has_it() {
    let mut night = Night::begin(LADDER).await;
    night.server.alert(json!({"title": "disk full"})).await;
    night.expect_page("alice").await;
    night.settled().await;
    let acted = night.server.act("alice", 1, Action::Escalate {}).await.expect("escalated");
    assert_eq!(acted.message, "Escalated 1 to bob.");
    assert_eq!(night.settled().await, [page("bob")]);
    night.server.act("bob", 1, ack()).await.expect("acknowledged");
    night.settled().await;
    night.server.advance(mins(2)).await;
    let acted = night.server.act("alice", 1, Action::Escalate {}).await.expect("escalated");
    assert_eq!(acted.incident.status, Status::Triggered, "of an acknowledged one: triggered");
    assert_eq!(night.settled().await, [page("alice")], "the second round");
    let resolve = Action::Resolve { note: None, hold: None };
    night.server.act("bob", 1, resolve).await.expect("resolved");
    let refused = night.server.act("alice", 1, Action::Escalate {}).await.expect_err("resolved");
    assert!(refused.hint.is_some_and(|hint| hint.contains("reopen 1")));
}

#[tokio::test]
async fn what_is_made_quieter_before_anybody_heard_of_it_is_still_told_once() {
    let ladder = LADDER.replace("\"0m\"", "\"30s\"");
    let mut night = Night::begin(&ladder).await;
    night.server.alert(json!({"title": "disk full"})).await;
    let low = Action::Urgency { to: incidentd::domain::Urgency::Low };
    night.server.act("alice", 1, low).await.expect("quieter");
    assert_eq!(night.passes(secs(30)).await, [page("alice")]);
    assert_eq!(night.passes(hours(3)).await, []);
}
