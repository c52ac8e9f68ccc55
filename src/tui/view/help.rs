//! The help page: the table of keys, and what else there is to know.
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::look::{CURSOR, STRONG};
use super::put;
use super::text::fit;
use crate::tui::keys::TABLE;

const ALSO: &[(&str, &str)] = &[
    ("mouse", "click selects, again opens, the wheel moves; shift-drag selects text"),
    ("UNTOLD", "paging is due and nobody could be told"),
    ("HIGH LOW", "nobody has answered; low never wakes"),
    ("ACK SNOOZE", "somebody has it"),
    ("…", "asked of the server, not answered yet"),
];

pub fn draw(top: usize, area: Rect, buffer: &mut Buffer) {
    put(buffer, area, 1, 0, "Keys", STRONG);
    let table = TABLE.iter().map(|binding| (binding.shown, binding.help));
    let lines: Vec<(&str, &str)> = table.chain(ALSO.iter().copied()).collect();
    let room = usize::from(area.height.saturating_sub(1));
    let top = top.min(lines.len().saturating_sub(room));
    for (y, (key, help)) in (1..area.height).zip(&lines[top..]) {
        let x = put(buffer, area, 1, y, &fit(key, 11), STRONG);
        put(buffer, area, x, y, help, Style::new());
    }
    if top + room < lines.len() {
        put(buffer, area, area.width.saturating_sub(8), area.height - 1, " more ↓ ", CURSOR);
    }
}
