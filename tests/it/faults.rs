//! The binary under faults: killed, starved of disk, started on what is not its own.
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::harness::{self, KEY, PATIENCE, WORLD};
use crate::process::{Random, Serving, incidentd, on_host, rounds, run, say, until};

const WRITERS: u64 = 8;

/// Sets the world up without a server; returns bob's token.
fn world(dir: &Path) -> String {
    on_host(dir, &["apply", "-f", "-"], WORLD);
    on_host(dir, &["token", "create", "--user", "bob"], "").trim().to_owned()
}

fn database(dir: &Path) -> Connection {
    Connection::open(dir.join("incidentd.db")).expect("opened")
}

async fn try_post(http: &reqwest::Client, url: &str, body: &Value) -> Option<(u16, Value)> {
    let request = http.post(format!("{url}/integrations/{KEY}/generic")).json(body);
    let response = request.timeout(PATIENCE).send().await.ok()?;
    let status = response.status().as_u16();
    Some((status, response.json().await.ok()?))
}

async fn try_act(
    http: &reqwest::Client,
    url: &str,
    token: &str,
    id: i64,
    action: &Value,
) -> Option<(u16, Value)> {
    let address = format!("{url}/api/v1/incidents/{id}/actions");
    let request = http.post(address).bearer_auth(token).json(action);
    let response = request.timeout(PATIENCE).send().await.ok()?;
    let status = response.status().as_u16();
    Some((status, response.json().await.ok()?))
}

/// What one writer was told: for each of its alerts the incident, and how many firings counted.
#[derive(Default)]
struct Told {
    alerts: BTreeMap<String, (i64, u64)>,
    /// A firing that was sent and not answered: it may count or not.
    unsure: Option<String>,
    /// An acknowledge that was answered: (incident, seq).
    acked: Vec<(i64, i64)>,
}

async fn write(
    url: String,
    token: String,
    seed: u64,
    prefix: String,
    accepted: Arc<AtomicU64>,
) -> Told {
    let (http, mut random, mut told) = (harness::http(), Random::new(seed), Told::default());
    for number in 0..100_000_u64 {
        let known: Vec<String> = told.alerts.keys().cloned().collect();
        let choice = if known.is_empty() { 0 } else { random.below(10) };
        let answered = match choice {
            0..4 => {
                let key = format!("{prefix}-{number}");
                fire(&http, &url, &key, &mut told).await
            }
            4..7 => {
                let key = random.pick(&known).clone();
                fire(&http, &url, &key, &mut told).await
            }
            7 => {
                let key = random.pick(&known);
                let over = json!({"title": key, "dedupKey": key, "status": "resolved"});
                try_post(&http, &url, &over).await.map(|(status, _)| assert_eq!(status, 202))
            }
            _ => {
                let (id, _) = told.alerts[random.pick(&known)];
                let ack = json!({"action": "acknowledge", "take": true});
                try_act(&http, &url, &token, id, &ack).await.map(|(status, acted)| {
                    assert_eq!(status, 200, "{acted}");
                    told.acked.push((id, acted["incident"]["seq"].as_i64().expect("a seq")));
                })
            }
        };
        if answered.is_none() {
            return told;
        }
        accepted.fetch_add(1, Ordering::Relaxed);
    }
    told
}

async fn fire(http: &reqwest::Client, url: &str, key: &str, told: &mut Told) -> Option<()> {
    told.unsure = Some(key.to_owned());
    let (status, answer) = try_post(http, url, &json!({"title": key, "dedupKey": key})).await?;
    assert_eq!(status, 202, "{answer}");
    told.unsure = None;
    let id = answer["incidentId"].as_i64().expect("an incident");
    let (known, count) = told.alerts.entry(key.to_owned()).or_insert((id, 0));
    assert_eq!(*known, id, "an alert stays in its incident");
    *count += 1;
    Some(())
}

/// The log as it stands: seq to what clients read. Checks seqs, chains and what they lead to.
fn check_log(db: &Connection) -> BTreeMap<i64, String> {
    // One view, while timers go on.
    let db = db.unchecked_transaction().expect("begun");
    let sound: String = db.query_row("pragma integrity_check", [], |row| row.get(0)).expect("ran");
    assert_eq!(sound, "ok");
    let mut log = BTreeMap::new();
    let mut teams: BTreeMap<i64, i64> = BTreeMap::new();
    let mut newest: BTreeMap<i64, Value> = BTreeMap::new();
    let mut rows = db.prepare("select seq, team_id, json from events order by seq").expect("SQL");
    let mut rows = rows.query([]).expect("rows");
    while let Some(row) = rows.next().expect("a row") {
        let (seq, team): (i64, Option<i64>) = (row.get_unwrap(0), row.get_unwrap(1));
        let text: String = row.get_unwrap(2);
        let event: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(event["seq"], seq);
        if let Some(team) = team {
            assert_eq!(event["prev"].as_i64(), teams.insert(team, seq), "the chain of {team}");
            newest.insert(event["incidentId"].as_i64().expect("an id"), event["incident"].clone());
        }
        log.insert(seq, text);
    }
    for (id, incident) in newest {
        let doc: String = db
            .query_row("select doc from incidents where id = ?1", [id], |row| row.get(0))
            .expect("there");
        let doc: Value = serde_json::from_str(&doc).expect("JSON");
        assert_eq!(bare(doc), bare(incident), "incident {id}");
    }
    check_counts(&db);
    log
}

/// Without what makes no event and is in the next one: what paging stands at, and the counters.
fn bare(mut incident: Value) -> Value {
    let fields = incident.as_object_mut().expect("an object");
    for later in ["escalation", "alertCount", "firingCount"] {
        fields.remove(later).expect("a field of each incident");
    }
    incident
}

/// Each incident's counters are what its alerts add up to.
fn check_counts(db: &Connection) {
    let wrong = "select i.id from incidents i left join alerts a on a.incident_id = i.id
                 group by i.id
                 having i.alert_count <> total(a.count)
                     or i.firing_count <> count(a.id) filter (where a.ended_by is null)";
    let mut wrong = db.prepare(wrong).expect("SQL");
    let wrong = wrong.query_map([], |row| row.get(0)).expect("rows");
    assert_eq!(wrong.collect::<Result<Vec<i64>, _>>().expect("rows"), [0_i64; 0]);
}

/// Somebody on a socket, until it is cut: the seqs that came, in their order.
async fn listen(mut socket: harness::Socket) -> Vec<(i64, String)> {
    let mut heard = Vec::new();
    while let Some((name, event)) = socket.event_or_end().await {
        if let (true, Some(seq)) = (name.starts_with("incident:"), event["seq"].as_i64()) {
            heard.push((seq, event.to_string()));
        }
    }
    heard
}

/// Two who subscribe, and hear until they are cut.
async fn ears(url: &str, token: &str) -> Vec<tokio::task::JoinHandle<Vec<(i64, String)>>> {
    let mut ears = Vec::new();
    for _ in 0..2 {
        let socket = harness::Socket::connect(url, &json!({"token": token})).await;
        let mut socket = socket.expect("connected");
        assert_eq!(socket.subscribe(json!({})).await["ok"], true);
        ears.push(tokio::spawn(listen(socket)));
    }
    ears
}

fn check_heard(heard: &[(i64, String)], log: &BTreeMap<i64, String>) {
    assert!(heard.is_sorted_by(|(a, _), (b, _)| a < b), "in order, and none twice");
    for (seq, event) in heard {
        let logged: Value = serde_json::from_str(&log[seq]).expect("JSON");
        assert_eq!(&logged.to_string(), event, "what was sent is what is logged");
    }
}

/// All that a writer was told is in the database and in its log.
fn check_told(told: &Told, db: &Connection, log: &BTreeMap<i64, String>) {
    for (key, (id, fired)) in &told.alerts {
        let (count, doc): (u64, String) = db
            .query_row("select alert_count, doc from incidents where id = ?1", [id], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .expect("what was accepted is there");
        let doc: Value = serde_json::from_str(&doc).expect("JSON");
        assert_eq!(doc["title"].as_str(), Some(key.as_str()));
        let most = fired + u64::from(told.unsure.as_ref() == Some(key));
        assert!((*fired..=most).contains(&count), "{key}: {count} of {fired}");
    }
    for (id, seq) in &told.acked {
        let event: Value = serde_json::from_str(&log[seq]).expect("JSON");
        assert_eq!(event["incidentId"], *id);
    }
}

/// Kills it at random moments under load: 5 rounds, or as many as `INCIDENTD_TEST_ROUNDS` says
/// (`INCIDENTD_TEST_ROUNDS=100 cargo nextest run killed_under_load --no-capture`). What was
/// answered with 2xx is there, nothing is there twice, and no socket heard what is not.
#[tokio::test]
async fn killed_under_load_it_loses_nothing_it_accepted() {
    let dir = tempfile::tempdir().expect("a folder");
    let token = world(dir.path());
    let seed = u64::from(std::process::id());
    say(&format!("seed {seed}"));
    let mut random = Random::new(seed);
    let mut log: BTreeMap<i64, String> = BTreeMap::new();
    let mut timed: Option<i64> = None;
    let (mut total, mut events, mut ready) = (0, 0, Vec::new());
    for round in 0..rounds(5) {
        let server = Serving::start(dir.path());
        ready.push(server.ready_in);
        if let Some(id) = timed.take() {
            let db = database(dir.path());
            until("the timer set before the kill", || async {
                let timeout = "select count(*) from events where incident_id = ?1
                               and json like '%\"reason\":\"ack_timeout\"%'";
                db.query_row(timeout, [id], |row| row.get::<_, i64>(0)).expect("counted") == 1
            })
            .await;
        }
        let http = harness::http();
        let title = json!({"title": format!("timed {round}")});
        let (_, opened) = try_post(&http, &server.url, &title).await.expect("answered");
        let id = opened["incidentId"].as_i64().expect("an incident");
        let ears = ears(&server.url, &token).await;
        let accepted = Arc::new(AtomicU64::new(0));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let prefix = format!("r{round}-w{writer}");
                let (url, token) = (server.url.clone(), token.clone());
                tokio::spawn(write(url, token, random.next(), prefix, accepted.clone()))
            })
            .collect();
        let enough = 50 + random.below(1_500);
        let began = Instant::now();
        until("enough load", || async {
            // On a slow machine a few seconds of it are as good.
            accepted.load(Ordering::Relaxed) >= enough || began.elapsed() > Duration::from_secs(4)
        })
        .await;
        let ack = json!({"action": "acknowledge", "for": "1s"});
        let (status, acted) =
            try_act(&http, &server.url, &token, id, &ack).await.expect("answered");
        assert_eq!(status, 200, "{acted}");
        timed = Some(id);
        server.kill();

        let mut told = Vec::new();
        for writer in writers {
            told.push(writer.await.expect("no writer saw an error"));
        }
        total += accepted.load(Ordering::Relaxed);
        // The next start recovers; nobody else has opened the files since the kill.
        let server = Serving::start(dir.path());
        ready.push(server.ready_in);
        let db = database(dir.path());
        let now = check_log(&db);
        for ear in ears {
            let heard = ear.await.expect("heard to the end");
            events += heard.len();
            check_heard(&heard, &now);
        }
        for (seq, event) in &log {
            assert_eq!(now.get(seq), Some(event), "what was logged stays");
        }
        for told in &told {
            check_told(told, &db, &now);
        }
        log = now;
        drop(server);
    }
    ready.sort();
    let (median, slowest) = (ready[ready.len() / 2], ready[ready.len() - 1]);
    say(&format!(
        "{total} accepted, {events} events heard, ready after {median:?}, at most {slowest:?}"
    ));
}

/// Everything below a folder: path to mode and content.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fs::read_dir(dir)
        .expect("readable")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| {
            let content = fs::read(&path).unwrap_or_default();
            (path, content)
        })
        .collect()
}

fn refused(dir: &Path) -> String {
    let (code, said) =
        Serving::with(incidentd().arg("serve").arg("--data-dir").arg(dir), "127.0.0.1:0")
            .err()
            .expect("it must not serve");
    assert!(code.is_some_and(|code| code != 0), "{code:?} {said}");
    assert!(said.contains("incidentd: ") && !said.contains("panicked"), "{said}");
    said
}

/// What it says of a folder that is made so.
type Case<'a> = (&'a str, Box<dyn Fn(&Path) + 'a>);

#[test]
fn what_is_not_its_own_stays_as_it_is_to_the_byte() {
    let sql = |dir: &Path, sql: &str| {
        let db = database(dir);
        db.execute_batch(sql).expect("SQL");
    };
    let cases: [Case<'_>; 5] = [
        (
            "newer incidentd",
            Box::new(|dir| {
                world(dir);
                sql(dir, "pragma user_version = 99");
            }),
        ),
        (
            "not a database of incidentd",
            Box::new(|dir| {
                sql(dir, "create table notes (text); insert into notes values ('mine')");
            }),
        ),
        (
            "not a database of incidentd",
            Box::new(|dir| {
                sql(dir, "pragma application_id = 7; pragma user_version = 1; create table t (x)");
            }),
        ),
        (
            "not a database of incidentd",
            Box::new(|dir| {
                fs::write(dir.join("incidentd.db"), "Dear diary, today").expect("written");
            }),
        ),
        (
            "not a database of incidentd",
            Box::new(|dir| {
                fs::write(dir.join("incidentd.db"), [7; 4_096]).expect("written");
            }),
        ),
    ];
    for (expected, make) in cases {
        let dir = tempfile::tempdir().expect("a folder");
        make(dir.path());
        let before = files(dir.path());
        let said = refused(dir.path());
        assert!(said.contains(expected), "{expected}: {said}");
        // Nobody is sent there to start a server.
        let copy = dir.path().join("copy.db").display().to_string();
        for asked in [&["doctor"][..], &["backup", &copy], &["token", "create", "--user", "alice"]]
        {
            let ran = run(incidentd().args(asked).arg("--data-dir").arg(dir.path()), "");
            let said = String::from_utf8_lossy(&ran.stderr);
            assert_eq!(ran.status.code(), Some(5), "{asked:?}: {said}");
            assert!(said.contains(expected), "{asked:?}: {said}");
        }
        assert_eq!(files(dir.path()), before, "{expected}");
    }
}

#[test]
fn a_folder_that_cannot_be_used_is_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("file");
    fs::write(&file, "x").expect("written");
    for folder in [file.clone(), file.join("below"), PathBuf::from("/proc/incidentd")] {
        let said = refused(&folder);
        assert!(said.contains(&*folder.to_string_lossy()) && said.contains("--data-dir"), "{said}");
    }
    assert_eq!(fs::read(&file).expect("there"), b"x");
}

#[tokio::test]
async fn a_second_server_on_the_same_folder_refuses() {
    let dir = tempfile::tempdir().expect("a folder");
    world(dir.path());
    let server = Serving::start(dir.path());
    let said = refused(dir.path());
    assert!(said.contains("in use by another incidentd"), "{said}");
    let http = harness::http();
    let (status, _) =
        try_post(&http, &server.url, &json!({"title": "x"})).await.expect("the first serves on");
    assert_eq!(status, 202);
    // And its control socket is still its own.
    on_host(dir.path(), &["user", "list"], "");
}

#[tokio::test]
async fn files_are_for_their_owner_alone() {
    let parent = tempfile::tempdir().expect("a folder");
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    let with_umask = |what: &str, dir: &Path| {
        let mut shell = std::process::Command::new("sh");
        let binary = env!("CARGO_BIN_EXE_incidentd");
        shell.arg("-c").arg(format!("umask 022; exec \"{binary}\" {what} --data-dir \"$0\""));
        shell.arg(dir);
        shell
    };
    // Made by a server, and by a command where none runs.
    let dir = parent.path().join("by/server");
    let server = Serving::with(
        std::process::Command::new("sh")
            .arg("-c")
            .arg(format!(
                "umask 022; exec \"{}\" serve --data-dir \"$0\" \"$@\"",
                env!("CARGO_BIN_EXE_incidentd")
            ))
            .arg(&dir),
        "127.0.0.1:0",
    )
    .expect("serves");
    assert_eq!(mode(&dir), 0o700);
    for file in ["incidentd.db", "incidentd.db-wal", "incidentd.db-shm", "lock", "control.sock"] {
        assert_eq!(mode(&dir.join(file)), 0o600, "{file}");
    }
    drop(server);
    let dir = parent.path().join("by/command");
    let output = run(&mut with_umask("user add alice", &dir), "");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(mode(&dir), 0o700);
    let all_private = || {
        for (path, _) in files(&dir) {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    };
    all_private();
    // Copied here by hand, as it were.
    let db = dir.join("incidentd.db");
    fs::set_permissions(&db, fs::Permissions::from_mode(0o644)).expect("opened to all");
    let output = run(&mut with_umask("user list", &dir), "");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    all_private();
}

/// A small file system in memory, taken away at the end.
pub struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    /// None where mounting is not permitted.
    pub fn mount(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().expect("a folder");
        let status = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "none"])
            .arg(dir.path())
            .status();
        if status.is_ok_and(|status| status.success()) {
            return Some(Self(dir));
        }
        say("skipped: mounting a tmpfs is not permitted here");
        None
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    fn grow(&self, size: &str) {
        let status = std::process::Command::new("mount")
            .args(["-o", &format!("remount,size={size}")])
            .arg(self.0.path())
            .status();
        assert!(status.expect("mount runs").success());
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn on_a_full_disk_nothing_is_half_stored_and_space_heals() {
    let Some(disk) = Tmpfs::mount("3m") else { return };
    let dir = disk.path().join("data");
    let token = world(&dir);
    let server = Serving::start(&dir);
    let http = harness::http();
    let post = |number: u64| {
        let title = format!("alert {number}");
        let body = json!({"title": title, "description": "x".repeat(4_000)});
        http.post(format!("{}/integrations/{KEY}/generic", server.url)).json(&body)
    };
    let mut accepted = Vec::new();
    let mut full = 0;
    for number in 0..20_000 {
        let response = post(number).timeout(PATIENCE).send().await.expect("an answer");
        match response.status().as_u16() {
            202 => accepted.push(number),
            503 => {
                assert!(response.headers().contains_key("retry-after"));
                full += 1;
            }
            other => panic!("{other}: {}", response.text().await.expect("a body")),
        }
        if full == 100 {
            break;
        }
    }
    assert_eq!(full, 100, "the disk fills up");
    let get = |path: &str| {
        let request = http.get(format!("{}{path}", server.url)).bearer_auth(&token);
        harness::answer(request)
    };
    let (status, page) = get("/api/v1/incidents?limit=1").await;
    assert_eq!((status, page["items"].as_array().map(Vec::len)), (200, Some(1)), "reads go on");
    let (status, said) = get("/readyz").await;
    assert_eq!(status, 503, "{said}");
    assert!(said.as_str().is_some_and(|said| said.contains("database")), "{said}");
    assert_eq!(get("/healthz").await.0, 200);

    disk.grow("64m");
    let healed = until("an alert is taken again", || async {
        post(1_000_000).timeout(PATIENCE).send().await.is_ok_and(|answer| answer.status() == 202)
    })
    .await;
    accepted.push(1_000_000);
    assert!(healed < Duration::from_secs(5), "{healed:?}");
    until("it is ready again", || async { get("/readyz").await.0 == 200 }).await;
    say(&format!("{} accepted before the disk was full, healed in {healed:?}", accepted.len() - 1));

    server.kill();
    let server = Serving::start(&dir);
    let db = database(&dir);
    check_log(&db);
    let mut titles = db.prepare("select json_extract(doc, '$.title') from incidents").expect("SQL");
    let mut stored: Vec<String> = titles
        .query_map([], |row| row.get(0))
        .expect("rows")
        .map(|row| row.expect("a title"))
        .collect();
    let mut expected: Vec<String> =
        accepted.iter().map(|number| format!("alert {number}")).collect();
    stored.sort();
    expected.sort();
    assert_eq!(stored, expected, "all that was accepted, and nothing that was refused");
    drop(server);
}

#[tokio::test]
async fn it_ends_in_time_whatever_clients_do_and_starts_again_at_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let token = world(dir.path());
    let mut server = Serving::start(dir.path());
    let addr = server.url.trim_start_matches("http://").to_owned();
    let mut half = tokio::net::TcpStream::connect(&addr).await.expect("connected");
    let head = format!("POST /integrations/{KEY}/generic HTTP/1.1\r\nhost: x\r\ncontent-length: 9");
    half.write_all(head.as_bytes()).await.expect("sent");
    let mut body = tokio::net::TcpStream::connect(&addr).await.expect("connected");
    body.write_all(format!("{head}\r\n\r\n{{").as_bytes()).await.expect("sent");
    let socket = harness::Socket::connect(&server.url, &json!({"token": token})).await;
    let _stalled = socket.expect("connected");
    let (code, took) = server.terminate();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(6), "{took:?}");
    say(&format!("ended in {took:?}"));

    // The same port, at once, twice.
    for _ in 0..2 {
        let mut command = incidentd();
        let mut again =
            Serving::with(command.arg("serve").arg("--data-dir").arg(dir.path()), &addr)
                .unwrap_or_else(|(_, said)| panic!("{said}"));
        assert_eq!(again.terminate().0, Some(0));
    }
    assert!(!dir.path().join("control.sock").exists());
}

/// Where Debian keeps libfaketime, whatever the processor.
fn libfaketime() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").expect("a folder").filter_map(Result::ok);
    let mut found = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    found.find(|path| path.exists()).expect("libfaketime: run scripts/test, which installs it")
}

/// A wall clock that is set, by libfaketime.
#[tokio::test]
async fn a_wall_clock_that_is_set_moves_no_elapsed_timer() {
    let dir = tempfile::tempdir().expect("a folder");
    let token = world(dir.path());
    let step = dir.path().join("step");
    fs::write(&step, "+0").expect("written");
    let server = Serving::with(
        incidentd()
            .arg("serve")
            .arg("--data-dir")
            .arg(dir.path())
            .env("LD_PRELOAD", libfaketime())
            .env("FAKETIME_TIMESTAMP_FILE", &step)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        "127.0.0.1:0",
    )
    .expect("serves");
    let http = harness::http();
    let mut ids = Vec::new();
    for title in ["elapsed", "wall"] {
        let (_, opened) =
            try_post(&http, &server.url, &json!({"title": title})).await.expect("answered");
        ids.push(opened["incidentId"].as_i64().expect("an incident"));
    }
    let act = |id, action| {
        let (http, url, token) = (http.clone(), server.url.clone(), token.clone());
        async move { try_act(&http, &url, &token, id, &action).await.expect("answered").0 }
    };
    let status = |id: i64| {
        let request = http.get(format!("{}/api/v1/incidents/{id}", server.url)).bearer_auth(&token);
        async move { harness::answer(request).await.1["status"].clone() }
    };
    let acked = Instant::now();
    assert_eq!(act(ids[0], json!({"action": "acknowledge", "for": "6s"})).await, 200);
    assert_eq!(act(ids[1], json!({"action": "snooze", "for": "30m"})).await, 200);
    fs::write(&step, "+3600").expect("written");
    until("the snooze ends at its moment", || async { status(ids[1]).await == "triggered" }).await;
    if acked.elapsed() < Duration::from_secs(5) {
        assert_eq!(status(ids[0]).await, "acknowledged", "no time has passed");
    }
    fs::write(&step, "-3600").expect("written");
    until("six seconds are six", || async { status(ids[0]).await == "triggered" }).await;
    let took = acked.elapsed();
    assert!(took > Duration::from_secs(5), "{took:?}");
    say(&format!("6 s took {took:?} across +1 h and -2 h"));
    assert!(server.says("the wall clock was set"));
}

/// What the disk says at an fsync cannot be taken back: nothing of that commit is told anybody.
#[tokio::test]
async fn an_fsync_that_fails_refuses_and_heals() {
    let dir = tempfile::tempdir().expect("a folder");
    world(dir.path());
    let broken = dir.path().join("broken");
    let server = Serving::with(
        incidentd()
            .arg("serve")
            .arg("--data-dir")
            .arg(dir.path())
            .env("LD_PRELOAD", crate::backup::shim(dir.path()))
            .env("FAULT", "eio")
            .env("FAULT_AT", "1")
            .env("FAULT_WHILE", &broken),
        "127.0.0.1:0",
    )
    .expect("serves");
    let http = harness::http();
    let mut accepted = Vec::new();
    let (mut refused, mut healed) = (0, Duration::ZERO);
    for round in 0..20 {
        fs::write(&broken, "").expect("written");
        for number in 0..5 {
            let body = json!({"title": format!("refused {round}-{number}")});
            let (status, said) = try_post(&http, &server.url, &body).await.expect("answered");
            assert_eq!(status, 503, "{said}");
            refused += 1;
        }
        fs::remove_file(&broken).expect("removed");
        let title = format!("taken {round}");
        let took = until("an alert is taken again", || async {
            let answer = try_post(&http, &server.url, &json!({"title": title})).await;
            answer.is_some_and(|(status, _)| status == 202)
        })
        .await;
        healed = healed.max(took);
        accepted.push(title);
    }
    server.kill();
    let server = Serving::start(dir.path());
    let db = database(dir.path());
    check_log(&db);
    let mut titles =
        db.prepare("select json_extract(doc, '$.title') from incidents order by id").expect("SQL");
    let stored: Vec<String> = titles
        .query_map([], |row| row.get(0))
        .expect("rows")
        .map(|row| row.expect("a title"))
        .collect();
    // A refused one may be there after the kill: its bytes were written, only never promised.
    let kept: Vec<&String> = stored.iter().filter(|title| title.starts_with("taken")).collect();
    assert_eq!(kept, accepted.iter().collect::<Vec<_>>());
    assert_eq!(stored.len(), kept.len(), "nor is what was refused: {stored:?}");
    say(&format!("{refused} refused at 20 failures, healed within {healed:?}"));
    drop(server);
}

/// Somebody reads one old state for long while all goes on: the log beside the database grows,
/// and is taken in when he is done.
#[tokio::test]
async fn a_long_reader_leaves_no_lasting_log() {
    let dir = tempfile::tempdir().expect("a folder");
    world(dir.path());
    let server = Serving::start(dir.path());
    let http = harness::http();
    let load = |from: u64| {
        let (http, url) = (http.clone(), server.url.clone());
        async move {
            for number in from..from + 30 {
                let alerts: Vec<Value> = (0..40)
                    .map(|n| {
                        json!({"labels": {"alertname": format!("a{number}-{n}")},
                            "annotations": {"summary": "x".repeat(500)}})
                    })
                    .collect();
                let address = format!("{url}/integrations/{KEY}/api/v2/alerts");
                let (status, said) = harness::answer(http.post(address).json(&alerts)).await;
                assert_eq!(status, 200, "{said}");
            }
        }
    };
    let wal = || fs::metadata(dir.path().join("incidentd.db-wal")).expect("there").len();
    let reader = database(dir.path());
    let view = reader.unchecked_transaction().expect("begun");
    let incidents = "select count(*) from incidents";
    let before: i64 = view.query_row(incidents, [], |row| row.get(0)).expect("counted");
    load(0).await;
    let held = wal();
    let still: i64 = view.query_row(incidents, [], |row| row.get(0)).expect("counted");
    assert_eq!(before, still, "he sees what he saw");
    drop(view);
    load(100).await;
    load(200).await;
    let after = wal();
    say(&format!("log while read: {held} bytes; two loads later: {after}"));
    assert!(after <= 64 * 1024 * 1024, "{after}");
}
