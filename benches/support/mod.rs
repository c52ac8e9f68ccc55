//! What both benches share: real servers on one core, the load on another, a minimal HTTP client.
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The key of the one integration.
pub const KEY: &str = "0123456789abcdef0123456789abcdef";
const SERVER_CORE: &str = "0";
const LOAD_CORE: &str = "1";
/// Nothing takes this long unless it hangs.
pub const PATIENCE: Duration = Duration::from_mins(1);
/// What Linux counts CPU time in; fixed for all of its ports that matter here.
const TICK: Duration = Duration::from_millis(10);

const WORLD: &str = r#"
[[users]]
username = "bench"
admin = true
[[teams]]
slug = "payments"
members = { bench = "admin" }
[[services]]
slug = "checkout"
team = "payments"
group_by = ["alertname", "instance"]
[[integrations]]
service = "checkout"
name = "prometheus"
key = "0123456789abcdef0123456789abcdef"
"#;

/// A server process, killed when dropped.
pub struct Server {
    child: Child,
    pub addr: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already gone: nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Our release binary on `dir`.
    pub fn incidentd(dir: &Path) -> Self {
        let mut command = pinned(&program());
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(dir);
        command.env("INCIDENTD_LOG", "warn");
        // The load listens for what is sent.
        command.env("INCIDENTD_OUTGOING_ALLOW_PRIVATE", "127.0.0.0/8");
        Self::announced(command.stderr(Stdio::piped()))
    }

    /// Waits for a line that ends in `http://ADDRESS`; passes on what the server says later.
    pub fn announced(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::null()).spawn().expect("the server starts");
        let stderr = child.stderr.take().expect("piped");
        let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
        let addr = lines
            .by_ref()
            .find_map(|line| line.rsplit_once("http://").and_then(|(_, addr)| addr.parse().ok()))
            .expect("the server says where it listens");
        std::thread::spawn(move || lines.for_each(|line| eprintln!("server: {line}")));
        Self { child, addr }
    }

    /// Debian's Alertmanager, which groups as our service does; it notifies nobody.
    pub async fn alertmanager(dir: &Path) -> Self {
        let config = dir.join("alertmanager.yml");
        let text = "route:\n  receiver: nobody\n  group_by: [alertname, instance]\n\
                    receivers:\n  - name: nobody\n";
        std::fs::write(&config, text).expect("written");
        let addr = free_address();
        let mut command = pinned("/usr/bin/prometheus-alertmanager");
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", dir.display()))
            .arg(format!("--web.listen-address={addr}"))
            .args(["--cluster.listen-address=", "--log.level=error"]);
        let child = command.stdin(Stdio::null()).spawn().expect("alertmanager is installed");
        let server = Self { child, addr };
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(addr).await.is_err() {
            assert!(Instant::now() < until, "alertmanager does not listen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        server
    }

    fn proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).expect("it runs")
    }

    /// CPU time that the process took so far, in user and kernel.
    pub fn cpu(&self) -> Duration {
        let stat = self.proc("stat");
        let fields = stat.rsplit_once(')').expect("a name").1.split_whitespace();
        let ticks: u32 = fields.skip(11).take(2).map(|n| n.parse::<u32>().expect("ticks")).sum();
        TICK * ticks
    }

    fn kilobytes(&self, field: &str) -> u64 {
        let status = self.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix(field)).expect(field);
        line.trim_matches([':', ' ', '\t', 'k', 'B']).parse().expect("a number")
    }

    pub fn rss_kb(&self) -> u64 {
        self.kilobytes("VmRSS")
    }

    pub fn peak_rss_mb(&self) -> f64 {
        to_f64(self.kilobytes("VmHWM")) / 1024.0
    }
}

/// A command that runs on the servers' core alone.
pub fn pinned(program: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", SERVER_CORE, program]);
    command
}

/// Moves this process to the other core. Call it before any thread starts.
pub fn move_to_load_core() {
    let id = std::process::id().to_string();
    let mut taskset = Command::new("taskset");
    let moved = taskset.args(["-cp", LOAD_CORE, &id]).stdout(Stdio::null()).status();
    assert!(moved.expect("util-linux is installed").success(), "two cores are needed");
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// What is measured: this build, or another that INCIDENTD_BIN names.
fn program() -> String {
    std::env::var("INCIDENTD_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_incidentd").to_owned())
}

/// A data directory with one service and its integration; returns its platform admin's token.
pub fn set_up(dir: &Path) -> String {
    set_up_with(dir, "")
}

/// The same, and `more` of `apply`'s file.
pub fn set_up_with(dir: &Path, more: &str) -> String {
    let run = |args: &[&str]| {
        let output = Command::new(program())
            .args(args)
            .arg("--data-dir")
            .arg(dir)
            .output()
            .expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    };
    let file = dir.join("world.toml");
    std::fs::write(&file, format!("{WORLD}{more}")).expect("written");
    run(&["user", "add", "root", "--admin"]);
    {
        let _server = Server::incidentd(dir);
        run(&["apply", "-f", file.to_str().expect("a path")]);
    }
    run(&["token", "create", "--user", "bench"])
}

pub fn free_address() -> SocketAddr {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    free.expect("a free port")
}

/// A folder on the disk that the build is on: `/tmp` may be memory.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder")
}

/// A folder with the template's database, its write-ahead log included.
pub fn copy(template: &Path) -> tempfile::TempDir {
    let dir = folder();
    for file in ["incidentd.db", "incidentd.db-wal"] {
        let from = template.join(file);
        if from.exists() {
            std::fs::copy(from, dir.path().join(file)).expect("copied");
        }
    }
    dir
}

/// One keep-alive connection, a request at a time.
pub struct Http {
    stream: TcpStream,
    out: Vec<u8>,
    answer: Vec<u8>,
}

impl Http {
    pub async fn connect(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).await.expect("a connection");
        stream.set_nodelay(true).expect("nodelay");
        Self { stream, out: Vec::new(), answer: vec![0; 64 * 1024] }
    }

    /// Posts JSON; returns when a 2xx has arrived whole, and panics at any other status.
    pub async fn post(&mut self, path: &str, body: &str) {
        use std::io::Write;
        self.out.clear();
        write!(
            self.out,
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("memory");
        self.stream.write_all(&self.out).await.expect("sent");
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.answer[filled..]).await.expect("an answer");
            assert!(read > 0, "the server hung up");
            filled += read;
            if is_whole(&self.answer[..filled]) {
                break;
            }
        }
        let answer = &self.answer[..filled];
        let good = answer.starts_with(b"HTTP/1.1 2");
        assert!(good, "{}", String::from_utf8_lossy(answer));
    }
}

/// Both servers name the length of their answers.
fn is_whole(answer: &[u8]) -> bool {
    let Some(head) = answer.windows(4).position(|window| window == b"\r\n\r\n") else {
        return false;
    };
    let text = std::str::from_utf8(&answer[..head]).expect("a head of ASCII");
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    answer.len() >= head + 4 + length.expect("a length")
}

/// The middle one.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The value below which `share` percent lie; `sorted` is.
pub fn percentile(sorted: &[Duration], share: usize) -> Duration {
    let index = (sorted.len() * share / 100).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub const fn to_f64(number: u64) -> f64 {
    number as f64
}

/// Was this argument given after `--`?
pub fn flag(name: &str) -> bool {
    std::env::args().any(|arg| arg == name)
}
