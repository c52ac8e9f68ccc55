//! Rows for people and for pipes: aligned under a header and no wider than the terminal, or
//! tab-separated, without header, whole.
use std::borrow::Cow;
use std::io::stdout;

use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::output::{data, is_coloured, is_seen, say};
use super::sheet;
use crate::domain::text::{CUT, shown};

/// Cells are cut so far before columns that may go do go.
const READABLE: usize = 20;
/// And no further: ids, ages and names stay whole.
const NARROWEST: usize = 12;
/// But rather than that a moment is cut.
const BESIDE_MOMENTS: usize = 8;
/// Columns of moments, which say nothing once they are cut.
const MOMENTS: &[&str] = &["AT", "FROM", "UNTIL", "WHEN", "EXPIRES"];
/// Between two columns.
const GAP: usize = 2;

/// Rows under a header. On a terminal too narrow for them the widest column is cut and marked.
pub fn table(header: &[&str], rows: &[Vec<String>]) {
    print(header, &[], rows, cut_row);
}

/// As `table`; where there is no room for all of it, these columns go, the first of them first.
pub fn table_or_less(header: &[&str], spare: &[&str], rows: &[Vec<String>]) {
    print(header, spare, rows, cut_row);
}

/// As `table_or_less`, but the last column is text to be read: it goes on in the next line, and
/// where hardly a word has room beside the others it stands below them.
pub fn prose(header: &[&str], spare: &[&str], rows: &[Vec<String>]) {
    if let Some(columns) = columns().filter(|_| is_seen()) {
        let rows = clean(rows);
        let plan = Plan::of(header, spare, &rows, Some(columns));
        if plan.cramped {
            let lines = rows.iter().flat_map(|row| stacked(row, &plan.shown, columns));
            return data(&lines.map(|line| line + "\n").collect::<String>());
        }
    }
    print(header, spare, rows, wrap_row);
}

fn clean(rows: &[Vec<String>]) -> Vec<Vec<Cow<'_, str>>> {
    rows.iter().map(|row| row.iter().map(|cell| shown(cell)).collect()).collect()
}

/// A row, and its last cell below it.
fn stacked(row: &[Cow<'_, str>], shown: &[usize], columns: usize) -> Vec<String> {
    let mut cells: Vec<&str> = shown.iter().filter_map(|at| row.get(*at)).map(|it| &**it).collect();
    let text = cells.pop().unwrap_or_default();
    cells.retain(|cell| !cell.is_empty());
    let gap = " ".repeat(GAP);
    let mut lines = wrapped(&cells.join(&gap), columns);
    let room = columns.saturating_sub(GAP).max(NARROWEST);
    lines.extend(wrapped(text, room).into_iter().map(|line| format!("{gap}{line}")));
    lines
}

/// Does all of it stand on a terminal's lines, uncut?
pub fn fits(header: &[&str], rows: &[Vec<String>]) -> bool {
    let rows = clean(rows);
    columns().is_none_or(|columns| total(&wanted(header, &rows)) <= columns)
}

/// Names and values, one a line.
pub fn facts(facts: &[(&str, String)]) {
    let rows: Vec<Vec<String>> =
        facts.iter().map(|(name, value)| vec![(*name).to_owned(), value.clone()]).collect();
    print(&[], &[], &rows, wrap_row);
}

type Layout = fn(&[Cow<'_, str>], &[usize]) -> Vec<Vec<String>>;

fn print(header: &[&str], spare: &[&str], rows: &[Vec<String>], layout: Layout) {
    if rows.is_empty() && sheet::is_there() {
        if sheet::is_blank() {
            say("There are none.");
        }
        return;
    }
    let rows = clean(rows);
    let coloured = is_coloured(&stdout());
    let mut text = String::new();
    if is_seen() {
        let Plan { shown, widths, .. } = Plan::of(header, spare, &rows, columns());
        let header = header.iter().map(|cell| Cow::Borrowed(*cell)).collect::<Vec<_>>();
        for row in std::iter::once(&header).filter(|header| !header.is_empty()).chain(&rows) {
            let row: Vec<_> = shown.iter().filter_map(|at| row.get(*at).cloned()).collect();
            for line in layout(&row, &widths) {
                text.push_str(aligned(&line, &widths, coloured).trim_end());
                text.push('\n');
            }
        }
    } else {
        for row in &rows {
            if let Some((first, rest)) = row.split_first() {
                text.push_str(&painted(first, coloured));
                for cell in rest {
                    text.extend(["\t", cell]);
                }
            }
            text.push('\n');
        }
    }
    data(&text);
}

/// How wide the terminal is, where it says.
fn columns() -> Option<usize> {
    if let Some(columns) = sheet::columns() {
        return Some(columns);
    }
    let size = rustix::termios::tcgetwinsize(stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Which columns are shown, and how wide.
struct Plan {
    shown: Vec<usize>,
    widths: Vec<usize>,
    /// The last column has less room than its text can be read in.
    cramped: bool,
}

/// As wide as the widest cell of each.
fn wanted(header: &[&str], rows: &[Vec<Cow<'_, str>>]) -> Vec<usize> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0).max(header.len());
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width());
        cells.chain(header.get(column).map(|cell| cell.width())).max().unwrap_or(0)
    };
    (0..count).map(width).collect()
}

fn total(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
}

impl Plan {
    /// So that a line fits: columns without a word go first; then the widest give way as long as
    /// they can be read, then what is spare goes, and the rest gives way as far as it can.
    fn of(
        header: &[&str],
        spare: &[&str],
        rows: &[Vec<Cow<'_, str>>],
        columns: Option<usize>,
    ) -> Self {
        let wanted = wanted(header, rows);
        let mut plan =
            Self { shown: (0..wanted.len()).collect(), widths: wanted.clone(), cramped: false };
        let Some(columns) = columns.filter(|columns| total(&wanted) > *columns) else {
            return plan;
        };
        let is_blank =
            |at: &usize| rows.iter().all(|row| row.get(*at).is_none_or(|it| it.is_empty()));
        plan.shown.retain(|at| rows.is_empty() || !is_blank(at));
        let name = |at: &usize| header.get(*at).copied().unwrap_or_default();
        let mut spare = spare.iter();
        loop {
            plan.widths = plan.shown.iter().map(|at| wanted[*at]).collect();
            let moments: Vec<bool> =
                plan.shown.iter().map(|at| MOMENTS.contains(&name(at))).collect();
            narrow(&mut plan.widths, columns, |at| if moments[at] { usize::MAX } else { READABLE });
            if total(&plan.widths) > columns
                && let Some(spared) = spare.next()
            {
                plan.shown.retain(|at| name(at) != *spared);
                continue;
            }
            narrow(
                &mut plan.widths,
                columns,
                |at| if moments[at] { usize::MAX } else { NARROWEST },
            );
            if moments.contains(&true) {
                narrow(&mut plan.widths, columns, |at| {
                    if moments[at] { usize::MAX } else { BESIDE_MOMENTS }
                });
            }
            let last = plan.shown.last().zip(plan.widths.last());
            plan.cramped = last.is_some_and(|(at, width)| *width < READABLE.min(wanted[*at]));
            return plan;
        }
    }
}

/// The widest gives way first, none below its least.
fn narrow(widths: &mut [usize], columns: usize, least: impl Fn(usize) -> usize) {
    loop {
        let over = total(widths).saturating_sub(columns);
        let mut free: Vec<(usize, usize)> =
            widths.iter().copied().enumerate().filter(|(at, width)| *width > least(*at)).collect();
        free.sort_by_key(|(_, width)| std::cmp::Reverse(*width));
        let Some((at, widest)) = free.first().copied().filter(|_| over > 0) else { return };
        let next = free.get(1).map_or(0, |(_, width)| *width);
        widths[at] = widest.saturating_sub(over).max(next.min(widest - 1)).max(least(at));
    }
}

fn cut_row(row: &[Cow<'_, str>], widths: &[usize]) -> Vec<Vec<String>> {
    vec![row.iter().zip(widths).map(|(cell, width)| cut(cell, *width)).collect()]
}

fn wrap_row(row: &[Cow<'_, str>], widths: &[usize]) -> Vec<Vec<String>> {
    let Some((last, before)) = row.split_last() else { return Vec::new() };
    let Some(width) = widths.get(before.len()) else { return Vec::new() };
    let mut lines: Vec<Vec<String>> = Vec::new();
    for piece in wrapped(last, *width) {
        let first = lines.is_empty();
        let head = |(cell, width): (&Cow<'_, str>, &usize)| {
            if first { cut(cell, *width) } else { String::new() }
        };
        let mut cells: Vec<String> = before.iter().zip(widths).map(head).collect();
        cells.push(piece);
        lines.push(cells);
    }
    lines
}

/// At most `width` columns, cut between characters and marked.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut cut = taken(text, width.saturating_sub(1)).to_owned();
    cut.push(CUT);
    cut
}

/// What fits into `width` columns from the start.
fn taken(text: &str, width: usize) -> &str {
    let mut used = 0;
    let end = text.char_indices().find(|(_, c)| {
        used += c.width().unwrap_or(0);
        used > width
    });
    end.map_or(text, |(at, _)| &text[..at])
}

/// Lines of at most `width` columns, broken between words where that is possible.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = text;
    while rest.width() > width {
        let fits = taken(rest, width.max(2));
        let at_word = fits.rfind(' ').filter(|at| *at > 0 && !rest[fits.len()..].starts_with(' '));
        let (line, left) = rest.split_at(at_word.unwrap_or(fits.len()));
        lines.push(line.to_owned());
        rest = left.trim_start();
    }
    if !rest.is_empty() || lines.is_empty() {
        lines.push(rest.to_owned());
    }
    lines
}

fn aligned(cells: &[String], widths: &[usize], coloured: bool) -> String {
    let mut line = String::new();
    for (n, (cell, width)) in cells.iter().zip(widths).enumerate() {
        line.push_str(&painted(cell, coloured && n == 0));
        line.push_str(&" ".repeat(width.saturating_sub(cell.width()) + GAP));
    }
    line
}

/// Words of ours that say what nobody or somebody has answered; the word carries the meaning.
fn painted(cell: &str, coloured: bool) -> String {
    let (on, fire, ack) = (AnsiColor::White, AnsiColor::Red, AnsiColor::Yellow);
    let style = match cell {
        "UNTOLD" | "HIGH" => Style::new().fg_color(Some(on.into())).bg_color(Some(fire.into())),
        "ACK" => Style::new().fg_color(Some(AnsiColor::Black.into())).bg_color(Some(ack.into())),
        _ => return cell.to_owned(),
    };
    if coloured { format!("{style}{cell}{style:#}") } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(rows: &[&[&str]], columns: usize) -> Vec<String> {
        less(&[], &[], rows, columns)
    }

    fn less(header: &[&str], spare: &[&str], rows: &[&[&str]], columns: usize) -> Vec<String> {
        let rows: Vec<Vec<Cow<'_, str>>> =
            rows.iter().map(|row| row.iter().map(|cell| Cow::Borrowed(*cell)).collect()).collect();
        let Plan { shown, widths, .. } = Plan::of(header, spare, &rows, Some(columns));
        let line = |row: &Vec<Cow<'_, str>>| {
            let row: Vec<_> = shown.iter().filter_map(|at| row.get(*at).cloned()).collect();
            aligned(&cut_row(&row, &widths)[0], &widths, false).trim_end().to_owned()
        };
        rows.iter().map(line).collect()
    }

    #[test]
    fn a_narrow_terminal_loses_columns_not_sense() {
        let header = ["ID", "STATE", "FROM", "UNTIL", "EVERY", "BY", "MATCHERS", "REASON"];
        let spare = ["EVERY", "BY", "STATE", "FROM", "REASON"];
        let (from, until) = ("2026-11-23 03:14:07 UTC", "2026-11-23 05:14:07 UTC");
        let reason = "the weekly deploy of the checkout and of the ledger";
        let row: &[&str] = &["4", "active", from, until, "", "alice", "host=~db-.*", reason];
        let at = |columns| {
            let line = less(&header, &spare, &[row], columns).remove(0);
            assert!(line.width() <= columns, "{line}");
            let cells = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
            cells.collect::<Vec<_>>().join("|")
        };
        let all = format!("4|active|{from}|{until}|alice|host=~db-.*");
        assert_eq!(at(200), format!("{all}|{reason}"), "all of it where there is room");
        let cut = "the weekly deploy of the ch…";
        assert_eq!(at(110), format!("{all}|{cut}"), "what says nothing goes before that");
        let cut = "the weekly deploy of the checkout and…";
        assert_eq!(at(80), format!("4|{until}|host=~db-.*|{cut}"));
        assert_eq!(at(62), format!("4|{until}|host=~db-.*|the weekly deploy o…"));
        assert_eq!(at(42), format!("4|{until}|host=~db-.*"));
        assert_eq!(at(37), format!("4|{until}|host=~d…"), "a moment is whole or not there");
    }

    #[test]
    fn a_line_fits_and_the_widest_column_gives_way() {
        let long = "Disk full on db-3 and on all the others as well";
        let lines = fitted(&[&["HIGH", "42", long, "checkout"], &["ACK", "7", "x", "y"]], 40);
        assert_eq!(lines[0], "HIGH  42  Disk full on db-3 a…  checkout");
        assert_eq!(lines[1], "ACK   7   x                     y");
        assert!(lines.iter().all(|line| line.width() <= 40));
        let both = fitted(&[&["42", long, long]], 44);
        assert_eq!(both[0], "42  Disk full on db-3 …  Disk full on db-3 …");
        // Where nothing more can give way, ids are whole all the same.
        assert!(
            fitted(&[&["1234567", long, "checkout"]], 10)[0].starts_with("1234567  Disk full o…")
        );
    }

    #[test]
    fn wide_and_combining_characters_keep_columns_straight() {
        let rows: &[&[&str]] = &[
            &["1", "ディスクがいっぱいです、たいへんです", "a"],
            &["2", "plain", "b"],
            &["3", "e\u{301}te\u{301}", "c"],
            &["4", "🔥🔥", "d"],
        ];
        for columns in [20, 24, 25, 80] {
            let lines = fitted(rows, columns);
            let place = |line: &String| line[..line.len() - 1].width();
            let places: Vec<usize> = lines.iter().map(place).collect();
            assert!(places.iter().all(|at| *at == places[0]), "{columns}: {lines:#?}");
            assert!(lines.iter().all(|line| line.width() <= columns), "{columns}: {lines:#?}");
        }
    }

    #[test]
    fn prose_goes_on_in_the_next_line() {
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrapped("", 4), [""]);
        let row = [Cow::Borrowed("bob"), Cow::Borrowed("noted: all is well")];
        assert_eq!(wrap_row(&row, &[3, 12]), [["bob", "noted: all"], ["", "is well"]]);
    }

    #[test]
    fn prose_without_room_stands_below_what_it_is_about() {
        let row = ["2026-11-23 03:14:07 UTC", "prometheus", "step 1: told nobody (alice away)"];
        let rows = [row.map(Cow::Borrowed).to_vec()];
        let head = ["AT", "WHO", "WHAT"];
        let cramped = |columns| Plan::of(&head, &[], &rows, Some(columns)).cramped;
        assert!(cramped(40) && cramped(50) && !cramped(60) && !cramped(80));
        let lines = stacked(&rows[0], &[0, 1, 2], 40);
        assert_eq!(lines[0], "2026-11-23 03:14:07 UTC  prometheus");
        assert_eq!(lines[1], "  step 1: told nobody (alice away)");
        let lines = stacked(&rows[0], &[0, 1, 2], 30);
        assert_eq!(lines[2..], ["  step 1: told nobody (alice", "  away)"]);
    }

    #[test]
    fn colour_repeats_what_the_word_says() {
        assert_eq!(painted("HIGH", false), "HIGH");
        assert_eq!(painted("HIGH", true), "\u{1b}[37m\u{1b}[41mHIGH\u{1b}[0m");
        assert_eq!(painted("LOW", true), "LOW");
    }
}
