//! What senders write, made safe to keep and to show: one place that cuts and one that cleans.
use std::borrow::Cow;
use std::fmt::Write;

/// Marks where over-long text was cut.
pub const CUT: char = '…';

/// Characters that move a cursor, reorder or hide text: C0 and C1 controls, bidi marks and
/// overrides, zero-width and line separators, fillers and tags. Line feed and tab are text.
#[must_use]
pub fn is_hostile(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{FEFF}' => true,
        '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{3164}' => true,
        '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' | '\u{1D173}'..='\u{1D17A}' => true,
        '\u{E0000}'..='\u{E007F}' => true,
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

/// As one piece of an address: whatever might end it there is percent-encoded.
#[must_use]
pub fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte));
            }
            byte => {
                // Writing to a String cannot fail.
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
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
    use proptest::prelude::*;

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

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_was_written_what_is_shown_drives_nothing(text in anything()) {
            let safe = shown(&text);
            prop_assert!(!safe.contains(|c: char| c.is_control() || is_hostile(c)), "{safe:?}");
            prop_assert_eq!(safe.chars().count(), text.chars().count());
            prop_assert_eq!(shown(&safe), safe.clone(), "once is enough");
            let harmless = |c: &char| !is_hostile(*c) && *c != '\n' && *c != '\t';
            for (before, after) in text.chars().zip(safe.chars()) {
                prop_assert!(!harmless(&before) || before == after, "{before:?} became {after:?}");
            }
        }

        #[test]
        fn what_is_kept_holds_no_control_character_and_fits(text in anything(), max in 8_usize..64) {
            for kept in [line(&text, max), lines(&text, max)] {
                prop_assert!(wire_len(&kept) <= max, "{kept:?}");
                let control = |c: char| c.is_control() && c != '\n' && c != '\t';
                prop_assert!(!kept.contains(control), "{kept:?}");
            }
            prop_assert!(!line(&text, max).contains(['\n', '\t']));
        }
    }

    /// Text, with what a terminal might obey in every third place.
    fn anything() -> impl Strategy<Value = String> {
        let sly = proptest::sample::select(vec![
            '\u{1b}',
            '\u{9b}',
            '\u{7}',
            '\r',
            '\n',
            '\t',
            '\0',
            '\u{7f}',
            '\u{85}',
            '\u{202e}',
            '\u{2066}',
            '\u{200d}',
            '\u{feff}',
            '\u{e0041}',
            '"',
            '\\',
        ]);
        let one = prop_oneof![2 => any::<char>(), 1 => sly];
        proptest::collection::vec(one, 0..80).prop_map(|all| all.into_iter().collect())
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
