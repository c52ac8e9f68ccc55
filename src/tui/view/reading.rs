//! What is read from top to bottom: the keys and what else there is to know, or what a command
//! said.
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

use super::look::{Look, STRONG};
use super::text::{cut, fit, wrap};
use super::{below_heading, connection, marks, put};
use crate::tui::keys::{TABLE, Wish};
use crate::tui::state::{Reading, State};

const ALSO: &[(&str, &str)] = &[
    ("mouse", "click selects, again opens, the wheel moves; shift-drag selects text"),
    ("UNTOLD", "paging is due and nobody could be told"),
    ("HIGH LOW", "nobody has answered; low never wakes"),
    ("ACK SNOOZE", "somebody has it"),
    ("…", "asked of the server, not answered yet"),
];

/// What may be typed with --readonly.
const LOOKS: &str = "type a command that looks: silence list, on-call, show 42; tab completes";
/// How wide the keys' column is.
const KEY: usize = 11;

pub fn draw(
    state: &State,
    what: &Reading,
    top: usize,
    look: Look,
    area: Rect,
    buffer: &mut Buffer,
) {
    let title = match what {
        Reading::Help => "Keys".to_owned(),
        Reading::Answer { line, .. } | Reading::Manual { line, .. } => format!(":{line}"),
    };
    let (told, _) = connection(state, look, area.width);
    let room = usize::from(area.width).saturating_sub(told.width() + 4);
    put(buffer, area, 1, 0, &cut(&title, room), STRONG);
    // A column at each side.
    let width = usize::from(area.width).saturating_sub(2);
    let lines = match what {
        Reading::Help => keys(width, state.settings.readonly),
        Reading::Answer { text, .. } => said(text, width),
        Reading::Manual { lay, .. } => said(&lay(width), width),
    };
    let room = usize::from(area.height.saturating_sub(1));
    let most = lines.len().saturating_sub(room);
    state.off_screen.set(most);
    let top = top.min(most);
    for (y, (key, line)) in (1..area.height).zip(&lines[top..]) {
        let x = put(buffer, area, 1, y, key, STRONG);
        put(buffer, area, x, y, line, Style::new());
    }
    marks(buffer, below_heading(area), top, most - top);
}

/// The table of keys, as far as they do anything, and words.
fn keys(width: usize, readonly: bool) -> Vec<(String, String)> {
    let works = TABLE.iter().filter(|binding| !(readonly && binding.acts));
    let table = works.map(|binding| match binding.wish {
        Wish::Command if readonly => (binding.shown, LOOKS),
        Wish::Back if readonly => (binding.shown, "back; clears filter, message"),
        _ => (binding.shown, binding.help),
    });
    let why =
        readonly.then_some(("", "This dashboard is --readonly: it looks, and changes nothing."));
    let mut lines = Vec::new();
    for (key, help) in why.into_iter().chain(table).chain(ALSO.iter().copied()) {
        let keys = std::iter::once(key).chain(std::iter::repeat(""));
        let keys = keys.map(|key| fit(key, KEY));
        lines.extend(keys.zip(wrap(help, width.saturating_sub(KEY))));
    }
    lines
}

/// Lines as they were laid out; what has become too long since goes on in the next.
fn said(text: &str, width: usize) -> Vec<(String, String)> {
    let line =
        |line: &str| if line.width() <= width { vec![line.into()] } else { wrap(line, width) };
    text.lines().flat_map(line).map(|line| (String::new(), line)).collect()
}
