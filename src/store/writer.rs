//! The one writing thread: what waits together shares a transaction, answered after its commit
//! is on disk. A failing operation is rerun apart from its neighbours; a second thread moves the
//! write-ahead log into the database file meanwhile.
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use prometheus_client::metrics::histogram::Histogram;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use super::memo::Memo;
use super::sql::{self, Counters, Write};
use crate::domain::Seq;
use crate::error::{Error, Kind, Result};
use crate::metrics::{seconds, sizes};

/// Operations that may wait; beyond, callers are told to come back.
const QUEUE: usize = 4_096;
/// Operations that share a transaction.
const BATCH: usize = 256;
const CHECKPOINT_EVERY: Duration = Duration::from_millis(50);

/// Counts since the start, for metrics.
#[derive(Clone, Debug)]
pub struct Figures {
    pub operations: u64,
    pub batches: u64,
    /// Operations in a transaction; seconds that its commit took.
    pub batch_sizes: Histogram,
    pub commit_seconds: Histogram,
    pub failed_commits: u64,
    pub waiting: u64,
    /// The last commit failed: nothing can be stored now.
    pub failing: bool,
    /// How long ago a commit failed.
    pub failed_ago: Option<Duration>,
}

struct Counts {
    operations: AtomicU64,
    batches: AtomicU64,
    batch_sizes: Histogram,
    commit_seconds: Histogram,
    failed_commits: AtomicU64,
    failing: AtomicBool,
    last_failure: Mutex<Option<Instant>>,
}

impl Counts {
    fn new() -> Self {
        Self {
            operations: AtomicU64::default(),
            batches: AtomicU64::default(),
            batch_sizes: sizes(),
            commit_seconds: seconds(),
            failed_commits: AtomicU64::default(),
            failing: AtomicBool::default(),
            last_failure: Mutex::default(),
        }
    }

    fn fail(&self) {
        self.failed_commits.fetch_add(1, Ordering::Relaxed);
        // Nothing can panic while it is held.
        *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}

pub(super) struct Writer {
    /// None only while it is dropped.
    queue: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<thread::JoinHandle<()>>,
    head: watch::Receiver<Seq>,
    counts: Arc<Counts>,
}

impl Drop for Writer {
    /// Waits for the last commit, so that the lock on the folder outlives it.
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(Err(_)) = self.thread.take().map(thread::JoinHandle::join) {
            tracing::error!("the writer panicked");
        }
    }
}

trait Job: Send {
    /// `careful`: what fails can be taken back.
    fn run(&mut self, conn: &Connection, known: (&mut Counters, &Memo), careful: bool) -> Ran;
    fn finish(self: Box<Self>, committed: Result<()>);
}

enum Ran {
    Done,
    /// Failed; says whether rows were touched and whether the disk is at fault.
    Failed {
        dirty: bool,
        disk: bool,
    },
}

struct Operation<F, T> {
    now: Timestamp,
    write: F,
    outcome: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<F, T> Job for Operation<F, T>
where
    F: Fn(&mut Write<'_>) -> Result<T> + Send,
    T: Send,
{
    fn run(
        &mut self,
        conn: &Connection,
        (counters, memo): (&mut Counters, &Memo),
        careful: bool,
    ) -> Ran {
        let (rows, before) = (conn.total_changes(), *counters);
        let mut write = Write::new(conn, self.now, (&mut *counters, memo), careful);
        let whole = |write: &mut Write<'_>| {
            let done = (self.write)(write)?;
            write.save_due().map(|()| done)
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| whole(&mut write)))
            .unwrap_or_else(|_| Err(Error::internal("an operation of the store panicked")));
        let ran = match &outcome {
            Ok(_) if write.spoilt => Ran::Failed { dirty: true, disk: false },
            Ok(_) => Ran::Done,
            Err(error) => Ran::Failed {
                dirty: conn.total_changes() != rows || *counters != before,
                disk: error.kind == Kind::Unavailable,
            },
        };
        self.outcome = Some(outcome);
        ran
    }

    fn finish(self: Box<Self>, committed: Result<()>) {
        let outcome = match (committed, self.outcome) {
            (Ok(()), Some(outcome)) | (Err(_), Some(outcome @ Err(_))) => outcome,
            (Err(error), _) => Err(error),
            (Ok(()), None) => Err(Error::internal("an operation was never run")),
        };
        // Nobody waits any more: the caller went away, the commit stands.
        let _ = self.reply.send(outcome);
    }
}

impl Writer {
    pub(super) fn start(path: &Path) -> Result<Self> {
        let conn = super::open_for_writing(path)?;
        let counters = Counters::load(&conn).map_err(sql::failed)?;
        let (queue, jobs) = mpsc::channel(QUEUE);
        let (head, follow) = watch::channel(Seq(counters.seq));
        let counts = Arc::new(Counts::new());
        let running = Arc::new(AtomicBool::new(true));
        spawn_checkpointer(path, &running, &counts)?;
        let file = std::fs::metadata(path).map_err(Error::internal)?;
        let thread = Thread {
            path: path.to_owned(),
            file: (file.dev(), file.ino()),
            conn,
            counters,
            memo: Memo::default(),
            jobs,
            head,
            counts: counts.clone(),
            running,
        };
        let thread = thread::Builder::new()
            .name("writer".into())
            .spawn(move || thread.run())
            .map_err(Error::internal)?;
        Ok(Self { queue: Some(queue), thread: Some(thread), head: follow, counts })
    }

    pub(super) async fn submit<T, F>(&self, now: Timestamp, write: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Write<'_>) -> Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let operation = Operation { now, write, outcome: None, reply };
        let stopping = || Error::unavailable("incidentd is stopping.");
        let queue = self.queue.as_ref().ok_or_else(stopping)?;
        queue.try_send(Box::new(operation)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                Error::unavailable("More is coming in than the disk can take.")
            }
            mpsc::error::TrySendError::Closed(_) => stopping(),
        })?;
        answer.await.map_err(|_| stopping())?
    }

    pub(super) fn head(&self) -> watch::Receiver<Seq> {
        self.head.clone()
    }

    pub(super) fn figures(&self) -> Figures {
        let counts = &self.counts;
        Figures {
            operations: counts.operations.load(Ordering::Relaxed),
            batches: counts.batches.load(Ordering::Relaxed),
            batch_sizes: counts.batch_sizes.clone(),
            commit_seconds: counts.commit_seconds.clone(),
            failed_commits: counts.failed_commits.load(Ordering::Relaxed),
            waiting: self.queue.as_ref().map_or(0, |queue| QUEUE - queue.capacity()) as u64,
            failing: counts.failing.load(Ordering::Relaxed),
            failed_ago: counts
                .last_failure
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .map(|at| at.elapsed()),
        }
    }
}

struct Thread {
    path: PathBuf,
    /// Which file that is: its device and inode.
    file: (u64, u64),
    conn: Connection,
    counters: Counters,
    memo: Memo,
    jobs: mpsc::Receiver<Box<dyn Job>>,
    head: watch::Sender<Seq>,
    counts: Arc<Counts>,
    running: Arc<AtomicBool>,
}

impl Thread {
    fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        while self.jobs.blocking_recv_many(&mut batch, BATCH) > 0 {
            // Whoever is about to ask gets his turn: fewer and larger commits.
            thread::yield_now();
            while batch.len() < BATCH
                && let Ok(job) = self.jobs.try_recv()
            {
                batch.push(job);
            }
            self.counts.operations.fetch_add(batch.len() as u64, Ordering::Relaxed);
            self.counts.batches.fetch_add(1, Ordering::Relaxed);
            self.counts
                .batch_sizes
                .observe(f64::from(u16::try_from(batch.len()).unwrap_or(u16::MAX)));
            let committed = self.write_batch(&mut batch);
            self.counts.failing.store(committed.is_err(), Ordering::Relaxed);
            if let Err(error) = &committed {
                self.counts.fail();
                tracing::error!(%error, operations = batch.len(), "nothing of a batch was stored");
                self.recover();
            }
            for job in batch.drain(..) {
                job.finish(committed.clone());
            }
            self.head.send_if_modified(|head| {
                let moved = head.0 != self.counters.seq;
                *head = Seq(self.counters.seq);
                moved
            });
        }
        self.running.store(false, Ordering::Relaxed);
    }

    /// One transaction for all; if one operation fails after it wrote, all again with a
    /// savepoint each. `Ok` means that the commit is on disk.
    fn write_batch(&mut self, batch: &mut [Box<dyn Job>]) -> Result<()> {
        let before = self.counters;
        self.begin()?;
        for job in batch.iter_mut() {
            match job.run(&self.conn, (&mut self.counters, &self.memo), false) {
                Ran::Done | Ran::Failed { dirty: false, disk: false } => {}
                Ran::Failed { disk: true, .. } => return Err(disk_error()),
                Ran::Failed { dirty: true, .. } => {
                    self.execute("rollback")?;
                    self.memo.forget();
                    self.counters = before;
                    return self.write_apart(batch);
                }
            }
        }
        self.commit(before)
    }

    fn write_apart(&mut self, batch: &mut [Box<dyn Job>]) -> Result<()> {
        let first = self.counters;
        self.begin()?;
        for job in batch {
            let before = self.counters;
            self.execute("savepoint operation")?;
            match job.run(&self.conn, (&mut self.counters, &self.memo), true) {
                Ran::Done => {}
                Ran::Failed { disk: true, .. } => return Err(disk_error()),
                Ran::Failed { .. } => {
                    self.execute("rollback to operation")?;
                    self.memo.forget();
                    self.counters = before;
                }
            }
            self.execute("release operation")?;
        }
        self.commit(first)
    }

    fn begin(&self) -> Result<()> {
        self.execute("begin immediate")
    }

    fn commit(&self, before: Counters) -> Result<()> {
        if self.counters != before {
            self.counters.save(&self.conn).map_err(unwritten)?;
        }
        self.in_place()?;
        let started = Instant::now();
        self.execute("commit")?;
        self.counts.commit_seconds.observe(started.elapsed().as_secs_f64());
        Ok(())
    }

    /// Whoever moves the file away takes with it what is stored from now on: nobody would find it.
    fn in_place(&self) -> Result<()> {
        match std::fs::metadata(&self.path) {
            Ok(there) if (there.dev(), there.ino()) == self.file => Ok(()),
            _ => Err(Error::unavailable(
                "The database was moved or replaced under the running server.",
            )
            .hint("Put incidentd.db back, or stop the server first and start it again.")),
        }
    }

    fn execute(&self, sql: &str) -> Result<()> {
        self.conn
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute([]))
            .map(|_| ())
            .map_err(unwritten)
    }

    /// After a failed commit nothing in memory is trusted: the file says what is so.
    fn recover(&mut self) {
        self.memo.forget();
        if !self.conn.is_autocommit() {
            // SQLite may have rolled back already; the new connection starts clean either way.
            let _ = self.conn.execute_batch("rollback");
        }
        // What stands there now is not ours: opened, it would be taken for all that there is.
        let reopened = self.in_place().and_then(|()| super::open_for_writing(&self.path));
        match reopened {
            Ok(conn) => self.conn = conn,
            Err(error) => tracing::error!(%error, "the database cannot be reopened"),
        }
        match Counters::load(&self.conn) {
            Ok(counters) => self.counters = counters,
            Err(error) => tracing::error!(%error, "the database cannot be read"),
        }
    }
}

fn unwritten(error: rusqlite::Error) -> Error {
    match sql::failed(error) {
        unavailable if unavailable.kind == Kind::Unavailable => unavailable,
        _ => disk_error(),
    }
}

fn disk_error() -> Error {
    Error::unavailable("The database cannot be written.")
}

fn spawn_checkpointer(path: &Path, running: &Arc<AtomicBool>, counts: &Arc<Counts>) -> Result<()> {
    let conn = super::open_for_writing(path)?;
    let (running, counts) = (running.clone(), counts.clone());
    thread::Builder::new()
        .name("checkpoint".into())
        .spawn(move || {
            let mut seen = 0;
            while running.load(Ordering::Relaxed) {
                thread::sleep(CHECKPOINT_EVERY);
                let batches = counts.batches.load(Ordering::Relaxed);
                if batches != seen {
                    seen = batches;
                    // Passive: takes what it can get; what it cannot, the next round does.
                    let _ = conn.query_row("pragma wal_checkpoint(passive)", [], |_| Ok(()));
                }
            }
        })
        .map(|_| ())
        .map_err(Error::internal)
}
