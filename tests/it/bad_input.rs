//! What nobody should send: refused in the words of the protocol, nothing half stored, and the
//! server as well as before.
use incidentd::api::Method;
use incidentd::api::openapi::Operation;
use incidentd::http::routes;
use serde_json::{Value, json};

use crate::harness::{KEY, TestServer, answer};
use crate::wire::{Raw, is_well, status};

/// The endpoints of senders.
const SENDERS: [&str; 5] = ["generic", "alertmanager", "api/v2/alerts", "grafana", "enqueue"];

pub fn path(sender: &str, key: &str) -> String {
    match sender {
        "enqueue" => "/v2/enqueue".into(),
        sender => format!("/integrations/{key}/{sender}"),
    }
}

/// A usable request with this title, and `extra` beside it where the alert has its fields.
fn usable(sender: &str, title: &Value, labels: &Value) -> Value {
    match sender {
        "generic" => json!({"title": title, "labels": labels}),
        "enqueue" => json!({
            "routing_key": KEY, "event_action": "trigger", "dedup_key": title,
            "payload": {"summary": title, "source": "x", "severity": "error", "custom_details": labels},
        }),
        "api/v2/alerts" => json!([{"labels": labels, "annotations": {"summary": title}}]),
        _ => json!({
            "receiver": "r", "groupKey": title, "commonLabels": labels,
            "commonAnnotations": {"summary": title},
            "alerts": [{"status": "firing", "labels": labels, "annotations": {"summary": title}}],
        }),
    }
}

pub async fn incidents(server: &TestServer) -> Vec<Value> {
    let url = format!("{}/api/v1/incidents?status=all&limit=200", server.url);
    let (status, page) = answer(server.http().get(url).bearer_auth(server.token("root"))).await;
    assert_eq!(status, 200, "{page}");
    page["items"].as_array().expect("items").clone()
}

fn deep(levels: usize) -> String {
    format!("{{\"x\":{}1{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1))
}

/// Bodies that no protocol can read.
pub fn unreadable() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("nothing", Vec::new()),
        ("half an object", b"{".to_vec()),
        ("no JSON", b"<xml/>".to_vec()),
        ("two values", b"{} {}".to_vec()),
        ("invalid UTF-8", b"{\"title\":\"\xff\xfe\"}".to_vec()),
        ("overlong UTF-8", b"{\"title\":\"\xc0\xaf\"}".to_vec()),
        ("33 deep", deep(33).into_bytes()),
        ("100,000 deep", deep(100_000).into_bytes()),
        ("objects 40 deep", format!("{}1{}", "{\"a\":".repeat(40), "}".repeat(40)).into_bytes()),
        ("a bare control character", b"{\"title\":\"a\nb\"}".to_vec()),
        ("a NUL byte", b"{\"title\":\"a\0b\"}".to_vec()),
        ("NaN", b"{\"title\":NaN}".to_vec()),
        ("UTF-16", b"\xff\xfe{\0}\0".to_vec()),
        ("a byte order mark", b"\xef\xbb\xbf{}".to_vec()),
    ]
}

#[tokio::test]
async fn senders_who_send_what_cannot_be_read() {
    let server = TestServer::start().await;
    for sender in SENDERS {
        let address = path(sender, KEY);
        for (name, body) in unreadable() {
            let (status, answer) = server.post_raw(&address, "application/json", body).await;
            assert_eq!(status, 400, "{sender}: {name}: {answer}");
        }
        let marked = |text: &str| {
            usable(sender, &json!("MARK"), &json!({"a": "b"})).to_string().replace("\"MARK\"", text)
        };
        for text in ["\"\\ud800\"", "1e400", "\"\\udc00\\ud800\"", "\"\\u12\"", "01"] {
            let body = marked(text).into_bytes();
            let (status, answer) = server.post_raw(&address, "application/json", body).await;
            assert_eq!(status, 400, "{sender}: {text}: {answer}");
        }
        is_well(&server, sender).await;
    }
    assert_eq!(incidents(&server).await, Vec::<Value>::new(), "nothing is half stored");
}

#[tokio::test]
async fn what_is_no_alert_takes_no_other_with_it() {
    let server = TestServer::start().await;
    for (n, bad) in [json!(null), json!("x"), json!(7), json!([1]), json!(true)].iter().enumerate()
    {
        let good = |sender: &str| json!({"labels": {"alertname": format!("{sender} {n}")}});
        let webhook = json!({"alerts": [bad, good("webhook")]});
        let (status, answer) = server.post("alertmanager", &webhook).await;
        assert_eq!(status, 202, "{bad}: {answer}");
        let (status, answer) = server.post("api/v2/alerts", &json!([good("api"), bad])).await;
        assert_eq!(status, 400, "{bad}: {answer}");
        assert!(answer.to_string().contains("alerts[1]"), "{answer}");
        assert_eq!(incidents(&server).await.len(), 2 * (n + 1), "{bad}");
    }
}

#[tokio::test]
async fn the_end_of_time_is_a_time() {
    let server = TestServer::start().await;
    let alert = json!({"labels": {"alertname": "x"}, "endsAt": "9999-12-31T23:59:59Z"});
    let (status, answer) = server.post("api/v2/alerts", &json!([alert])).await;
    assert_eq!((status, incidents(&server).await.len()), (200, 1), "{answer}");
}

#[tokio::test]
async fn senders_who_send_the_wrong_types() {
    let server = TestServer::start().await;
    let nested = json!({"a": [1, {"b": null}]});
    for (sender, body, expected) in [
        ("generic", json!([]), 400),
        ("generic", json!([{"title": "x"}]), 400),
        ("generic", json!({}), 422),
        ("generic", json!({"title": nested}), 422),
        ("generic", json!({"title": ""}), 422),
        ("generic", json!({"title": " \n "}), 422),
        ("alertmanager", json!([]), 422),
        ("alertmanager", json!({}), 422),
        ("alertmanager", json!({"alerts": "many"}), 400),
        ("alertmanager", json!({"alerts": [7]}), 422),
        ("alertmanager", json!({"alerts": [{}]}), 422),
        ("alertmanager", json!({"alerts": [{"labels": []}]}), 422),
        ("alertmanager", json!({"alerts": [{"labels": {"": "x"}}]}), 422),
        ("alertmanager", json!({"alerts": [{"labels": {"a\0b": "x"}}]}), 422),
        ("api/v2/alerts", json!({}), 400),
        ("api/v2/alerts", json!([7]), 400),
        ("api/v2/alerts", json!([{}]), 400),
        ("api/v2/alerts", json!([{"labels": {}}]), 400),
        ("api/v2/alerts", json!([{"labels": {"a": ""}}]), 400),
        ("api/v2/alerts", json!([{"labels": {"a\u{1b}": "x"}}]), 400),
        ("api/v2/alerts", json!([{"labels": {"a": "b"}, "startsAt": "soon"}]), 400),
        (
            "api/v2/alerts",
            json!([{"labels": {"a": "b"}, "startsAt": "2026-11-23T03:00:00Z", "endsAt": "2026-11-23T02:00:00Z"}]),
            400,
        ),
        ("grafana", json!([]), 422),
        ("grafana", json!({}), 422),
        ("grafana", json!({"alerts": null}), 422),
        ("grafana", json!({"alerts": {"a": 1}}), 400),
        ("enqueue", json!([]), 400),
        ("enqueue", json!({}), 400),
        ("enqueue", json!({"routing_key": 7, "event_action": "trigger"}), 400),
        ("enqueue", json!({"routing_key": KEY, "event_action": "trigger", "payload": "x"}), 400),
        ("enqueue", json!({"routing_key": KEY, "event_action": "trigger", "payload": {}}), 400),
        ("enqueue", json!({"routing_key": KEY, "event_action": "resolve"}), 400),
        (
            "enqueue",
            json!({"routing_key": KEY, "event_action": "dance", "payload": {"summary": "x"}}),
            400,
        ),
        (
            "enqueue",
            json!({"routing_key": KEY, "event_action": "trigger", "links": 7, "payload": {"summary": "x"}}),
            400,
        ),
    ] {
        let bytes = body.to_string().into_bytes();
        let (status, answer) = server.post_raw(&path(sender, KEY), "application/json", bytes).await;
        assert_eq!(status, expected, "{sender}: {body}: {answer}");
    }
    is_well(&server, "wrong types").await;
    assert_eq!(incidents(&server).await, Vec::<Value>::new(), "nothing is half stored");
}

#[tokio::test]
async fn what_senders_overdo_is_cut_and_marked() {
    let server = TestServer::start().await;
    let many: serde_json::Map<String, Value> =
        (0..10_000).map(|n| (format!("l{n}"), json!("v"))).collect();
    for (n, sender) in SENDERS.into_iter().enumerate() {
        for (title, labels) in [
            (json!(format!("{n}{}", "x".repeat(1_000_000))), json!({"a": "b"})),
            (json!(format!("{n} many")), Value::Object(many.clone())),
            (json!(format!("{n} long")), json!({"n".repeat(5_000): "v", "v": "w".repeat(100_000)})),
            (
                json!(format!("{n} quotes {}", "\"".repeat(1_000))),
                json!({"q": "\"\\".repeat(4_000), "e": "\"".repeat(1_000)}),
            ),
        ] {
            if sender == "enqueue" && title.as_str().is_some_and(|title| title.len() > 500_000) {
                continue;
            }
            // Told apart by their labels, where labels are what an alert is.
            let mut labels = labels;
            labels["case"] = json!(title.as_str().map(|title| &title[..title.len().min(20)]));
            let body = usable(sender, &title, &labels).to_string().into_bytes();
            let address = path(sender, KEY);
            let (status, answer) = server.post_raw(&address, "application/json", body).await;
            assert!((200..300).contains(&status), "{sender}: {answer}");
        }
        is_well(&server, sender).await;
    }
    let stored = incidents(&server).await;
    assert!(stored.len() >= 16, "{}", stored.len());
    for incident in &stored {
        let size = incident.to_string().len();
        assert!(size <= 32 * 1024, "{size}: {}", incident["title"]);
        assert!(incident["title"].as_str().is_some_and(|title| title.len() <= 1_024));
    }
    let cut = |incident: &&Value| incident["title"].as_str().is_some_and(|t| t.ends_with('…'));
    assert!(stored.iter().filter(cut).count() >= 4, "cut titles say so");
    let dropped = |incident: &&Value| incident["labels"]["incidentd_dropped_labels"].is_string();
    assert!(stored.iter().any(|incident| dropped(&incident)));
}

#[tokio::test]
async fn long_links_are_kept_and_what_is_left_out_is_marked() {
    let server = TestServer::start().await;
    let href = |n: usize| format!("https://grafana.example.com/alerting?{}", "x".repeat(n));
    let labels = json!({"alertname": "Slow", "severity": "critical"});
    let grafana = json!({"version": "1", "groupKey": "g", "receiver": "r", "alerts": [{
        "status": "firing", "labels": labels, "fingerprint": "a", "startsAt": crate::harness::START,
        "generatorURL": href(1_900), "silenceURL": href(1_500), "panelURL": "", "dashboardURL": href(3_000),
    }]});
    let generic =
        json!({"title": "x", "links": [href(2_000), href(2_000), href(2_000), href(2_100)]});
    let pagerduty = json!({"routing_key": KEY, "event_action": "trigger", "client_url": href(2_050),
        "payload": {"summary": "x", "source": "db-3", "severity": "critical"}});
    for (sender, body, kept, dropped) in [
        ("grafana", grafana.clone(), 2, Some("1")),
        ("alertmanager", grafana, 2, Some("1")),
        ("generic", generic, 2, Some("2")),
        (
            "generic",
            json!({"title": "y", "links": [{"href": href(2_000), "text": "why"}]}),
            1,
            None,
        ),
        ("enqueue", pagerduty, 0, Some("1")),
    ] {
        let path = path(sender, KEY);
        let body = body.to_string().into_bytes();
        let (status, answer) = server.post_raw(&path, "application/json", body).await;
        assert!((200..300).contains(&status), "{sender}: {answer}");
        let stored = incidents(&server).await;
        let newest = stored.iter().max_by_key(|it| it["id"].as_i64()).expect("an incident");
        let links = newest["links"].as_array().map_or(0, Vec::len);
        let marked = newest["labels"]["incidentd_dropped_links"].as_str();
        assert_eq!((links, marked), (kept, dropped), "{sender}: {newest}");
    }
}

#[tokio::test]
async fn an_incident_with_as_much_of_everything_as_there_may_be_stays_below_its_size() {
    let server = TestServer::start().await;
    let labels: serde_json::Map<String, Value> =
        (0..60).map(|n| (format!("l{n}"), json!("v".repeat(250)))).collect();
    let links: Vec<String> =
        (0..3).map(|n| format!("https://example.com/{n}{}", "y".repeat(1_700))).collect();
    let body = json!({"title": "\"".repeat(2_000), "description": "\\".repeat(8_000),
        "labels": labels, "links": links, "dedupKey": "k".repeat(255)});
    server.alert(body).await;
    let note = json!({"action": "resolve", "note": "\"".repeat(2_000)});
    let path = format!("{}/api/v1/incidents/1/actions", server.url);
    let asked = server.http().post(path).bearer_auth(server.token("bob")).json(&note);
    let (status, acted) = crate::harness::answer(asked).await;
    assert_eq!(status, 200, "{acted}");
    let incident = &acted["incident"];
    let of_labels: usize = incident["labels"].to_string().len();
    assert!(of_labels > 15 * 1_024, "{of_labels}: 16 KiB of labels are kept");
    assert_eq!(incident["links"].as_array().map(Vec::len), Some(3));
    let told = incident["description"].as_str().expect("a description");
    assert!(told.len() > 200 && told.ends_with('…'), "{told}");
    let size = incident.to_string().len();
    assert!(size <= 32 * 1024, "{size}");
}

#[tokio::test]
async fn hostile_text_is_kept_as_text() {
    let server = TestServer::start().await;
    let texts = [
        "'; drop table incidents; --",
        "\" or 1=1 --",
        "%' union select secret_hash from tokens --",
        "<img src=x onerror=alert(1)>",
        "{{7*7}} ${jndi:ldap://x} $(reboot) `id`",
        "__proto__",
        "constructor",
        "=cmd|' /C calc'!A0",
        "../../../etc/passwd",
    ];
    for (n, sender) in SENDERS.into_iter().enumerate() {
        for text in texts {
            let title = json!(format!("{text} {n}"));
            let labels =
                json!({"__proto__": text, "constructor": text, "text": text, "n": n.to_string()});
            let body = usable(sender, &title, &labels).to_string().into_bytes();
            let address = path(sender, KEY);
            let (status, answer) = server.post_raw(&address, "application/json", body).await;
            assert!((200..300).contains(&status), "{sender}: {text}: {answer}");
        }
    }
    let stored = incidents(&server).await;
    for text in texts {
        for n in 0..SENDERS.len() {
            let title = format!("{text} {n}");
            assert!(stored.iter().any(|incident| incident["title"] == *title), "{title}");
        }
    }
    let proto = stored.iter().find(|incident| incident["title"] == "__proto__ 0").expect("stored");
    assert_eq!(proto["labels"]["__proto__"], "__proto__");
    // The same text where it is looked for instead of stored.
    for text in texts {
        for name in ["q", "team", "service", "assignee", "cursor", "label", "status", "since"] {
            let escaped: Vec<String> = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
            let text = escaped.concat();
            let request =
                server.http().get(format!("{}/api/v1/incidents?{name}={text}", server.url));
            let (status, body) = answer(request.bearer_auth(server.token("root"))).await;
            assert!(matches!(status, 200 | 404 | 422), "{name}={text}: {status} {body}");
        }
    }
    // Control characters of any kind are shown as what they are: nothing.
    let body =
        json!({"title": "a\u{0}b\u{1b}[2Jc\u{9b}31m\u{7f}", "labels": {"k\u{0}": "v\u{1b}"}});
    let (status, taken) = server.post("generic", &body).await;
    assert_eq!(status, 202, "{taken}");
    let stored = incidents(&server).await.into_iter().max_by_key(|i| i["id"].as_i64());
    let text = stored.expect("stored").to_string();
    assert!(!text.contains("\\u0000") && !text.contains("\\u001b"), "{text}");
    assert!(!text.contains(|c: char| c.is_control()), "{text}");
    is_well(&server, "hostile text").await;
}

#[tokio::test]
async fn absurd_times_are_no_times() {
    let server = TestServer::start().await;
    for (n, at) in [
        json!("999999-01-01T00:00:00Z"),
        json!("-009999-01-01T00:00:00Z"),
        json!("9999-12-31T23:59:59.999999999Z"),
        json!("2026-13-45T99:99:99Z"),
        json!(1e300),
        json!(-1),
        json!(i64::MAX),
        json!({"a": 1}),
        json!("x".repeat(10_000)),
    ]
    .into_iter()
    .enumerate()
    {
        let alert = json!({"labels": {"n": n.to_string()}, "startsAt": at, "endsAt": at});
        for sender in ["alertmanager", "grafana"] {
            let body = json!({"groupKey": format!("{sender} {n}"), "alerts": [alert]});
            let (status, answer) = server.post(sender, &body).await;
            assert_eq!(status, 202, "{sender} {at}: {answer}");
        }
        let (status, answer) = server.post("api/v2/alerts", &json!([alert])).await;
        assert!(matches!(status, 200 | 400), "{at}: {status} {answer}");
        let body = json!({"title": format!("time {n}"), "startsAt": at});
        let (status, answer) = server.post("generic", &body).await;
        assert_eq!(status, 202, "{at}: {answer}");
    }
    is_well(&server, "absurd times").await;
    for query in ["since=999999-01-01T00:00:00Z", "until=yesterday", "since=&until="] {
        let url = format!("{}/api/v1/incidents?{query}", server.url);
        let (status, body) = answer(server.http().get(url).bearer_auth(server.token("bob"))).await;
        assert_eq!(status, 422, "{query}: {body}");
    }
}

#[tokio::test]
async fn an_unknown_key_is_told_so_in_the_words_of_the_protocol() {
    let server = TestServer::start().await;
    let wrong = "ffffffffffffffffffffffffffffffff";
    for sender in SENDERS {
        let mut body = usable(sender, &json!("x"), &json!({"a": "b"}));
        if sender == "enqueue" {
            body["routing_key"] = json!(wrong);
        }
        for body in [body.to_string().into_bytes(), vec![b' '; 200_000]] {
            if sender == "enqueue" && body.len() > 1_000 {
                continue;
            }
            let address = path(sender, wrong);
            let (status, answer) = server.post_raw(&address, "application/json", body).await;
            assert_eq!(status, 404, "{sender}: {answer}");
            match sender {
                "api/v2/alerts" => assert!(answer.is_string(), "{answer}"),
                "enqueue" => assert_eq!(answer["status"], "invalid key", "{answer}"),
                _ => assert_eq!(answer["code"], "not_found", "{answer}"),
            }
            assert!(!answer.to_string().contains(wrong), "{sender} echoes a key: {answer}");
        }
    }
    for key in ["", "x", "%00", "..", "%2e%2e", "a%2Fb", "'--", &"k".repeat(5_000)] {
        let address = format!("/integrations/{key}/generic");
        let head = format!(
            "POST {address} HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\n\r\n{{\"title\":\"x\"}}"
        );
        let status = status(&server.url, head).await;
        assert!(matches!(status, 404 | 400), "{key}: {status}");
    }
    assert_eq!(incidents(&server).await, Vec::<Value>::new());
}

#[tokio::test]
async fn too_much_is_refused_before_it_is_read() {
    let server = TestServer::start().await;
    let token = server.token("bob");
    let mut addresses: Vec<(String, &str)> =
        SENDERS.iter().map(|sender| (path(sender, KEY), "")).collect();
    for Operation { method, path: route, .. } in routes::operations().operations {
        if method == Method::Post {
            addresses.push((format!("/api/v1{}", route.replace("{id}", "1")), token));
        }
    }
    for (address, token) in addresses {
        let admin = server.token("root");
        let token = if token.is_empty() { "x" } else { admin };
        let head = format!(
            "POST {address} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\n"
        );
        // At once: not a byte of the body is sent.
        let huge = format!("{head}Content-Length: 1000000000000\r\n\r\n");
        assert_eq!(status(&server.url, huge).await, 413, "{address}");
        let gzip = format!("{head}Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{{}}");
        assert_eq!(status(&server.url, gzip).await, 415, "{address}");
        let mut raw = Raw::connect(&server.url).await;
        raw.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n")).await;
        let chunk = format!("10000\r\n{}\r\n", " ".repeat(65_536));
        let mut sent = 0;
        while sent < 64 * 1024 * 1024 && raw.send(&chunk).await {
            sent += chunk.len();
        }
        // A reset may overtake the answer, but the reading ends.
        let answer = raw.answer().await.map_or(413, |answer| answer.status);
        assert_eq!(answer, 413, "{address}: endless chunks");
        assert!(sent < 64 * 1024 * 1024, "{address}: {sent} bytes were taken");
    }
    is_well(&server, "too much").await;
    assert_eq!(incidents(&server).await, Vec::<Value>::new());
}
