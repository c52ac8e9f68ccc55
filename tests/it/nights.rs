//! Three nights at random: incidents, answers, stand-ins, edits and restarts, watched by somebody
//! slow and obvious who writes down what each incident went through and says from that alone who
//! had to be paged when.
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use incidentd::api::deliveries::{DELIVERIES, DeliveryView};
use incidentd::api::incidents::{AfterQuery, TIMELINE};
use incidentd::api::{Nothing, PageQuery};
use incidentd::app::Caller;
use incidentd::domain::delivery::{DeliveryKind, DeliveryState};
use incidentd::domain::{Action, IncidentId, Span, Status};
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use crate::far::{Far, this_machine};
use crate::harness::{START, TestServer, secs};
use crate::process::say;

const ROUNDS: i64 = 2;
/// How long the first step waits, in minutes; the second five more.
const FIRST: i64 = 2;
/// Who stands in the rotation, twelve hours each from nine to nine.
const ROTATION: [&str; 2] = ["alice", "bob"];
const HANDOFF: &str = "2026-01-05T09:00:00Z";

const WORLD: &str = r#"
[[schedules]]
slug = "primary"
team = "payments"
[[schedules.rotations]]
name = "halves"
every = "12h"
handoff = "2026-01-05T09:00"
participants = ["alice", "bob"]
"#;

fn minutes(n: i64) -> SignedDuration {
    SignedDuration::from_mins(n)
}

/// The policy, with this person on its second step.
fn policy(second: &str) -> String {
    format!(
        "[[escalation_policies]]\nslug = \"payments-default\"\nteam = \"payments\"\nrepeat = 1\n\
         steps = [{{ after = \"{FIRST}m\", targets = [\"schedule:primary\"] }},\n\
         {{ after = \"{}m\", targets = [\"user:{second}\"] }}]\nlast_resort = [\"user:root\"]\n",
        FIRST + 5
    )
}

/// Numbers that are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[usize::try_from(self.below(of.len() as u64)).expect("small")]
    }
}

/// What happened to an incident.
#[derive(Clone, Debug)]
enum Happened {
    /// Step 1 after its wait.
    Triggered,
    /// Step 1 now, and the person who had it.
    GivenBack(String),
    /// It is this person's until then; nobody is paged meanwhile.
    Acknowledged(String, Timestamp),
    Given(String),
    Resolved,
}

/// One person's time in the place of whoever is on call.
struct StandIn {
    start: Timestamp,
    end: Timestamp,
    user: String,
}

/// What the observer wrote down.
#[derive(Default)]
struct Notes {
    incidents: BTreeMap<i64, Vec<(Timestamp, Happened)>>,
    stand_ins: Vec<StandIn>,
    /// From when on who is on the second step.
    second: Vec<(Timestamp, String)>,
    /// When the server was away.
    away: Vec<(Timestamp, Timestamp)>,
}

/// A page that had to go out: when, at which step, to whom.
type Due = (Timestamp, u64, BTreeSet<String>);

impl Notes {
    /// Who is on call, by counting halves of days.
    fn on_call(&self, at: Timestamp) -> String {
        let latest = self.stand_ins.iter().rev().find(|one| one.start <= at && at < one.end);
        if let Some(stand_in) = latest {
            return stand_in.user.clone();
        }
        let handoff: Timestamp = HANDOFF.parse().expect("a time");
        let half = at.duration_since(handoff).as_hours().div_euclid(12);
        ROTATION[usize::try_from(half.rem_euclid(2)).expect("0 or 1")].to_owned()
    }

    fn second_at(&self, at: Timestamp) -> String {
        let now = self.second.iter().rev().find(|(since, _)| *since <= at);
        now.expect("the policy was there first").1.clone()
    }

    /// What falls due while the server is away happens when it is back.
    fn back(&self, at: Timestamp) -> Timestamp {
        let away = self.away.iter().find(|(from, until)| *from < at && at < *until);
        away.map_or(at, |(_, until)| *until)
    }

    /// The ladder from its first step, due at `first`, until `end`; what happens at `end` itself
    /// comes after it.
    fn ladder(
        &self,
        first: Timestamp,
        end: Timestamp,
        had_it: Option<&String>,
        due: &mut Vec<Due>,
    ) {
        let mut at = self.back(first);
        for round in 1..=ROUNDS {
            for step in [1, 2] {
                if at > end {
                    return;
                }
                let people = if step == 1 {
                    let had_it = had_it.filter(|_| round == 1).cloned();
                    had_it.into_iter().chain([self.on_call(at)]).collect()
                } else {
                    BTreeSet::from([self.second_at(at)])
                };
                due.push((at, step, people));
                let new_round = step == 2 && round < ROUNDS;
                at = self.back(at + minutes(if new_round { 5 + FIRST } else { 5 }));
            }
        }
        while at <= end {
            due.push((at, 0, BTreeSet::from(["root".to_owned()])));
            at = self.back(at + minutes(60));
        }
    }

    /// All pages that an incident was due until `end`.
    fn due(&self, id: i64, end: Timestamp) -> Vec<Due> {
        let story = &self.incidents[&id];
        let mut due = Vec::new();
        for (n, (at, what)) in story.iter().enumerate() {
            let until = story.get(n + 1).map_or(end, |(next, _)| *next);
            match what {
                Happened::Triggered => self.ladder(*at + minutes(FIRST), until, None, &mut due),
                Happened::GivenBack(who) => self.ladder(*at, until, Some(who), &mut due),
                Happened::Acknowledged(who, over) if self.back(*over) <= until => {
                    self.ladder(*over, until, Some(who), &mut due);
                }
                Happened::Given(who) => {
                    due.push((*at, 0, BTreeSet::from([who.clone()])));
                    self.ladder(*at + minutes(5 + FIRST), until, Some(who), &mut due);
                }
                Happened::Acknowledged(..) | Happened::Resolved => {}
            }
        }
        due
    }

    /// Who has it for himself, if anybody, when something goes out at `at`.
    fn has_it(&self, id: i64, at: Timestamp) -> Option<&str> {
        // What went out at the moment of an answer went before it, at that of a page because of it.
        let before = |(since, what): &&(Timestamp, Happened)| {
            let pages = matches!(what, Happened::GivenBack(_) | Happened::Given(_));
            *since < at || (*since == at && pages)
        };
        match self.incidents[&id].iter().rev().find(before) {
            Some((_, Happened::Acknowledged(who, over))) if at < *over => Some(who),
            Some((_, Happened::Resolved)) => Some("nobody"),
            _ => None,
        }
    }

    /// Did anything happen to it after it was queued, so that it may be dropped?
    fn answered(&self, id: i64, queued: Timestamp, dropped: Timestamp) -> bool {
        self.incidents[&id].iter().any(|(at, what)| {
            let ends = matches!(what, Happened::Acknowledged(..) | Happened::Resolved);
            (queued < *at || (queued == *at && ends)) && *at <= dropped
        })
    }

    /// Is it answered, over, or neither, at `at`?
    fn status(&self, id: i64, at: Timestamp) -> Status {
        match self.incidents[&id].last().map(|(_, what)| what) {
            Some(Happened::Resolved) => Status::Resolved,
            Some(Happened::Acknowledged(_, over)) if *over > at => Status::Acknowledged,
            _ => Status::Triggered,
        }
    }
}

/// The nights, and who watches them.
struct Watch {
    server: TestServer,
    far: Far,
    notes: Notes,
    dice: Dice,
}

impl Watch {
    async fn begin(seed: u64) -> Self {
        let far = Far::start().await;
        let server =
            TestServer::with(|config| config.outgoing.allow_private = this_machine()).await;
        let start: Timestamp = START.parse().expect("a time");
        let notes = Notes { second: vec![(start, "bob".into())], ..Notes::default() };
        let mut watch = Self { server, far, notes, dice: Dice(seed) };
        let mut text = WORLD.to_owned() + &policy("bob");
        for name in ["root", "alice", "bob"] {
            let url = watch.far.url(&format!("/{name}"));
            let _ = write!(
                text,
                "[[users]]\nusername = \"{name}\"\n\
                 contacts = [{{ name = \"phone\", channel = \"webhook\", address = \"{url}\" }}]\n"
            );
        }
        watch.apply(&text).await;
        watch
    }

    async fn apply(&mut self, text: &str) {
        let document = toml::from_str(text).expect("a document");
        self.server.server().app.apply(&Caller::host(), document).await.expect("applied");
    }

    fn now(&self) -> Timestamp {
        self.server.server().app.now()
    }

    fn write(&mut self, id: i64, what: Happened) {
        let now = self.now();
        self.notes.incidents.entry(id).or_default().push((now, what));
    }

    /// One of those that are in this state, if there is one.
    fn some(&mut self, status: Status) -> Option<i64> {
        let now = self.now();
        let all: Vec<i64> = self.notes.incidents.keys().copied().collect();
        let fit: Vec<i64> =
            all.into_iter().filter(|id| self.notes.status(*id, now) == status).collect();
        (!fit.is_empty()).then(|| *self.dice.one(&fit))
    }

    async fn open(&mut self) {
        let n = self.notes.incidents.len();
        let alert = json!({"title": format!("service {n} is down"), "severity": "critical"});
        let id = self.server.alert(alert).await.incident_id.expect("an incident").0;
        self.write(id, Happened::Triggered);
    }

    async fn answer(&mut self) {
        let who = (*self.dice.one(&["alice", "bob"])).to_owned();
        let span = Span::secs(60 * u32::try_from(20 + self.dice.below(400)).expect("small"));
        let until = self.now() + SignedDuration::from_secs(i64::from(span.as_secs()));
        let Some(id) = self.some(Status::Triggered) else { return };
        let ack = Action::Acknowledge { span: Some(span), until: None, note: None, take: false };
        self.server.act(&who, id, ack).await.expect("acknowledged");
        self.write(id, Happened::Acknowledged(who, until));
    }

    async fn give_back(&mut self) {
        let Some(id) = self.some(Status::Acknowledged) else { return };
        let had_it = self.server.incident(id).await.assignees.remove(0).username;
        self.server.act("alice", id, Action::Unacknowledge {}).await.expect("given back");
        self.write(id, Happened::GivenBack(had_it));
    }

    async fn give_on(&mut self) {
        let status = *self.dice.one(&[Status::Triggered, Status::Acknowledged]);
        let to = (*self.dice.one(&["alice", "bob"])).to_owned();
        let Some(id) = self.some(status) else { return };
        let given = Action::Reassign { to: to.clone(), reason: None };
        if self.server.act("root", id, given).await.expect("reassigned").changed {
            self.write(id, Happened::Given(to));
        }
    }

    async fn resolve(&mut self) {
        let status = *self.dice.one(&[Status::Triggered, Status::Acknowledged]);
        let Some(id) = self.some(status) else { return };
        let resolve = Action::Resolve { note: None, hold: None };
        self.server.act("bob", id, resolve).await.expect("resolved");
        self.write(id, Happened::Resolved);
    }

    async fn reopen(&mut self) {
        let Some(id) = self.some(Status::Resolved) else { return };
        self.server.act("bob", id, Action::Reopen {}).await.expect("reopened");
        self.write(id, Happened::Triggered);
    }

    async fn stand_in(&mut self) {
        let user = (*self.dice.one(&["alice", "bob"])).to_owned();
        let start = self.now() + minutes(i64::try_from(self.dice.below(120)).expect("small"));
        let end = start + minutes(30 + i64::try_from(self.dice.below(300)).expect("small"));
        let body = json!({"user": user, "start": start, "end": end});
        let path = format!("{}/api/v1/schedules/primary/overrides", self.server.url);
        let asked =
            self.server.http().post(path).bearer_auth(self.server.token("root")).json(&body);
        let (status, said) = crate::harness::answer(asked).await;
        assert_eq!(status, 200, "{said}");
        self.notes.stand_ins.push(StandIn { start, end, user });
    }

    async fn edit(&mut self) {
        let second = (*self.dice.one(&["alice", "bob"])).to_owned();
        self.apply(&policy(&second)).await;
        let now = self.now();
        self.notes.second.push((now, second));
    }

    /// Down for a moment, or long enough that steps fall due.
    async fn restart(&mut self) {
        let from = self.now();
        self.server.clock.advance(secs(self.dice.below(2_000)));
        let until = self.now();
        self.notes.away.push((from, until));
        self.server.restart().await;
        self.server.advance(secs(0)).await;
    }

    /// Something happens.
    async fn happens(&mut self) {
        match self.dice.below(40) {
            0..=10 => self.open().await,
            11..=14 => self.answer().await,
            15..=16 => self.give_back().await,
            17..=19 => self.give_on().await,
            20..=32 => self.resolve().await,
            33..=34 => self.reopen().await,
            35..=36 => self.stand_in().await,
            37 => self.restart().await,
            _ => self.edit().await,
        }
    }

    /// One timer for each that waits for an answer, none for others.
    fn check_timers(&self) {
        let path = self.server.dir().join("incidentd.db");
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let db = Connection::open_with_flags(path, flags).expect("opened");
        let mut rows =
            db.prepare("select subject from timers where kind = 'escalate'").expect("SQL");
        let rows = rows.query_map([], |row| row.get::<_, i64>(0)).expect("rows");
        let mut set: Vec<i64> = rows.map(|row| row.expect("a number")).collect();
        set.sort_unstable();
        let now = self.now();
        let waiting = |id: &i64| self.notes.status(*id, now) == Status::Triggered;
        let expected: Vec<i64> = self.notes.incidents.keys().copied().filter(waiting).collect();
        assert_eq!(set, expected, "timers at {now}");
    }

    /// The pages that the timeline tells of: when, at which step, to whom.
    async fn climbed(&self, id: i64) -> Vec<(i64, Due)> {
        let mut all = Vec::new();
        let mut query = AfterQuery { limit: Some(200), ..AfterQuery::default() };
        loop {
            let page = self
                .server
                .call("root", &TIMELINE, IncidentId(id), &query, &Nothing {})
                .await
                .expect("a timeline");
            for event in &page.items {
                let event: Value = serde_json::from_str(event.0.get()).expect("JSON");
                if event["type"] != "incident:escalated" {
                    continue;
                }
                let names = event["notified"].as_array().expect("a list").iter();
                let names = names.map(|name| name.as_str().expect("a name").to_owned());
                let at = event["at"].as_str().expect("a time").parse().expect("a time");
                let seq = event["seq"].as_i64().expect("a number");
                all.push((seq, (at, event["step"].as_u64().expect("a number"), names.collect())));
            }
            query.cursor.clone_from(&page.next_cursor);
            if page.next_cursor.is_none() {
                return all;
            }
        }
    }

    /// It went, unless somebody answered first; and to nobody but him after that.
    fn check_page(&self, id: i64, row: &DeliveryView, climbed: &[(i64, Due)]) {
        let story = &self.notes.incidents[&id];
        let user = &row.user.as_ref().expect("a person").username;
        match (row.state, row.ended_at) {
            (DeliveryState::Queued, _) => {}
            (DeliveryState::Sent, Some(at)) => {
                let other = self.notes.has_it(id, at).filter(|has_it| has_it != user);
                assert_eq!(other, None, "incident {id}: paged in vain: {row:?} {story:#?}");
            }
            (DeliveryState::Dropped, Some(at)) => {
                let made = row.made.expect("a reason").0;
                let (_, (queued, ..)) = climbed.iter().find(|(seq, _)| *seq == made).expect("made");
                let fair = self.notes.answered(id, *queued, at);
                assert!(fair, "incident {id}: dropped in silence: {row:?} {story:#?}");
            }
            _ => panic!("incident {id}: {row:?}"),
        }
    }

    /// What was due was done, once, and nothing else; each page has its row.
    async fn check(&mut self, id: i64) -> usize {
        let climbed = self.climbed(id).await;
        let done: Vec<Due> = climbed.iter().map(|(_, due)| due.clone()).collect();
        let due = self.notes.due(id, self.now());
        assert_eq!(done, due, "incident {id}: {:#?}", self.notes.incidents[&id]);
        let mut pages: BTreeMap<i64, BTreeSet<String>> = BTreeMap::new();
        let mut query = PageQuery { limit: Some(200), ..PageQuery::default() };
        loop {
            let page = self
                .server
                .call("root", &DELIVERIES, IncidentId(id), &query, &Nothing {})
                .await
                .expect("deliveries");
            for row in page.items.into_iter().filter(|row| row.kind == DeliveryKind::Page) {
                self.check_page(id, &row, &climbed);
                let user = row.user.expect("a person").username;
                let new = pages.entry(row.made.expect("a reason").0).or_default().insert(user);
                assert!(new, "incident {id}: told twice for one reason");
            }
            query.cursor.clone_from(&page.next_cursor);
            if page.next_cursor.is_none() {
                break;
            }
        }
        let told = climbed.into_iter().map(|(seq, (_, _, people))| (seq, people));
        assert_eq!(pages, told.collect(), "incident {id}: a row for each who was told");
        pages.values().map(BTreeSet::len).sum()
    }
}

async fn three_nights(seed: u64) {
    say(&format!("seed {seed}"));
    let mut watch = Watch::begin(seed).await;
    let end = watch.now() + SignedDuration::from_hours(72);
    let mut happened = 0;
    while watch.now() < end {
        let pause = 1 + watch.dice.below(600);
        watch.server.advance(secs(pause)).await;
        // What goes out goes out now: real time is not the clock's.
        watch.server.settle_deliveries().await;
        watch.happens().await;
        happened += 1;
        if happened % 25 == 0 {
            watch.server.advance(secs(1)).await;
            watch.check_timers();
            let known: Vec<i64> = watch.notes.incidents.keys().copied().collect();
            let id = *watch.dice.one(&known);
            watch.check(id).await;
        }
    }
    watch.server.advance(secs(61)).await;
    watch.server.settle_deliveries().await;
    watch.check_timers();
    let ids: Vec<i64> = watch.notes.incidents.keys().copied().collect();
    let mut pages = 0;
    for id in &ids {
        pages += watch.check(*id).await;
    }
    let heard = watch.far.so_far().len();
    assert!(heard > 0 && heard <= 2 * pages, "{heard} messages for {pages} pages");
    say(&format!("{happened} happenings, {} incidents, {pages} pages", ids.len()));
}

/// `SEED=5 cargo nextest run nights` is another three.
#[tokio::test]
async fn three_nights_at_random_leave_nobody_untold_and_nobody_told_in_vain() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    three_nights(seed.unwrap_or(4_711)).await;
}
