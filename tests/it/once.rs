//! A request that is repeated counts once, also where its answer holds a secret.
use serde_json::{Value, json};

use crate::far::{Far, this_machine};
use crate::harness::{KEY, TestServer, answer};

async fn post(server: &TestServer, path: &str, key: &str, body: &Value) -> (u16, Value) {
    let request = server.http().post(format!("{}/api/v1{path}", server.url));
    let request = request.bearer_auth(server.token("root")).header("idempotency-key", key);
    answer(request.json(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_given_again_secret_and_all() {
    let server = TestServer::start().await;
    let new = json!({"name": "ci", "scope": "read"});
    let first = post(&server, "/tokens", "9d1c", &new).await;
    assert_eq!(first.0, 200, "{first:?}");
    assert_eq!(post(&server, "/tokens", "9d1c", &new).await, first);

    let other = json!({"name": "ci", "scope": "respond"});
    let (status, problem) = post(&server, "/tokens", "9d1c", &other).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("Idempotency-Key")));

    let token = first.1["token"].as_str().expect("a token");
    // What is after `inc_ID_`, whole: it may have the same mark in it.
    let secret = token.splitn(3, '_').nth(2).expect("a secret").as_bytes();
    assert!(secret.len() > 20, "{token}");
    for file in ["incidentd.db", "incidentd.db-wal"] {
        let bytes = std::fs::read(server.dir().join(file)).expect("readable");
        let kept = bytes.windows(secret.len()).any(|window| window == secret);
        assert!(!kept, "the secret of a token stands in {file}");
    }

    let user = json!({"username": "dave"});
    let first = post(&server, "/users", "77aa", &user).await;
    assert_eq!(first.0, 200, "{first:?}");
    assert_eq!(post(&server, "/users", "77aa", &user).await, first);
    assert_eq!(post(&server, "/users", "77ab", &user).await.0, 409);
}

#[tokio::test]
async fn pagerdutys_events_too() {
    let server = TestServer::start().await;
    let event = json!({
        "routing_key": KEY, "event_action": "trigger",
        "payload": {"summary": "disk full", "source": "db-3", "severity": "critical"},
    });
    let send = || {
        let request = server.http().post(format!("{}/v2/enqueue", server.url));
        answer(request.header("idempotency-key", "e1").json(&event))
    };
    let first = send().await;
    assert_eq!(first.0, 202, "{first:?}");
    assert_eq!(send().await, first, "the dedup key that was made is told again");
    assert_eq!(server.incident(1).await.alert_count, 1);
}

#[tokio::test]
async fn opening_a_session_too() {
    let server = TestServer::start().await;
    let (_, link) = post(&server, "/users/bob/links", "l1", &json!({})).await;
    let secret = link["url"].as_str().and_then(|url| url.split_once('#')).expect("a link").1;
    let open = |path: &'static str, key: &'static str, body: Value| {
        let request = server.http().post(format!("{}/api/v1{path}", server.url));
        answer(request.header("idempotency-key", key).json(&body))
    };
    let welcome = json!({"secret": secret, "password": "correct horse battery"});
    let first = open("/welcome", "w1", welcome.clone()).await;
    assert_eq!(first.0, 200, "{first:?}");
    assert_eq!(open("/welcome", "w1", welcome.clone()).await, first, "its answer was lost");
    assert_eq!(open("/welcome", "w2", welcome).await.0, 409, "another who has the link");

    let log_in = json!({"username": "bob", "password": "correct horse battery"});
    let first = open("/sessions", "s1", log_in.clone()).await;
    assert_eq!(open("/sessions", "s1", log_in).await, first);
    let wrong = json!({"username": "bob", "password": "wrong horse battery"});
    assert_eq!(open("/sessions", "s1", wrong).await.0, 401, "a key opens nothing");
}

#[tokio::test]
async fn a_key_gives_nobody_more_than_he_may() {
    let server = TestServer::start().await;
    let team_only = json!({"name": "one team's", "team": "payments"});
    let narrow = post(&server, "/tokens", "k0", &team_only).await.1;
    let new = json!({"name": "everything"});
    let first = post(&server, "/tokens", "k1", &new).await;
    assert_eq!(first.0, 200, "{first:?}");
    let request = server.http().post(format!("{}/api/v1/tokens", server.url));
    let request = request.bearer_auth(narrow["token"].as_str().expect("a token"));
    let again = answer(request.header("idempotency-key", "k1").json(&new)).await;
    assert_ne!(again.1["token"], first.1["token"], "{again:?}");
}

#[tokio::test]
async fn what_goes_out_while_its_sender_waits_too() {
    let server = TestServer::with(|config| config.outgoing.allow_private = this_machine()).await;
    let mut far = Far::start().await;
    let new = json!({"team": "payments", "url": far.url("/hook")});
    let (status, hook) = post(&server, "/webhooks", "w1", &new).await;
    assert_eq!(status, 200, "{hook}");
    let path = format!("/webhooks/{}/test", hook["id"]);
    far.answer(503, "x-why", "busy");
    let first = post(&server, &path, "w2", &json!({})).await;
    assert_eq!((first.0, &first.1["taken"]), (200, &json!(false)), "{first:?}");
    assert_eq!(post(&server, &path, "w2", &json!({})).await, first, "the answer was lost");
    let tests = |far: &mut Far| {
        let heard = far.so_far().into_iter().filter(|heard| heard.json()["type"] == "webhook:test");
        heard.count()
    };
    assert_eq!(tests(&mut far), 1);
    assert_eq!(post(&server, &path, "w3", &json!({})).await.1["taken"], true);
    assert_eq!(tests(&mut far), 1);
}
