//! Nights: who is paged when, until somebody answers. Pages go to a real far end over HTTP.
use std::collections::BTreeMap;
use std::fmt::Write;
use std::num::NonZeroU32;

use incidentd::api::configuration::Document;
use incidentd::api::deliveries::{DELIVERIES, DeliveryView};
use incidentd::api::incidents::SHOW;
use incidentd::api::{Nothing, Page, PageQuery};
use incidentd::app::Caller;
use incidentd::config::Config;
use incidentd::domain::delivery::{DeliveryKind, DeliveryState};
use incidentd::domain::escalation::EscalationState;
use incidentd::domain::{Action, IncidentId, Status};
use incidentd::error::Kind;
use serde_json::{Value, json};

use crate::far::{Far, this_machine};
use crate::harness::{TestServer, hours, mins, secs};
use crate::wire::until;

const SIX: NonZeroU32 = NonZeroU32::new(6).expect("more than none");

/// A ladder of three: alice, bob, the whole team; everybody has one contact at the far end.
pub const LADDER: &str = r#"
[[escalation_policies]]
slug = "payments-default"
team = "payments"
repeat = 1
steps = [ { after = "0m", targets = ["user:alice"] }, { after = "5m", targets = ["user:bob"] } ]
last_resort = ["user:root"]
"#;

pub struct Night {
    pub server: TestServer,
    pub far: Far,
}

impl Night {
    pub async fn begin(document: &str) -> Self {
        Self::with(|_| {}, document).await
    }

    pub async fn with(configure: impl FnOnce(&mut Config), document: &str) -> Self {
        let far = Far::start().await;
        let server = TestServer::with(|config| {
            config.outgoing.allow_private = this_machine();
            configure(config);
        })
        .await;
        let mut night = Self { server, far };
        let mut text = document.to_owned();
        for name in ["root", "alice", "bob"] {
            if !document.contains(&format!("username = \"{name}\"")) {
                let url = night.far.url(&format!("/{name}"));
                let _ = write!(
                    text,
                    "[[users]]\nusername = \"{name}\"\n\
                     contacts = [{{ name = \"phone\", channel = \"webhook\", address = \"{url}\" }}]\n"
                );
            }
        }
        night.apply(&text).await;
        night
    }

    pub async fn apply(&mut self, text: &str) {
        let document: Document = toml::from_str(text).expect("a document");
        self.server.server().app.apply(&Caller::host(), document).await.expect("applied");
    }

    /// Whom the next message went to, and what it said.
    pub async fn heard(&mut self) -> (String, Value) {
        let heard = self.far.next().await;
        (heard.path.trim_start_matches('/').to_owned(), heard.json())
    }

    pub async fn expect_page(&mut self, who: &str) -> Value {
        let (to, said) = self.heard().await;
        assert_eq!((to.as_str(), &said["kind"]), (who, &json!("page")), "{said}");
        // Before the clock is turned: when it went out is now.
        self.server.settle_deliveries().await;
        said
    }

    /// Everything that is due has gone out; returns who was sent what meanwhile.
    pub async fn settled(&mut self) -> Vec<(String, String)> {
        self.server.settle_deliveries().await;
        let heard = self.far.so_far().into_iter();
        heard
            .map(|heard| {
                let kind = heard.json()["kind"].as_str().unwrap_or_default().to_owned();
                (heard.path.trim_start_matches('/').to_owned(), kind)
            })
            .collect()
    }

    pub async fn passes(&mut self, time: std::time::Duration) -> Vec<(String, String)> {
        self.server.advance(time).await;
        self.settled().await
    }

    /// When the messages about the first incident went, or were not sent at all.
    async fn ended(&self) -> Vec<jiff::Timestamp> {
        self.deliveries(1).await.iter().filter_map(|row| row.ended_at).collect()
    }

    pub async fn deliveries(&self, id: i64) -> Vec<DeliveryView> {
        let page: Page<DeliveryView> = self
            .server
            .call("bob", &DELIVERIES, IncidentId(id), &PageQuery::default(), &Nothing {})
            .await
            .expect("deliveries");
        page.items
    }
}

pub fn page(who: &str) -> (String, String) {
    (who.to_owned(), "page".to_owned())
}

pub fn clear(who: &str) -> (String, String) {
    (who.to_owned(), "all_clear".to_owned())
}

pub fn ack() -> Action {
    Action::Acknowledge { span: None, until: None, note: None, take: false }
}

#[tokio::test]
async fn the_ladder_is_climbed_until_somebody_answers() {
    let mut night = Night::begin(LADDER).await;
    night.server.alert(json!({"title": "disk full", "severity": "critical"})).await;
    let said = night.expect_page("alice").await;
    assert!(said.to_string().contains("disk full"), "{said}");
    night.settled().await;
    let it = night.server.incident(1).await;
    assert_eq!((it.escalation.round, it.escalation.step), (1, 1));
    assert_eq!(it.escalation.state, EscalationState::Pending);
    assert_eq!(it.escalation.next_targets, ["bob"]);
    assert_eq!(it.escalation.told[0].user, "alice");
    assert_eq!(it.escalation.told[0].outcome, "sent");
    assert_eq!(it.assignees[0].username, "alice", "assignees are those paged so far");

    assert_eq!(night.passes(secs(299)).await, []);
    assert_eq!(night.passes(secs(1)).await, [page("bob")]);
    assert_eq!(night.passes(mins(5)).await, [page("alice")], "the second round");
    assert_eq!(night.passes(mins(5)).await, [page("bob")]);
    assert_eq!(night.passes(mins(5)).await, [page("root")], "the last resort");
    let it = night.server.incident(1).await;
    assert_eq!(it.escalation.state, EscalationState::Exhausted);
    assert_eq!(night.passes(mins(59)).await, []);
    assert_eq!(night.passes(mins(1)).await, [page("root")], "reminded every hour");

    night.server.act("bob", 1, ack()).await.expect("acknowledged");
    let mut told = night.settled().await;
    told.sort();
    assert_eq!(told, [clear("alice"), clear("root")], "once each; bob knows");
    assert_eq!(night.passes(hours(7)).await, []);
    let it = night.server.incident(1).await;
    assert_eq!((it.status, it.escalation.state), (Status::Acknowledged, EscalationState::None));
    let pages = night.deliveries(1).await;
    let sent = |row: &&DeliveryView| row.state == DeliveryState::Sent;
    assert_eq!(pages.iter().filter(sent).count(), 8, "six pages and two all clears");
    assert!(pages.iter().all(|row| row.made.is_some()), "each has its reason");
}

#[tokio::test]
async fn nobody_is_paged_for_what_is_over_after_hours_of_downtime() {
    let mut night = Night::begin(LADDER).await;
    night.server.alert(json!({"title": "one"})).await;
    night.expect_page("alice").await;
    night.server.alert(json!({"title": "two"})).await;
    night.server.post("generic", &json!({"title": "two", "status": "resolved"})).await;
    night.settled().await;
    night.server.clock.advance(hours(3));
    night.server.restart().await;
    let told = night.passes(secs(0)).await;
    assert_eq!(told, [page("bob")], "what fell due fires once, not all steps at one moment");
    assert_eq!(night.passes(mins(4)).await, []);
    assert_eq!(night.passes(mins(1)).await, [page("alice")], "re-spaced: the second round");
    assert_eq!(
        night
            .deliveries(2)
            .await
            .iter()
            .filter(|row| row.state == DeliveryState::Sent && row.kind == DeliveryKind::Page)
            .count(),
        0,
        "two was over before its bundle went"
    );
}

#[tokio::test]
async fn a_storm_is_a_handful_of_messages_and_its_link_answers_exactly_those() {
    let mut night = Night::begin(LADDER).await;
    for n in 0..50 {
        night.server.alert(json!({"title": format!("service {n} is down")})).await;
    }
    let first = night.expect_page("alice").await;
    assert_eq!(night.settled().await, []);
    night.server.advance(secs(60)).await;
    let rest = night.expect_page("alice").await;
    assert_eq!(night.settled().await, [], "fifty incidents, two messages");
    let count = |said: &Value| said["incidents"].as_array().map_or(0, Vec::len);
    let (first, late) = (count(&first), count(&rest));
    assert_eq!(first + late, 50);

    let link = rest["ackUrl"].as_str().expect("a link").to_owned();
    let shown = night.server.http().get(&link).send().await.expect("a page");
    assert_eq!(shown.status(), 200);
    let shown = shown.text().await.expect("text");
    assert!(shown.contains(&format!("Acknowledge {late} as alice")), "{shown}");
    assert_eq!(night.server.incident(50).await.status, Status::Triggered, "a scanner's GET");
    let done = night.server.http().post(&link).send().await.expect("done");
    assert_eq!(done.status(), 200);
    let mut statuses: BTreeMap<&str, usize> = BTreeMap::new();
    for id in 1..=50 {
        *statuses.entry(night.server.incident(id).await.status.word()).or_default() += 1;
    }
    assert_eq!(statuses, BTreeMap::from([("acknowledged", late), ("triggered", first)]));
    let again = night.server.http().post(&link).send().await.expect("done");
    assert_eq!(again.status(), 200, "already so");

    for wrong in [link.replace("/a.", "/r."), format!("{link}x"), link[..link.len() - 1].into()] {
        let refused = night.server.http().post(&wrong).send().await.expect("an answer");
        assert_eq!(refused.status(), 404, "{wrong}");
    }
    night.server.advance(hours(25)).await;
    let late = night.server.http().get(&link).send().await.expect("an answer");
    assert_eq!(late.status(), 404, "a day later");
}

#[tokio::test]
async fn an_empty_step_is_skipped_at_once_and_said() {
    let document = r#"
[[schedules]]
slug = "nobody"
team = "payments"
[[escalation_policies]]
slug = "payments-default"
team = "payments"
repeat = 0
steps = [ { after = "0m", targets = ["schedule:nobody"] }, { after = "15m", targets = ["user:bob"] } ]
"#;
    let mut night = Night::begin(document).await;
    night.server.alert(json!({"title": "disk full"})).await;
    let mut told = [night.heard().await, night.heard().await];
    told.sort_by_key(|(who, _)| who.clone());
    assert_eq!((told[0].0.as_str(), &told[0].1["kind"]), ("alice", &json!("notice")));
    assert!(told[0].1.to_string().contains("nobody is on call"), "{}", told[0].1);
    assert_eq!((told[1].0.as_str(), &told[1].1["kind"]), ("bob", &json!("page")));
    assert_eq!(night.server.story(1).await, ["created", "escalated", "escalated"]);
    assert!(!night.server.incident(1).await.untold);
}

#[tokio::test]
async fn a_round_in_vain_goes_to_the_last_resort_and_untold_is_said() {
    let document = r#"
[[escalation_policies]]
slug = "payments-default"
team = "payments"
steps = [ { after = "0m", targets = ["user:carol"] }, { after = "5m", targets = ["user:carol"] } ]
last_resort = ["user:mallory"]
[[users]]
username = "root"
[[users]]
username = "alice"
[[users]]
username = "bob"
"#;
    let mut night = Night::begin(document).await;
    night.server.alert(json!({"title": "disk full"})).await;
    let it = night.server.incident(1).await;
    assert!(it.untold, "nobody has a contact");
    assert_eq!(it.escalation.state, EscalationState::Exhausted);
    assert_eq!(night.server.story(1).await, ["created", "escalated", "escalated", "escalated"]);
    let url = night.far.url("/root");
    night
        .apply(&format!(
            "[[users]]\nusername = \"root\"\n\
        contacts = [{{ name = \"phone\", channel = \"webhook\", address = \"{url}\" }}]\n"
        ))
        .await;
    assert_eq!(night.passes(secs(59)).await, []);
    assert_eq!(night.passes(secs(1)).await, [page("root")], "the platform's admins");
    assert!(!night.server.incident(1).await.untold);
}

#[tokio::test]
async fn low_urgency_tells_once_and_never_climbs() {
    let mut night = Night::begin(LADDER).await;
    night.server.alert(json!({"title": "disk", "severity": "warning"})).await;
    night.expect_page("alice").await;
    assert_eq!(night.passes(hours(5)).await, []);
    assert_eq!(night.server.incident(1).await.escalation.state, EscalationState::None);
    night.server.alert(json!({"title": "disk", "severity": "critical"})).await;
    night.expect_page("alice").await;
    assert_eq!(night.passes(mins(5)).await, [page("bob")], "now it is high: from step 1");
}

#[tokio::test]
async fn quiet_hours_hold_what_is_not_urgent() {
    let mut night = Night::begin(LADDER).await;
    let url = night.far.url("/alice");
    night
        .apply(&format!(
            "[[users]]\nusername = \"alice\"\ntime_zone = \"UTC\"\n\
        contacts = [{{ name = \"phone\", channel = \"webhook\", address = \"{url}\" }}]\n\
        rules.quiet = {{ from = \"22:00\", to = \"07:00\" }}\n"
        ))
        .await;
    night.server.alert(json!({"title": "backup slow", "severity": "warning"})).await;
    assert_eq!(night.passes(mins(239)).await, [], "03:00 to 06:59");
    assert_eq!(night.passes(mins(1)).await, [page("alice")]);
    night.server.alert(json!({"title": "gone", "severity": "critical"})).await;
    night.server.advance(mins(1)).await;
    night.expect_page("alice").await;
}

#[tokio::test]
async fn rules_ring_one_after_the_other_until_the_acknowledge() {
    let mut night = Night::begin(LADDER).await;
    let (push, sms) = (night.far.url("/push"), night.far.url("/sms"));
    night
        .apply(&format!(
            "[[users]]\nusername = \"alice\"\n\
        contacts = [{{ name = \"push\", channel = \"webhook\", address = \"{push}\" }}, \
                    {{ name = \"sms\", channel = \"webhook\", address = \"{sms}\" }}]\n\
        rules.high = [{{ after = \"0m\", contact = \"push\" }}, \
                      {{ after = \"3m\", contact = \"sms\" }}, \
                      {{ after = \"6m\", contact = \"push\" }}]\n"
        ))
        .await;
    night.server.alert(json!({"title": "disk full"})).await;
    night.expect_page("push").await;
    assert_eq!(night.passes(mins(3)).await, [page("sms")]);
    assert_eq!(night.passes(mins(2)).await, [page("bob")], "the ladder moves");
    assert_eq!(night.passes(mins(1)).await, [page("push")], "and her rules go on");
    night.server.act("alice", 1, ack()).await.expect("acknowledged");
    assert_eq!(night.settled().await, [clear("bob")]);
}

#[tokio::test]
async fn what_fails_falls_over_to_the_next_contact_and_then_to_the_next_step() {
    let mut night = Night::begin(LADDER).await;
    let (push, sms) = (night.far.url("/push"), night.far.url("/sms"));
    night
        .apply(&format!(
            "[[users]]\nusername = \"alice\"\n\
        contacts = [{{ name = \"push\", channel = \"webhook\", address = \"{push}\" }}, \
                    {{ name = \"sms\", channel = \"webhook\", address = \"{sms}\" }}]\n\
        rules.high = [{{ after = \"0m\", contact = \"push\" }}]\n"
        ))
        .await;
    night.far.answer(410, "x-why", "gone");
    night.far.answer(410, "x-why", "gone too");
    night.server.alert(json!({"title": "disk full"})).await;
    night.expect_page("push").await;
    night.expect_page("sms").await;
    night.expect_page("bob").await;
    night.settled().await;
    let story = night.server.story(1).await;
    assert_eq!(story, ["created", "escalated", "updated delivery_failed", "escalated"]);
    let states: Vec<_> = night.deliveries(1).await.iter().map(|row| row.state).collect();
    assert_eq!(states[..3], [DeliveryState::Failed, DeliveryState::Failed, DeliveryState::Sent]);
    assert!(!night.server.incident(1).await.untold);
}

#[tokio::test]
async fn a_far_end_that_is_away_is_tried_again_with_the_same_id() {
    let mut night = Night::begin(LADDER).await;
    night.far.answer(503, "retry-after", "20");
    night.server.alert(json!({"title": "disk full"})).await;
    let first = night.expect_page("alice").await;
    assert_eq!(night.passes(secs(19)).await, [], "it said when");
    night.server.advance(secs(30)).await;
    let second = night.expect_page("alice").await;
    assert_eq!(first["id"], second["id"]);
    let rows = night.deliveries(1).await;
    night.settled().await;
    assert_eq!(rows.len(), 1);
}

#[tokio::test]
async fn a_far_end_hears_no_more_than_its_rate() {
    let six = |config: &mut Config| config.rates = [("webhook".to_owned(), SIX)].into();
    let all = "[[escalation_policies]]\nslug = \"payments-default\"\nteam = \"payments\"\n\
        steps = [{ after = \"0m\", targets = [\"user:alice\", \"user:bob\", \"user:root\"] }]\n";
    let mut night = Night::with(six, all).await;
    night.server.alert(json!({"title": "disk full", "severity": "critical"})).await;
    let ended = async |night: &Night, n: usize| {
        until("it is written down", || async { night.ended().await.len() == n }).await;
        night.ended().await
    };
    night.heard().await;
    let first = ended(&night, 1).await[0];
    night.server.advance(secs(9)).await;
    night.server.advance(secs(1)).await;
    night.heard().await;
    let second = ended(&night, 2).await[1];
    assert_eq!(second.duration_since(first).as_secs(), 10, "six a minute");
    // Who waited for his turn is told nothing once somebody has it.
    night.server.act("alice", 1, ack()).await.expect("acknowledged");
    ended(&night, 3).await;
    let outcomes: Vec<_> = night.deliveries(1).await.into_iter().map(|row| row.outcome).collect();
    assert_eq!(outcomes[2].as_deref(), Some("acknowledged"), "{outcomes:?}");
}

#[tokio::test]
async fn the_one_who_has_it_hears_of_new_alerts_but_not_of_each() {
    let mut night = Night::begin(LADDER).await;
    let alert = |n: u32| json!({"title": format!("disk {n}"), "dedupKey": "disks"});
    night.server.alert(alert(1)).await;
    night.expect_page("alice").await;
    night.server.act("alice", 1, ack()).await.expect("acknowledged");
    night.settled().await;
    night.server.alert(json!({"title": "disk", "dedupKey": "disks", "severity": "critical"})).await;
    assert_eq!(night.server.incident(1).await.status, Status::Triggered, "worse: from step 1");
}

#[tokio::test]
async fn steps_keep_their_distance_when_somebody_sets_the_clock() {
    let mut night = Night::begin(LADDER).await;
    night.server.alert(json!({"title": "disk full"})).await;
    night.expect_page("alice").await;
    night.settled().await;
    for hours in [1, -1] {
        night.server.step_wall(jiff::SignedDuration::from_hours(hours)).await;
        assert_eq!(night.settled().await, [], "{hours} h");
    }
    assert_eq!(night.passes(secs(299)).await, []);
    assert_eq!(night.passes(secs(1)).await, [page("bob")]);
}

#[tokio::test]
async fn a_bundle_that_is_sent_again_is_the_same_message() {
    let mut night = Night::begin(LADDER).await;
    night.server.alert(json!({"title": "first"})).await;
    night.expect_page("alice").await;
    for n in 0..3 {
        night.server.alert(json!({"title": format!("later {n}")})).await;
    }
    night.far.answer(503, "x-why", "away");
    night.server.advance(secs(60)).await;
    let (_, refused) = night.heard().await;
    night.server.settle_deliveries().await;
    night.server.advance(secs(30)).await;
    let again = night.expect_page("alice").await;
    assert_eq!(again["id"], refused["id"]);
    assert_eq!(again["incidents"].as_array().map(Vec::len), Some(3), "in one piece");
    let link = again["ackUrl"].as_str().expect("a link");
    assert_eq!(night.server.http().post(link).send().await.expect("done").status(), 200);
    let status = |it: incidentd::domain::Incident| it.status;
    assert_eq!(status(night.server.incident(1).await), Status::Triggered, "it was not of these");
    for id in 2..=4 {
        assert_eq!(status(night.server.incident(id).await), Status::Acknowledged);
    }
}

#[tokio::test]
async fn a_link_ends_with_its_person_s_access() {
    let mut night = Night::begin(LADDER).await;
    night.server.alert(json!({"title": "disk full"})).await;
    let page = night.expect_page("alice").await;
    let link = page["ackUrl"].as_str().expect("a link");
    night.apply("[[teams]]\nslug = \"payments\"\nmembers = { bob = \"admin\" }\n").await;
    let shown = night.server.http().get(link).send().await.expect("an answer");
    assert_eq!(shown.status(), 404);
    assert!(!shown.text().await.expect("text").contains("disk full"), "told nothing");
    assert_eq!(night.server.http().post(link).send().await.expect("an answer").status(), 404);
    assert_eq!(night.server.incident(1).await.status, Status::Triggered);
}

#[tokio::test]
async fn who_is_gone_is_told_nothing_more_and_is_not_let_in_again() {
    let mut night = Night::begin(&LADDER.replace("user:bob", "user:alice")).await;
    night.server.alert(json!({"title": "disk full"})).await;
    night.server.alert(json!({"title": "no space"})).await;
    night.expect_page("alice").await;
    night.settled().await;
    // One he has acknowledged, one was given to him.
    night.server.act("bob", 1, ack()).await.expect("acknowledged");
    night
        .server
        .act("alice", 2, Action::Reassign { to: "bob".into(), reason: None })
        .await
        .expect("given");
    night.settled().await;
    night.apply("[[teams]]\nslug = \"payments\"\nmembers = { alice = \"admin\" }\n").await;
    let mut rang = night.settled().await;
    rang.extend(night.passes(mins(30)).await);
    assert!(rang.contains(&page("alice")) && !rang.contains(&page("bob")), "{rang:?}");
    for id in [1, 2] {
        let incident = night.server.incident(id).await;
        assert_eq!(incident.status, Status::Triggered);
        assert!(incident.assignees.iter().all(|user| user.username != "bob"), "{id}");
        let seen = night.server.call("bob", &SHOW, IncidentId(id), &Nothing {}, &Nothing {}).await;
        assert_eq!(seen.expect_err("hidden").kind, Kind::NotFound, "{id}");
    }
}

#[tokio::test]
async fn what_is_reopened_after_somebody_left_is_his_only_if_it_tells_him_anew() {
    let mut night = Night::begin(LADDER).await;
    night.server.alert(json!({"title": "disk full"})).await;
    night.expect_page("alice").await;
    let to = Action::Reassign { to: "bob".into(), reason: None };
    night.server.act("alice", 1, to).await.expect("given");
    let over = Action::Resolve { note: None, hold: None };
    night.server.act("alice", 1, over).await.expect("resolved");
    night.apply("[[teams]]\nslug = \"payments\"\nmembers = { alice = \"admin\" }\n").await;
    night.settled().await;
    night.server.act("alice", 1, Action::Reopen {}).await.expect("reopened");
    let rang = night.passes(mins(4)).await;
    assert!(!rang.contains(&page("bob")), "{rang:?}");
    let assigned = night.server.incident(1).await.assigned();
    assert!(!assigned.contains("bob"), "{assigned}");
    // The policy names him all the same: then he may answer.
    assert!(night.passes(mins(1)).await.contains(&page("bob")));
    night.server.act("bob", 1, ack()).await.expect("his by being paged");
}

#[tokio::test]
async fn what_waits_for_a_removed_contact_goes_to_another() {
    let mut night = Night::begin(LADDER).await;
    let contact = |name: &str, url: &str| {
        format!("{{ name = \"{name}\", channel = \"webhook\", address = \"{url}\" }}")
    };
    let (lost, new) = (night.far.url("/lost"), night.far.url("/new"));
    let user = "[[users]]\nusername = \"alice\"\n";
    let rules = "rules.high = [ { after = \"3m\", contact = \"lost\" } ]\n";
    night.apply(&format!("{user}contacts = [{}]\n{rules}", contact("lost", &lost))).await;
    night.server.alert(json!({"title": "disk full"})).await;
    assert_eq!(night.settled().await, []);
    night.apply(&format!("{user}contacts = [{}]\nrules.high = []\n", contact("new", &new))).await;
    assert_eq!(night.passes(mins(3)).await, [page("new")]);
}

#[tokio::test]
async fn a_last_resort_that_fails_is_tried_again_before_long() {
    let ladder = LADDER
        .replace("{ after = \"0m\", targets = [\"user:alice\"] }, ", "")
        .replace("\"5m\"", "\"0m\"")
        .replace("repeat = 1", "repeat = 0");
    let mut night = Night::begin(&ladder).await;
    // To bob, to root, and what alice is told of it as an admin.
    for _ in 0..3 {
        night.far.answer(410, "x-why", "gone");
    }
    night.server.alert(json!({"title": "disk full"})).await;
    let mut rang = night.settled().await;
    rang.retain(|(_, kind)| kind == "page");
    assert_eq!(rang, [page("bob"), page("root")]);
    assert!(night.server.incident(1).await.untold);
    assert_eq!(night.passes(mins(4)).await, []);
    let mut rang = night.passes(mins(1)).await;
    rang.sort();
    assert_eq!(rang, [page("bob"), page("root")], "step 1, and who was to have it");
    assert!(!night.server.incident(1).await.untold);
}
