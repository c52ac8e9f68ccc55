//! The help page: the table of keys, and what else there is to know.
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::look::{CURSOR, STRONG};
use super::put;
use super::text::{fit, wrap};
use crate::tui::keys::TABLE;
use crate::tui::state::State;

const ALSO: &[(&str, &str)] = &[
    ("mouse", "click selects, again opens, the wheel moves; shift-drag selects text"),
    ("UNTOLD", "paging is due and nobody could be told"),
    ("HIGH LOW", "nobody has answered; low never wakes"),
    ("ACK SNOOZE", "somebody has it"),
    ("…", "asked of the server, not answered yet"),
];

/// How wide the keys' column is.
const KEY: usize = 11;

pub fn draw(state: &State, top: usize, area: Rect, buffer: &mut Buffer) {
    put(buffer, area, 1, 0, "Keys", STRONG);
    let table = TABLE.iter().map(|binding| (binding.shown, binding.help));
    let width = usize::from(area.width).saturating_sub(KEY + 2);
    let mut lines: Vec<(&str, String)> = Vec::new();
    for (key, help) in table.chain(ALSO.iter().copied()) {
        let keys = std::iter::once(key).chain(std::iter::repeat(""));
        lines.extend(keys.zip(wrap(help, width)));
    }
    let room = usize::from(area.height.saturating_sub(1));
    let most = lines.len().saturating_sub(room);
    state.off_screen.set(most);
    let top = top.min(most);
    for (y, (key, help)) in (1..area.height).zip(&lines[top..]) {
        let x = put(buffer, area, 1, y, &fit(key, KEY), STRONG);
        put(buffer, area, x, y, help, Style::new());
    }
    if top + room < lines.len() {
        put(buffer, area, area.width.saturating_sub(8), area.height - 1, " more ↓ ", CURSOR);
    }
}
