//! Commands that run beside the screen, and what they answer: a line is a message, more is a page.
use std::fmt;
use std::pin::Pin;

use super::READONLY;
use super::effect::Effect;
use super::state::{Page, Reading, State, Tone};
use crate::error::{Error, Kind, Result};

/// A line of more rows is a page of its own.
const MAX_MESSAGE: usize = 160;

/// What a command said, and what it came to.
#[derive(Debug)]
pub struct Answer {
    pub text: String,
    pub outcome: Result<()>,
}

type Answering = Pin<Box<dyn Future<Output = Answer>>>;

/// A command that can be run, for a screen of so many columns.
pub type Errand = Box<dyn FnOnce(usize) -> Answering>;

/// One that runs.
pub struct Running {
    pub line: String,
    pub answer: Answering,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl State {
    pub(super) fn send(&mut self, line: &str, errand: Errand) {
        // A column at each side.
        let columns = usize::from(self.size().0).saturating_sub(2);
        let line = line.trim().to_owned();
        self.say(Tone::Plain, format!(":{line} …"));
        self.effects.push(Effect::Run(Running { line, answer: errand(columns) }));
    }

    pub(super) fn learn_answer(&mut self, line: String, Answer { text, outcome }: Answer) {
        // It may have changed who is on call.
        self.around.doubt();
        let text = text.trim_end().trim_start_matches('\n');
        let is_line = !text.contains('\n') && text.chars().count() <= MAX_MESSAGE;
        match outcome {
            Ok(()) if text.is_empty() => self.say(Tone::Plain, format!(":{line}: done.")),
            Ok(()) if is_line => self.say(Tone::Plain, text),
            Ok(()) => self.read(line, text.to_owned()),
            Err(Error { kind: Kind::Unreachable, .. }) => {
                let words = "Look whether it was done, then try again.";
                self.say(Tone::Bad, format!("No answer to :{line}. {words}"));
            }
            Err(error) => {
                if !text.is_empty() {
                    self.read(line, text.to_owned());
                }
                self.fail(&error);
            }
        }
    }

    /// Shows a page over the one that is there.
    fn read(&mut self, line: String, text: String) {
        self.turn_to(Reading::Answer { line, text });
    }

    pub(super) fn help(&mut self) {
        if !matches!(self.page, Page::Reading { what: Reading::Help, .. }) {
            self.turn_to(Reading::Help);
        }
    }

    /// What is read is over what was there before all reading.
    pub(super) fn turn_to(&mut self, what: Reading) {
        let over = match std::mem::replace(&mut self.page, Page::List) {
            Page::Reading { over, .. } => over,
            page => Box::new(page),
        };
        self.page = Page::Reading { over, top: 0, what };
        // What was said before is not about it, and would lie over its last lines.
        self.message = None;
    }

    pub(super) fn refuse(&mut self) {
        self.say(Tone::Bad, READONLY);
    }
}
