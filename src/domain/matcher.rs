//! What people narrow by, the same in lists, addresses and silences: `name=value`, `name!=value`,
//! `name=~regex`, `name!~regex`, as in amtool. Bare names are labels as sent, `@service`, `@team`
//! and `@severity` are ours. An absent label is an empty one; a regex must fit the whole value.
use std::fmt;
use std::str::FromStr;

use regex::{Regex, RegexBuilder};

use super::alert::{MAX_LABEL_NAME, MAX_LABEL_VALUE};

/// Longest regular expression, in bytes, and the most memory that one may take compiled: its
/// matching is linear in the text, whatever it says.
pub const MAX_PATTERN: usize = 512;
const MAX_COMPILED: usize = 1024 * 1024;

/// A value that no sender sends: what accepts it accepts nearly all.
const NONSENSE: &str = "\u{e000}nothing is called so\u{e000}";

/// One condition.
#[derive(Clone, Debug)]
pub struct Matcher {
    subject: Subject,
    negated: bool,
    test: Test,
}

/// Of what it speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    Label(String),
    /// The slug.
    Service,
    /// The slug.
    Team,
    /// The word.
    Severity,
}

#[derive(Clone, Debug)]
enum Test {
    Is(String),
    Fits { pattern: String, compiled: Regex },
}

impl Matcher {
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Does it hold for a subject of this value?
    #[must_use]
    pub fn accepts(&self, value: &str) -> bool {
        let holds = match &self.test {
            Test::Is(wanted) => wanted == value,
            Test::Fits { compiled, .. } => compiled.is_match(value),
        };
        holds != self.negated
    }

    /// Does it leave out what a sender may well send?
    #[must_use]
    pub fn is_narrow(&self) -> bool {
        !self.accepts("") && !self.accepts(NONSENSE)
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match &self.subject {
            Subject::Label(name) => name,
            Subject::Service => "@service",
            Subject::Team => "@team",
            Subject::Severity => "@severity",
        };
        let (operator, value) = match (&self.test, self.negated) {
            (Test::Is(value), false) => ("=", value),
            (Test::Is(value), true) => ("!=", value),
            (Test::Fits { pattern, .. }, false) => ("=~", pattern),
            (Test::Fits { pattern, .. }, true) => ("!~", pattern),
        };
        write!(f, "{name}{operator}\"")?;
        for c in value.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                '\n' => f.write_str("\\n")?,
                '\t' => f.write_str("\\t")?,
                c => write!(f, "{c}")?,
            }
        }
        f.write_str("\"")
    }
}

/// Why a text is no matcher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoMatcher(String);

impl fmt::Display for NoMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoMatcher {}

impl FromStr for Matcher {
    type Err = NoMatcher;

    fn from_str(text: &str) -> Result<Self, NoMatcher> {
        let no = |why: String| Err(NoMatcher(why));
        let Some((name, operator, value)) = taken_apart(text) else {
            return no("must be written name=value, name!=value, name=~regex or name!~regex".into());
        };
        if name.len() > MAX_LABEL_NAME || name.contains(char::is_control) {
            return no(format!("names no label: at most {MAX_LABEL_NAME} bytes of text"));
        }
        let subject = match name.strip_prefix('@') {
            None => Subject::Label(name.to_owned()),
            Some("service") => Subject::Service,
            Some("team") => Subject::Team,
            Some("severity") => Subject::Severity,
            Some(_) => {
                return no(format!("`{name}` is unknown; ours are @service, @team, @severity"));
            }
        };
        let value = unquoted(value)?;
        let negated = operator.starts_with('!');
        let test = if operator.ends_with('~') {
            Test::Fits { compiled: compile(&value)?, pattern: value }
        } else if value.len() > MAX_LABEL_VALUE {
            return no(format!("asks for more than {MAX_LABEL_VALUE} bytes"));
        } else {
            Test::Is(value)
        };
        Ok(Self { subject, negated, test })
    }
}

/// (name, operator, value) around the first operator.
fn taken_apart(text: &str) -> Option<(&str, &str, &str)> {
    let (at, operator) = text.char_indices().find_map(|(at, c)| {
        let operators: &[&str] = if c == '=' { &["=~", "="] } else { &["!=", "!~"] };
        let operator = operators.iter().find(|operator| text[at..].starts_with(**operator))?;
        Some((at, *operator))
    })?;
    let name = text[..at].trim();
    (!name.is_empty()).then(|| (name, operator, text[at + operator.len()..].trim()))
}

/// `"…"` with its escapes, or the text as it is.
fn unquoted(value: &str) -> Result<String, NoMatcher> {
    if !value.starts_with('"') {
        return Ok(value.to_owned());
    }
    let mut out = String::with_capacity(value.len());
    let mut rest = value[1..].chars();
    while let Some(c) = rest.next() {
        match c {
            '"' if rest.as_str().is_empty() => return Ok(out),
            '\\' => match rest.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some(c @ ('"' | '\\')) => out.push(c),
                // Of a regex: `\d`.
                Some(c) => out.extend(['\\', c]),
                None => break,
            },
            c => out.push(c),
        }
    }
    Err(NoMatcher("begins a quoted value that does not end with `\"`".into()))
}

fn compile(pattern: &str) -> Result<Regex, NoMatcher> {
    if pattern.len() > MAX_PATTERN {
        return Err(NoMatcher(format!("holds a regex of more than {MAX_PATTERN} bytes")));
    }
    let build = |text: &str| RegexBuilder::new(text).size_limit(MAX_COMPILED).build();
    // First alone: `a)|(b` is a regex only between parentheses.
    build(pattern).and_then(|_| build(&format!("^(?s:{pattern})$"))).map_err(|error| {
        let why = match &error {
            regex::Error::CompiledTooBig(_) => "is too large".to_owned(),
            error => {
                let text = error.to_string();
                let last = text.lines().last().unwrap_or_default();
                format!("is none: {}", last.trim_start_matches("error: "))
            }
        };
        NoMatcher(format!("the regex `{pattern}` {why}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matcher(text: &str) -> Matcher {
        text.parse().unwrap_or_else(|why| panic!("{text}: {why}"))
    }

    #[test]
    fn matchers_mean_what_they_mean_in_amtool() {
        for (text, value, expected) in [
            ("host=db-3", "db-3", true),
            ("host=db-3", "db-33", false),
            ("host = \"db-3\" ", "db-3", true),
            ("host!=db-3", "db-3", false),
            ("host!=db-3", "", true),
            ("host=", "", true),
            ("host=~db-.*", "db-3", true),
            ("host=~db", "db-3", false),
            ("host=~db|web", "web", true),
            ("host!~db-\\d+", "db-3", false),
            ("host!~\"db-\\d+\"", "web", true),
            ("host=~.+", "", false),
            ("host=~a.b", "a\nb", true),
            ("host=\"a\\nb\u{200b}\"", "a\nb\u{200b}", true),
            ("query=a=b", "a=b", true),
            ("a!b=c", "c", true),
            ("q=\"say \\\"hi\\\"\"", "say \"hi\"", true),
        ] {
            assert_eq!(matcher(text).accepts(value), expected, "{text} {value:?}");
            let again = matcher(&matcher(text).to_string());
            assert_eq!(again.accepts(value), expected, "{text} as {again}");
        }
        assert_eq!(*matcher("@service=checkout").subject(), Subject::Service);
        assert_eq!(*matcher("severity!=critical").subject(), Subject::Label("severity".into()));
    }

    #[test]
    fn what_is_no_matcher_says_why() {
        for (text, why) in [
            ("", "must be written"),
            ("host", "must be written"),
            ("=x", "must be written"),
            ("@colour=red", "ours are @service"),
            ("a=\"x", "does not end"),
            ("a=\"x\"y", "does not end"),
            ("a=~(", "unclosed group"),
            ("a=~x)|(y", "unopened group"),
            ("a=~\\p{Nonsense}", "is none"),
            (&format!("a=~{}", "x".repeat(513)), "more than 512"),
            ("a=~((((.{99}){99}){99}){99})", "too large"),
            (&format!("a={}", "x".repeat(1_025)), "more than 1024"),
            (&format!("{}=x", "x".repeat(256)), "at most 255"),
            ("a\u{1b}b=x", "names no label"),
        ] {
            let error = text.parse::<Matcher>().expect_err(text);
            assert!(error.0.contains(why), "{text}: {error}");
        }
    }
}
