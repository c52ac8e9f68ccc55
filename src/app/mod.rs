//! What can be asked of incidentd: each operation is permission, rule, one transaction. Knows no
//! HTTP and no SQL; the command line, sockets, buttons and timers all end here.
mod access;
mod act;
mod answers;
mod apply;
mod attempts;
mod audit;
pub mod backup;
mod beats;
mod changes;
mod channels;
mod clocks;
mod contacts;
mod deliveries;
pub mod doctor;
mod feeds;
mod gaps;
mod heartbeats;
mod incidents;
mod intake;
mod integrations;
mod links;
mod live;
mod members;
mod once;
mod overrides;
mod overview;
pub mod own;
mod pages;
mod paging;
mod passwords;
mod policies;
mod push;
mod quiet;
mod reach;
mod retention;
mod rota;
mod schedules;
mod services;
mod sessions;
mod silences;
mod sources;
mod teams;
mod timers;
mod tokens;
mod users;
mod uses;
mod verify;
mod visitor;
pub mod vitals;
mod webhooks;

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore, watch};

use crate::clock::Clock;
use crate::domain::Seq;
use crate::error::Result;
use crate::store::{Store, Write};

pub use crate::store::{Backlog, LogRow, WebhookRow, cursor_after, order_of_need};
pub use access::{Caller, Need, Who};
pub use answers::{Answer, Answered, Asked};
pub use deliveries::{Due, Outgoing, Undelivered};
pub use feeds::Calendar;
pub use incidents::page_size;
pub use intake::{Delivery, Sent};
pub use live::Joining;
pub use once::RequestKey;
pub use pages::NewIncident;
pub use sessions::Opened;
pub use visitor::{Visitor, household};

/// The application, shared by everything that serves.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    /// How people reach this server, without a slash at the end.
    public_url: String,
    hashing: passwords::Hashing,
    attempts: attempts::Attempts,
    uses: uses::Uses,
    /// One backup at a time: each takes as much disk as the database.
    backups: Arc<Semaphore>,
    /// Something is to be sent that no event tells of.
    knock: Notify,
    clocks: tokio::sync::Mutex<clocks::Clocks>,
    failing: timers::Failing,
}

impl App {
    #[must_use]
    pub fn new(store: Store, clock: Clock, public_url: &str) -> Self {
        let public_url = public_url.trim_end_matches('/').to_owned();
        let clocks = clocks::Clocks { wall: None, boot: clock.since_boot(), step: None };
        let clocks = tokio::sync::Mutex::new(clocks);
        Self(Arc::new(Inner {
            store,
            clock,
            public_url,
            hashing: passwords::Hashing::default(),
            attempts: attempts::Attempts::default(),
            uses: uses::Uses::default(),
            knock: Notify::new(),
            backups: Arc::new(Semaphore::new(1)),
            clocks,
            failing: timers::Failing::default(),
        }))
    }

    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    #[must_use]
    pub fn public_url(&self) -> &str {
        &self.0.public_url
    }

    /// The newest committed seq; moves after each commit that logged something.
    #[must_use]
    pub fn head(&self) -> watch::Receiver<Seq> {
        self.0.store.head()
    }

    /// Something is to be sent that no event tells of.
    pub fn knock(&self) {
        self.0.knock.notify_one();
    }

    /// Returns once something is to be sent that no event tells of.
    pub async fn knocked(&self) {
        self.0.knock.notified().await;
    }

    /// Rows of the log, for followers.
    ///
    /// # Errors
    /// `Unavailable` when the database cannot be read.
    pub async fn events_after(&self, seq: Seq, limit: u32) -> Result<Vec<LogRow>> {
        self.0.store.events_after(seq, limit).await
    }

    /// Can something be stored right now? Writes a row to find out.
    ///
    /// # Errors
    /// `Unavailable` if not.
    pub async fn check_writable(&self) -> Result<()> {
        self.write(|w| w.touch()).await
    }

    async fn write<T, F>(&self, write: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Write<'_>) -> Result<T> + Send + 'static,
    {
        let url = self.0.public_url.clone();
        self.0
            .store
            .write(self.now(), move |w| {
                let done = write(w)?;
                timers::settle(w, &url)?;
                Ok(done)
            })
            .await
    }
}
