//! ntfy: a push service that anybody can run. Buttons on the notification answer the incident.
use reqwest::Method;
use serde_json::{Value, json};

use super::http::Outgoing;
use super::{Channel, Failure, Loudness, Message, MessageKind, Said, Sending};
use crate::domain::text;

/// ntfy makes an attachment of what is longer.
const MAX_TEXT: usize = 4_000;

pub struct Ntfy(pub Outgoing);

/// A topic's server, its name, and the token for it.
struct Topic<'a> {
    server: &'a str,
    name: &'a str,
    token: Option<&'a str>,
}

/// `https://ntfy.sh/topic`, and after a space perhaps `tk_…`.
fn topic(address: &str) -> Result<Topic<'_>, String> {
    let (url, token) = match address.trim().split_once(char::is_whitespace) {
        Some((url, token)) => (url, Some(token.trim())),
        None => (address.trim(), None),
    };
    if token.is_some_and(|token| !token.starts_with("tk_")) {
        return Err("holds more than a topic and an access token, tk_…".into());
    }
    let named = |name: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        (1..=64).contains(&name.len()) && name.chars().all(allowed)
    };
    match url.rsplit_once('/') {
        Some((server, name)) if named(name) && !server.ends_with('/') => {
            Ok(Topic { server, name, token })
        }
        _ => Err("does not end in a topic of letters, digits, - and _".into()),
    }
}

impl Channel for Ntfy {
    fn about(&self) -> (&str, bool) {
        ("https://ntfy.sh/TOPIC, with an access token as https://ntfy.example.com/TOPIC tk_…", true)
    }

    fn check(&self, address: &str) -> Result<(), String> {
        self.0.check(topic(address)?.server).map(drop)
    }

    fn leads_to(&self, address: &str) -> Option<String> {
        Some(topic(address).ok()?.server.to_owned())
    }

    fn send<'a>(&'a self, address: &'a str, said: &'a Said<'a>) -> Sending<'a> {
        Box::pin(async move {
            let topic = topic(address).map_err(Failure::never)?;
            let mut request = self.0.request(Method::POST, topic.server)?;
            if let Some(token) = topic.token {
                request = request.bearer_auth(token);
            }
            let answer = self.0.send(request.json(&body(topic.name, said))).await?;
            answer.taken()
        })
    }
}

/// As ntfy's documentation has it under "Publish as JSON".
fn body(topic: &str, said: &Said<'_>) -> Value {
    let message = said.message;
    let (priority, tag) = match (message.loudness(), message.kind) {
        (Loudness::Loud, _) => (5, "rotating_light"),
        (_, MessageKind::AllClear) => (2, "white_check_mark"),
        (_, MessageKind::Notice) => (4, "wrench"),
        (_, MessageKind::Test) => (3, "wave"),
        _ => (3, "warning"),
    };
    let mut body = json!({
        "topic": topic,
        "title": said.title(),
        "message": text::cut(&said.below(), MAX_TEXT),
        "priority": priority,
        "tags": [tag],
        "actions": actions(message),
    });
    if !message.url.is_empty() {
        body["click"] = message.url.clone().into();
    }
    body
}

fn actions(message: &Message) -> Vec<Value> {
    let button = |label: &str, url: &Option<String>| {
        url.as_ref().map(|url| {
            json!({ "action": "http", "label": label, "url": url, "method": "POST", "clear": true })
        })
    };
    [button("Acknowledge", &message.ack_url), button("Resolve", &message.resolve_url)]
        .into_iter()
        .flatten()
        .collect()
}
