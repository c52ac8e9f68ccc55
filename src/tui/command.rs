//! What is typed after `:`, in words as a shell would make them. The verbs are the command line's
//! own; where no incident is named, the selected ones are meant.
use crate::domain::IncidentId;

/// Splits at blanks, except inside quotes.
pub(crate) fn split(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('"') | None, '\\') => match chars.next() {
                Some(next) => word.get_or_insert_default().push(next),
                None => return Err("The line ends with a \\.".into()),
            },
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    if let Some(open) = quote {
        return Err(format!("A {open} is not closed."));
    }
    words.extend(word);
    Ok(words)
}

/// The words of a line that is being typed; the last of them may be empty.
pub(super) fn begun(line: &str) -> Vec<String> {
    let (before, last) = line.rsplit_once(char::is_whitespace).unwrap_or(("", line));
    let mut words = split(before).unwrap_or_default();
    words.push(last.to_owned());
    words
}

fn is_id(word: &str) -> bool {
    let digits = word.strip_prefix('#').unwrap_or(word);
    word.contains("/incidents/")
        || (!digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()))
}

/// The words of a line; a note's text is one word, quoted or not.
pub(super) fn words(line: &str, selected: &[IncidentId]) -> Result<Vec<String>, String> {
    let line = line.trim();
    let (verb, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    if verb != "note" {
        return split(line);
    }
    let rest = rest.trim();
    let (first, text) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let (id, text) = match selected {
        _ if is_id(first) => (first.to_owned(), text),
        [one] => (one.to_string(), rest),
        _ => return Err("note takes one incident: note 42 TEXT.".into()),
    };
    let text = text.trim();
    let unquoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    // A text may begin with a dash.
    Ok(vec!["note".into(), id, "--".into(), unquoted.to_owned()])
}

/// The same line with the selected incidents, unless it names some itself: an option's value is
/// not taken for one, so `named` must say whether any was found.
#[must_use]
pub fn with_selected(words: &[String], selected: &[IncidentId]) -> Vec<String> {
    let mut words = words.to_vec();
    let at = words.len().min(1);
    for id in selected.iter().rev() {
        words.insert(at, id.to_string());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_a_shell_would() {
        let of = |line| words(line, &[IncidentId(7)]).expect(line);
        assert_eq!(of("ack 42 --for 2h"), ["ack", "42", "--for", "2h"]);
        assert_eq!(
            of(" resolve --note 'it is \"over\"' "),
            ["resolve", "--note", "it is \"over\""]
        );
        assert_eq!(of("note 42 it's over"), ["note", "42", "--", "it's over"]);
        assert_eq!(of("note it is over"), ["note", "7", "--", "it is over"]);
        assert_eq!(of(""), [""; 0]);
        assert!(words("ack 'x", &[]).is_err());
        assert!(words("note x", &[]).is_err());
        let words = with_selected(&of("ack --for 2h"), &[IncidentId(1), IncidentId(2)]);
        assert_eq!(words, ["ack", "1", "2", "--for", "2h"]);
    }
}
