//! One incident: where it stands, what happened, its alerts, labels and links.
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

use super::list::who;
use super::look::{Look, MUTED, STRONG};
use super::put;
use super::text::{age, fit, moment, wrap};
use crate::domain::words::Standing;
use crate::domain::{Change, Event, Incident, Status};
use crate::tui::detail::{Detail, Pane};
use crate::tui::layout::{is_wide, split};
use crate::tui::state::State;

/// A line of a pane.
type Line = (String, Style);

pub fn draw(state: &State, detail: &Detail, look: Look, area: Rect, buffer: &mut Buffer) {
    let Some(incident) = state.board.get(detail.id) else {
        put(buffer, area, 1, 0, &format!("{}", detail.id), STRONG);
        return;
    };
    let standing = Standing::of(incident);
    let x = put(buffer, area, 1, 0, standing.word(), look.badge(standing));
    let x = put(buffer, area, x + 2, 0, &incident.id.to_string(), STRONG);
    put(buffer, area, x + 2, 0, &incident.title, STRONG);
    facts(state, incident, area, buffer);
    let body = Rect { y: area.y + 2, height: area.height.saturating_sub(2), ..area };
    if is_wide(area.width) {
        let middle = split(area.width);
        let left = Rect { width: middle - 2, ..body };
        let right = Rect { x: body.x + middle, width: body.width - middle, ..body };
        timeline(state, detail, left, buffer);
        let mut lines = alerts(state, detail, incident, right.width);
        lines.extend(labels(incident, right.width));
        let focus = detail.pane != Pane::Timeline;
        pane(&lines, detail.down, focus, right, buffer);
    } else {
        match detail.pane {
            Pane::Timeline => timeline(state, detail, body, buffer),
            Pane::Alerts => {
                let lines = alerts(state, detail, incident, body.width);
                pane(&lines, detail.down, true, body, buffer);
            }
            Pane::Labels => {
                pane(&labels(incident, body.width), detail.down, true, body, buffer);
            }
        }
    }
}

/// The second row: since when, who, where.
fn facts(state: &State, incident: &Incident, area: Rect, buffer: &mut Buffer) {
    let now = state.now();
    let zone = &state.settings.zone;
    let who = who(state, incident, false);
    let left = match incident.status {
        Status::Triggered => {
            let who = if who.is_empty() { String::new() } else { format!(" {who}.") };
            format!("Unanswered {}.{who}", age(incident.created_at, now))
        }
        Status::Acknowledged => format!("Open {}. {who}.", age(incident.created_at, now)),
        Status::Resolved => {
            let at = incident
                .resolved_at
                .map_or_else(String::new, |at| format!(" {}", moment(at, now, zone, false)));
            let note = incident.resolution_note.as_deref().unwrap_or_default();
            format!("Resolved{at}. {who}. {note}")
        }
    };
    let end = put(buffer, area, 1, 1, &left, Style::new());
    let service = incident.service.as_ref().map_or("", |service| service.slug.as_str());
    let flapping = if incident.flapping { "flapping  " } else { "" };
    let right =
        format!("{flapping}{service}  {}  {}", incident.team.slug, incident.severity.word());
    let width = u16::try_from(right.width()).unwrap_or(area.width);
    let x = area.width.saturating_sub(width + 1);
    if x > end + 1 {
        put(buffer, area, x, 1, &right, MUTED);
    }
}

/// Newest at the bottom, as it grows; scrolled back by `detail.back`.
fn timeline(state: &State, detail: &Detail, area: Rect, buffer: &mut Buffer) {
    let focus = detail.pane == Pane::Timeline;
    let mut lines: Vec<Line> = Vec::new();
    for event in &detail.timeline {
        told(state, event, area.width, &mut lines);
    }
    if !detail.loaded {
        lines.push(("…".into(), MUTED));
    }
    heading("TIMELINE", focus, area, buffer);
    let room = usize::from(area.height.saturating_sub(1));
    let most = lines.len().saturating_sub(room);
    let top = most - detail.back.min(most);
    for (y, (text, style)) in (1..area.height).zip(lines.iter().skip(top)) {
        put(buffer, area, 1, y, text, *style);
    }
}

fn told(state: &State, event: &Event, width: u16, lines: &mut Vec<Line>) {
    let (now, zone) = (state.now(), &state.settings.zone);
    let at = format!("{}  ", moment(event.at, now, zone, true));
    let what = match &event.change {
        Change::NoteAdded { note } => format!("{}: {}", note.author.name, note.body),
        change => {
            let words = change.words_with(&|at| moment(at, now, zone, false));
            format!("{words} by {}", event.actor.name)
        }
    };
    let is_note = matches!(event.change, Change::NoteAdded { .. });
    let style = if is_note { STRONG } else { Style::new() };
    let indent = at.width();
    let room = usize::from(width).saturating_sub(indent + 2);
    for (nth, line) in wrap(&what, room).into_iter().enumerate() {
        let before = if nth == 0 { at.clone() } else { " ".repeat(indent) };
        lines.push((format!("{before}{line}"), style));
    }
}

fn alerts(state: &State, detail: &Detail, incident: &Incident, width: u16) -> Vec<Line> {
    let firing = detail.alerts.iter().filter(|alert| alert.status == "firing").count();
    let title = if detail.alerts.is_empty() {
        format!("ALERTS {} firing", incident.firing_count)
    } else {
        format!("ALERTS {firing}/{} firing", detail.alerts.len())
    };
    let mut lines = vec![(title, MUTED)];
    for alert in &detail.alerts {
        let style = if alert.status == "firing" { Style::new() } else { MUTED };
        let last = age(alert.last_at, state.now());
        let source = alert.source.as_deref().unwrap_or_default();
        let stale = if alert.stale { " stale" } else { "" };
        let width = usize::from(width).saturating_sub(12);
        let title = fit(&alert.title, width.saturating_sub(source.len() + last.len() + 4));
        lines.push((format!("{} {title} {source} {last}{stale}", fit(&alert.status, 8)), style));
    }
    lines
}

fn labels(incident: &Incident, width: u16) -> Vec<Line> {
    let width = usize::from(width).saturating_sub(2);
    let mut lines = vec![("LABELS, LINKS".to_owned(), MUTED)];
    let mut add = |text: &str| {
        lines.extend(wrap(text, width).into_iter().map(|line| (line, Style::new())));
    };
    for (name, value) in &incident.labels {
        add(&format!("{name}={value}"));
    }
    for link in &incident.links {
        add(&format!("{} {}", link.text, link.href));
    }
    if !incident.url.is_empty() {
        add(&incident.url);
    }
    if !incident.description.is_empty() {
        lines.push(("DESCRIPTION".to_owned(), MUTED));
        let text = wrap(&incident.description, width);
        lines.extend(text.into_iter().map(|line| (line, Style::new())));
    }
    lines
}

/// Lines from `down` on, the first of them a heading that stays.
fn pane(lines: &[Line], down: usize, focus: bool, area: Rect, buffer: &mut Buffer) {
    let Some(((title, _), rest)) = lines.split_first() else { return };
    heading(title, focus, area, buffer);
    let room = usize::from(area.height.saturating_sub(1));
    let top = down.min(rest.len().saturating_sub(room));
    for (y, (text, style)) in (1..area.height).zip(&rest[top..]) {
        put(buffer, area, 1, y, text, *style);
    }
}

fn heading(title: &str, focus: bool, area: Rect, buffer: &mut Buffer) {
    let style = if focus { STRONG } else { MUTED };
    put(buffer, area, 1, 0, title, style);
}
