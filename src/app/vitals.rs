//! What an operator asks of the database: what is open, what is late, how large it is.
use std::time::Duration;

use super::App;
use crate::error::Result;
use crate::store::Figures;

pub use crate::store::{Open, newest_schema as schema};

/// A timer may be due for this long before it is called late.
const ON_TIME: Duration = Duration::from_secs(10);

pub struct Vitals {
    pub open: Vec<Open>,
    /// How many timers are late, and how late the first of them is.
    pub late: (u64, Duration),
    /// Open incidents of which nobody could be told.
    pub untold: u64,
    /// Messages that are due and not yet sent, and for how long the first of them.
    pub unsent: (u64, Duration),
}

impl App {
    /// # Errors
    /// `Unavailable` when the database cannot be read.
    pub async fn vitals(&self) -> Result<Vitals> {
        let now = self.now();
        self.0
            .store
            .read(move |r| {
                let (unsent, since) = r.queued(now)?;
                let waits = since.and_then(|since| now.duration_since(since).try_into().ok());
                Ok(Vitals {
                    open: r.open_counts()?,
                    late: r.late_timers(now, ON_TIME)?,
                    untold: r.untold(None)?,
                    unsent: (unsent, waits.unwrap_or_default()),
                })
            })
            .await
    }

    /// What the writer has done so far.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.0.store.figures()
    }

    /// Bytes of the database, of its write-ahead log, and of what the disk has left.
    #[must_use]
    pub fn disk(&self) -> (u64, u64, u64) {
        let (database, wal) = self.0.store.sizes();
        (database, wal, self.0.store.free_bytes())
    }
}
