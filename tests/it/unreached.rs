//! Pages that reach nobody: whoever comes next is told in time, and it is said.
use std::time::Duration;

use incidentd::api::Nothing;
use incidentd::api::users::DISABLE_USER;
use incidentd::domain::Action;
use incidentd::domain::delivery::DeliveryState;
use serde_json::json;

use crate::far::Far;
use crate::harness::{mins, secs};
use crate::paging::{Night, ack, page};

/// Alice at once, bob only after an hour.
const SLOW: &str = r#"
[[escalation_policies]]
slug = "payments-default"
team = "payments"
repeat = 0
steps = [ { after = "0m", targets = ["user:alice"] }, { after = "60m", targets = ["user:bob"] } ]
last_resort = ["user:root"]
"#;

/// Alice was paged a moment ago: what comes now waits to go with what follows.
async fn waiting() -> Night {
    let mut night = Night::begin(SLOW).await;
    night.server.alert(json!({"title": "first"})).await;
    night.expect_page("alice").await;
    night.server.alert(json!({"title": "second"})).await;
    assert_eq!(night.settled().await, []);
    night
}

async fn is_made_up_for(mut night: Night, told: &[(String, String)]) {
    let rang = night.settled().await;
    for page in told {
        assert!(rang.contains(page), "{rang:?}");
    }
    let story = night.server.story(2).await;
    let said = story.iter().filter(|line| *line == "updated delivery_failed").count();
    assert_eq!(said, 1, "{story:?}");
    let rows = night.deliveries(2).await;
    assert_eq!(rows[0].state, DeliveryState::Dropped);
    let told = night.server.incident(2).await.escalation.told;
    assert!(told.iter().any(|told| told.outcome == "dropped"), "{told:?}");
}

#[tokio::test]
async fn a_page_of_who_is_disabled_goes_to_the_next_at_once() {
    let night = waiting().await;
    let none = Nothing {};
    let gone = night.server.call("root", &DISABLE_USER, "alice".into(), &none, &none).await;
    gone.expect("disabled");
    is_made_up_for(night, &[page("bob")]).await;
}

#[tokio::test]
async fn a_page_of_who_leaves_the_team_goes_to_the_next_at_once() {
    let mut night = waiting().await;
    night.apply("[[teams]]\nslug = \"payments\"\nmembers = { bob = \"admin\" }\n").await;
    is_made_up_for(night, &[page("bob")]).await;
}

#[tokio::test]
async fn a_page_whose_only_contact_is_gone_goes_to_the_next_when_it_is_due() {
    let mut night = waiting().await;
    night.apply("[[users]]\nusername = \"alice\"\ncontacts = []\n").await;
    night.server.advance(mins(1)).await;
    is_made_up_for(night, &[page("bob")]).await;
}

/// Alice's page failed four times within a minute and a half, and who rang meanwhile.
async fn with_a_busy_minute() -> (Night, Vec<(String, String)>) {
    let mut night = Night::begin(SLOW).await;
    for _ in 0..4 {
        night.far.answer(503, "x-why", "busy");
    }
    night.server.alert(json!({"title": "disk full"})).await;
    night.expect_page("alice").await;
    let mut rang = Vec::new();
    for _ in 0..9 {
        rang.extend(night.passes(secs(10)).await);
    }
    (night, rang)
}

#[tokio::test]
async fn a_contact_that_keeps_failing_holds_up_the_next_step_for_a_minute_at_most() {
    let (mut night, rang) = with_a_busy_minute().await;
    assert!(rang.contains(&page("bob")), "{rang:?}");
    let story = night.server.story(1).await;
    assert_eq!(story, ["created", "escalated", "updated delivery_failed", "escalated"]);
    // It is tried on: who comes back hears of it.
    let row = &night.deliveries(1).await[0];
    assert!(row.attempts >= 4 && row.state != DeliveryState::Failed, "{row:?}");
    let incident = night.server.incident(1).await;
    assert!(!incident.untold);
    night.passes(mins(3)).await;
    let told = night.server.incident(1).await.escalation.told;
    let alice: Vec<_> = told.iter().filter(|told| told.user == "alice").collect();
    assert_eq!((alice.len(), alice[0].outcome.as_str()), (1, "sent"), "{told:?}");
}

#[tokio::test]
async fn where_all_fails_nobody_counts_as_told_while_it_is_tried_on() {
    let mut night = Night::begin(SLOW).await;
    for _ in 0..200 {
        night.far.answer(503, "x-why", "busy");
    }
    night.server.alert(json!({"title": "disk full"})).await;
    let mut minutes = 0;
    while !night.server.incident(1).await.untold {
        assert!(minutes < 10, "{:?}", night.server.incident(1).await.escalation);
        for _ in 0..12 {
            night.server.advance(secs(5)).await;
            heard_soon(&mut night).await;
        }
        minutes += 1;
    }
    let rows = night.deliveries(1).await;
    assert!(rows.iter().any(|row| row.state == DeliveryState::Queued), "it is tried on");
}

/// What is on its way has some real time to arrive.
#[allow(clippy::disallowed_methods, reason = "what is sent takes real time")]
async fn heard_soon(night: &mut Night) -> Vec<String> {
    let next = tokio::time::timeout(Duration::from_millis(200), night.far.next()).await;
    let heard = next.into_iter().chain(night.far.so_far());
    heard.map(|heard| heard.path.trim_start_matches('/').to_owned()).collect()
}

#[tokio::test]
async fn whose_far_end_wants_a_long_pause_is_rung_elsewhere_at_once() {
    let mut night = Night::begin(SLOW).await;
    night.far.answer(429, "retry-after", "3600");
    night.server.alert(json!({"title": "disk full"})).await;
    assert_eq!(night.heard().await.0, "alice");
    let rang = night.settled().await;
    assert!(rang.contains(&page("bob")), "the next step: {rang:?}");

    let (phone, desk) = (night.far.url("/phone"), night.far.url("/desk"));
    night
        .apply(&format!(
            "[[users]]\nusername = \"alice\"\ncontacts = [\
             {{ name = \"phone\", channel = \"webhook\", address = \"{phone}\" }},\
             {{ name = \"desk\", channel = \"webhook\", address = \"{desk}\" }}]\n\
             rules.high = [{{ after = \"0m\", contact = \"phone\" }}, \
             {{ after = \"30m\", contact = \"desk\" }}]\n"
        ))
        .await;
    night.far.answer(429, "retry-after", "3600");
    night.server.alert(json!({"title": "another"})).await;
    assert_eq!(night.heard().await.0, "phone");
    let rang = night.settled().await;
    assert!(rang.contains(&page("desk")), "the next contact: {rang:?}");
}

#[tokio::test]
async fn who_hangs_on_a_far_end_that_is_down_does_not_wait_in_a_queue() {
    let mut other = Far::start().await;
    let mut night = Night::begin("").await;
    let names: Vec<String> = (0..12).map(|n| format!("u{n}")).collect();
    let person = |name: &String| {
        let (bad, good) = (night.far.url(&format!("/{name}")), other.url(&format!("/{name}")));
        format!(
            "[[users]]\nusername = \"{name}\"\ncontacts = [\
             {{ name = \"bad\", channel = \"webhook\", address = \"{bad}\" }},\
             {{ name = \"good\", channel = \"webhook\", address = \"{good}\" }}]\n\
             rules.high = [{{ after = \"0m\", contact = \"bad\" }}]\n"
        )
    };
    let people: Vec<String> = names.iter().map(person).collect();
    let members: Vec<String> = names.iter().map(|name| format!("{name} = \"responder\"")).collect();
    let targets: Vec<String> = names.iter().map(|name| format!("\"user:{name}\"")).collect();
    let text = format!(
        "{}[[teams]]\nslug = \"payments\"\nmembers = {{ alice = \"admin\", {} }}\n\
         [[escalation_policies]]\nslug = \"payments-default\"\nteam = \"payments\"\nrepeat = 0\n\
         steps = [ {{ after = \"0m\", targets = [{}] }} ]\n",
        people.concat(),
        members.join(", "),
        targets.join(", ")
    );
    night.apply(&text).await;
    for _ in 0..200 {
        night.far.answer(503, "x-why", "busy");
    }
    night.server.alert(json!({"title": "disk full"})).await;
    let mut rung = 0;
    for _ in 0..6 {
        heard_soon(&mut night).await;
        night.server.advance(secs(5)).await;
        heard_soon(&mut night).await;
        rung += other.so_far().len();
    }
    assert_eq!(rung, names.len(), "within half a minute");
}

#[tokio::test]
async fn each_address_of_a_far_end_that_is_down_is_tried_itself() {
    let mut night = with_bad_contacts(4, 200).await;
    let mut heard = Vec::new();
    for _ in 0..60 {
        heard.extend(heard_soon(&mut night).await);
        night.server.advance(mins(1)).await;
    }
    for n in 0..4 {
        let tries = heard.iter().filter(|path| **path == format!("bad{n}")).count();
        assert!(tries >= 4, "bad{n} was tried {tries} times: {heard:?}");
    }
}

#[tokio::test]
async fn what_waited_goes_once_its_far_end_takes_something_again() {
    let (mut night, rang) = with_a_busy_minute().await;
    assert_eq!(rang.iter().filter(|it| **it == page("bob")).count(), 1, "{rang:?}");
    // Without waiting for its next attempt, some two minutes off.
    heard_soon(&mut night).await;
    night.server.settle_deliveries().await;
    let row = &night.deliveries(1).await[0];
    assert_eq!((row.attempts, row.state), (5, DeliveryState::Sent), "{row:?}");
}

#[tokio::test]
async fn who_was_told_and_is_gone_has_it_no_more() {
    for severity in ["critical", "warning"] {
        let mut night = Night::begin(SLOW).await;
        night.server.alert(json!({"title": "disk full", "severity": severity})).await;
        night.expect_page("alice").await;
        let none = Nothing {};
        let gone = night.server.call("root", &DISABLE_USER, "alice".into(), &none, &none).await;
        gone.expect("disabled");
        let rang = night.settled().await;
        assert!(rang.contains(&page("bob")), "{severity}: {rang:?}");
        let incident = night.server.incident(1).await;
        let has_it: Vec<_> = incident.assignees.iter().map(|user| user.username.as_str()).collect();
        assert_eq!((has_it, incident.untold), (vec!["bob"], false), "{severity}");
    }
}

#[tokio::test]
async fn of_low_urgency_too_the_next_is_told_if_the_first_cannot_be() {
    let mut night = Night::begin(SLOW).await;
    night.far.answer(410, "x-why", "gone");
    night.server.alert(json!({"title": "backup slow", "severity": "warning"})).await;
    assert_eq!(night.heard().await.0, "alice");
    let rang = night.settled().await;
    assert!(rang.contains(&page("bob")), "{rang:?}");
    assert!(!night.server.incident(1).await.untold);
}

#[tokio::test]
async fn of_low_urgency_whoever_was_told_is_enough() {
    let mut night = Night::begin(SLOW).await;
    night.server.alert(json!({"title": "backup slow", "severity": "warning"})).await;
    night.expect_page("alice").await;
    night.far.answer(410, "x-why", "gone");
    night.server.act("root", 1, Action::Escalate {}).await.expect("escalated");
    assert_eq!(night.heard().await.0, "bob");
    let rang = night.settled().await;
    assert!(!rang.contains(&page("root")), "{rang:?}");
}

/// Alice has so many contacts at one far end, and it takes none of its next messages.
async fn with_bad_contacts(contacts: usize, refused: usize) -> Night {
    let mut night = Night::begin(SLOW).await;
    let bad = |n: usize| {
        let url = night.far.url(&format!("/bad{n}"));
        format!("{{ name = \"bad{n}\", channel = \"webhook\", address = \"{url}\" }}")
    };
    let contacts = (0..contacts).map(bad).collect::<Vec<_>>().join(", ");
    night.apply(&format!("[[users]]\nusername = \"alice\"\ncontacts = [{contacts}]\n")).await;
    for _ in 0..refused {
        night.far.answer(503, "x-why", "busy");
    }
    night.server.alert(json!({"title": "disk full"})).await;
    night
}

#[tokio::test]
#[allow(clippy::disallowed_methods, reason = "what is sent takes real time")]
async fn nor_do_several_that_fail_at_one_far_end() {
    let mut night = with_bad_contacts(3, 100).await;
    let mut heard = Vec::new();
    while heard.len() < 100 && night.server.incident(1).await.escalation.step < 2 {
        assert!(heard.len() < 40, "{heard:?}");
        night.server.advance(secs(5)).await;
        // What is tried now is on its way; if nothing is, time passes all the same.
        let next = tokio::time::timeout(Duration::from_millis(200), night.far.next()).await;
        heard.extend(next);
        heard.extend(night.far.so_far());
    }
    let passed = night.server.incident(1).await;
    let passed = passed.updated_at.duration_since(passed.created_at);
    assert!(passed.as_secs() <= 150, "{passed}");
}

#[tokio::test]
async fn addresses_that_fail_hold_up_no_other_of_their_far_end() {
    let mut night = with_bad_contacts(4, 4).await;
    for _ in 0..4 {
        night.heard().await;
    }
    night.server.settle_deliveries().await;
    // No time passes: its first page does not wait until the others are well.
    night
        .server
        .act("root", 1, Action::Reassign { to: "bob".into(), reason: None })
        .await
        .expect("given");
    night.expect_page("bob").await;
}

#[tokio::test]
async fn what_somebody_asks_for_himself_waits_for_no_bundle() {
    let mut night = waiting().await;
    night.server.act("bob", 2, ack()).await.expect("acknowledged");
    let to = Action::Reassign { to: "alice".into(), reason: None };
    night.server.act("bob", 2, to).await.expect("given");
    night.expect_page("alice").await;
}

#[tokio::test]
async fn nor_does_what_stands_in_for_it() {
    let mut night = Night::begin(SLOW).await;
    let (phone, desk) = (night.far.url("/phone"), night.far.url("/desk"));
    night
        .apply(&format!(
            "[[users]]\nusername = \"alice\"\ncontacts = [\
             {{ name = \"phone\", channel = \"webhook\", address = \"{phone}\" }},\
             {{ name = \"desk\", channel = \"webhook\", address = \"{desk}\" }}]\n\
             rules.high = [{{ after = \"0m\", contact = \"phone\" }}]\n"
        ))
        .await;
    night.far.answer(400, "x-why", "no");
    night.server.alert(json!({"title": "first"})).await;
    assert_eq!(night.heard().await.0, "phone");
    let rang = night.settled().await;
    assert!(rang.contains(&page("desk")), "{rang:?}");
    night.server.alert(json!({"title": "second"})).await;
    night.server.act("bob", 2, ack()).await.expect("acknowledged");
    night.settled().await;
    night.far.answer(400, "x-why", "no");
    let to = Action::Reassign { to: "alice".into(), reason: None };
    night.server.act("bob", 2, to).await.expect("given");
    let rang = night.settled().await;
    assert!(rang.contains(&page("phone")) && rang.contains(&page("desk")), "{rang:?}");
}

#[tokio::test]
async fn a_step_that_was_taken_away_takes_no_other_with_it() {
    let with = |steps: &str| {
        format!(
            "[[escalation_policies]]\nslug = \"payments-default\"\nteam = \"payments\"\n\
             steps = [ {{ after = \"0m\", targets = [\"user:alice\"] }}, {steps} ]\n\
             last_resort = [\"user:root\"]\n"
        )
    };
    let (root, bob) = (
        "{ after = \"5m\", targets = [\"user:root\"] }",
        "{ after = \"30m\", targets = [\"user:bob\"] }",
    );
    let mut night = Night::begin(&with(&format!("{root}, {bob}"))).await;
    night.server.alert(json!({"title": "disk full"})).await;
    night.expect_page("alice").await;
    assert_eq!(night.passes(mins(1)).await, []);
    night.apply(&with(bob)).await;
    assert_eq!(night.server.incident(1).await.escalation.next_targets, ["bob"]);
    assert_eq!(night.passes(secs(29 * 60 - 1)).await, []);
    assert_eq!(night.passes(secs(1)).await, [page("bob")]);
}

#[tokio::test]
async fn a_step_that_was_taken_away_is_not_waited_for() {
    let mut night = Night::begin(SLOW).await;
    night.server.alert(json!({"title": "disk full"})).await;
    night.expect_page("alice").await;
    let (before, _) = SLOW.split_once(", { after = \"60m\"").expect("a second step");
    night.apply(&format!("{before} ]\nlast_resort = [\"user:root\"]\n")).await;
    assert_eq!(night.passes(mins(59)).await, []);
    assert_eq!(night.passes(mins(1)).await, [page("root")]);
    let story = night.server.story(1).await;
    assert_eq!(story, ["created", "escalated", "escalated"], "nothing of a step in vain");
    night.server.act("root", 1, ack()).await.expect("acknowledged");
}

#[tokio::test]
async fn who_is_gone_hears_nothing_by_his_other_contacts_either() {
    let mut night = Night::begin(&SLOW.replace("user:alice", "user:bob")).await;
    let (phone, desk) = (night.far.url("/phone"), night.far.url("/desk"));
    let contact = |name: &str, url: &str| {
        format!("{{ name = \"{name}\", channel = \"webhook\", address = \"{url}\" }}")
    };
    let contacts = [contact("phone", &phone), contact("desk", &desk)].join(", ");
    night
        .apply(&format!(
            "[[users]]\nusername = \"bob\"\ncontacts = [{contacts}]\n\
             rules.high = [{{ after = \"0m\", contact = \"phone\" }}]\n"
        ))
        .await;
    night.server.alert(json!({"title": "disk full"})).await;
    night.expect_page("phone").await;
    // That somebody has it waits for another try when he leaves.
    night.far.answer(503, "x-why", "busy");
    night.server.act("alice", 1, ack()).await.expect("acknowledged");
    assert_eq!(night.heard().await.0, "phone");
    night.server.settle_deliveries().await;
    night.apply("[[teams]]\nslug = \"payments\"\nmembers = { alice = \"admin\" }\n").await;
    let rang = night.passes(mins(1)).await;
    assert!(rang.iter().all(|(who, _)| who != "desk" && who != "phone"), "{rang:?}");
}
