//! incidentd.
pub mod api;
pub mod app;
pub mod clock;
pub mod domain;
pub mod error;
pub mod ingest;
pub mod store;
