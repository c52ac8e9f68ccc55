//! What the server sees of its own trouble, and tells its admins.
use std::io::Write;

use incidentd::app::Caller;
use incidentd::domain::Status;
use incidentd::engine::watchdog::Watchdog;
use serde_json::json;

use crate::channels::notifier;
use crate::far::{Far, this_machine};
use crate::faults::Tmpfs;
use crate::harness::{TestServer, mins, secs};
use crate::process::until;

/// One beside the server's own, which looks by real time.
pub fn watchdog(server: &TestServer) -> Watchdog {
    Watchdog::new(server.server().app.clone(), notifier(|_| {}))
}

fn database(server: &TestServer) -> rusqlite::Connection {
    rusqlite::Connection::open(server.dir().join("incidentd.db")).expect("opened")
}

#[tokio::test]
async fn a_timer_that_cannot_be_handled_is_late_and_said_so_until_it_is() {
    let mut server = TestServer::start().await;
    let (app, mut dog) = (server.server().app.clone(), watchdog(&server));
    server.alert(json!({"title": "disk full"})).await;
    let ack = json!({"action": "acknowledge", "for": "1m"});
    let ack = serde_json::from_value(ack).expect("an action");
    server.act("bob", 1, ack).await.expect("acknowledged");
    // Something broke its row.
    let db = database(&server);
    let doc: String =
        db.query_row("select doc from incidents", [], |row| row.get(0)).expect("there");
    db.execute("update incidents set doc = '{}'", []).expect("broken");

    server.advance(mins(1) + secs(5)).await;
    assert_eq!(dog.turn(Vec::new()).await, [], "a few seconds are none");
    server.advance(mins(1)).await;
    assert_eq!(app.late_timers().await.expect("read"), (1, secs(65)), "tried again, and late");
    dog.turn(Vec::new()).await;
    let again = dog.turn(Vec::new()).await.to_vec();
    assert_eq!(again[0].title, "1 timer is late, by up to 65 s");
    let told = server.incident(2).await;
    assert_eq!((told.team.slug.as_str(), &told.title), ("incidentd", &again[0].title));
    let seen = crate::commands::command(&server, "root", &["doctor"], "").await;
    assert!(seen.out.contains("1 is late, by up to 65 s"), "{}", seen.out);

    db.execute("update incidents set doc = ?1 where id = 1", [doc]).expect("mended");
    server.advance(secs(30)).await;
    assert_eq!(server.incident(1).await.status, Status::Triggered, "it was not forgotten");
    dog.turn(Vec::new()).await;
    assert_eq!(server.incident(2).await.status, Status::Resolved);
}

#[tokio::test]
async fn a_late_timer_whose_reason_is_gone_is_late_no_more() {
    let mut server = TestServer::start().await;
    let app = server.server().app.clone();
    server.alert(json!({"title": "disk full"})).await;
    let db = database(&server);
    db.execute("update incidents set doc = '{}'", []).expect("broken");
    db.execute("update timers set due_at = due_at - 7 * 86400000 where kind = 'escalate'", [])
        .expect("due");
    server.advance(secs(20)).await;
    assert_eq!(app.late_timers().await.expect("read").0, 1);
    db.execute("delete from timers where kind = 'escalate'", []).expect("gone");
    assert_eq!(app.late_timers().await.expect("read").0, 0);
}

#[tokio::test]
async fn a_disk_that_is_nearly_full_is_told_while_there_is_room_for_it() {
    let Some(disk) = Tmpfs::mount("64m") else { return };
    let dir = disk.path().join("data");
    let server = TestServer::with(|config| config.data_dir.clone_from(&dir)).await;
    let (app, mut dog) = (server.server().app.clone(), watchdog(&server));
    assert_eq!(dog.turn(Vec::new()).await, [], "there is room");
    let room = usize::try_from(app.disk().2).expect("small");
    let filler = disk.path().join("filler");
    std::fs::write(&filler, vec![7; room - 3 * 1024 * 1024]).expect("written");
    let first = dog.turn(Vec::new()).await.to_vec();
    assert_eq!((first.len(), first[0].key), (1, "disk"));
    dog.turn(Vec::new()).await;
    let told = server.incident(1).await;
    assert_eq!((told.team.slug.as_str(), told.service), ("incidentd", None));
    assert!(told.title.starts_with("the disk has "), "{}", told.title);
    assert!(told.title.ends_with(" MiB left"), "{}", told.title);

    std::fs::remove_file(&filler).expect("removed");
    dog.turn(Vec::new()).await;
    assert_eq!(server.incident(1).await.status, Status::Resolved);
}

/// Those who look after it judge by real time: here a clock stands still that tells its loops of
/// nothing to do.
#[tokio::test]
async fn a_loop_with_nothing_to_do_shows_that_it_lives() {
    let server = TestServer::start().await;
    let metrics = server.server().metrics.clone();
    for beat in [&metrics.timers_beat, &metrics.deliver_beat] {
        for round in 0..2 {
            let before = std::cell::Cell::new(std::time::Duration::ZERO);
            until(&format!("sign of life {round}"), || async {
                let age = beat.age().unwrap_or_default();
                age < before.replace(age)
            })
            .await;
        }
    }
}

/// No incident can tell of a disk that is full: its admins hear of it past the database, and find
/// an incident once there is room.
#[tokio::test]
async fn a_full_disk_is_told_without_it_and_leaves_a_trace() {
    let Some(disk) = Tmpfs::mount("32m") else { return };
    let dir = disk.path().join("data");
    let mut far = Far::start().await;
    let server = TestServer::with(|config| {
        config.data_dir.clone_from(&dir);
        config.outgoing.allow_private = this_machine();
    })
    .await;
    let contact = format!(
        "[[users]]\nusername = \"root\"\n\
         contacts = [{{ name = \"hook\", channel = \"webhook\", address = \"{}\" }}]\n",
        far.url("/root")
    );
    let document = toml::from_str(&contact).expect("a document");
    server.server().app.apply(&Caller::host(), document).await.expect("applied");
    let mut dog = watchdog(&server);
    // What the write-ahead log has already is room, too.
    let db = rusqlite::Connection::open(dir.join("incidentd.db")).expect("opened");
    db.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(())).expect("emptied");
    drop(db);
    let filler = disk.path().join("filler");
    let mut room = std::fs::File::create(&filler).expect("made");
    while room.write_all(&[7; 4096]).is_ok() {}
    let fault = || vec!["nothing can be written".to_owned()];
    for _ in 0..4 {
        dog.turn(fault()).await;
    }
    let said = far.next().await.json();
    assert_eq!((&said["kind"], &said["to"]), (&json!("notice"), &json!("root")), "{said}");
    let text = said["text"].as_str().expect("text");
    assert!(text.contains("nothing can be written. Nothing can be stored"), "{text}");
    assert_eq!(far.so_far().len(), 0, "once an hour");

    drop(room);
    std::fs::remove_file(&filler).expect("removed");
    until("there is room", || async { server.server().app.check_writable().await.is_ok() }).await;
    dog.turn(Vec::new()).await;
    dog.turn(Vec::new()).await;
    for (id, title) in [(1, "the disk has 0 MiB left"), (2, "nothing can be written")] {
        let trace = server.incident(id).await;
        assert!(trace.title.contains(title), "{}", trace.title);
        assert_eq!(trace.status, Status::Resolved);
    }
}
