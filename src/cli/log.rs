//! The server's log: text or JSON, one line an event, to stderr. Whatever senders wrote into it
//! stays a piece of its line.
use std::io::{self, Write};

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

use super::output::escaped;
use crate::config::LogFormat;
use crate::error::{Error, Result};

/// Changes what is logged.
pub struct Level(reload::Handle<EnvFilter, Registry>);

impl Level {
    /// # Errors
    /// `Invalid` for a filter that is none.
    pub fn set(&self, filter: &str) -> Result<()> {
        self.0.reload(parse(filter)?).map_err(Error::internal)
    }
}

fn parse(filter: &str) -> Result<EnvFilter> {
    EnvFilter::builder().parse(filter).map_err(|error| Error::invalid("log", error.to_string()))
}

/// Begins to log; panics go there, too.
///
/// # Errors
/// `Invalid` for a filter that is none.
pub fn start(filter: &str, format: LogFormat) -> Result<Level> {
    let (filter, handle) = reload::Layer::new(parse(filter)?);
    let lines = fmt::layer().with_writer(Lines).with_ansi(false);
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
    };
    // Only a second call in one process fails, and there is none.
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string);
        tracing::error!(at, cause = panic.payload_as_str().unwrap_or("unknown"), "panicked");
    }));
    Ok(Level(handle))
}

/// Stderr, a whole event at a time.
struct Lines;

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}

impl Write for Lines {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = one_line(&text);
        io::stderr().lock().write_all(line.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An event as one line that no terminal obeys: what might move a cursor, turn text around or
/// begin another line is written as JSON would write it.
fn one_line(event: &str) -> String {
    let line = event.strip_suffix('\n').unwrap_or(event);
    format!("{}\n", escaped(line).replace('\n', "\\n").replace('\t', "\\t"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_sender_wrote_stays_in_its_line() {
        let event = "WARN a\u{1b}[2Jb\r\nINFO forged\u{202e}\u{9b}\u{2028}c\n";
        let line = "WARN a\\u001b[2Jb\\u000d\\nINFO forged\\u202e\\u009b\\u2028c\n";
        assert_eq!(one_line(event), line);
    }
}
