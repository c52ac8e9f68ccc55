//! How long the dashboard takes from a key or an event to a drawn frame, with 10,000 open
//! incidents: `cargo bench --bench frame`.
use std::borrow::Cow;
use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEvent};
use incidentd::client::Ours;
use incidentd::client::live::{Live, LiveEvent};
use incidentd::clock::Clock;
use incidentd::domain::{Incident, IncidentId, Seq};
use incidentd::error::{Error, Result};
use incidentd::tui::state::State;
use incidentd::tui::view::{draw, look::Look};
use incidentd::tui::{Commands, Known, Settings, Typed};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use serde_json::json;

struct NoCommands;

impl Commands for NoCommands {
    fn read(&self, _: &[String], _: &[IncidentId], _: &Ours) -> Result<Typed> {
        Err(Error::usage("no commands here"))
    }

    fn completions(&self, _: &[String], _: &Known) -> Vec<String> {
        Vec::new()
    }

    fn here<'a>(&self, text: &'a str) -> Cow<'a, str> {
        text.into()
    }
}

const INCIDENTS: i64 = 10_000;
const FRAMES: usize = 200;

fn incident(id: i64, seq: i64) -> Incident {
    let urgency = if id % 3 == 0 { "low" } else { "high" };
    serde_json::from_value(json!({
        "id": id, "title": format!("Disk full on db-{} in rack {}", id % 500, id % 40),
        "status": "triggered", "urgency": urgency, "severity": "critical",
        "team": {"id": id % 5, "slug": format!("team-{}", id % 5), "name": "Team"},
        "service": {"id": id % 50, "slug": format!("service-{}", id % 50), "name": "Service"},
        "createdAt": "2026-11-23T03:00:00Z", "updatedAt": "2026-11-23T03:00:00Z", "seq": seq,
        "labels": {"host": format!("db-{}", id % 500)},
    }))
    .expect("an incident")
}

/// Median and worst of many frames, each after `change`.
fn measure(what: &str, state: &mut State, mut change: impl FnMut(&mut State, usize)) {
    let mut terminal = Terminal::new(TestBackend::new(200, 50)).expect("a terminal");
    let mut times: Vec<Duration> = (0..FRAMES)
        .map(|frame| {
            let started = Instant::now();
            change(state, frame);
            state.arrange();
            terminal.draw(|frame| draw(state, Look { colour: true }, frame)).expect("drawn");
            started.elapsed()
        })
        .collect();
    times.sort_unstable();
    let (median, worst) = (times[FRAMES / 2], times[FRAMES - 1]);
    #[expect(clippy::print_stdout, reason = "what a bench is for")]
    {
        println!("{what:<34} median {median:>10.2?}  worst {worst:>10.2?}");
    }
}

fn main() {
    let zone = jiff::tz::TimeZone::UTC;
    let verbs = Box::new(NoCommands);
    let settings = Settings { readonly: false, notify: false, zone, verbs, teams: Vec::new() };
    let clock = Clock::System;
    let mut state = State::new(settings, clock.now(), clock.since_boot());
    state.resize(200, 50);
    let incidents = (1..=INCIDENTS).map(|id| incident(id, id)).collect();
    state.apply(Live::Connected { user: None, now: clock.now() });
    state.apply(Live::Snapshot { head: Seq(INCIDENTS), incidents, more: false });
    state.apply(Live::CaughtUp { changes: 0 });

    let event = |seq: i64| {
        let incident = incident(seq % INCIDENTS + 1, seq);
        let value = json!({"seq": seq, "prev": null, "at": "2026-11-23T03:00:00Z",
            "type": "incident:updated", "reason": "alert_added", "incidentId": incident.id,
            "actor": {"kind": "integration", "id": 1, "name": "prometheus"},
            "incident": incident});
        let raw = serde_json::value::to_raw_value(&value).expect("JSON");
        let event = serde_json::from_value(value).ok();
        Live::Event(Box::new(LiveEvent { seq: Seq(seq), raw, event }))
    };
    measure("nothing changed", &mut state, |_, _| {});
    measure("the selection moves", &mut state, |state, _| {
        state.key(KeyEvent::from(KeyCode::Char('j')));
    });
    measure("an event", &mut state, |state, frame| {
        state.apply(event(INCIDENTS + 1 + i64::try_from(frame).expect("small")));
    });
    state.key(KeyEvent::from(KeyCode::Char('/')));
    measure("a letter of the filter", &mut state, |state, frame| {
        let code = if frame % 2 == 0 { KeyCode::Char('7') } else { KeyCode::Backspace };
        state.key(KeyEvent::from(code));
    });
}
