//! What is printed: data on stdout, words on stderr; tables for people, tab-separated for pipes,
//! JSON where asked. Nothing that a sender wrote reaches a terminal raw.
use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::{Common, Format, sheet};
use crate::domain::IncidentId;
use crate::domain::text::shown;
use crate::error::{Error, Kind, Result};
use crate::tui::view::text::moment;

pub use super::table::{facts, fits, prose, table, table_or_less};

/// May colours be used? On a terminal that knows them; NO_COLOR and CLICOLOR_FORCE decide first.
pub fn is_coloured(stream: &impl anstream::stream::RawStream) -> bool {
    !sheet::is_there() && anstream::AutoStream::choice(stream) != anstream::ColorChoice::Never
}

/// Do people look at what is printed, or does a program read it?
pub fn is_seen() -> bool {
    sheet::is_there() || std::io::stdout().is_terminal()
}

/// Text as it is, ours alone.
pub fn data(text: &str) {
    if sheet::take(text) {
        return;
    }
    let mut out = std::io::stdout().lock();
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // `incidentd list | head -1`: who reads has enough.
        let enough = error.kind() == std::io::ErrorKind::BrokenPipe;
        if !enough {
            say(&format!("incidentd: stdout cannot be written: {error}."));
        }
        std::process::exit(i32::from(!enough));
    }
}

/// One line of data.
pub fn line(text: &str) {
    data(&format!("{}\n", shown(text)));
}

/// Ids alone, one a line: what `-q` prints.
pub fn ids(ids: impl IntoIterator<Item = IncidentId>) {
    for id in ids {
        line(&id.to_string());
    }
}

/// A list as programs ask for it: by `-q` the ids alone, as the verb takes them that ends or removes
/// one, or JSON. False where people read it.
///
/// # Errors
/// As `json`.
pub fn for_programs<T: Serialize>(
    common: &Common,
    items: &[T],
    id: impl Fn(&T) -> String,
) -> Result<bool> {
    if common.quiet {
        for item in items {
            line(&id(item));
        }
    } else if common.output == Format::Json {
        json(&items)?;
    }
    Ok(common.quiet || common.output == Format::Json)
}

/// One line of words for a person.
pub fn say(text: &str) {
    words(&shown(&typed_here(text)));
}

/// Words that name commands, as these are typed where the words are read.
#[must_use]
pub fn typed_here(text: &str) -> Cow<'_, str> {
    if sheet::is_there() { sheet::here(text) } else { Cow::Borrowed(text) }
}

fn words(text: &str) {
    if sheet::take(&format!("{text}\n")) {
        return;
    }
    // Nobody reads what goes wrong here.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// # Errors
/// `Internal` if it has no JSON form.
pub fn json(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string(value).map_err(Error::internal)?;
    data(&format!("{}\n", escaped(&text)));
    Ok(())
}

/// JSON escapes C0 itself; what else a terminal might obey is escaped here.
pub fn escaped(json: &str) -> Cow<'_, str> {
    if !json.contains(crate::domain::text::is_hostile) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if crate::domain::text::is_hostile(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// An error with its next step.
pub fn error(error: &Error, as_json: bool) {
    let error = for_typist(error.clone());
    if as_json {
        let value = serde_json::json!({"error": {
            "code": error.kind.code(), "message": error.detail, "hint": error.hint,
        }});
        words(&escaped(&value.to_string()));
    } else if sheet::is_there() {
        say(&error.to_string());
    } else {
        say(&format!("incidentd: {error}"));
    }
}

/// An error as whoever typed the line reads it: with its flags, and always a next step.
#[must_use]
pub fn for_typist(error: Error) -> Error {
    let error = super::flags::named(error, sheet::line());
    // Who types looks into --help, not into what programs read.
    let kind = if error.kind == Kind::Invalid { Kind::Usage } else { error.kind };
    let hint = error.hint.clone().unwrap_or_else(|| kind.next_step().to_owned());
    error.hint(hint)
}

/// What is left of several tries: each failure is said once, all but the last here, the last by
/// whoever ends the command. Failures of one kind give its exit code, of several 1.
pub fn failures(mut failures: Vec<Error>, as_json: bool) -> Result<()> {
    let Some(last) = failures.pop() else { return Ok(()) };
    for failure in &failures {
        error(failure, as_json);
    }
    if failures.iter().all(|error| error.kind == last.kind) {
        return Err(last);
    }
    error(&last, as_json);
    let all = failures.len() + 1;
    Err(Error::new(Kind::Internal, format!("{all} failed, each for a reason of its own."))
        .hint("The lines above say what to do about each."))
}

/// A size, as people say it.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} bytes"),
        10_000..10_000_000 => format!("{} kB", bytes / 1_000),
        10_000_000..10_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{} GB", bytes / 1_000_000_000),
    }
}

/// How long ago, as people say it.
#[must_use]
pub fn age(at: Timestamp) -> String {
    let secs = super::now().duration_since(at).as_secs().max(0);
    match secs {
        0..60 => format!("{secs}s"),
        60..3_600 => format!("{}m", secs / 60),
        3_600..86_400 => format!("{}h", secs / 3_600),
        _ => format!("{}d", secs / 86_400),
    }
}

/// RFC 3339 in a pipe, the age on a terminal.
#[must_use]
pub fn when(at: Timestamp) -> String {
    if is_seen() { age(at) } else { at.to_string() }
}

/// RFC 3339 in a pipe; on a terminal what the clock here shows, and which that is; in a dashboard as
/// that says it.
#[must_use]
pub fn clock(at: Timestamp) -> String {
    if sheet::is_there() {
        return moment(at, super::now(), &TimeZone::system(), false);
    }
    clock_in(at, &TimeZone::system())
}

/// The same by the clocks of `zone`.
#[must_use]
pub fn clock_in(at: Timestamp, zone: &TimeZone) -> String {
    if !is_seen() {
        return at.to_string();
    }
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_reaches_a_terminal_escaped_not_stripped() {
        assert_eq!(escaped("{\"a\":\"\u{9b}2J\u{202e}\"}"), "{\"a\":\"\\u009b2J\\u202e\"}");
        assert_eq!(escaped("{\"a\":\"ü\"}"), "{\"a\":\"ü\"}");
    }
}
