//! The screen, drawn from the state: a status line that is always true, the page, and two rows
//! at the bottom, message and keys.
mod detail;
mod list;
pub mod look;
mod reading;
pub mod text;

use ratatui::Frame;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};
use unicode_width::UnicodeWidthStr;

use super::keys::{TABLE, Wish};
use super::layout::{BOTTOM, has_clock, is_roomy, is_tiny};
use super::prompt::{Prompt, What};
use super::state::{Link, Page, Reading, State, Tone};
use crate::api::overview::Unreachable;
pub use detail::pane_at;
use look::{Look, MUTED, STRONG};
use text::{clean, cut, moment, wrap};

/// A message has no more.
const MOST_ROWS: u16 = 4;
/// Smaller ones say so.
const SMALLEST: (u16, u16) = (20, 5);

/// Draws all of it.
pub fn draw(state: &State, look: Look, frame: &mut Frame<'_>) {
    let area = frame.area();
    let buffer = frame.buffer_mut();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        put(buffer, area, 0, 0, "too small", Style::new());
        return;
    }
    let body = Rect { height: area.height - BOTTOM, ..area };
    match &state.page {
        Page::List => list::draw(state, look, body, buffer),
        Page::Incident(detail) => detail::draw(state, detail, look, body, buffer),
        Page::Reading { top, what, .. } => reading::draw(state, what, *top, look, body, buffer),
    }
    status(state, look, area, buffer);
    keys(state, Rect { y: area.bottom() - 1, height: 1, ..area }, buffer);
    let bottom = Rect { y: area.bottom() - BOTTOM, height: 1, ..area };
    if let Some(cursor) = message(state, look, bottom, buffer) {
        frame.set_cursor_position(cursor);
    }
}

/// Writes clean text at a column of `area`, cut where it ends; returns the column after it.
fn put(buffer: &mut Buffer, area: Rect, x: u16, y: u16, text: &str, style: Style) -> u16 {
    if y >= area.height || x >= area.width {
        return x;
    }
    let room = usize::from(area.width - x);
    let text = cut(&clean(text), room);
    let (end, _) = buffer.set_stringn(area.x + x, area.y + y, &text, room, style);
    end - area.x
}

/// All but the first row.
fn below_heading(area: Rect) -> Rect {
    Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area }
}

/// Where a view goes on beyond what is shown of it: at the right edge of its first and last row,
/// and by how many lines where nothing else stands.
fn marks(buffer: &mut Buffer, area: Rect, above: usize, below: usize) {
    if area.height == 0 || area.width == 0 {
        return;
    }
    let (first, last, edge) = (area.top(), area.bottom() - 1, area.right() - 1);
    for (many, arrow, y) in [(above, "↑", first), (below, "↓", last)] {
        if many == 0 {
            continue;
        }
        let text = format!("{many} more {arrow}");
        let width = u16::try_from(text.width()).unwrap_or(area.width);
        let is_blank = |x| buffer[(x, y)] == Cell::EMPTY;
        let begin = (edge + 1).saturating_sub(width).max(area.left());
        // A column apart from what stands before it.
        if (begin.saturating_sub(1)..=edge).all(is_blank) {
            buffer.set_string(begin, y, &text, MUTED);
            buffer[(edge, y)].set_style(STRONG);
        } else {
            let both = first == last && above > 0 && below > 0;
            buffer[(edge, y)].set_symbol(if both { "↕" } else { arrow }).set_style(STRONG);
        }
    }
}

/// What is said of the connection, in a row of so many columns.
fn connection(state: &State, look: Look, columns: u16) -> (String, Style) {
    let now = state.now();
    let zone = &state.settings.zone;
    match &state.link {
        Link::Live if !state.loaded => ("loading".to_owned(), STRONG),
        Link::Live if !has_clock(columns) => ("live".to_owned(), look.live()),
        Link::Live => (format!("live  {}", moment(now, now, zone, true)), look.live()),
        Link::CatchingUp => ("catching up".to_owned(), STRONG),
        Link::Connecting => ("connecting".to_owned(), STRONG),
        Link::Lost { as_of, attempt, again_at, .. } => {
            let left = again_at.saturating_sub(state.boot()).as_secs();
            let next = if left == 0 { "now".into() } else { format!("in {left} s") };
            let stale = as_of.map(|at| moment(at, now, zone, true));
            let text = match stale {
                Some(at) if is_tiny(columns) => format!("as of {at}"),
                Some(at) if !is_roomy(columns) => format!("as of {at}, try {attempt} {next}"),
                Some(at) => format!("STALE, as of {at}. Reconnecting: try {attempt} {next}"),
                None if is_tiny(columns) => "not connected".into(),
                None => format!("not connected, try {attempt} {next}"),
            };
            (text, STRONG)
        }
    }
}

/// The right end of the first row: the connection and the time; when it is lost, row 1 inverts.
fn status(state: &State, look: Look, area: Rect, buffer: &mut Buffer) {
    let (text, style) = connection(state, look, area.width);
    let width = u16::try_from(text.width()).unwrap_or(area.width).min(area.width - 1);
    let x = area.width - width - 1;
    // What stands there gives way: the truth about the connection comes first.
    put(buffer, area, x.saturating_sub(2), 0, "  ", Style::new());
    put(buffer, area, x, 0, &text, style);
    put(buffer, area, area.width - 1, 0, " ", Style::new());
    if matches!(state.link, Link::Lost { .. }) {
        let row = Rect { height: 1, ..area };
        buffer.set_style(row, Style::reset().add_modifier(Modifier::REVERSED));
    }
}

/// The row above the keys: a prompt, else what happened. Returns where the cursor is.
fn message(state: &State, look: Look, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    if let Some(prompt) = &state.prompt {
        if let Some(wrong) = prompt.wrong() {
            let above = Rect { y: area.y.saturating_sub(1), ..area };
            long(buffer, above, wrong, look.bad());
        }
        let (room, brief) = label_room(prompt, area.width);
        let label = prompt.label(brief);
        let x = put(buffer, area, 1, 0, &cut(&clean(&label), room), STRONG);
        let Some(line) = prompt.line() else {
            // Nothing is typed there, and all of it is to be read.
            long(buffer, area, &prompt.label(false), STRONG);
            return None;
        };
        let width = usize::from(area.width - x).saturating_sub(2).max(1);
        let scroll = line.visual_scroll(width);
        let typed = clean(line.value());
        let seen = match scroll {
            0 => typed.into_owned(),
            _ => format!("…{}", from_column(&typed, scroll + 1)),
        };
        let end = put(buffer, area, x, 0, &seen, Style::new());
        put(buffer, area, end + 2, 0, &state.offered().join(" "), MUTED);
        let at = line.visual_cursor().saturating_sub(scroll).min(width);
        let at = x.saturating_add(u16::try_from(at).unwrap_or(0));
        return Some(Position::new(area.x + at.min(area.width - 1), area.y));
    }
    match (&state.message, &state.link) {
        (Some(message), _) => {
            let style = match message.tone {
                Tone::Plain => Style::new(),
                Tone::Good => look.live(),
                Tone::Bad => look.bad(),
            };
            long(buffer, area, &message.text, style);
        }
        (None, Link::Lost { why, as_of, .. }) => {
            let what = if as_of.is_some() { "Connection lost" } else { "Not connected" };
            let whole = format!("{what}: {why}. Keys still try.");
            let ways = [whole, format!("{what}. Keys still try.")];
            let fits = ways.into_iter().find(|it| it.width() + 2 <= usize::from(area.width));
            put(buffer, area, 1, 0, fits.as_deref().unwrap_or(what), look.bad());
        }
        _ => {
            if let Some(one) = state.unreached() {
                let room = usize::from(area.width).saturating_sub(2);
                put(buffer, area, 1, 0, &unreached(state, one, room), STRONG);
            }
        }
    }
    None
}

/// How much of a row is for the words before what is typed, and whether they must be brief: a long
/// question leaves room for the answer.
fn label_room(prompt: &Prompt, columns: u16) -> (usize, bool) {
    let room = usize::from(columns).saturating_sub(2 + usize::from(columns / 3));
    (room, prompt.label(false).width() > room)
}

/// What does not fit into the row above the keys takes the rows above it, too.
fn long(buffer: &mut Buffer, area: Rect, text: &str, style: Style) {
    let lines = wrap(text, usize::from(area.width).saturating_sub(2));
    let rows = u16::try_from(lines.len()).unwrap_or(1).min(MOST_ROWS).min(area.y + 1);
    let area = Rect { y: area.y + 1 - rows, height: rows, ..area };
    for (y, line) in (0..rows).zip(&lines) {
        put(buffer, area, 0, y, &" ".repeat(usize::from(area.width)), Style::reset());
        put(buffer, area, 1, y, line, style);
    }
}

/// I am on call, and would not hear of it: as much as there is room for, and what to do.
fn unreached(state: &State, one: &Unreachable, room: usize) -> String {
    let now = state.now();
    let from = if one.start > now {
        format!(" from {}", moment(one.start, now, &state.settings.zone, false))
    } else {
        String::new()
    };
    let next = state.here("incidentd contact add");
    let ways = [
        format!("You are on call in {}{from}, and nothing reaches you: {next}", one.schedule.slug),
        format!("Nothing reaches you, on call{from}: {next}"),
    ];
    let fits = ways.into_iter().find(|words| words.width() <= room);
    fits.unwrap_or_else(|| format!("Nothing reaches you: {next}"))
}

/// What is left of a text from a column on.
fn from_column(text: &str, column: usize) -> String {
    let mut passed = String::new();
    let mut rest = text.chars();
    while passed.width() < column {
        match rest.next() {
            Some(c) => passed.push(c),
            None => break,
        }
    }
    rest.collect()
}

/// The help line: as many keys as fit; help and the way out always, at the right end.
fn keys(state: &State, area: Rect, buffer: &mut Buffer) {
    match &state.prompt {
        Some(Prompt::Confirm { .. }) => {
            put(buffer, area, 1, 0, "y yes  n no", MUTED);
            return;
        }
        Some(prompt) => {
            let (_, brief) = label_room(prompt, area.width);
            let text = match prompt {
                // What may be typed is not said before it.
                Prompt::Ask { what, .. } if brief => &format!("{}  esc leave it", what.hint()),
                Prompt::Ask { what: What::Assignee, .. } => "enter go on  tab a name  esc leave it",
                Prompt::Command { .. } => "enter go on  tab a word  esc leave it",
                _ => "enter go on  esc leave it",
            };
            put(buffer, area, 1, 0, text, MUTED);
            return;
        }
        None => {}
    }
    let end = match state.page {
        Page::List => "? help  q quit",
        Page::Incident(_) if is_tiny(area.width) => "? help  esc back",
        Page::Incident(_) => "tab pane  ? help  esc back",
        Page::Reading { what: Reading::Help, .. } => "esc back",
        Page::Reading { .. } => "y copy it  esc back",
    };
    let acts = !matches!(state.page, Page::Reading { .. });
    let x = area.width.saturating_sub(u16::try_from(end.width()).unwrap_or(0) + 1);
    let mut at = 1;
    let shown = TABLE.iter().filter(|binding| acts && !(binding.acts && state.settings.readonly));
    for binding in shown.filter(|binding| !matches!(binding.wish, Wish::Quit | Wish::Help)) {
        let Some(word) = binding.word else { continue };
        let width = u16::try_from(binding.shown.width() + 1 + word.width()).unwrap_or(0);
        if at + width + 2 > x {
            break;
        }
        at = put(buffer, area, at, 0, binding.shown, STRONG);
        at = put(buffer, area, at, 0, &format!(" {word}  "), MUTED);
    }
    put(buffer, area, x, 0, end, MUTED);
}
