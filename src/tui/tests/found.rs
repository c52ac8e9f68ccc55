//! What somebody who tried to break it found: what is taken back, how far it scrolls, whose teams.
use std::time::Duration;

use serde_json::json;

use super::*;

fn notes(state: &mut State) -> Vec<String> {
    let told = state.take_effects().into_iter().filter_map(|effect| match effect {
        Effect::Notify(words) => Some(words),
        _ => None,
    });
    told.collect()
}

fn of_search(id: i64) -> Incident {
    incident(id, 5, "Slow", &json!({"team": {"id": 2, "slug": "search", "name": "Search"}}))
}

#[test]
fn what_cannot_be_taken_back_hides_what_was_done_before_it() {
    let mut state = dashboard(night());
    press(&mut state, "ja");
    let asked = acts(&mut state).remove(0);
    let mut mine = acked_by("alice", "2026-11-23T11:14:00Z");
    mine["seq"] = json!(102);
    done(&mut state, asked, incident(42, 14, "Disk full on db-3", &mine), "Acknowledged 42.");
    press(&mut state, "je");
    let asked = acts(&mut state).remove(0);
    assert_eq!(asked.actions, [Action::Escalate {}]);
    let other = incident(asked.ids[0].0, 22, "Backup slow", &json!({"seq": 103}));
    done(&mut state, asked, other, "Escalated 40 to bob.");
    press(&mut state, "u");
    assert!(acts(&mut state).is_empty(), "42 is not what was done last");
    let said = "What you did last cannot be taken back. u again: what came before it.";
    assert!(screen(&mut state, 120, 30)[28].contains(said));
    press(&mut state, "u");
    assert_eq!(acts(&mut state)[0].ids, [IncidentId(42)]);
}

#[test]
fn escalating_what_i_had_is_taken_back_by_having_it_again() {
    let mut mine = acked_by("alice", "2026-11-23T11:14:00Z");
    mine["acknowledgedBy"]["id"] = json!(1);
    let mut state = dashboard(vec![incident(42, 14, "Disk full", &mine)]);
    press(&mut state, "e");
    let asked = acts(&mut state).remove(0);
    done(&mut state, asked, incident(42, 14, "Disk full", &json!({"seq": 101})), "Escalated 42.");
    press(&mut state, "u");
    let [undo] = &acts(&mut state)[..] else { panic!("an undo") };
    assert!(matches!(undo.actions[..], [Action::Acknowledge { .. }]));
}

#[test]
fn scrolling_ends_where_the_page_does() {
    let mut state = dashboard(night());
    let labels: serde_json::Map<_, _> = (0..60).map(|n| (format!("l{n:02}"), json!("x"))).collect();
    let many = incident(57, 2, "Many", &json!({"labels": labels, "untold": true}));
    state.apply(event(101, "updated", many, &json!({"reason": "severity"})));
    state.arrange();
    press(&mut state, "⏎gG");
    assert!(screen(&mut state, 80, 24)[2].starts_with(" TIMELINE"));
    press(&mut state, "⇥⇥");
    screen(&mut state, 80, 24);
    press(&mut state, "G");
    let end = screen(&mut state, 80, 24);
    press(&mut state, "k");
    assert_ne!(screen(&mut state, 80, 24), end, "one line back at once");
    press(&mut state, "g");
    assert!(screen(&mut state, 80, 24)[3].contains("l00=x"));
    press(&mut state, "?");
    screen(&mut state, 40, 12);
    press(&mut state, "G");
    let end = screen(&mut state, 40, 12);
    press(&mut state, "k");
    assert_ne!(screen(&mut state, 40, 12), end);
}

#[test]
fn a_desktop_is_told_no_more_often_than_the_bell_rings() {
    let mut state = dashboard(night());
    let fresh = |seq| event(seq, "created", incident(seq, 0, "New", &json!({})), &json!({}));
    state.apply(fresh(101));
    assert_eq!(notes(&mut state), ["101 New"]);
    for seq in 102..=106 {
        state.apply(fresh(seq));
    }
    assert!(notes(&mut state).is_empty());
    state.tick(now(), Duration::from_secs(1_006));
    assert_eq!(notes(&mut state), ["5 call, the last is 106 New"]);
}

#[test]
fn a_team_s_tab_is_told_of_and_hides_no_fire_elsewhere() {
    let mut state = dashboard([night(), vec![of_search(70)]].concat());
    press(&mut state, "⇥⇥");
    state.apply(event(
        101,
        "resolved",
        {
            let mut over = of_search(70);
            over.status = crate::domain::Status::Resolved;
            over
        },
        &json!({"reason": "source", "note": null}),
    ));
    press(&mut state, "jk");
    for columns in [120, 58] {
        let shown = screen(&mut state, columns, 20);
        assert!(shown[0].contains("All calm  2 UNANSWERED elsewhere"), "{}", shown[0]);
    }
    assert!(screen(&mut state, 120, 20)[0].contains("[search]"));
    assert!(screen(&mut state, 40, 20)[0].starts_with(" All calm  +2  "));
    assert_eq!(state.title(), "(2) incidentd");
    let asks = state.take_effects().into_iter().find_map(|effect| match effect {
        Effect::AskHearing(teams) => Some(teams),
        _ => None,
    });
    assert_eq!(asks.expect("asked"), ["search"], "what others heard proves nothing");
    press(&mut state, "H");
    let asked = state.take_effects();
    let only =
        |effect: &Effect| matches!(effect, Effect::AskHistory(teams) if teams == &["search"]);
    assert!(asked.iter().any(only), "{asked:?}");
    state.settings.teams = vec!["search".into(), "payments".into()];
    press(&mut state, "H⇥");
    assert_eq!(state.board.team(), Some("payments"), "in the order that they were named in");
}

#[test]
fn what_is_too_long_for_its_row_is_read_whole() {
    let title = "Replication of the ledger to the other region ".repeat(4);
    let mut state = dashboard(vec![incident(7, 3, &title, &json!({"description": "since noon"}))]);
    press(&mut state, "⏎");
    let shown = screen(&mut state, 80, 24);
    assert!(shown[0].contains('…') && shown[0].ends_with("live  03:14:07"), "{}", shown[0]);
    press(&mut state, "⇥⇥");
    let shown = screen(&mut state, 80, 24).join("\n");
    assert!(shown.contains("DESCRIPTION") && shown.contains("since noon"), "{shown}");
    assert!(shown.matches("ledger").count() > 4, "{shown}");
    press(&mut state, "a");
    let asked = acts(&mut state).remove(0);
    let hint = "It is refused for a long reason, which says what to do next. ".repeat(3) + "End.";
    let error = Error::new(Kind::Refused, hint);
    state.report(Report::Acted(Box::new(asked), vec![(IncidentId(7), Err(error))]));
    let shown = screen(&mut state, 80, 24);
    assert!(shown[22].contains("End.") && shown[20].contains("It is refused"), "{shown:#?}");
}

#[test]
fn alerts_are_told_apart_by_what_is_their_own() {
    let mut state = dashboard(night());
    press(&mut state, "j⏎");
    let alert = |id: i64, host: &str| {
        json!({"id": id, "status": "firing", "title": "DiskFull", "severity": "critical",
            "labels": {"instance": host, "job": "node"}, "source": "prometheus", "firstAt": now(),
            "lastAt": now(), "startsAt": null, "endedAt": null, "endedBy": null, "stale": false,
            "count": 1})
    };
    let alerts = serde_json::from_value(json!([alert(1, "db-3"), alert(2, "db-4")]));
    state.report(Report::Alerts(IncidentId(42), Ok(alerts.expect("alerts"))));
    press(&mut state, "⇥");
    let shown = screen(&mut state, 80, 24);
    assert!(shown[3].contains("firing   db-3  DiskFull"), "{}", shown[3]);
    assert!(shown[4].contains("firing   db-4  DiskFull"), "{}", shown[4]);
}

#[test]
fn who_is_next_and_when_is_never_cut_off() {
    let crew = ["alice", "bob", "carol", "dave", "channel:payments-chat"];
    let told =
        |name: &str| json!({"user": name, "channel": "ntfy", "at": ago(3), "outcome": "delivered"});
    let told: Vec<_> = crew.iter().map(|name| told(name)).collect();
    let mut state = dashboard(vec![incident(
        7,
        14,
        "Disk full",
        &json!({"assignees": [person(1, "alice")], "escalation": {"state": "pending",
            "nextAt": now() + SignedDuration::from_secs(72), "nextTargets": crew, "told": told}}),
    )]);
    press(&mut state, "⏎");
    for columns in [120, 80, 60, 50, 40, 30] {
        let shown = screen(&mut state, columns, 24);
        assert!(shown[1].contains("Next: alice") && shown[1].contains("in 1:12."), "{}", shown[1]);
    }
    let wide = screen(&mut state, 120, 24);
    assert!(wide[1].contains("alice told by ntfy 03:11, delivered; 4 more. Next: "), "{}", wide[1]);
    let narrow = screen(&mut state, 80, 24);
    assert!(narrow[1].contains(" alice and 4 more told. Next: alice and 4 more"), "{}", narrow[1]);
}

#[test]
fn the_head_is_cut_nowhere_without_a_mark() {
    let many: Vec<Incident> = (1..=238).map(|id| incident(id, 5, "Slow", &json!({}))).collect();
    let mut state = dashboard(many);
    for columns in 20..60 {
        let head = screen(&mut state, columns, 12).remove(0);
        assert!(
            head.starts_with(" 238 UNANSWERED  ")
                || head.starts_with(" 238 ") && head.contains('…'),
            "{head}"
        );
        assert!(head.contains("live"), "{head}");
    }
    assert_eq!(screen(&mut state, 30, 12)[0], " 238 UNANSWERED          live");
    press(&mut state, "/slow⏎");
    assert_eq!(screen(&mut state, 40, 12)[0], " 238 UNANSWERED  /slow…  live  03:14:07");
    state.apply(Live::Lost {
        why: "no sign of life".into(),
        attempt: 1,
        next_in: Duration::from_secs(4),
        silent: Duration::ZERO,
    });
    let shown = screen(&mut state, 30, 12);
    assert_eq!(shown[0], " 238 UNANSWE…  as of 03:14:07");
    assert_eq!(shown[10], " Connection lost");
}

#[test]
fn a_small_screen_names_what_it_has_no_room_for() {
    let mut state = dashboard(night());
    press(&mut state, "j⏎");
    let alert = json!({"id": 1, "status": "firing", "title": "Disk full on db-3", "labels": {},
        "severity": "critical", "source": "prometheus", "firstAt": now(), "lastAt": now(),
        "startsAt": null, "endedAt": null, "endedBy": null, "stale": false, "count": 1});
    let alerts = serde_json::from_value(json!([alert])).expect("alerts");
    state.report(Report::Alerts(IncidentId(42), Ok(alerts)));
    assert_eq!(screen(&mut state, 30, 10)[2], " TIMELINE  ALERTS 1/1  LABELS");
    press(&mut state, "⇥");
    assert_eq!(screen(&mut state, 40, 10)[3], " firing   Disk full on db-3          0s");
    assert!(screen(&mut state, 60, 10)[3].contains("prometheus"));
    press(&mut state, "s");
    assert_eq!(screen(&mut state, 60, 10)[9], " for 30m, 2h, or until 08:00  esc leave it");
    press(&mut state, "⎋");
    state.apply(Live::Lost {
        why: "x".into(),
        attempt: 2,
        next_in: Duration::from_secs(4),
        silent: Duration::ZERO,
    });
    for (columns, said) in [(60, "as of 03:14:07, try 2 in 4 s"), (40, "as of 03:14:07")] {
        let head = screen(&mut state, columns, 10).remove(0);
        assert!(head.starts_with(" HIGH  42  Disk full") && head.ends_with(said), "{head}");
    }
    let error = Error::new(Kind::Unreachable, "x");
    state.report(Report::Alerts(IncidentId(42), Err(error)));
    assert!(state.message.is_none(), "it is said already");
    state.take_effects();
    state.apply(Live::CaughtUp { changes: 0 });
    let asks = state.take_effects();
    assert!(asks.iter().any(|effect| matches!(effect, Effect::Alerts(IncidentId(42)))));
}

#[test]
fn no_team_is_half_named() {
    let mut state = dashboard([night(), vec![of_search(70)]].concat());
    for columns in 60..100 {
        let shown = screen(&mut state, columns, 20);
        let (teams, _) = shown[0].split_once("live").expect("live");
        let teams: Vec<&str> = teams.split_whitespace().skip(6).collect();
        assert!(teams.iter().all(|team| ["payments", "search"].contains(team)), "{}", shown[0]);
    }
}

#[test]
fn what_goes_on_beyond_the_screen_is_marked() {
    let many = |n: i64| (1..=n).map(|id| incident(id, 200 - id, "Disk full", &json!({})));
    for (columns, rows) in [(120, 30), (80, 24), (40, 12)] {
        let (columns, rows, last) = (columns, rows, usize::from(rows) - 3);
        let mut state = dashboard(many(100).collect());
        let first = usize::from(crate::tui::layout::list_top(columns));
        let marked = |shown: &[String]| (shown[first].ends_with('↑'), shown[last].ends_with('↓'));
        assert_eq!(marked(&screen(&mut state, columns, rows)), (false, true));
        press(&mut state, &"j".repeat(50));
        assert_eq!(marked(&screen(&mut state, columns, rows)), (true, true));
        press(&mut state, "G");
        assert_eq!(marked(&screen(&mut state, columns, rows)), (true, false));
        state = dashboard(many(3).collect());
        let shown = screen(&mut state, columns, rows).join("");
        assert!(!shown.contains('↑') && !shown.contains('↓'), "all of it is there: {shown}");
    }
    let mut state = dashboard(night());
    let labels: serde_json::Map<_, _> = (0..60).map(|n| (format!("l{n:02}"), json!("x"))).collect();
    let long = incident(57, 2, "Many", &json!({"labels": labels, "untold": true}));
    state.apply(event(101, "updated", long, &json!({"reason": "severity"})));
    press(&mut state, "⏎");
    let wide = screen(&mut state, 120, 30);
    assert!(wide[27].ends_with("more ↓"), "not of the pane that has the keys: {}", wide[27]);
    press(&mut state, "⇥⇥");
    screen(&mut state, 80, 24);
    press(&mut state, "jj");
    let shown = screen(&mut state, 80, 24);
    assert!(shown[3].ends_with(" 2 more ↑") && shown[21].ends_with("more ↓"), "{shown:#?}");
    press(&mut state, "?");
    let shown = screen(&mut state, 60, 20);
    assert!(!shown[1].contains('↑') && shown[17].ends_with('↓'), "{shown:#?}");
}

#[test]
fn a_second_key_after_several_were_acted_on_hits_nothing_else() {
    let acked = |seq: i64| {
        let mut acked = acked_by("alice", "2026-11-23T11:14:00Z");
        acked["seq"] = json!(seq);
        acked
    };
    let answer = |state: &mut State, seq: i64| {
        let asked = acts(state).remove(0);
        let acted = |id: &IncidentId| {
            let incident = incident(id.0, 5, "Disk full", &acked(seq));
            (*id, Ok(Acted { incident, changed: true, message: String::new() }))
        };
        let results = asked.ids.iter().map(acted).collect();
        state.report(Report::Acted(Box::new(asked), results));
        state.arrange();
    };
    let mut state = dashboard(night());
    press(&mut state, "  ay");
    assert_eq!(state.board.selected(), Some(IncidentId(40)), "beside those that were marked");
    let worse = incident(99, 90, "Worse", &json!({"untold": true}));
    state.apply(event(101, "created", worse, &json!({})));
    answer(&mut state, 102);
    press(&mut state, "a");
    assert!(acts(&mut state).is_empty() && state.prompt.is_none());
    assert!(screen(&mut state, 120, 30)[28].contains("Nothing is selected."));
    press(&mut state, "j");
    assert_eq!(state.board.selected(), Some(IncidentId(40)), "found again");

    // One alone does not even ask.
    let mut state = dashboard(night());
    press(&mut state, " a");
    answer(&mut state, 102);
    press(&mut state, "ar");
    assert!(acts(&mut state).is_empty() && state.prompt.is_none());
    // Whoever moved on meanwhile means what is there.
    let mut state = dashboard(night());
    press(&mut state, " aj");
    let at = state.board.selected();
    answer(&mut state, 102);
    assert_eq!(state.board.selected(), at);
    // Among them, it stays where it is, and is what a second key hits.
    let mut state = dashboard(night());
    press(&mut state, "  kay");
    answer(&mut state, 102);
    assert_eq!(state.board.selected(), Some(IncidentId(42)));
    press(&mut state, "a");
    assert_eq!(acts(&mut state)[0].ids, [IncidentId(42)]);
}

#[test]
fn an_answer_while_it_is_lost_means_that_the_server_is_back() {
    let again = |state: &mut State| {
        state.take_effects().iter().any(|effect| matches!(effect, Effect::Reconnect))
    };
    let mut state = dashboard(night());
    let lost =
        |next_in| Live::Lost { why: "x".into(), attempt: 5, next_in, silent: Duration::ZERO };
    press(&mut state, "a");
    let asked = acts(&mut state).remove(0);
    done(&mut state, asked, incident(57, 2, "Certificate", &json!({"seq": 101})), "Done.");
    assert!(!again(&mut state), "it is live");
    state.apply(lost(Duration::from_secs(30)));
    press(&mut state, "a");
    let asked = acts(&mut state).remove(0);
    let error = Error::new(Kind::Unreachable, "x");
    state.report(Report::Acted(Box::new(asked.clone()), vec![(IncidentId(57), Err(error))]));
    assert!(!again(&mut state), "nothing answered");
    done(&mut state, asked, incident(57, 2, "Certificate", &json!({"seq": 102})), "Done.");
    assert!(again(&mut state));
}
