//! One incident: what happened to it, and its alerts.
use crate::domain::member::MemberView;
use crate::domain::{Event, IncidentId};
use crate::error::{Error, Result};

/// Where the keys scroll, and what a narrow screen shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pane {
    #[default]
    Timeline,
    Alerts,
    Labels,
}

pub struct Detail {
    pub id: IncidentId,
    /// Oldest first.
    pub timeline: Vec<Event>,
    pub alerts: Vec<MemberView>,
    pub loaded: bool,
    pub pane: Pane,
    /// Lines between the end of the timeline and the screen's; lines above the screen elsewhere.
    pub back: usize,
    pub down: usize,
}

impl Detail {
    #[must_use]
    pub const fn of(id: IncidentId) -> Self {
        Self {
            id,
            timeline: Vec::new(),
            alerts: Vec::new(),
            loaded: false,
            pane: Pane::Timeline,
            back: 0,
            down: 0,
        }
    }

    /// An event that just happened.
    pub fn learn(&mut self, event: Event) {
        if self.timeline.last().is_none_or(|last| last.seq < event.seq) {
            self.timeline.push(event);
        }
    }

    /// What the server told; newer events that came meanwhile stay.
    pub(super) fn tell(&mut self, found: Result<Vec<Event>>) -> Option<Error> {
        match found {
            Ok(mut events) => {
                self.loaded = true;
                let last = events.last().map(|event| event.seq);
                events.extend(self.timeline.drain(..).filter(|event| Some(event.seq) > last));
                self.timeline = events;
                None
            }
            Err(error) => Some(error),
        }
    }

    pub(super) fn list_alerts(&mut self, found: Result<Vec<MemberView>>) -> Option<Error> {
        match found {
            Ok(alerts) => {
                self.alerts = alerts;
                None
            }
            Err(error) => Some(error),
        }
    }

    pub(super) const fn next_pane(&mut self) {
        self.turn_to(match self.pane {
            Pane::Timeline => Pane::Alerts,
            Pane::Alerts => Pane::Labels,
            Pane::Labels => Pane::Timeline,
        });
    }

    pub(super) const fn turn_to(&mut self, pane: Pane) {
        self.pane = pane;
        self.down = 0;
    }

    /// Scrolls, within the `most` lines that are off the screen.
    pub(super) fn scroll(&mut self, by: isize, most: usize) {
        if matches!(self.pane, Pane::Timeline) {
            self.back = self.back.saturating_add_signed(by.saturating_neg()).min(most);
        } else {
            self.down = self.down.saturating_add_signed(by).min(most);
        }
    }
}
