//! What is wrong with a line that was typed into the dashboard, and what is taken: clap's findings
//! without its words for a shell.
use std::error::Error as _;

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// As the line names it: `--until TIME`, not `--until <TIME>`.
fn plain(named: &str) -> String {
    named.replace(['<', '>'], "").replace("...", "")
}

/// A sentence, or more of them, about the command as far as it was understood.
pub fn words(error: &clap::Error, command: &clap::Command, name: &str) -> String {
    let all = |kind| match error.get(kind) {
        Some(ContextValue::String(one)) => vec![plain(one)],
        Some(ContextValue::Strings(some)) => some.iter().map(|one| plain(one)).collect(),
        _ => Vec::new(),
    };
    let one = |kind| all(kind).into_iter().next().unwrap_or_default();
    let arg = one(ContextKind::InvalidArg);
    // Without the name of its value.
    let flag = arg.split(' ').next().unwrap_or_default();
    let value = one(ContextKind::InvalidValue);
    match error.kind() {
        ErrorKind::InvalidValue if value.is_empty() => format!("{flag} needs a value: {arg}."),
        ErrorKind::InvalidValue => {
            let taken = all(ContextKind::ValidValue).join(", ");
            format!("{flag}: `{value}` is none of {taken}.")
        }
        ErrorKind::ValueValidation => {
            let why = error.source().map_or_else(|| format!("`{value}`"), ToString::to_string);
            format!("{flag}: {}.", why.trim_end_matches('.'))
        }
        ErrorKind::MissingRequiredArgument => {
            let missing = all(ContextKind::InvalidArg);
            let are = if missing.len() > 1 { "are" } else { "is" };
            format!("{name}: {} {are} required.", missing.join(" and "))
        }
        ErrorKind::ArgumentConflict => {
            let other = one(ContextKind::PriorArg);
            let other = other.split(' ').next().unwrap_or_default();
            format!("{name} takes {flag} or {other}, not both.")
        }
        ErrorKind::UnknownArgument if flag.starts_with('-') => {
            let options = command.get_arguments().filter(|arg| !arg.is_global_set());
            let options: Vec<String> = options
                .filter_map(clap::Arg::get_long)
                .filter(|long| *long != "help")
                .map(|long| format!("--{long}"))
                .collect();
            match options.as_slice() {
                [] => format!("{name} has no option {flag}, and no other."),
                some => format!("{name} has no option {flag}. It has: {}.", some.join(", ")),
            }
        }
        ErrorKind::UnknownArgument => format!("{name} does not take `{flag}`."),
        ErrorKind::InvalidSubcommand => {
            let word = one(ContextKind::InvalidSubcommand);
            let some: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
            format!("{name} has no `{word}`. It has: {}.", some.join(", "))
        }
        _ => {
            let text = error.render().to_string();
            let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
            format!("{}.", first.trim_end_matches(['.', ':']))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::cli::verbs::Verbs;
    use crate::client::{Client, Ours};
    use crate::domain::Span;
    use crate::tui::Commands;

    fn said(line: &str) -> String {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let client = Client::new("http://127.0.0.1:8080", None, Duration::from_secs(1));
        let verbs = Verbs::over(client.expect("a client"), Span::secs(1));
        let read = verbs.read(&words, &[], &Ours::default());
        read.err().unwrap_or_else(|| panic!("{line} is understood")).to_string()
    }

    #[test]
    fn it_is_said_in_the_words_of_the_line() {
        for (line, says) in [
            (
                "snooze 1 --until never",
                "--until: `never` is no moment; write 2026-12-01T09:00, 09:00 or RFC 3339.",
            ),
            ("snooze 1 --for x", "--for: `x` is not a duration; write 90s, 30m, 2h or 3d."),
            ("snooze 1 --until", "--until needs a value: --until TIME."),
            ("snooze 1 --for 1h --until 08:00", "snooze takes --for or --until, not both."),
            (
                "ack 1 --fro 1h",
                "ack has no option --fro. It has: --mine, --team, --service, --yes, --for, --note, --take.",
            ),
            ("unack 1 --all", "unack has no option --all, and no other."),
            ("reassign 1", "reassign: --to USER is required."),
            ("note 1 a b", "note does not take `b`."),
            ("on-call primary", "on-call does not take `primary`."),
            ("silence frob", "silence has no `frob`. It has: add, preview, list, end."),
            (
                "trigger --title x --severity bad",
                "--severity: `bad` is none of critical, error, warning, info.",
            ),
            ("silence add", "silence add: --reason TEXT and --team SLUG|--all-teams are required."),
        ] {
            assert_eq!(said(line), says, "{line}");
        }
    }
}
