//! One incident: where it stands, what happened, its alerts, labels and links.
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

use super::list::who;
use super::look::{Look, MUTED, STRONG};
use super::text::{age, clean, countdown, cut, fit, moment, wrap};
use super::{below_heading, connection, marks, put};
use crate::domain::escalation::Told;
use crate::domain::event::{ActorKind, ResolveReason};
use crate::domain::words::Standing;
use crate::domain::{Change, Event, Incident, Status};
use crate::tui::board::Row;
use crate::tui::detail::{Detail, Pane};
use crate::tui::layout::{PANES, is_wide, split};
use crate::tui::state::State;

/// In fewer columns it is said as briefly as can be who is next.
const FEW: usize = 40;
/// A title of fewer says nothing: who sent it gives way.
const READABLE: usize = 20;

/// A line of a pane.
type Line = (String, Style);

pub fn draw(state: &State, detail: &Detail, look: Look, area: Rect, buffer: &mut Buffer) {
    let Some(Row { incident, pending, .. }) = state.board.row(detail.id) else {
        put(buffer, area, 1, 0, &format!("{}", detail.id), STRONG);
        return;
    };
    let standing = Standing::of(incident);
    let mark = if *pending { "…" } else { "" };
    let word = format!("{}{mark}", standing.word());
    let x = put(buffer, area, 1, 0, &word, look.badge(standing));
    let x = put(buffer, area, x + 2, 0, &incident.id.to_string(), STRONG);
    let (told, _) = connection(state, look, area.width);
    let room = usize::from(area.width).saturating_sub(usize::from(x) + told.width() + 5);
    let title = clean(&incident.title);
    put(buffer, area, x + 2, 0, &cut(&title, room), STRONG);
    let whole = (title.width() > room).then_some(title.as_ref());
    facts(state, incident, area, buffer);
    let body = Rect { y: area.y + PANES, height: area.height.saturating_sub(PANES), ..area };
    if is_wide(area.width) {
        let middle = split(area.width);
        let left = Rect { width: middle - 2, ..body };
        let right = Rect { x: body.x + middle, width: body.width - middle, ..body };
        timeline(state, detail, left, buffer);
        let mut lines = alerts(state, detail, incident, right.width);
        lines.extend(labels(incident, whole, right.width));
        let focus = detail.pane != Pane::Timeline;
        pane(state, &lines, detail.down, focus, right, buffer);
    } else {
        match detail.pane {
            Pane::Timeline => timeline(state, detail, body, buffer),
            Pane::Alerts => {
                let lines = alerts(state, detail, incident, body.width);
                pane(state, &lines, detail.down, true, body, buffer);
            }
            Pane::Labels => {
                let lines = labels(incident, whole, body.width);
                pane(state, &lines, detail.down, true, body, buffer);
            }
        }
        tabs(detail, incident, body, buffer);
    }
}

/// Where one pane fills the screen: what there is, and at which column the name of each begins.
fn titles(detail: &Detail, incident: &Incident, columns: u16) -> Vec<(Pane, String, u16)> {
    let whole = alerts_title(detail, incident);
    let short = whole.trim_end_matches(" firing").to_owned();
    let whole = (["TIMELINE".to_owned(), whole, "LABELS, LINKS".to_owned()], 3);
    let short = (["TIMELINE".to_owned(), short, "LABELS".to_owned()], 2);
    let width: usize = whole.0.iter().map(|title| title.width() + 3).sum();
    let (titles, gap) = if width <= usize::from(columns) { whole } else { short };
    let mut next = 1;
    let panes = [Pane::Timeline, Pane::Alerts, Pane::Labels].into_iter().zip(titles);
    panes
        .map(|(pane, title)| {
            let x = next;
            next += u16::try_from(title.width()).unwrap_or(columns) + gap;
            (pane, title, x)
        })
        .collect()
}

/// Whose name is in this column.
pub fn pane_at(detail: &Detail, incident: &Incident, columns: u16, column: u16) -> Option<Pane> {
    let titles = titles(detail, incident, columns).into_iter().rev();
    titles.skip_while(|(.., x)| *x > column).map(|(pane, ..)| pane).next()
}

fn tabs(detail: &Detail, incident: &Incident, area: Rect, buffer: &mut Buffer) {
    put(buffer, area, 0, 0, &" ".repeat(usize::from(area.width)), Style::new());
    for (pane, title, x) in titles(detail, incident, area.width) {
        let style = if pane == detail.pane { STRONG } else { MUTED };
        put(buffer, area, x, 0, &title, style);
    }
}

/// The second row: since when, who, where.
fn facts(state: &State, incident: &Incident, area: Rect, buffer: &mut Buffer) {
    let now = state.now();
    let zone = &state.settings.zone;
    let room = usize::from(area.width).saturating_sub(2);
    let left = match incident.status {
        Status::Triggered => {
            let begin = format!("Unanswered {}.", age(incident.created_at, now));
            let rest = paging(state, incident, room.saturating_sub(begin.width()));
            // How long stands in the list, too; who is next, and when, only here.
            let whole = format!("{begin}{rest}");
            if whole.width() <= room {
                whole
            } else {
                paging(state, incident, room + 1).trim_start().to_owned()
            }
        }
        Status::Acknowledged => {
            let who = who(state, incident, false);
            format!("Open {}. {who}.", age(incident.created_at, now))
        }
        Status::Resolved => {
            let at = incident
                .resolved_at
                .map_or_else(String::new, |at| format!(" {}", moment(at, now, zone, false)));
            let by = incident.resolved_by.as_ref();
            let by = by.map_or_else(String::new, |by| format!(" by {}", by.name));
            let note = incident.resolution_note.as_deref().unwrap_or_default();
            format!("Resolved{at}{by}. {note}")
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

/// Who was told by what, when, and what came of it; and who is next: as much as there is room for.
fn paging(state: &State, incident: &Incident, room: usize) -> String {
    let (now, zone) = (state.now(), &state.settings.zone);
    let escalation = &incident.escalation;
    if incident.untold {
        return " Nobody was told.".into();
    }
    if let Some(until) = incident.silenced_until {
        return format!(" Silenced until {}.", moment(until, now, zone, false));
    }
    let next = |brief: bool| match (escalation.next_at, escalation.next_targets.as_slice()) {
        (Some(at), [first, rest @ ..]) => {
            let whom = match rest.len() {
                more if brief && more > 0 && room < FEW => format!("{first} +{more}"),
                more if brief && more > 0 => format!("{first} and {more} more"),
                _ => escalation.next_targets.join(", "),
            };
            format!(" Next: {whom} in {}.", countdown(at, now))
        }
        _ => String::new(),
    };
    let mut told: Vec<String> = Vec::new();
    for (nth, one) in escalation.told.iter().enumerate() {
        let known = |other: &Told| (&other.user, &other.channel) == (&one.user, &one.channel);
        if !escalation.told[..nth].iter().any(known) {
            let at = moment(one.at, now, zone, false);
            let outcome = if one.outcome == "queued" { "on its way" } else { &one.outcome };
            told.push(format!("{} told by {} {at}, {outcome}", one.user, one.channel));
        }
    }
    let said = |kept: usize| match (kept, told.len() - kept) {
        (_, 0) => format!(" {}.", told.join("; ")),
        (_, more) => format!(" {}; {more} more.", told[..kept].join("; ")),
    };
    let names: Vec<&str> = incident.assignees.iter().map(|user| user.username.as_str()).collect();
    let mut ways: Vec<String> = (1..=told.len()).rev().map(said).collect();
    ways.extend(match (escalation.told.first(), told.len()) {
        (Some(first), more @ 2..) => Some(format!(" {} and {} more told.", first.user, more - 1)),
        (Some(first), _) => Some(format!(" {} told.", first.user)),
        (None, _) if names.is_empty() => None,
        (None, _) => Some(format!(" {}.", names.join(", "))),
    });
    ways.push(String::new());
    // Who is next, and when, is never what is cut off.
    let both =
        ways.iter().flat_map(|way| [false, true].map(|brief| format!("{way}{}", next(brief))));
    both.into_iter().find(|text| text.width() <= room).unwrap_or_else(|| next(true))
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
    if focus {
        state.off_screen.set(most);
    }
    let top = most - detail.back.min(most);
    for (y, (text, style)) in (1..area.height).zip(lines.iter().skip(top)) {
        put(buffer, area, 1, y, text, *style);
    }
    marks(buffer, below_heading(area), top, most - top);
}

fn told(state: &State, event: &Event, width: u16, lines: &mut Vec<Line>) {
    let (now, zone) = (state.now(), &state.settings.zone);
    let at = format!("{}  ", moment(event.at, now, zone, true));
    let what = match &event.change {
        Change::NoteAdded { note } => format!("{}: {}", note.author.name, note.body),
        change => {
            let words = change.words_with(&|at| moment(at, now, zone, false));
            match event.actor.kind {
                // It came by itself.
                ActorKind::System => words,
                _ if is_of_source(change) => format!("{} {words}", event.actor.name),
                _ if matches!(change, Change::Escalated(_)) => {
                    format!("escalated by {}, {words}", event.actor.name)
                }
                _ => match words.split_once(": ") {
                    Some((what, more)) => format!("{what} by {}: {more}", event.actor.name),
                    None => format!("{words} by {}", event.actor.name),
                },
            }
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

/// What a sender says, not what somebody did.
const fn is_of_source(change: &Change) -> bool {
    matches!(change, Change::Resolved { reason: ResolveReason::Source, .. })
}

fn alerts_title(detail: &Detail, incident: &Incident) -> String {
    let firing = detail.alerts.iter().filter(|alert| alert.status == "firing").count();
    if detail.alerts.is_empty() {
        format!("ALERTS {} firing", incident.firing_count)
    } else {
        format!("ALERTS {firing}/{} firing", detail.alerts.len())
    }
}

fn alerts(state: &State, detail: &Detail, incident: &Incident, width: u16) -> Vec<Line> {
    let mut lines = vec![(alerts_title(detail, incident), MUTED)];
    for alert in &detail.alerts {
        // What tells it from the others.
        let shared = |name: &String, value: &String| {
            detail.alerts.iter().all(|other| other.labels.get(name) == Some(value))
        };
        let own = alert.labels.iter().filter(|(name, value)| !shared(name, value));
        let own: Vec<&str> = own.map(|(_, value)| value.as_str()).collect();
        let what = match own.as_slice() {
            [] => alert.title.clone(),
            own => format!("{}  {}", own.join(" "), alert.title),
        };
        let style = if alert.status == "firing" { Style::new() } else { MUTED };
        let last = age(alert.last_at, state.now());
        let stale = if alert.stale { " stale" } else { "" };
        let width = usize::from(width).saturating_sub(11);
        let room = width.saturating_sub(last.width() + stale.width() + 1);
        let source = match alert.source.as_deref() {
            Some(source) if source.width() + READABLE < room => format!("{source} "),
            _ => String::new(),
        };
        let title = fit(&what, room.saturating_sub(source.width()));
        lines.push((format!("{} {title} {source}{last}{stale}", fit(&alert.status, 8)), style));
    }
    lines
}

/// `title`: the whole one, where the head has no room for it.
fn labels(incident: &Incident, title: Option<&str>, width: u16) -> Vec<Line> {
    let width = usize::from(width).saturating_sub(2);
    let mut lines = Vec::new();
    for (heading, text) in [("TITLE", title), ("DESCRIPTION", Some(&*incident.description))] {
        let Some(text) = text.filter(|text| !text.is_empty()) else { continue };
        lines.push((heading.to_owned(), MUTED));
        lines.extend(wrap(text, width).into_iter().map(|line| (line, Style::new())));
    }
    lines.push(("LABELS, LINKS".to_owned(), MUTED));
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
    lines
}

/// Lines from `down` on, the first of them a heading that stays.
fn pane(state: &State, lines: &[Line], down: usize, focus: bool, area: Rect, buffer: &mut Buffer) {
    let Some(((title, _), rest)) = lines.split_first() else { return };
    heading(title, focus, area, buffer);
    let room = usize::from(area.height.saturating_sub(1));
    let most = rest.len().saturating_sub(room);
    if focus {
        state.off_screen.set(most);
    }
    let top = down.min(most);
    for (y, (text, style)) in (1..area.height).zip(&rest[top..]) {
        put(buffer, area, 1, y, text, *style);
    }
    marks(buffer, below_heading(area), top, most - top);
}

fn heading(title: &str, focus: bool, area: Rect, buffer: &mut Buffer) {
    let style = if focus { STRONG } else { MUTED };
    put(buffer, area, 1, 0, title, style);
}
