//! The one writing thread: what waits together is stored together, and fails apart.
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use futures_util::FutureExt;
use incidentd::app::App;
use incidentd::clock::{Clock, ManualClock};
use incidentd::domain::event::Record;
use incidentd::domain::{Actor, Seq, UserId};
use incidentd::error::{Error, Kind, Result};
use incidentd::store::{Store, Write};

use crate::harness::START;

/// A store whose writer waits at a gate, so that what comes meanwhile shares a transaction.
struct World {
    store: Store,
    app: App,
    gate: Arc<(Mutex<bool>, Condvar)>,
    dir: tempfile::TempDir,
}

fn record(w: &mut Write<'_>, name: &str) -> Result<Seq> {
    let what = Record::Config { what: "test".into(), id: 1, name: name.into(), change: "x".into() };
    w.record(&what, &Actor::system())
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Store::open(dir.path()).expect("opened");
        let clock = ManualClock::starting_at(START.parse().expect("a time"));
        let app = App::new(store.clone(), Clock::Manual(clock), "http://x");
        Self { store, app, gate: Arc::default(), dir }
    }

    /// Keeps the writer busy until the gate opens; returns when it is.
    async fn shut(&self) -> tokio::task::JoinHandle<Result<()>> {
        let (store, gate, now) = (self.store.clone(), self.gate.clone(), self.app.now());
        let (reached, wait) = tokio::sync::watch::channel(false);
        let task = tokio::spawn(async move {
            store
                .write(now, move |_| {
                    reached.send_replace(true);
                    let (open, opened) = &*gate;
                    let open = open.lock().expect("no panic");
                    drop(opened.wait_while(open, |open| !*open).expect("no panic"));
                    Ok(())
                })
                .await
        });
        let mut wait = wait;
        wait.wait_for(|reached| *reached).await.expect("it runs");
        task
    }

    fn open(&self) {
        *self.gate.0.lock().expect("no panic") = true;
        self.gate.1.notify_all();
    }

    /// The names in the log, in order, and what their JSON says.
    fn log(&self) -> Vec<(i64, String)> {
        let db = rusqlite::Connection::open(self.dir.path().join("incidentd.db")).expect("opened");
        let mut rows = db.prepare("select seq, json from events order by seq").expect("SQL");
        rows.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))
            .expect("rows")
            .map(|row| row.expect("a row"))
            .map(|(seq, json)| {
                let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
                assert_eq!(json["seq"], seq, "a row names itself");
                (seq, json["name"].as_str().unwrap_or_default().to_owned())
            })
            .collect()
    }
}

/// A panic on purpose says nothing.
fn quiet() {
    let loud = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload().downcast_ref::<&str>();
        if !text.is_some_and(|text| text.contains("on purpose")) {
            loud(panic);
        }
    }));
}

#[tokio::test]
async fn one_that_fails_or_panics_takes_no_neighbour_with_it() {
    quiet();
    let world = World::new();
    let first = world.shut().await;
    let runs = Arc::new(AtomicU32::new(0));
    let mut waiting = Vec::new();
    for number in 0..20 {
        let (store, now, runs) = (world.store.clone(), world.app.now(), runs.clone());
        waiting.push(async move {
            store
                .write(now, move |w| {
                    runs.fetch_add(1, Ordering::Relaxed);
                    let seq = record(w, &format!("n{number}"))?;
                    match number % 5 {
                        1 => Err(Error::refused("on purpose, after a write")),
                        2 => panic!("on purpose, after a write"),
                        _ => Ok(seq),
                    }
                })
                .await
        });
    }
    // Refused before any write: nothing is run again for it alone.
    let store = world.store.clone();
    let harmless = store.write(world.app.now(), |_| Err::<(), _>(Error::refused("at once")));
    let opening = async {
        tokio::task::yield_now().await;
        world.open();
    };
    let (outcomes, harmless, ()) =
        futures_util::join!(futures_util::future::join_all(waiting), harmless, opening);
    first.await.expect("ran").expect("stored");
    assert_eq!(harmless.expect_err("refused").kind, Kind::Refused);
    let mut seqs = BTreeSet::new();
    for (number, outcome) in outcomes.into_iter().enumerate() {
        match (number % 5, outcome) {
            (1, Err(error)) => assert_eq!(error.kind, Kind::Refused),
            (2, Err(error)) => assert_eq!(error.kind, Kind::Internal),
            (_, Ok(seq)) => assert!(seqs.insert(seq.0), "{seq} twice"),
            (_, Err(error)) => panic!("{number}: {error}"),
        }
    }
    let log = world.log();
    assert_eq!(log.iter().map(|(seq, _)| *seq).collect::<BTreeSet<_>>(), seqs);
    assert_eq!(log.len(), 12, "what failed is not there, what ran again is there once");
    assert_eq!(log.last().map(|(seq, _)| *seq), Some(12), "failures leave no gaps");
    assert!(runs.load(Ordering::Relaxed) > 20, "the batch ran again");
    world.store.head().wait_for(|head| head.0 == 12).await.expect("followers are told");
    assert!(!world.store.figures().failing);
}

#[tokio::test]
async fn a_full_queue_says_so_and_what_waits_is_stored() {
    let world = World::new();
    let first = world.shut().await;
    let write = || world.store.write(world.app.now(), |w| record(w, "waits"));
    let mut accepted = 0;
    let refused = loop {
        // Waits in the queue although nobody waits for its answer.
        match Box::pin(write()).now_or_never() {
            None => accepted += 1,
            Some(outcome) => break outcome.expect_err("the queue is full"),
        }
        assert!(accepted < 100_000, "the queue has an end");
    };
    assert_eq!(refused.kind, Kind::Unavailable);
    assert!(refused.retry_after.is_some());
    world.open();
    first.await.expect("ran").expect("stored");
    let last = loop {
        match Box::pin(write()).await {
            Ok(seq) => break seq,
            Err(error) => assert_eq!(error.kind, Kind::Unavailable),
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(world.log().len(), accepted + 1);
    assert_eq!(last.0, i64::try_from(accepted).expect("small") + 1);
    assert!(world.store.figures().batches < 40, "they shared transactions");
}

#[tokio::test]
async fn a_database_that_cannot_be_written_refuses_all_and_recovers() {
    let world = World::new();
    world.store.write(world.app.now(), |w| record(w, "before")).await.expect("stored");
    let other = rusqlite::Connection::open(world.dir.path().join("incidentd.db")).expect("opened");
    other.execute_batch("begin immediate").expect("locked");
    let writes = (0..10).map(|_| world.store.write(world.app.now(), |w| record(w, "lost")));
    for outcome in futures_util::future::join_all(writes).await {
        let error = outcome.expect_err("it is locked");
        assert_eq!(error.kind, Kind::Unavailable);
        assert!(error.retry_after.is_some());
    }
    assert!(world.store.figures().failing);
    other.execute_batch("rollback").expect("unlocked");
    drop(other);
    let seq = world.store.write(world.app.now(), |w| record(w, "after")).await.expect("stored");
    assert_eq!(seq, Seq(2), "numbers that nobody saw are used");
    assert!(!world.store.figures().failing);
    let names: Vec<String> = world.log().into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["before", "after"]);
}

#[tokio::test]
async fn nothing_is_accepted_into_a_file_that_was_taken_away() {
    let world = World::new();
    world.store.write(world.app.now(), |w| record(w, "before")).await.expect("stored");
    let (there, away) = (world.dir.path().join("incidentd.db"), world.dir.path().join("away"));
    std::fs::rename(&there, &away).expect("moved");
    for _ in 0..2 {
        let lost = world.store.write(world.app.now(), |w| record(w, "lost")).await;
        let error = lost.expect_err("nobody would find it");
        assert_eq!(error.kind, Kind::Unavailable);
        assert!(error.detail.contains("moved"), "{error}");
    }
    assert!(!there.exists(), "no empty one stands in its place");
    std::fs::rename(&away, &there).expect("moved back");
    world.store.write(world.app.now(), |w| record(w, "after")).await.expect("stored");
    let names: Vec<String> = world.log().into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["before", "after"]);
}

#[tokio::test]
async fn numbers_rise_over_failures_and_restarts() {
    quiet();
    let mut seen = Vec::new();
    let dir = tempfile::tempdir().expect("a folder");
    for _ in 0..3 {
        let store = Store::open(dir.path()).expect("opened");
        let now = START.parse().expect("a time");
        let failing = store.write(now, |w| {
            record(w, "fails")?;
            w.forget_person(UserId(1), None)?;
            Err::<Seq, _>(Error::refused("on purpose"))
        });
        let kept = store.write(now, |w| record(w, "kept"));
        let panics = store.write(now, |w| -> Result<Seq> {
            record(w, "panics")?;
            panic!("on purpose");
        });
        let (failed, kept, panicked) = futures_util::join!(failing, kept, panics);
        assert_eq!(failed.expect_err("fails").kind, Kind::Refused);
        assert_eq!(panicked.expect_err("panics").kind, Kind::Internal);
        seen.push(kept.expect("stored").0);
        drop(store);
    }
    assert_eq!(seen, [1, 2, 3]);
}
