//! What is typed at the bottom of the screen, and what comes of it.
use crossterm::event::{Event as Input, KeyCode, KeyEvent, KeyModifiers};
use tui_input::backend::crossterm::EventHandler;

use super::effect::Asked;
use super::filter::Filter;
use super::state::{Page, Reading, State, Tone};
use super::{Effect, Typed};
use crate::domain::{Action, IncidentId};

/// Longest line that may be typed.
const MAX_LINE: usize = 4_096;

pub enum Prompt {
    /// Filters as it is typed; esc brings the old one back.
    Filter {
        line: tui_input::Input,
        before: String,
    },
    Command {
        line: tui_input::Input,
        /// What the last word may become; tab goes through them.
        offered: Vec<String>,
        /// Why what was typed is not taken.
        wrong: Option<String>,
    },
    /// Something that an action needs, for these incidents whatever is selected meanwhile.
    Ask {
        what: What,
        ids: Vec<IncidentId>,
        line: tui_input::Input,
        /// What was typed before tab completed it.
        stem: Option<String>,
        /// Why what was typed is not taken.
        wrong: Option<String>,
    },
    Confirm {
        question: String,
        asked: Box<Asked>,
    },
}

/// What was typed into a prompt, until it came to something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// None: a command.
    pub what: Option<What>,
    pub text: String,
    /// Keys that had been pressed when it was sent.
    pub(super) pressed: u64,
}

/// An entry that came to nothing: it is there again when the same is asked of the same incidents.
pub type Draft = (Vec<IncidentId>, Entry);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Resolution,
    Snooze,
    Note,
    Assignee,
}

impl What {
    /// (what enter does, what is asked for).
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Resolution => ("Resolve", "note (may be empty)"),
            Self::Snooze => ("Snooze", "for 30m, 2h, or until 08:00"),
            Self::Note => ("Note on", "text"),
            Self::Assignee => ("Reassign", "to whom? a username, or me"),
        }
    }
}

impl What {
    /// What may be typed.
    pub const fn hint(self) -> &'static str {
        self.words().1
    }
}

impl Prompt {
    /// What stands before the line; `brief`: not what may be typed.
    #[must_use]
    pub fn label(&self, brief: bool) -> String {
        match self {
            Self::Filter { .. } => "/".into(),
            Self::Command { .. } => ":".into(),
            Self::Ask { what, ids, .. } => {
                let (verb, hint) = what.words();
                let hint = if brief { String::new() } else { format!(", {hint}") };
                match ids.as_slice() {
                    [id] => format!("{verb} {id}{hint}: "),
                    ids => format!("{verb} {} incidents{hint}: ", ids.len()),
                }
            }
            Self::Confirm { question, .. } => format!("{question} [y/N] "),
        }
    }

    /// Why what was typed is not taken.
    #[must_use]
    pub fn wrong(&self) -> Option<&str> {
        match self {
            Self::Ask { wrong, .. } | Self::Command { wrong, .. } => wrong.as_deref(),
            _ => None,
        }
    }

    #[must_use]
    pub const fn line(&self) -> Option<&tui_input::Input> {
        match self {
            Self::Filter { line, .. } | Self::Command { line, .. } | Self::Ask { line, .. } => {
                Some(line)
            }
            Self::Confirm { .. } => None,
        }
    }

    const fn line_mut(&mut self) -> Option<&mut tui_input::Input> {
        match self {
            Self::Filter { line, .. } | Self::Command { line, .. } | Self::Ask { line, .. } => {
                Some(line)
            }
            Self::Confirm { .. } => None,
        }
    }
}

impl State {
    pub(super) fn ask_for(&mut self, what: What) {
        let ids = self.targets();
        if ids.is_empty() {
            return self.say(Tone::Plain, "Nothing is selected.");
        }
        if what == What::Assignee {
            self.meet_people(&ids);
        }
        let same = |(of, entry): &Draft| *of == ids && entry.what == Some(what);
        let draft = self.draft.take().filter(same).map(|(_, entry)| entry.text);
        let line = tui_input::Input::from(draft.unwrap_or_default());
        self.prompt = Some(Prompt::Ask { what, ids, line, stem: None, wrong: None });
    }

    /// Nothing came of an entry: what was typed is not lost. Where nothing was pressed since, the
    /// prompt is open again, and says why.
    pub(super) fn give_back(&mut self, ids: Vec<IncidentId>, entry: Entry, why: Option<String>) {
        match why {
            Some(why) if self.prompt.is_none() && self.pressed == entry.pressed => {
                let Some(what) = entry.what else { return self.mistyped(&entry.text, &why) };
                let line = tui_input::Input::from(entry.text);
                self.prompt = Some(Prompt::Ask { what, ids, line, stem: None, wrong: Some(why) });
            }
            why => {
                self.draft = Some((ids, entry));
                if let Some(why) = why {
                    self.say(Tone::Bad, why);
                }
            }
        }
    }

    /// Those among the candidates whose names begin so.
    fn names(&self, ids: &[IncidentId], stem: &str) -> Vec<&str> {
        let mut names = self.candidates(ids);
        names.retain(|name| name.starts_with(stem));
        names
    }

    /// Who may be meant by what is typed: shown behind it.
    #[must_use]
    pub fn offered(&self) -> Vec<&str> {
        match &self.prompt {
            Some(Prompt::Ask { what: What::Assignee, ids, line, stem, .. }) => {
                self.names(ids, stem.as_deref().unwrap_or(line.value()))
            }
            Some(Prompt::Command { offered, .. }) => offered.iter().map(String::as_str).collect(),
            _ => Vec::new(),
        }
    }

    pub(super) fn prompt_command(&mut self) {
        self.begin_command(tui_input::Input::default(), None);
    }

    fn begin_command(&mut self, line: tui_input::Input, wrong: Option<String>) {
        self.typed(Prompt::Command { line, offered: Vec::new(), wrong });
    }

    /// The line is open again, and says why it is not taken.
    fn mistyped(&mut self, line: &str, why: &str) {
        // It would lie over what is wrong now.
        self.message = None;
        let why = self.here(why).into_owned();
        self.begin_command(tui_input::Input::from(line), Some(why));
    }

    /// The next word that is offered in the place of the last; if there is no other, it is
    /// finished.
    fn complete(&mut self, line: &tui_input::Input, offered: Vec<String>) {
        let head = line.value().rfind(char::is_whitespace).map_or(0, |at| at + 1);
        let (head, last) = line.value().split_at(head);
        let at = offered.iter().position(|word| word == last);
        let next = offered.get(at.map_or(0, |at| (at + 1) % offered.len()));
        let next = next.map_or(last, String::as_str);
        match offered.as_slice() {
            [_] => {
                self.begin_command(tui_input::Input::from(format!("{head}{next} ")), None);
            }
            _ => {
                let line = tui_input::Input::from(format!("{head}{next}"));
                self.prompt = Some(Prompt::Command { line, offered, wrong: None });
            }
        }
    }

    /// There is more that a command may name.
    pub(super) fn offer_anew(&mut self) {
        if let Some(prompt) = self.prompt.take_if(|prompt| matches!(prompt, Prompt::Command { .. }))
        {
            self.typed(prompt);
        }
    }

    pub(super) fn prompt_filter(&mut self) {
        let before = self.board.filter().text().to_owned();
        let line = tui_input::Input::from(before.as_str());
        self.page = Page::List;
        self.prompt = Some(Prompt::Filter { line, before });
    }

    /// A key while a prompt is open.
    pub(super) fn prompt_key(&mut self, key: KeyEvent) {
        let Some(prompt) = self.prompt.take() else { return };
        let ctrl_c = key.code == KeyCode::Char('c') && key.modifiers == KeyModifiers::CONTROL;
        if key.code == KeyCode::Esc || ctrl_c {
            if let Prompt::Filter { before, .. } = prompt {
                self.board.set_filter(Filter::new(&before));
            }
            return;
        }
        match (prompt, key.code) {
            (Prompt::Confirm { asked, .. }, KeyCode::Char('y' | 'Y')) => self.start(*asked),
            (Prompt::Confirm { asked, .. }, _) => {
                if let Some(entry) = asked.entry {
                    self.give_back(asked.ids, entry, None);
                }
                self.say(Tone::Plain, "Nothing was done.");
            }
            (prompt, KeyCode::Enter) => self.entered(prompt),
            (Prompt::Filter { line, before }, KeyCode::Up | KeyCode::Down) => {
                self.board.step(if key.code == KeyCode::Up { -1 } else { 1 });
                self.prompt = Some(Prompt::Filter { line, before });
            }
            (Prompt::Ask { what: What::Assignee, ids, line, stem, .. }, KeyCode::Tab) => {
                let stem = stem.unwrap_or_else(|| line.value().to_owned());
                let names = self.names(&ids, &stem);
                let at = names.iter().position(|name| *name == line.value());
                let next = names.get(at.map_or(0, |at| (at + 1) % names.len()));
                let line = next.map_or(line, |name| tui_input::Input::from(*name));
                let (what, stem) = (What::Assignee, Some(stem));
                self.prompt = Some(Prompt::Ask { what, ids, line, stem, wrong: None });
            }
            (Prompt::Command { line, offered, .. }, KeyCode::Tab) => self.complete(&line, offered),
            (mut prompt, _) => {
                match &mut prompt {
                    Prompt::Ask { stem, wrong, .. } => (*stem, *wrong) = (None, None),
                    Prompt::Command { wrong, .. } => *wrong = None,
                    _ => {}
                }
                if let Some(line) = prompt.line_mut() {
                    line.handle_event(&Input::Key(key));
                }
                self.typed(prompt);
            }
        }
    }

    /// Text that was pasted goes into a prompt, and nowhere else: no pasted letter is a key.
    pub fn paste(&mut self, text: &str) {
        let Some(mut prompt) = self.prompt.take() else { return };
        if let Some(line) = prompt.line_mut() {
            for c in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
                line.handle(tui_input::InputRequest::InsertChar(c));
                if line.value().len() > MAX_LINE {
                    break;
                }
            }
        }
        self.typed(prompt);
    }

    /// The line changed.
    fn typed(&mut self, mut prompt: Prompt) {
        if let Some(line) = prompt.line_mut()
            && line.value().len() > MAX_LINE
        {
            line.handle(tui_input::InputRequest::DeletePrevChar);
        }
        if let Prompt::Command { line, .. } = &prompt
            && let [_, word] = &*super::command::begun(line.value())
            && word.is_empty()
        {
            self.meet_people(&self.targets());
        }
        match &mut prompt {
            Prompt::Filter { line, .. } => self.board.set_filter(Filter::new(line.value())),
            Prompt::Command { line, offered, .. } => {
                let words = super::command::begun(line.value());
                *offered = self.settings.verbs.completions(&words, &self.known());
            }
            _ => {}
        }
        self.prompt = Some(prompt);
    }

    fn entered(&mut self, prompt: Prompt) {
        match prompt {
            // It is set already.
            Prompt::Filter { .. } | Prompt::Confirm { .. } => {}
            Prompt::Command { line, .. } => self.command(line.value()),
            Prompt::Ask { what, ids, line, .. } => self.answered(what, ids, line.value().trim()),
        }
    }

    fn answered(&mut self, what: What, ids: Vec<IncidentId>, text: &str) {
        if text.is_empty() && what != What::Resolution {
            return self.say(Tone::Plain, "Nothing was done.");
        }
        let entry = Entry { what: Some(what), text: text.to_owned(), pressed: self.pressed };
        let action = match what {
            What::Resolution => {
                let note = (!text.is_empty()).then(|| text.to_owned());
                Action::Resolve { note, hold: None }
            }
            What::Note => Action::AddNote { body: text.to_owned() },
            What::Assignee => Action::Reassign { to: text.to_owned(), reason: None },
            What::Snooze => {
                // As on the command line: a length of time, or a time of day.
                let option =
                    if text.parse::<crate::domain::Span>().is_ok() { "for" } else { "until" };
                let line = ["snooze", &format!("--{option}"), text].map(ToOwned::to_owned);
                let read = self.settings.verbs.read(&line, &ids, &self.around.server);
                let Ok(Typed::Act(_, action)) = read else {
                    let why = format!("`{text}` is no time. Type 30m, 2h or 3d, or 08:00.");
                    return self.give_back(ids, entry, Some(why));
                };
                action
            }
        };
        self.act_as_typed(ids, action, Some(entry));
    }

    /// What was typed after `:`.
    fn command(&mut self, line: &str) {
        let ids = self.targets();
        match super::command::words(line, &ids) {
            Ok(words) if words.is_empty() => {}
            Ok(words) => self.run_verb(line, &words, &ids),
            Err(why) => self.mistyped(line, &why),
        }
    }

    fn run_verb(&mut self, line: &str, words: &[String], ids: &[IncidentId]) {
        match self.settings.verbs.read(words, ids, &self.around.server) {
            Ok(Typed::Act(ids, action)) => {
                let entry = Entry { what: None, text: line.to_owned(), pressed: self.pressed };
                self.act_as_typed(ids, action, Some(entry));
            }
            Ok(Typed::Show(id)) => self.open(id),
            Ok(Typed::Open(_)) if self.settings.readonly => self.refuse(),
            Ok(Typed::Open(asked)) => self.effects.push(Effect::Open(asked)),
            Ok(Typed::List { over }) => self.history(over),
            Ok(Typed::Run(errand)) => self.send(line, errand),
            Ok(Typed::Read(lay)) => {
                self.turn_to(Reading::Manual { line: line.trim().to_owned(), lay });
            }
            Ok(Typed::Help) => self.help(),
            Ok(Typed::Quit) => self.effects.push(Effect::Quit),
            Err(error) => self.mistyped(line, &error.to_string()),
        }
    }
}
