//! Prometheus' alerts: Alertmanager's webhook (version 4) and Alertmanager's own API, to which
//! Prometheus sends directly. Source: prometheus/alertmanager `template/template.go`,
//! `notify/webhook`, `api/v2/openapi.yaml`.
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::json::{self, Loose};
use super::{Parsed, Unusable};
use crate::clock::shift;
use crate::domain::alert::{
    Group, Lifetime, MAX_DESCRIPTION, MAX_TITLE, label_text, sender_labels, sender_links,
};
use crate::domain::intake::RESOLVE_TIMEOUT;
use crate::domain::{Alert, Key, Labels, Severity, Signal, text};

/// Latest `endsAt` that is believed.
const LONGEST: Duration = Duration::from_hours(366 * 24);

/// Alertmanager's webhook, and Grafana's, which adds fields to it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Webhook {
    receiver: Loose,
    group_key: Loose,
    truncated_alerts: Loose,
    group_labels: Loose,
    common_labels: Loose,
    common_annotations: Loose,
    alerts: Option<Sent>,
}

/// One request is one write, and others wait for it.
const MAX_ALERTS: usize = 5_000;

/// Each read by itself: what is no alert takes no other with it.
type Sent = json::Capped<Box<RawValue>, MAX_ALERTS>;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SentAlert {
    status: Loose,
    labels: Loose,
    annotations: Loose,
    starts_at: Loose,
    ends_at: Loose,
    #[serde(rename = "generatorURL")]
    generator_url: Loose,
    fingerprint: Loose,
    // Grafana's.
    #[serde(rename = "dashboardURL")]
    dashboard_url: Loose,
    #[serde(rename = "panelURL")]
    panel_url: Loose,
    #[serde(rename = "silenceURL")]
    silence_url: Loose,
    value_string: Loose,
}

/// Label or annotation pairs with a lookup.
struct Pairs(Vec<(String, String)>);

impl Pairs {
    fn of(loose: &Loose) -> Self {
        Self(loose.pairs())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.trim())
            .filter(|value| !value.is_empty())
    }

    fn labels(&self) -> Labels {
        sender_labels(self.0.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }
}

/// Parses Alertmanager's webhook.
///
/// # Errors
/// `Malformed`, or `Invalid` if no alert of it can be used.
pub fn parse_webhook(body: &[u8]) -> Result<Parsed, Unusable> {
    json::parse(body).and_then(|webhook| from_webhook(&webhook))
}

pub(super) fn from_webhook(webhook: &Webhook) -> Result<Parsed, Unusable> {
    let sent = webhook.alerts.as_ref().ok_or_else(|| Unusable::missing("alerts"))?;
    let group_labels = Pairs::of(&webhook.group_labels);
    let common = Pairs::of(&webhook.common_annotations);
    let key = webhook.group_key.text().map(|group| {
        let receiver = webhook.receiver.text().unwrap_or_default();
        Key::new(&format!("{receiver}\n{group}"))
    });
    let mut parsed = Parsed::default();
    for (index, raw) in sent.items.iter().enumerate() {
        let found = read(raw).and_then(|sent| {
            let alert = one(&sent, sent.fingerprint.text());
            alert.map(|alert| (sent, alert)).ok_or("has neither labels nor fingerprint")
        });
        let (sent, mut alert) = match found {
            Ok(found) => found,
            Err(why) => {
                parsed.rejected.push(format!("alerts[{index}] {why}"));
                continue;
            }
        };
        alert.key.clone_from(&key);
        let title = common.get("summary").map_or_else(
            || group_title(&Pairs::of(&sent.labels), &group_labels),
            ToOwned::to_owned,
        );
        let mut labels = Pairs::of(&webhook.common_labels).labels();
        labels.extend(group_labels.labels());
        if key.is_some() {
            let labels = Pairs(labels.into_iter().collect()).labels();
            alert.group = Some(Group { title: text::line(&title, MAX_TITLE), labels });
        }
        alert.lifetime = Lifetime::Refreshed;
        alert.signal = match sent.status.text().as_deref() {
            Some("resolved") => Signal::Resolved,
            _ => Signal::Firing,
        };
        alert.ended_at = sent.ends_at.time().filter(|_| alert.signal == Signal::Resolved);
        parsed.alerts.push(alert);
    }
    if parsed.alerts.is_empty() && !parsed.rejected.is_empty() {
        return Err(Unusable::Invalid { field: "alerts", message: parsed.rejected.join("; ") });
    }
    let truncated = webhook.truncated_alerts.text().is_some_and(|number| number != "0");
    let truncated = truncated || sent.beyond > 0;
    parsed.rejected.extend(left_out(sent));
    parsed.complete = key.filter(|_| !truncated);
    Ok(parsed)
}

/// Parses `POST /api/v2/alerts`: an array of alerts, each with at least one label.
///
/// # Errors
/// `Malformed`, or `Invalid` if no alert of it can be used.
pub fn parse_api(body: &[u8], now: Timestamp) -> Result<Parsed, Unusable> {
    let sent: Sent = json::parse(body)?;
    let mut parsed = Parsed::default();
    for (index, raw) in sent.items.iter().enumerate() {
        match read(raw).map_err(ToOwned::to_owned).and_then(|sent| api_alert(&sent, now)) {
            Ok(alert) => parsed.alerts.push(alert),
            Err(why) => parsed.rejected.push(format!("alerts[{index}]: {why}")),
        }
    }
    parsed.rejected.extend(left_out(&sent));
    Ok(parsed)
}

fn read(raw: &RawValue) -> Result<SentAlert, &'static str> {
    serde_json::from_str(raw.get()).map_err(|_| "is no alert: an object with `labels`")
}

fn left_out(sent: &Sent) -> Option<String> {
    (sent.beyond > 0).then(|| {
        format!("more than {MAX_ALERTS} alerts in one request: {} were left out", sent.beyond)
    })
}

fn api_alert(sent: &SentAlert, now: Timestamp) -> Result<Alert, String> {
    // The API names no fingerprint: the labels are the alert.
    let mut alert = one(sent, None).ok_or("at least one label pair required")?;
    let given = |field: &Loose, name: &str| match (field.time(), field.text()) {
        (None, Some(text)) if !text.starts_with("0001-01-01T") => {
            Err(format!("{name} is not a time: {}", text::line(&text, 64)))
        }
        (time, _) => Ok(time),
    };
    let latest = shift(now, LONGEST);
    let (starts, ends) = (given(&sent.starts_at, "startsAt")?, given(&sent.ends_at, "endsAt")?);
    let starts_at = starts.or(ends.map(|ends| ends.min(latest))).unwrap_or(now);
    let ends_at = ends.unwrap_or_else(|| shift(now, RESOLVE_TIMEOUT)).min(latest);
    if ends_at < starts_at && ends.is_some() {
        return Err("start time must be before end time".into());
    }
    // Without a start of its own an alert's episode lasts until it ends.
    alert.starts_at = starts;
    if ends_at <= now {
        alert.signal = Signal::Resolved;
        alert.ended_at = Some(ends_at);
        alert.lifetime = Lifetime::Endless;
    } else {
        alert.lifetime = Lifetime::Until(ends_at);
    }
    Ok(alert)
}

/// What webhook and API share of one alert.
fn one(sent: &SentAlert, fingerprint: Option<String>) -> Option<Alert> {
    let (labels, annotations) = (Pairs::of(&sent.labels), Pairs::of(&sent.annotations));
    let mut shown = labels.labels();
    let full: Labels = labels.0.iter().filter(|(_, value)| !value.is_empty()).cloned().collect();
    if full.keys().any(|name| name.is_empty() || name.contains(char::is_control)) {
        return None;
    }
    let fingerprint = match fingerprint {
        Some(fingerprint) => Key::new(&fingerprint),
        None if full.is_empty() => return None,
        None => Key::new(&label_text(&full)),
    };
    let title = annotations
        .get("summary")
        .or_else(|| annotations.get("title"))
        .map_or_else(|| group_title(&labels, &Pairs(Vec::new())), ToOwned::to_owned);
    let description = ["description", "message"]
        .into_iter()
        .find_map(|name| annotations.get(name).map(ToOwned::to_owned))
        .or_else(|| sent.value_string.text())
        .unwrap_or_default();
    let links = [
        (annotations.get("runbook_url").map(ToOwned::to_owned), "Run book"),
        (sent.dashboard_url.text(), "Dashboard"),
        (annotations.get("dashboard_url").map(ToOwned::to_owned), "Dashboard"),
        (sent.panel_url.text(), "Panel"),
        (sent.generator_url.text(), "Source"),
        (sent.silence_url.text(), "Silence there"),
    ];
    let links = links.into_iter().filter_map(|(href, text)| Some((href?, text.to_owned())));
    let links = sender_links(links, &mut shown);
    Some(Alert {
        key: None,
        fingerprint,
        signal: Signal::Firing,
        title: text::line(&title, MAX_TITLE),
        description: text::lines(&description, MAX_DESCRIPTION),
        severity: labels.get("severity").map_or(Severity::Error, Severity::of_sender),
        labels: shown,
        links,
        group: None,
        starts_at: sent.starts_at.time(),
        ended_at: None,
        lifetime: Lifetime::Endless,
    })
}

/// The alert's name and the labels that make the group.
fn group_title(labels: &Pairs, group: &Pairs) -> String {
    let name = labels.get("alertname").or_else(|| group.get("alertname")).unwrap_or("Alert");
    let rest: Vec<String> = group
        .0
        .iter()
        .filter(|(key, value)| key != "alertname" && !value.is_empty())
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    if rest.is_empty() {
        let about = ["instance", "host", "job"].into_iter().find_map(|name| labels.get(name));
        return match about {
            Some(about) if group.0.is_empty() => format!("{name} on {about}"),
            _ => name.to_owned(),
        };
    }
    format!("{name} ({})", rest.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-23T03:00:00Z";

    fn now() -> Timestamp {
        NOW.parse().expect("time")
    }

    #[test]
    fn a_webhook_is_a_group_of_alerts() {
        let body = serde_json::json!({
            "receiver": "pager", "status": "firing", "version": "4", "truncatedAlerts": 0,
            "groupKey": "{}:{alertname=\"DiskFull\"}", "groupLabels": {"alertname": "DiskFull"},
            "commonLabels": {"alertname": "DiskFull", "severity": "page"}, "commonAnnotations": {},
            "alerts": [
                {"status": "firing", "labels": {"alertname": "DiskFull", "instance": "db-3", "severity": "page"},
                 "annotations": {"summary": "disk full on db-3", "runbook_url": "https://example.com/r"},
                 "startsAt": "2026-11-23T02:59:00Z", "endsAt": "0001-01-01T00:00:00Z", "fingerprint": "aa"},
                {"status": "resolved", "labels": {"alertname": "DiskFull", "instance": "db-4"},
                 "startsAt": "2026-11-23T01:00:00Z", "endsAt": "2026-11-23T02:58:00Z", "fingerprint": "bb"},
                {"status": "firing"}],
            "future": {"field": true}
        });
        let parsed = parse_webhook(body.to_string().as_bytes()).expect("usable");
        assert_eq!(parsed.alerts.len(), 2);
        assert_eq!(parsed.rejected.len(), 1, "the one that says nothing is named");
        let [first, second] = parsed.alerts.as_slice() else { panic!("two alerts") };
        assert_eq!(first.key, second.key);
        assert_eq!(parsed.complete, first.key);
        assert_eq!((first.severity, first.incident_title()), (Severity::Critical, "DiskFull"));
        assert_eq!(first.links[0].text, "Run book");
        assert_eq!((first.lifetime, first.signal), (Lifetime::Refreshed, Signal::Firing));
        assert_eq!((second.signal, second.ended_at.is_some()), (Signal::Resolved, true));
    }

    #[test]
    fn a_truncated_list_is_not_complete() {
        let body = r#"{"groupKey":"g","truncatedAlerts":3,"alerts":[{"labels":{"a":"b"}}]}"#;
        assert_eq!(parse_webhook(body.as_bytes()).expect("usable").complete, None);
        assert!(parse_webhook(b"{}").is_err());
        assert!(parse_webhook(br#"{"alerts":[{}]}"#).is_err());
    }

    #[test]
    fn too_many_alerts_are_left_out_and_counted() {
        let alerts: Vec<String> =
            (0..MAX_ALERTS + 7).map(|n| format!(r#"{{"labels":{{"a":"{n}"}}}}"#)).collect();
        let list = format!("[{}]", alerts.join(","));
        let webhook = format!(r#"{{"groupKey":"g","alerts":{list}}}"#);
        let sent = parse_webhook(webhook.as_bytes()).expect("usable");
        assert_eq!(sent.complete, None, "who is absent may be among those left out");
        for parsed in [sent, parse_api(list.as_bytes(), now()).expect("usable")] {
            assert_eq!(parsed.alerts.len(), MAX_ALERTS);
            assert!(parsed.rejected[0].contains("7 were left out"), "{:?}", parsed.rejected);
        }
    }

    #[test]
    fn the_api_knows_an_alert_by_its_labels() {
        let body = r#"[
            {"labels":{"alertname":"Up","instance":"a:9090","empty":""},"endsAt":"2026-11-23T03:04:00Z"},
            {"labels":{"instance":"a:9090","alertname":"Up"},"endsAt":"2026-11-23T02:00:00Z"},
            {"labels":{}}, {"labels":{"a":"b"},"startsAt":"2026-11-23T03:00:00Z","endsAt":"2026-11-23T02:00:00Z"},
            {"labels":{"a":"c"}}, {"labels":{"a":"d"},"startsAt":"soon"}]"#;
        let parsed = parse_api(body.as_bytes(), now()).expect("usable");
        assert_eq!(parsed.rejected.len(), 3, "{:?}", parsed.rejected);
        let [fires, over, plain] = parsed.alerts.as_slice() else { panic!("three alerts") };
        assert_eq!(fires.fingerprint, over.fingerprint, "order and empty labels do not matter");
        assert_eq!((fires.signal, over.signal), (Signal::Firing, Signal::Resolved));
        assert_eq!(plain.lifetime, Lifetime::Until(shift(now(), RESOLVE_TIMEOUT)));
        assert_eq!(fires.title, "Up on a:9090");
        assert!(parse_api(b"{}", now()).is_err());
    }
}
