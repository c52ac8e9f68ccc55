//! Teams, services and integrations, one by one: who may what is in `permissions`.
use incidentd::api::services::{
    ARCHIVE_SERVICE, CHANGE_SERVICE, CREATE_INTEGRATION, CREATE_SERVICE, INTEGRATIONS,
    IntegrationsQuery, IssuedIntegration, NewIntegration, NewService, PAYLOADS, Payload,
    REMOVE_INTEGRATION, ROTATE_KEY, SERVICES, ServiceChange, ServicesQuery, TEST_INTEGRATION,
    TestAlert,
};
use incidentd::api::teams::{
    ARCHIVE_TEAM, CHANGE_TEAM, CREATE_TEAM, MEMBERS, MemberRole, NewTeam, SET_MEMBER, TEAMS,
    TeamChange, TeamsQuery,
};
use incidentd::api::{Nothing, PageQuery};
use incidentd::domain::service::UrgencyRule;
use incidentd::domain::{Action, IntegrationId, Role, Seq, Span, Status};
use incidentd::error::{Error, Kind};
use serde_json::{Value, json};

use crate::configuration::{PRUNE, configure};
use crate::harness::{KEY, TestServer, WORLD, mins};

const NONE: &Nothing = &Nothing {};

fn new_service(slug: &str, team: &str) -> NewService {
    NewService { slug: slug.into(), team: team.into(), ..NewService::default() }
}

fn new_integration(service: &str, name: &str) -> NewIntegration {
    NewIntegration { service: service.into(), name: name.into(), key: None }
}

async fn team(server: &TestServer, slug: &str) -> Result<incidentd::api::teams::Team, Error> {
    let new = NewTeam { slug: slug.into(), name: None };
    server.call("root", &CREATE_TEAM, Nothing {}, NONE, &new).await
}

async fn integrate(server: &TestServer, service: &str, name: &str) -> IssuedIntegration {
    let new = new_integration(service, name);
    server.call("alice", &CREATE_INTEGRATION, Nothing {}, NONE, &new).await.expect("added")
}

/// Posts to the address of an integration; 404 if its key is dead.
async fn send(server: &TestServer, key: &str, title: &str) -> u16 {
    let path = format!("/integrations/{key}/generic");
    server.post_raw(&path, "text/plain", title.as_bytes().to_vec()).await.0
}

async fn team_slugs(server: &TestServer, who: &str, query: &TeamsQuery) -> Vec<String> {
    let page = server.call(who, &TEAMS, Nothing {}, query, NONE).await.expect("a page");
    page.items.into_iter().map(|team| team.slug).collect()
}

async fn service_slugs(server: &TestServer, who: &str, query: &ServicesQuery) -> Vec<String> {
    let page = server.call(who, &SERVICES, Nothing {}, query, NONE).await.expect("a page");
    page.items.into_iter().map(|service| service.slug).collect()
}

/// What the log says of the configuration after `seq`, as `who: change kind name`.
async fn audit(server: &TestServer, after: Seq) -> Vec<String> {
    let rows = server.server().app.events_after(after, 100).await.expect("rows");
    rows.iter()
        .map(|row| serde_json::from_str::<Value>(&row.json).expect("JSON"))
        .filter(|row| row["type"] == "config:changed")
        .map(|row| {
            let word = |value: &Value| value.as_str().expect("a text").to_owned();
            let (who, change) = (word(&row["actor"]["name"]), word(&row["change"]));
            format!("{who}: {change} {} {}", word(&row["what"]), word(&row["name"]))
        })
        .collect()
}

fn head(server: &TestServer) -> Seq {
    *server.server().app.head().borrow()
}

#[tokio::test]
async fn a_team_admin_sets_up_what_his_team_watches() {
    let server = TestServer::start().await;
    let from = head(&server);
    let mut new = new_service("billing", "payments");
    new.urgency = Some(UrgencyRule::Low);
    new.ack_timeout = Some(Span::secs(1_800));
    let service =
        server.call("alice", &CREATE_SERVICE, Nothing {}, NONE, &new).await.expect("added");
    assert_eq!((service.name.as_str(), service.rules.reopen_within), ("billing", Span::secs(600)));
    let issued = integrate(&server, "billing", "cron").await;
    assert!(issued.url.ends_with(&format!("/integrations/{}", issued.key)), "{}", issued.url);
    assert_eq!(send(&server, &issued.key, "disk full").await, 202);
    let incident = server.incident(1).await;
    assert_eq!(incident.service.expect("a service").slug, "billing");
    assert_eq!(incident.urgency, incidentd::domain::Urgency::Low);

    let change = ServiceChange {
        name: Some("Billing".into()),
        urgency: Some(UrgencyRule::High),
        group_by: Some(vec!["job".into()]),
        ..ServiceChange::default()
    };
    let changed = server
        .call("alice", &CHANGE_SERVICE, "billing".into(), NONE, &change)
        .await
        .expect("changed");
    assert_eq!(changed.rules.ack_timeout, Span::secs(1_800), "what is left out stays");
    // The same again is no change, and no row.
    server.call("alice", &CHANGE_SERVICE, "billing".into(), NONE, &change).await.expect("so");
    assert_eq!(
        audit(&server, from).await,
        [
            "alice: created service billing",
            "alice: created integration billing/cron",
            "alice: changed (name: \"billing\" → \"Billing\", urgency: low → high, \
             group_by: [\"alertname\"] → [\"job\"]) service billing",
        ]
    );
}

#[tokio::test]
async fn a_rotated_key_is_good_and_the_old_one_dead_at_once() {
    let server = TestServer::start().await;
    let first = integrate(&server, "checkout", "cron").await;
    let id = first.integration.id;
    let second = server.call("alice", &ROTATE_KEY, id, NONE, NONE).await.expect("rotated");
    assert_eq!(send(&server, &first.key, "x").await, 404);
    assert_eq!(send(&server, &second.key, "x").await, 202);
    server.call("alice", &REMOVE_INTEGRATION, id, NONE, NONE).await.expect("removed");
    assert_eq!(send(&server, &second.key, "x").await, 404);
    assert_eq!(send(&server, KEY, "x").await, 202, "its neighbour lives");
    let again = server.call("alice", &REMOVE_INTEGRATION, id, NONE, NONE).await;
    assert_eq!(again.expect_err("gone").kind, Kind::NotFound);
}

#[tokio::test]
async fn a_list_of_integrations_says_who_was_heard_and_shows_no_key() {
    let mut server = TestServer::start().await;
    let issued = integrate(&server, "checkout", "cron").await;
    server.advance(mins(1)).await;
    let path = format!("/integrations/{}/generic", issued.key);
    let (status, _) = server.post_raw(&path, "application/json", b"{}".to_vec()).await;
    assert_eq!(status, 422);
    server.alert(json!({"title": "disk full"})).await;
    let page = server
        .call("carol", &INTEGRATIONS, Nothing {}, &IntegrationsQuery::default(), NONE)
        .await
        .expect("a page");
    let [cron, prometheus] = page.items.as_slice() else { panic!("{:?}", page.items) };
    let now = server.server().app.now();
    assert_eq!((cron.last_received_at, cron.last_rejected_at), (None, Some(now)));
    assert_eq!(cron.last_rejection.as_deref(), Some("title: `title` is missing"));
    assert_eq!((prometheus.last_received_at, prometheus.last_rejected_at), (Some(now), None));
    let shown = serde_json::to_string(&page).expect("JSON");
    assert!(!shown.contains(&issued.key) && !shown.contains(KEY), "{shown}");
    let other = IntegrationsQuery { service: Some("index".into()), ..Default::default() };
    let other = server.call("carol", &INTEGRATIONS, Nothing {}, &other, NONE).await;
    assert_eq!(other.expect_err("of another team").kind, Kind::NotFound);
}

#[tokio::test]
async fn what_is_archived_keeps_its_history_and_comes_back() {
    let mut server = TestServer::start().await;
    server.alert(json!({"title": "disk full", "dedupKey": "disk"})).await;
    let archive =
        |who: &'static str| server.call(who, &ARCHIVE_SERVICE, "checkout".into(), NONE, NONE);
    let refused = archive("alice").await.expect_err("open");
    assert_eq!(refused.kind, Kind::Refused);
    assert!(refused.detail.contains("1 open incident: 1"), "{refused}");
    // Resolved by hand while it fires: held, and nothing may bring it back later.
    let resolve = Action::Resolve { note: None, hold: None };
    server.act("bob", 1, resolve).await.expect("resolved");
    archive("alice").await.expect("archived");
    archive("alice").await.expect("so already");
    server.advance(mins(120)).await;
    assert_eq!(server.incident(1).await.status, Status::Resolved);
    assert_eq!(send(&server, KEY, "disk full").await, 404, "its keys are dead");
    let reopened = server.act("bob", 1, Action::Reopen {}).await.expect_err("archived");
    assert_eq!(reopened.kind, Kind::Refused);
    let live = ServicesQuery { team: Some("payments".into()), ..ServicesQuery::default() };
    assert!(service_slugs(&server, "bob", &live).await.is_empty());
    let all = ServicesQuery { archived: true, ..ServicesQuery::default() };
    assert_eq!(service_slugs(&server, "bob", &all).await, ["checkout"]);

    // Its slug is not given to another team, and comes back with its keys.
    let stolen = new_service("checkout", "search");
    let stolen = server.call("mallory", &CREATE_SERVICE, Nothing {}, NONE, &stolen).await;
    assert_eq!(stolen.expect_err("taken").kind, Kind::Refused);
    let back = new_service("checkout", "payments");
    server.call("alice", &CREATE_SERVICE, Nothing {}, NONE, &back).await.expect("back");
    assert_eq!(send(&server, KEY, "disk full").await, 202);
    let twice = server.call("alice", &CREATE_SERVICE, Nothing {}, NONE, &back).await;
    assert_eq!(twice.expect_err("taken").kind, Kind::Refused);
}

#[tokio::test]
async fn a_team_ends_only_when_nothing_depends_on_it() {
    let server = TestServer::start().await;
    let archive = || server.call("root", &ARCHIVE_TEAM, "payments".into(), NONE, NONE);
    let refused = archive().await.expect_err("has a service");
    assert!(refused.detail.contains("services: checkout"), "{refused}");
    server.alert(json!({"title": "disk full"})).await;
    let resolve = Action::Resolve { note: None, hold: Some(Span::secs(0)) };
    server.act("bob", 1, resolve).await.expect("resolved");
    server.call("root", &ARCHIVE_SERVICE, "checkout".into(), NONE, NONE).await.expect("archived");
    let refused = archive().await.expect_err("has a policy");
    assert!(refused.detail.contains("policies: payments-default"), "{refused}");
    let gone = ["[[services]]\nslug = \"checkout\"", "# Whom an incident", "[[integrations]]"];
    let at = gone.map(|place| WORLD.find(place).expect("there"));
    let index = WORLD.find("[[services]]\nslug = \"index\"").expect("there");
    let less = [&WORLD[..at[0]], &WORLD[index..at[1]]].concat();
    configure(&server, "root", &less, PRUNE).await.expect("pruned");
    archive().await.expect("archived");
    archive().await.expect("so already");
    assert_eq!(team_slugs(&server, "bob", &TeamsQuery::default()).await, [""; 0]);
    let all = TeamsQuery { archived: true, ..TeamsQuery::default() };
    assert_eq!(team_slugs(&server, "bob", &all).await, ["payments"]);
    let read = incidentd::api::incidents::SHOW;
    let id = incidentd::domain::IncidentId(1);
    server.call("carol", &read, id, NONE, NONE).await.expect("history stays readable");
    let role = MemberRole { role: Role::Responder };
    let path = ("payments".into(), "mallory".into());
    let joined = server.call("alice", &SET_MEMBER, path, NONE, &role).await;
    assert!(joined.expect_err("archived").detail.contains("archived"));
    let service = new_service("other", "payments");
    let added = server.call("alice", &CREATE_SERVICE, Nothing {}, NONE, &service).await;
    assert_eq!(added.expect_err("archived").kind, Kind::Refused);

    let back = team(&server, "payments").await.expect("back");
    assert_eq!((back.id.0, back.archived_at), (1, None));
    let members = server
        .call("bob", &MEMBERS, "payments".into(), &PageQuery::default(), NONE)
        .await
        .expect("members");
    assert_eq!(members.items.len(), 3);
    assert_eq!(team(&server, "payments").await.expect_err("there").kind, Kind::Refused);
}

#[tokio::test]
async fn a_new_slug_keeps_ids_history_and_rooms() {
    let server = TestServer::start().await;
    let mut socket = server.socket("bob").await;
    socket.subscribe(json!({"teamId": "payments"})).await;
    let slug = |slug: &str| TeamChange { slug: Some(slug.into()), name: None };
    let change = |who: &'static str, to: &'static str| {
        let body = slug(to);
        let server = &server;
        async move { server.call(who, &CHANGE_TEAM, "payments".into(), NONE, &body).await }
    };
    assert_eq!(change("alice", "pay").await.expect_err("platform's").kind, Kind::Forbidden);
    assert_eq!(change("root", "search").await.expect_err("taken").kind, Kind::Refused);
    assert_eq!(change("root", "UPPER").await.expect_err("wrong").fields[0].field, "slug");
    let renamed = change("root", "pay").await.expect("renamed");
    assert_eq!((renamed.id.0, renamed.slug.as_str()), (1, "pay"));
    let service = ServiceChange { slug: Some("shop".into()), ..ServiceChange::default() };
    server.call("alice", &CHANGE_SERVICE, "checkout".into(), NONE, &service).await.expect("ok");
    server.alert(json!({"title": "disk full"})).await;
    let created = socket.expect("incident:created").await;
    assert_eq!(created["incident"]["team"]["slug"], "pay");
    assert_eq!(created["incident"]["service"]["slug"], "shop");
}

#[tokio::test]
async fn lists_come_in_pages() {
    let server = TestServer::start().await;
    for slug in ["c", "a", "d", "b"] {
        team(&server, slug).await.expect("added");
    }
    let mut query = TeamsQuery { limit: Some(4), ..TeamsQuery::default() };
    let first = server.call("root", &TEAMS, Nothing {}, &query, NONE).await.expect("a page");
    assert_eq!(first.next_cursor.as_deref(), Some("d"));
    query.cursor = first.next_cursor;
    assert_eq!(team_slugs(&server, "root", &query).await, ["payments", "search"]);
    query.limit = Some(0);
    let wrong = server.call("root", &TEAMS, Nothing {}, &query, NONE).await.expect_err("limit");
    assert_eq!(wrong.fields[0].field, "limit");
}

/// Each wrong field is named; nothing unknown is passed over.
#[tokio::test]
async fn wrong_fields_are_named() {
    let server = TestServer::start().await;
    let long = "x".repeat(256);
    for (path, body, field) in [
        ("/teams", json!({"slug": "Über"}), "slug"),
        ("/teams", json!({"slug": "42"}), "slug"),
        ("/teams", json!({"slug": "a", "name": long}), "name"),
        ("/teams", json!({"slug": "a", "name": "a\u{1b}[2J"}), "name"),
        ("/teams", json!({"slug": "a", "colour": "red"}), "colour"),
        ("/teams", json!({"name": "a"}), "slug"),
        ("/services", json!({"slug": "a", "team": "payments", "name": " "}), "name"),
        ("/services", json!({"slug": "a", "team": "payments", "groupBy": [""]}), "groupBy"),
        (
            "/services",
            json!({"slug": "a", "team": "payments", "groupBy": vec!["x"; 17]}),
            "groupBy",
        ),
        ("/services", json!({"slug": "a", "team": "payments", "key": "x"}), "key"),
        ("/integrations", json!({"service": "checkout", "name": ""}), "name"),
        ("/integrations", json!({"service": "checkout", "name": "a", "key": "short"}), "key"),
    ] {
        let request = server.http().post(format!("{}/api/v1{path}", server.url));
        let request = request.bearer_auth(server.token("root")).json(&body);
        let (status, problem) = crate::harness::answer(request).await;
        assert_eq!(status, 422, "{path} {body}: {problem}");
        assert_eq!(problem["errors"][0]["field"], field, "{path} {body}: {problem}");
    }
}

/// Who fills a form is not sent back once for each field.
#[tokio::test]
async fn all_that_is_wrong_is_named_at_once() {
    let server = TestServer::start().await;
    for (method, path, body, fields) in [
        ("POST", "/teams", json!({"slug": "Über", "name": " "}), "slug name"),
        (
            "POST",
            "/services",
            json!({"slug": "42", "team": "payments", "name": "", "groupBy": [""]}),
            "slug name groupBy",
        ),
        ("PATCH", "/services/checkout", json!({"slug": "check out", "name": " "}), "slug name"),
        (
            "POST",
            "/users",
            json!({"username": "me", "name": "", "email": "nobody", "password": "short"}),
            "username name email password",
        ),
        (
            "PATCH",
            "/users/alice",
            json!({"name": " ", "email": "@", "timeZone": "Mars/Base"}),
            "name email timeZone",
        ),
    ] {
        let method = method.parse().expect("a method");
        let request = server.http().request(method, format!("{}/api/v1{path}", server.url));
        let request = request.bearer_auth(server.token("root")).json(&body);
        let (status, problem) = crate::harness::answer(request).await;
        let errors = problem["errors"].as_array().expect("fields");
        let named: Vec<_> = errors.iter().filter_map(|one| one["field"].as_str()).collect();
        assert_eq!((status, named.join(" ").as_str()), (422, fields), "{path}: {problem}");
    }
}

async fn payloads(server: &TestServer, id: i64) -> Vec<Payload> {
    let id = IntegrationId(id);
    server.call("alice", &PAYLOADS, id, &PageQuery::default(), NONE).await.expect("payloads").items
}

#[tokio::test]
async fn the_last_requests_are_kept_for_whoever_connects_a_sender() {
    let mut server = TestServer::start().await;
    for n in 0..3 {
        // All in one second: the first stands for them.
        server.alert(json!({"title": format!("disk {n} full")})).await;
    }
    let kept = payloads(&server, 1).await;
    assert_eq!(kept.len(), 1);
    assert_eq!((kept[0].source.as_str(), &kept[0].error), ("generic", &None));
    assert_eq!(kept[0].body, r#"{"title":"disk 0 full"}"#);

    server.advance(mins(1)).await;
    let event = json!({"routing_key": KEY, "event_action": "trigger",
        "payload": {"summary": KEY, "source": "db-3", "severity": "error",
                    "custom_details": {"password": "hunter2"}}});
    let path = "/v2/enqueue";
    let (status, _) =
        server.post_raw(path, "application/json", event.to_string().into_bytes()).await;
    assert_eq!(status, 202);
    let newest = payloads(&server, 1).await.remove(0);
    assert_eq!(newest.source, "pagerduty");
    assert!(newest.body.contains("db-3"), "{}", newest.body);
    for secret in [KEY, "hunter2"] {
        assert!(!newest.body.contains(secret), "{}", newest.body);
    }
    // An alert that is too long to keep whole.
    server.advance(mins(1)).await;
    server.alert(json!({"title": "long", "description": "x".repeat(60_000)})).await;
    let newest = payloads(&server, 1).await.remove(0);
    assert!(newest.body.len() < 17_000 && newest.body.ends_with("bytes in all]"));

    for _ in 0..20 {
        server.advance(mins(1)).await;
        server.alert(json!({"title": "disk full"})).await;
    }
    assert_eq!(payloads(&server, 1).await.len(), 10);
    let nobody_elses =
        server.call("carol", &PAYLOADS, IntegrationId(1), &PageQuery::default(), NONE).await;
    assert_eq!(nobody_elses.expect_err("an observer").kind, Kind::Forbidden);
}

#[tokio::test]
async fn refused_requests_are_kept_with_the_reason_however_much_is_taken() {
    let mut server = TestServer::start().await;
    let path = format!("/integrations/{KEY}/generic");
    for n in 0..20 {
        // More than five a second tell nothing new.
        let body = format!("{{\"n\":{n}}}").into_bytes();
        assert_eq!(server.post_raw(&path, "application/json", body).await.0, 422);
    }
    let encoded = server.http().post(format!("{}{path}", server.url));
    let encoded = encoded.header("content-encoding", "gzip").body("x");
    assert_eq!(crate::harness::answer(encoded).await.0, 415);
    assert_eq!(payloads(&server, 1).await.len(), 5);
    for _ in 0..15 {
        server.advance(mins(1)).await;
        server.alert(json!({"title": "disk full"})).await;
    }
    let kept = payloads(&server, 1).await;
    let refused: Vec<&Payload> = kept.iter().filter(|kept| kept.error.is_some()).collect();
    assert_eq!((kept.len(), refused.len()), (15, 5), "what is taken pushes out no refusal");
    assert_eq!(refused[4].body, "{\"n\":0}");
    assert_eq!(refused[4].error.as_deref(), Some("title: `title` is missing"));
    // A batch of which a part is refused is kept once, as refused.
    server.advance(mins(1)).await;
    let batch = json!([{"labels": {"alertname": "a"}}, {"labels": {}}]);
    assert_eq!(server.post("api/v2/alerts", &batch).await.0, 400);
    let newest = payloads(&server, 1).await.remove(0);
    assert!(newest.source == "prometheus" && newest.error.is_some(), "{newest:?}");
    assert_eq!(payloads(&server, 1).await.len(), 16);
}

#[tokio::test]
async fn a_test_goes_through_the_integration_and_is_no_sign_of_life() {
    let server = TestServer::start().await;
    let test = async |resolve| {
        let test = TestAlert { resolve, severity: None };
        server.call("bob", &TEST_INTEGRATION, IntegrationId(1), NONE, &test).await.expect("sent")
    };
    let opened = test(false).await;
    assert!(opened.new);
    let id = opened.incident_id.expect("an incident").0;
    let incident = server.incident(id).await;
    assert_eq!(incident.title, "Test from prometheus");
    assert_eq!(incident.urgency, incidentd::domain::Urgency::Low, "it wakes nobody");
    assert!(!test(false).await.new);
    assert_eq!(test(true).await.incident_id, opened.incident_id);
    assert_eq!(server.incident(id).await.status, Status::Resolved);
    assert_eq!(server.story(id).await, ["created", "resolved source"]);
    let query = IntegrationsQuery::default();
    let page = server.call("bob", &INTEGRATIONS, Nothing {}, &query, NONE).await.expect("a page");
    assert_eq!(page.items[0].last_received_at, None);
}
