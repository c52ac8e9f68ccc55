//! PagerDuty Events API v2, `POST /v2/enqueue`. Source: PagerDuty developer docs, Events API v2.
use serde::Deserialize;
use serde_json::Value;

use super::Parsed;
use super::json::{self, Loose};
use crate::domain::alert::{Lifetime, MAX_DESCRIPTION, MAX_TITLE, sender_labels, sender_links};
use crate::domain::{Alert, Key, Severity, Signal, text};

const KEY_LENGTH: usize = 32;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Event {
    routing_key: Loose,
    event_action: Loose,
    dedup_key: Loose,
    payload: Option<Payload>,
    links: Option<Vec<Loose>>,
    client: Loose,
    client_url: Loose,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Payload {
    summary: Loose,
    source: Loose,
    severity: Loose,
    component: Loose,
    group: Loose,
    class: Loose,
    custom_details: Loose,
}

/// An event: the key that says whose it is, and its alert.
#[derive(Debug)]
pub struct Enqueued {
    pub routing_key: String,
    pub parsed: Parsed,
}

/// Parses an event; `make_key` gives a dedup key to a trigger that names none.
///
/// # Errors
/// What is wrong, in the words that PagerDuty's clients know.
pub fn parse(body: &[u8], make_key: impl FnOnce() -> String) -> Result<Enqueued, Vec<String>> {
    let event: Event = json::parse(body).map_err(|error| vec![error.to_string()])?;
    let mut errors = Vec::new();
    let routing_key = event.routing_key.text().unwrap_or_default();
    if routing_key.is_empty() {
        errors.push("'routing_key' is missing or blank".to_owned());
    } else if routing_key.len() != KEY_LENGTH {
        errors.push("Length of 'routing_key' is incorrect (should be 32 characters)".to_owned());
    }
    let signal = match event.event_action.text().as_deref() {
        Some("trigger") => Signal::Firing,
        Some("acknowledge") => Signal::Acknowledged,
        Some("resolve") => Signal::Resolved,
        Some(_) => {
            errors.push(
                "'event_action' is invalid (must be trigger, acknowledge or resolve)".to_owned(),
            );
            Signal::Firing
        }
        None => {
            errors.push("'event_action' is missing or blank".to_owned());
            Signal::Firing
        }
    };
    let none = Payload::default();
    let payload = event.payload.as_ref().unwrap_or(&none);
    let summary = payload.summary.text();
    let dedup_key = event.dedup_key.text();
    if signal == Signal::Firing && summary.is_none() {
        errors.push("'payload.summary' is missing or blank".to_owned());
    }
    if signal != Signal::Firing && dedup_key.is_none() {
        errors.push("'dedup_key' is missing or blank".to_owned());
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let key = Key::new(&dedup_key.unwrap_or_else(make_key));
    let title = summary.unwrap_or_else(|| key.text.clone());
    let labels = [
        ("source", &payload.source),
        ("component", &payload.component),
        ("group", &payload.group),
        ("class", &payload.class),
        ("client", &event.client),
    ]
    .map(|(name, value)| (name, value.text().unwrap_or_default()));
    let mut labels = sender_labels(labels.iter().map(|(name, value)| (*name, value.as_str())));
    let links = sender_links(links(&event), &mut labels);
    let alert = Alert {
        fingerprint: key.clone(),
        key: Some(key),
        signal,
        title: text::line(&title, MAX_TITLE),
        description: details(&payload.custom_details),
        severity: payload
            .severity
            .text()
            .map_or(Severity::Error, |word| Severity::of_sender(&word)),
        labels,
        links,
        group: None,
        starts_at: None,
        ended_at: None,
        lifetime: Lifetime::Endless,
    };
    Ok(Enqueued { routing_key, parsed: Parsed { alerts: vec![alert], ..Parsed::default() } })
}

/// `custom_details`, one line a field.
fn details(details: &Loose) -> String {
    let lines = match details.value() {
        Value::Object(_) => details
            .pairs()
            .into_iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect::<Vec<_>>()
            .join("\n"),
        Value::Null => String::new(),
        value => json::text(value).unwrap_or_else(|| value.to_string()),
    };
    text::lines(&lines, MAX_DESCRIPTION)
}

fn links(event: &Event) -> impl Iterator<Item = (String, String)> {
    let named = event.links.iter().flatten().filter_map(|link| {
        let get = |name: &str| link.value().get(name).and_then(json::text);
        Some((get("href")?, get("text").unwrap_or_default()))
    });
    let client = event.client_url.text();
    named.chain(client.map(|href| (href, event.client.text().unwrap_or_default())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn trigger_acknowledge_resolve() {
        let body = format!(
            r#"{{"routing_key":"{KEY}","event_action":"trigger","dedup_key":"db-3/disk",
            "payload":{{"summary":"disk full","source":"db-3","severity":"critical","component":"disk",
            "custom_details":{{"free":"2%","n":1,"deep":{{"a":[1]}}}}}},
            "links":[{{"href":"https://example.com","text":"Graph"}}],"client":"cron","client_url":"https://c"}}"#
        );
        let event = parse(body.as_bytes(), || panic!("it has a key")).expect("usable");
        assert_eq!(event.routing_key, KEY);
        let alert = &event.parsed.alerts[0];
        assert_eq!((alert.title.as_str(), alert.severity), ("disk full", Severity::Critical));
        assert_eq!(alert.description, "deep: {\"a\":[1]}\nfree: 2%\nn: 1");
        assert_eq!(alert.links.len(), 2);

        let resolve = format!(
            r#"{{"routing_key":"{KEY}","event_action":"resolve","dedup_key":"db-3/disk"}}"#
        );
        let event = parse(resolve.as_bytes(), || panic!("it has a key")).expect("usable");
        assert_eq!(event.parsed.alerts[0].fingerprint, alert.fingerprint);

        let anonymous = format!(
            r#"{{"routing_key":"{KEY}","event_action":"trigger","payload":{{"summary":"s","source":"x","severity":"info"}}}}"#
        );
        let event = parse(anonymous.as_bytes(), || "made".into()).expect("usable");
        assert_eq!(event.parsed.alerts[0].fingerprint, Key::new("made"));
    }

    #[test]
    fn errors_are_in_the_words_that_its_clients_know() {
        let errors = parse(br#"{"routing_key":"short","event_action":"trigger"}"#, String::new)
            .expect_err("two faults");
        assert_eq!(errors.len(), 2);
        assert!(errors[0].contains("should be 32 characters"));
        assert!(parse(b"not json", String::new).is_err());
        let body = format!(r#"{{"routing_key":"{KEY}","event_action":"resolve"}}"#);
        assert!(parse(body.as_bytes(), String::new).expect_err("no key")[0].contains("dedup_key"));
    }
}
