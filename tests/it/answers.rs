//! Links in messages, as people and programs follow them: each is told what came of it.
use incidentd::domain::Action;
use reqwest::header::ACCEPT;
use serde_json::{Value, json};

use crate::harness::{hours, secs};
use crate::paging::{LADDER, Night, ack};

/// As the worker of the dashboard presses it.
async fn press(night: &Night, link: &str) -> (u16, Value) {
    let asked = night.server.http().post(link).header(ACCEPT, "application/json").send().await;
    let asked = asked.expect("an answer");
    let status = asked.status().as_u16();
    (status, asked.json().await.expect("json"))
}

/// As a person does, on the page; the page that comes of it.
async fn press_on_page(night: &Night, link: &str) -> String {
    let asked = night.server.http().post(link).header(ACCEPT, "text/html").send().await;
    asked.expect("an answer").text().await.expect("a page")
}

#[tokio::test]
async fn a_link_says_what_was_done_or_who_was_quicker() {
    let mut night = Night::begin(LADDER).await;
    night.server.alert(json!({"title": "disk full"})).await;
    let link = night.expect_page("alice").await["ackUrl"].as_str().expect("a link").to_owned();

    let (status, said) = press(&night, &link).await;
    assert_eq!((status, &said["title"]), (200, &json!("Acknowledged")), "{said}");
    assert_eq!(
        said["results"],
        json!([{
            "id": 1, "title": "disk full", "status": "acknowledged", "heldBy": "alice",
            "changed": true, "message": said["results"][0]["message"],
        }])
    );
    let (_, said) = press(&night, &link).await;
    assert_eq!(said["title"], "You have it already");

    let take = Action::Acknowledge { span: None, until: None, note: None, take: true };
    night.server.act("bob", 1, take).await.expect("taken");
    let (status, said) = press(&night, &link).await;
    assert_eq!((status, &said["title"]), (200, &json!("bob has it already")), "{said}");
    let one = &said["results"][0];
    assert_eq!((&one["changed"], &one["heldBy"]), (&json!(false), &json!("bob")));
    let shown = press_on_page(&night, &link).await;
    assert!(shown.contains("<h1>bob has it already</h1>"), "{shown}");
    assert!(shown.contains(one["message"].as_str().expect("words")), "the same words: {shown}");

    night.server.act("bob", 1, Action::Resolve { note: None, hold: None }).await.expect("over");
    let (_, said) = press(&night, &link).await;
    assert_eq!(said["title"], "Resolved meanwhile");
    assert_eq!(said["results"][0]["status"], "resolved");

    night.server.advance(hours(25)).await;
    let (status, said) = press(&night, &link).await;
    assert_eq!((status, &said["code"]), (404, &json!("not_found")), "{said}");
}

#[tokio::test]
async fn a_link_to_several_counts_what_it_did() {
    let mut night = Night::begin(LADDER).await;
    night.server.alert(json!({"title": "disk full"})).await;
    night.expect_page("alice").await;
    for n in 0..3 {
        night.server.alert(json!({"title": format!("service {n} is down")})).await;
    }
    night.server.advance(secs(60)).await;
    let bundle = night.expect_page("alice").await;
    let link = bundle["ackUrl"].as_str().expect("a link");
    let of_them = bundle["incidents"].as_array().expect("several");
    let first = of_them[0]["id"].as_i64().expect("an id");
    night.server.act("bob", first, ack()).await.expect("acknowledged");

    let (_, said) = press(&night, link).await;
    let (done, all) = (of_them.len() - 1, of_them.len());
    assert_eq!(said["title"], format!("Acknowledged {done} of {all}"));
    let (_, said) = press(&night, link).await;
    assert_eq!(said["title"], "Nothing was changed");
}

#[tokio::test]
async fn a_link_answers_what_is_urgent_and_what_is_not() {
    let mut night = Night::begin(LADDER).await;
    night.server.alert(json!({"title": "first"})).await;
    night.expect_page("alice").await;
    night.server.alert(json!({"title": "low", "severity": "warning"})).await;
    night.server.alert(json!({"title": "high"})).await;
    night.server.advance(secs(60)).await;
    let bundle = night.expect_page("alice").await;
    assert_eq!(bundle["incidents"].as_array().map(Vec::len), Some(2), "{bundle}");
    let (status, said) = press(&night, bundle["ackUrl"].as_str().expect("a link")).await;
    assert_eq!((status, &said["title"]), (200, &json!("Acknowledged 2")), "{said}");
}
