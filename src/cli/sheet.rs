//! What a command says where it has no terminal of its own: a dashboard shows it. It is laid out as
//! for people, so many columns wide, and nobody is there to be asked.
use std::borrow::Cow;
use std::cell::RefCell;
use std::ffi::OsString;
use std::rc::Rc;
use std::sync::OnceLock;

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

/// What has its place in a shell alone, and why.
pub const ELSEWHERE: &[(&str, &str)] = &[
    ("serve", "it runs until it is ended"),
    ("demo", "it runs until it is ended"),
    ("watch", "this is it"),
    ("login", "the dashboard stays who it began as"),
    ("logout", "the dashboard stays who it began as"),
    ("setup-link", "it works on the host's folder"),
    ("apply", "it reads files"),
    ("backup", "it writes a file"),
    ("restore", "it works on the host's folder"),
    ("config", "it is about the host's files"),
    ("completions", "shells read it"),
    ("heartbeat wrap", "it runs a program"),
];

/// What changes nothing, by its last word, or its last two.
pub const LOOKS: &[&str] = &[
    "list",
    "show",
    "timeline",
    "on-call",
    "whoami",
    "doctor",
    "audit",
    "export",
    "version",
    "help",
    "quit",
    "silence preview",
    "integration payloads",
    "contact rules",
    "route test",
    "template render",
];

/// Does a command look only, or does one of its own? `within`: the command that it belongs to.
pub fn looks(command: &clap::Command, within: &str) -> bool {
    let name = command.get_name();
    if command.has_subcommands() {
        return command.get_subcommands().any(|inner| looks(inner, name));
    }
    LOOKS.iter().any(|words| *words == name || *words == format!("{within} {name}"))
}

/// The words of a command that has no place here, and why.
pub fn elsewhere(line: &str) -> Option<(&'static str, &'static str)> {
    let is_it = |words: &str| {
        let rest = line.strip_prefix(words);
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-'))
    };
    ELSEWHERE.iter().copied().find(|(words, _)| is_it(words))
}

fn commands() -> &'static clap::Command {
    static COMMANDS: OnceLock<clap::Command> = OnceLock::new();
    COMMANDS.get_or_init(super::command)
}

/// Words that name a shell's commands, `incidentd ack 42`, as they are typed here: `:ack 42`.
#[must_use]
pub fn here(text: &str) -> Cow<'_, str> {
    const PROGRAM: &str = "incidentd ";
    if !text.contains(PROGRAM) {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(PROGRAM) {
        out.push_str(before);
        let verb = after.split(|c: char| !c.is_ascii_lowercase() && c != '-').next();
        let is_verb = verb.is_some_and(|verb| commands().find_subcommand(verb).is_some());
        let is_word = !before.ends_with(|c: char| c.is_alphanumeric() || "-_/.".contains(c));
        let typed = is_verb && is_word && elsewhere(after).is_none();
        out.push_str(if typed { ":" } else { PROGRAM });
        rest = after;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_say_what_works_here() {
        assert_eq!(here("Reopen it first: incidentd reopen 42"), "Reopen it first: :reopen 42");
        assert_eq!(here("`incidentd list`, incidentd silence end ID"), "`:list`, :silence end ID");
        let shell = "Log in again: incidentd login; or wrap it: incidentd heartbeat wrap --help";
        assert_eq!(here(shell), shell);
        assert_eq!(
            here("Something failed inside incidentd."),
            "Something failed inside incidentd."
        );
        assert_eq!(here("/srv/incidentd list"), "/srv/incidentd list");
    }
}
