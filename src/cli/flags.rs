//! Errors name fields as the API does, and whoever typed a command knows its flags. Which flag fills
//! a field of its own name is clap's knowledge; here stands only what has another name there.
use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

use crate::error::{Error, Kind};

/// An argument, and the fields that it fills beside that of its name.
const OTHERWISE: &[(&str, &[&str])] = &[
    ("span", &["windows.duration", "duration"]),
    ("from", &["start", "startsAt"]),
    ("starts", &["startsAt"]),
    ("until", &["end", "endsAt"]),
    ("every", &["windows.rrule"]),
    ("zone", &["windows.timeZone", "timeZone"]),
    ("note", &["reason", "body"]),
    ("text", &["title", "body"]),
    ("policy", &["escalationPolicy"]),
    ("label", &["labels"]),
    ("link", &["links"]),
    ("alert", &["matchers"]),
    ("quiet_hours", &["quiet"]),
    ("url", &["server"]),
];

/// `end: …` of a line with `--until` becomes `--until: …`, and so do names in backticks. A field
/// that nobody typed keeps its name, and the hint says by which flag it is given.
#[must_use]
pub fn named(error: Error, line: impl IntoIterator<Item = OsString>) -> Error {
    of(line, |typed| typed.said_of(error.clone())).unwrap_or(error)
}

/// What an error is to whoever typed the line: a value of it that cannot be is a command that was
/// typed wrongly, whoever found it out.
#[must_use]
pub fn kind(error: &Error, line: impl IntoIterator<Item = OsString>) -> Kind {
    let typed = || of(line, |typed| typed.holds_fault(error)).unwrap_or_default();
    match error.kind {
        Kind::Invalid if typed() => Kind::Usage,
        kind => kind,
    }
}

fn of<T>(line: impl IntoIterator<Item = OsString>, ask: impl FnOnce(Typed<'_>) -> T) -> Option<T> {
    let whole = super::command();
    // What cannot be read has an error of its own, in clap's words.
    let matches = whole.clone().try_get_matches_from(line).ok()?;
    // These speak of the keys of a file.
    if matches.subcommand_name().is_some_and(|name| ["serve", "config"].contains(&name)) {
        return None;
    }
    let (mut command, mut matches) = (&whole, &matches);
    while let Some((name, inner)) = matches.subcommand() {
        (command, matches) = (command.find_subcommand(name)?, inner);
    }
    Some(ask(Typed { command, matches }))
}

struct Typed<'a> {
    command: &'a Command,
    matches: &'a ArgMatches,
}

impl Typed<'_> {
    fn said_of(&self, mut error: Error) -> Error {
        if let Some((field, what)) = error.detail.split_once(": ")
            && let Some(argument) = self.argument(field)
        {
            if self.is_typed(argument) {
                error.detail = format!("{}: {what}", label(argument));
            } else if error.hint.is_none() {
                error.hint = Some(format!("It is given by {}.", label(argument)));
            }
        }
        error.detail = self.quoted(&error.detail);
        error.hint = error.hint.map(|hint| self.quoted(&hint));
        error
    }

    /// Is what is wrong a value of this line, and not what came by stdin?
    fn holds_fault(&self, error: &Error) -> bool {
        let fields = error.fields.iter().filter_map(|wrong| self.argument(&wrong.field));
        let raw = |arg: &Arg| self.matches.get_raw(arg.get_id().as_str());
        let by_stdin = |arg: &Arg| raw(arg).is_some_and(|mut values| values.any(|it| it == "-"));
        fields.into_iter().any(|arg| self.is_typed(arg) && !by_stdin(arg))
    }

    /// Names of fields in backticks; what was typed as a value may be called the same.
    fn quoted(&self, text: &str) -> String {
        let pieces = text.split('`').enumerate().map(|(n, piece)| {
            let argument = (n % 2 == 1 && !self.is_value(piece)).then(|| self.argument(piece));
            argument.flatten().map_or_else(|| piece.to_owned(), label)
        });
        pieces.collect::<Vec<_>>().join("`")
    }

    /// Which argument fills a field: of those that were typed, if there is one.
    fn argument(&self, field: &str) -> Option<&Arg> {
        // `steps[0].targets` stands in what `--step` says.
        let head = field.split(['.', '[']).next().unwrap_or_default();
        let of_name = |arg: &&Arg| names(arg).any(|name| name == field || name == head);
        let otherwise = |arg: &&Arg| {
            let also = OTHERWISE.iter().find(|(id, _)| arg.get_id() == id);
            also.is_some_and(|(_, fields)| fields.contains(&field) || fields.contains(&head))
                || arg.is_positional() && label(arg).to_lowercase() == field
        };
        let all = || self.command.get_arguments();
        let typed = || all().filter(|arg| self.is_typed(arg));
        let found = typed().find(of_name).or_else(|| typed().find(otherwise));
        found.or_else(|| all().find(of_name)).or_else(|| all().find(otherwise))
    }

    fn is_typed(&self, arg: &Arg) -> bool {
        self.matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine)
    }

    fn is_value(&self, text: &str) -> bool {
        let values = |arg: &Arg| self.matches.get_raw(arg.get_id().as_str());
        self.command.get_arguments().filter_map(values).flatten().any(|value| value == text)
    }
}

/// The fields that an argument fills by its name.
fn names(arg: &Arg) -> impl Iterator<Item = String> {
    [Some(camel(arg.get_id().as_str())), arg.get_long().map(camel)].into_iter().flatten()
}

/// As it stands in the usage: `--until`, or `SLUG`.
fn label(arg: &Arg) -> String {
    match (arg.get_long(), arg.get_value_names()) {
        (Some(long), _) => format!("--{long}"),
        (None, Some([name, ..])) => name.to_string(),
        (None, _) => arg.get_id().as_str().to_uppercase(),
    }
}

/// `dedup-key` as a field: `dedupKey`.
fn camel(flag: &str) -> String {
    let mut parts = flag.split(['-', '_']);
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (first, rest) = part.split_at(part.len().min(1));
        name.push_str(&first.to_uppercase());
        name.push_str(rest);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str, error: Error) -> String {
        let line = format!("incidentd {line}");
        named(error, line.split(' ').map(OsString::from)).to_string()
    }

    #[test]
    fn an_error_names_what_was_typed() {
        let end = || Error::invalid("end", "needs to be after `start`");
        let line = "schedule override s --user bob --until 09:00";
        assert_eq!(said(line, end()), "--until: needs to be after `--from`");
        let end = || Error::invalid("endsAt", "lies in the past");
        let line = "silence add a=b --team t --reason r --until 09:00";
        assert_eq!(said(line, end()), "--until: lies in the past");
        let line = "trigger --title x --key k --dedup-key y";
        assert_eq!(said(line, Error::invalid("dedupKey", "is long")), "--dedup-key: is long");
        let step = || Error::invalid("steps[0].targets[1]", "there is no user `bob`");
        assert_eq!(
            said("policy add p --team t --step 0m=user:bob", step()),
            "--step: there is no user `bob`"
        );
        assert_eq!(said("team add Ops", Error::invalid("slug", "is wrong")), "SLUG: is wrong");
        let name = || Error::invalid("name", "is wrong");
        assert_eq!(said("contact add x --channel ntfy", name()), "NAME: is wrong");
        assert_eq!(said("contact set x --name y", name()), "--name: is wrong");
        let both = Error::invalid("until", "give either `for` or `until`");
        assert_eq!(
            said("snooze 1 --until 09:00", both),
            "--until: give either `--for` or `--until`"
        );
    }

    #[test]
    fn what_is_wrong_with_a_typed_value_is_wrong_usage() {
        let code = |line: &str, error: Error| {
            kind(&error, format!("incidentd {line}").split(' ').map(OsString::from)).exit()
        };
        let past = || Error::invalid("until", "lies in the past");
        assert_eq!(code("snooze 1 --until 09:00", past()), 2);
        assert_eq!(code("snooze 1 --for 1h", past()), 1);
        assert_eq!(code("note 1 x", Error::invalid("body", "is long")), 2);
        assert_eq!(code("note 1 -", Error::invalid("body", "is empty")), 1);
        assert_eq!(code("apply -f x", Error::invalid("users[0].username", "is wrong")), 1);
        assert_eq!(code("reassign 1 --to bob", Error::unknown("to", "there is no user")), 3);
    }

    #[test]
    fn what_nobody_typed_keeps_its_name_and_has_its_flag_as_the_hint() {
        assert_eq!(
            said("schedule take s", Error::invalid("for", "is too long")),
            "for: is too long. It is given by --for."
        );
        assert_eq!(said("list", Error::invalid("end", "is wrong")), "end: is wrong");
        // A person may be called as a field is.
        let who = Error::not_found("User `until`");
        let line = "schedule override s --user until --until 09:00";
        assert!(said(line, who).starts_with("User `until` does not exist"), "a value stays");
    }
}
