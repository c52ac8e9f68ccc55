//! What the dashboard takes after `:`, the command line's own. What is about incidents it does
//! itself; the rest runs here, and says there what it would print.
use std::borrow::Cow;
use std::cell::Cell;
use std::ffi::OsString;
use std::rc::Rc;
use std::sync::OnceLock;

use clap::error::{ContextKind, ErrorKind};
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};

use super::complete::{Names, taught};
use super::examples::{explained, is_of_shell};
use super::incidents::Meant;
use super::sheet::{self, elsewhere, here, looks};
use super::{Command, Common, dispatch, mistyped, output};
use crate::client::{Client, Ours};
use crate::domain::{Action, IncidentId, Span};
use crate::error::{Error, Result};
use crate::tui::{self, Answer, Commands, Known, Typed, command};

#[derive(Parser)]
#[command(name = "incidentd", no_binary_name = true, disable_help_subcommand = true)]
struct Line {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    #[command(flatten)]
    Command(Box<Command>),
    /// Explain the keys
    #[command(visible_alias = "?")]
    Help,
    /// Leave the dashboard
    #[command(visible_alias = "q")]
    Quit,
}

/// No line of an explanation is longer.
const MANUAL: usize = 78;
/// Commands that are named to whoever types another.
const SOME: usize = 12;

/// All that may be typed.
fn line() -> &'static clap::Command {
    static LINE: OnceLock<clap::Command> = OnceLock::new();
    LINE.get_or_init(|| explained(Line::command()))
}

/// The commands' names, what is done to incidents first.
fn names() -> &'static [String] {
    static NAMES: OnceLock<Vec<String>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let mut found: Vec<_> = line().get_subcommands().collect();
        found.retain(|command| elsewhere(command.get_name()).is_none());
        found.sort_by_key(|command| match of_incidents(command) {
            Some("ids") => 0,
            Some(_) => 1,
            None => 2,
        });
        found.into_iter().map(|command| command.get_name().to_owned()).collect()
    })
}

/// The argument that names incidents, if that is what a command is about.
fn of_incidents(command: &clap::Command) -> Option<&str> {
    let mut named = command.get_positionals().map(|arg| arg.get_id().as_str());
    named.find(|id| ["id", "ids"].contains(id))
}

/// The command line over the connection that the dashboard has.
pub struct Verbs {
    common: Rc<Common>,
    only_looks: bool,
}

impl Verbs {
    pub fn over(client: Client, timeout: Span) -> Self {
        let only_looks = client.only_looks();
        Self { common: Rc::new(Common::over(client, timeout)), only_looks }
    }

    /// The names of commands that do something here.
    fn names(&self) -> impl Iterator<Item = &str> {
        let works = |name: &&str| {
            !self.only_looks || line().find_subcommand(name).is_some_and(|it| looks(it, ""))
        };
        names().iter().map(String::as_str).filter(works)
    }

    /// Does a word do anything after these?
    fn works(&self, before: &[String], word: &str) -> bool {
        let (command, names) = begun(before.iter().map(String::as_str).chain([word]));
        !self.only_looks || looks(command, names.iter().rev().nth(1).unwrap_or(&""))
    }

    /// What is wrong with a line, and what is taken.
    fn wrong(&self, error: &clap::Error, words: &[String]) -> String {
        let of = |kind| error.get(kind).map(ToString::to_string);
        let unknown = of(ContextKind::InvalidSubcommand);
        if let Some(word) = words.first().filter(|word| unknown.as_ref() == Some(word)) {
            let some = self.names().take(SOME).collect::<Vec<_>>().join(", ");
            return format!(
                "`{word}` is no command here. There are: {some}; tab shows all of them."
            );
        }
        let (command, names) = begun(words.iter().map(String::as_str));
        mistyped::words(error, command, &names.join(" "))
    }

    fn errand(&self, words: &[String], command: Command) -> tui::Errand {
        let common = self.common.clone();
        let line = std::iter::once("incidentd".to_owned()).chain(words.iter().cloned()).collect();
        Box::new(move |columns| {
            Box::pin(async move {
                let work = async {
                    // Where the line is known that its error speaks of.
                    dispatch(command, &common).await.map_err(output::for_typist)
                };
                let (text, outcome) = sheet::caught(line, columns, work).await;
                Answer { text, outcome }
            })
        })
    }
}

impl Commands for Verbs {
    /// Where a line names no incident, the selected ones are meant.
    fn read(&self, words: &[String], selected: &[IncidentId], ours: &Ours) -> Result<Typed> {
        if let Some((verb, why)) = elsewhere(&words.join(" ")) {
            let what = format!("`{verb}` is typed in a shell: {why}.");
            return Err(Error::usage(what).hint(sheet::SHELL));
        }
        let parsed = match Line::try_parse_from(words) {
            Err(error)
                if error.kind() == ErrorKind::MissingRequiredArgument
                    && !selected.is_empty()
                    && takes_incidents(&words[0]) =>
            {
                Line::try_parse_from(command::with_selected(words, selected))
            }
            parsed => parsed,
        };
        let Line { verb } = match parsed {
            Ok(line) => line,
            Err(error) if is_help(error.kind()) => {
                return Ok(Typed::Read(manual(words.to_owned())));
            }
            Err(error) => return Err(Error::usage(self.wrong(&error, words))),
        };
        let command = match verb {
            Verb::Command(command) => *command,
            Verb::Help => return Ok(Typed::Help),
            Verb::Quit => return Ok(Typed::Quit),
        };
        let (ids, action): Meant = match command {
            Command::Ack(ack) => ack.meant(ours)?,
            Command::Resolve(resolve) => resolve.meant(ours)?,
            Command::Unack(ids) => (ids.named(ours)?, Action::Unacknowledge {}),
            Command::Escalate(ids) => (ids.named(ours)?, Action::Escalate {}),
            Command::Reopen(ids) => (ids.named(ours)?, Action::Reopen {}),
            Command::Snooze(snooze) => snooze.meant(ours)?,
            Command::Reassign(reassign) => reassign.meant(ours)?,
            Command::Note(note) => note.meant(ours)?,
            Command::Merge(merge) => merge.meant(ours)?,
            Command::Show(one) | Command::Timeline(one) => {
                return Ok(Typed::Show(one.named(ours)?));
            }
            Command::Trigger(trigger) if trigger.names_service() => {
                return Ok(Typed::Open(Box::new(trigger.asked())));
            }
            Command::Page(page) => return Ok(Typed::Open(Box::new(page.asked()))),
            Command::List(list) if list.over().is_some() => {
                return Ok(Typed::List { over: list.over() == Some(true) });
            }
            command => return Ok(Typed::Run(self.errand(words, command))),
        };
        Ok(Typed::Act(ids, action))
    }

    fn completions(&self, words: &[String], known: &Known) -> Vec<String> {
        let Some((stem, before)) = words.split_last() else { return Vec::new() };
        if before.is_empty() {
            let fitting = self.names().filter(|name| name.starts_with(stem));
            return fitting.map(str::to_owned).collect();
        }
        let given = words.iter().map(OsString::from).collect();
        // The one command of all: this is done with every key.
        let verb = before.first().and_then(|verb| line().find_subcommand(verb)).cloned();
        let Some(verb) = verb else { return Vec::new() };
        let verb = taught(verb, 1, &|names| of_screen(names, known));
        let mut line = clap::Command::new("incidentd").no_binary_name(true).subcommand(verb);
        let found = clap_complete::engine::complete(&mut line, given, before.len(), None);
        let found = found.unwrap_or_default().into_iter();
        let found = found.map(|one| one.get_value().to_string_lossy().into_owned());
        let mut found: Vec<String> = found.filter(|word| word.starts_with(stem)).collect();
        // Where something is to be named, options are offered to whoever begins one.
        let named = stem.is_empty() && found.iter().any(|word| !word.starts_with('-'));
        found.retain(|word| !(named && word.starts_with('-')));
        found.retain(|word| elsewhere(&format!("{} {word}", before.join(" "))).is_none());
        found.retain(|word| self.works(before, word));
        found
    }

    fn here<'a>(&self, text: &'a str) -> Cow<'a, str> {
        here(text)
    }
}

/// What stands on the screen of what an argument names.
fn of_screen(names: Names, known: &Known) -> ArgValueCandidates {
    let some = match names {
        Names::Open => &known.open,
        Names::Resolved => &known.resolved,
        Names::Team => &known.teams,
        Names::Service => &known.services,
        Names::Person => &known.people,
        _ => return ArgValueCandidates::new(Vec::new),
    };
    let some = some.clone();
    ArgValueCandidates::new(move || some.iter().map(CompletionCandidate::new).collect())
}

/// What explains the command in these words.
fn manual(words: Vec<String>) -> tui::Lay {
    let laid: Cell<(usize, String)> = Cell::default();
    Box::new(move |columns| {
        let (known, text) = laid.take();
        let text = if known == columns {
            text
        } else {
            let line = line().clone().term_width(columns.min(MANUAL));
            let help = line.try_get_matches_from(&words).err();
            let help = help.map_or_else(String::new, |help| help.render().to_string());
            let lines: Vec<&str> = help.lines().filter(|line| !is_of_shell(line)).collect();
            here(&lines.join("\n")).into_owned()
        };
        laid.set((columns, text.clone()));
        text
    })
}

/// The command with which these words begin, and its names: `silence`, `add`.
fn begun<'a>(words: impl Iterator<Item = &'a str>) -> (&'static clap::Command, Vec<&'static str>) {
    let (mut command, mut names) = (line(), Vec::new());
    for word in words {
        let Some(inner) = command.find_subcommand(word) else { break };
        command = inner;
        names.push(inner.get_name());
    }
    (command, names)
}

fn takes_incidents(verb: &str) -> bool {
    line().find_subcommand(verb).is_some_and(|command| of_incidents(command).is_some())
}

const fn is_help(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> Client {
        let timeout = std::time::Duration::from_secs(1);
        Client::new("http://127.0.0.1:8080", None, timeout).expect("a client")
    }

    fn verbs() -> Verbs {
        Verbs::over(client(), Span::secs(1))
    }

    fn typed(line: &[&str], selected: &[i64]) -> Result<Typed> {
        let words: Vec<String> = line.iter().map(|word| (*word).to_owned()).collect();
        let selected: Vec<IncidentId> = selected.iter().copied().map(IncidentId).collect();
        verbs().read(&words, &selected, &Ours::at("http://127.0.0.1:8080"))
    }

    #[test]
    fn verbs_are_the_command_lines_own_and_mean_what_is_selected() {
        let acts = |line: &[&str], selected: &[i64]| match typed(line, selected) {
            Ok(Typed::Act(ids, action)) => (ids.iter().map(|id| id.0).collect::<Vec<_>>(), action),
            Ok(_) => panic!("{line:?} does not act"),
            Err(error) => panic!("{line:?}: {error}"),
        };
        let ours = "http://localhost:8080/incidents/44";
        assert_eq!(acts(&["ack", "42", "#43", ours], &[7]).0, [42, 43, 44]);
        let (ids, action) = acts(&["ack", "--for", "2h"], &[7, 8]);
        assert_eq!(ids, [7, 8]);
        assert!(matches!(action, Action::Acknowledge { span: Some(_), .. }));
        assert_eq!(acts(&["snooze", "--for", "30m"], &[7]).0, [7]);
        assert_eq!(acts(&["merge", "--into", "9"], &[7]).0, [7]);
        let (ids, action) = acts(&["note", "7", "--", "- it is over"], &[]);
        assert_eq!(
            (ids.as_slice(), action),
            ([7].as_slice(), Action::AddNote { body: "- it is over".into() })
        );
        assert!(matches!(typed(&["show"], &[7]), Ok(Typed::Show(IncidentId(7)))));
        assert!(matches!(typed(&["timeline"], &[7]), Ok(Typed::Show(IncidentId(7)))));
        let Ok(Typed::Open(page)) = typed(&["page", "bob", "look at this"], &[7]) else { panic!() };
        assert_eq!((page.to.as_deref(), page.title.as_str()), (Some("bob"), "look at this"));
        assert!(matches!(typed(&["q"], &[]), Ok(Typed::Quit)));
        let Err(error) = typed(&["page", "bob"], &[7]) else { panic!("7 is nobody") };
        assert!(error.to_string().contains("required"), "{error}");
        for (line, says) in [
            (&["ack"][..], "required"),
            (&["frobnicate"], "`frobnicate` is no command here. There are: ack, resolve"),
            (&["ack", "--mine"], "Name"),
            (&["ack", "-"], "stdin"),
            (&["ack", "7", "http://elsewhere/incidents/4"], "of http://elsewhere, not of"),
            (&["merge", "7", "--into", "elsewhere/incidents/4"], "of elsewhere, not of"),
            (&["snooze", "7", "--until", "soon"], "09:00"),
            (&["snooze", "7"], "--for 2h"),
        ] {
            let Err(error) = typed(line, &[]) else { panic!("{line:?} is understood") };
            assert!(error.to_string().contains(says), "{line:?}: {error}");
        }
    }

    #[test]
    fn what_belongs_into_a_shell_says_so_and_all_else_is_taken() {
        for (words, _) in sheet::ELSEWHERE {
            let line: Vec<&str> = words.split(' ').collect();
            let Err(error) = typed(&line, &[7]) else { panic!("{words} is taken") };
            let error = error.to_string();
            assert!(error.starts_with(&format!("`{words}` is typed in a shell: ")), "{error}");
            let mut command = &super::super::command();
            for word in line {
                command = command.find_subcommand(word).expect("a command of the command line");
            }
        }
        for line in [
            "silence add --team t host=db-3 --for 2h --reason deploy",
            "silence list",
            "on-call",
            "whoami",
            "route test host=db-3",
            "schedule override s --user bob --until 09:00",
            "list --mine",
            "doctor --brief",
        ] {
            let words: Vec<&str> = line.split(' ').collect();
            assert!(matches!(typed(&words, &[7]), Ok(Typed::Run(_))), "{line}");
        }
        assert!(matches!(typed(&["list"], &[]), Ok(Typed::List { over: false })));
        assert!(matches!(typed(&["list", "--all"], &[]), Ok(Typed::List { over: true })));
        let Ok(Typed::Read(lay)) = typed(&["silence", "add", "--help"], &[7]) else { panic!() };
        let help = lay(78);
        assert!(help.contains("--reason") && help.contains("  :silence add --team"), "{help}");
        for columns in [78, 50, 38, 78] {
            let text = lay(columns);
            let mut lines = text.lines().filter(|line| !line.starts_with("Usage"));
            let long = lines.find(|line| line.chars().count() > columns);
            assert_eq!(long, None, "in {columns}");
        }
        let Ok(Typed::Read(lay)) = typed(&["ack", "--help"], &[7]) else { panic!() };
        assert!(lay(78).contains("  :ack 42") && !lay(78).contains("$("), "{}", lay(78));
        let Ok(Typed::Read(lay)) = typed(&["silence"], &[7]) else { panic!() };
        assert!(lay(78).contains("list"), "{}", lay(78));
        let Err(error) = typed(&["silence", "add"], &[7]) else { panic!("7 is no matcher") };
        assert!(error.to_string().contains("required"), "{error}");
        let Err(error) = typed(&["silence", "frob"], &[7]) else { panic!("it is none") };
        assert!(!error.to_string().contains("There are"), "{error}");
    }

    #[test]
    fn words_are_completed() {
        let of = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let some = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
            let known = Known {
                open: some(&["42", "40"]),
                resolved: some(&["7"]),
                teams: some(&["payments", "search"]),
                services: some(&["checkout"]),
                people: some(&["alice", "bob"]),
            };
            verbs().completions(&words, &known)
        };
        assert_eq!(of("")[..2], ["ack", "resolve"], "what is done at night comes first");
        assert!(!of("").iter().any(|name| name == "serve"));
        assert_eq!(of("sil"), ["silence"]);
        assert!(of("silence ").contains(&"add".to_owned()));
        assert_eq!(of("silence l"), ["list"]);
        assert!(of("ack --fo").contains(&"--for".to_owned()));
        assert!(!of("heartbeat ").contains(&"wrap".to_owned()));
        assert_eq!(of("ack "), ["42", "40"]);
        assert_eq!(of("reopen "), ["7"]);
        assert_eq!(of("merge 42 --into 4"), ["42", "40"]);
        assert_eq!(of("reassign 42 --to b"), ["bob"]);
        assert_eq!(of("page a"), ["alice"]);
        assert_eq!(of("silence add --team "), ["payments", "search"]);
        assert_eq!(of("list --service ch"), ["checkout"]);
    }

    #[test]
    fn a_dashboard_that_only_looks_offers_what_looks() {
        let looking = Verbs::over(client().looking_only("it looks"), Span::secs(1));
        let of = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let known = Known { open: vec!["42".into()], ..Known::default() };
            looking.completions(&words, &known)
        };
        let all = of("");
        for name in ["show", "list", "silence", "on-call", "help", "quit"] {
            assert!(all.iter().any(|it| it == name), "{name}: {all:?}");
        }
        for name in ["ack", "resolve", "trigger", "page", "note", "notify"] {
            assert!(!all.iter().any(|it| it == name), "{name}: {all:?}");
        }
        assert_eq!(of("silence "), ["preview", "list", "help"]);
        assert_eq!(of("route "), ["test", "help"]);
        assert_eq!(of("team member "), ["list", "help"]);
        assert_eq!(of("show "), ["42"]);
        assert!(of("silence list --t").contains(&"--team".to_owned()));
        assert!(of("ack ").is_empty() && of("ack --fo").is_empty());
        let typed = ["frobnicate".to_owned()];
        let Err(error) = looking.read(&typed, &[], &Ours::default()) else { panic!("it is none") };
        assert!(!error.to_string().contains("ack"), "{error}");
    }

    #[test]
    fn what_is_said_to_look_is_a_command() {
        fn leaves(command: &clap::Command, within: &str, found: &mut Vec<String>) {
            let name = command.get_name();
            if !command.has_subcommands() {
                found.extend([name.to_owned(), format!("{within} {name}")]);
            }
            command.get_subcommands().for_each(|inner| leaves(inner, name, found));
        }
        let mut found = Vec::new();
        leaves(line(), "", &mut found);
        for words in sheet::LOOKS {
            assert!(found.iter().any(|it| it == words), "{words}");
        }
    }
}
