//! What providers do not take: each gets its message within the measure that it documents, and
//! with every link whole, however long the night.
use std::collections::BTreeMap;

use incidentd::config::{Gateway, Value as Var};
use incidentd::domain::Incident;
use incidentd::notify::{Message, MessageKind, Notifier};
use serde_json::{Value, json};

use crate::channels::{incident, notifier, page};
use crate::far::Far;

const VARS: &[(&str, &[(&str, &str)])] = &[
    ("telegram", &[("token", "123:AbC")]),
    ("pushover", &[("token", "app")]),
    ("twilio", &[("sid", "AC17"), ("token", "hush"), ("from", "+15550100")]),
    ("twilio-call", &[("sid", "AC17"), ("token", "hush"), ("from", "+15550100")]),
];

/// All recipes; those with secrets speak to `far`.
fn all(far: &Far, more: &[(&str, &str)]) -> Notifier {
    notifier(|config| {
        for (recipe, vars) in VARS {
            let text = |value: &str| Var::Text(value.into());
            let vars = vars.iter().chain(more.iter().filter(|_| *recipe == "pushover"));
            let mut vars: BTreeMap<_, _> =
                vars.map(|(name, value)| ((*name).to_owned(), text(value))).collect();
            vars.insert("api".into(), text(&far.url("")));
            let gateway = Gateway { recipe: Some((*recipe).into()), vars, ..Gateway::default() };
            config.gateways.insert((*recipe).into(), gateway);
        }
    })
}

/// The longest that there is: a page about `count` incidents, all of whose characters a chat's
/// markup takes for itself, or count twice.
fn monster(count: i64, filling: &str) -> Message {
    let long = |id| -> Incident {
        let mut one = incident(id, &filling.repeat(500));
        one.description = filling.repeat(4_000);
        one
    };
    let link = |kind: &str| {
        format!("https://oncall.infrastructure.example.com/incidents/{kind}/{}", "k".repeat(120))
    };
    Message {
        ack_url: Some(link("a")),
        resolve_url: Some(link("r")),
        url: link("look"),
        ..page((1..=count).map(long).collect())
    }
}

fn units(text: &Value) -> usize {
    text.as_str().map_or(0, |text| text.encode_utf16().count())
}

#[tokio::test]
async fn every_provider_gets_no_more_than_it_takes_and_every_link_whole() {
    let mut far = Far::start().await;
    let notifier = all(&far, &[]);
    let user = "u".repeat(30);
    let addresses = [
        ("slack", far.url("/services/T0/B0/x")),
        ("mattermost", far.url("/hooks/x")),
        ("discord", far.url("/api/webhooks/1/x")),
        ("teams", far.url("/workflows/x")),
        ("gotify", far.url("/message?token=AbC")),
        ("ntfy", far.url("/alice-x7f3")),
        ("telegram", "-1001234567890".into()),
        ("pushover", user),
        ("twilio", "+4915112345678".into()),
        ("twilio-call", "+4915112345678".into()),
    ];
    for (count, filling) in [(1, "*"), (1, "<&"), (40, "_"), (40, "\u{1f525}"), (1, "é\n")] {
        let message = monster(count, filling);
        for (channel, address) in &addresses {
            notifier.send(channel, address, &message).await.expect(channel);
            let heard = far.next().await;
            let whole = String::from_utf8_lossy(&heard.body).into_owned();
            let form = || heard.form().into_iter().collect::<BTreeMap<_, _>>();
            let within = |text: &Value, max: usize| {
                let units = units(text);
                assert!((1..=max).contains(&units), "{channel}, {filling}: {units}: {text}");
            };
            let bytes = |max: usize| {
                assert!(heard.body.len() <= max, "{channel}: {}", heard.body.len());
            };
            match *channel {
                "slack" => {
                    let body = heard.json();
                    within(&body["text"], 40_000);
                    within(&body["blocks"][0]["text"]["text"], 150);
                    within(&body["blocks"][1]["text"]["text"], 3_000);
                }
                "mattermost" => within(&heard.json()["text"], 4_000),
                "discord" => within(&heard.json()["content"], 2_000),
                "teams" => bytes(28 * 1_024),
                "gotify" => within(&heard.json()["message"], 8_000),
                "ntfy" => {
                    let message = &heard.json()["message"];
                    assert!(message.as_str().is_some_and(|text| text.len() <= 4_096), "{message}");
                    // What it reads of JSON is twice what it takes of a message.
                    bytes(8_192);
                }
                "telegram" => within(&heard.json()["text"], 4_096),
                "pushover" => {
                    let form = form();
                    within(&json!(form["message"]), 1_024);
                    within(&json!(form["title"]), 250);
                    within(&json!(form["url"]), 512);
                }
                "twilio" => within(&json!(form()["Body"]), 160),
                _ => within(&json!(form()["Twiml"]), 4_000),
            }
            let (ack, look) = (message.ack_url.as_deref().expect("a link"), &message.url);
            match *channel {
                "twilio-call" => assert!(whole.ends_with("%3C%2FResponse%3E"), "{whole}"),
                "pushover" => assert_eq!(form()["url"], ack),
                // It has no room for another word; a link that is cut is none.
                "twilio" => assert!(!form()["Body"].is_empty()),
                _ => assert!(whole.contains(ack) && whole.contains(look), "{channel}: {whole}"),
            }
        }
    }
}

#[tokio::test]
async fn discord_is_asked_whether_the_message_can_be_shown() {
    let mut far = Far::start().await;
    let notifier = notifier(|_| {});
    let page = page(vec![incident(42, "disk full")]);
    for (address, called) in [
        ("/api/webhooks/1/x", "/api/webhooks/1/x?wait=true"),
        ("/api/webhooks/1/x?thread_id=7", "/api/webhooks/1/x?thread_id=7&wait=true"),
    ] {
        notifier.send("discord", &far.url(address), &page).await.expect("sent");
        assert_eq!(far.next().await.path, called);
    }
}

#[tokio::test]
async fn telegram_gets_no_button_that_it_would_refuse_the_message_for() {
    let mut far = Far::start().await;
    let notifier = all(&far, &[]);
    let message = Message {
        ack_url: Some("http://localhost:8080/a/Kx7fPq2".into()),
        resolve_url: None,
        url: "http://localhost:8080/incidents/42".into(),
        ..page(vec![incident(42, "disk full")])
    };
    notifier.send("telegram", "17", &message).await.expect("sent");
    let body = far.next().await.json();
    assert_eq!(body.get("reply_markup"), None, "{body}");
    let text = body["text"].as_str().expect("text");
    assert!(text.contains("Acknowledge: http://localhost:8080/a/Kx7fPq2"), "{text}");
}

#[tokio::test]
async fn pushover_rings_until_it_is_answered_if_its_operator_wants_that() {
    let mut far = Far::start().await;
    let notifier = all(&far, &[("loud", "2")]);
    let mut message = page(vec![incident(42, "disk full")]);
    let user = "u".repeat(30);
    let mut sent = Vec::new();
    for kind in [MessageKind::Page, MessageKind::AllClear] {
        message.kind = kind;
        notifier.send("pushover", &user, &message).await.expect("sent");
        let form: BTreeMap<_, _> = far.next().await.form().into_iter().collect();
        let field = |name: &str| form.get(name).cloned().unwrap_or_default();
        sent.push([field("priority"), field("retry"), field("expire")]);
    }
    assert_eq!(sent, [["2", "60", "3600"], ["-1", "", ""]]);
}
