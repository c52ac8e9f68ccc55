//! Incidents, what is done to them, and the log.
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Access, Method, Nothing, Page, PageQuery, Problem, Route};
use crate::domain::alert::{self, Labels, Lifetime, Link};
use crate::domain::incident::Status;
use crate::domain::member::MemberView;
use crate::domain::{
    Action, Alert, Event, Incident, IncidentId, Key, Seq, Severity, Signal, Urgency, text,
};
use crate::error::{Error, Result};

pub const LIST: Route<Nothing, ListQuery, Nothing, Page<Incident>> =
    Route::new(Method::Get, "/incidents", Access::Read, "List incidents, open ones by default");
pub const TRIGGER: Route<Nothing, Nothing, Trigger, Outcome> =
    Route::new(Method::Post, "/incidents", Access::Respond, "Open an incident by hand");
pub const SHOW: Route<IncidentId, Nothing, Nothing, Incident> =
    Route::new(Method::Get, "/incidents/{id}", Access::Read, "Show an incident");
pub const TIMELINE: Route<IncidentId, AfterQuery, Nothing, Page<LogEntry>> = Route::new(
    Method::Get,
    "/incidents/{id}/timeline",
    Access::Read,
    "An incident's events, oldest first",
);
pub const ALERTS: Route<IncidentId, PageQuery, Nothing, Page<MemberView>> =
    Route::new(Method::Get, "/incidents/{id}/alerts", Access::Read, "An incident's alerts");
pub const ACT: Route<IncidentId, Nothing, Action, Acted> =
    Route::new(Method::Post, "/incidents/{id}/actions", Access::Respond, "Act on an incident");
pub const ACT_ON_ALL: Route<Nothing, Nothing, BulkAction, Bulk> =
    Route::new(Method::Post, "/incidents/actions", Access::Respond, "Act on several incidents");
pub const EVENTS: Route<Nothing, EventsQuery, Nothing, EventsPage> =
    Route::new(Method::Get, "/events", Access::Read, "Events after a seq, in order");

/// `?team=&service=&status=&assignee=&urgency=&q=&label=k=v&since=&until=&sort=need|new&…`;
/// `team`, `status` and `label` may repeat.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ListQuery {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub team: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// `triggered`, `acknowledged`, `resolved`, `open` (the default) or `all`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<StatusFilter>,
    /// A username, or `me`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub urgency: Option<Urgency>,
    /// Text in title, service or id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// Matchers, of which all must hold: `name=value`, `!=`, `=~` or `!~` with a regular
    /// expression; `@service`, `@team` and `@severity` are ours.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub label: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort: Option<Order>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum StatusFilter {
    Triggered,
    Acknowledged,
    Resolved,
    Open,
    All,
}

impl StatusFilter {
    /// The statuses that any of `filters` lets through; none: all of them.
    #[must_use]
    pub fn statuses(filters: &[Self]) -> Option<Vec<Status>> {
        let open = [Status::Triggered, Status::Acknowledged];
        if filters.is_empty() {
            return Some(open.into());
        }
        let mut statuses = Vec::new();
        for filter in filters {
            match filter {
                Self::Triggered => statuses.push(Status::Triggered),
                Self::Acknowledged => statuses.push(Status::Acknowledged),
                Self::Resolved => statuses.push(Status::Resolved),
                Self::Open => statuses.extend(open),
                Self::All => return None,
            }
        }
        statuses.sort_by_key(|status| *status as i64);
        statuses.dedup();
        Some(statuses)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Untold, high, low, acknowledged, snoozed; oldest first inside each.
    Need,
    /// Newest first.
    New,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AfterQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Seq>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EventsQuery {
    pub after: Seq,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Events as the log has them; `head` is the newest seq of all. `reset`: what came after the
/// given seq may be gone, by retention or a restore; read the state anew.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventsPage {
    pub items: Vec<LogEntry>,
    pub next_cursor: Option<String>,
    pub head: Seq,
    #[serde(default)]
    pub reset: bool,
}

/// An event as the log has it, passed on verbatim.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LogEntry(pub Box<RawValue>);

impl JsonSchema for LogEntry {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        Event::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Event::json_schema(generator)
    }
}

/// An incident opened by a person.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Trigger {
    /// Left out: `to` says whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Whose it is, if it is of no service and `to` is a user: left out, a team that both share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    pub title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dedup_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<TriggerStatus>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urgency: Option<Urgency>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(default, skip_serializing_if = "Labels::is_empty", deserialize_with = "unique")]
    pub labels: Labels,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// Whom to page at once: a username, `me`, `team:SLUG` or `schedule:SLUG`. Unless they answer
    /// in five minutes, the policy's steps follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TriggerStatus {
    Firing,
    Resolved,
}

/// Labels whose names differ.
fn unique<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Labels, D::Error> {
    struct Visitor;
    impl<'de> serde::de::Visitor<'de> for Visitor {
        type Value = Labels;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object of strings")
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(
            self,
            mut map: A,
        ) -> std::result::Result<Labels, A::Error> {
            let mut labels = Labels::new();
            while let Some((name, value)) = map.next_entry::<String, String>()? {
                if labels.insert(name.clone(), value).is_some() {
                    return Err(serde::de::Error::custom(format!("label `{name}` stands twice")));
                }
                if labels.len() > alert::MAX_LABELS {
                    return Err(serde::de::Error::custom("too many labels"));
                }
            }
            Ok(labels)
        }
    }
    deserializer.deserialize_map(Visitor)
}

/// What became of an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    pub incident_id: Option<IncidentId>,
    pub dedup_key: String,
    pub status: OutcomeStatus,
    /// It opened the incident.
    pub new: bool,
}

impl Outcome {
    /// What became of it, for people.
    #[must_use]
    pub fn words(&self) -> String {
        match self.incident_id {
            Some(id) if self.new => format!("Opened {id}."),
            Some(id) => format!("{id} is open already; it counts there."),
            None => "Nothing is open of it.".into(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OutcomeStatus {
    Triggered,
    Acknowledged,
    Resolved,
    /// It changed nothing: nothing of it is open.
    Ignored,
    /// It is the sign of life that a heartbeat waits for: it opens nothing.
    Beat,
}

impl From<Status> for OutcomeStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Triggered => Self::Triggered,
            Status::Acknowledged => Self::Acknowledged,
            Status::Resolved => Self::Resolved,
        }
    }
}

/// What an action left behind.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Acted {
    pub incident: Incident,
    /// False: it was so already.
    pub changed: bool,
    /// For people: what happened, or who did it when.
    pub message: String,
}

impl Acted {
    /// The message, with its moments by the clocks of whoever reads it.
    #[must_use]
    pub fn said(&self, action: &Action, when: &dyn Fn(Timestamp) -> String) -> String {
        let done = self.changed.then(|| action.done(&self.incident, when)).flatten();
        done.unwrap_or_else(|| self.message.clone())
    }
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct BulkAction {
    pub ids: Vec<IncidentId>,
    #[serde(flatten)]
    pub action: Action,
}

impl<'de> Deserialize<'de> for BulkAction {
    fn deserialize<D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> std::result::Result<Self, D::Error> {
        Action::of_several(deserializer).map(|(ids, action)| Self { ids, action })
    }
}

/// One result an id, in the order given.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Bulk {
    pub results: Vec<BulkResult>,
}

/// What came of one id: either an incident, or an error.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct BulkResult {
    pub id: IncidentId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<Incident>,
    #[serde(default)]
    pub changed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Problem>,
}

impl Trigger {
    /// Nothing but a title.
    #[must_use]
    pub fn titled(title: String) -> Self {
        Self { title, ..Self::default() }
    }

    /// The alert that it stands for.
    ///
    /// # Errors
    /// Names the field that is too long or wrong; nothing is cut here.
    pub fn into_alert(self) -> Result<Alert> {
        let bounded = |field: &str, given: &str, max: usize| match given {
            given if text::wire_len(given) > max => {
                Err(Error::invalid(field, format!("is longer than {max} bytes")))
            }
            given => Ok(given.to_owned()),
        };
        if self.title.trim().is_empty() {
            return Err(Error::invalid("title", "is empty; say what is wrong"));
        }
        let title = bounded("title", &self.title, alert::MAX_TITLE)?;
        let description = bounded("description", &self.description, alert::MAX_DESCRIPTION)?;
        let key = match &self.dedup_key {
            Some(key) if key.trim().is_empty() => {
                return Err(Error::invalid("dedupKey", "is empty; leave it out instead"));
            }
            Some(key) => bounded("dedupKey", key, alert::MAX_KEY)?,
            None => title.clone(),
        };
        if self.labels.len() > alert::MAX_LABELS {
            let why = format!("has more than {} entries", alert::MAX_LABELS);
            return Err(Error::invalid("labels", why));
        }
        for (name, value) in &self.labels {
            if name.is_empty() || name.contains(char::is_control) {
                let why = "has a name that is empty or holds control characters";
                return Err(Error::invalid("labels", why));
            }
            bounded("labels", name, alert::MAX_LABEL_NAME)?;
            bounded("labels", value, alert::MAX_LABEL_VALUE)?;
        }
        if alert::label_bytes(&self.labels) > alert::MAX_LABEL_BYTES {
            let why = format!("are longer than {} bytes together", alert::MAX_LABEL_BYTES);
            return Err(Error::invalid("labels", why));
        }
        if self.links.len() > alert::MAX_LINKS {
            return Err(Error::invalid("links", format!("has more than {}", alert::MAX_LINKS)));
        }
        let links = self
            .links
            .iter()
            .map(|link| {
                Link::new(&link.href, &link.text).ok_or_else(|| {
                    let why = "must be http or https addresses without spaces, of at most";
                    Error::invalid("links", format!("{why} {} bytes", alert::MAX_HREF))
                })
            })
            .collect::<Result<Vec<_>>>()?;
        if links.iter().map(Link::wire_len).sum::<usize>() > alert::MAX_LINK_BYTES {
            let why = format!("are longer than {} bytes together", alert::MAX_LINK_BYTES);
            return Err(Error::invalid("links", why));
        }
        let key = Key::new(&key);
        let alert = Alert {
            fingerprint: key.clone(),
            key: Some(key),
            signal: match self.status {
                Some(TriggerStatus::Resolved) => Signal::Resolved,
                _ => Signal::Firing,
            },
            title: text::line(&title, alert::MAX_TITLE),
            description: text::lines(&description, alert::MAX_DESCRIPTION),
            severity: self.severity.unwrap_or(Severity::Error),
            labels: self
                .labels
                .iter()
                .map(|(name, value)| (name.clone(), text::lines(value, alert::MAX_LABEL_VALUE)))
                .collect(),
            links,
            group: None,
            starts_at: None,
            ended_at: None,
            lifetime: Lifetime::Endless,
        };
        if alert.incident_description() != alert.description {
            let why = "is too long beside so many labels and links";
            return Err(Error::invalid("description", why));
        }
        Ok(alert)
    }
}
