//! The generic source: `{title, dedupKey, status, severity, description, labels, links}` as JSON
//! or as a form; any other text is the title, so that `curl -d "disk full"` works.
use serde_json::{Map, Value};

use super::json::{self, Loose};
use super::{Parsed, Unusable};
use crate::domain::alert::{Lifetime, MAX_DESCRIPTION, MAX_TITLE, sender_labels, sender_links};
use crate::domain::{Alert, Key, Severity, Signal, text};

/// # Errors
/// `Malformed` for broken JSON, `Invalid` without a title.
pub fn parse(body: &[u8], content_type: &str) -> Result<Parsed, Unusable> {
    let start = body.trim_ascii_start().first();
    let fields = if content_type.contains("json") || matches!(start, Some(b'{' | b'[')) {
        match json::parse(body)? {
            Value::Object(fields) => fields,
            _ => return Err(Unusable::Malformed("the body is not a JSON object".into())),
        }
    } else {
        form(body).unwrap_or_else(|| plain(&String::from_utf8_lossy(body)))
    };
    alert(&fields).map(|alert| Parsed { alerts: vec![alert], ..Parsed::default() })
}

/// A form, if it names a field of ours.
fn form(body: &[u8]) -> Option<Map<String, Value>> {
    let text = std::str::from_utf8(body).ok()?;
    let pairs: Vec<(String, String)> = serde_html_form::from_str(text).ok()?;
    if !pairs.iter().any(|(name, _)| name == "title" || name == "dedupKey") {
        return None;
    }
    let mut labels = Map::new();
    let mut fields = Map::new();
    for (name, value) in pairs {
        match name.strip_prefix("label.").or_else(|| name.strip_prefix("labels.")) {
            Some(label) => labels.insert(label.to_owned(), value.into()),
            None => fields.insert(name, value.into()),
        };
    }
    fields.insert("labels".into(), labels.into());
    Some(fields)
}

/// The first line is the title, the rest describes it.
fn plain(text: &str) -> Map<String, Value> {
    let (title, rest) = text.trim().split_once('\n').unwrap_or((text, ""));
    Map::from_iter([("title".to_owned(), title.into()), ("description".to_owned(), rest.into())])
}

fn alert(fields: &Map<String, Value>) -> Result<Alert, Unusable> {
    let get = |name: &str| fields.get(name).and_then(json::text);
    let either = |a: &str, b: &str| get(a).or_else(|| get(b));
    let signal = match get("status").map(|status| status.trim().to_ascii_lowercase()).as_deref() {
        Some(
            "resolved" | "resolve" | "ok" | "recovery" | "recovered" | "up" | "closed" | "close",
        ) => Signal::Resolved,
        Some("acknowledged" | "acknowledge") => Signal::Acknowledged,
        // Whoever says it in a word that nobody knows is heard all the same.
        _ => Signal::Firing,
    };
    let dedup_key = either("dedupKey", "dedup_key");
    let title = match (get("title"), &dedup_key) {
        (Some(title), _) => title,
        (None, Some(key)) if signal != Signal::Firing => key.clone(),
        _ => return Err(Unusable::missing("title")),
    };
    let key = Key::new(dedup_key.as_deref().unwrap_or(&title));
    let labels = fields.get("labels").map(pairs).unwrap_or_default();
    let mut labels =
        sender_labels(labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let links = sender_links(links(fields.get("links")), &mut labels);
    Ok(Alert {
        fingerprint: key.clone(),
        key: Some(key),
        signal,
        title: text::line(&title, MAX_TITLE),
        description: text::lines(&get("description").unwrap_or_default(), MAX_DESCRIPTION),
        severity: get("severity").map_or(Severity::Error, |word| Severity::of_sender(&word)),
        labels,
        links,
        group: None,
        starts_at: either("startsAt", "starts_at").and_then(|at| at.parse().ok()),
        ended_at: None,
        lifetime: Lifetime::Endless,
    })
}

fn pairs(labels: &Value) -> Vec<(String, String)> {
    serde_json::from_value::<Loose>(labels.clone()).map(|labels| labels.pairs()).unwrap_or_default()
}

/// `[{href, text}]`, or plain addresses.
fn links(value: Option<&Value>) -> impl Iterator<Item = (String, String)> {
    let links = value.and_then(Value::as_array).into_iter().flatten();
    links.filter_map(|link| match link {
        Value::String(href) => Some((href.clone(), String::new())),
        link => {
            let get = |name: &str| link.get(name).and_then(json::text);
            Some((get("href")?, get("text").unwrap_or_default()))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(body: &str, content_type: &str) -> Alert {
        parse(body.as_bytes(), content_type).expect("usable").alerts.remove(0)
    }

    #[test]
    fn json_form_and_plain_text() {
        let alert = one(
            r#"{"title":"disk full","dedupKey":"db-3","severity":"warn","labels":{"host":"db-3","n":3},
               "links":[{"href":"https://example.com/run","text":"Run book"},{"href":"javascript:x"}],"extra":1}"#,
            "application/json",
        );
        assert_eq!((alert.title.as_str(), alert.severity), ("disk full", Severity::Warning));
        assert_eq!(alert.labels["n"], "3");
        assert_eq!(alert.links.len(), 1);
        assert_eq!(alert.key, Some(Key::new("db-3")));

        let form = "application/x-www-form-urlencoded";
        let text = one("disk full", form);
        assert_eq!((text.title.as_str(), text.key), ("disk full", Some(Key::new("disk full"))));
        let fields = one("title=disk+full&label.host=db-3&status=resolved", form);
        assert_eq!((fields.signal, fields.labels["host"].as_str()), (Signal::Resolved, "db-3"));
        let two = one("disk full on db-3\nonly 2% left", "text/plain");
        assert_eq!(
            (two.title.as_str(), two.description.as_str()),
            ("disk full on db-3", "only 2% left")
        );
        assert_eq!(one("load=high", form).title, "load=high");
    }

    #[test]
    fn the_title_or_a_key_says_which_alert_it_is() {
        assert_eq!(
            parse(b"{}", "application/json").expect_err("no title"),
            Unusable::missing("title")
        );
        assert_eq!(parse(b"   ", "text/plain").expect_err("no text"), Unusable::missing("title"));
        let resolve = one(r#"{"status":"resolved","dedupKey":"k"}"#, "application/json");
        assert_eq!(resolve.fingerprint, Key::new("k"));
        let odd = one(r#"{"title":"x","status":"purple"}"#, "");
        assert_eq!(odd.signal, Signal::Firing, "better told than lost");
        assert!(matches!(parse(b"[1]", ""), Err(Unusable::Malformed(_))));
    }

    #[test]
    fn over_long_text_is_cut_and_marked() {
        let body =
            serde_json::json!({"title": "x".repeat(9_000), "description": "y".repeat(90_000)});
        let alert = one(&body.to_string(), "application/json");
        assert!(alert.title.len() <= MAX_TITLE && alert.title.ends_with(text::CUT));
        assert!(alert.description.len() <= MAX_DESCRIPTION);
    }
}
