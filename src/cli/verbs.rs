//! The verbs that the dashboard takes after `:`, the command line's own.
use clap::error::{ContextKind, ErrorKind};
use clap::{Args, CommandFactory, Parser, Subcommand};

use super::chosen::{Ids, One};
use super::incidents::{Ack, Meant, Merge, Note, Page, Reassign, Resolve, Snooze, Trigger};
use crate::client::Ours;
use crate::domain::{Action, IncidentId};
use crate::error::{Error, Result};
use crate::tui::{Typed, command};

#[derive(Parser)]
#[command(no_binary_name = true, disable_help_flag = true, disable_help_subcommand = true)]
struct Line {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Args)]
struct List {
    /// What is over, instead of what is open
    #[arg(short, long)]
    all: bool,
}

#[derive(Subcommand)]
enum Verb {
    Ack(Ack),
    Resolve(Resolve),
    Unack(Ids),
    Reopen(Ids),
    Escalate(Ids),
    Snooze(Snooze),
    Reassign(Reassign),
    Note(Note),
    Merge(Merge),
    Show(One),
    Timeline(One),
    Trigger(Trigger),
    Page(Page),
    List(List),
    #[command(visible_alias = "?")]
    Help,
    #[command(visible_alias = "q")]
    Quit,
}

/// What is selected has no part in them.
const OPEN: [&str; 2] = ["trigger", "page"];

/// Reads a line; where it names no incident, the selected ones are meant.
pub fn read(words: &[String], selected: &[IncidentId], ours: &Ours) -> Result<Typed> {
    let parsed = match Line::try_parse_from(words) {
        Err(error)
            if error.kind() == ErrorKind::MissingRequiredArgument
                && !selected.is_empty()
                && !OPEN.contains(&words[0].as_str()) =>
        {
            Line::try_parse_from(command::with_selected(words, selected))
        }
        parsed => parsed,
    };
    let Line { verb } = parsed.map_err(|error| Error::usage(first_line(&error)))?;
    let (ids, action): Meant = match verb {
        Verb::Ack(ack) => ack.meant(ours)?,
        Verb::Resolve(resolve) => resolve.meant(ours)?,
        Verb::Unack(ids) => (ids.named(ours)?, Action::Unacknowledge {}),
        Verb::Escalate(ids) => (ids.named(ours)?, Action::Escalate {}),
        Verb::Reopen(ids) => (ids.named(ours)?, Action::Reopen {}),
        Verb::Snooze(snooze) => snooze.meant(ours)?,
        Verb::Reassign(reassign) => reassign.meant(ours)?,
        Verb::Note(note) => note.meant(ours)?,
        Verb::Merge(merge) => merge.meant(ours)?,
        Verb::Show(one) | Verb::Timeline(one) => return Ok(Typed::Show(one.named(ours)?)),
        Verb::Trigger(trigger) => return Ok(Typed::Open(Box::new(trigger.asked()))),
        Verb::Page(page) => return Ok(Typed::Open(Box::new(page.asked()))),
        Verb::List(list) => return Ok(Typed::List { over: list.all }),
        Verb::Help => return Ok(Typed::Help),
        Verb::Quit => return Ok(Typed::Quit),
    };
    Ok(Typed::Act(ids, action))
}

fn first_line(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::InvalidSubcommand {
        let line = Line::command();
        let known: Vec<&str> = line.get_subcommands().map(clap::Command::get_name).collect();
        let word = error.get(ContextKind::InvalidSubcommand);
        let word = word.map(ToString::to_string).unwrap_or_default();
        return format!("`{word}` is no command here. There are: {}.", known.join(", "));
    }
    let text = error.render().to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or("That is no command.").trim_start_matches("error: ");
    // What is missing stands on the next line.
    match lines.next() {
        Some(next) if first.ends_with(':') => format!("{first} {next}"),
        _ => format!("{first}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(line: &[&str], selected: &[i64]) -> Result<Typed> {
        let words: Vec<String> = line.iter().map(|word| (*word).to_owned()).collect();
        let selected: Vec<IncidentId> = selected.iter().copied().map(IncidentId).collect();
        read(&words, &selected, &Ours::at("http://127.0.0.1:8080"))
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
}
