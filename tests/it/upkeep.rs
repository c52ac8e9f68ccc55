//! What is kept and for how long, and who did what: retention and the audit.
use std::time::Duration;

use incidentd::api::audit::{AUDIT, AuditOrder, AuditQuery, Entry};
use incidentd::api::incidents::{LIST, ListQuery};
use incidentd::api::{Nothing, Page};
use incidentd::domain::{Action, IncidentId};
use incidentd::engine::retention;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::harness::{TestServer, hours};
use crate::process::{Serving, incidentd, on_host, run};

const DAY: Duration = hours(24);
const KEPT: Duration = hours(400 * 24);

fn count(server: &TestServer, sql: &str) -> i64 {
    let db = Connection::open(server.dir().join("incidentd.db")).expect("opened");
    db.query_row(sql, [], |row| row.get(0)).expect("a number")
}

async fn alert(server: &TestServer, body: Value) -> IncidentId {
    server.alert(body).await.incident_id.expect("an incident")
}

async fn resolve(server: &TestServer, id: IncidentId) {
    let over = Action::Resolve { note: None, hold: None };
    server.act("bob", id.0, over).await.expect("resolved");
}

#[tokio::test]
async fn incidents_go_whole_400_days_after_their_resolve() {
    let mut server = TestServer::start().await;
    let old = alert(&server, json!({"title": "old", "dedupKey": "old"})).await;
    for number in 0..150 {
        let body = json!({"action": "addNote", "body": format!("note {number}")});
        let action: Action = serde_json::from_value(body).expect("an action");
        server.act("bob", old.0, action).await.expect("noted");
    }
    resolve(&server, old).await;
    let open = alert(&server, json!({"title": "open", "dedupKey": "open"})).await;
    server.advance(DAY).await;
    let young = alert(&server, json!({"title": "young", "dedupKey": "young"})).await;
    resolve(&server, young).await;
    let cursor = count(&server, "select max(seq) from events");
    let app = server.server().app.clone();

    server.clock.advance(hours(399 * 24));
    assert_eq!(retention::turn(&app, KEPT).await, 0, "a day is left");
    server.clock.advance(hours(1));
    assert_eq!(app.let_go_of_old(KEPT).await.expect("deleted"), (100, 0), "a little at a time");
    assert_eq!(retention::turn(&app, KEPT).await, 1);
    for (table, of) in [
        ("incidents", "id"),
        ("events", "incident_id"),
        ("alerts", "incident_id"),
        ("incident_people", "incident_id"),
    ] {
        let left = count(&server, &format!("select count(*) from {table} where {of} = {old}"));
        assert_eq!(left, 0, "{table}");
        if table != "incident_people" {
            for kept in [open, young] {
                let sql = format!("select count(*) from {table} where {of} = {kept}");
                assert!(count(&server, &sql) > 0, "{table} of {kept}");
            }
        }
    }

    // Tokens made then are good; cursors from before are told to start anew, later ones go on.
    let mut socket = server.socket("root").await;
    let ack = socket.subscribe(json!({"after": 1})).await;
    assert_eq!(ack["reset"], true, "{ack}");
    let ack = socket.subscribe(json!({"after": cursor})).await;
    assert_eq!((&ack["ok"], ack.get("reset")), (&json!(true), None), "{ack}");
    let root = |path: &str| {
        let request = server.http().get(format!("{}/api/v1{path}", server.url));
        crate::harness::answer(request.bearer_auth(server.token("root")))
    };
    for (after, reset) in [(0, false), (1, true), (cursor, false)] {
        let (status, page) = root(&format!("/events?after={after}")).await;
        assert_eq!((status, &page["reset"]), (200, &json!(reset)), "{after}: {page}");
    }
    let query = ListQuery {
        status: vec![serde_json::from_value(json!("all")).expect("one")],
        ..ListQuery::default()
    };
    let list = server.call("root", &LIST, Nothing {}, &query, &Nothing {}).await.expect("listed");
    let ids: Vec<IncidentId> = list.items.iter().map(|incident| incident.id).collect();
    assert_eq!(ids.len(), 2, "{ids:?}");

    // The key of what is gone opens a new incident, under a new number.
    let again = alert(&server, json!({"title": "old", "dedupKey": "old"})).await;
    assert!(again > young, "{again:?}");
    assert_eq!(count(&server, "select count(*) from pragma_foreign_key_check"), 0);
    // The audit goes by the same rule.
    assert_eq!(count(&server, "select count(*) from events where team_id is null"), 0);
}

async fn audit(server: &TestServer, query: &AuditQuery) -> Page<Entry> {
    server.call("root", &AUDIT, Nothing {}, query, &Nothing {}).await.expect("told")
}

#[tokio::test]
async fn the_audit_says_who_did_what_to_whom_in_names_of_then() {
    let mut server = TestServer::start().await;
    let before = count(&server, "select max(seq) from events");
    let started = server.server().app.now();
    server.advance(hours(1)).await;
    let id = alert(&server, json!({"title": "disk full"})).await;
    server
        .act("bob", id.0, Action::Resolve { note: Some("done".into()), hold: None })
        .await
        .expect("resolved");
    let url = format!("{}/api/v1", server.url);
    let as_alice = |request: reqwest::RequestBuilder| request.bearer_auth(server.token("alice"));
    let set = server.http().put(format!("{url}/teams/payments/members/carol"));
    let (status, _) =
        crate::harness::answer(as_alice(set.json(&json!({"role": "responder"})))).await;
    assert_eq!(status, 200);
    let gone = server.http().delete(format!("{url}/teams/payments/members/carol"));
    assert_eq!(crate::harness::answer(as_alice(gone)).await.0, 200);
    let made = server.http().post(format!("{url}/tokens")).json(&json!({"name": "cron"}));
    let (_, token) = crate::harness::answer(as_alice(made)).await;
    let number = token["id"].as_i64().expect("an id");
    let revoked = server.http().delete(format!("{url}/tokens/{number}"));
    assert_eq!(crate::harness::answer(as_alice(revoked)).await.0, 200);
    // What it was called then, not now.
    Connection::open(server.dir().join("incidentd.db"))
        .expect("opened")
        .execute_batch("update users set username = 'caroline' where username = 'carol'")
        .expect("renamed");

    let since = Some(started.checked_add(jiff::SignedDuration::from_mins(30)).expect("later"));
    let all = audit(&server, &AuditQuery { since, ..AuditQuery::default() }).await;
    let told: Vec<_> = all
        .items
        .iter()
        .map(|e| (e.actor.name.as_str(), e.what.as_str(), e.team.as_deref()))
        .collect();
    let token = |what: &str, of: &str| format!("{what} token {number} (cron) {of} alice");
    let (made, revoked) = (token("made", "of"), token("revoked", "of"));
    assert_eq!(
        told,
        [
            ("bob", "1 (disk full): resolved: done", Some("payments")),
            ("alice", "made carol responder of team payments", Some("payments")),
            ("alice", "removed carol from team payments", Some("payments")),
            ("alice", made.as_str(), None),
            ("alice", revoked.as_str(), None),
        ],
        "the source's own doings are no people's"
    );
    assert!(all.next_cursor.is_none() && all.items.iter().all(|entry| entry.seq.0 > before));

    let by = AuditQuery { since, actor: Some("bob".into()), ..AuditQuery::default() };
    assert_eq!(audit(&server, &by).await.items.len(), 1);
    let of = AuditQuery { team: Some("payments".into()), since, ..AuditQuery::default() };
    assert_eq!(audit(&server, &of).await.items.len(), 3);
    // In pages, from the beginning: what the world was made of is there too.
    let mut query = AuditQuery { limit: Some(3), ..AuditQuery::default() };
    let mut entries = Vec::new();
    loop {
        let page = audit(&server, &query).await;
        entries.extend(page.items);
        let Some(next) = page.next_cursor else { break };
        query.cursor = Some(next);
    }
    assert!(entries.is_sorted_by_key(|entry| entry.seq));
    // And as people look at it: the same, backwards.
    let mut query =
        AuditQuery { limit: Some(3), sort: Some(AuditOrder::New), ..AuditQuery::default() };
    let mut backwards = Vec::new();
    loop {
        let page = audit(&server, &query).await;
        backwards.extend(page.items);
        let Some(next) = page.next_cursor else { break };
        query.cursor = Some(next);
    }
    let seqs = |entries: &[Entry]| entries.iter().map(|entry| entry.seq).collect::<Vec<_>>();
    backwards.reverse();
    assert_eq!(seqs(&backwards), seqs(&entries));
    let newest = AuditQuery { since, sort: Some(AuditOrder::New), ..AuditQuery::default() };
    assert_eq!(audit(&server, &newest).await.items.len(), 5, "and no older ones");
    let has = |what: &str| entries.iter().any(|entry| entry.what == what);
    assert!(has("added user bob") && has("created service checkout"), "{entries:?}");
    let text = serde_json::to_string(&entries).expect("JSON");
    assert!(!text.contains("inc_") && !text.contains("0123456789abcdef"), "no secret is in it");
}

#[tokio::test]
async fn the_audit_at_the_command_line_is_lines_for_programs() {
    let dir = tempfile::tempdir().expect("a folder");
    on_host(dir.path(), &["user", "add", "alice", "--admin"], "");
    let server = Serving::start(dir.path());
    let token = on_host(dir.path(), &["token", "create", "--user", "alice", "--name", "x"], "");
    let mut backup = incidentd();
    backup.args(["backup", "-"]).arg("--data-dir").arg(dir.path());
    assert!(run(&mut backup, "").status.success());
    let lines = on_host(dir.path(), &["audit", "-o", "json", "--user", "host"], "");
    let told: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let what: Vec<&str> = told.iter().map(|entry| entry["what"].as_str().expect("words")).collect();
    // Among links and what else is made by the way.
    let at = |start: &str| what.iter().position(|what| what.starts_with(start)).expect(start);
    let acts = ["added user alice", "made token 1 (x) of alice", "took backup of "].map(at);
    assert!(acts.is_sorted(), "{what:?}");
    let mut command = incidentd();
    command.args(["audit", "--since", "1h", "--server", &server.url]);
    let output = run(command.env("INCIDENTD_TOKEN", token.trim()), "");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(text.lines().count(), what.len(), "{text}");
    assert_eq!(text.lines().next().expect("a line").split('\t').count(), 4, "{text}");
}
