//! What the screen shows, at the sizes and in the states that people have.
use std::time::Duration;

use jiff::SignedDuration;
use ratatui::style::{Color, Modifier};
use serde_json::json;

use super::*;
use crate::client::Ours;
use crate::domain::Status;
use crate::tui::around::Found;
use crate::tui::state::Hearing;

#[test]
fn the_list_is_sorted_by_need_and_loses_columns_not_sense() {
    let mut state = dashboard(night());
    press(&mut state, "j");
    let wide = screen(&mut state, 120, 30);
    assert_eq!(
        wide[..6],
        [
            " 3 UNANSWERED  1 low  1 acked     payments                                                               live  03:14:07",
            "  STATUS   AGE    ID  TITLE                                               SERVICE      WHO/NEXT                ALERTS",
            "  UNTOLD    2m    57  Certificate for api.example.com expired             edge         nobody was told              1",
            "> HIGH     14m    42  Disk full on db-3                                   checkout     alice told, bob in 1:12      3",
            "  LOW      22m    40  Backup slow                                         backups                                   1",
            "  ACK      31m    39  Replica lag on db-2                                 checkout     bob until 05:00             12",
        ]
    );
    assert!(
        wide[29].starts_with(" a ack  r resolve  s snooze  n note  m reassign  / filter"),
        "{}",
        wide[29]
    );
    assert!(wide[29].ends_with("q quit"), "{}", wide[29]);
    let middle = screen(&mut state, 80, 24);
    assert_eq!(
        middle[2],
        "> HIGH     14m    42  Disk full on db-3                        bob in 1:12"
    );
    let later = acked_by("alice", "2026-11-24T08:00:00Z");
    let mut other = dashboard(vec![incident(39, 31, "Replica lag", &later)]);
    let middle = screen(&mut other, 80, 24);
    assert!(middle[1].ends_with("  alice →Tue 08:00"), "until when is not cut: {}", middle[1]);
    let narrow = screen(&mut state, 58, 20);
    assert_eq!(narrow[0], " 3 UNANSWERED  1 low  1 acked              live  03:14:07");
    assert_eq!(narrow[2], "> HIGH     14m  Disk full on db-3");
    assert_eq!(screen(&mut state, 10, 3)[0], "too small");
}

#[test]
fn the_status_line_tells_the_truth() {
    let mut state = dashboard(night());
    state.apply(Live::Lost {
        why: "no sign of life".into(),
        attempt: 1,
        next_in: Duration::from_secs(4),
        silent: Duration::from_secs(45),
    });
    let buffer = drawn(&mut state, 120, 30, true);
    let shown = lines(&buffer);
    assert!(
        shown[0].ends_with("STALE, as of 03:13:22. Reconnecting: try 1 in 4 s"),
        "{}",
        shown[0]
    );
    assert!(shown[0].starts_with(" 3 UNANSWERED"), "what was known stays");
    assert!((0..120).all(|x| buffer[(x, 0)].modifier.contains(Modifier::REVERSED)));
    assert_eq!(state.title(), "(?) incidentd");
    state.tick(now() + SignedDuration::from_secs(70), Duration::from_secs(1_070));
    let shown = screen(&mut state, 58, 20);
    assert!(shown[0].contains("as of 03:13:22, try 1 now"), "{}", shown[0]);
    assert!(shown[1].contains("3m"), "ages run on");
    assert_eq!(shown[18], " Connection lost: no sign of life. Keys still try.");
    assert_eq!(screen(&mut state, 40, 20)[18], " Connection lost. Keys still try.");
    let alice = serde_json::from_value(person(1, "alice")).expect("a user");
    state.apply(Live::Connected { user: Some(alice), now: now() });
    state.apply(event(101, "created", incident(60, 0, "Meanwhile", &json!({})), &json!({})));
    state.apply(event(102, "created", incident(61, 0, "Also", &json!({})), &json!({})));
    state.apply(Live::CaughtUp { changes: 2 });
    let shown = screen(&mut state, 120, 30);
    assert!(shown[28].contains("Live again. 2 changes."));
    assert!(shown[0].contains("5 UNANSWERED") && shown[0].contains("live"));
    assert_eq!(state.title(), "(5) incidentd");
}

#[test]
fn a_part_is_not_shown_as_the_whole() {
    let mut state = dashboard(Vec::new());
    let mut first = night();
    let rest = first.split_off(3);
    state.apply(Live::Snapshot { head: Seq(200), incidents: first.clone(), more: true });
    state.apply(Live::CaughtUp { changes: 0 });
    let shown = screen(&mut state, 120, 30);
    assert!(shown[0].starts_with(" 2+ UNANSWERED"), "{}", shown[0]);
    assert!(shown[0].contains("loading") && !shown[0].contains("live"), "{}", shown[0]);
    assert_eq!(state.title(), "(2+) incidentd");
    // Nothing is claimed of what nobody has seen yet.
    let mut state = dashboard(Vec::new());
    let answered = first.into_iter().filter(|it| it.status != Status::Triggered).collect();
    state.apply(Live::Snapshot { head: Seq(201), incidents: answered, more: true });
    let shown = screen(&mut state, 120, 30);
    assert!(shown[0].starts_with(" Loading…") && !shown[0].contains("calm"), "{}", shown[0]);
    state.apply(Live::Rest { incidents: rest, more: false });
    let shown = screen(&mut state, 120, 30);
    assert!(shown[0].starts_with(" 1 UNANSWERED") && shown[0].contains("live"), "{}", shown[0]);
    assert_eq!(state.title(), "(1) incidentd");
}

#[test]
fn an_incident_shows_what_happened_and_grows() {
    let mut state = dashboard(night());
    press(&mut state, "j⏎");
    let asked = state.take_effects();
    assert!(asked.iter().any(|effect| matches!(effect, Effect::Timeline(IncidentId(42)))));
    let Live::Event(opened) = event(42, "created", night().remove(2), &json!({})) else { panic!() };
    state.report(Report::Timeline(IncidentId(42), Ok(vec![opened.event.expect("known")])));
    let note = json!({"note": {"id": 101, "body": "Friday's snapshots can go", "at": now(),
        "author": {"kind": "user", "id": 2, "name": "bob"}},
        "actor": {"kind": "user", "id": 2, "name": "bob"}});
    state.apply(event(101, "note_added", night().remove(2), &note));
    let shown = screen(&mut state, 120, 30);
    assert!(shown[0].starts_with(" HIGH  42  Disk full on db-3"), "{}", shown[0]);
    assert!(
        shown[1].starts_with(
            " Unanswered 14m. alice told by ntfy 03:01, delivered. Next: bob in 1:12."
        ),
        "{}",
        shown[1]
    );
    assert!(shown[1].ends_with("checkout  payments  critical"), "{}", shown[1]);
    assert_eq!(shown[2].split_whitespace().next(), Some("TIMELINE"));
    assert!(shown[3].starts_with(" 03:14:07  opened by prometheus"), "{}", shown[3]);
    assert!(shown[4].starts_with(" 03:14:07  bob: Friday's snapshots can go"), "{}", shown[4]);
    let narrow = screen(&mut state, 80, 24);
    assert_eq!(narrow[2], " TIMELINE   ALERTS 1 firing   LABELS, LINKS");
    press(&mut state, "⇥");
    let alerts = drawn(&mut state, 80, 24, true);
    assert!(alerts[(13, 2)].modifier.contains(Modifier::BOLD), "that pane");
    press(&mut state, "a");
    assert_eq!(acts(&mut state)[0].ids, [IncidentId(42)]);
    press(&mut state, "?⎋⎋");
    assert!(screen(&mut state, 120, 30)[2].contains("UNTOLD"));
}

#[test]
fn hostile_text_is_text_and_columns_stay_straight() {
    let hostile =
        "a\u{1b}]52;c;eHg=\u{7}\u{9b}2J\u{202e}x\u{200d}\u{200b}日本語🔥\u{fe0f}e\u{301}z";
    let more = json!({"description": hostile, "labels": {"host": hostile}, "dedupKey": hostile,
        "assignees": [person(1, hostile)], "service": {"id": 1, "slug": hostile, "name": hostile},
        "links": [{"href": "http://x", "text": hostile}]});
    let mut state =
        dashboard(vec![incident(1, 3, hostile, &more), incident(2, 2, "plain", &json!({}))]);
    for keys in ["", "⏎", "⇥"] {
        press(&mut state, keys);
        for (columns, rows) in [(120, 30), (80, 24), (58, 20), (20, 5)] {
            let buffer = drawn(&mut state, columns, rows, true);
            for cell in &buffer.content {
                let raw = cell.symbol().chars().find(|c| crate::domain::text::is_hostile(*c));
                assert_eq!(raw, None, "{:?}", cell.symbol());
            }
        }
    }
    press(&mut state, "⎋");
    let shown = screen(&mut state, 120, 30);
    let alerts = |line: &str| unicode_width::UnicodeWidthStr::width(line.trim_end());
    assert_eq!(alerts(&shown[2]), alerts(&shown[3]), "{}\n{}", shown[2], shown[3]);
}

#[test]
fn without_colour_nothing_is_coloured_and_everything_is_said() {
    let mut state = dashboard(night());
    for keys in ["", "⏎", "?"] {
        press(&mut state, keys);
        let buffer = drawn(&mut state, 120, 30, false);
        assert!(
            buffer.content.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset)
        );
    }
    press(&mut state, "⎋⎋");
    let coloured = screen(&mut state, 120, 30);
    assert_eq!(coloured, lines(&drawn(&mut state, 120, 30, false)));
    let buffer = drawn(&mut state, 120, 30, true);
    assert!(
        buffer.content.iter().all(|cell| !matches!(cell.fg, Color::Rgb(..) | Color::Indexed(_)))
    );
}

#[test]
fn calm_is_proved() {
    let mut state = dashboard(Vec::new());
    assert!(state.take_effects().iter().any(|effect| matches!(effect, Effect::AskHearing(_))));
    let last = Some((now() - SignedDuration::from_secs(12), "prometheus".into()));
    state.report(Report::Hearing(Some(Hearing { integrations: 1, last })));
    let shown = screen(&mut state, 80, 24);
    assert!(shown[0].starts_with(" All calm"), "{}", shown[0]);
    assert_eq!(shown[2], "  All calm. Last alert 12s ago, from prometheus.");
    state.report(Report::Hearing(Some(Hearing { integrations: 1, last: None })));
    assert!(screen(&mut state, 80, 24)[2].contains("No alert has ever arrived. Connect a sender."));
}

/// What the server says of people.
fn around(state: &mut State, on_call: &Value, teams: &[&str]) {
    overview(
        state,
        json!({"onCall": on_call, "gaps": [], "lastAlertAt": null, "untold": 0}),
        teams,
    );
}

fn overview(state: &mut State, overview: Value, teams: &[&str]) {
    let overview = serde_json::from_value(overview).expect("an overview");
    let teams = teams.iter().map(|team| (*team).to_owned()).collect();
    state.report(Report::Around(Some(Box::new(Found {
        overview,
        teams,
        server: Ours::default(),
    }))));
}

fn duty(schedule: &str, team: &str, who: &Value, until: &str, next: &str) -> Value {
    json!({"schedule": {"id": 1, "slug": schedule}, "team": {"id": 1, "slug": team, "name": team},
        "user": who, "until": until, "next": [person(9, next)]})
}

#[test]
fn the_header_says_who_is_on_call_as_far_as_there_is_room() {
    let asks = |state: &mut State| {
        state.take_effects().iter().filter(|effect| matches!(effect, Effect::LookAround)).count()
    };
    let mut state = dashboard(night());
    assert_eq!(asks(&mut state), 1, "asked when it is live");
    let alice = duty("primary", "payments", &person(1, "alice"), "2026-11-27T09:00:00Z", "bob");
    around(&mut state, &json!([alice]), &["payments", "search"]);
    let shown = screen(&mut state, 120, 30);
    let all = "payments search    on call: alice until Fri 09:00, then bob";
    assert!(shown[0].contains(all) && shown[0].ends_with("live  03:14:07"), "{}", shown[0]);
    assert!(!screen(&mut state, 58, 20)[0].contains("on call"));
    let gap = duty("search", "search", &Value::Null, "2026-11-23T03:20:00Z", "mallory");
    around(&mut state, &json!([alice, gap]), &["payments", "search"]);
    let shown = screen(&mut state, 120, 30);
    assert!(shown[0].contains("on call: payments alice, search nobody "), "{}", shown[0]);
    press(&mut state, "⇥⇥");
    let shown = screen(&mut state, 120, 30);
    assert!(shown[0].contains("[search]"), "a team of mine without incidents: {}", shown[0]);
    assert!(shown[0].contains("on call: nobody until 03:20, then mallory"), "{}", shown[0]);
    assert_eq!(asks(&mut state), 0);
    state.tick(now() + SignedDuration::from_mins(7), Duration::from_mins(18));
    state.arrange();
    assert_eq!(asks(&mut state), 1, "once that is over");
    state.settings.teams = vec!["payments".into()];
    assert!(!screen(&mut state, 120, 30)[0].contains("search "), "only what is watched");
}

#[test]
fn names_are_offered_and_completed() {
    let mut state = dashboard(night());
    press(&mut state, "jm");
    let met = state.take_effects();
    assert!(met.iter().any(|effect| matches!(effect, Effect::Meet(team) if team == "payments")));
    state.report(Report::Met(
        "payments".into(),
        ["alice", "bob", "bonnie"].map(str::to_owned).into(),
    ));
    assert!(screen(&mut state, 120, 30)[28].ends_with("alice bob bonnie"));
    press(&mut state, "b");
    assert!(screen(&mut state, 120, 30)[28].ends_with("me: b  bob bonnie"));
    press(&mut state, "⇥");
    assert!(screen(&mut state, 120, 30)[28].ends_with("me: bob  bob bonnie"));
    press(&mut state, "⇥⇥⇥⏎");
    let [asked] = &acts(&mut state)[..] else { panic!("one act") };
    assert!(matches!(&asked.actions[0], Action::Reassign { to, .. } if to == "bonnie"));
    press(&mut state, "mzed⇥⏎");
    let [asked] = &acts(&mut state)[..] else { panic!("one act") };
    assert!(matches!(&asked.actions[0], Action::Reassign { to, .. } if to == "zed"));
}

#[test]
fn what_is_over_is_shown_when_asked_for() {
    let mut state = dashboard(night());
    press(&mut state, "H");
    assert!(state.take_effects().iter().any(|effect| matches!(effect, Effect::AskHistory(_))));
    let over = |id, minutes, title| {
        incident(id, minutes, title, &json!({"status": "resolved", "resolvedAt": ago(1)}))
    };
    state.report(Report::History(Ok((vec![over(7, 200, "Older"), over(8, 100, "Newer")], false))));
    let by = json!({"status": "resolved", "resolvedAt": ago(1), "seq": 90,
        "resolvedBy": {"kind": "integration", "id": 1, "name": "prometheus"}});
    state.report(Report::History(Ok((vec![incident(8, 100, "Newer", &by)], false))));
    let middle = screen(&mut state, 80, 24);
    assert!(middle[1].ends_with("  by prometheus"), "{}", middle[1]);
    let shown = screen(&mut state, 120, 30);
    assert!(shown[0].contains("3 UNANSWERED") && shown[0].contains("HISTORY"), "{}", shown[0]);
    assert_eq!(state.board.order(), [8, 7].map(IncidentId), "the newest first");
    press(&mut state, "⎋");
    assert_eq!(state.board.order().len(), 4, "and again what is open");
    let hint = "Choose another with --server or INCIDENTD_URL.";
    let error = Error::new(Kind::Unreachable, "http://x cannot be reached.").hint(hint);
    state.report(Report::History(Err(error)));
    assert_eq!(screen(&mut state, 120, 30)[28], " The server does not answer.");
}

#[test]
fn whoever_is_on_call_and_cannot_be_reached_is_told_below_the_list() {
    let mut state = dashboard(night());
    let mute = |id: i64, name: &str, start: &str| json!({"schedule": {"id": 1, "slug": "primary"}, "user": person(id, name), "start": start});
    let said = |state: &mut State, unreachable: &Value| {
        let all = json!({"onCall": [], "gaps": [], "lastAlertAt": null, "untold": 0,
            "unreachable": unreachable});
        overview(state, all, &["payments"]);
        screen(state, 120, 30)[28].clone()
    };
    let bob = mute(2, "bob", "2026-11-23T03:14:07Z");
    assert!(!said(&mut state, &json!([bob])).contains("nothing reaches you"), "another's matter");
    let now = said(&mut state, &json!([bob, mute(1, "alice", "2026-11-23T03:14:07Z")]));
    let rest = "and nothing reaches you: :contact add";
    assert_eq!(now, format!(" You are on call in primary, {rest}"));
    let soon = said(&mut state, &json!([mute(1, "alice", "2026-11-27T09:00:00Z")]));
    assert_eq!(soon, format!(" You are on call in primary from Fri 09:00, {rest}"));
    let narrow = |state: &mut State, columns| screen(state, columns, 24)[22].clone();
    let brief = " Nothing reaches you, on call from Fri 09:00: :contact add";
    assert_eq!(narrow(&mut state, 60), brief);
    assert_eq!(narrow(&mut state, 40), " Nothing reaches you: :contact add");
}
