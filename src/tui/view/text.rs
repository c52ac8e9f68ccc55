//! Text for cells: clean, fitted to a width, wrapped; ages and moments as people say them.
use std::borrow::Cow;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use unicode_width::UnicodeWidthStr;

use crate::domain::text;

/// What may be shown of a sender's text: nothing that drives a terminal, nor what terminals
/// disagree about the width of.
#[must_use]
pub fn clean(given: &str) -> Cow<'_, str> {
    let shown = text::shown(given);
    let disputed = |c: char| matches!(c, '\u{FE00}'..='\u{FE0F}');
    if shown.contains(disputed) {
        return Cow::Owned(shown.replace(disputed, ""));
    }
    shown
}

/// Exactly `width` columns: cut and marked, or filled up.
#[must_use]
pub fn fit(given: &str, width: usize) -> String {
    let mut out = cut(&clean(given), width);
    let have = out.width();
    out.extend(std::iter::repeat_n(' ', width.saturating_sub(have)));
    out
}

/// The same, at the right edge.
#[must_use]
pub fn fit_right(given: &str, width: usize) -> String {
    let out = cut(&clean(given), width);
    let room = width.saturating_sub(out.width());
    format!("{}{out}", " ".repeat(room))
}

/// At most `width` columns of clean text.
#[must_use]
pub fn cut(clean: &str, width: usize) -> String {
    // No character is wider than its bytes are many, so short text needs no measuring.
    if clean.len() <= width || clean.width() <= width {
        return clean.to_owned();
    }
    let mut out = String::new();
    for c in clean.chars() {
        out.push(c);
        // Measured whole: widths of sequences are not the sum of their parts.
        if out.width() >= width {
            while out.width() >= width.max(1) {
                out.pop();
            }
            break;
        }
    }
    if width > 0 {
        out.push('…');
    }
    out
}

/// Lines of at most `width` columns, broken at blanks where there are some.
#[must_use]
pub fn wrap(given: &str, width: usize) -> Vec<String> {
    let width = width.max(8);
    let mut lines = Vec::new();
    for paragraph in given.lines() {
        let paragraph = clean(paragraph);
        let mut line = String::new();
        for word in paragraph.split(' ') {
            let mut word = Cow::Borrowed(word);
            if !line.is_empty() {
                if line.width() + 1 + word.width() <= width {
                    line.push(' ');
                    line.push_str(&word);
                    continue;
                }
                lines.push(std::mem::take(&mut line));
            }
            while word.width() > width {
                let mut head = String::new();
                let mut rest = word.chars();
                while head.width() < width {
                    match rest.next() {
                        Some(c) => head.push(c),
                        None => break,
                    }
                }
                if head.width() > width {
                    let last = head.pop();
                    word = Cow::Owned(last.into_iter().chain(rest).collect());
                } else {
                    word = Cow::Owned(rest.collect());
                }
                lines.push(head);
            }
            line = word.into_owned();
        }
        lines.push(line);
    }
    lines
}

/// How long ago, in three characters at most.
#[must_use]
pub fn age(at: Timestamp, now: Timestamp) -> String {
    let secs = now.duration_since(at).as_secs().max(0);
    match secs {
        0..60 => format!("{secs}s"),
        60..3_600 => format!("{}m", secs / 60),
        3_600..86_400 => format!("{}h", secs / 3_600),
        86_400..8_640_000 => format!("{}d", secs / 86_400),
        8_640_000..60_480_000 => format!("{}w", secs / 604_800),
        _ => format!("{}y", secs / 31_557_600),
    }
}

/// How long until then: to the second, beyond a day to the hour.
#[must_use]
pub fn countdown(at: Timestamp, now: Timestamp) -> String {
    let secs = at.duration_since(now).as_secs().max(0);
    match secs {
        0..3_600 => format!("{}:{:02}", secs / 60, secs % 60),
        86_400.. => format!("{}d {}h", secs / 86_400, secs / 3_600 % 24),
        _ => format!("{}:{:02}:{:02}", secs / 3_600, secs / 60 % 60, secs % 60),
    }
}

/// The time of day; with the weekday if that is one of the next six, with the date if it is no day
/// so near.
#[must_use]
pub fn moment(at: Timestamp, now: Timestamp, zone: &TimeZone, seconds: bool) -> String {
    let (then, today) = (at.to_zoned(zone.clone()), now.to_zoned(zone.clone()));
    let time = if seconds { "%H:%M:%S" } else { "%H:%M" };
    let ahead = today.date().until(then.date()).map_or(i32::MAX, |span| span.get_days());
    match ahead {
        0 => then.strftime(time).to_string(),
        1..=6 => then.strftime(&format!("%a {time}")).to_string(),
        _ => then.strftime(&format!("%b %-d {time}")).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_fills_its_column_exactly_whatever_it_is_made_of() {
        for text in [
            "plain",
            "",
            "ünïcode",
            "日本語のタイトル",
            "🔥🔥🔥 fire",
            "a\u{301}e\u{301}",
            "☁\u{fe0f} cloud",
            "👩\u{200d}🚀 x",
            "\u{1b}[2J\u{9b}31m",
            "tab\there\nline",
            "\u{202e}abc",
            "ﷺ long",
            "🇫🇷🇩🇪",
        ] {
            for width in 0..12 {
                assert_eq!(fit(text, width).width(), width, "{text:?} in {width}");
                assert_eq!(fit_right(text, width).width(), width, "{text:?} in {width}");
            }
            assert!(!clean(text).contains(text::is_hostile), "{text:?}");
        }
        assert_eq!(fit("Disk full on db-3", 10), "Disk full…");
        assert_eq!(fit("日本語", 4), "日… ");
    }

    #[test]
    fn long_text_is_broken_at_blanks_and_nothing_of_it_is_lost() {
        assert_eq!(wrap("one two three four", 9), ["one two", "three", "four"]);
        assert_eq!(wrap("a\n\nb", 9), ["a", "", "b"]);
        let long = "x".repeat(25);
        assert_eq!(wrap(&long, 10).concat(), long);
        assert!(wrap("日本語日本語日本語日本語", 9).iter().all(|line| line.width() <= 9));
    }
}
