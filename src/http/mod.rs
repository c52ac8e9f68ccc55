//! HTTP: the accept loop, who calls, and one route for each operation of the contract. No rules.
pub mod answers;
pub mod assets;
pub mod auth;
pub mod backup;
pub mod body;
pub mod configuration;
pub mod crowd;
mod doctor;
mod feeds;
pub mod front;
pub mod health;
pub mod heartbeats;
pub mod ingest;
pub mod listen;
pub mod metrics;
pub mod mount;
pub mod origin;
pub mod paging;
pub mod people;
pub mod proxy;
pub mod reply;
pub mod routes;
mod schedules;
pub mod server;
mod silences;
mod stream;
pub mod tls;
mod words;

use std::sync::Arc;

use crate::app::App;
use crate::config::{Config, Current};
use crate::metrics::Metrics;
use crate::notify::Notifier;

/// What every handler may use.
#[derive(Clone)]
pub struct Shared {
    pub app: App,
    pub notifier: Notifier,
    pub config: Current,
    pub metrics: Metrics,
    pub health: health::Health,
}

impl Shared {
    /// The configuration of this moment: a reload may change it under a request.
    #[must_use]
    pub fn config(&self) -> Arc<Config> {
        self.config.now()
    }
}
