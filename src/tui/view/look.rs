//! Colours with a meaning, from the terminal's own sixteen: red means that nobody has answered.
//! Everything reads without them.
use ratatui::style::{Color, Modifier, Style};

use crate::domain::words::Standing;

pub const MUTED: Style = Style::new().add_modifier(Modifier::DIM);
pub const STRONG: Style = Style::new().add_modifier(Modifier::BOLD);
pub const CURSOR: Style = Style::new().add_modifier(Modifier::REVERSED);

#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub colour: bool,
}

impl Look {
    /// As <https://no-color.org> wants it.
    #[must_use]
    pub fn of_environment() -> Self {
        Self { colour: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) }
    }

    #[must_use]
    pub fn fire(self) -> Style {
        if self.colour {
            Style::new().fg(Color::White).bg(Color::Red).add_modifier(Modifier::BOLD)
        } else {
            Style::new().add_modifier(Modifier::BOLD | Modifier::REVERSED)
        }
    }

    #[must_use]
    pub fn ack(self) -> Style {
        if self.colour { Style::new().fg(Color::Black).bg(Color::Yellow) } else { Style::new() }
    }

    #[must_use]
    pub fn live(self) -> Style {
        if self.colour { Style::new().fg(Color::Green) } else { Style::new() }
    }

    #[must_use]
    pub fn bad(self) -> Style {
        let bold = Style::new().add_modifier(Modifier::BOLD);
        if self.colour { bold.fg(Color::Red) } else { bold }
    }

    #[must_use]
    pub fn badge(self, standing: Standing) -> Style {
        match standing {
            Standing::Untold | Standing::High => self.fire(),
            Standing::Acknowledged => self.ack(),
            Standing::Low => STRONG,
            Standing::Snoozed | Standing::Resolved => MUTED,
        }
    }
}
