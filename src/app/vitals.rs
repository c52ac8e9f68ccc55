//! What an operator asks of the database: what is open, what is late, how large it is.
use std::time::Duration;

use jiff::Timestamp;

use super::App;
use super::reach::without_contact;
use crate::domain::heartbeat::Pulse;
use crate::error::Result;
use crate::store::Figures;

pub use crate::store::{Open, newest_schema as schema, schema as schema_in};

/// Less than this, and less than a twentieth of the disk, is short.
const SHORT: u64 = 1024 * 1024 * 1024;
/// A timer may be due for this long before it is called late.
pub(super) const ON_TIME: Duration = Duration::from_secs(10);

pub struct Vitals {
    pub open: Vec<Open>,
    /// How many timers are late, and how late the first of them is.
    pub late: (u64, Duration),
    /// Open incidents of which nobody could be told.
    pub untold: u64,
    /// Messages that are due and not yet sent, and for how long the first of them.
    pub unsent: (u64, Duration),
    /// How many people are on call now and have no contact that works.
    pub mute: u64,
    /// How many heartbeats stand how.
    pub pulses: Vec<(Pulse, u64)>,
    pub last_backup: Option<Timestamp>,
}

impl App {
    /// `channels`: those that are set up.
    ///
    /// # Errors
    /// `Unavailable` when the database cannot be read.
    pub async fn vitals(&self, channels: Vec<String>) -> Result<Vitals> {
        let (now, app) = (self.now(), self.clone());
        self.0
            .store
            .read(move |r| {
                let (unsent, since) = r.queued(now)?;
                let waits = since.and_then(|since| now.duration_since(since).try_into().ok());
                let mute = without_contact(r, &channels, now)?.on_call.len() as u64;
                let heartbeats = r.heartbeats()?;
                let count = |pulse: Pulse| {
                    let so = heartbeats.iter().filter(|row| row.heartbeat.pulse() == pulse);
                    (pulse, so.count() as u64)
                };
                Ok(Vitals {
                    open: r.open_counts()?,
                    late: app.0.failing.late(r, now)?,
                    untold: r.untold(None)?,
                    unsent: (unsent, waits.unwrap_or_default()),
                    mute,
                    pulses: Pulse::ALL.map(count).to_vec(),
                    last_backup: r.last_backup()?,
                })
            })
            .await
    }

    /// How many timers are late, and how late the first of them is.
    ///
    /// # Errors
    /// `Unavailable` when the database cannot be read.
    pub async fn late_timers(&self) -> Result<(u64, Duration)> {
        let (now, app) = (self.now(), self.clone());
        self.0.store.read(move |r| app.0.failing.late(r, now)).await
    }

    /// What the writer has done so far.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.0.store.figures()
    }

    /// Says so if the disk below the database is nearly full.
    #[must_use]
    pub fn disk_is_short(&self) -> Option<String> {
        let (free, whole) = self.0.store.disk();
        let said = || format!("the disk has {} MiB left", free / 1024 / 1024);
        is_short(free, whole).then(said)
    }

    /// Bytes of the database, of its write-ahead log, and of what the disk has left.
    #[must_use]
    pub fn disk(&self) -> (u64, u64, u64) {
        let (database, wal) = self.0.store.sizes();
        (database, wal, self.0.store.disk().0)
    }
}

/// Is this too little of a disk?
pub(super) const fn is_short(free: u64, whole: u64) -> bool {
    free < SHORT && free < whole / 20
}
