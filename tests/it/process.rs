//! The built binary as a process of its own: what only a real one shows.
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use incidentd::clock::Clock;

use crate::harness::PATIENCE;

/// A command of the binary, away from the environment of whoever runs the tests.
pub fn incidentd() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_incidentd"));
    let ours = |name: &str| name.starts_with("INCIDENTD_") || name == "STATE_DIRECTORY";
    for (name, _) in std::env::vars().filter(|(name, _)| ours(name)) {
        command.env_remove(name);
    }
    command.env("XDG_CONFIG_HOME", "/nonexistent");
    command
}

/// Words for who reads a test's output: a seed, a figure, why it was skipped.
#[expect(clippy::print_stdout, reason = "the test runner keeps it for failures")]
pub fn say(text: &str) {
    println!("{text}");
}

/// Runs to the end with `stdin`.
pub fn run(command: &mut Command, stdin: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    // A command that reads no stdin may be gone by now.
    let _ = child.stdin.take().expect("piped").write_all(stdin.as_bytes());
    child.wait_with_output().expect("an end")
}

/// Runs a command that must succeed, on the host of `dir`; returns its stdout.
pub fn on_host(dir: &Path, arguments: &[&str], stdin: &str) -> String {
    let output = run(incidentd().args(arguments).arg("--data-dir").arg(dir), stdin);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// `incidentd serve`, killed when it is dropped.
pub struct Serving {
    pub child: Child,
    pub url: String,
    /// From the start of the process until it listened.
    pub ready_in: Duration,
    stderr: mpsc::Receiver<String>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Serving {
    pub fn start(dir: &Path) -> Self {
        Self::with(incidentd().arg("serve").arg("--data-dir").arg(dir), "127.0.0.1:0")
            .unwrap_or_else(|(_, said)| panic!("it does not serve: {said}"))
    }

    /// The error is its exit code and what it said, if it ended instead.
    pub fn with(command: &mut Command, listen: &str) -> Result<Self, (Option<i32>, String)> {
        let started = Instant::now();
        let mut child = command
            .args(["--listen", listen])
            .env("INCIDENTD_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("started");
        let (say, stderr) = mpsc::channel();
        let lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                // Nobody listens any more: read on, so that the process never waits for us.
                let _ = say.send(line);
            }
        });
        let mut said = String::new();
        let silent = loop {
            let line = match stderr.recv_timeout(PATIENCE) {
                Ok(line) => line,
                Err(why) => break why == mpsc::RecvTimeoutError::Timeout,
            };
            if let Some(url) = line.strip_prefix("listening on ") {
                let (url, ready_in) = (url.to_owned(), started.elapsed());
                return Ok(Self { child, url, ready_in, stderr });
            }
            said.push_str(&line);
            said.push('\n');
        };
        if silent {
            child.kill().expect("killed");
        }
        Err((child.wait().expect("an end").code(), said))
    }

    pub fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }

    /// Asks it to end; returns its exit code and how long it took.
    pub fn terminate(&mut self) -> (Option<i32>, Duration) {
        let asked = Instant::now();
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("signalled");
        loop {
            if let Some(status) = self.child.try_wait().expect("waited") {
                return (status.code(), asked.elapsed());
            }
            assert!(asked.elapsed() < PATIENCE, "it does not end");
            std::thread::yield_now();
        }
    }

    /// What else it said, to its end.
    pub fn rest(&self) -> Vec<String> {
        self.stderr.iter().collect()
    }

    /// Has it said so by now, or does it within our patience?
    pub fn says(&self, what: &str) -> bool {
        let until = Instant::now() + PATIENCE;
        while let Ok(line) =
            self.stderr.recv_timeout(until.saturating_duration_since(Instant::now()))
        {
            if line.contains(what) {
                return true;
            }
        }
        false
    }
}

/// Asks again and again until the answer is yes; returns how long that took.
pub async fn until<F: Future<Output = bool>>(what: &str, mut asked: impl FnMut() -> F) -> Duration {
    let started = Instant::now();
    while !asked().await {
        assert!(started.elapsed() < PATIENCE, "waited in vain for: {what}");
        Clock::System.sleep(Duration::from_millis(20)).await;
    }
    started.elapsed()
}

/// A tiny xorshift: the same walk for the same seed.
pub struct Random(u64);

impl Random {
    pub const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub const fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub const fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 11) % end
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let index = self.below(of.len() as u64);
        &of[usize::try_from(index).expect("small")]
    }
}

/// How many rounds a test of chance makes: `few`, or `INCIDENTD_TEST_ROUNDS`.
pub fn rounds(few: u64) -> u64 {
    std::env::var("INCIDENTD_TEST_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(few)
}
