//! Nights with everything in them at once: alerts that come, go and flap, answers of every kind,
//! silences, edits, far ends that fail or hang, crashes, a clock that is set. What comes of it is
//! judged by who was not there (`auditor`).
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use incidentd::api::Nothing;
use incidentd::api::silences::{CREATE_SILENCE, END_SILENCE, NewSilence};
use incidentd::app::Caller;
use incidentd::clock::Clock;
use incidentd::domain::{Action, IncidentId, SilenceId, Span, Urgency};
use incidentd::error::Kind;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::auditor::{self, Notes, Policy, Post, Silent, StandIn, judge};
use crate::far::this_machine;
use crate::harness::{START, TestServer, answer, secs};
use crate::moody::{Line, Mood};
use crate::process::{Random, rounds, say};

const PEOPLE: [&str; 3] = ["alice", "bob", "carol"];
const HOSTS: u64 = 6;
/// So often the same is found due before it is left to time.
const LOOKS: u32 = 60;

struct Nights {
    server: TestServer,
    lines: [Arc<Line>; 2],
    /// Until when each of them is not well.
    unwell: [Timestamp; 2],
    notes: Notes,
    dice: Random,
    alerts: u64,
    /// How often each thing happened.
    happened: BTreeMap<&'static str, u32>,
}

const WORLD: &str = r#"
[[teams]]
slug = "payments"
members = { alice = "admin", bob = "responder", carol = "responder" }
[[silences]]
slug = "backups"
team = "payments"
matchers = ["host=h0"]
reason = "backups"
rrule = "FREQ=DAILY"
starts_at = "2026-11-23T23:00"
duration = "2h"
time_zone = "UTC"
"#;

fn minutes(n: u64) -> SignedDuration {
    SignedDuration::from_mins(i64::try_from(n).expect("small"))
}

fn span(n: u64) -> Span {
    Span::secs(u32::try_from(n * 60).expect("small"))
}

impl Nights {
    async fn begin(seed: u64) -> Self {
        let lines = [Line::start().await, Line::start().await];
        let server =
            TestServer::with(|config| config.outgoing.allow_private = this_machine()).await;
        for line in &lines {
            line.goes_by(Clock::Manual(server.clock.clone()));
        }
        let mut notes = Notes::default();
        let host = || "h0".to_owned();
        notes.silences.extend(auditor::windows().map(|span| Silent { host: host(), span }));
        let dice = Random::new(seed);
        let mut nights = Self {
            server,
            lines,
            unwell: [Timestamp::MIN; 2],
            notes,
            dice,
            alerts: 0,
            happened: BTreeMap::new(),
        };
        nights.apply(WORLD).await;
        let push = &nights.lines[0].url;
        let root =
            format!("{{ name = \"push\", channel = \"webhook\", address = \"{push}/root\" }}");
        let text = format!("[[users]]\nusername = \"root\"\ncontacts = [{root}]\n");
        nights.apply(&text).await;
        for name in PEOPLE {
            nights.contacts(name, true, true).await;
        }
        nights.rotation(PEOPLE.map(str::to_owned).into()).await;
        nights.policy("bob", [5, 5]).await;
        nights
    }

    fn now(&self) -> Timestamp {
        self.server.server().app.now()
    }

    /// The newest event: what is changed now holds of those after it.
    fn head(&self) -> i64 {
        self.server.server().app.head().borrow().0
    }

    async fn apply(&mut self, text: &str) {
        let document = toml::from_str(text).expect(text);
        self.server.server().app.apply(&Caller::host(), document).await.expect(text);
    }

    async fn rotation(&mut self, people: Vec<String>) {
        self.apply(&format!(
            "[[schedules]]\nslug = \"primary\"\nteam = \"payments\"\n[[schedules.rotations]]\n\
             name = \"halves\"\nevery = \"12h\"\nhandoff = \"2026-01-05T09:00\"\n\
             participants = {people:?}\n"
        ))
        .await;
        let since = self.head();
        self.notes.rotations.push((since, people));
    }

    async fn policy(&mut self, second: &str, gaps: [i64; 2]) {
        let [one, two] = gaps;
        self.apply(&format!(
            "[[escalation_policies]]\nslug = \"payments-default\"\nteam = \"payments\"\n\
             repeat = 1\nlast_resort = [\"user:root\"]\n\
             steps = [{{ after = \"0m\", targets = [\"schedule:primary\"] }},\n\
             {{ after = \"{one}m\", targets = [\"user:{second}\"] }},\n\
             {{ after = \"{}m\", targets = [\"team:payments\"] }}]\n",
            one + two
        ))
        .await;
        let (since, second) = (self.head(), second.to_owned());
        self.notes.policies.push(Policy { since, second, gaps });
    }

    /// By push, perhaps by SMS three minutes later too; bob sleeps at night.
    async fn contacts(&mut self, name: &str, sms: bool, rules: bool) {
        let contact = |n: usize, kind: &str| {
            let url = format!("{}/{name}", self.lines[n].url);
            format!("{{ name = \"{kind}\", channel = \"webhook\", address = \"{url}\" }}")
        };
        let mut contacts = vec![contact(0, "push")];
        let mut high = vec!["{ after = \"0m\", contact = \"push\" }"];
        let mut low = high.clone();
        if sms {
            contacts.push(contact(1, "sms"));
            high.push("{ after = \"3m\", contact = \"sms\" }");
            low = vec!["{ after = \"0m\", contact = \"sms\" }"];
        }
        if !rules {
            (high, low) = (Vec::new(), Vec::new());
        }
        let (contacts, high, low) = (contacts.join(", "), high.join(", "), low.join(", "));
        let quiet = if name == "bob" {
            format!(
                "rules.quiet = {{ from = \"{}:00\", to = \"0{}:00\" }}\n",
                auditor::QUIET.0,
                auditor::QUIET.1
            )
        } else {
            String::new()
        };
        let text = format!(
            "[[users]]\nusername = \"{name}\"\ntime_zone = \"UTC\"\ncontacts = [{contacts}]\n\
             rules.high = [{high}]\nrules.low = [{low}]\n{quiet}"
        );
        self.apply(&text).await;
    }

    fn hung(&self) -> HashSet<(String, String)> {
        let hung = self.lines.iter().flat_map(|line| line.hung());
        hung.map(|address| ("webhook".to_owned(), address)).collect()
    }

    /// Until nothing is due but what hangs, or nothing more happens: a far end that keeps failing
    /// is left alone for a while.
    async fn settle(&self) -> bool {
        let app = &self.server.server().app;
        let (mut before, mut looks) = (Vec::new(), 0);
        loop {
            let due = app.due_messages(self.hung()).await.expect("readable").0;
            if due.is_empty() || looks > LOOKS {
                return due.is_empty();
            }
            looks = if due == before { looks + 1 } else { 0 };
            before = due;
            tokio::task::yield_now().await;
        }
    }

    /// Everything that falls due on the way happens at its moment, messages too.
    async fn pass(&mut self, by: SignedDuration) {
        let end = self.now() + by;
        loop {
            let settled = self.settle().await;
            let now = self.now();
            for (line, until) in self.lines.iter().zip(&self.unwell) {
                if *until <= now {
                    line.is(Mood::Well);
                }
            }
            if now >= end {
                return;
            }
            let app = self.server.server().app.clone();
            let timer = app.next_due().await.expect("readable");
            let message = app.due_messages(self.hung()).await.expect("readable").1;
            let again = (!settled).then(|| now + SignedDuration::from_secs(30));
            let next = [timer, message, again].into_iter().flatten().filter(|at| *at > now).min();
            let step = next.map_or(end, |next| next.min(end)).duration_since(now);
            self.server.advance(Duration::try_from(step).expect("later")).await;
        }
    }

    fn person(&mut self) -> String {
        (*self.dice.pick(&PEOPLE)).to_owned()
    }

    fn ids(&self, sql: &str) -> Vec<i64> {
        let db = auditor::open(&self.server);
        let mut rows = db.prepare(sql).expect("SQL");
        let rows = rows.query_map([], |row| row.get(0)).expect("rows");
        rows.map(|row| row.expect("a number")).collect()
    }

    fn some(&mut self, sql: &str) -> Option<i64> {
        let ids = self.ids(sql);
        (!ids.is_empty()).then(|| *self.dice.pick(&ids))
    }

    /// An alert of what is new, or of what was heard of before.
    async fn report(&mut self, n: u64, over: bool) {
        let critical = !n.is_multiple_of(4) || self.dice.below(4) == 0;
        let severity = if critical { "critical" } else { "warning" };
        let alert = json!({
            "title": format!("service {n} is down"), "dedupKey": format!("k{n}"),
            "severity": severity, "labels": {"host": format!("h{}", n % HOSTS)},
            "status": if over { "resolved" } else { "firing" },
        });
        self.server.alert(alert).await;
    }

    async fn act(&mut self) {
        let open = "select id from incidents where status < 2";
        let any = "select id from incidents order by id desc limit 20";
        let who = self.person();
        let length = span(5 + self.dice.below(300));
        let (none, to) = (None, self.person());
        let ack = |take| Action::Acknowledge { span: Some(length), until: none, note: None, take };
        let (name, action) = match self.dice.below(26) {
            0..=5 => ("acknowledge", ack(false)),
            6 => ("take", ack(true)),
            7 => ("unacknowledge", Action::Unacknowledge {}),
            8..=9 => ("snooze", Action::Snooze { span: Some(length), until: none }),
            10..=12 => ("reassign", Action::Reassign { to, reason: None }),
            13..=18 => ("resolve", Action::Resolve { note: None, hold: Some(length) }),
            19 => ("reopen", Action::Reopen {}),
            20 => ("escalate", Action::Escalate {}),
            21 => ("louder", Action::Urgency { to: Urgency::High }),
            22 => ("quieter", Action::Urgency { to: Urgency::Low }),
            23 => ("note", Action::AddNote { body: "hm".into() }),
            _ => {
                let Some(into) = self.some(open) else { return };
                ("merge", Action::Merge { into: IncidentId(into) })
            }
        };
        let of = if name == "reopen" { any } else { open };
        let Some(id) = self.some(of) else { return };
        match self.server.act(&who, id, action.clone()).await {
            Ok(_) => *self.happened.entry(name).or_default() += 1,
            Err(error) => assert!(
                [Kind::Refused, Kind::Invalid].contains(&error.kind),
                "{action:?} of {id}: {error}"
            ),
        }
        if let Action::Merge { into } = action {
            self.notes.mixed.insert(into.0);
        }
    }

    /// By the link in some page, as whoever it was sent to.
    async fn link(&mut self) {
        let heard = self.lines[0].heard();
        let late = heard.iter().rev().take(20).filter_map(|post| post.said["ackUrl"].as_str());
        let links: Vec<&str> = late.collect();
        if links.is_empty() {
            return;
        }
        let path = self.dice.pick(&links).splitn(4, '/').nth(3).expect("a path").to_owned();
        let asked = self.server.http().post(format!("{}/{path}", self.server.url));
        let (status, _) = answer(asked).await;
        assert!([200, 404].contains(&status), "{status}");
    }

    async fn silence(&mut self) {
        let host = format!("h{}", self.dice.below(HOSTS));
        let starts = self.now() + minutes(self.dice.below(3) * self.dice.below(40));
        let ends = starts + minutes(10 + self.dice.below(180));
        let new = NewSilence {
            team: Some("payments".into()),
            matchers: vec![format!("host={host}")],
            reason: "work".into(),
            starts_at: (starts > self.now()).then_some(starts),
            ends_at: Some(ends),
            ..NewSilence::default()
        };
        let none = Nothing {};
        self.server.call("alice", &CREATE_SILENCE, none, &none, &new).await.expect("made");
        self.notes.silences.push(Silent { host, span: (starts, ends) });
    }

    /// The last one that is still to end.
    async fn unsilence(&mut self) {
        let now = self.now();
        let Some(id) = self.some(&format!(
            "select max(id) from silences where ended_at is null and ends_at > {} having max(id)",
            now.as_millisecond()
        )) else {
            return;
        };
        let (none, id) = (Nothing {}, SilenceId(id));
        let ended = self.server.call("alice", &END_SILENCE, id, &none, &none).await.expect("ended");
        let same =
            |it: &&mut Silent| it.span.0 == ended.starts_at && Some(it.span.1) == ended.ends_at;
        for silent in self.notes.silences.iter_mut().filter(|it| same(it)) {
            silent.span.1 = now.min(silent.span.1);
        }
    }

    async fn stand_in(&mut self) {
        let user = self.person();
        let start = self.now() + minutes(self.dice.below(120));
        let end = start + minutes(30 + self.dice.below(300));
        let body = json!({"user": user, "start": start, "end": end});
        let path = format!("{}/api/v1/schedules/primary/overrides", self.server.url);
        let asked =
            self.server.http().post(path).bearer_auth(self.server.token("root")).json(&body);
        let (status, said) = answer(asked).await;
        assert_eq!(status, 200, "{said}");
        self.notes.stand_ins.push(StandIn { since: self.head(), user, span: (start, end) });
    }

    async fn edit(&mut self) {
        match self.dice.below(4) {
            0 => {
                let mut people: Vec<String> = PEOPLE.map(str::to_owned).into();
                people.rotate_left(usize::try_from(self.dice.below(3)).expect("small"));
                people.truncate(2 + usize::try_from(self.dice.below(2)).expect("small"));
                self.rotation(people).await;
            }
            1 => {
                let gap = |dice: &mut Random| i64::try_from(2 + dice.below(8)).expect("small");
                let gaps = [gap(&mut self.dice), gap(&mut self.dice)];
                let second = self.person();
                self.policy(&second, gaps).await;
            }
            _ => {
                let (who, sms) = (self.person(), self.dice.below(3) > 0);
                let rules = self.dice.below(3) > 0;
                self.contacts(&who, sms, rules).await;
            }
        }
    }

    /// Down for a moment, or long enough that steps fall due; what hangs then is cut in the middle.
    async fn restart(&mut self, crash: bool) {
        let from = self.notes.steady(self.now());
        if crash {
            self.notes.crashes.push(self.now());
            self.lines.iter().for_each(|line| line.is(Mood::Gone));
        }
        let down = secs(self.dice.below(2_400));
        if crash {
            self.server.crash(down).await;
        } else {
            self.server.stop_for(down).await;
        }
        self.notes.away.push((from, self.notes.steady(self.now())));
        if crash {
            self.lines.iter().for_each(|line| line.is(Mood::Well));
        }
        self.server.advance(secs(0)).await;
    }

    async fn set_clock(&mut self) {
        let by = minutes(1 + self.dice.below(50));
        self.server.step_wall(by).await;
        self.notes.jumps.push((self.now(), by));
    }

    /// One of them is unwell for a while, or hangs on to the next message.
    fn far_end(&mut self) {
        let which = usize::try_from(self.dice.below(2)).expect("0 or 1");
        let mood = *self.dice.pick(&[Mood::Well, Mood::Away, Mood::Flaky, Mood::Refuses]);
        self.unwell[which] = self.now() + minutes(self.dice.below(60));
        let line = &self.lines[which];
        line.is(mood);
        line.let_go(self.dice.below(3) == 0);
    }

    async fn happens(&mut self) {
        let name = match self.dice.below(60) {
            0..=9 => {
                self.alerts += 1;
                self.report(self.alerts, false).await;
                "new alert"
            }
            10..=17 => {
                let n = 1 + self.dice.below(self.alerts.max(1));
                let n = n.max(self.alerts.saturating_sub(8)).max(1);
                let over = self.dice.below(2) == 0;
                self.report(n, over).await;
                "alert again"
            }
            18..=37 => return self.act().await,
            38..=39 => {
                self.link().await;
                "link"
            }
            40..=42 => {
                self.silence().await;
                "silence"
            }
            43 => {
                self.unsilence().await;
                "unsilence"
            }
            44..=46 => {
                self.stand_in().await;
                "stand-in"
            }
            47..=49 => {
                self.edit().await;
                "edit"
            }
            50 => {
                let crash = self.dice.below(2) == 0;
                self.restart(crash).await;
                if crash { "crash" } else { "restart" }
            }
            51 => {
                self.set_clock().await;
                "clock set"
            }
            _ => {
                self.far_end();
                "far end"
            }
        };
        *self.happened.entry(name).or_default() += 1;
    }

    fn posts(&self) -> Vec<Post> {
        let heard = self.lines.iter().map(|line| line.heard());
        let mut posts: Vec<Post> = heard.flatten().collect();
        posts.sort_by_key(|post| post.at);
        posts
    }

    fn judge(&self, over: bool) -> Result<(), String> {
        let wrong = judge(&self.server, &self.notes, &self.posts(), over);
        if wrong.is_empty() {
            return Ok(());
        }
        if let Ok(folder) = std::env::var("KEEP") {
            for name in ["incidentd.db", "incidentd.db-wal"] {
                let kept = std::path::Path::new(&folder).join(name);
                std::fs::copy(self.server.dir().join(name), kept).expect("kept");
            }
        }
        Err(format!("{wrong:#?}"))
    }

    /// The far ends are well, and stay so until all that was left has had its time.
    async fn heal(&mut self) {
        for line in &self.lines {
            line.is(Mood::Well);
            line.let_go(false);
        }
        self.pass(minutes(75)).await;
    }
}

async fn nights(seed: u64, hours: i64) -> Result<String, String> {
    let mut nights = Nights::begin(seed).await;
    let end = nights.now() + SignedDuration::from_hours(hours);
    let mut happenings = 0;
    while nights.now() < end {
        // Storms and lulls.
        let most = if (happenings / 20) % 3 == 0 { 120 } else { 1_100 };
        let pause = 1 + nights.dice.below(most);
        nights.pass(SignedDuration::from_secs(i64::try_from(pause).expect("small"))).await;
        nights.happens().await;
        happenings += 1;
        if happenings % 100 == 0 {
            nights.pass(SignedDuration::from_secs(2)).await;
            nights.judge(false)?;
        }
    }
    nights.heal().await;
    nights.judge(true)?;
    let sent = |kind: &str| {
        let sql = format!("select id from deliveries where kind = '{kind}' and state = 'sent'");
        nights.ids(&sql).len()
    };
    let incidents = nights.ids("select id from incidents").len();
    let (pages, clears, notices) = (sent("page"), sent("all_clear"), sent("notice"));
    let said = format!(
        "{incidents} incidents, {pages} pages, {clears} all clears, {notices} notices; {:?}",
        nights.happened
    );
    Ok(said)
}

/// `INCIDENTD_TEST_ROUNDS=100 SEED=5 HOURS=72 cargo nextest run long_nights`: a hundred others, and
/// longer ones. `KEEP=FOLDER` keeps the database of the last that went wrong.
#[tokio::test]
async fn nights_with_everything_in_them_keep_every_promise() {
    let first = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(21);
    let hours = std::env::var("HOURS").ok().and_then(|hours| hours.parse().ok()).unwrap_or(36);
    let mut failed = Vec::new();
    for seed in first..first + rounds(2) {
        match nights(seed, hours).await {
            Ok(said) => say(&format!("seed {seed}: {said}")),
            Err(wrong) => {
                say(&format!("seed {seed}: {wrong}"));
                failed.push(seed);
            }
        }
    }
    assert!(failed.is_empty(), "seeds {failed:?} from {START} on");
}
