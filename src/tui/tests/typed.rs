//! What is typed into prompts, and what becomes of it when it is wrong.
use super::*;
use crate::tui::prompt::What;

fn fail(state: &mut State, error: &Error) {
    let asked = acts(state).remove(0);
    let results = asked.ids.iter().map(|id| (*id, Err(error.clone()))).collect();
    state.report(Report::Acted(Box::new(asked), results));
    state.arrange();
}

#[test]
fn a_wrong_entry_stays_with_what_is_wrong_above_it() {
    let mut state = dashboard(night());
    press(&mut state, "jsabc⏎");
    let shown = screen(&mut state, 80, 24);
    assert_eq!(shown[21], " `abc` is no time. Type 30m, 2h or 3d, or 08:00.");
    assert!(shown[22].ends_with("08:00: abc"), "{}", shown[22]);
    assert!(screen(&mut state, 58, 20)[18].ends_with(" Snooze 42: abc"));
    press(&mut state, "d");
    assert!(!screen(&mut state, 80, 24)[21].contains("is no time"), "it is another by now");
    assert!(acts(&mut state).is_empty());
    press(&mut state, "⎋s");
    assert!(screen(&mut state, 80, 24)[22].ends_with("08:00:"), "left is left");
    press(&mut state, "30m⏎");
    assert_eq!(acts(&mut state)[0].ids, [IncidentId(42)]);
}

#[test]
fn a_line_that_is_longer_than_the_row_says_so() {
    let mut state = dashboard(night());
    press(&mut state, "n0123456789012345678901234567890123456789");
    let shown = screen(&mut state, 40, 12);
    assert!(
        shown[10].starts_with(" Note on 57, text: …") && shown[10].ends_with("789"),
        "{}",
        shown[10]
    );
}

#[test]
fn a_wrong_command_stays_with_what_is_wrong_above_it() {
    let mut state = dashboard(night());
    press(&mut state, "j:snooze --for never⏎");
    let shown = screen(&mut state, 80, 24);
    assert_eq!(shown[21], " no time");
    assert!(shown[22].starts_with(" :snooze --for never"), "{}", shown[22]);
    press(&mut state, "x");
    assert!(screen(&mut state, 80, 24)[21].is_empty(), "it is another by now");
    press(&mut state, "⎋:ack 'x⏎");
    let shown = screen(&mut state, 80, 24);
    assert_eq!(shown[21], " A ' is not closed.");
    assert!(shown[22].starts_with(" :ack 'x"), "{}", shown[22]);
    press(&mut state, "⎋");
    assert!(screen(&mut state, 80, 24)[21].is_empty());
    press(&mut state, ":snooze --for 30m⏎");
    assert_eq!(acts(&mut state)[0].ids, [IncidentId(42)]);
}

#[test]
fn what_the_server_does_not_take_is_there_to_be_mended() {
    let mut state = dashboard(night());
    press(&mut state, "jmbo⏎");
    fail(&mut state, &Error::not_found("User `bo`"));
    let shown = screen(&mut state, 80, 24);
    assert_eq!(shown[21], " Nobody called `bo` may have it. Type a username, or me.");
    assert!(shown[22].ends_with("me: bo"), "{}", shown[22]);
    press(&mut state, "b⏎");
    let [asked] = &acts(&mut state)[..] else { panic!("one act") };
    assert!(matches!(&asked.actions[0], Action::Reassign { to, .. } if to == "bob"));

    press(&mut state, "s3000d⏎");
    fail(&mut state, &Error::invalid("for", "is more than a year"));
    assert_eq!(screen(&mut state, 80, 24)[21], " `3000d` is more than a year.");
    press(&mut state, "⎋na long story⏎");
    fail(&mut state, &Error::new(Kind::Unreachable, "x"));
    let shown = screen(&mut state, 80, 24);
    assert_eq!(shown[21], " No answer for 42. Trying again is safe.");
    assert!(shown[22].ends_with("text: a long story"), "{}", shown[22]);
    press(&mut state, "⏎");
    assert_eq!(acts(&mut state)[0].actions, [Action::AddNote { body: "a long story".into() }]);
}

#[test]
fn a_late_answer_takes_no_key_that_was_meant_for_something_else() {
    let mut state = dashboard(night());
    press(&mut state, "jna long story⏎");
    press(&mut state, "k");
    fail(&mut state, &Error::new(Kind::Unreachable, "x"));
    assert!(state.prompt.is_none());
    assert!(screen(&mut state, 80, 24)[22].contains("No answer for 42."));
    press(&mut state, "n");
    assert!(screen(&mut state, 80, 24)[22].ends_with("text:"), "not for another incident");
    // Said no to, it is there as well.
    press(&mut state, "⎋  n⎋nfor both⏎n");
    assert!(acts(&mut state).is_empty());
    assert!(screen(&mut state, 80, 24)[22].contains("Nothing was done."));
    press(&mut state, "n");
    assert!(screen(&mut state, 80, 24)[22].ends_with("text: for both"));
    press(&mut state, "⏎y");
    assert_eq!(acts(&mut state)[0].ids.len(), 2);
    assert!(matches!(&acts(&mut state)[..], []));
    press(&mut state, "n");
    let Some(crate::tui::prompt::Prompt::Ask { what: What::Note, line, .. }) = &state.prompt else {
        panic!("asked anew")
    };
    assert_eq!(line.value(), "", "it was sent");
}

#[test]
fn undo_says_what_it_undid() {
    let mut state = dashboard(night());
    let answered = |state: &mut State, seq: i64, more: &Value, message: &str| {
        let asked = acts(state).remove(0);
        let acted = |id: &IncidentId| {
            let mut more = more.clone();
            more["seq"] = json!(seq);
            let incident = incident(id.0, 5, "Disk full", &more);
            (*id, Ok(Acted { incident, changed: true, message: message.into() }))
        };
        let results = asked.ids.iter().map(acted).collect();
        state.report(Report::Acted(Box::new(asked), results));
        state.arrange();
    };
    let mine = acked_by("alice", "2026-11-23T11:14:00Z");
    press(&mut state, "  ay");
    answered(&mut state, 101, &mine, "");
    assert!(screen(&mut state, 120, 30)[28].contains("Acknowledged 2 incidents. u undo"));
    press(&mut state, "u");
    let question = screen(&mut state, 120, 30)[28].clone();
    assert!(question.contains("Undo that you acknowledged 2 incidents? [y/N]"), "{question}");
    let narrow = screen(&mut state, 40, 15)[12..14].join("");
    assert!(narrow.contains(" incidents? [y/N]") && narrow.contains("Undo that"), "{narrow}");
    press(&mut state, "y");
    answered(&mut state, 102, &json!({}), "");
    assert_eq!(screen(&mut state, 120, 30)[28], " Undone: acknowledged 2 incidents.");

    press(&mut state, "⎋⎋ga");
    answered(&mut state, 103, &mine, "");
    press(&mut state, "u");
    answered(&mut state, 104, &json!({}), "57 is triggered again.");
    let said = screen(&mut state, 120, 30)[28].clone();
    assert!(said.starts_with(" Undone: acknowledged ") && said.ends_with("again."), "{said}");
}

#[test]
fn several_that_are_merged_say_what_became_of_the_other() {
    let mut state = dashboard(night());
    press(&mut state, "  :merge⏎");
    assert!(screen(&mut state, 80, 24)[22].contains("Merge 2 incidents into 39? [y/N]"));
    press(&mut state, "y");
    let asked = acts(&mut state).remove(0);
    let says = |id: i64, more: &str| {
        let incident = incident(id, 5, "Disk full", &json!({"seq": 200, "status": "resolved"}));
        let message = format!("Merged {id} into 39.{more}");
        (incident.id, Ok(Acted { incident, changed: true, message }))
    };
    let again = " 39 is triggered again: nobody had answered 57.";
    let results = vec![says(57, again), says(42, "")];
    state.report(Report::Acted(Box::new(asked), results));
    let said = screen(&mut state, 120, 30)[28].clone();
    assert_eq!(said, format!(" Merged 2 incidents into 39.{again}"));
}

#[test]
fn a_dashboard_that_only_looks_explains_what_works() {
    let mut state = dashboard(night());
    state.settings.readonly = true;
    press(&mut state, " ");
    assert!(state.board.marked.is_empty());
    assert!(screen(&mut state, 80, 24)[22].contains("this dashboard is --readonly"));
    press(&mut state, "?");
    let shown = screen(&mut state, 80, 50).join("\n");
    assert!(shown.contains("it looks, and changes nothing"), "{shown}");
    for word in ["acknowledge", "resolve", "snooze", "add a note", "undo", "select;", "ack --for"] {
        assert!(!shown.contains(word), "{word}: {shown}");
    }
    for word in ["silence list", "narrow as I type", "copy its link", "next team"] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
}

#[test]
fn what_came_by_itself_needs_no_author() {
    let mut state = dashboard(night());
    press(&mut state, "j⏎");
    let of = |seq, actor: Value| {
        let more = json!({"actor": actor, "reason": "snooze_ended", "merged": 7});
        let Live::Event(event) = event(seq, "updated", night().remove(2), &more) else { panic!() };
        event.event.expect("known")
    };
    let system = json!({"kind": "system", "id": null, "name": "incidentd"});
    let events = vec![of(43, system), of(44, json!({"kind": "user", "id": 2, "name": "bob"}))];
    state.report(Report::Timeline(IncidentId(42), Ok(events)));
    let shown = screen(&mut state, 80, 24);
    assert_eq!(shown[3], " 03:14:07  snooze ended: 7");
    assert_eq!(shown[4], " 03:14:07  snooze ended by bob: 7", "who, before what more there is");
}

#[test]
fn what_its_source_says_is_no_deed_of_the_source() {
    let mut state = dashboard(night());
    press(&mut state, "j⏎");
    let more = json!({"reason": "source", "note": "it recovered"});
    let Live::Event(over) = event(43, "resolved", night().remove(2), &more) else { panic!() };
    let events = vec![over.event.expect("known")];
    state.report(Report::Timeline(IncidentId(42), Ok(events)));
    let shown = screen(&mut state, 80, 24);
    assert_eq!(shown[3], " 03:14:07  prometheus says that it is over: it recovered");
}

#[test]
fn a_step_that_somebody_asked_for_names_him_first() {
    let mut state = dashboard(night());
    press(&mut state, "j⏎");
    let more = json!({"actor": {"kind": "user", "id": 2, "name": "bob"}, "round": 1, "step": 2,
        "targets": ["user:erin"], "notified": ["erin"], "skipped": []});
    let Live::Event(told) = event(43, "escalated", night().remove(2), &more) else { panic!() };
    let events = vec![told.event.expect("known")];
    state.report(Report::Timeline(IncidentId(42), Ok(events)));
    assert_eq!(screen(&mut state, 80, 24)[3], " 03:14:07  escalated by bob, step 2: tells erin");
}

#[test]
fn what_stands_on_the_screen_may_be_named() {
    let mut state = dashboard(night());
    state.report(Report::Met("payments".into(), vec!["carol".into()]));
    let known = state.known();
    assert_eq!(known.open, ["57", "42", "40", "39"], "in the order of the list");
    assert_eq!(known.services, ["backups", "checkout", "edge"]);
    assert_eq!(known.teams, ["payments"]);
    assert_eq!(known.people, ["alice", "bob", "carol"]);
}

#[test]
fn an_explanation_is_laid_out_for_the_screen_that_there_is() {
    let mut state = dashboard(night());
    press(&mut state, ":explain⏎");
    assert!(screen(&mut state, 80, 24)[1].starts_with(" in 78 columns"));
    assert!(screen(&mut state, 40, 24)[1].starts_with(" in 38 columns"));
}
