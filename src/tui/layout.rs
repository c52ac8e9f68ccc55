//! Where things are on the screen, for whoever draws and whoever clicks.

/// The row of an incident in which its panes begin, with their names.
pub const PANES: u16 = 2;
/// Rows at the bottom: message, keys.
pub const BOTTOM: u16 = 2;
/// From here on the list has a heading and all its columns, an incident two columns.
const WIDE: u16 = 100;
/// Below, the list keeps status, age and title alone.
const NARROW: u16 = 60;
/// From here on there is room to say of a lost connection all that is known.
const ROOMY: u16 = 80;
/// Below, there is hardly room for more than what needs me.
const TINY: u16 = 45;
/// Below, not even for the clock.
const LEAST: u16 = 36;

#[must_use]
pub const fn is_wide(columns: u16) -> bool {
    columns >= WIDE
}

#[must_use]
pub const fn is_narrow(columns: u16) -> bool {
    columns < NARROW
}

#[must_use]
pub const fn is_roomy(columns: u16) -> bool {
    columns >= ROOMY
}

#[must_use]
pub const fn is_tiny(columns: u16) -> bool {
    columns < TINY
}

#[must_use]
pub const fn has_clock(columns: u16) -> bool {
    columns >= LEAST
}

/// The first row of the list: under the status line, and the heading where there is one.
#[must_use]
pub const fn list_top(columns: u16) -> u16 {
    if is_wide(columns) { 2 } else { 1 }
}

#[must_use]
pub const fn list_height(columns: u16, rows: u16) -> usize {
    rows.saturating_sub(list_top(columns) + BOTTOM) as usize
}

/// Which line of the list is on this row of the screen?
#[must_use]
pub const fn list_line(columns: u16, rows: u16, row: u16) -> Option<usize> {
    let top = list_top(columns);
    if row < top || row + BOTTOM >= rows { None } else { Some((row - top) as usize) }
}

/// The column in which the right half of an incident begins.
#[must_use]
pub const fn split(columns: u16) -> u16 {
    columns * 58 / 100
}
