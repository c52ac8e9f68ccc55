//! The API: lists, pages, several at once, notes; one shape everywhere.
use incidentd::api::incidents::{
    ACT_ON_ALL, AfterQuery, BulkAction, EVENTS, EventsQuery, LIST, ListQuery, Order, StatusFilter,
    TIMELINE, TRIGGER, Trigger,
};
use incidentd::api::users::USERS;
use incidentd::api::{Nothing, Page, PageQuery, sessions};
use incidentd::domain::{Action, Incident, IncidentId, Seq, Severity, Span};
use serde_json::{Value, json};

use crate::harness::{TestServer, mins};

fn query(change: impl FnOnce(&mut ListQuery)) -> ListQuery {
    let mut query = ListQuery::default();
    change(&mut query);
    query
}

async fn ids(server: &TestServer, who: &str, query: &ListQuery) -> Vec<i64> {
    let page: Page<Incident> =
        server.call(who, &LIST, Nothing {}, query, &Nothing {}).await.expect("a page");
    page.items.iter().map(|incident| incident.id.0).collect()
}

/// 1 low, 2 high, 3 acknowledged, 4 snoozed, 5 resolved, 6 high; 7 of another team.
async fn seven() -> TestServer {
    let mut server = TestServer::start().await;
    for (n, severity) in
        ["warning", "critical", "critical", "critical", "critical", "error"].into_iter().enumerate()
    {
        let body = json!({"title": format!("alert {}", n + 1), "severity": severity,
            "labels": {"n": (n % 2).to_string()}});
        server.alert(body).await;
        server.advance(mins(1)).await;
    }
    let other = "/integrations/fedcba9876543210fedcba9876543210/generic";
    server.post_raw(other, "application/json", br#"{"title":"other team"}"#.to_vec()).await;
    let ack = Action::Acknowledge { span: None, until: None, note: None, take: false };
    server.act("bob", 3, ack).await.expect("acknowledged");
    let snooze = Action::Snooze { span: Some(Span::secs(3_600)), until: None };
    server.act("alice", 4, snooze).await.expect("snoozed");
    server.act("bob", 5, Action::Resolve { note: None, hold: None }).await.expect("resolved");
    server
}

#[tokio::test]
async fn lists_show_what_needs_a_human_first_and_only_what_one_may_see() {
    let server = seven().await;
    assert_eq!(ids(&server, "bob", &ListQuery::default()).await, [2, 6, 1, 3, 4]);
    assert_eq!(ids(&server, "root", &ListQuery::default()).await, [2, 6, 7, 1, 3, 4]);
    assert_eq!(ids(&server, "mallory", &ListQuery::default()).await, [7]);
    let newest = query(|q| q.sort = Some(Order::New));
    assert_eq!(ids(&server, "bob", &newest).await, [6, 4, 3, 2, 1]);
    let all = query(|q| q.status = vec![StatusFilter::All]);
    assert_eq!(ids(&server, "bob", &all).await, [2, 6, 1, 3, 4, 5]);
    for (expected, asked) in [
        (vec![3], query(|q| q.assignee = Some("me".into()))),
        (vec![4], query(|q| q.assignee = Some("alice".into()))),
        (vec![1], query(|q| q.urgency = Some(incidentd::domain::Urgency::Low))),
        (vec![6], query(|q| q.q = Some("ALERT 6".into()))),
        (vec![2, 6, 1, 3, 4], query(|q| q.q = Some("checkout".into()))),
        (vec![2, 6, 4], query(|q| q.label = vec!["n=1".into()])),
        (vec![5], query(|q| q.status = vec![StatusFilter::Resolved])),
        (vec![2, 6, 1], query(|q| q.status = vec![StatusFilter::Triggered])),
        (vec![2, 6, 1, 3, 4], query(|q| q.team = vec!["payments".into()])),
        (vec![], query(|q| q.q = Some("100% \\ ' \" no such".into()))),
    ] {
        assert_eq!(ids(&server, "bob", &asked).await, expected, "{asked:?}");
    }
    for wrong in [
        query(|q| q.team = vec!["search".into()]),
        query(|q| q.service = Some("index".into())),
        query(|q| q.limit = Some(0)),
        query(|q| q.limit = Some(9_999)),
        query(|q| q.cursor = Some("x".into())),
        query(|q| q.label = vec!["n".into()]),
    ] {
        let refused = server.call("bob", &LIST, Nothing {}, &wrong, &Nothing {}).await;
        assert!(refused.is_err(), "{wrong:?}");
    }
}

#[tokio::test]
async fn pages_follow_one_another_without_gap_or_repetition() {
    let server = seven().await;
    for (sort, expected) in
        [(Order::Need, vec![2, 6, 7, 1, 3, 4, 5]), (Order::New, vec![7, 6, 5, 4, 3, 2, 1])]
    {
        let mut asked = query(|q| {
            q.sort = Some(sort);
            q.status = vec![StatusFilter::All];
            q.limit = Some(2);
        });
        let mut seen = Vec::new();
        loop {
            let page: Page<Incident> =
                server.call("root", &LIST, Nothing {}, &asked, &Nothing {}).await.expect("a page");
            seen.extend(page.items.iter().map(|incident| incident.id.0));
            match page.next_cursor {
                Some(next) => asked.cursor = Some(next),
                None => break,
            }
        }
        assert_eq!(seen, expected);
    }
    let mut after = Seq(0);
    let mut events = Vec::new();
    loop {
        let asked = EventsQuery { after, limit: Some(3), ..EventsQuery::default() };
        let page =
            server.call("bob", &EVENTS, Nothing {}, &asked, &Nothing {}).await.expect("a page");
        for event in &page.items {
            let event: Value = serde_json::from_str(event.0.get()).expect("JSON");
            assert_eq!(event["incident"]["team"]["slug"], "payments");
            after = Seq(event["seq"].as_i64().expect("a seq"));
            events.push(after);
        }
        if page.next_cursor.is_none() {
            break;
        }
    }
    assert_eq!(events.len(), 9);
    assert!(events.is_sorted_by(|a, b| a < b));
}

#[tokio::test]
async fn several_at_once_have_one_result_each() {
    let server = seven().await;
    let body = BulkAction {
        ids: [1, 3, 4_711, 7].map(IncidentId).to_vec(),
        action: Action::Acknowledge { span: None, until: None, note: None, take: false },
    };
    let bulk =
        server.call("alice", &ACT_ON_ALL, Nothing {}, &Nothing {}, &body).await.expect("results");
    let results: Vec<(i64, bool, Option<u16>)> = bulk
        .results
        .iter()
        .map(|one| (one.id.0, one.changed, one.error.as_ref().map(|error| error.status)))
        .collect();
    assert_eq!(
        results,
        [(1, true, None), (3, false, None), (4_711, false, Some(404)), (7, false, Some(404))]
    );
    assert!(bulk.results[1].message.as_ref().is_some_and(|text| text.contains("by bob")));
    let many = BulkAction { ids: (0..501).map(IncidentId).collect(), action: body.action };
    let refused = server.call("alice", &ACT_ON_ALL, Nothing {}, &Nothing {}, &many).await;
    assert_eq!(refused.expect_err("too many").fields[0].field, "ids");
}

#[tokio::test]
async fn a_note_has_one_id_everywhere() {
    let server = TestServer::start().await;
    let mut socket = server.socket("bob").await;
    socket.subscribe(json!({"teamId": "payments"})).await;
    server.alert(json!({"title": "disk full"})).await;
    socket.expect("incident:created").await;
    let note = Action::AddNote { body: "Friday's snapshots can go".into() };
    server.act("alice", 1, note).await.expect("noted");
    let live = socket.expect("incident:note_added").await;
    let query = AfterQuery::default();
    let page =
        server.call("bob", &TIMELINE, IncidentId(1), &query, &Nothing {}).await.expect("a page");
    let stored: Value = serde_json::from_str(page.items[1].0.get()).expect("JSON");
    assert_eq!(stored, live, "verbatim");
    assert_eq!(live["note"]["id"], live["seq"]);
    assert_eq!(live["note"]["author"]["name"], "alice");
}

#[tokio::test]
async fn an_incident_opened_by_hand() {
    let server = TestServer::start().await;
    let trigger = Trigger {
        service: Some("checkout".into()),
        severity: Some(Severity::Info),
        urgency: Some(incidentd::domain::Urgency::High),
        to: Some("bob".into()),
        ..Trigger::titled("the shop is slow".into())
    };
    let opened =
        server.call("alice", &TRIGGER, Nothing {}, &Nothing {}, &trigger).await.expect("opened");
    assert!(opened.new);
    let incident = server.incident(1).await;
    assert_eq!(incident.urgency, incidentd::domain::Urgency::High);
    assert_eq!(incident.assignees[0].username, "bob");
    let again =
        server.call("bob", &TRIGGER, Nothing {}, &Nothing {}, &trigger).await.expect("counted");
    assert!(!again.new);
    assert!(server.call("carol", &TRIGGER, Nothing {}, &Nothing {}, &trigger).await.is_err());
    assert!(server.call("mallory", &TRIGGER, Nothing {}, &Nothing {}, &trigger).await.is_err());
}

#[tokio::test]
async fn me_and_my_teams() {
    let server = TestServer::start().await;
    let me =
        server.call("bob", &sessions::ME, Nothing {}, &Nothing {}, &Nothing {}).await.expect("me");
    assert_eq!(me.user.expect("a person").username, "bob");
    assert_eq!((me.teams[0].team.slug.as_str(), me.admin), ("payments", false));
    let (status, problem) =
        crate::harness::answer(server.http().get(format!("{}/api/v1/incidents", server.url))).await;
    assert_eq!((status, problem["code"].as_str()), (401, Some("unauthenticated")));
    assert!(problem["hint"].is_string(), "what to do next");
}

#[tokio::test]
async fn lists_that_are_never_long_come_in_parts_too() {
    let server = TestServer::start().await;
    let part = async |limit, cursor: Option<&str>| {
        let asked = PageQuery { limit, cursor: cursor.map(str::to_owned) };
        server.call("root", &USERS, Nothing {}, &asked, &Nothing {}).await
    };
    let whole = part(None, None).await.expect("all of them");
    assert!(whole.items.len() > 3 && whole.next_cursor.is_none());
    let (mut names, mut cursor) = (Vec::new(), None);
    loop {
        let page = part(Some(2), cursor.as_deref()).await.expect("a part");
        assert!((1..=2).contains(&page.items.len()));
        names.extend(page.items.into_iter().map(|user| user.username));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    let all: Vec<String> = whole.items.into_iter().map(|user| user.username).collect();
    assert_eq!(names, all);
    for (limit, cursor, field) in [(Some(0), None, "limit"), (None, Some("x"), "cursor")] {
        let error = part(limit, cursor).await.expect_err("none");
        assert_eq!(error.fields[0].field, field);
    }
    assert!(part(None, Some("99")).await.expect("past the end").items.is_empty());
}

#[tokio::test]
async fn who_is_ahead_of_the_log_begins_anew() {
    let server = TestServer::start().await;
    server.alert(json!({"title": "one"})).await;
    let events = async |after| {
        let asked = EventsQuery { after: Seq(after), ..EventsQuery::default() };
        server.call("bob", &EVENTS, Nothing {}, &asked, &Nothing {}).await.expect("a page")
    };
    let head = events(0).await.head;
    assert!(!events(head.0).await.reset);
    assert!(events(head.0 + 1).await.reset, "a restored log has less");
}
