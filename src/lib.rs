//! incidentd.
pub mod api;
pub mod app;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod domain;
pub mod engine;
pub mod error;
pub mod http;
pub mod ingest;
pub mod live;
pub mod metrics;
pub mod secret;
pub mod server;
pub mod store;
