//! One signal from a source, in the shape that all sources are parsed into.
use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text;

/// Label names and values.
pub type Labels = BTreeMap<String, String>;

/// Longest title, in bytes (here and below: of JSON).
pub const MAX_TITLE: usize = 1_024;
/// Longest description, in bytes.
pub const MAX_DESCRIPTION: usize = 6 * 1_024;
/// Most labels of one alert, and all of them together in bytes.
pub const MAX_LABELS: usize = 64;
pub const MAX_LABEL_NAME: usize = 255;
pub const MAX_LABEL_VALUE: usize = 1_024;
pub const MAX_LABEL_BYTES: usize = 16 * 1_024;
/// Most links of one alert, longest address, and all of them together in bytes.
pub const MAX_LINKS: usize = 8;
pub const MAX_HREF: usize = 2_048;
pub const MAX_LINK_BYTES: usize = 6 * 1_024;
/// What an incident has room for, in labels, links and description together: it stays below 32 KiB
/// as JSON.
const ROOM: usize = 23 * 1_024;
/// Labels that say what was left out, and how many those are.
const DROPPED_LABELS: &str = "incidentd_dropped_labels";
const DROPPED_LINKS: &str = "incidentd_dropped_links";
const RESERVED: usize = 2;
/// Longest dedup key that is kept as text; longer ones stay apart by their hash.
pub const MAX_KEY: usize = 255;

/// How bad it is; the smaller the worse.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    clap::ValueEnum,
    JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Critical,
    Error,
    Warning,
    Info,
}

impl Severity {
    /// A sender's word, read generously; unknown words count as an error.
    #[must_use]
    pub fn of_sender(word: &str) -> Self {
        match word.trim().to_ascii_lowercase().as_str() {
            "critical" | "crit" | "page" | "fatal" | "emergency" | "disaster" | "p1" => {
                Self::Critical
            }
            "warning" | "warn" | "minor" | "p3" => Self::Warning,
            "info" | "information" | "informational" | "none" | "notice" | "debug" | "ok"
            | "p4" | "p5" => Self::Info,
            _ => Self::Error,
        }
    }

    #[must_use]
    pub const fn urgency(self) -> Urgency {
        match self {
            Self::Critical | Self::Error => Urgency::High,
            Self::Warning | Self::Info => Urgency::Low,
        }
    }

    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// How loud an incident is: low never wakes.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    clap::ValueEnum,
    JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Urgency {
    High,
    Low,
}

impl Urgency {
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Low => "low",
        }
    }
}

/// What a source says about an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Signal {
    Firing,
    Resolved,
    Acknowledged,
}

/// A link that a responder may follow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    pub href: String,
    #[serde(default)]
    pub text: String,
}

impl Link {
    /// A link if `href` is one that a browser may follow safely.
    #[must_use]
    pub fn new(href: &str, text: &str) -> Option<Self> {
        let href = href.trim();
        let scheme = href.split_once("://")?.0;
        let web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
        let clean =
            !href.contains(|c: char| c.is_control() || c.is_whitespace() || "\"\\<>".contains(c));
        (web && clean && href.len() <= MAX_HREF).then(|| Self {
            href: href.to_owned(),
            text: text::line(if text.trim().is_empty() { href } else { text }, 255),
        })
    }

    /// Its bytes, as they count.
    #[must_use]
    pub fn wire_len(&self) -> usize {
        text::wire_len(&self.href) + text::wire_len(&self.text)
    }
}

/// What makes two alerts the same: compared by hash, so that cutting joins nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Key {
    pub hash: [u8; 16],
    pub text: String,
}

impl Key {
    #[must_use]
    pub fn new(full: &str) -> Self {
        Self::hashed(full, full)
    }

    /// A key of the appliance's own, which no sender can name.
    #[must_use]
    pub fn internal(text: &str) -> Self {
        Self::hashed(text, &format!("\0incidentd\0{text}"))
    }

    fn hashed(text: &str, full: &str) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, full.as_bytes());
        let mut hash = [0; 16];
        hash.copy_from_slice(&digest.as_ref()[..16]);
        Self { hash, text: text::line(text, MAX_KEY) }
    }
}

/// Labels as one unambiguous line: `{a="b", c="d"}`.
#[must_use]
pub fn label_text(labels: &Labels) -> String {
    pairs_text(labels.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

pub(super) fn pairs_text<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let pairs: Vec<String> =
        pairs.into_iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{{{}}}", pairs.join(", "))
}

/// One alert as its source reports it now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Alert {
    /// Which incident it belongs to; none: the service's grouping labels say.
    pub key: Option<Key>,
    /// Which alert it is.
    pub fingerprint: Key,
    pub signal: Signal,
    pub title: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    pub severity: Severity,
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// What the whole group is called, where the source says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Group>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    /// Of a resolve: when it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    pub lifetime: Lifetime,
}

/// A group of alerts as its source words it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Group {
    pub title: String,
    pub labels: Labels,
}

/// What silence about a firing alert means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Lifetime {
    /// Nothing: it fires until resolved.
    Endless,
    /// It ends then, unless refreshed.
    Until(Timestamp),
    /// After a day it is stale; it never ends by itself.
    Refreshed,
}

impl Alert {
    /// What the incident that this alert opens is called.
    #[must_use]
    pub fn incident_title(&self) -> &str {
        self.group.as_ref().map_or(&self.title, |group| &group.title)
    }

    /// Its labels, with what says that links were left out.
    #[must_use]
    pub fn incident_labels(&self) -> Labels {
        let mut labels = self.group.as_ref().map_or(&self.labels, |group| &group.labels).clone();
        let dropped = self.labels.get_key_value(DROPPED_LINKS);
        labels.extend(dropped.map(|(name, count)| (name.clone(), count.clone())));
        labels
    }

    /// What is told of it: where labels and links are long it is cut.
    #[must_use]
    pub fn incident_description(&self) -> String {
        let labels = label_bytes(&self.incident_labels());
        let links: usize = self.links.iter().map(Link::wire_len).sum();
        text::cut(&self.description, ROOM.saturating_sub(labels + links).min(MAX_DESCRIPTION))
    }
}

/// All of them together, as they count.
#[must_use]
pub fn label_bytes(labels: &Labels) -> usize {
    labels.iter().map(|(name, value)| text::wire_len(name) + text::wire_len(value)).sum()
}

/// Links as a sender gave them, address and text: what no browser may follow, and what is too long
/// or too much, is left out, and `labels` say how many.
#[must_use]
pub fn sender_links(
    sent: impl IntoIterator<Item = (String, String)>,
    labels: &mut Labels,
) -> Vec<Link> {
    let (mut links, mut bytes, mut dropped) = (Vec::new(), 0, 0_usize);
    for (href, text) in sent.into_iter().filter(|(href, _)| !href.trim().is_empty()) {
        match Link::new(&href, &text) {
            Some(link) if links.len() < MAX_LINKS && bytes + link.wire_len() <= MAX_LINK_BYTES => {
                bytes += link.wire_len();
                links.push(link);
            }
            _ => dropped += 1,
        }
    }
    if dropped > 0 {
        labels.insert(DROPPED_LINKS.into(), dropped.to_string());
    }
    links
}

/// Labels as a sender gave them, made safe: empty values removed, long ones cut, too many dropped
/// and marked.
#[must_use]
pub fn sender_labels<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Labels {
    let mut labels = Labels::new();
    let mut bytes = 0;
    let mut dropped = 0_usize;
    for (name, value) in pairs {
        let (name, value) = (text::line(name, MAX_LABEL_NAME), text::lines(value, MAX_LABEL_VALUE));
        if name.is_empty() || value.is_empty() {
            continue;
        }
        bytes += text::wire_len(&name) + text::wire_len(&value);
        if labels.len() + RESERVED >= MAX_LABELS || bytes > MAX_LABEL_BYTES {
            dropped += 1;
            continue;
        }
        labels.insert(name, value);
    }
    if dropped > 0 {
        labels.insert(DROPPED_LABELS.into(), dropped.to_string());
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_words_for_severity() {
        assert_eq!(Severity::of_sender("page"), Severity::Critical);
        assert_eq!(Severity::of_sender("none"), Severity::Info);
        assert_eq!(Severity::of_sender(" WARN "), Severity::Warning);
        assert_eq!(Severity::of_sender("who knows").urgency(), Urgency::High);
    }

    #[test]
    fn keys_stay_apart_when_their_text_is_cut() {
        let long = "x".repeat(5_000);
        let (a, b) = (Key::new(&format!("{long}a")), Key::new(&format!("{long}b")));
        assert_eq!(a.text, b.text);
        assert!(a.text.len() <= MAX_KEY);
        assert_ne!(a.hash, b.hash);
        assert_ne!(Key::internal("silent:1").hash, Key::new("silent:1").hash);
    }

    #[test]
    fn only_web_links_are_links() {
        assert!(Link::new("https://example.com/x", "").is_some());
        for href in ["javascript:alert(1)", "javascript://x", "/x", "http://a b", "data://x"] {
            assert!(Link::new(href, "x").is_none(), "{href}");
        }
    }

    #[test]
    fn links_that_are_too_long_or_none_are_left_out_and_counted() {
        let url = |n: usize| format!("https://grafana.example.com/{}", "x".repeat(n - 28));
        let kept = |sent: &[String]| {
            let mut labels = Labels::new();
            let sent = sent.iter().map(|href| (href.clone(), "Source".to_owned()));
            let links = sender_links(sent, &mut labels);
            (links.len(), labels.get("incidentd_dropped_links").cloned())
        };
        assert_eq!(kept(&[url(2_048), String::new()]), (1, None));
        assert_eq!(kept(&[url(2_049), "javascript:alert(1)".into()]), (0, Some("2".into())));
        assert_eq!(kept(&vec![url(2_000); 4]), (3, Some("1".into())), "together");
        assert_eq!(kept(&vec![url(100); 10]), (8, Some("2".into())));
    }

    #[test]
    fn too_many_labels_are_dropped_and_counted() {
        let names: Vec<String> = (0..100).map(|n| format!("l{n}")).collect();
        let labels = sender_labels(names.iter().map(|name| (name.as_str(), "v")));
        assert_eq!(labels.len(), MAX_LABELS - 1);
        assert_eq!(labels["incidentd_dropped_labels"], "38");
        assert!(sender_labels([("empty", "")]).is_empty());
    }

    #[test]
    fn label_text_tells_apart_what_quotes_would_join() {
        let one = Labels::from([("a".into(), "b\", c=\"d".into())]);
        let two = Labels::from([("a".into(), "b".into()), ("c".into(), "d".into())]);
        assert_ne!(label_text(&one), label_text(&two));
    }
}
