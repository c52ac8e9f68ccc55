//! The dashboard without a terminal: what is learnt and typed, and what the screen shows then.
mod broken;
mod found;
mod said;
mod shown;
mod typed;

use std::borrow::Cow;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use serde_json::{Value, json};

use super::effect::{Asked, Effect, Report};
use super::state::{Page, Settings, State};
use super::view::look::Look;
use super::{Answer, Commands, Known, Typed, view};
use crate::api::incidents::Acted;
use crate::client::Ours;
use crate::client::live::{Live, LiveEvent};
use crate::domain::{Action, Incident, IncidentId, Seq};
use crate::error::{Error, Kind};

const NOW: &str = "2026-11-23T03:14:07Z";

fn now() -> Timestamp {
    NOW.parse().expect("a time")
}

fn ago(minutes: i64) -> Timestamp {
    now() - SignedDuration::from_mins(minutes)
}

/// An incident as the server would tell it; `more` overrides.
fn incident(id: i64, minutes: i64, title: &str, more: &Value) -> Incident {
    let mut value = json!({
        "id": id, "title": title, "status": "triggered", "urgency": "high", "severity": "critical",
        "team": {"id": 1, "slug": "payments", "name": "Payments"},
        "service": {"id": 1, "slug": "checkout", "name": "Checkout"},
        "createdAt": ago(minutes), "updatedAt": ago(minutes), "seq": id, "alertCount": 1,
        "firingCount": 1, "url": format!("https://oncall.example.com/incidents/{id}"),
    });
    for (name, field) in more.as_object().expect("an object") {
        value[name] = field.clone();
    }
    serde_json::from_value(value).expect("an incident")
}

fn person(id: i64, name: &str) -> Value {
    json!({"id": id, "username": name, "name": name})
}

fn acked_by(name: &str, until: &str) -> Value {
    json!({"status": "acknowledged", "assignees": [person(2, name)],
        "acknowledgedBy": {"kind": "user", "id": 2, "name": name},
        "acknowledgedAt": ago(1), "acknowledgedUntil": until})
}

/// The night of `look.md`.
fn night() -> Vec<Incident> {
    vec![
        incident(39, 31, "Replica lag on db-2", &{
            let mut acked = acked_by("bob", "2026-11-23T05:00:00Z");
            acked["alertCount"] = json!(12);
            acked
        }),
        incident(
            40,
            22,
            "Backup slow",
            &json!({"urgency": "low",
            "service": {"id": 2, "slug": "backups", "name": "Backups"}}),
        ),
        incident(
            42,
            14,
            "Disk full on db-3",
            &json!({"alertCount": 3, "assignees": [person(1, "alice")],
            "escalation": {"state": "pending", "nextAt": now() + SignedDuration::from_secs(72),
                "nextTargets": ["bob"],
                "told": [{"user": "alice", "channel": "ntfy", "at": ago(13), "outcome": "delivered"}]}}),
        ),
        incident(
            57,
            2,
            "Certificate for api.example.com expired",
            &json!({"untold": true,
            "service": {"id": 3, "slug": "edge", "name": "Edge"}}),
        ),
    ]
}

/// A command line of three words.
struct Verbs;

impl Commands for Verbs {
    fn read(&self, words: &[String], ids: &[IncidentId], _: &Ours) -> Result<Typed, Error> {
        match words[0].as_str() {
            "snooze" => {
                let span = words[2].parse().map_err(|_| Error::usage("no time"))?;
                Ok(Typed::Act(ids.to_vec(), Action::Snooze { span: Some(span), until: None }))
            }
            "silence" => Ok(Typed::Run(Box::new(|columns| {
                let text = format!("{columns} columns");
                Box::pin(std::future::ready(Answer { text, outcome: Ok(()) }))
            }))),
            "merge" => Ok(Typed::Act(ids.to_vec(), Action::Merge { into: IncidentId(39) })),
            "explain" => Ok(Typed::Read(Box::new(|columns| format!("in {columns} columns")))),
            word => Err(Error::usage(format!("`{word}` is no command."))),
        }
    }

    fn completions(&self, words: &[String], _: &Known) -> Vec<String> {
        let known: &[&str] = if words.len() == 1 { &["silence", "snooze"] } else { &["list"] };
        let fits = |word: &&&str| words.last().is_some_and(|last| word.starts_with(last.as_str()));
        known.iter().filter(fits).map(|word| (*word).to_owned()).collect()
    }

    fn here<'a>(&self, text: &'a str) -> Cow<'a, str> {
        text.replace("incidentd ", ":").into()
    }
}

fn settings() -> Settings {
    let verbs = Box::new(Verbs);
    Settings { readonly: false, notify: true, zone: TimeZone::UTC, verbs, teams: Vec::new() }
}

/// A dashboard that alice has open, live.
fn dashboard(incidents: Vec<Incident>) -> State {
    let mut state = State::new(settings(), now(), Duration::from_secs(1_000));
    state.resize(120, 30);
    let alice = serde_json::from_value(person(1, "alice")).expect("a user");
    state.apply(Live::Connected { user: Some(alice), now: now() });
    state.apply(Live::Snapshot { head: Seq(100), incidents, more: false });
    state.apply(Live::CaughtUp { changes: 0 });
    state.arrange();
    state
}

fn event(seq: i64, kind: &str, mut incident: Incident, more: &Value) -> Live {
    incident.seq = Seq(seq);
    let mut value = json!({"seq": seq, "prev": null, "at": now(), "type": format!("incident:{kind}"),
        "actor": {"kind": "integration", "id": 1, "name": "prometheus"},
        "incidentId": incident.id, "incident": incident});
    for (name, field) in more.as_object().expect("an object") {
        value[name] = field.clone();
    }
    let raw = serde_json::value::to_raw_value(&value).expect("JSON");
    let event = serde_json::from_value(value).expect("an event");
    Live::Event(Box::new(LiveEvent { seq: Seq(seq), raw, event: Some(event) }))
}

fn press(state: &mut State, keys: &str) {
    for c in keys.chars() {
        let code = match c {
            '⏎' => KeyCode::Enter,
            '⎋' => KeyCode::Esc,
            '⇥' => KeyCode::Tab,
            c => KeyCode::Char(c),
        };
        state.key(KeyEvent::from(code));
    }
    state.arrange();
}

fn drawn(state: &mut State, columns: u16, rows: u16, colour: bool) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).expect("a terminal");
    state.resize(columns, rows);
    state.arrange();
    terminal.draw(|frame| view::draw(state, Look { colour }, frame)).expect("drawn");
    terminal.backend().buffer().clone()
}

fn lines(buffer: &Buffer) -> Vec<String> {
    let area = buffer.area;
    (0..area.height)
        .map(|y| {
            let mut line = String::new();
            let mut x = 0;
            while x < area.width {
                let symbol = buffer[(x, y)].symbol();
                line.push_str(symbol);
                x += u16::try_from(unicode_width::UnicodeWidthStr::width(symbol))
                    .unwrap_or(1)
                    .max(1);
            }
            line.trim_end().to_owned()
        })
        .collect()
}

fn screen(state: &mut State, columns: u16, rows: u16) -> Vec<String> {
    lines(&drawn(state, columns, rows, true))
}

fn acts(state: &mut State) -> Vec<Asked> {
    let asked = state.take_effects().into_iter().filter_map(|effect| match effect {
        Effect::Act(asked) => Some(*asked),
        _ => None,
    });
    asked.collect()
}

fn bells(state: &mut State) -> usize {
    state.take_effects().iter().filter(|effect| matches!(effect, Effect::Bell)).count()
}

/// The server did it.
fn done(state: &mut State, asked: Asked, after: Incident, message: &str) {
    let acted = Acted { incident: after, changed: true, message: message.into() };
    let id = acted.incident.id;
    state.report(Report::Acted(Box::new(asked), vec![(id, Ok(acted))]));
    state.arrange();
}

#[test]
fn the_second_click_means_what_the_first_hit() {
    let click = |state: &mut State, row: u16| {
        let kind = MouseEventKind::Down(MouseButton::Left);
        state.mouse(MouseEvent { kind, column: 30, row, modifiers: KeyModifiers::NONE });
        state.arrange();
    };
    let mut state = dashboard(night());
    let mut after = acked_by("alice", NOW);
    after["seq"] = json!(200);
    press(&mut state, "a");
    let asked = acts(&mut state).remove(0);
    done(&mut state, asked, incident(57, 2, "Certificate", &after), "Acknowledged");
    assert_eq!(state.board.order()[0].0, 57, "it stays while it is selected");
    // It leaves as the first click selects another, and what stood below it moves up.
    let (row, hit) = (3, state.board.order()[1]);
    click(&mut state, row);
    assert_eq!(state.board.selected(), Some(hit));
    assert_ne!(state.board.order()[1], hit);
    state.tick(now(), Duration::from_millis(1_000_300));
    click(&mut state, row);
    assert!(matches!(&state.page, Page::Incident(detail) if detail.id == hit));
    // Long after, a click means what one sees.
    press(&mut state, "⎋");
    let below = state.board.order()[1];
    click(&mut state, row);
    assert_eq!(state.board.selected(), Some(below));
}

#[test]
fn a_pane_is_chosen_by_its_name() {
    let mut state = dashboard(night());
    press(&mut state, "j⏎");
    let mut shows = |column: u16, title: &str| {
        screen(&mut state, 80, 24);
        let kind = MouseEventKind::Down(MouseButton::Left);
        state.mouse(MouseEvent { kind, column, row: 2, modifiers: KeyModifiers::NONE });
        let buffer = drawn(&mut state, 80, 24, true);
        let at = lines(&buffer)[2].find(title).expect("its name");
        let strong = ratatui::style::Modifier::BOLD;
        assert!(buffer[(u16::try_from(at).expect("a column"), 2)].modifier.contains(strong));
    };
    shows(30, "LABELS");
    shows(15, "ALERTS");
    shows(3, "TIMELINE");
}

#[test]
fn a_moving_list_never_makes_you_act_on_another() {
    let mut state = dashboard(night());
    press(&mut state, "j");
    assert_eq!(state.board.selected(), Some(IncidentId(42)));
    let line = |state: &mut State| {
        screen(state, 120, 30).iter().position(|line| line.starts_with('>')).expect("selected")
    };
    assert_eq!(line(&mut state), 3);
    let older = incident(12, 50, "Older and worse", &json!({"untold": true}));
    state.apply(event(101, "created", older, &json!({})));
    press(&mut state, "a");
    let [asked] = &acts(&mut state)[..] else { panic!("one act") };
    assert_eq!(asked.ids, [IncidentId(42)]);
    assert!(screen(&mut state, 120, 30).iter().any(|line| line.starts_with("> HIGH…")), "pending");

    let acked = incident(42, 14, "Disk full on db-3", &{
        let mut acked = acked_by("alice", "2026-11-23T11:14:00Z");
        acked["seq"] = json!(102);
        acked
    });
    let at = line(&mut state);
    done(&mut state, asked.clone(), acked, "Acknowledged 42.");
    assert_eq!(line(&mut state), at, "what I acted on stays put");
    assert!(screen(&mut state, 120, 30)[28].contains("Acknowledged 42. u undo"));
    press(&mut state, "a");
    assert_eq!(acts(&mut state)[0].ids, [IncidentId(42)], "a second a hits nothing else");
    press(&mut state, "j");
    let ids: Vec<i64> = state.board.order().iter().map(|id| id.0).collect();
    assert_eq!(ids, [12, 57, 40, 39, 42].map(i64::from), "left, it finds its place");

    press(&mut state, "u");
    let [undo] = &acts(&mut state)[..] else { panic!("an undo") };
    assert_eq!(
        (undo.ids.as_slice(), undo.actions.as_slice()),
        ([IncidentId(42)].as_slice(), [Action::Unacknowledge {}].as_slice())
    );
}

#[test]
fn what_others_resolve_stays_under_the_cursor_until_it_is_left() {
    let mut state = dashboard(night());
    press(&mut state, "j");
    let over = incident(
        42,
        14,
        "Disk full on db-3",
        &json!({"status": "resolved",
        "resolvedBy": {"kind": "user", "id": 2, "name": "bob"}, "resolvedAt": now()}),
    );
    state.apply(event(101, "resolved", over, &json!({"reason": "manual", "note": null})));
    let shown = screen(&mut state, 120, 30);
    assert!(shown[3].starts_with("> RESOLVED 14m    42"), "{}", shown[3]);
    assert!(shown[3].contains("resolved by bob"));
    assert!(shown[0].starts_with(" 2 UNANSWERED"));
    press(&mut state, "j");
    assert_eq!(state.board.order().len(), 3);
    assert_eq!(state.board.selected(), Some(IncidentId(40)));
    let late = incident(42, 14, "Disk full on db-3", &json!({}));
    state.apply(Live::Rest { incidents: vec![late], more: false });
    state.arrange();
    assert_eq!(state.board.order().len(), 3, "a late page brings nothing back");
}

#[test]
fn the_bell_rings_for_what_is_new_and_not_too_often() {
    let mut state = dashboard(night());
    assert_eq!(bells(&mut state), 0, "none for the snapshot");
    let fresh = |seq| event(seq, "created", incident(seq, 0, "New", &json!({})), &json!({}));
    state.apply(fresh(101));
    assert_eq!(bells(&mut state), 1);
    state.apply(fresh(102));
    state.apply(fresh(103));
    assert_eq!(bells(&mut state), 0, "one in five seconds");
    state.tick(now(), Duration::from_secs(1_006));
    assert_eq!(bells(&mut state), 1, "and one for those that came meanwhile");
    let lost =
        Live::Lost { why: "x".into(), attempt: 1, next_in: Duration::ZERO, silent: Duration::ZERO };
    state.apply(lost);
    state.apply(Live::Connected { user: None, now: now() });
    state.apply(fresh(104));
    state.apply(fresh(105));
    state.tick(now(), Duration::from_mins(17));
    assert_eq!(bells(&mut state), 0);
    state.apply(Live::CaughtUp { changes: 2 });
    state.tick(now(), Duration::from_secs(1_021));
    assert_eq!(bells(&mut state), 1, "one after a catch-up");
    state.tick(now(), Duration::from_secs(1_040));
    let mine = json!({"actor": {"kind": "user", "id": 1, "name": "alice"}});
    let mut state = dashboard(night());
    state.apply(event(106, "created", incident(106, 0, "By hand", &json!({})), &mine));
    assert_eq!(bells(&mut state), 0, "not for what I did");
}

#[test]
fn what_is_open_after_a_long_outage_takes_the_place_of_what_was() {
    let mut state = dashboard(night());
    press(&mut state, "j jk");
    assert_eq!(state.board.selected(), Some(IncidentId(40)));
    let lost =
        Live::Lost { why: "x".into(), attempt: 1, next_in: Duration::ZERO, silent: Duration::ZERO };
    state.apply(lost);
    state.apply(Live::Connected { user: None, now: now() });
    let open = vec![night().remove(3), incident(99, 1, "Meanwhile", &json!({}))];
    state.apply(Live::Snapshot { head: Seq(900), incidents: open, more: false });
    state.apply(Live::CaughtUp { changes: 0 });
    state.tick(now(), Duration::from_secs(1_001));
    let effects = state.take_effects();
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Look(IncidentId(40)))));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Bell)), "for what is new");
    let shown = screen(&mut state, 120, 30);
    assert!(shown[28].contains("this is what is open"), "{}", shown[28]);
    assert_eq!(state.board.order(), [57, 99, 40].map(IncidentId), "40 is under the cursor still");
    let over = Error::new(Kind::NotFound, "gone");
    state.report(Report::Looked(IncidentId(40), Err(over)));
    state.arrange();
    press(&mut state, "a");
    assert!(acts(&mut state).is_empty(), "nothing is hit in its place");
}

#[test]
fn more_than_one_asks_with_its_count() {
    let mut state = dashboard(night());
    press(&mut state, "  a");
    assert!(acts(&mut state).is_empty());
    assert!(screen(&mut state, 120, 30)[28].contains("Acknowledge 2 incidents? [y/N]"));
    press(&mut state, "n");
    assert!(acts(&mut state).is_empty());
    press(&mut state, "ay");
    assert_eq!(acts(&mut state)[0].ids, [IncidentId(42), IncidentId(57)]);
    press(&mut state, "⎋⎋a");
    assert_eq!(acts(&mut state)[0].ids, [IncidentId(40)], "esc lets go of the selection");
}

#[test]
fn a_prompt_is_about_what_it_was_opened_for() {
    let mut state = dashboard(night());
    press(&mut state, "jrit is");
    let worse = incident(99, 90, "Worse", &json!({"untold": true}));
    state.apply(event(101, "created", worse, &json!({})));
    assert!(screen(&mut state, 120, 30)[28].contains("Resolve 42, note (may be empty): it is"));
    press(&mut state, " over⏎");
    let [asked] = &acts(&mut state)[..] else { panic!("one act") };
    assert_eq!(asked.ids, [IncidentId(42)]);
    assert!(
        matches!(&asked.actions[0], Action::Resolve { note: Some(note), .. } if note == "it is over")
    );
    press(&mut state, "r⎋s1h⏎");
    let [asked] = &acts(&mut state)[..] else { panic!("one act") };
    assert!(matches!(&asked.actions[0], Action::Snooze { span: Some(_), .. }));
    press(&mut state, ":frobnicate⏎");
    assert!(screen(&mut state, 120, 30)[27].contains("`frobnicate` is no command."));
    press(&mut state, "⎋");
    state.paste("aaaa\nq");
    assert!(state.take_effects().is_empty(), "what is pasted is no key");
}

#[test]
fn the_filter_narrows_while_it_is_typed() {
    let mut state = dashboard(night());
    press(&mut state, "/db");
    assert_eq!(state.board.order().len(), 2);
    press(&mut state, "-3⏎");
    assert_eq!(state.board.order(), [IncidentId(42)]);
    assert_eq!(state.board.selected(), Some(IncidentId(42)));
    assert!(screen(&mut state, 120, 30)[0].contains("/db-3 (1)"));
    press(&mut state, "/zzz⏎");
    assert!(screen(&mut state, 120, 30)[3].contains("Nothing matches `db-3zzz`."));
    press(&mut state, "a");
    assert!(acts(&mut state).is_empty(), "nothing is seen, nothing is hit");
    press(&mut state, "⎋⎋");
    assert_eq!(state.board.order().len(), 4);
}

#[test]
fn failures_say_what_to_do_and_readonly_does_nothing() {
    let mut state = dashboard(night());
    press(&mut state, "a");
    let asked = acts(&mut state).remove(0);
    let error = Error::new(Kind::Unreachable, "x");
    state.report(Report::Acted(Box::new(asked), vec![(IncidentId(57), Err(error))]));
    assert!(screen(&mut state, 120, 30)[28].contains("No answer for 57. Trying again is safe."));
    state.settings.readonly = true;
    for keys in ["a", "r", "s", "n", "m", "u", "e"] {
        press(&mut state, keys);
        assert!(state.prompt.is_none() && acts(&mut state).is_empty(), "{keys}");
    }
    assert!(!screen(&mut state, 120, 30)[29].contains("resolve"));
}
