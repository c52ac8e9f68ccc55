//! A random walk through posts, actions, time and restarts; then everything must fit together.
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use incidentd::domain::{
    Action, Change, Event, Incident, IncidentId, Severity, Span, Status, UpdateReason, Urgency,
};
use incidentd::error::Kind;
use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::harness::{KEY, TestServer};
use crate::process::{Random, rounds, say};

const STEPS: u64 = 400;
const SEVERITIES: [&str; 4] = ["critical", "error", "warning", "info"];

/// What the walk knows of the world outside.
struct Walk {
    server: TestServer,
    random: Random,
    /// When each Prometheus alert's current episode began.
    episodes: BTreeMap<String, Timestamp>,
    /// Reports that were counted for each incident, where the answer named it.
    counted: BTreeMap<i64, u64>,
    /// Incidents into which others were merged of which that is not known.
    mixed: BTreeSet<i64>,
    /// Incidents whose urgency somebody set.
    by_hand: BTreeSet<i64>,
}

impl Walk {
    fn now(&self) -> Timestamp {
        self.server.server().app.now()
    }

    fn severity(&mut self) -> &'static str {
        self.random.pick::<&str>(&SEVERITIES)
    }

    fn count(&mut self, outcome: &Value) {
        if let (Some(id), false) = (outcome["incidentId"].as_i64(), outcome["status"] == "ignored")
        {
            *self.counted.entry(id).or_default() += 1;
        }
    }

    async fn generic(&mut self) {
        let key = format!("k{}", self.random.below(3));
        let firing = self.random.below(3) > 0;
        let status = if firing { "firing" } else { "resolved" };
        let body =
            json!({"title": key, "dedupKey": key, "status": status, "severity": self.severity()});
        let (code, answer) = self.server.post("generic", &body).await;
        assert_eq!(code, 202, "{answer}");
        if firing {
            self.count(&answer);
        }
    }

    /// The episode of `name` that is sent now: mostly the current one, at times a new one, and
    /// sometimes an old one, as the other of a pair would.
    fn episode(&mut self, name: &str) -> Timestamp {
        let now = self.now();
        let current = *self.episodes.entry(name.to_owned()).or_insert(now);
        match self.random.below(12) {
            0 => {
                self.episodes.insert(name.to_owned(), now);
                now
            }
            1 => current.saturating_sub(SignedDuration::from_mins(3)).expect("in range"),
            _ => current,
        }
    }

    async fn prometheus(&mut self) {
        let mut alerts = Vec::new();
        for _ in 0..=self.random.below(3) {
            let (name, instance) = (self.random.below(2), self.random.below(3));
            let starts = self.episode(&format!("p{name}-{instance}"));
            let minutes = i64::try_from(self.random.below(4) * 2).expect("small");
            let ends = self.now().max(starts) + SignedDuration::from_mins(minutes);
            alerts.push(json!({
                "labels": {"alertname": format!("P{name}"), "instance": instance.to_string(),
                           "severity": self.severity()},
                "startsAt": starts.to_string(), "endsAt": ends.to_string(),
            }));
        }
        let (code, answer) = self.server.post("api/v2/alerts", &alerts.into()).await;
        assert_eq!(code, 200, "{answer}");
    }

    async fn webhook(&mut self) {
        let group = self.random.below(2);
        let mut alerts = Vec::new();
        let mut firing = Vec::new();
        for member in 0..=self.random.below(3) {
            let name = format!("w{group}-{member}");
            let fires = self.random.below(3) > 0;
            let starts = self.episode(&name);
            firing.push(fires);
            alerts.push(json!({
                "status": if fires { "firing" } else { "resolved" }, "fingerprint": name,
                "labels": {"alertname": "W", "member": name, "severity": self.severity()},
                "startsAt": starts.to_string(), "endsAt": if fires { "0001-01-01T00:00:00Z".into() } else { self.now().to_string() },
            }));
        }
        // Now and then a route changes, and with it the name of the group.
        let route = if self.random.below(10) == 0 { "other" } else { "main" };
        let body = json!({"version": "4", "receiver": "r", "groupKey": format!("{route}:{group}"),
            "truncatedAlerts": self.random.below(2), "alerts": alerts});
        let (code, answer) = self.server.post("alertmanager", &body).await;
        assert_eq!(code, 202, "{answer}");
        for (outcome, fires) in
            answer["alerts"].as_array().expect("outcomes").clone().iter().zip(firing)
        {
            if fires {
                self.count(outcome);
            }
        }
    }

    async fn pagerduty(&mut self) {
        let action = *self.random.pick(&["trigger", "trigger", "acknowledge", "resolve"]);
        let body = json!({"routing_key": KEY, "event_action": action, "dedup_key": format!("d{}", self.random.below(2)),
            "payload": {"summary": "s", "source": "x", "severity": self.severity()}});
        let (code, answer) =
            self.server.post_raw("/v2/enqueue", "application/json", body.to_string().into()).await;
        assert_eq!(code, 202, "{answer}");
    }

    async fn act(&mut self) {
        let newest = *self.counted.keys().last().unwrap_or(&1);
        let from = (newest - 8).max(1);
        let id = from + i64::try_from(self.random.below(10)).expect("small");
        let minutes = |random: &mut Random| {
            Span::secs(u32::try_from(60 + random.below(7_200)).expect("small"))
        };
        let into = from + i64::try_from(self.random.below(10)).expect("small");
        let action = match self.random.below(12) {
            0..3 => Action::Acknowledge {
                span: (self.random.below(2) == 0).then(|| minutes(&mut self.random)),
                until: None,
                note: (self.random.below(4) == 0).then(|| "mine".into()),
                take: self.random.below(2) == 0,
            },
            3..5 => Action::Resolve {
                note: None,
                hold: match self.random.below(3) {
                    0 => None,
                    1 => Some(Span::secs(0)),
                    _ => Some(minutes(&mut self.random)),
                },
            },
            5 => Action::Unacknowledge {},
            6 => Action::Reopen {},
            7 => {
                Action::Reassign { to: (*self.random.pick(&["alice", "bob"])).into(), reason: None }
            }
            8..10 => Action::Merge { into: IncidentId(into) },
            10 => Action::Snooze { span: Some(minutes(&mut self.random)), until: None },
            _ if self.random.below(2) == 0 => Action::AddNote { body: "seen".into() },
            _ => Action::Urgency {
                to: if self.random.below(2) == 0 { Urgency::Low } else { Urgency::High },
            },
        };
        let who = *self.random.pick(&["alice", "bob", "root"]);
        let lowers = matches!(action, Action::Urgency { .. });
        match self.server.act(who, id, action.clone()).await {
            Ok(_) if lowers => {
                self.by_hand.insert(id);
            }
            Ok(acted) if acted.changed && acted.incident.merged_into.is_some() => {
                match (self.counted.remove(&id), self.counted.get_mut(&into)) {
                    (Some(moved), Some(counted)) => *counted += moved,
                    // Reports that no answer named went in or out.
                    _ => drop(self.mixed.insert(into)),
                }
                if self.mixed.contains(&id) {
                    self.mixed.insert(into);
                }
                if self.by_hand.contains(&id) {
                    self.by_hand.insert(into);
                }
            }
            Ok(_) => {}
            Err(error) => {
                let expected =
                    matches!(error.kind, Kind::NotFound | Kind::Refused | Kind::Forbidden)
                        || id == into && error.kind == Kind::Invalid;
                assert!(expected, "{who} {action:?} on {id}: {error:?}");
            }
        }
    }

    async fn step(&mut self) {
        match self.random.below(100) {
            0..20 => self.generic().await,
            20..40 => self.prometheus().await,
            40..55 => self.webhook().await,
            55..62 => self.pagerduty().await,
            62..82 => self.act().await,
            82..98 => {
                let longest = *self.random.pick(&[5, 60, 600, 600, 7_200, 90_000]);
                let by = Duration::from_secs(self.random.below(longest) + 1);
                self.server.advance(by).await;
            }
            98 => {
                self.server.restart().await;
            }
            _ => {
                let hours = i64::try_from(self.random.below(3)).expect("small") - 1;
                self.server.step_wall(SignedDuration::from_hours(hours)).await;
            }
        }
    }

    async fn check(&self) {
        let db = Connection::open(self.server.dir().join("incidentd.db")).expect("opened");
        let count = |sql: &str, id: i64| -> u64 {
            db.query_row(sql, [id], |row| row.get(0)).expect("counted")
        };
        let mut last_of: BTreeMap<i64, (Incident, Incident)> = BTreeMap::new();
        let mut chains: BTreeMap<i64, i64> = BTreeMap::new();
        let mut rows = db
            .prepare("select seq, team_id, json from events where team_id is not null order by seq")
            .expect("SQL");
        let mut rows = rows.query([]).expect("rows");
        while let Some(row) = rows.next().expect("a row") {
            let (seq, team, text): (i64, i64, String) =
                (row.get_unwrap(0), row.get_unwrap(1), row.get_unwrap(2));
            let event: Event = serde_json::from_str(&text).expect("an event");
            assert_eq!(event.seq.0, seq);
            assert_eq!(
                event.prev.map(|prev| prev.0),
                chains.insert(team, seq),
                "the chain of {team}"
            );
            let id = event.incident_id.0;
            let Some((replayed, shown)) = last_of.get_mut(&id) else {
                assert_eq!(event.change, Change::Created, "{id} begins with its opening");
                last_of.insert(id, (event.incident.clone(), event.incident));
                continue;
            };
            replayed.apply(&event.change, &event.actor, event.at);
            assert_eq!(
                bare(replayed),
                bare(&event.incident),
                "{id} replays to what {seq} shows: {text}"
            );
            let of_members =
                matches!(&event.change, Change::NoteAdded { .. } | Change::Escalated(_))
                    || matches!(&event.change, Change::Updated(update) if matches!(update.reason,
                    UpdateReason::AlertAdded | UpdateReason::AlertResolved | UpdateReason::Stale
                        | UpdateReason::Merged));
            let mut before = bare(shown);
            before["updatedAt"] = bare(&event.incident)["updatedAt"].clone();
            assert!(of_members || before != bare(&event.incident), "{seq} changes nothing: {text}");
            *shown = event.incident;
        }
        for (id, (_, last)) in &last_of {
            let incident = self.server.incident(*id).await;
            assert_eq!(bare(&incident), bare(last), "{id}: GET is what its newest event shows");
            assert_eq!(incident.seq, last.seq);
            let firing = count(
                "select count(*) from alerts where incident_id = ?1 and ended_by is null",
                *id,
            );
            assert_eq!(incident.firing_count, firing, "{id}: firing members");
            check_timers(&db, &incident);
            check_severity(&db, &incident, self.by_hand.contains(id));
            if let Some(counted) = self.counted.get(id).filter(|_| !self.mixed.contains(id)) {
                // A late firing that opened an incident was counted for the one before.
                assert!(
                    (*counted..=counted + 3).contains(&incident.alert_count),
                    "{id}: {} reports counted, {counted} sent: {:?}",
                    incident.alert_count,
                    self.server.story(*id).await
                );
            }
        }
        check_rows(&db);
    }
}

fn check_rows(db: &Connection) {
    let count = |sql: &str, param: i64| -> u64 {
        db.query_row(sql, [param], |row| row.get(0)).expect("counted")
    };
    let doubles = count(
        "select count(*) from (select 1 from incidents where status < ?1
            group by service_id, dedup_key having count(*) > 1)",
        2,
    );
    assert_eq!(doubles, 0, "one open incident a key");
    let silent_ends = "select count(*) from alerts a where a.ended_by is null and a.ends_at is not null
            and ?1 = 0 and not exists (select 1 from timers where kind = 'expiry' and subject = a.id)";
    assert_eq!(count(silent_ends, 0), 0, "what has an end has its timer");
    let late = "select count(*) from alerts a where a.late = 1 and ?1 = 0
            and not exists (select 1 from timers where kind = 'late' and subject = a.id)";
    assert_eq!(count(late, 0), 0, "what is late has its timer");
    let open_member = "select count(*) from alerts a join incidents i on i.id = a.incident_id
            where a.ended_by is null and i.status < 2 and a.current = 0 and ?1 = 0";
    assert_eq!(count(open_member, 0), 0, "what fires in an open incident is found by its source");
}

fn check_timers(db: &Connection, incident: &Incident) {
    let mut set = db
        .prepare(
            "select kind from timers where subject = ?1 and kind in
            ('ack_timeout', 'snooze_end', 'hold_end', 'settle', 'calm', 'members')",
        )
        .expect("SQL");
    let set: BTreeSet<String> = set
        .query_map([incident.id.0], |row| row.get(0))
        .expect("rows")
        .map(|row| row.expect("a kind"))
        .collect();
    let has = |kind: &str| set.contains(kind);
    let acked = incident.status == Status::Acknowledged;
    let id = incident.id;
    assert_eq!(has("ack_timeout"), acked && incident.acknowledged_until.is_some(), "{id}: {set:?}");
    assert_eq!(has("snooze_end"), acked && incident.snoozed_until.is_some(), "{id}: {set:?}");
    if incident.is_open() {
        assert!(!has("hold_end"), "{id}: {set:?}");
        assert!(!has("settle") || incident.firing_count == 0, "{id}: it settles though it fires");
    } else {
        assert!(!has("settle") && !has("members"), "{id}: {set:?}");
        assert!(!has("hold_end") || incident.firing_count > 0, "{id}: nothing firing ends a hold");
        assert!(!has("hold_end") || incident.held_until.is_some(), "{id}");
    }
    assert_eq!(has("calm"), incident.flapping, "{id}: {set:?}");
}

/// An incident without what moves on its own.
fn bare(incident: &Incident) -> Value {
    let mut value = serde_json::to_value(incident).expect("JSON");
    for field in ["seq", "alertCount", "firingCount", "url", "escalation"] {
        value.as_object_mut().expect("an object").remove(field);
    }
    value
}

fn check_severity(db: &Connection, incident: &Incident, by_hand: bool) {
    let waits: u64 = db
        .query_row(
            "select count(*) from timers where kind = 'members' and subject = ?1",
            [incident.id.0],
            |row| row.get(0),
        )
        .expect("counted");
    if !incident.is_open() || waits > 0 || incident.firing_count == 0 {
        return;
    }
    let worst: i64 = db
        .query_row(
            "select min(severity) from alerts where incident_id = ?1 and ended_by is null",
            [incident.id.0],
            |row| row.get(0),
        )
        .expect("there is one");
    let worst = [Severity::Critical, Severity::Error, Severity::Warning, Severity::Info]
        [usize::try_from(worst).expect("small")];
    assert_eq!(incident.severity, worst, "{}: that of its worst firing member", incident.id);
    assert!(
        by_hand || incident.urgency <= worst.urgency(),
        "{}: urgency rises by itself",
        incident.id
    );
}

async fn walk(seed: u64) {
    let mut walk = Walk {
        server: TestServer::start().await,
        random: Random::new(seed),
        episodes: BTreeMap::new(),
        counted: BTreeMap::new(),
        mixed: BTreeSet::new(),
        by_hand: BTreeSet::new(),
    };
    for step in 0..STEPS {
        walk.step().await;
        if step % 20 == 19 {
            say(&format!("seed {seed}, checked at step {step}"));
            walk.check().await;
        }
    }
}

/// Walks of 400 steps: 6, or as many as `INCIDENTD_TEST_ROUNDS` says, from seed
/// `INCIDENTD_TEST_SEED` on.
#[tokio::test]
async fn whatever_happens_everything_fits_together() {
    let first = std::env::var("INCIDENTD_TEST_SEED").ok().and_then(|text| text.parse().ok());
    let first: u64 = first.unwrap_or(1);
    for seed in first..first + rounds(6) {
        walk(seed).await;
    }
}
