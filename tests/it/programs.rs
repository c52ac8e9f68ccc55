//! Other people's programs and our own built binary, as children that end with the test. What
//! they say is waited for, never slept for.
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::tls::Papers;

/// Programs start, on a machine that compiles meanwhile, within this.
pub const LONG: Duration = Duration::from_mins(1);

/// `tests/clients/NAME`.
pub fn client_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name)
}

/// Node with a script of `tests/clients`.
pub fn node(script: &str) -> Command {
    assert!(client_file("node_modules").is_dir(), "scripts/test installs the clients first");
    let mut command = Command::new("node");
    command.arg(client_file(script));
    command
}

/// Python with a script of `tests/clients`.
pub fn python(script: &str) -> Command {
    let mut command = python_program("python");
    command.arg(client_file(script));
    command
}

/// A program that a Python package brought.
pub fn python_program(name: &str) -> Command {
    let program = client_file("venv/bin").join(name);
    assert!(program.exists(), "scripts/test installs {name} first");
    Command::new(program)
}

/// The binary under test, knowing nothing of the settings of whoever runs the tests.
pub fn incidentd() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_incidentd"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("INCIDENTD_") {
            command.env_remove(name);
        }
    }
    command
}

/// What a program that ended had to say.
#[derive(Debug)]
pub struct Ran {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// It did what it was asked.
    pub fn done(self) -> String {
        assert!(self.status.success(), "{self:?}");
        self.stdout
    }
}

/// Runs to the end with `stdin`.
pub fn run(command: &mut Command, stdin: &str) -> Ran {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    // A program that does not read has closed the pipe.
    let _ = child.stdin.take().expect("piped").write_all(stdin.as_bytes());
    let output = child.wait_with_output().expect("waited for");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ran { status: output.status, stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A running program; killed by its id when dropped.
pub struct Program {
    name: String,
    child: Child,
    lines: Receiver<String>,
    heard: Vec<String>,
}

/// Which of its outputs is listened to; the other shows when a test fails.
#[derive(Clone, Copy)]
pub enum Listen {
    Stdout,
    Stderr,
}

impl Program {
    pub fn start(command: &mut Command, listen: Listen) -> Self {
        let (stdout, stderr) = match listen {
            Listen::Stdout => (Stdio::piped(), Stdio::inherit()),
            Listen::Stderr => (Stdio::inherit(), Stdio::piped()),
        };
        let mut child = command
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}; scripts/test installs it"));
        let output: Box<dyn Read + Send> = match listen {
            Listen::Stdout => Box::new(child.stdout.take().expect("piped")),
            Listen::Stderr => Box::new(child.stderr.take().expect("piped")),
        };
        let (send, lines) = channel();
        std::thread::spawn(move || {
            let read = BufReader::new(output).lines().map_while(Result::ok);
            // Read on when nobody listens: a full pipe would stop the program.
            read.for_each(|line| drop(send.send(line)));
        });
        let name = command.get_program().to_string_lossy().into_owned();
        Self { name, child, lines, heard: Vec::new() }
    }

    /// The first line, now or later, of which `find` makes something.
    pub fn wait_for<T>(&mut self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + LONG;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = match self.lines.recv_timeout(left) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("no {what} from {}; it said {:#?}", self.name, self.heard)
                }
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("{} ended before {what}; it said {:#?}", self.name, self.heard)
                }
            };
            let found = find(&line);
            self.heard.push(line);
            if let Some(found) = found {
                return found;
            }
        }
    }

    /// The data of the next JSON line about `event`; lines about others are passed over.
    pub fn event(&mut self, event: &str) -> Value {
        self.wait_for(event, |line| data_of(line, event))
    }

    /// The data of the first such line, also of one that was passed over.
    pub fn event_so_far(&mut self, event: &str) -> Value {
        let heard = self.heard.iter().find_map(|line| data_of(line, event));
        heard.unwrap_or_else(|| self.event(event))
    }

    /// The data of every JSON line about an incident so far.
    pub fn incident_events(&self) -> Vec<Value> {
        self.heard
            .iter()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|line| line["event"].as_str().is_some_and(|name| name.starts_with("incident:")))
            .map(|mut line| line["data"].take())
            .collect()
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("it runs");
    }

    /// Sends `signal` and waits for the end.
    pub fn end(mut self, signal: Signal) -> ExitStatus {
        self.signal(signal);
        self.child.wait().expect("waited for")
    }
}

fn data_of(line: &str, event: &str) -> Option<Value> {
    let mut line: Value = serde_json::from_str(line).ok()?;
    (line["event"] == event).then(|| line["data"].take())
}

impl Drop for Program {
    fn drop(&mut self) {
        // Ended already: nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server of the built binary on a folder of its own, set up as a host is without a browser:
/// alice, her token, the team `payments`, its service and the integration with `KEY`.
pub struct Host {
    dir: tempfile::TempDir,
    server: Option<Program>,
    /// With them it speaks https.
    papers: Option<Papers>,
    pub url: String,
    pub token: String,
}

const SETUP: &str = r#"
[[users]]
username = "bob"
[[teams]]
slug = "payments"
members = { alice = "admin", bob = "responder" }
[[services]]
slug = "checkout"
team = "payments"
[[integrations]]
service = "checkout"
name = "prometheus"
key = "0123456789abcdef0123456789abcdef"
"#;

impl Host {
    pub fn start() -> Self {
        Self::start_with(None)
    }

    pub fn start_with(papers: Option<Papers>) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let data = dir.path().join("data");
        let alice = ["user", "add", "alice", "--admin"];
        let mut add = incidentd();
        add.args(alice).arg("--password-stdin").arg("--data-dir").arg(&data);
        run(&mut add, "correct horse battery staple\n").done();
        let mut create = incidentd();
        create.args(["token", "create", "--user", "alice", "--data-dir"]).arg(&data);
        let printed = run(&mut create, "").done();
        let token = printed.strip_suffix('\n').expect("a line").to_owned();
        assert!(!token.contains(char::is_whitespace), "the token alone: {printed:?}");

        let mut host = Self { dir, server: None, papers, url: String::new(), token };
        host.serve("127.0.0.1:0");
        let file = host.path("setup.toml");
        std::fs::write(&file, SETUP).expect("written");
        host.cli([OsStr::new("apply"), OsStr::new("-f"), file.as_os_str()]).done();
        host
    }

    fn serve(&mut self, listen: &str) {
        let mut serve = incidentd();
        serve.arg("serve").arg("--data-dir").arg(self.path("data")).args(["--listen", listen]);
        if let Some(papers) = &self.papers {
            serve.arg("--tls-cert").arg(papers.path("cert.pem"));
            serve.arg("--tls-key").arg(papers.path("key.pem"));
        }
        let mut server = Program::start(&mut serve, Listen::Stderr);
        self.url = server
            .wait_for("address", |line| line.strip_prefix("listening on ").map(ToOwned::to_owned));
        self.server = Some(server);
    }

    /// Ends the server by `signal` and starts it again, on the same port.
    pub fn restart(&mut self, signal: Signal) {
        self.server.take().expect("it runs").end(signal);
        let listen = self.url.trim_start_matches("http://").to_owned();
        self.serve(&listen);
    }

    /// A path beside the server's data.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// `incidentd …` as alice.
    pub fn cli(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Ran {
        let mut command = incidentd();
        command.env("INCIDENTD_URL", &self.url).env("INCIDENTD_TOKEN", &self.token);
        self.trusted(&mut command);
        run(command.args(arguments), "")
    }

    /// Tells a client, in its own words, whom to trust.
    pub fn trusted(&self, client: &mut Command) {
        let Some(papers) = &self.papers else { return };
        for name in ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE"] {
            client.env(name, papers.path("authority.pem"));
        }
    }

    /// A watcher of `payments` as alice, joined.
    pub fn watch(&self, mut watcher: Command, transports: Option<&str>) -> Program {
        watcher.env("INCIDENTD_TOKEN", &self.token).arg(&self.url).arg("payments");
        watcher.args(transports);
        self.trusted(&mut watcher);
        let mut watcher = Program::start(&mut watcher, Listen::Stdout);
        let joined = watcher.event("subscribed");
        assert_eq!(joined["ok"], true, "{joined}");
        watcher
    }
}
