//! `incidentd heartbeat wrap`: runs a job and tells its heartbeat how it went. The job comes first:
//! it has its own exit code, and runs just so where no server answers.
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use clap::Args;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStderr, Command};
use tokio::signal::unix::{self, SignalKind};

use super::{Common, output};
use crate::client::Client;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::secret::Secret;

/// What of the job's last words is told, in bytes.
const TAIL: usize = 4 * 1024;
/// A process that the job left behind may hold its stderr open: it is not waited for.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Where the key may stand, unseen by who lists processes.
const KEY: &str = "INCIDENTD_HEARTBEAT_KEY";

const ABOUT: &str = "\
In a crontab:
  0 3 * * *  incidentd heartbeat wrap --url https://oncall.example.com/heartbeat/KEY -- backup.sh

COMMAND runs with its own input and output. If it ends with 0 its heartbeat beats; otherwise the
heartbeat is told of the exit code and the last lines of stderr, which opens an incident at once.
The exit code is always that of COMMAND (128 and the signal that ended it; 127 if it was not found,
126 if it cannot be run). That no server answers is said on stderr, after --timeout, and fails
nothing. SIGTERM and SIGHUP are passed on.";

/// Run a job; beat if it succeeds, and say why if it fails
#[derive(Args)]
#[command(after_long_help = ABOUT)]
pub struct Wrap {
    /// The heartbeat's key; others on this host see it here, and not in the variable
    #[arg(long, value_name = "KEY", env = KEY, hide_env_values = true)]
    key: Option<String>,
    /// The server's address, or the heartbeat's with its key; left out: as for other commands
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The job, after `--`
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Wrap {
    /// # Errors
    /// `Usage` without a key: then nothing ran.
    pub async fn run(self, common: &Common) -> Result<ExitCode> {
        let (server, key) = self.address()?;
        let (code, failure) = run(&self.command).await;
        let told = async {
            let server = server.map_or_else(|| common.server(), Ok)?;
            let client = Client::new(&server, None, common.timeout())?;
            client.beat(&key, failure.as_deref()).await
        };
        if let Err(error) = told.await {
            output::say(&format!("incidentd: The heartbeat could not be told: {}", error.detail));
        }
        Ok(ExitCode::from(code))
    }

    /// The server, if one is named, and the key.
    fn address(&self) -> Result<(Option<String>, Secret)> {
        let whole = self.url.as_deref().and_then(|url| url.split_once("/heartbeat/"));
        let server = whole.map(|(base, _)| base).or(self.url.as_deref()).map(ToOwned::to_owned);
        let given = self.key.as_deref().filter(|key| !key.is_empty());
        let key = given.or_else(|| whole.map(|(_, key)| key)).unwrap_or_default();
        let key = key.trim().trim_end_matches('/');
        if key.is_empty() || !key.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Err(Error::usage("Which heartbeat is it?").hint(format!(
                "Give its key, letters and digits, with --key or in {KEY}: \
                 `incidentd heartbeat add` and `rotate` print it."
            )));
        }
        Ok((server, Secret::new(key)))
    }
}

/// Runs the job: its exit code, and what to say if it failed.
async fn run(command: &[OsString]) -> (u8, Option<String>) {
    let Some((program, arguments)) = command.split_first() else { return (0, None) };
    // Before it runs: a signal that comes then is the job's, too.
    let signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return (1, Some(error.to_string())),
    };
    let child = Command::new(program).args(arguments).stderr(Stdio::piped()).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            let why = format!("{} cannot be run: {error}", program.to_string_lossy());
            output::say(&format!("incidentd: {why}"));
            let code = if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 };
            return (code, Some(why));
        }
    };
    let (stderr, mut tail) = (child.stderr.take(), Tail::default());
    let status = {
        let mut ended = pin!(end(&mut child, signals));
        let mut read = pin!(pass_on(stderr, &mut tail));
        let first = tokio::select! {
            status = &mut ended => Some(status),
            () = &mut read => None,
        };
        match first {
            None => ended.await,
            Some(status) => {
                tokio::select! {
                    () = read => {}
                    () = Clock::System.sleep(LAST_WORDS) => {}
                }
                status
            }
        }
    };
    judged(status, &tail)
}

fn judged(status: io::Result<ExitStatus>, tail: &Tail) -> (u8, Option<String>) {
    let (code, how) = match status {
        Ok(status) if status.success() => return (0, None),
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => (u8::try_from(code).unwrap_or(1), format!("exit code {code}")),
            (None, Some(signal)) => (
                128_u8.saturating_add(u8::try_from(signal).unwrap_or(0)),
                format!("signal {signal}"),
            ),
            (None, None) => (1, "no exit code".to_owned()),
        },
        Err(error) => (1, error.to_string()),
    };
    (code, Some(format!("It ended with {how}.\n{}", tail.text())))
}

/// What somebody asks of this process and means for the job.
struct Signals {
    terminate: unix::Signal,
    hang_up: unix::Signal,
    /// A terminal sends this one to the job, too: here it only must not end us before it.
    interrupt: unix::Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: unix::signal(SignalKind::terminate())?,
            hang_up: unix::signal(SignalKind::hangup())?,
            interrupt: unix::signal(SignalKind::interrupt())?,
        })
    }
}

/// Waits for the job; who asks this process to end means the job.
async fn end(child: &mut Child, mut signals: Signals) -> io::Result<ExitStatus> {
    let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    loop {
        let passed_on = tokio::select! {
            ended = child.wait() => return ended,
            _ = signals.terminate.recv() => Signal::TERM,
            _ = signals.hang_up.recv() => Signal::HUP,
            _ = signals.interrupt.recv() => continue,
        };
        if let Some(pid) = pid {
            // It may be gone by now; then the wait ends.
            let _ = kill_process(pid, passed_on);
        }
    }
}

/// The job's stderr is ours, as it comes.
async fn pass_on(from: Option<ChildStderr>, tail: &mut Tail) {
    let Some(mut from) = from else { return };
    let mut piece = vec![0; TAIL];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        // Nobody may read it: the job goes on.
        let _ = io::stderr().write_all(&piece[..length]);
        tail.keep(&piece[..length]);
    }
}

/// The end of what was said.
#[derive(Default)]
struct Tail {
    bytes: Vec<u8>,
    cut: bool,
}

impl Tail {
    fn keep(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
        let over = self.bytes.len().saturating_sub(TAIL);
        self.bytes.drain(..over);
        self.cut |= over > 0;
    }

    /// In whole lines, if it has some.
    fn text(&self) -> String {
        let first = self.bytes.iter().position(|byte| *byte == b'\n').filter(|_| self.cut);
        let whole = first.map_or(self.bytes.as_slice(), |first| &self.bytes[first + 1..]);
        String::from_utf8_lossy(whole).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_whole() {
        let mut tail = Tail::default();
        tail.keep(b"one\ntwo\n");
        assert_eq!(tail.text(), "one\ntwo\n");
        for n in 0..10_000 {
            tail.keep(format!("line {n}\n").as_bytes());
        }
        assert!(tail.text().starts_with("line 9") && tail.text().ends_with("line 9999\n"));
        assert!(tail.text().len() <= TAIL);
    }
}
