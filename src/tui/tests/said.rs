//! What commands answer.
use super::*;

fn run(state: &mut State, keys: &str) -> String {
    press(state, keys);
    let asked = state.take_effects().into_iter().find_map(|effect| match effect {
        Effect::Run(running) => Some(running.line),
        _ => None,
    });
    asked.expect("it runs")
}

fn answer(state: &mut State, line: &str, text: &str, outcome: Result<(), Error>) {
    let answer = Answer { text: text.into(), outcome };
    state.report(Report::Answered(line.into(), answer));
    state.arrange();
}

#[test]
fn a_line_is_a_message_and_more_is_a_page_over_what_was_there() {
    let mut state = dashboard(night());
    let line = run(&mut state, "j⏎:silence list⏎");
    assert_eq!(line, "silence list");
    assert!(screen(&mut state, 80, 24)[22].starts_with(" :silence list …"), "it is said at once");
    answer(&mut state, &line, "Ended silence 4.\n", Ok(()));
    let shown = screen(&mut state, 80, 24);
    assert!(shown[22].starts_with(" Ended silence 4.") && shown[0].contains("Disk full"));

    let text: Vec<String> = (0..60).map(|n| format!("{n:02}  a line\u{1b}[2J")).collect();
    answer(&mut state, &line, &text.join("\n"), Ok(()));
    let shown = screen(&mut state, 80, 24);
    assert!(shown[0].starts_with(" :silence list ") && shown[0].ends_with("live  03:14:07"));
    assert!(shown[1].starts_with(" 00  a line"), "{}", shown[1]);
    press(&mut state, "a");
    assert!(acts(&mut state).is_empty(), "nothing is hit behind it");
    press(&mut state, "G");
    let shown = screen(&mut state, 80, 24);
    assert!(shown[21].starts_with(" 59  a line"), "{}", shown[21]);
    // Another answer takes its place, and leaving leads back to the incident.
    answer(&mut state, "whoami", "user  bob\nteams payments", Ok(()));
    assert!(screen(&mut state, 80, 24)[1].starts_with(" user  bob"));
    press(&mut state, "?⎋");
    assert!(screen(&mut state, 80, 24)[0].contains("Disk full on db-3"));
}

#[test]
fn an_error_stands_below_what_was_said_before_and_names_what_works_here() {
    let mut state = dashboard(night());
    let line = run(&mut state, ":silence end 4⏎");
    let error = || Error::refused("It is over.").hint("See: incidentd silence list");
    answer(&mut state, &line, "", Err(error()));
    let shown = screen(&mut state, 120, 30);
    assert!(shown[28].contains("It is over. See: :silence list"), "{}", shown[28]);
    assert!(shown[0].contains("UNANSWERED"), "nothing was said to be read");
    answer(&mut state, &line, "one\ntwo\n", Err(error()));
    let shown = screen(&mut state, 120, 30);
    assert!(shown[2].starts_with(" two") && shown[28].contains("It is over."), "{shown:#?}");
    press(&mut state, "?");
    assert!(!screen(&mut state, 80, 24)[22].contains("It is over."), "not over another page");
}

#[test]
fn a_page_that_became_narrow_loses_nothing() {
    let mut state = dashboard(night());
    let line = run(&mut state, ":silence list⏎");
    let text = format!("ID  REASON\n 4  {} end", "deploy ".repeat(12));
    answer(&mut state, &line, &text, Ok(()));
    let shown = screen(&mut state, 40, 24).join("\n");
    assert_eq!(shown.matches("deploy").count(), 12, "{shown}");
    assert!(shown.contains("end"), "{shown}");
}

#[test]
fn a_command_is_completed_and_hints_are_shown() {
    let mut state = dashboard(night());
    press(&mut state, ":s");
    assert!(screen(&mut state, 80, 24)[22].starts_with(" :s  silence snooze"));
    press(&mut state, "⇥");
    assert!(screen(&mut state, 80, 24)[22].starts_with(" :silence  silence snooze"));
    press(&mut state, "⇥⇥");
    assert!(screen(&mut state, 80, 24)[22].starts_with(" :silence  silence snooze"), "round");
    let line = run(&mut state, " l⇥⏎");
    assert_eq!(line, "silence list");
}

#[test]
fn q_leaves_a_page_before_it_leaves_the_dashboard() {
    let quits = |state: &mut State| {
        state.take_effects().iter().any(|effect| matches!(effect, Effect::Quit))
    };
    let mut state = dashboard(night());
    press(&mut state, "⏎?q");
    assert!(!quits(&mut state) && screen(&mut state, 80, 24)[0].contains("Certificate"));
    press(&mut state, "q");
    assert!(!quits(&mut state) && screen(&mut state, 80, 24)[0].contains("UNANSWERED"));
    press(&mut state, "q");
    assert!(quits(&mut state));
    press(&mut state, "⏎");
    state.key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL));
    assert!(quits(&mut state), "from everywhere");
}

#[test]
fn what_was_said_before_is_not_said_of_what_is_asked_now() {
    let mut state = dashboard(night());
    let line = run(&mut state, "j⏎:silence end 4⏎");
    answer(&mut state, &line, "", Err(Error::refused("It is over.")));
    assert!(screen(&mut state, 80, 24)[22].contains("It is over."));
    press(&mut state, "a");
    let shown = screen(&mut state, 80, 24);
    assert!(shown[22].is_empty(), "{}", shown[22]);
    assert!(shown[0].starts_with(" HIGH…  42  Disk full"), "it is on its way: {}", shown[0]);
    assert_eq!(acts(&mut state).len(), 1);
}

#[test]
fn a_command_without_an_answer_may_have_been_done() {
    let mut state = dashboard(night());
    let line = run(&mut state, ":silence end 4⏎");
    let error = Error::new(Kind::Unreachable, "x").hint("Choose another with --server.");
    answer(&mut state, &line, "", Err(error));
    let shown = screen(&mut state, 120, 30);
    let says = " No answer to :silence end 4. Look whether it was done, then try again.";
    assert!(shown[28].starts_with(says), "{}", shown[28]);
}
