//! What is read from top to bottom: the keys and what else there is to know, or what a command
//! said.
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

use super::look::{Look, STRONG};
use super::text::{cut, fit, wrap};
use super::{below_heading, connection, marks, put};
use crate::tui::keys::TABLE;
use crate::tui::layout::is_narrow;
use crate::tui::state::{Reading, State};

const ALSO: &[(&str, &str)] = &[
    ("mouse", "click selects, again opens, the wheel moves; shift-drag selects text"),
    ("UNTOLD", "paging is due and nobody could be told"),
    ("HIGH LOW", "nobody has answered; low never wakes"),
    ("ACK SNOOZE", "somebody has it"),
    ("…", "asked of the server, not answered yet"),
];

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
        Reading::Answer { line, .. } => format!(":{line}"),
    };
    let (told, _) = connection(state, look, is_narrow(area.width));
    let room = usize::from(area.width).saturating_sub(told.width() + 4);
    put(buffer, area, 1, 0, &cut(&title, room), STRONG);
    // A column at each side.
    let width = usize::from(area.width).saturating_sub(2);
    let lines = match what {
        Reading::Help => keys(width),
        Reading::Answer { text, .. } => said(text, width),
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

/// The table of keys, and words.
fn keys(width: usize) -> Vec<(String, String)> {
    let table = TABLE.iter().map(|binding| (binding.shown, binding.help));
    let mut lines = Vec::new();
    for (key, help) in table.chain(ALSO.iter().copied()) {
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
