//! Lists narrowed by matchers, written as in amtool.
use incidentd::api::incidents::{self, ListQuery, StatusFilter};
use incidentd::api::{MAX_PAGE, Nothing};
use serde_json::{Value, json};

use crate::harness::{TestServer, answer};

async fn world() -> TestServer {
    let server = TestServer::start().await;
    for (title, severity, labels) in [
        ("disk", "critical", json!({"host": "db-1", "dc": "par"})),
        ("load", "warning", json!({"host": "db-2"})),
        ("slow", "error", json!({"host": "web-1", "__proto__": "x", "text": "a \"b\" \\c"})),
        ("cert", "info", json!({})),
    ] {
        server.alert(json!({"title": title, "severity": severity, "labels": labels})).await;
    }
    server
}

async fn titles(server: &TestServer, label: &[&str]) -> Vec<String> {
    let query = ListQuery {
        label: label.iter().map(|text| (*text).to_owned()).collect(),
        limit: Some(1),
        ..ListQuery::default()
    };
    // Page by page: a matcher decides about every row, not about those of a page.
    let mut query = query;
    let mut titles = Vec::new();
    loop {
        let page = server.call("bob", &incidents::LIST, Nothing {}, &query, &Nothing {}).await;
        let page = page.expect("a page");
        titles.extend(page.items.into_iter().map(|incident| incident.title));
        match page.next_cursor {
            Some(next) => query.cursor = Some(next),
            None => break,
        }
    }
    titles.sort();
    titles
}

#[tokio::test]
async fn lists_are_narrowed_by_what_amtool_users_write() {
    let server = world().await;
    for (label, expected) in [
        (&["host=db-1"][..], &["disk"][..]),
        (&["host=~db-.*"], &["disk", "load"]),
        (&["host=~db"], &[]),
        (&["host!=db-1"], &["cert", "load", "slow"]),
        (&["host!~db-.+"], &["cert", "slow"]),
        (&["host="], &["cert"]),
        (&["dc="], &["cert", "load", "slow"]),
        (&["host=~.+", "host!~web.*"], &["disk", "load"]),
        (&["host=\"db-1\""], &["disk"]),
        (&["__proto__=x"], &["slow"]),
        (&["text=\"a \\\"b\\\" \\\\c\""], &["slow"]),
        (&["text=a \"b\" \\c"], &["slow"]),
        (&["@severity=critical"], &["disk"]),
        (&["@severity!~critical|warning"], &["cert", "slow"]),
        (&["@service=checkout", "@team=~pay.*"], &["cert", "disk", "load", "slow"]),
        (&["@service=index"], &[]),
        (&["service=checkout"], &[]),
    ] {
        assert_eq!(titles(&server, label).await, expected, "{label:?}");
    }
}

#[tokio::test]
async fn a_matcher_that_is_none_is_named_and_an_expensive_one_is_refused() {
    let server = world().await;
    let many = ["a=b"; 17].join("&label=");
    for label in ["host", "=x", "host=~(", "@colour=red", "a=~((((.{99}){99}){99}){99})", &many] {
        let escaped = label.replace('%', "%25").replace('{', "%7b").replace('}', "%7d");
        let url = format!("{}/api/v1/incidents?label={escaped}", server.url);
        let (status, said) = answer(server.http().get(url).bearer_auth(server.token("bob"))).await;
        assert_eq!(
            (status, &said["errors"][0]["field"]),
            (422, &json!("label")),
            "{label}: {said}"
        );
    }
}

/// What takes a backtracking engine longer than the universe lasts is linear here.
#[tokio::test]
async fn a_regex_over_many_rows_is_answered() {
    let server = TestServer::start().await;
    let evil: Value = "a".repeat(1_000).into();
    for chunk in 0..4 {
        let alerts: Vec<Value> = (0..100)
            .map(|n| json!({"labels": {"alertname": format!("{chunk}-{n}"), "evil": evil}}))
            .collect();
        assert_eq!(server.post("api/v2/alerts", &alerts.into()).await.0, 200);
    }
    let query = ListQuery {
        label: ["(a*)*b", "(a|aa)+$b", "([a-z]+)+[0-9]"].map(|p| format!("evil!~{p}")).into(),
        status: vec![StatusFilter::All],
        limit: Some(MAX_PAGE),
        ..ListQuery::default()
    };
    let page = server.call("bob", &incidents::LIST, Nothing {}, &query, &Nothing {}).await;
    assert_eq!(page.expect("in time").items.len(), MAX_PAGE as usize);
}
