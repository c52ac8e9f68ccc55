//! A dashboard that breaks, in a terminal of its own.
use std::process::Command;

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::super::screen::Screen;

/// Set for the run that breaks.
const BREAKS: &str = "INCIDENTD_TEST_BREAKS";
const NAME: &str = "tui::tests::broken::it_gives_the_terminal_back_and_says_why";

#[test]
fn it_gives_the_terminal_back_and_says_why() {
    if std::env::var_os(BREAKS).is_some() {
        let _screen = Screen::enter().expect("a terminal");
        // Inside of a frame, where a mistake would be.
        let mut other = Terminal::new(TestBackend::new(1, 1)).expect("a frame");
        let _ = other.draw(|_| panic!("it broke"));
        return;
    }
    let this = std::env::current_exe().expect("this program");
    let shell = format!(
        "{BREAKS}=1 '{}' --exact {NAME} --nocapture; echo left $?; stty -a",
        this.display()
    );
    let output = Command::new("script")
        .args(["-qec", &shell, "/dev/null"])
        .env("TERM", "xterm-256color")
        .output()
        .expect("script, of bsdutils");
    let said = String::from_utf8_lossy(&output.stdout);
    let at = |what: &str| said.find(what).unwrap_or_else(|| panic!("{what:?} is not in {said:?}"));
    let (entered, left) = (at("\x1b[?1049h"), at("\x1b[?1049l"));
    assert!(entered < left && left < at("it broke"), "{said:?}");
    assert!(at("\x1b[?25h") > entered && at("\x1b[?1000l") > entered, "{said:?}");
    assert!(at("it broke") < at("left 101"), "{said:?}");
    let modes: Vec<&str> = said[at("left 101")..].split_whitespace().collect();
    for mode in ["icanon", "echo", "isig"] {
        assert!(modes.contains(&mode), "{mode} is not set: {said:?}");
    }
}
