//! Grafana's webhook: unified alerting (Alertmanager's with more fields) and legacy (up to
//! version 8). Source: grafana/grafana `receivers/webhook/v1`, `templates/template_data.go`.
use serde::Deserialize;

use super::alertmanager::{Webhook, from_webhook};
use super::json::{self, Loose};
use super::{Parsed, Unusable};
use crate::domain::alert::{Lifetime, MAX_DESCRIPTION, MAX_TITLE, sender_labels, sender_links};
use crate::domain::{Alert, Key, Severity, Signal, text};

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Legacy {
    rule_id: Loose,
    rule_name: Loose,
    rule_url: Loose,
    state: Loose,
    title: Loose,
    message: Loose,
    tags: Loose,
}

/// # Errors
/// `Malformed`, or `Invalid` if no alert of it can be used.
pub fn parse(body: &[u8]) -> Result<Parsed, Unusable> {
    let value: serde_json::Value = json::parse(body)?;
    let malformed =
        |error: serde_json::Error| Unusable::Malformed(format!("not usable JSON: {error}"));
    if value.get("alerts").is_some() {
        let webhook: Webhook = serde_json::from_value(value).map_err(malformed)?;
        return from_webhook(&webhook);
    }
    let legacy: Legacy = serde_json::from_value(value).map_err(malformed)?;
    let rule = legacy
        .rule_id
        .text()
        .or_else(|| legacy.rule_name.text())
        .ok_or_else(|| Unusable::missing("alerts"))?;
    let title =
        legacy.rule_name.text().or_else(|| legacy.title.text()).unwrap_or_else(|| rule.clone());
    let tags = legacy.tags.pairs();
    let mut labels =
        sender_labels(tags.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let source = legacy.rule_url.text().map(|href| (href, "Source".to_owned()));
    let links = sender_links(source, &mut labels);
    let key = Key::new(&format!("grafana rule {rule}"));
    let alert = Alert {
        fingerprint: key.clone(),
        key: Some(key),
        signal: match legacy.state.text().as_deref() {
            Some("ok" | "paused" | "pending") => Signal::Resolved,
            _ => Signal::Firing,
        },
        title: text::line(&title, MAX_TITLE),
        description: text::lines(&legacy.message.text().unwrap_or_default(), MAX_DESCRIPTION),
        severity: labels.get("severity").map_or(Severity::Error, |word| Severity::of_sender(word)),
        links,
        labels,
        group: None,
        starts_at: None,
        ended_at: None,
        lifetime: Lifetime::Endless,
    };
    Ok(Parsed { alerts: vec![alert], ..Parsed::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unified_and_legacy() {
        let unified = r#"{"receiver":"hook","status":"firing","orgId":1,"version":"1","groupKey":"g",
            "title":"[FIRING:1]","state":"alerting","message":"…","alerts":[{"status":"firing",
            "labels":{"alertname":"High"},"annotations":{"summary":"too high"},"fingerprint":"c6e",
            "dashboardURL":"http://g/d/1","valueString":"[ value=3 ]","values":{"A":3}}]}"#;
        let alert = parse(unified.as_bytes()).expect("usable").alerts.remove(0);
        assert_eq!((alert.title.as_str(), alert.description.as_str()), ("too high", "[ value=3 ]"));
        assert_eq!(alert.links[0].text, "Dashboard");

        let legacy = |state: &str| {
            let body = format!(
                r#"{{"ruleId":7,"ruleName":"CPU","state":"{state}","title":"[Alerting] CPU",
                "ruleUrl":"http://g/7","message":"hot","evalMatches":[]}}"#
            );
            parse(body.as_bytes()).expect("usable").alerts.remove(0)
        };
        assert_eq!(legacy("alerting").fingerprint, legacy("ok").fingerprint);
        assert_eq!(legacy("ok").signal, Signal::Resolved);
        assert_eq!(legacy("no_data").signal, Signal::Firing);
        assert!(parse(b"{}").is_err());
    }
}
