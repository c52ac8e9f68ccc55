//! What senders send, read generously: one pure parser a source, bytes in, alerts out. Over-long
//! text is cut and marked, unknown fields are ignored; refused is only what cannot be parsed or
//! does not say which alert it is.
pub mod alertmanager;
pub mod generic;
pub mod grafana;
pub mod json;
pub mod pagerduty;

use crate::domain::{Alert, Key};

/// A request of a sender, parsed.
#[derive(Debug, Default)]
pub struct Parsed {
    pub alerts: Vec<Alert>,
    /// The group of which `alerts` is the complete list.
    pub complete: Option<Key>,
    /// Why single alerts of the batch were left out; the others stand.
    pub rejected: Vec<String>,
}

/// Why a whole request cannot be used; each protocol words it its own way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// Not JSON, too deep, not UTF-8.
    Malformed(String),
    /// A field is missing or wrong.
    Invalid { field: &'static str, message: String },
}

impl Unusable {
    pub(crate) fn missing(field: &'static str) -> Self {
        Self::Invalid { field, message: format!("`{field}` is missing") }
    }
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Malformed(why) => f.write_str(why),
            Self::Invalid { message, .. } => f.write_str(message),
        }
    }
}
