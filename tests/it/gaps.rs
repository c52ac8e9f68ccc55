//! Nobody will be on call: those who plan hear of it in daylight, days before.
use std::fmt::Write;

use incidentd::api::Nothing;
use incidentd::api::configuration::Document;
use incidentd::api::schedules::{CREATE_OVERRIDE, DELETE_SCHEDULE, NewOverride};
use incidentd::app::Caller;
use jiff::Timestamp;

use crate::far::{Far, this_machine};
use crate::harness::{TestServer, hours};

struct Story {
    server: TestServer,
    far: Far,
}

impl Story {
    /// alice, bob and mallory each have a phone; payments has a schedule without rotations in
    /// Paris, where it is Monday, 04:00.
    async fn begin(alice: &str) -> Self {
        let far = Far::start().await;
        let server =
            TestServer::with(|config| config.outgoing.allow_private = this_machine()).await;
        let mut text =
            "[[schedules]]\nslug = \"primary\"\nteam = \"payments\"\ntime_zone = \"Europe/Paris\"\n"
                .to_owned();
        for name in ["alice", "bob", "mallory"] {
            let (url, more) =
                (far.url(&format!("/{name}")), if name == "alice" { alice } else { "" });
            let _ = write!(
                text,
                "[[users]]\nusername = \"{name}\"\n{more}contacts = \
                 [{{ name = \"phone\", channel = \"webhook\", address = \"{url}\" }}]\n"
            );
        }
        let document: Document = toml::from_str(&text).expect("a document");
        server.server().app.apply(&Caller::host(), document).await.expect("applied");
        Self { server, far }
    }

    async fn bob_stands_in(&self, start: &str, end: &str) {
        let at = |text: &str| text.parse::<Timestamp>().expect("a moment");
        let (start, end) = (at(start), at(end));
        let new = NewOverride { user: "bob".into(), start, end, replacing: None };
        let path = "primary".to_owned();
        self.server.call("alice", &CREATE_OVERRIDE, path, &Nothing {}, &new).await.expect("made");
    }

    /// Everything that was said until then, as `who: text`.
    async fn until(&mut self, when: &str) -> Vec<String> {
        let when: Timestamp = when.parse().expect("a moment");
        let wait = when.duration_since(self.server.server().app.now());
        self.server.advance(wait.try_into().expect("later")).await;
        self.server.settle_deliveries().await;
        self.far
            .so_far()
            .iter()
            .map(|heard| {
                let said = heard.json();
                assert_eq!(said["kind"], "notice", "{said}");
                let text =
                    said["text"].as_str().and_then(|text| text.lines().next()).expect("words");
                format!("{}: {text}", heard.path.trim_start_matches('/'))
            })
            .collect()
    }
}

const SILENT: [String; 0] = [];

#[tokio::test]
async fn admins_hear_of_a_gap_a_week_ahead_and_once_more_on_the_day_before() {
    let mut story = Story::begin("").await;
    story.bob_stands_in("2026-11-23T03:00:00Z", "2026-12-01T08:00:00Z").await;
    story.bob_stands_in("2026-12-02T08:00:00Z", "2027-06-01T00:00:00Z").await;
    assert_eq!(story.until("2026-11-24T08:59:59Z").await, SILENT, "more than a week away");
    let told = story.until("2026-11-24T09:00:00Z").await;
    let said = "alice: Nobody is on call in primary from Tue 01 Dec 09:00 until Wed 02 Dec 09:00 \
                (Europe/Paris). Let somebody stand in: incidentd schedule override primary --user \
                USER --from TIME --until TIME";
    assert_eq!(told, [said], "at ten in Paris, in the words of its clocks, to the admin alone");

    story.server.restart().await;
    assert_eq!(story.until("2026-11-30T08:59:59Z").await, SILENT, "nor at a restart");
    assert_eq!(story.until("2026-11-30T09:00:00Z").await, [said], "less than a day before");
    assert_eq!(story.until("2026-12-03T12:00:00Z").await, SILENT);
}

#[tokio::test]
async fn a_gap_that_somebody_filled_is_no_matter_any_more() {
    let mut story = Story::begin("").await;
    story.bob_stands_in("2026-11-23T03:00:00Z", "2026-11-27T08:00:00Z").await;
    let told = story.until("2026-11-23T09:00:00Z").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("from Fri 27 Nov 09:00 on (Europe/Paris)"), "{told:?}");
    story.bob_stands_in("2026-11-27T08:00:00Z", "2027-06-01T00:00:00Z").await;
    assert_eq!(story.until("2026-12-03T12:00:00Z").await, SILENT);
}

#[tokio::test]
async fn nobody_hears_of_it_at_night() {
    let quiet = "time_zone = \"America/Los_Angeles\"\n\
                 rules.quiet = { from = \"22:00\", to = \"07:00\" }\n";
    let mut story = Story::begin(quiet).await;
    // The server is down at ten, and comes back at three in the next night.
    story.server.server.take().expect("it runs").stop().await;
    story.server.clock.advance(hours(23));
    story.server.restart().await;
    assert_eq!(story.until("2026-11-24T08:59:59Z").await, SILENT, "it is night in Paris");
    // At ten it is one in the night where alice sleeps.
    assert_eq!(story.until("2026-11-24T14:59:59Z").await, SILENT);
    let told = story.until("2026-11-24T15:00:00Z").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("from now on"), "{told:?}");
}

#[tokio::test]
async fn a_schedule_that_is_gone_is_forgotten() {
    let mut story = Story::begin("").await;
    let path = "primary".to_owned();
    let gone = story.server.call("alice", &DELETE_SCHEDULE, path, &Nothing {}, &Nothing {});
    gone.await.expect("removed");
    assert_eq!(story.until("2026-11-26T12:00:00Z").await, SILENT);
}
