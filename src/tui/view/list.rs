//! The list: does it need me, since when, what, where, who has it or is next.
use std::collections::BTreeSet;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use unicode_width::UnicodeWidthStr;

use super::look::{CURSOR, Look, MUTED, STRONG};
use super::text::{age, countdown, cut, fit, fit_right, moment};
use super::{connection, marks, put};
use crate::api::schedules::OnCall;
use crate::domain::words::Standing;
use crate::domain::{Incident, Status};
use crate::tui::layout::{is_narrow, is_wide, list_top};
use crate::tui::state::{Link, State};

const STATUS: usize = 8;
const AGE: usize = 4;
const ID: usize = 6;
const SERVICE: usize = 12;
const WHO: usize = 24;
/// Where there is more room, and of that a third.
const WHO_MOST: usize = 44;
/// Where there is less room.
const WHO_SHORT: usize = 16;
const ALERTS: usize = 6;

pub fn draw(state: &State, look: Look, area: Rect, buffer: &mut Buffer) {
    header(state, look, area, buffer);
    let top = list_top(area.width);
    let columns = Columns::of(area.width);
    if top == 2 {
        put(buffer, area, 0, 1, &columns.heading(), MUTED);
    }
    let board = &state.board;
    if board.order().is_empty() {
        for (y, line) in (top + 1..).zip(empty(state)) {
            put(buffer, area, 2, y, &line, Style::new());
        }
        return;
    }
    for (y, id) in (top..area.height).zip(board.order().iter().skip(board.top)) {
        let Some(row) = board.row(*id) else { continue };
        let selected = board.selected() == Some(*id);
        let marked = board.marked.contains(id);
        columns.row(state, look, row.pending, (selected, marked), &row.incident, y, area, buffer);
    }
    let rows = Rect { y: area.y + top, height: area.height.saturating_sub(top), ..area };
    let below = board.order().len().saturating_sub(board.top + usize::from(rows.height));
    marks(buffer, rows, board.top, below);
}

/// How much needs me, whose it is, what it is narrowed to.
fn header(state: &State, look: Look, area: Rect, buffer: &mut Buffer) {
    let counts = state.board.counts();
    let mut x = 1;
    if !state.loaded && counts.open == 0 {
        return;
    }
    let (told, _) = connection(state, look, area.width);
    let end = usize::from(area.width).saturating_sub(told.width() + 3);
    let room = |x: u16| end.saturating_sub(usize::from(x));
    let (text, style) = if counts.unanswered > 0 {
        let style = if counts.unanswered > counts.low { look.fire() } else { STRONG };
        (format!("{} UNANSWERED", state.at_least(counts.unanswered)), style)
    } else if !state.loaded {
        ("Loading…".to_owned(), STRONG)
    } else {
        ("All calm".to_owned(), STRONG)
    };
    x = put(buffer, area, x, 0, &cut(&text, room(x)), style);
    if counts.elsewhere > 0 {
        let ways = [
            format!("{} UNANSWERED elsewhere", state.at_least(counts.elsewhere)),
            format!("+{}", counts.elsewhere),
        ];
        let fits = ways.iter().find(|text| text.width() <= room(x + 2));
        let text = cut(fits.unwrap_or(&ways[1]), room(x + 2));
        x = put(buffer, area, x + 2, 0, &text, look.fire());
    }
    let mut more: Vec<(String, Style)> = Vec::new();
    for (count, word) in [(counts.low, "low"), (counts.acked, "acked")] {
        if count > 0 {
            more.push((format!("{count} {word}"), Style::new()));
        }
    }
    let mut spare = more.len();
    if let Some(team) = state.board.team() {
        more.push((format!("[{team}]"), STRONG));
    }
    if !state.board.marked.is_empty() {
        more.push((format!("{} selected", state.board.marked.len()), STRONG));
    }
    if state.board.over {
        more.push(("HISTORY".into(), STRONG));
    }
    let filter = state.board.filter();
    if !filter.is_empty() {
        let text = format!("/{} ({})", filter.text(), state.board.order().len());
        more.push((text, STRONG));
    }
    // What narrows the list is said rather than how much is no fire, which is left out whole.
    let width = |more: &[(String, Style)]| more.iter().map(|(it, _)| it.width() + 2).sum::<usize>();
    while width(&more) > room(x) && (spare > 0 || more.len() > 1) {
        more.remove(0);
        spare = spare.saturating_sub(1);
    }
    for (text, style) in more {
        x = put(buffer, area, x + 2, 0, &cut(&text, room(x + 2)), style);
    }
    if is_narrow(area.width) {
        return;
    }
    x += 4;
    let teams = state.teams();
    for team in teams.iter().filter(|team| state.board.team() != Some(team)) {
        if usize::from(x) + 1 + team.width() <= end {
            x = put(buffer, area, x + 1, 0, team, MUTED);
        }
    }
    on_call(state, look, Rect { width: area.width.saturating_sub(1), ..area }, x + 4, buffer);
}

/// Who is on call, in as much detail as there is room for.
fn on_call(state: &State, look: Look, area: Rect, x: u16, buffer: &mut Buffer) {
    let (now, zone) = (state.now(), &state.settings.zone);
    let teams = state.teams_shown();
    let duties = state.around.on_call.iter();
    let duties: Vec<_> =
        duties.filter(|one| teams.is_empty() || teams.contains(&one.team.slug)).collect();
    if duties.is_empty() {
        return;
    }
    let name =
        |one: &OnCall| one.user.as_ref().map_or("nobody", |user| user.username.as_str()).to_owned();
    let until = |one: &OnCall| match one.until {
        Some(at) => format!("{} until {}", name(one), moment(at, now, zone, false)),
        None => name(one),
    };
    let next =
        |one: &OnCall| match one.next.iter().map(|user| user.username.as_str()).collect::<Vec<_>>()
        {
            next if next.is_empty() => until(one),
            next => format!("{}, then {}", until(one), next.join(" and ")),
        };
    let (told, _) = connection(state, look, area.width);
    let room = usize::from(area.width.saturating_sub(x)).saturating_sub(told.width() + 3);
    let several = duties.iter().any(|one| one.team.slug != duties[0].team.slug);
    let say = |way: &dyn Fn(&OnCall) -> String, between: &str| {
        let whose =
            |one: &OnCall| if several { format!("{} ", one.team.slug) } else { String::new() };
        let all: Vec<String> =
            duties.iter().map(|one| format!("{}{}", whose(one), way(one))).collect();
        format!("on call: {}", all.join(between))
    };
    let ways = [say(&next, "; "), say(&until, ", "), say(&name, ", ")];
    let Some(text) = ways.into_iter().find(|text| text.width() <= room) else { return };
    let gap = duties.iter().any(|one| one.user.is_none());
    put(buffer, area, x, 0, &text, if gap { STRONG } else { Style::new() });
}

/// What an empty list says: proof that we hear, or the next step.
fn empty(state: &State) -> Vec<String> {
    let filter = state.board.filter();
    let now = state.now();
    if state.board.over {
        return vec!["Nothing is over yet. H shows what is open.".into()];
    }
    if !filter.is_empty() && state.board.counts().open > 0 {
        return vec![format!("Nothing matches `{}`. esc clears the filter.", filter.text())];
    }
    if !state.loaded {
        return match &state.link {
            Link::Lost { why, .. } => vec![format!("Not connected: {why}.")],
            _ => Vec::new(),
        };
    }
    let proof = match &state.heard {
        Some(hearing) => match &hearing.last {
            Some((at, from)) => format!("Last alert {} ago, from {from}.", age(*at, now)),
            None if hearing.integrations == 0 => {
                format!("There is no integration yet: {}.", state.here("incidentd integration add"))
            }
            None => "No alert has ever arrived. Connect a sender.".into(),
        },
        None => String::new(),
    };
    vec![format!("All calm. {proof}")]
}

/// What fits into a width.
struct Columns {
    id: bool,
    who: usize,
    all: bool,
    title: usize,
}

impl Columns {
    fn of(width: u16) -> Self {
        let all = is_wide(width);
        let id = !is_narrow(width);
        let who = if all {
            (WHO + usize::from(width).saturating_sub(120) / 3).min(WHO_MOST)
        } else if id {
            WHO_SHORT
        } else {
            0
        };
        let mut taken = 2 + STATUS + AGE + 2 + 1;
        taken += if id { ID + 2 + who } else { 0 };
        taken += if all { 2 + SERVICE + 1 + ALERTS } else { 0 };
        Self { id, who, all, title: usize::from(width).saturating_sub(taken) }
    }

    /// Who was told already gives way to who is next.
    fn who_fits(&self, state: &State, incident: &Incident) -> String {
        let all = who(state, incident, false);
        if all.width() <= self.who { all } else { who(state, incident, true) }
    }

    fn heading(&self) -> String {
        format!(
            "  {}{}{}  {}  {} {}{}",
            fit("STATUS", STATUS),
            fit_right("AGE", AGE),
            fit_right("ID", ID),
            fit("TITLE", self.title),
            fit("SERVICE", SERVICE),
            fit("WHO/NEXT", self.who),
            fit_right("ALERTS", ALERTS),
        )
    }

    #[expect(clippy::too_many_arguments, reason = "one row of one table")]
    fn row(
        &self,
        state: &State,
        look: Look,
        pending: bool,
        (selected, marked): (bool, bool),
        incident: &Incident,
        y: u16,
        area: Rect,
        buffer: &mut Buffer,
    ) {
        let standing = Standing::of(incident);
        let row = if selected { CURSOR } else { Style::new() };
        let sign = match (selected, marked) {
            (true, true) => ">*",
            (true, false) => "> ",
            (false, true) => "* ",
            (false, false) => "  ",
        };
        let mut x = put(buffer, area, 0, y, sign, row);
        let word = if pending { format!("{}…", standing.word()) } else { standing.word().into() };
        let word = cut(&word, STATUS);
        let mut badge = look.badge(standing);
        if selected && !look.colour {
            // Reversed in a reversed row would not be seen.
            badge = badge.remove_modifier(Modifier::REVERSED).patch(row);
        } else if selected && badge.bg.is_none() {
            badge = badge.patch(row);
        }
        x = put(buffer, area, x, y, &word, badge);
        let rest = fit("", usize::from((2 + 8u16).saturating_sub(x)));
        x = put(buffer, area, x, y, &rest, row);
        let now = state.now();
        let mut text = fit_right(&age(incident.created_at, now), AGE);
        if self.id {
            text.push_str(&fit_right(&incident.id.to_string(), ID));
        }
        text.push_str("  ");
        text.push_str(&fit(&incident.title, self.title));
        if self.all {
            let service = incident.service.as_ref().map_or("", |service| service.slug.as_str());
            text.push_str("  ");
            text.push_str(&fit(service, SERVICE));
            text.push(' ');
            text.push_str(&fit(&self.who_fits(state, incident), self.who));
            text.push_str(&fit_right(&incident.alert_count.to_string(), ALERTS));
        } else if self.id {
            text.push_str("  ");
            text.push_str(&fit(&self.who_fits(state, incident), self.who));
        }
        text.push(' ');
        put(buffer, area, x, y, &text, row);
    }
}

/// Who has it until when, or who is told next; `brief`: in few words, and not who was told already.
pub fn who(state: &State, incident: &Incident, brief: bool) -> String {
    let (now, zone) = (state.now(), &state.settings.zone);
    let names: Vec<&str> = incident.assignees.iter().map(|user| user.username.as_str()).collect();
    let told = incident.escalation.told.iter();
    let told = told.filter(|told| !matches!(told.outcome.as_str(), "failed" | "dropped"));
    let told: BTreeSet<&str> = told.map(|told| told.user.as_str()).collect();
    let told = told.into_iter().collect::<Vec<_>>().join(", ");
    let names = names.join(", ");
    let until = |at: Option<jiff::Timestamp>| {
        let word = if brief { "→" } else { "until " };
        at.map_or_else(String::new, |at| format!(" {word}{}", moment(at, now, zone, false)))
    };
    match incident.status {
        Status::Resolved => match &incident.resolved_by {
            Some(by) if brief => format!("by {}", by.name),
            Some(by) => format!("resolved by {}", by.name),
            None => "resolved".into(),
        },
        Status::Acknowledged => {
            let by = incident.acknowledged_by.as_ref().map_or("", |by| by.name.as_str());
            let names = if names.is_empty() { by } else { names.as_str() };
            format!("{names}{}", until(incident.snoozed_until.or(incident.acknowledged_until)))
        }
        Status::Triggered if incident.silenced_until.is_some() => {
            format!("silenced{}", until(incident.silenced_until))
        }
        Status::Triggered if incident.untold => "nobody was told".into(),
        Status::Triggered => {
            let escalation = &incident.escalation;
            let next = match (escalation.next_at, escalation.next_targets.first()) {
                (Some(at), Some(target)) => format!("{target} in {}", countdown(at, now)),
                _ => String::new(),
            };
            let names = if told.is_empty() { names } else { format!("{told} told") };
            match (names.is_empty(), next.is_empty()) {
                (true, _) => next,
                (false, false) if brief => next,
                (false, true) => names,
                (false, false) => format!("{names}, {next}"),
            }
        }
    }
}
