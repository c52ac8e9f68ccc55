//! Judges nights by what was written down: the log, the rows of deliveries and what the far ends
//! heard. It knows of its own who was on call, what each step's distance was, what was silenced.
use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::harness::{START, TestServer};

/// After an answer a page that is on its way may still arrive for so long.
const GRACE: SignedDuration = SignedDuration::from_secs(1);
/// What waits to go as one message waits so long.
const BUNDLE: SignedDuration = SignedDuration::from_secs(60);
const HANDOFF: &str = "2026-01-05T09:00:00Z";
/// Bob's, by UTC.
pub const QUIET: (i8, i8) = (22, 7);

/// One event of the log, whole.
pub struct Entry {
    pub seq: i64,
    pub at: Timestamp,
    pub said: Value,
}

impl Entry {
    fn is(&self, name: &str) -> bool {
        self.said["type"] == format!("incident:{name}")
    }

    /// The incident after it.
    fn it(&self) -> &Value {
        &self.said["incident"]
    }

    fn rings(&self) -> bool {
        self.it()["status"] == "triggered" && self.it()["silencedUntil"].is_null()
    }

    /// Somebody is told of what is silenced, since it was given to him.
    fn tells_by_hand(&self) -> bool {
        let (round, last) = (&self.said["round"], &self.said["lastResort"]);
        let given = self.is("escalated") && *round == 0 && *last != true;
        given && !self.it()["silencedUntil"].is_null()
    }

    fn host(&self) -> &str {
        self.it()["labels"]["host"].as_str().unwrap_or_default()
    }

    fn assignees(&self) -> BTreeSet<String> {
        let all = self.it()["assignees"].as_array().expect("a list").iter();
        all.map(|user| word(user, "username")).collect()
    }

    /// Does it begin the ladder anew?
    fn begins(&self) -> bool {
        let anew = self.said["status"] == "triggered" || self.said["reason"] == "unsilenced";
        let anew = self.is("updated") && (anew || !self.said["urgency"].is_null());
        anew || self.is("created") || self.is("reassigned")
    }
}

pub struct Row {
    pub id: i64,
    pub kind: String,
    pub state: String,
    pub incident: Option<i64>,
    pub made: Option<i64>,
    pub user: String,
    pub address: String,
    pub outcome: Option<String>,
    pub message: Option<i64>,
    pub attempts: u32,
    pub ended: bool,
    pub due: Timestamp,
}

/// What a far end heard, and answered: 0 is nothing, and it may have hung before.
#[derive(Clone, Debug)]
pub struct Post {
    pub at: Timestamp,
    pub address: String,
    pub said: Value,
    pub answered: u16,
    pub answered_at: Timestamp,
}

impl Post {
    /// The first row of those that went as this message.
    fn message(&self) -> Option<i64> {
        self.said["id"].as_str()?.rsplit('-').next()?.parse().ok()
    }
}

/// What holds of the ladder after the event `since`: who is on its second step, how many minutes
/// after the first, and how many minutes later the whole team is told.
#[derive(Clone)]
pub struct Policy {
    pub since: i64,
    pub second: String,
    pub gaps: [i64; 2],
}

pub struct StandIn {
    pub since: i64,
    pub user: String,
    pub span: (Timestamp, Timestamp),
}

/// One host's alerts page nobody meanwhile.
pub struct Silent {
    pub host: String,
    pub span: (Timestamp, Timestamp),
}

/// What the observer did, and so knows.
#[derive(Default)]
pub struct Notes {
    pub policies: Vec<Policy>,
    /// Who takes turns, by twelve hours, after which event.
    pub rotations: Vec<(i64, Vec<String>)>,
    pub stand_ins: Vec<StandIn>,
    pub silences: Vec<Silent>,
    /// When the server was away, by the clock that nobody sets.
    pub away: Vec<(Timestamp, Timestamp)>,
    /// The wall clock after somebody set it forward, and by how much.
    pub jumps: Vec<(Timestamp, SignedDuration)>,
    /// When the server crashed.
    pub crashes: Vec<Timestamp>,
    /// Incidents of several hosts.
    pub mixed: BTreeSet<i64>,
}

fn word(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_else(|| panic!("{key} of {value}")).to_owned()
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str().map(|text| text.parse().expect("a time"))
}

impl Notes {
    /// By the clock that nobody sets.
    pub fn steady(&self, wall: Timestamp) -> Timestamp {
        let set = self.jumps.iter().filter(|(after, _)| *after <= wall);
        set.fold(wall, |at, (_, by)| at - *by)
    }

    /// What falls due while the server is away happens when it is back.
    fn back(&self, steady: Timestamp) -> Timestamp {
        let away = self.away.iter().find(|(from, until)| *from < steady && steady < *until);
        away.map_or(steady, |(_, until)| *until)
    }

    fn policy(&self, seq: i64) -> &Policy {
        let holds = self.policies.iter().rev().find(|policy| policy.since < seq);
        holds.expect("the policy was there first")
    }

    /// Who is on call, by counting halves of days.
    fn on_call(&self, seq: i64, at: Timestamp) -> String {
        let here = |it: &&StandIn| it.since < seq && it.span.0 <= at && at < it.span.1;
        if let Some(stand_in) = self.stand_ins.iter().rev().find(here) {
            return stand_in.user.clone();
        }
        let (_, people) = self.rotations.iter().rev().find(|(since, _)| *since < seq).expect("one");
        let handoff: Timestamp = HANDOFF.parse().expect("a time");
        let half = at.duration_since(handoff).as_hours().div_euclid(12);
        let turn = usize::try_from(half).expect("later") % people.len();
        people[turn].clone()
    }

    /// Was all of this host silenced, from before `from` until after `until`?
    fn silent(&self, host: &str, from: Timestamp, until: Timestamp) -> bool {
        let covers = |it: &&Silent| it.host == host && it.span.0 < from && until < it.span.1;
        self.silences.iter().any(|it| covers(&it))
    }
}

/// The rows and the posts, and who looks through them.
struct Auditor<'a> {
    notes: &'a Notes,
    rows: &'a [Row],
    by_made: BTreeMap<i64, Vec<&'a Row>>,
    by_message: BTreeMap<i64, Vec<&'a Row>>,
    posts: &'a [Post],
    now: Timestamp,
    wrong: Vec<String>,
}

pub fn open(server: &TestServer) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    Connection::open_with_flags(server.dir().join("incidentd.db"), flags).expect("opened")
}

fn log(db: &Connection) -> Vec<Entry> {
    let sql = "select seq, json from events where incident_id is not null order by seq";
    let mut rows = db.prepare(sql).expect("SQL");
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)));
    let entry = |(seq, json): (i64, String)| {
        let said: Value = serde_json::from_str(&json).expect("JSON");
        Entry { seq, at: time(&said["at"]).expect("a time"), said }
    };
    rows.expect("rows").map(|row| entry(row.expect("a row"))).collect()
}

fn rows(db: &Connection) -> Vec<Row> {
    let sql = "select d.id, kind, state, incident_id, made, coalesce(u.username, ''), address,
                      outcome, message, attempts, ended_at is not null, due_at
               from deliveries d left join users u on u.id = d.user_id order by d.id";
    let mut rows = db.prepare(sql).expect("SQL");
    let rows = rows.query_map([], |row| {
        Ok(Row {
            id: row.get(0)?,
            kind: row.get(1)?,
            state: row.get(2)?,
            incident: row.get(3)?,
            made: row.get(4)?,
            user: row.get(5)?,
            address: row.get(6)?,
            outcome: row.get(7)?,
            message: row.get(8)?,
            attempts: row.get(9)?,
            ended: row.get(10)?,
            due: Timestamp::from_millisecond(row.get(11)?).expect("a time"),
        })
    });
    rows.expect("rows").map(|row| row.expect("a row")).collect()
}

/// What is wrong with a night; `over`: everything has had its time.
pub fn judge(server: &TestServer, notes: &Notes, posts: &[Post], over: bool) -> Vec<String> {
    let db = open(server);
    let now = server.server().app.now();
    let (log, rows) = (log(&db), rows(&db));
    let by = |key: fn(&Row) -> Option<i64>| {
        let mut found: BTreeMap<i64, Vec<&Row>> = BTreeMap::new();
        for row in &rows {
            found.entry(key(row).unwrap_or(0)).or_default().push(row);
        }
        found
    };
    let (by_made, by_message) = (by(|row| row.made), by(|row| row.message));
    let (rows, wrong) = (rows.as_slice(), Vec::new());
    let mut auditor = Auditor { notes, rows, by_made, by_message, posts, now, wrong };
    let mut stories: BTreeMap<i64, Vec<&Entry>> = BTreeMap::new();
    for entry in &log {
        // What the appliance says of itself is another story.
        if entry.it()["team"]["slug"] != "payments" {
            continue;
        }
        let id = entry.said["incidentId"].as_i64().expect("an id");
        stories.entry(id).or_default().push(entry);
    }
    for (id, story) in &stories {
        auditor.steps(*id, story);
        auditor.told(*id, story, over);
    }
    auditor.timers(&db);
    auditor.pages(&stories);
    auditor.deliveries(over);
    auditor.wrong
}

impl Auditor<'_> {
    fn say(&mut self, wrong: String) {
        self.wrong.push(wrong);
    }

    /// Each step that was due was taken, at its moment, once, and told whom it had to.
    fn steps(&mut self, id: i64, story: &[&Entry]) {
        let mut taken = BTreeSet::new();
        for (n, entry) in story.iter().enumerate() {
            self.in_time(id, entry, story.get(n + 1).map(|next| next.at));
            if entry.begins() || entry.it()["status"] != "triggered" {
                taken.clear();
            }
            if !entry.is("escalated") {
                continue;
            }
            let before = n.checked_sub(1).map(|before| story[before]);
            let rung = (&entry.said["round"], &entry.said["step"]);
            let (round, step) = (rung.0.as_i64().unwrap_or(0), rung.1.as_i64().unwrap_or(0));
            let untold = before.is_some_and(|before| before.it()["untold"] == true);
            if untold {
                taken.clear();
            }
            let last = entry.said["lastResort"] == true;
            if !last && !taken.insert((round, step)) {
                self.say(format!(
                    "incident {id}: step {step} of round {round} twice, {}",
                    entry.at
                ));
            }
            let had_it = before.map(|before| before.assignees()).unwrap_or_default();
            self.whom(id, entry, (round, step, last), had_it);
            self.distance(id, entry, (step, last));
        }
    }

    /// What it says of the next step comes true, unless something happens first.
    fn in_time(&mut self, id: i64, entry: &Entry, next: Option<Timestamp>) {
        let it = entry.it();
        // Nobody can be told: it is looked again each minute. What flaps waits unseen.
        if it["untold"] == true || it["flapping"] == true {
            return;
        }
        let Some(due) = time(&it["escalation"]["nextAt"]) else { return };
        let wait = due.duration_since(entry.at).max(SignedDuration::ZERO);
        let due = self.notes.back(self.notes.steady(entry.at) + wait);
        let then = self.notes.steady(next.unwrap_or(self.now));
        if then > due + GRACE {
            let seq = entry.seq;
            self.say(format!("incident {id}: after {seq} nothing came at {due}, but at {then}"));
        }
    }

    fn whom(
        &mut self,
        id: i64,
        entry: &Entry,
        (round, step, last): (i64, i64, bool),
        had_it: BTreeSet<String>,
    ) {
        let notes = self.notes;
        let one = |name: &str| BTreeSet::from([name.to_owned()]);
        let mut due = match step {
            0 if last => one("root"),
            0 => had_it.clone(),
            1 => one(&notes.on_call(entry.seq, entry.at)),
            2 => one(&notes.policy(entry.seq).second),
            _ => ["alice", "bob", "carol"].map(str::to_owned).into(),
        };
        if (round, step) == (1, 1) {
            due.extend(had_it);
        }
        let told = entry.said["notified"].as_array().expect("a list").iter();
        let told: BTreeSet<String> =
            told.map(|name| name.as_str().expect("a name").to_owned()).collect();
        if told != due {
            let step = format!("step {step} of round {round} at {}", entry.at);
            self.say(format!("incident {id}: {step} told {told:?}, not {due:?}"));
        }
        let rows = self.by_made.get(&entry.seq).into_iter().flatten();
        let rows = rows.filter(|row| row.kind == "page");
        let rows: BTreeSet<String> = rows.map(|row| row.user.clone()).collect();
        if rows != told {
            self.say(format!("incident {id}: {} has rows for {rows:?}, not {told:?}", entry.seq));
        }
    }

    /// The next step comes after as long as the policy has it.
    fn distance(&mut self, id: i64, entry: &Entry, (step, last): (i64, bool)) {
        let it = entry.it();
        let Some(next) = time(&it["escalation"]["nextAt"]) else { return };
        let gaps = self.notes.policy(entry.seq).gaps;
        let due = match step {
            0 if last => 60,
            1 => gaps[0],
            2 => gaps[1],
            _ => 5,
        };
        let found = next.duration_since(entry.at).as_secs();
        if found != due * 60 {
            self.say(format!("incident {id}: {found} s after {}, not {due} min", entry.seq));
        }
    }

    /// Somebody has heard of what rings, or is about to, or it is shown that nobody has.
    fn told(&mut self, id: i64, story: &[&Entry], over: bool) {
        let begun = story.iter().rposition(|entry| entry.begins()).unwrap_or(0);
        let last = story.last().expect("an event");
        let it = last.it();
        if !last.rings() || it["urgency"] != "high" || it["flapping"] == true {
            return;
        }
        let since = story[begun].seq;
        let theirs = |row: &&Row| row.incident == Some(id) && row.kind == "page";
        let states: Vec<&str> = self
            .rows
            .iter()
            .filter(theirs)
            .filter(|row| row.made >= Some(since))
            .map(|row| row.state.as_str())
            .collect();
        let hope = if over { &["sent"][..] } else { &["sent", "queued"] };
        let told = states.iter().any(|state| hope.contains(state));
        if over && it["untold"] == true || !told && it["untold"] != true {
            self.say(format!("incident {id} is untold since {since}: {states:?} {it}"));
        }
        let admins = self.rows.iter().any(|row| {
            (row.kind == "notice" && row.user == "alice")
                || (row.kind == "page" && row.incident == Some(id) && row.user == "root")
        });
        if it["untold"] == true && !admins {
            self.say(format!("incident {id} is untold and no admin hears of it"));
        }
    }

    /// One timer for each that waits for an answer, none for what is answered.
    fn timers(&mut self, db: &Connection) {
        let sql = "select i.doc, (select count(*) from timers t
                                  where t.kind = 'escalate' and t.subject = i.id) from incidents i";
        let mut rows = db.prepare(sql).expect("SQL");
        let rows = rows.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)));
        let rows: Vec<(String, u64)> = rows.expect("rows").map(|row| row.expect("a row")).collect();
        for (doc, timers) in rows {
            let it: Value = serde_json::from_str(&doc).expect("JSON");
            let rings = it["status"] == "triggered" && it["silencedUntil"].is_null();
            let due = match (rings, it["urgency"] == "high") {
                (true, true) if it["flapping"] != true => 1..=1,
                (true, _) => 0..=1,
                (false, _) => 0..=0,
            };
            if !due.contains(&timers) {
                self.say(format!("incident {}: {timers} timers at {}", it["id"], self.now));
            }
        }
    }

    /// What was heard: of what rang then, once, by its rows, to whom it was still meant for.
    fn pages(&mut self, stories: &BTreeMap<i64, Vec<&Entry>>) {
        let by_id: BTreeMap<i64, &Row> = self.rows.iter().map(|row| (row.id, row)).collect();
        let (mut taken, mut wrong) = (BTreeMap::new(), Vec::new());
        // That it was taken just before a crash was not written down.
        let unmarked = |then: Timestamp, again: Timestamp| {
            self.notes.crashes.iter().any(|crash| *crash - GRACE <= then && *crash <= again)
        };
        for post in self.posts {
            let name = word(&post.said, "id");
            let Some(first) = post.message().and_then(|id| by_id.get(&id)) else {
                wrong.push(format!("{name} has no row"));
                continue;
            };
            if taken.get(&name).is_some_and(|then| !unmarked(*then, post.at)) {
                wrong.push(format!("{name} was taken and came again at {}", post.at));
            }
            if post.answered == 200 {
                taken.insert(name.clone(), post.answered_at);
            }
            if first.address != post.address || post.said["kind"] != first.kind {
                wrong.push(format!("{name} went to {}", post.address));
            }
            if post.said["kind"] != "page" {
                continue;
            }
            let incidents = post.said["incidents"].as_array().expect("a list");
            for it in incidents {
                let id = it["id"].as_i64().expect("an id");
                let mut of = self.by_message.get(&first.id).into_iter().flatten();
                match (of.find(|row| row.incident == Some(id)), stories.get(&id)) {
                    (Some(row), Some(story)) => wrong.extend(self.in_vain(post, row, story)),
                    (Some(_), None) => {}
                    (None, _) => wrong.push(format!("{name} tells of {id} without a row")),
                }
            }
            let low = incidents.iter().all(|it| it["urgency"] == "low");
            let hour = |at: Timestamp| at.to_zoned(jiff::tz::TimeZone::UTC).hour();
            let quiet = |hour: i8| hour >= QUIET.0 || hour < QUIET.1;
            let night = quiet(hour(post.at)) && quiet(hour(post.at - BUNDLE - GRACE));
            if low && first.user == "bob" && night {
                wrong.push(format!("{name} is not urgent and came at {}", post.at));
            }
        }
        self.wrong.extend(wrong);
    }

    /// Why this page should not have come any more.
    fn in_vain(&self, post: &Post, row: &Row, story: &[&Entry]) -> Option<String> {
        let (at, early) = (post.at, post.at - GRACE);
        let until = |n: usize| story.get(n + 1).map_or(Timestamp::MAX, |next| next.at);
        let mut then = story.iter().enumerate().filter(|(n, it)| it.at <= at && until(*n) >= early);
        let name =
            format!("{} at {at} to {} of {}", post.said["id"], row.user, story[0].it()["id"]);
        let by_hand =
            story.iter().any(|entry| Some(entry.seq) == row.made && entry.tells_by_hand());
        if !then.any(|(_, entry)| entry.rings() || by_hand && entry.it()["status"] == "triggered") {
            return Some(format!("{name}: it was answered, silenced or over"));
        }
        let id = story[0].it()["id"].as_i64()?;
        let last = story.iter().rfind(|it| it.at <= at)?;
        let fires = last.it()["firingCount"] != 0 && last.it()["flapping"] != true;
        let host = story[0].host();
        if fires
            && !by_hand
            && !self.notes.mixed.contains(&id)
            && self.notes.silent(host, early, at)
        {
            return Some(format!("{name}: {host} was silenced"));
        }
        // Unless a later step told him of it again: then this one is still his.
        let theirs_again = last.assignees().contains(&row.user);
        let given = story.iter().filter(|_| !theirs_again).find(|entry| {
            let to = entry.said["to"].as_array().into_iter().flatten();
            let theirs = to.into_iter().any(|user| user["username"] == row.user.as_str());
            entry.is("reassigned") && Some(entry.seq) > row.made && entry.at < early && !theirs
        });
        given.map(|given| format!("{name}: it was given to another, {}", given.seq))
    }

    /// Every delivery ends, with its reason; what was sent was heard.
    fn deliveries(&mut self, over: bool) {
        let mut wrong = Vec::new();
        let mut paged: BTreeSet<(i64, &str)> = BTreeSet::new();
        let taken = self.posts.iter().filter(|post| post.answered == 200);
        let taken: BTreeSet<i64> = taken.filter_map(Post::message).collect();
        for row in self.rows {
            let Row { id, kind, state, .. } = row;
            let reason = row.outcome.as_ref().is_some_and(|why| !why.is_empty());
            match state.as_str() {
                "queued" if over && row.due + BUNDLE < self.now => {
                    wrong.push(format!("{kind} {id} is queued for ever"));
                }
                "queued" => {}
                _ if !row.ended || !reason => wrong.push(format!("{kind} {id} {state}, not why")),
                "sent"
                    if row.attempts == 0 || row.message.is_none_or(|id| !taken.contains(&id)) =>
                {
                    wrong.push(format!("{kind} {id} is sent, and nobody heard it"));
                }
                _ => {}
            }
            // Where a contact is gone by now, by another of the same person's.
            let place = row.incident.map(|incident| (incident, row.user.as_str()));
            match (kind.as_str(), place) {
                ("page", Some(place)) if state == "sent" => drop(paged.insert(place)),
                ("all_clear", Some(place)) if !paged.contains(&place) => {
                    wrong.push(format!("all clear {id} of {place:?}, where nobody was paged"));
                }
                _ => {}
            }
        }
        self.wrong.extend(wrong);
    }
}

/// When the story begins, a day later at eleven in the evening: a window opens each night.
pub fn windows() -> impl Iterator<Item = (Timestamp, Timestamp)> {
    let start: Timestamp = START.parse().expect("a time");
    (0..5).map(move |night| {
        let opens = start + SignedDuration::from_hours(20 + 24 * night);
        (opens, opens + SignedDuration::from_hours(2))
    })
}
