//! What a command says where it has no terminal of its own: a dashboard shows it. It is laid out as
//! for people, so many columns wide, and nobody is there to be asked.
use std::cell::RefCell;
use std::ffi::OsString;
use std::rc::Rc;

use crate::error::{Error, Result};

struct Sheet {
    /// As it would have been typed in a shell.
    line: Vec<String>,
    columns: usize,
    text: RefCell<String>,
}

tokio::task_local! {
    static SHEET: Rc<Sheet>;
}

/// What `work` says, and what it comes to. Bare ids are for scripts where words stand beside them.
pub async fn caught<T>(
    line: Vec<String>,
    columns: usize,
    work: impl Future<Output = T>,
) -> (String, T) {
    let sheet = Rc::new(Sheet { line, columns, text: RefCell::default() });
    let outcome = SHEET.scope(sheet.clone(), work).await;
    let text = sheet.text.take();
    let is_id = |line: &&str| !line.is_empty() && line.chars().all(|c| c.is_ascii_digit());
    if text.lines().all(|line| is_id(&line)) {
        return (text, outcome);
    }
    let words: Vec<&str> = text.lines().filter(|line| !is_id(line)).collect();
    (words.join("\n"), outcome)
}

/// Does somebody else show what is said?
pub fn is_there() -> bool {
    SHEET.try_with(|_| ()).is_ok()
}

/// Is it, and was nothing said yet?
pub fn is_blank() -> bool {
    SHEET.try_with(|sheet| sheet.text.borrow().is_empty()).unwrap_or_default()
}

/// Takes what would be printed. False: nobody is there to take it.
pub fn take(text: &str) -> bool {
    SHEET.try_with(|sheet| sheet.text.borrow_mut().push_str(text)).is_ok()
}

/// How wide what is said may be.
pub fn columns() -> Option<usize> {
    SHEET.try_with(|sheet| sheet.columns).ok()
}

/// The line that was typed.
pub fn line() -> Vec<OsString> {
    let own = SHEET.try_with(|sheet| sheet.line.iter().map(OsString::from).collect());
    own.unwrap_or_else(|_| std::env::args_os().collect())
}

/// Where a shell is, from inside a dashboard.
pub const SHELL: &str = "ctrl-z gives you a shell, and fg comes back.";

/// # Errors
/// `Usage` where keys are pressed for something else.
pub fn must_have_stdin() -> Result<()> {
    if is_there() {
        return Err(Error::usage("Nothing can be asked here, and there is no stdin.").hint(SHELL));
    }
    Ok(())
}
