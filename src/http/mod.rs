//! HTTP: the accept loop, who calls, and one route for each operation of the contract. No rules.
pub mod auth;
pub mod backup;
pub mod body;
pub mod configuration;
pub mod health;
pub mod ingest;
pub mod mount;
pub mod origin;
pub mod people;
pub mod reply;
pub mod routes;
pub mod server;

use std::sync::Arc;

use crate::app::App;
use crate::config::Config;
use crate::metrics::Metrics;

/// What every handler may use.
#[derive(Clone)]
pub struct Shared {
    pub app: App,
    pub config: Arc<Config>,
    pub metrics: Metrics,
    pub health: health::Health,
}
