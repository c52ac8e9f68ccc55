//! The dashboard as people have it: the built binary in a real terminal (tmux), a real server that
//! is killed and comes back, and every byte that reaches the terminal.
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use incidentd::domain::text::is_hostile;
use serde_json::json;

use crate::harness::{KEY, WORLD, answer, http};
use crate::process::{Serving, incidentd, on_host};

/// A terminal program on a machine that compiles meanwhile.
const PATIENCE: Duration = Duration::from_secs(40);

/// A shell in a terminal of its own, whose every byte is kept.
struct Terminal {
    dir: tempfile::TempDir,
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

impl Terminal {
    fn open(columns: u16, rows: u16, environment: &[(&str, &str)]) -> Self {
        let terminal = Self { dir: tempfile::tempdir().expect("a folder") };
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let mut arguments =
            vec!["-f", "/dev/null", "new-session", "-d", "-x", &columns, "-y", &rows];
        let settings: Vec<String> =
            environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
        for setting in &settings {
            arguments.extend(["-e", setting]);
        }
        arguments.push("env PS1='shell> ' LC_ALL=C.UTF-8 sh");
        terminal.tmux(&arguments);
        terminal.tmux(&["set", "-g", "escape-time", "0"]);
        let keep = format!("cat > '{}'", terminal.dir.path().join("bytes").display());
        terminal.tmux(&["pipe-pane", "-o", &keep]);
        terminal.until("a prompt", |screen| screen.contains("shell>"));
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let socket = self.dir.path().join("tmux");
        let mut command = Command::new("tmux");
        command.arg("-u").arg("-S").arg(socket).args(arguments);
        command.env_remove("TMUX").env("TERM", "xterm-256color");
        let output = command.output().expect("tmux: scripts/test installs it");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn watch(&self, arguments: &str) {
        let binary = env!("CARGO_BIN_EXE_incidentd");
        self.keys(&[&format!("{binary} watch {arguments}; echo left $?"), "Enter"]);
    }

    fn keys(&self, keys: &[&str]) {
        let mut arguments = vec!["send-keys"];
        arguments.extend(keys);
        self.tmux(&arguments);
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    fn bytes(&self) -> String {
        let bytes = std::fs::read(self.dir.path().join("bytes")).expect("kept");
        String::from_utf8(bytes).expect("UTF-8")
    }

    #[track_caller]
    fn until(&self, what: &str, shows: impl Fn(&str) -> bool) -> String {
        let started = Instant::now();
        loop {
            let screen = self.screen();
            if shows(&screen) {
                return screen;
            }
            assert!(started.elapsed() < PATIENCE, "waited in vain for {what}:\n{screen}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

struct World {
    dir: tempfile::TempDir,
    server: Option<Serving>,
    token: String,
    url: String,
}

impl World {
    fn begin() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        on_host(dir.path(), &["user", "add", "root", "--admin"], "");
        let server = Serving::start(dir.path());
        on_host(dir.path(), &["apply", "-f", "-"], WORLD);
        let token = on_host(dir.path(), &["token", "create", "--user", "bob"], "");
        let url = server.url.clone();
        Self { dir, server: Some(server), token: token.trim().to_owned(), url }
    }

    fn terminal(&self, columns: u16, rows: u16, more: &[(&str, &str)]) -> Terminal {
        let mut environment =
            vec![("INCIDENTD_URL", self.url.as_str()), ("INCIDENTD_TOKEN", &self.token)];
        environment.extend(more);
        Terminal::open(columns, rows, &environment)
    }

    fn kill(&mut self) {
        self.server.take().expect("runs").kill();
    }

    /// The same address, the same folder.
    fn come_back(&mut self) {
        let address = self.url.trim_start_matches("http://").to_owned();
        let dir: &Path = self.dir.path();
        let mut command = incidentd();
        command.arg("serve").arg("--data-dir").arg(dir);
        let server = Serving::with(&mut command, &address);
        self.server = Some(server.unwrap_or_else(|(_, said)| panic!("it does not serve: {said}")));
    }

    async fn alert(&self, title: &str) {
        let url = format!("{}/integrations/{KEY}/generic", self.url);
        let (status, said) = answer(http().post(url).json(&json!({"title": title}))).await;
        assert_eq!(status, 202, "{said}");
    }
}

#[tokio::test]
async fn it_lives_through_the_death_of_its_server() {
    let mut world = World::begin();
    let terminal = world.terminal(120, 30, &[]);
    terminal.watch("");
    terminal.until("calm", |screen| screen.contains("All calm") && screen.contains("live"));
    world.alert("Disk full on db-3").await;
    world.alert("Backup slow").await;
    terminal.until("both", |screen| screen.contains("2 UNANSWERED") && screen.contains("Backup"));
    terminal.keys(&["a"]);
    let screen = terminal.until("the ack", |screen| screen.contains("Acknowledged 1."));
    assert!(screen.contains("> ACK"), "{screen}");
    assert!(screen.contains("bob until"), "{screen}");

    world.kill();
    let screen = terminal.until("the truth", |screen| screen.contains("STALE, as of"));
    assert!(screen.contains("Disk full on db-3"), "what was known stays:\n{screen}");
    terminal.keys(&["j", "a"]);
    world.come_back();
    world.alert("While it was away").await;
    let screen = terminal.until("all of it", |screen| {
        screen.contains("While it was away")
            && screen.contains("live")
            && screen.contains("2 acked")
    });
    assert!(screen.contains("1 UNANSWERED"), "{screen}");

    terminal.keys(&["u"]);
    terminal.until("taken back", |screen| screen.contains("2 UNANSWERED"));
    terminal.keys(&["q"]);
    let screen = terminal.until("the shell", |screen| screen.contains("left 0"));
    assert!(!screen.contains("UNANSWERED"), "the screen is as it was:\n{screen}");
}

#[tokio::test]
async fn it_gives_the_terminal_back_whoever_ends_it() {
    let world = World::begin();
    world.alert("Disk full on db-3").await;
    let terminal = world.terminal(80, 24, &[]);
    terminal.watch("");
    terminal.until("the list", |screen| screen.contains("Disk full"));
    terminal.keys(&["C-z"]);
    terminal
        .until("the shell", |screen| screen.contains("shell>") && !screen.contains("UNANSWERED"));
    terminal.keys(&["stty -a; fg", "Enter"]);
    terminal.until("it again", |screen| screen.contains("1 UNANSWERED") && screen.contains("live"));
    terminal.tmux(&["resize-window", "-x", "58", "-y", "20"]);
    terminal
        .until("the new size", |screen| screen.lines().count() == 20 && screen.contains("live"));
    terminal.keys(&["C-z"]);
    terminal
        .until("the shell", |screen| screen.contains("shell>") && !screen.contains("UNANSWERED"));
    // What is typed before it is gone is its own: the shell says when it has the line again.
    terminal.keys(&["clear; kill %1; fg; echo it is ov''er", "Enter"]);
    terminal.until("its end", |screen| screen.contains("it is over"));
    terminal.keys(&["clear; stty -a", "Enter"]);
    terminal
        .until("a sane terminal", |screen| screen.contains(" icanon") && screen.contains(" echo "));
    let bytes = terminal.bytes();
    for (on, off) in [
        ("\u{1b}[?1049h", "\u{1b}[?1049l"),
        ("\u{1b}[?1000h", "\u{1b}[?1000l"),
        ("\u{1b}[?2004h", "\u{1b}[?2004l"),
    ] {
        assert!(bytes.rfind(on) < bytes.rfind(off), "{on:?} is left on");
    }
}

/// What stands after an escape character, as far as it goes.
fn escapes(bytes: &str) -> Vec<String> {
    bytes
        .split('\u{1b}')
        .skip(1)
        .map(|rest| {
            let end = match rest.chars().next() {
                Some('[') => rest[1..].find(|c: char| ('@'..='~').contains(&c)).map(|at| at + 2),
                Some(']') => rest.find(['\u{7}', '\u{9c}']).map(|at| at + 1),
                Some(c) => Some(c.len_utf8()),
                None => None,
            };
            rest[..end.unwrap_or(rest.len())].to_owned()
        })
        .collect()
}

#[tokio::test]
async fn no_sender_drives_the_terminal() {
    let world = World::begin();
    let hostile =
        "a\u{1b}]52;c;eHg=\u{7}b\u{1b}[2J\u{9b}31m\u{202e}c\u{200d}\u{2028}d\u{85}e日本語";
    let url = format!("{}/integrations/{KEY}/generic", world.url);
    let body = json!({"title": hostile, "description": hostile, "labels": {"host": hostile}});
    assert_eq!(answer(http().post(&url).json(&body)).await.0, 202);
    let terminal = world.terminal(120, 30, &[]);
    terminal.watch("--notify");
    terminal.until("the list", |screen| screen.contains("日本語"));
    terminal.keys(&["Enter"]);
    terminal
        .until("the incident", |screen| screen.contains("TIMELINE") && screen.contains("opened"));
    terminal.keys(&["n", "x", "Enter"]);
    terminal.until("the note", |screen| screen.contains("bob: x"));
    let again = json!({"title": format!("second {hostile}")});
    assert_eq!(answer(http().post(&url).json(&again)).await.0, 202);
    terminal.keys(&["Escape"]);
    terminal.until("both", |screen| screen.contains("second"));
    terminal.keys(&["q"]);
    terminal.until("the shell", |screen| screen.contains("left 0"));

    let bytes = terminal.bytes();
    let ours = |c: char| matches!(c, '\u{1b}' | '\u{7}' | '\r' | '\u{8}');
    let odd = bytes.chars().find(|c| is_hostile(*c) && !ours(*c));
    assert_eq!(odd, None);
    for escape in escapes(&bytes) {
        let known = match escape.as_bytes() {
            [b'[', .., end] => b"mHJKhltABCDGd".contains(end),
            [b']', ..] => escape.starts_with("]0;") || escape.starts_with("]9;incidentd: "),
            [b'(' | b')' | b'=' | b'>' | b'7' | b'8'] => true,
            _ => false,
        };
        assert!(known, "{escape:?}");
    }
}

#[tokio::test]
async fn without_colour_none_is_sent_and_a_refused_token_says_so() {
    let world = World::begin();
    world.alert("Disk full on db-3").await;
    let terminal = world.terminal(80, 24, &[("NO_COLOR", "1")]);
    terminal.watch("");
    let screen = terminal.until("the list", |screen| screen.contains("> HIGH"));
    assert!(screen.contains("1 UNANSWERED"), "{screen}");
    terminal.keys(&["q"]);
    terminal.until("the shell", |screen| screen.contains("left 0"));
    for escape in escapes(&terminal.bytes()).iter().filter(|escape| escape.ends_with('m')) {
        let numbers = escape[1..escape.len() - 1].split(';').filter_map(|n| n.parse::<u32>().ok());
        // 39 and 49 are the terminal's own.
        let coloured = |n: &u32| (30..=48).contains(n) && *n != 39 || (90..=107).contains(n);
        assert_eq!(numbers.into_iter().find(coloured), None, "{escape:?}");
    }

    let terminal = world.terminal(120, 30, &[("INCIDENTD_TOKEN", "inc_1_wrong")]);
    terminal.watch("");
    terminal.until("the reason", |screen| {
        screen.contains("Log in again: incidentd login") && screen.contains("left 4")
    });
}

#[tokio::test]
async fn the_mouse_selects_and_opens_and_a_link_is_copied() {
    use base64::Engine;
    let world = World::begin();
    world.alert("Disk full on db-3").await;
    world.alert("Backup slow").await;
    let terminal = world.terminal(120, 30, &[]);
    terminal.watch("");
    terminal.until("both", |screen| screen.contains("Disk full") && screen.contains("Backup"));
    // As terminals tell of a click (SGR): button, column, row, pressed and let go.
    let click = |row: u8| {
        let at = format!("\u{1b}[<0;20;{row}M\u{1b}[<0;20;{row}m");
        terminal.keys(&["-l", &at]);
    };
    let second = |screen: &str| screen.lines().nth(3).is_some_and(|line| line.starts_with("> "));
    click(4);
    terminal.until("the second one", second);
    terminal.keys(&["y"]);
    terminal.until("the copy", |screen| screen.contains("Copied http"));
    let link = format!("{}/incidents/2", world.url);
    let copied = base64::engine::general_purpose::STANDARD.encode(link);
    assert!(terminal.bytes().contains(&format!("\u{1b}]52;c;{copied}")), "{copied}");
    click(4);
    terminal.until("its page", |screen| screen.contains("TIMELINE") && screen.contains("Backup"));
    terminal.keys(&["q", "q"]);
    terminal.until("the shell", |screen| screen.contains("left 0"));
}

#[tokio::test]
async fn o_opens_the_incident_in_the_browser() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::begin();
    world.alert("Disk full on db-3").await;
    let dir = tempfile::tempdir().expect("a folder");
    let (opener, opened) = (dir.path().join("xdg-open"), dir.path().join("opened"));
    std::fs::write(&opener, format!("#!/bin/sh\nprintf %s \"$1\" > '{}'\n", opened.display()))
        .expect("written");
    std::fs::set_permissions(&opener, std::fs::Permissions::from_mode(0o755)).expect("a program");
    let terminal = world.terminal(120, 30, &[]);
    terminal.keys(&[&format!("PATH='{}':$PATH", dir.path().display()), "Enter"]);
    terminal.watch("");
    terminal.until("the incident", |screen| screen.contains("Disk full"));
    terminal.keys(&["o"]);
    let link = format!("{}/incidents/1", world.url);
    terminal.until("the page", |_| std::fs::read_to_string(&opened).is_ok_and(|it| it == link));
}

#[tokio::test]
async fn moments_are_those_of_the_clock_here_and_say_so() {
    let world = World::begin();
    world.alert("Disk full on db-3").await;
    let terminal = world.terminal(80, 40, &[("TZ", "Asia/Kathmandu")]);
    let binary = env!("CARGO_BIN_EXE_incidentd");
    let line = format!(
        "i() {{ {binary} \"$@\"; }}; i snooze 1 --until 09:00 && i show 1 && i timeline 1; echo left $?"
    );
    terminal.keys(&[&line, "Enter"]);
    let screen = terminal.until("the end", |screen| screen.contains("left 0"));
    assert!(screen.contains("Snoozed 1 until 20"), "{screen}");
    // Said, shown, and told in the timeline: beside when it was opened, and snoozed.
    assert_eq!(screen.matches("09:00:00 +0545").count(), 3, "{screen}");
    assert_eq!(screen.matches("+0545").count(), 7, "{screen}");
}

#[tokio::test]
async fn the_command_line_is_there_too_and_its_answers_are_read_there() {
    let world = World::begin();
    let terminal = world.terminal(80, 24, &[]);
    let type_in = |line: &str| terminal.keys(&["-l", line]);
    let run = |line: &str| {
        type_in(line);
        terminal.keys(&["Enter"]);
    };
    terminal.watch("");
    terminal.until("calm", |screen| screen.contains("All calm") && screen.contains("live"));
    run(":whoami");
    let screen = terminal.until("who", |screen| screen.contains("credential"));
    assert!(screen.starts_with(" :whoami ") && screen.contains("payments (responder)"), "{screen}");
    run(":silence list");
    terminal.until("none", |screen| screen.contains("There are none."));
    run(":silence add --team payments host=db-3 --for 2h --reason 'a deploy'");
    terminal.until("a hint for here", |screen| screen.contains("End it: :silence end 1"));
    type_in(":sil");
    terminal.keys(&["Tab"]);
    type_in("l");
    terminal.keys(&["Tab", "Enter"]);
    let screen = terminal.until("the silence", |screen| screen.contains("a deploy"));
    assert!(screen.starts_with(" :silence list ") && screen.contains("MATCHERS"), "{screen}");
    run(":route test host=db-3 --service checkout");
    terminal.until("the way", |screen| screen.contains("payments-default"));
    run(":user set-password");
    terminal.until("no question", |screen| screen.contains("Nothing can be asked here"));
    run(":page bob 'look at this'");
    terminal.until("who is told", |screen| screen.contains("Opened 1. Nobody could be told"));
    run(":login");
    let screen = terminal.until("a shell", |screen| screen.contains("`login` is typed in a shell"));
    assert!(screen.contains(" :login"), "what was typed is there to be mended:\n{screen}");
    terminal.keys(&["Escape"]);
    run(":silence end 7");
    terminal.until("an error", |screen| screen.contains("does not exist"));
    terminal.keys(&["q", "q"]);
    terminal.until("the shell", |screen| screen.contains("left 0"));

    terminal.watch("--readonly");
    terminal.until("the page", |screen| screen.contains("look at this") && screen.contains("live"));
    run(":silence end 1");
    let screen =
        terminal.until("a refusal", |screen| screen.contains("this dashboard is --readonly"));
    assert!(!screen.contains("Look how it stands"), "{screen}");
    run(":silence list");
    terminal.until("the silence", |screen| screen.contains("a deploy"));
    assert_eq!(on_host(world.dir.path(), &["silence", "list", "-q"], "").trim(), "1");
    terminal.keys(&["q", "q"]);
    terminal.until("the shell", |screen| screen.contains("left 0"));
}
