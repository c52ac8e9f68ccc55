//! What senders write, made safe to keep and to show: one place that cuts and one that cleans.
use std::borrow::Cow;

/// Marks where over-long text was cut.
pub const CUT: char = '…';

/// Characters that move a cursor, reorder or hide text: C0 and C1 controls, bidi marks and
/// overrides, zero-width and line separators. Line feed and tab are text.
#[must_use]
pub fn is_hostile(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{FEFF}' => true,
        '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' => true,
        _ => c.is_control(),
    }
}

/// Text for a terminal or a log line: hostile characters become U+FFFD, lines become spaces.
#[must_use]
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(|c| is_hostile(c) || c == '\n' || c == '\t') {
        return Cow::Borrowed(text);
    }
    Cow::Owned(
        text.chars()
            .map(|c| match c {
                '\n' | '\t' => ' ',
                c if is_hostile(c) => char::REPLACEMENT_CHARACTER,
                c => c,
            })
            .collect(),
    )
}

/// Bytes of a character inside JSON: limits count what is sent, so that quotes cannot double it.
const fn wire_len_of(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' => 2,
        c if (c as u32) < 0x20 => 6,
        c => c.len_utf8(),
    }
}

/// Bytes of a text inside JSON.
#[must_use]
pub fn wire_len(text: &str) -> usize {
    text.chars().map(wire_len_of).sum()
}

/// At most `max` bytes inside JSON, cut at a character and marked.
#[must_use]
pub fn cut(text: &str, max: usize) -> String {
    if wire_len(text) <= max {
        return text.to_owned();
    }
    let mut room = max.saturating_sub(CUT.len_utf8());
    let fits = |c: &char| {
        let fits = wire_len_of(*c) <= room;
        room = room.saturating_sub(wire_len_of(*c));
        fits
    };
    let mut cut: String = text.chars().take_while(fits).collect();
    cut.push(CUT);
    cut
}

/// One line of a sender's text: trimmed, control characters as U+FFFD, at most `max` bytes.
#[must_use]
pub fn line(text: &str, max: usize) -> String {
    let text = text.trim();
    if text.contains(char::is_control) {
        let clean: String = text
            .chars()
            .map(|c| match c {
                '\n' | '\r' | '\t' => ' ',
                c if c.is_control() => char::REPLACEMENT_CHARACTER,
                c => c,
            })
            .collect();
        return cut(&clean, max);
    }
    cut(text, max)
}

/// Several lines of a sender's text: control characters but line feed and tab as U+FFFD.
#[must_use]
pub fn lines(text: &str, max: usize) -> String {
    let text = text.trim();
    if !text.contains(|c: char| c.is_control() && c != '\n' && c != '\t') {
        return cut(text, max);
    }
    let clean: String = text
        .replace("\r\n", "\n")
        .chars()
        .map(|c| match c {
            '\n' | '\t' => c,
            c if c.is_control() => char::REPLACEMENT_CHARACTER,
            c => c,
        })
        .collect();
    cut(&clean, max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_a_cursor_is_shown() {
        assert_eq!(
            shown("disk\u{1b}[2J full\nnow\u{9b}31m"),
            "disk\u{fffd}[2J full now\u{fffd}31m"
        );
        assert_eq!(shown("abc\u{202e}fed"), "abc\u{fffd}fed");
        assert!(matches!(shown("plain ünïcode 🔥"), Cow::Borrowed(_)));
    }

    #[test]
    fn cutting_keeps_characters_whole_and_says_so() {
        assert_eq!(cut("héllo wörld", 7), "hél…");
        assert_eq!(cut("short", 7), "short");
        assert!(cut(&"ü".repeat(600), 1_024).len() <= 1_024);
        assert_eq!(line(" a\0b\nc ", 64), "a\u{fffd}b c");
        assert_eq!(lines("a\r\nb\tc\u{7}", 64), "a\nb\tc\u{fffd}");
    }
}
