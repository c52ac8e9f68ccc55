//! Backups: taken while all goes on, refused when they are no good, and put back so that neither
//! old nor new is ever half there.
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use rusqlite::Connection;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::harness::{self, KEY, WORLD};
use crate::process::{Serving, incidentd, on_host, rounds, run, say, until};

const GAP: i64 = 1_000_000_000;

fn world(dir: &Path) -> String {
    on_host(dir, &["apply", "-f", "-"], WORLD);
    on_host(dir, &["token", "create", "--user", "root"], "").trim().to_owned()
}

/// Exit code and what it said.
fn tried(command: &mut Command) -> (i32, String) {
    let output = run(command, "");
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn restore(dir: &Path, file: &Path, more: &[&str]) -> (i32, String) {
    tried(incidentd().arg("restore").arg(file).args(more).arg("--data-dir").arg(dir))
}

fn backup(dir: &Path, file: &Path) -> String {
    let (code, said) = tried(incidentd().arg("backup").arg(file).arg("--data-dir").arg(dir));
    assert_eq!(code, 0, "{said}");
    said
}

async fn alert(server: &Serving, title: &str) -> i64 {
    let url = format!("{}/integrations/{KEY}/generic", server.url);
    let request = harness::http().post(url).json(&json!({"title": title}));
    let (status, answer) = harness::answer(request).await;
    assert_eq!(status, 202, "{answer}");
    answer["incidentId"].as_i64().expect("an id")
}

async fn get(server: &Serving, token: &str, path: &str) -> (u16, Value) {
    let url = format!("{}/api/v1{path}", server.url);
    harness::answer(harness::http().get(url).bearer_auth(token)).await
}

/// Every file's name and content, but those that only mark who is there.
pub fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(dir).expect("readable").map(|entry| entry.expect("one").path());
    entries
        .filter(|path| !["lock", "control.sock"].map(|name| dir.join(name)).contains(path))
        .map(|path| (path.clone(), fs::read(&path).expect("read")))
        .collect()
}

fn number(db: &Path, sql: &str) -> i64 {
    let db = Connection::open(db).expect("opened");
    db.query_row(sql, [], |row| row.get(0)).expect("a number")
}

const TITLES: &str = "select count(*) from incidents";
const HEAD: &str = "select max(seq) from events";

#[tokio::test]
async fn a_backup_of_the_running_server_comes_back_with_everything_but_no_number_twice() {
    let (dir, other) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("another"));
    let token = world(dir.path());
    let server = Serving::start(dir.path());
    assert_eq!(alert(&server, "before").await, 1);
    let mut socket =
        harness::Socket::connect(&server.url, &json!({"token": token})).await.expect("connected");

    let file = other.path().join("backup.db");
    let said = backup(dir.path(), &file);
    assert!(said.contains("Backed up to") && said.contains("seq "), "{said}");
    assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
    let beside: Vec<_> = fs::read_dir(other.path()).expect("readable").collect();
    assert_eq!(beside.len(), 1, "one file, nothing beside it: {beside:?}");
    assert!(!dir.path().join("incidentd.db.copying").exists());
    let taken = number(&file, HEAD);

    assert_eq!(alert(&server, "after").await, 2);
    let (_, lost) = get(&server, &token, "/events?after=0&limit=200").await;
    let lost = lost["head"].as_i64().expect("a head");
    assert!(lost > taken);
    socket.ask("ping", &Value::Null).await;
    let said = restore(dir.path(), &file, &[]).1;
    assert!(said.contains("in use by another incidentd"), "{said}");
    drop(server);

    // On another host, where nothing is known of what came after.
    let home = other.path().join("home");
    let (code, said) = restore(&home, &file, &[]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("numbered above 10000"), "{said}");
    let server = Serving::start(&home);
    let (status, list) = get(&server, &token, "/incidents").await;
    assert_eq!(status, 200, "tokens work as before");
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1), "{list}");
    let mut socket =
        harness::Socket::connect(&server.url, &json!({"token": token})).await.expect("connected");
    for cursor in [taken, lost] {
        let ack = socket.subscribe(json!({"after": cursor})).await;
        assert_eq!((&ack["ok"], &ack["reset"]), (&json!(true), &json!(true)), "{ack}");
        assert_eq!(ack["head"], taken + GAP, "{ack}");
    }
    let ack = socket.subscribe(json!({"after": taken + GAP})).await;
    assert_eq!(ack["events"], json!([]), "a cursor of now goes on: {ack}");
    assert_eq!(alert(&server, "new").await, 10_001);
    let event = socket.expect("incident:created").await;
    assert_eq!(event["seq"], taken + GAP + 1);
    drop(server);
    // A second time: what was found counts too.
    let (code, said) = restore(&home, &file, &["--force"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(number(&home.join("incidentd.db"), HEAD), taken + 2 * GAP + 1);
    assert!(said.contains("numbered above 20000"), "{said}");
    let aside = said.split("is now ").nth(1).and_then(|rest| rest.split(".\n").next());
    assert_eq!(number(Path::new(aside.expect("named")), TITLES), 2, "the old one is whole");
}

/// It may not have gone before, and the ladder of what is not urgent is over.
#[tokio::test]
async fn a_page_that_waits_is_made_anew_after_a_restore() {
    let (dir, to) =
        (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    world(dir.path());
    let quiet = r#"
[[users]]
username = "bob"
contacts = [{ name = "phone", channel = "webhook", address = "https://hooks.example.com/bob" }]
rules.quiet = { from = "00:00", to = "23:59" }
rules.low = [{ after = "0m", contact = "phone" }]
[[escalation_policies]]
slug = "payments-default"
team = "payments"
steps = [{ after = "0m", targets = ["user:bob"] }]
"#;
    on_host(dir.path(), &["apply", "-f", "-"], quiet);
    let server = Serving::start(dir.path());
    let url = format!("{}/integrations/{KEY}/generic", server.url);
    let low = json!({"title": "backup slow", "severity": "warning"});
    harness::http().post(url).json(&low).send().await.expect("an answer");
    let waits = |at: &Path| {
        let waits = "select count(*) from deliveries where kind = 'page' and state = 'queued'";
        number(&at.join("incidentd.db"), waits)
    };
    until("a page that waits", || async { waits(dir.path()) == 1 }).await;
    let file = to.path().join("backup");
    backup(dir.path(), &file);
    drop(server);
    let home = to.path().join("home");
    let (code, said) = restore(&home, &file, &[]);
    assert_eq!(code, 0, "{said}");
    let _server = Serving::start(&home);
    until("the page again", || async { waits(&home) == 1 }).await;
}

#[test]
fn a_file_that_somebody_prepared_is_not_written_into() {
    let dir = tempfile::tempdir().expect("a folder");
    world(&dir.path().join("data"));
    let (target, bait) = (dir.path().join("b.db"), dir.path().join("victim"));
    let part = dir.path().join(".b.db.part");
    fs::write(&bait, "precious").expect("written");
    std::os::unix::fs::symlink(&bait, &part).expect("linked");
    backup(&dir.path().join("data"), &target);
    assert_eq!(fs::read_to_string(&bait).expect("read"), "precious");
    let meta = fs::symlink_metadata(&target).expect("there");
    assert!(meta.is_file());
    assert_eq!(meta.permissions().mode() & 0o077, 0);

    fs::write(&part, "").expect("written");
    fs::set_permissions(&part, fs::Permissions::from_mode(0o666)).expect("set");
    backup(&dir.path().join("data"), &target);
    assert_eq!(fs::metadata(&target).expect("there").permissions().mode() & 0o077, 0);
}

#[tokio::test]
async fn a_backup_that_is_stopped_leaves_nothing() {
    let (dir, to) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("another"));
    let root = world(dir.path());
    let server = Serving::start(dir.path());
    // Frozen, it takes the request and never answers.
    let frozen = Pid::from_child(&server.child);
    kill_process(frozen, Signal::STOP).expect("frozen");
    let (file, part) = (to.path().join("backup.db"), to.path().join(".backup.db.part"));
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let mut command = incidentd();
        command.arg("backup").arg(&file).args(["--server", &server.url]);
        command.env("INCIDENTD_TOKEN", &root).stderr(Stdio::piped());
        let child = command.spawn().expect("started");
        until("it has begun", || async { part.exists() }).await;
        kill_process(Pid::from_child(&child), signal).expect("signalled");
        let output = child.wait_with_output().expect("an end");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{signal:?}: {said}");
        assert!(said.contains("Stopped: "), "{said}");
        assert!(fs::read_dir(to.path()).expect("readable").next().is_none(), "{signal:?}");
    }
    kill_process(frozen, Signal::CONT).expect("goes on");
}

#[test]
fn what_a_killed_backup_left_goes_with_the_next_and_nothing_else_does() {
    let (dir, to) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("another"));
    world(dir.path());
    let file = to.path().join("monday.db");
    backup(dir.path(), &file);
    let left = |name: &str, hours: u64, content: &Path| {
        let path = to.path().join(name);
        fs::copy(content, &path).expect("copied");
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(hours * 3_600);
        let open = fs::OpenOptions::new().write(true).open(&path).expect("opened");
        if hours > 0 {
            open.set_modified(at).expect("set");
        }
        (path, open)
    };
    let foreign = to.path().join("notes");
    fs::write(&foreign, "x".repeat(200)).expect("written");
    let (killed, _) = left(".sunday.db.part", 1, &file);
    let (held, lock) = left(".saturday.db.part", 1, &file);
    lock.try_lock().expect("locked");
    let others = [
        left(".friday.db.part", 0, &file).0,
        left(".film.part", 1, &foreign).0,
        left("thursday.part", 1, &file).0,
        held,
    ];
    backup(dir.path(), &file);
    assert!(!killed.exists(), "it is ours, old, and nobody has it");
    for other in others {
        assert!(other.exists(), "{}", other.display());
    }
}

#[tokio::test]
async fn over_http_it_takes_a_platform_admin() {
    let (dir, to) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("another"));
    let root = world(dir.path());
    let bob = on_host(dir.path(), &["token", "create", "--user", "bob"], "");
    let server = Serving::start(dir.path());
    let file = to.path().join("backup.db");
    let with = |token: &str, file: &Path| {
        let mut command = incidentd();
        command.args(["backup", "-q", "--server", &server.url]).arg(file);
        command.env("INCIDENTD_TOKEN", token.trim());
        run(&mut command, "")
    };
    let refused = with(&bob, &file);
    assert_eq!(refused.status.code(), Some(5), "{refused:?}");
    assert!(fs::read_dir(to.path()).expect("readable").next().is_none(), "nothing is left");

    let output = with(&root, &file);
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty() && output.stdout.is_empty(), "-q says nothing: {output:?}");
    let output = with(&root, Path::new("-"));
    assert!(output.status.success() && output.stdout.starts_with(b"SQLite format 3\0"));
    for nowhere in ["/proc/backup.db", "/dev/null", "/"] {
        let output = with(&root, Path::new(nowhere));
        assert!(!output.status.success(), "{nowhere}");
    }
    let (code, said) =
        tried(incidentd().arg("backup").arg(&file).arg("--data-dir").arg(to.path().join("none")));
    assert_eq!(code, 3, "{said}");
    assert!(!to.path().join("none").exists(), "no folder is made by the way");
}

/// What it says of a file that is made so.
type Case<'a> = (&'a str, Box<dyn Fn(&Path) + 'a>);

#[test]
fn no_bad_file_is_restored_and_nothing_is_changed() {
    let (dir, to) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("another"));
    world(dir.path());
    let good = to.path().join("good.db");
    backup(dir.path(), &good);
    let sql = |sql: &'static str| {
        let good = good.clone();
        Box::new(move |file: &Path| {
            fs::copy(&good, file).expect("copied");
            Connection::open(file).expect("opened").execute_batch(sql).expect("SQL");
        })
    };
    let bytes = |change: fn(&mut Vec<u8>)| {
        let good = good.clone();
        Box::new(move |file: &Path| {
            let mut bytes = fs::read(&good).expect("read");
            change(&mut bytes);
            fs::write(file, bytes).expect("written");
        })
    };
    let cases: [Case<'_>; 10] = [
        ("is empty", bytes(Vec::clear)),
        ("is not a database of incidentd", bytes(|b| *b = b"Dear diary".to_vec())),
        ("is not a database of incidentd", sql("pragma application_id = 7")),
        ("is damaged", bytes(|b| b.truncate(b.len() / 2))),
        ("is damaged", bytes(|b| b[4_096..12_288].fill(0xA5))),
        ("was written by a newer incidentd", sql("pragma user_version = 99")),
        (
            "refers to nothing",
            sql("pragma foreign_keys = off; insert into memberships values (77, 88, 'admin', 1)"),
        ),
        (
            "did not make",
            sql("create trigger t after insert on events begin delete from users; end"),
        ),
        ("did not make", sql("drop index events_team")),
        (
            "log beside it",
            Box::new(|file| {
                fs::copy(&good, file).expect("copied");
                fs::write(format!("{}-wal", file.display()), "more").expect("written");
            }),
        ),
    ];
    for (expected, make) in cases {
        let file = to.path().join("bad.db");
        make(&file);
        let (home, source) = (files(dir.path()), fs::read(&file).expect("there"));
        let (code, said) = restore(dir.path(), &file, &["--force"]);
        assert_eq!(code, 5, "{expected}: {said}");
        assert!(said.contains(expected), "{expected}: {said}");
        assert!(files(dir.path()) == home, "{expected}: the folder is as it was");
        assert!(fs::read(&file).expect("there") == source, "{expected}: and so is the file");
    }
    let (code, said) = restore(dir.path(), &good, &[]);
    assert_eq!(code, 5, "{said}");
    assert!(said.contains("--force"), "{said}");
    let (code, _) = restore(dir.path(), &to.path().join("nothing"), &["--force"]);
    assert_eq!(code, 3);
    let (code, _) = tried(incidentd().arg("restore").arg(&good));
    assert_eq!(code, 2, "it does not guess the folder");
}

/// The library that lets writing fail, compiled once for each test that asks.
pub fn shim(to: &Path) -> PathBuf {
    let library = to.join("shim.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/shim.c");
    let output = run(
        Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source),
        "",
    );
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    library
}

/// Runs `command` again and again, killed before one of its changes of a file, later each time,
/// until it comes to its end; `check` looks at what each left. Every seventh change is tried,
/// others each time; all with `INCIDENTD_TEST_ROUNDS`. Returns how often it was killed.
fn killed_at_every_step(
    shim: &Path,
    mut command: impl FnMut() -> Command,
    mut check: impl FnMut(u32),
) -> usize {
    let stride = if rounds(0) > 0 { 1 } else { 7 };
    let first = 1 + std::process::id() % stride;
    for (count, step) in (first..5_000).step_by(stride as usize).enumerate() {
        let mut command = command();
        command.env("LD_PRELOAD", shim).env("FAULT", "kill").env("FAULT_AT", step.to_string());
        let output = run(&mut command, "");
        check(step);
        if output.status.success() {
            return count;
        }
        assert_eq!(output.status.code(), None, "{}", String::from_utf8_lossy(&output.stderr));
    }
    panic!("it never ends");
}

#[test]
fn a_restore_killed_at_any_step_leaves_the_old_or_the_new() {
    let (dir, to) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("another"));
    let (shim, file) = (shim(to.path()), to.path().join("backup.db"));
    world(dir.path());
    backup(dir.path(), &file);
    on_host(dir.path(), &["user", "add", "late"], "");
    let old = files(dir.path());
    let late = "select count(*) from users where username = 'late'";
    let (mut olds, mut news) = (0, 0);
    let killed = killed_at_every_step(
        &shim,
        || {
            for (path, _) in files(dir.path()) {
                fs::remove_file(path).expect("removed");
            }
            for (path, content) in &old {
                fs::write(path, content).expect("written");
            }
            let mut command = incidentd();
            command.arg("restore").arg(&file).arg("--force").arg("--data-dir").arg(dir.path());
            command
        },
        |step| {
            let db = dir.path().join("incidentd.db");
            let sound = "select count(*) from pragma_integrity_check where integrity_check = 'ok'";
            assert_eq!(number(&db, sound), 1, "step {step}");
            if number(&db, late) == 1 {
                olds += 1;
                assert!(number(&db, HEAD) < GAP, "step {step}");
            } else {
                news += 1;
                assert!(number(&db, HEAD) > GAP, "step {step}");
                let kept = files(dir.path()).into_keys().find(|path| {
                    let name = path.display().to_string();
                    name.contains(".replaced-") && !name.ends_with("-wal")
                });
                assert_eq!(number(&kept.expect("kept"), late), 1, "step {step}");
            }
        },
    );
    assert!(olds > 5 && news > 0, "{olds} old, {news} new");
    say(&format!("killed {killed} times: {olds} old, {news} new"));
    on_host(dir.path(), &["user", "list"], "");
    assert!(!dir.path().join("incidentd.db.restoring").exists(), "the next start cleans up");
}

/// A database as the first release made it.
pub fn first_schema(dir: &Path) {
    let sql = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/01-core/up.sql");
    let db = Connection::open(dir.join("incidentd.db")).expect("opened");
    db.execute_batch(&fs::read_to_string(sql).expect("read")).expect("SQL");
    db.execute_batch(
        "insert into users (username, name, created_at) values ('old', 'Old', 0);
         pragma application_id = 0x696e6364; pragma user_version = 1",
    )
    .expect("SQL");
}

#[test]
fn a_migration_killed_at_any_step_is_resumed_and_one_copy_is_kept() {
    let to = tempfile::tempdir().expect("a folder");
    let shim = shim(to.path());
    let dir = to.path().join("home");
    let users = "select count(*) from users where username = 'old'";
    let killed = killed_at_every_step(
        &shim,
        || {
            let _ = fs::remove_dir_all(&dir);
            fs::create_dir(&dir).expect("made");
            first_schema(&dir);
            fs::write(dir.join("incidentd.db.before-1"), "older").expect("written");
            let mut command = incidentd();
            command.args(["user", "list", "--data-dir"]).arg(&dir);
            command
        },
        |step| {
            // Whatever was left, the next start makes it good.
            let listed = on_host(&dir, &["user", "list"], "");
            assert!(listed.contains("old"), "step {step}: {listed}");
            let db = dir.join("incidentd.db");
            let schema = number(&db, "select user_version from pragma_user_version");
            assert!(schema > 1, "step {step}");
            let kept: Vec<_> = files(&dir)
                .into_keys()
                .filter(|path| path.display().to_string().contains(".before-"))
                .collect();
            assert_eq!(kept, [dir.join(format!("incidentd.db.before-{schema}"))], "step {step}");
            assert_eq!(number(&kept[0], "select user_version from pragma_user_version"), 1);
            assert_eq!(number(&kept[0], users), 1, "step {step}");
        },
    );
    assert!(killed > 10, "{killed}");
    say(&format!("killed {killed} times"));
}
