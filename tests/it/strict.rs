//! The API is strict: it takes JSON and only JSON, and names the field that is wrong.
use incidentd::api::Method;
use incidentd::http::routes;
use serde_json::{Value, json};

use crate::bad_input::{incidents, path, unreadable};
use crate::harness::{KEY, TestServer, answer};
use crate::wire::is_well;

async fn api(server: &TestServer, route: &str, kind: Option<&str>, body: Vec<u8>) -> (u16, Value) {
    let mut request = server.http().post(format!("{}/api/v1{route}", server.url));
    if let Some(kind) = kind {
        request = request.header("content-type", kind);
    }
    answer(request.bearer_auth(server.token("root")).body(body)).await
}

const JSON: Option<&str> = Some("application/json");

#[tokio::test]
async fn the_api_takes_json_and_only_json() {
    let server = TestServer::start().await;
    server.alert(json!({"title": "disk full"})).await;
    let before = incidents(&server).await;
    let routes: Vec<String> = routes::operations()
        .operations
        .into_iter()
        .filter(|operation| operation.method == Method::Post)
        .map(|operation| operation.path.replace("{id}", "1").replace("{user}", "bob"))
        .collect();
    for route in &routes {
        for (name, body) in unreadable() {
            // Where nothing is needed, nothing is no fault.
            let needless = ["/rotate", "/test", "/take", "/enable", "/disable", "/render", "/code"];
            if body.is_empty() && needless.iter().any(|end| route.ends_with(end)) {
                continue;
            }
            // Nothing at all is an empty object here, and lacks what is needed.
            let expected = if body.is_empty() { [422, 422] } else { [400, 400] };
            let (status, answer) = api(&server, route, JSON, body.clone()).await;
            // An empty name of a token is no fault, and some take nothing.
            let takes_nothing =
                ["/feeds", "/tokens", "/setup-links", "/users/bob/enable", "/users/bob/links"];
            if body.is_empty() && takes_nothing.contains(&route.as_str()) {
                continue;
            }
            assert!(expected.contains(&status), "{route}: {name}: {status} {answer}");
            assert!(answer["hint"].is_string(), "{route}: {name}: {answer}");
        }
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "text/json",
            "application/jsonx",
            "",
        ] {
            let (status, answer) = api(&server, route, Some(kind), b"{}".to_vec()).await;
            assert_eq!(status, 415, "{route}: {kind}: {answer}");
        }
        for body in ["[]", "7", "\"x\"", "null", "true"] {
            let (status, answer) = api(&server, route, JSON, body.into()).await;
            assert!(matches!(status, 400 | 422), "{route}: {body}: {status} {answer}");
        }
        for body in [
            r#"{"x":1,"x":1}"#,
            r#"{"name":"a","name":"a"}"#,
            r#"{"service":"checkout","title":"a","title":"b"}"#,
            r#"{"service":"checkout","title":"a","labels":{"a":"1","a":"2"}}"#,
            r#"{"action":"resolve","action":"reopen"}"#,
            r#"{"action":"resolve","ids":[1],"ids":[1]}"#,
            r#"{"action":"addNote","ids":[1],"body":"x","body":"y"}"#,
            r#"{"username":"x","username":"y"}"#,
            r#"{"x":"\ud800"}"#,
            r#"{"x":1e400}"#,
            r#"{"x":{"deep":[{"a":1,"a":2}]}}"#,
        ] {
            let (status, answer) = api(&server, route, JSON, body.into()).await;
            assert_eq!(status, 400, "{route}: {body}: {answer}");
        }
        let (status, answer) = api(&server, route, JSON, br#"{"unheardOf":1}"#.to_vec()).await;
        assert_eq!(status, 422, "{route}: an unknown key: {answer}");
        is_well(&server, route).await;
    }
    assert_eq!(incidents(&server).await, before, "nothing was stored or changed");
}

/// Each body is refused, by a problem that names the field and the next step.
async fn each_names_its_field(server: &TestServer, cases: &[((&str, Value), &str)]) {
    let before = incidents(server).await;
    for ((route, body), field) in cases {
        let (status, answer) = api(server, route, JSON, body.to_string().into()).await;
        assert_eq!(status, 422, "{route} {body}: {answer}");
        let named = answer["errors"][0]["field"].as_str().unwrap_or_default();
        assert!(!named.is_empty(), "{route} {body}: {answer}");
        assert!(answer["hint"].as_str().is_some_and(|it| it.ends_with('.')), "{body}: {answer}");
        assert!(field.is_empty() || named == *field, "{route} {body}: {named} is not {field}");
    }
    is_well(server, "wrong fields").await;
    assert_eq!(incidents(server).await, before, "nothing was stored or changed");
}

#[tokio::test]
async fn the_api_names_the_field_that_is_wrong() {
    let server = TestServer::start().await;
    server.alert(json!({"title": "disk full"})).await;
    let trigger = |extra: Value| {
        let mut body = json!({"service": "checkout", "title": "x"});
        body.as_object_mut().expect("an object").extend(extra.as_object().expect("one").clone());
        ("/incidents", body)
    };
    let many: serde_json::Map<String, Value> =
        (0..65).map(|n| (format!("l{n}"), json!("v"))).collect();
    let heavy: serde_json::Map<String, Value> =
        (0..60).map(|n| (format!("l{n}"), json!("v".repeat(1_000)))).collect();
    let user = |body: Value| ("/users", body);
    let cases = [
        (trigger(json!({"title": ""})), "title"),
        (trigger(json!({"title": "x".repeat(1_025)})), "title"),
        (trigger(json!({"title": 7})), "title"),
        (trigger(json!({"title": null})), "title"),
        (trigger(json!({"dedupKey": "x".repeat(256)})), "dedupKey"),
        (trigger(json!({"dedupKey": " "})), "dedupKey"),
        (trigger(json!({"description": "x".repeat(6 * 1024 + 1)})), "description"),
        (trigger(json!({"labels": {"": "x"}})), "labels"),
        (trigger(json!({"labels": {"a\u{0}b": "x"}})), "labels"),
        (trigger(json!({"labels": {"n".repeat(256): "x"}})), "labels"),
        (trigger(json!({"labels": {"n": "v".repeat(1_025)}})), "labels"),
        (trigger(json!({"labels": many})), "labels"),
        (trigger(json!({"labels": heavy})), "labels"),
        (trigger(json!({"labels": {"a": 1}})), "labels.a"),
        (trigger(json!({"links": [{"href": "javascript:alert(1)"}]})), "links"),
        (trigger(json!({"links": vec![json!({"href": "https://x"}); 9]})), "links"),
        (trigger(json!({"severity": "dreadful"})), "severity"),
        (trigger(json!({"urgency": "loud"})), "urgency"),
        (trigger(json!({"status": "x"})), "status"),
        (user(json!({"username": "a b"})), "username"),
        (user(json!({"username": ""})), "username"),
        (user(json!({"username": "x".repeat(300)})), "username"),
        (user(json!({"username": "zoe", "name": "x".repeat(256)})), "name"),
        (user(json!({"username": "zoe", "email": "nobody"})), "email"),
        (user(json!({"username": "zoe", "email": "a@b\r\nBcc: c@d"})), "email"),
        (user(json!({"username": "zoe", "password": "short"})), "password"),
        (user(json!({"username": "zoe", "password": "x".repeat(257)})), "password"),
        (("/tokens", json!({"name": "x".repeat(256)})), "name"),
        (("/tokens", json!({"scope": "god"})), ""),
        (("/tokens", json!({"expires": "0s"})), "expires"),
    ];
    each_names_its_field(&server, &cases).await;
}

#[tokio::test]
async fn a_field_of_an_action_that_is_wrong_is_named() {
    let server = TestServer::start().await;
    server.alert(json!({"title": "disk full"})).await;
    let act = |body: Value| ("/incidents/1/actions", body);
    let cases = [
        (act(json!({"action": "addNote", "body": ""})), "body"),
        (act(json!({"action": "addNote", "body": "x".repeat(4_097)})), "body"),
        (act(json!({"action": "snooze", "for": "-1h"})), "for"),
        (act(json!({"action": "snooze", "for": "99999999999h"})), "for"),
        (act(json!({"action": "snooze"})), "for"),
        (act(json!({"action": "snooze", "for": "1h", "until": "2026-11-23T09:00:00Z"})), "until"),
        (act(json!({"action": "snooze", "until": "1970-01-01T00:00:00Z"})), "until"),
        (act(json!({"action": "snooze", "until": "9999-12-31T00:00:00Z"})), "until"),
        (act(json!({"action": "snooze", "until": "9999-12-01T00:00:00Z"})), "until"),
        (act(json!({"action": "snooze", "for": "9y"})), "for"),
        (act(json!({"action": "snooze", "for": "3000d"})), "for"),
        (act(json!({"action": "resolve", "hold": "3000d"})), "hold"),
        (act(json!({"action": "resolve", "note": "x".repeat(4_097)})), "note"),
        (act(json!({"action": "dance"})), "action"),
        (act(json!({"action": 7})), "action"),
        (act(json!({})), "action"),
        (act(json!({"action": "acknowledge", "for": 5})), "for"),
        (act(json!({"for": [], "action": "acknowledge"})), "for"),
        (act(json!({"action": "acknowledge", "take": "yes"})), "take"),
        (act(json!({"action": "snooze", "until": 7})), "until"),
        (act(json!({"action": "reassign"})), "to"),
        (act(json!({"action": "reassign", "to": 5})), "to"),
        (act(json!({"action": "urgency", "to": "loud"})), "to"),
        (act(json!({"action": "merge", "into": "x"})), "into"),
        (act(json!({"action": "resolve", "body": "x"})), "body"),
        (act(json!({"action": "reopen", "ids": [1]})), "ids"),
        (("/incidents/actions", json!({"action": "reopen", "ids": vec![1; 501]})), "ids"),
        (("/incidents/actions", json!({"action": "reopen", "ids": [1.5]})), "ids[0]"),
        (("/incidents/actions", json!({"action": "reopen", "ids": 1})), "ids"),
        (("/incidents/actions", json!({"action": "reopen"})), "ids"),
        (("/incidents/actions", json!({"ids": [1], "action": "snooze", "for": 5})), "for"),
    ];
    each_names_its_field(&server, &cases).await;
}

#[tokio::test]
async fn an_incident_by_hand_stays_below_its_size() {
    let server = TestServer::start().await;
    let labels: serde_json::Map<String, Value> =
        (0..11).map(|n| (format!("l{n}"), json!("\"".repeat(1_000)))).collect();
    let links = vec![json!({"href": format!("https://x/{}", "y".repeat(500))}); 8];
    let body = json!({
        "service": "checkout", "title": "\"".repeat(1_024), "description": "\\".repeat(8 * 1024),
        "labels": labels, "links": links,
    });
    let (status, answer) = api(&server, "/incidents", JSON, body.to_string().into()).await;
    if status == 200 {
        let stored = incidents(&server).await;
        let size = stored[0].to_string().len();
        assert!(size <= 32 * 1024, "{size}");
    } else {
        assert_eq!(status, 422, "{answer}");
    }
}

#[tokio::test]
async fn idempotency_keys_that_are_none() {
    let server = TestServer::start().await;
    let post = |path: String, key: Vec<u8>, body: Value| {
        let value = reqwest::header::HeaderValue::from_bytes(&key).expect("a header");
        let request = server.http().post(format!("{}{path}", server.url)).json(&body);
        answer(request.bearer_auth(server.token("bob")).header("idempotency-key", value))
    };
    let generic = path("generic", KEY);
    for key in [b"".as_slice(), &[b'k'; 256], b"caf\xc3\xa9", b"\xff", b"two words"] {
        let key = key.to_vec();
        let (status, answer) = post(generic.clone(), key.clone(), json!({"title": "x"})).await;
        assert_eq!(status, 422, "{key:?}: {answer}");
        let body = json!({"service": "checkout", "title": "x"});
        let (status, answer) = post("/api/v1/incidents".into(), key.clone(), body).await;
        assert_eq!((status, &answer["errors"][0]["field"]), (422, &json!("Idempotency-Key")));
    }
    assert_eq!(incidents(&server).await, Vec::<Value>::new());
    let key = b"';drop/**/table/**/idempotency;--".to_vec();
    for _ in 0..2 {
        let (status, answer) = post(generic.clone(), key.clone(), json!({"title": "x"})).await;
        assert_eq!((status, &answer["new"]), (202, &json!(true)), "the first answer again");
    }
    let (status, answer) = post(generic.clone(), key, json!({"title": "y"})).await;
    assert_eq!(status, 422, "a key of another request: {answer}");
    let stored = incidents(&server).await;
    assert_eq!((stored.len(), &stored[0]["alertCount"]), (1, &json!(1)));
}

#[tokio::test]
async fn lists_ask_for_no_more_than_a_page() {
    let server = TestServer::start().await;
    server.alert(json!({"title": "disk full"})).await;
    let get = |query: String| {
        let url = format!("{}/api/v1/{query}", server.url);
        answer(server.http().get(url).bearer_auth(server.token("bob")))
    };
    for query in [
        "incidents?limit=0",
        "incidents?limit=201",
        "incidents?limit=-1",
        "incidents?limit=1e9",
        "incidents?cursor=x",
        "incidents?cursor=1-9999999999999999999999",
        "incidents?unheard=of",
        "incidents?label=x",
        "incidents?label==x",
        "incidents?q=a&q=b",
        "events?after=x",
        "events?after=99999999999999999999",
        "events?limit=0",
        "incidents/1/timeline?cursor=x",
        "incidents/1/alerts?limit=999",
    ] {
        let (status, body) = get(query.to_owned()).await;
        assert_eq!(status, 422, "{query}: {body}");
    }
    for query in [
        format!("incidents?team=payments{}", "&team=payments".repeat(900)),
        format!("incidents?label=a=b{}", "&label=a=b".repeat(1_200)),
        format!("incidents?status=all{}", "&status=open".repeat(1_000)),
    ] {
        let (status, body) = get(query.clone()).await;
        assert!(matches!(status, 200 | 422), "{}: {status} {body}", &query[..40]);
        if status == 200 {
            assert!(body["items"].as_array().is_some_and(|items| items.len() <= 1));
        }
    }
    for query in [
        "events?after=-9223372036854775808",
        "events?after=9223372036854775807",
        "incidents?cursor=9-9223372036854775807",
        "incidents?cursor=9223372036854775807--9223372036854775808",
    ] {
        assert_eq!(get(query.to_owned()).await.0, 200, "{query}");
    }
    for id in ["0", "-1", "9223372036854775807", "9223372036854775808", "1.0", "0x1", "%31%00", "'"]
    {
        assert_eq!(get(format!("incidents/{id}")).await.0, 404, "{id}");
    }
    is_well(&server, "lists").await;
}
