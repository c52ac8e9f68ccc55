//! A fault in paging refuses no alert, and ends with the fault.
use incidentd::domain::Status;
use serde_json::json;

use crate::harness::{KEY, TestServer, WORLD, answer, http, mins};
use crate::process::{Serving, on_host};

#[tokio::test]
async fn a_policy_that_cannot_be_read_refuses_no_alert() {
    let mut server = TestServer::start().await;
    let file = server.dir().join("incidentd.db");
    let database = rusqlite::Connection::open(file).expect("opened");
    let policy = |steps: &str| {
        let sql = "update policies set steps = ?1 where slug = 'payments-default'";
        assert_eq!(database.execute(sql, [steps]).expect("changed"), 1);
    };
    let before: String = database
        .query_row("select steps from policies where slug = 'payments-default'", [], |row| {
            row.get(0)
        })
        .expect("a policy");
    policy("nonsense");
    // Many at once: they share a transaction with what fails.
    let posts = &server;
    let alerts = (1..=20).map(|n| async move {
        posts.post("generic", &json!({"title": format!("alert {n}")})).await
    });
    let alerts = futures_util::future::join_all(alerts).await;
    assert!(alerts.iter().all(|(status, _)| *status == 202), "{alerts:?}");
    let count =
        |sql: &str| -> i64 { database.query_row(sql, [], |row| row.get(0)).expect("a number") };
    assert_eq!(count("select count(*) from incidents"), 20);
    assert_eq!(count("select sum(alert_count) from incidents"), 20);
    assert_eq!(count("select count(*) from events where type = 'incident:created'"), 20);
    // Nothing half done is left of what failed, and all of it is still due.
    assert_eq!(count("select count(*) from events where type = 'incident:escalated'"), 0);
    assert_eq!(count("select count(*) from timers where kind = 'escalate'"), 20);

    policy(&before);
    server.advance(mins(1)).await;
    for id in 1..=20 {
        let incident = server.incident(id).await;
        assert_eq!(incident.status, Status::Triggered);
        assert_eq!(
            incident.escalation.next_targets,
            ["alice", "bob"],
            "the first step has its time"
        );
    }
}

#[tokio::test]
async fn the_log_says_once_what_was_left_to_its_timer() {
    let dir = tempfile::tempdir().expect("a folder");
    on_host(dir.path(), &["user", "add", "root", "--admin"], "");
    let mut server = Serving::start(dir.path());
    on_host(dir.path(), &["apply", "-f", "-"], WORLD);
    // A running server keeps policies in mind.
    server.terminate();
    let database = rusqlite::Connection::open(dir.path().join("incidentd.db")).expect("opened");
    database.execute("update policies set steps = 'nonsense'", []).expect("changed");
    let mut server = Serving::start(dir.path());
    let url = format!("{}/integrations/{KEY}/generic", server.url);
    assert_eq!(answer(http().post(url).body("disk full")).await.0, 202);
    server.terminate();
    let said = server.rest();
    let left = said.iter().filter(|line| line.contains("is left to its timer")).count();
    assert_eq!(left, 1, "{said:#?}");
}
