//! Keys and the mouse.
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, MouseButton, MouseEvent, MouseEventKind};

use super::detail::Pane;
use super::effect::Effect;
use super::filter::Filter;
use super::keys::{Wish, wish};
use super::layout;
use super::prompt::What;
use super::state::{Page, Reading, State, Tone};
use super::view;
use crate::domain::{Action, IncidentId};

/// Rows that a turn of the wheel moves.
const WHEEL: isize = 3;
/// The clicks of a double click are no further apart.
const DOUBLE: Duration = Duration::from_millis(500);

impl State {
    /// A key was pressed.
    pub fn key(&mut self, key: KeyEvent) {
        if key.kind == KeyEventKind::Release {
            return;
        }
        self.pressed += 1;
        if self.prompt.is_some() {
            return self.prompt_key(key);
        }
        let Some(binding) = wish(&key) else { return };
        if binding.acts && self.settings.readonly {
            return self.refuse();
        }
        let reads = matches!(self.page, Page::Reading { .. });
        if binding.acts && reads {
            return;
        }
        // The list under the keys is the one on the screen, and the one that they hit.
        self.board.arrange();
        match binding.wish {
            Wish::Up => self.step(-1),
            Wish::Down => self.step(1),
            Wish::PageUp => self.step(-self.page_height()),
            Wish::PageDown => self.step(self.page_height()),
            Wish::First => self.step(isize::MIN),
            Wish::Last => self.step(isize::MAX),
            Wish::Open => {
                if let (Page::List, Some(id)) = (&self.page, self.board.selected()) {
                    self.open(id);
                }
            }
            Wish::Back => self.back(),
            Wish::History => self.history(!self.board.over),
            Wish::Mark => self.mark(),
            Wish::Ack => {
                let action =
                    Action::Acknowledge { span: None, until: None, note: None, take: false };
                self.act(self.targets(), action);
            }
            Wish::Undo => self.undo(),
            Wish::Resolve => self.ask_for(What::Resolution),
            Wish::Snooze => self.ask_for(What::Snooze),
            Wish::Note => self.ask_for(What::Note),
            Wish::Reassign => self.ask_for(What::Assignee),
            Wish::Escalate => self.act(self.targets(), Action::Escalate {}),
            Wish::CopyLink => self.copy(),
            Wish::Browse => self.with_link(|url| Effect::Browse(url.to_owned())),
            Wish::Filter => self.prompt_filter(),
            Wish::Command => self.prompt_command(),
            Wish::Tab => self.tab(),
            Wish::Help => self.help(),
            Wish::Suspend => self.effects.push(Effect::Suspend),
            Wish::Redraw => self.effects.push(Effect::Redraw),
            // As pagers have it.
            Wish::Quit if key.code == KeyCode::Char('q') && !matches!(self.page, Page::List) => {
                self.back();
            }
            Wish::Quit => self.effects.push(Effect::Quit),
        }
    }

    /// What a key acts upon: the incident that is open, else the marked, else the selected.
    pub(super) fn targets(&self) -> Vec<IncidentId> {
        match &self.page {
            Page::Incident(detail) => vec![detail.id],
            _ => self.board.targets(),
        }
    }

    fn page_height(&self) -> isize {
        isize::try_from(self.board.height.max(2) - 1).unwrap_or(1)
    }

    fn step(&mut self, by: isize) {
        match &mut self.page {
            Page::List => self.board.step(by),
            Page::Incident(detail) => detail.scroll(by, self.off_screen.get()),
            Page::Reading { top, .. } => {
                *top = top.saturating_add_signed(by).min(self.off_screen.get());
            }
        }
    }

    fn mark(&mut self) {
        if matches!(self.page, Page::List) {
            self.board.toggle_mark();
            self.board.step(1);
        }
    }

    fn back(&mut self) {
        match std::mem::replace(&mut self.page, Page::List) {
            Page::Reading { over, .. } => self.page = *over,
            Page::Incident(_) => {}
            Page::List if self.board.over => self.history(false),
            Page::List if self.message.is_some() => self.message = None,
            Page::List if !self.board.marked.is_empty() => self.board.marked.clear(),
            Page::List => self.board.set_filter(Filter::default()),
        }
    }

    /// Shows what is over, or again what is open.
    pub(super) fn history(&mut self, over: bool) {
        self.page = Page::List;
        self.board.show_over(over);
        if over {
            self.effects.push(Effect::AskHistory(self.teams_shown()));
        }
    }

    fn tab(&mut self) {
        match &mut self.page {
            Page::List => {
                let teams = self.teams();
                let at = self.board.team().and_then(|team| teams.iter().position(|it| it == team));
                let next = teams.get(at.map_or(0, |at| at + 1));
                self.board.show_team(next.filter(|_| teams.len() > 1).cloned());
                self.heard_of_others();
            }
            Page::Incident(detail) => detail.next_pane(),
            Page::Reading { .. } => {}
        }
    }

    /// The answer that is read, else the incident's link.
    fn copy(&mut self) {
        let Page::Reading { what, .. } = &self.page else {
            return self.with_link(|url| Effect::Copy(url.to_owned()));
        };
        let text = match what {
            Reading::Help => return,
            Reading::Answer { text, .. } => text.clone(),
            Reading::Manual { lay, .. } => lay(usize::from(self.size().0)),
        };
        self.effects.push(Effect::Copy(text));
        self.say(Tone::Plain, "Copied what stands here, if the terminal allows it.");
    }

    fn with_link(&mut self, effect: impl Fn(&str) -> Effect) {
        let url = match self.targets().as_slice() {
            [id] => self.board.get(*id).map(|incident| incident.url.clone()),
            _ => None,
        };
        match url.filter(|url| !url.is_empty()) {
            Some(url) => {
                let effect = effect(&url);
                if matches!(effect, Effect::Copy(_)) {
                    self.say(Tone::Plain, format!("Copied {url}, if the terminal allows it."));
                }
                self.effects.push(effect);
            }
            None => self.say(Tone::Plain, "Select one incident that has a link."),
        }
    }

    /// The mouse: a click selects, a second one opens, the wheel moves.
    pub fn mouse(&mut self, mouse: MouseEvent) {
        if self.prompt.is_some() {
            return;
        }
        match mouse.kind {
            MouseEventKind::ScrollUp => self.step(-WHEEL),
            MouseEventKind::ScrollDown => self.step(WHEEL),
            MouseEventKind::Down(MouseButton::Left) => self.click(mouse.column, mouse.row),
            _ => {}
        }
    }

    fn click(&mut self, column: u16, row: u16) {
        let (columns, rows) = self.size();
        match &mut self.page {
            Page::List => {
                let Some(line) = layout::list_line(columns, rows, row) else { return };
                // The first click may have let rows go; the second means what stood there.
                if let Some((at, when, id)) = self.clicked.take()
                    && at == row
                    && self.boot().saturating_sub(when) <= DOUBLE
                {
                    return self.open(id);
                }
                // The order on the screen, not one that came since.
                let Some(id) = self.board.order().get(self.board.top + line).copied() else {
                    return;
                };
                self.clicked = Some((row, self.boot(), id));
                if self.board.selected() == Some(id) {
                    self.open(id);
                } else {
                    self.board.select(id);
                }
            }
            Page::Incident(detail) if layout::is_wide(columns) => {
                let left = column < layout::split(columns);
                detail.pane = if left { Pane::Timeline } else { Pane::Alerts };
            }
            Page::Incident(detail) if row == layout::PANES => {
                let Some(incident) = self.board.get(detail.id) else { return };
                if let Some(pane) = view::pane_at(detail, incident, columns, column) {
                    detail.turn_to(pane);
                }
            }
            _ => {}
        }
    }
}
