//! Changes of configuration: which fields differ, and the row of the log that says so.
use std::fmt::Display;

use crate::api::configuration::FieldChange;
use crate::domain::event::Record;
use crate::domain::{Actor, Seq, text};
use crate::error::{Error, FieldError, Kind, Result};
use crate::store::Write;

/// Longest name of a team, service or integration, in bytes.
const MAX_NAME: usize = 255;
/// Longest description of a change in the log, in bytes.
const MAX_CHANGE: usize = 2_000;

/// Notes a field if it differs.
pub(super) fn differ(
    fields: &mut Vec<FieldChange>,
    field: &str,
    from: impl Display,
    to: impl Display,
) {
    differ_or_not(fields, field, Some(from.to_string()), Some(to.to_string()));
}

/// As `differ`, for a field that may be nothing.
pub(super) fn differ_or_not(
    fields: &mut Vec<FieldChange>,
    field: &str,
    from: Option<String>,
    to: Option<String>,
) {
    if from != to {
        fields.push(FieldChange { field: field.to_owned(), from, to });
    }
}

/// Text as it stands in a list of changes.
pub(super) fn quoted(text: &str) -> String {
    format!("{text:?}")
}

/// What of the configuration changed: its kind, id and name.
pub(super) struct Thing<'a> {
    pub what: &'static str,
    pub id: i64,
    pub name: &'a str,
}

impl Thing<'_> {
    pub(super) fn log(&self, w: &mut Write<'_>, change: &str, actor: &Actor) -> Result<()> {
        self.record(w, change, actor).map(|_| ())
    }

    /// As `log`; says by which row.
    pub(super) fn record(&self, w: &mut Write<'_>, change: &str, actor: &Actor) -> Result<Seq> {
        let record = Record::Config {
            what: self.what.into(),
            id: self.id,
            name: self.name.into(),
            change: text::cut(change, MAX_CHANGE),
        };
        w.record(&record, actor)
    }

    /// Logs fields that changed, if any did.
    pub(super) fn log_fields(
        &self,
        w: &mut Write<'_>,
        fields: &[FieldChange],
        actor: &Actor,
    ) -> Result<()> {
        if fields.is_empty() {
            return Ok(());
        }
        let fields: Vec<String> = fields.iter().map(ToString::to_string).collect();
        self.log(w, &format!("changed ({})", fields.join(", ")), actor)
    }
}

/// What is wrong with a field that was given.
pub(super) fn fault(field: &str, checked: Option<Result<(), String>>) -> Option<FieldError> {
    let message = checked?.err()?;
    Some(FieldError { field: field.to_owned(), message })
}

/// # Errors
/// `Invalid`, naming each field that is wrong.
pub(super) fn wrongs(wrong: Vec<FieldError>) -> Result<()> {
    let Some(first) = wrong.first() else { return Ok(()) };
    let mut error = Error::new(Kind::Invalid, format!("{}: {}", first.field, first.message));
    error.fields = wrong;
    Err(error)
}

/// # Errors
/// `NotFound`, naming each field whose name stands for nothing.
pub(super) fn unknown(wrong: Vec<FieldError>) -> Result<()> {
    wrongs(wrong).map_err(|error| Error { kind: Kind::NotFound, ..error })
}

/// # Errors
/// Says what is wrong with the name of a team, service or integration.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    if name.trim().is_empty()
        || name.len() > MAX_NAME
        || name.contains(|c| text::is_hostile(c) || c.is_control())
    {
        return Err(format!(
            "needs 1 to {MAX_NAME} bytes, none of them a control or direction character"
        ));
    }
    Ok(())
}
