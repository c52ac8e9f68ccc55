//! Rows whose text terminals do not agree about the width of: drawn whole, each piece at its own
//! place, so that a flag or a script of clusters moves nothing beside it and leaves nothing behind.
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Position;
use unicode_width::UnicodeWidthStr;

/// Cells that are written one after the other from a place on.
pub type Piece = (Position, Vec<Cell>);

/// Is it the same width everywhere? Letters of the widespread alphabets, box drawing, arrows and
/// the plain wide characters are.
fn is_settled(c: char) -> bool {
    matches!(
        c,
        '\0'..='\u{2ff}'
            | '\u{370}'..='\u{482}'
            | '\u{48a}'..='\u{4ff}'
            | '\u{2010}'..='\u{2027}'
            | '\u{2190}'..='\u{21ff}'
            | '\u{2500}'..='\u{257f}'
            | '\u{3041}'..='\u{3096}'
            | '\u{30a0}'..='\u{30ff}'
            | '\u{4e00}'..='\u{9fff}'
            | '\u{ac00}'..='\u{d7a3}'
    )
}

fn is_disputed(cell: &Cell) -> bool {
    !cell.symbol().chars().all(is_settled)
}

/// The rows that hold such text, or did last time (`crooked`, which is brought up to date), in the
/// pieces in which they should be written once more.
pub fn pieces(buffer: &Buffer, crooked: &mut Vec<u16>) -> Vec<Piece> {
    let area = buffer.area;
    let before = std::mem::take(crooked);
    let mut pieces = Vec::new();
    for y in area.top()..area.bottom() {
        let disputed = (area.left()..area.right()).any(|x| is_disputed(&buffer[(x, y)]));
        if disputed {
            crooked.push(y);
        }
        if disputed || before.contains(&y) {
            row(buffer, y, &mut pieces);
        }
    }
    pieces
}

fn row(buffer: &Buffer, y: u16, pieces: &mut Vec<Piece>) {
    let mut x = buffer.area.left();
    let mut run: Piece = (Position::new(x, y), Vec::new());
    while x < buffer.area.right() {
        let cell = &buffer[(x, y)];
        let width = u16::try_from(cell.symbol().width()).unwrap_or(1).max(1);
        if is_disputed(cell) {
            // Blank first: it may come out narrower than it should.
            let at = Position::new(x, y);
            pieces.push(std::mem::replace(&mut run, (Position::new(x + width, y), Vec::new())));
            pieces.push((at, vec![Cell::EMPTY; usize::from(width)]));
            pieces.push((at, vec![cell.clone()]));
        } else {
            run.1.push(cell.clone());
            if width > 1 {
                let next = (Position::new(x + width, y), Vec::new());
                pieces.push(std::mem::replace(&mut run, next));
            }
        }
        x += width;
    }
    pieces.push(run);
    pieces.retain(|(_, cells)| !cells.is_empty());
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    use super::*;

    fn written(pieces: &[Piece]) -> Vec<(u16, u16, String)> {
        let text = |cells: &[Cell]| cells.iter().map(Cell::symbol).collect();
        pieces.iter().map(|(at, cells)| (at.x, at.y, text(cells))).collect()
    }

    #[test]
    fn a_row_of_disputed_width_is_written_whole_each_piece_at_its_place() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 3));
        buffer.set_string(0, 0, "plain…", Style::new());
        buffer.set_string(0, 1, "a\u{1f1e9}\u{1f1ea}b", Style::new());
        buffer.set_string(0, 2, "日本", Style::new());
        let mut crooked = Vec::new();
        let flag = "\u{1f1e9}\u{1f1ea}".to_owned();
        let row = [(0, 1, "a".into()), (1, 1, "  ".into()), (1, 1, flag), (3, 1, "b    ".into())];
        assert_eq!(written(&pieces(&buffer, &mut crooked)), row);
        assert_eq!(crooked, [1]);
        let calm = Buffer::empty(Rect::new(0, 0, 8, 3));
        let blank = [(0, 1, " ".repeat(8))];
        assert_eq!(written(&pieces(&calm, &mut crooked)), blank, "nothing of it stays");
        assert!(pieces(&calm, &mut crooked).is_empty());
    }
}
