//! What people type that nobody else may see: without echo, on a terminal only; scripts pipe it.
use std::io::{BufRead, IsTerminal, Write};

use super::sheet;
use crate::error::{Error, Result};

/// Longest line that is read, in bytes.
const MAX_LINE: u64 = 4_096;

/// Lines of stdin, one after the other.
pub struct Stdin(std::io::Take<std::io::StdinLock<'static>>);

impl Stdin {
    pub fn lock() -> Self {
        use std::io::Read;
        Self(std::io::stdin().lock().take(2 * MAX_LINE))
    }

    /// # Errors
    /// `Invalid` if there is none, or it is no text.
    pub fn line(&mut self, what: &str) -> Result<String> {
        sheet::must_have_stdin()?;
        let mut line = String::new();
        self.0.read_line(&mut line).map_err(|_| Error::invalid(what, "is not readable text"))?;
        let line = line.trim_end_matches(['\n', '\r']).to_owned();
        if line.is_empty() {
            return Err(Error::invalid(what, "is missing on stdin"));
        }
        Ok(line)
    }
}

pub fn is_terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// # Errors
/// `Usage`, with what to do instead, where nobody sits.
fn must_be_terminal(instead: &str) -> Result<()> {
    sheet::must_have_stdin()?;
    if is_terminal() {
        return Ok(());
    }
    Err(Error::usage("This asks questions, and here is no terminal to ask on.").hint(instead))
}

/// # Errors
/// `Usage` where nobody sits, `Invalid` if nothing is typed.
pub fn ask(question: &str, instead: &str) -> Result<String> {
    must_be_terminal(instead)?;
    let mut err = std::io::stderr().lock();
    // Nobody reads what goes wrong here.
    let _ = write!(err, "{question}: ").and_then(|()| err.flush());
    Stdin::lock().line(&question.to_lowercase())
}

/// As `ask`, without echo.
///
/// # Errors
/// As `ask`.
pub fn ask_secret(question: &str, instead: &str) -> Result<String> {
    must_be_terminal(instead)?;
    let typed = rpassword::prompt_password(format!("{question}: "))
        .map_err(|error| Error::usage(format!("Nothing can be asked here: {error}.")))?;
    if typed.is_empty() {
        return Err(Error::invalid(&question.to_lowercase(), "is missing"));
    }
    Ok(typed)
}

/// As `ask_secret`, twice: nobody sees what he mistypes.
///
/// # Errors
/// As `ask`; `Invalid` if they differ.
pub fn ask_new_password(instead: &str) -> Result<String> {
    let password = ask_secret("New password", instead)?;
    if ask_secret("Again", instead)? != password {
        return Err(Error::invalid("password", "was not the same both times"));
    }
    Ok(password)
}
