//! An action as it comes over the wire: all fields side by side, so that what is wrong with one is
//! said of that one. A tag inside an object would make serde forget where it is.
use jiff::Timestamp;
use serde::de::{Error as _, IntoDeserializer, value};
use serde::{Deserialize, Deserializer};

use super::action::Action;
use super::alert::Urgency;
use super::id::IncidentId;
use super::span::Span;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Asked {
    action: Verb,
    ids: Option<Vec<IncidentId>>,
    #[serde(rename = "for")]
    span: Option<Span>,
    until: Option<Timestamp>,
    note: Option<String>,
    take: Option<bool>,
    hold: Option<Span>,
    to: Option<String>,
    reason: Option<String>,
    body: Option<String>,
    into: Option<IncidentId>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Verb {
    Acknowledge,
    Resolve,
    Unacknowledge,
    Reopen,
    Reassign,
    AddNote,
    Snooze,
    Urgency,
    Escalate,
    Merge,
}

impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Asked::deserialize(deserializer)?.action().map_err(D::Error::custom)
    }
}

impl Action {
    /// The same beside the `ids` of those that it is about.
    ///
    /// # Errors
    /// Names the field that is wrong.
    pub fn of_several<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<(Vec<IncidentId>, Self), D::Error> {
        let mut asked = Asked::deserialize(deserializer)?;
        let ids = asked.ids.take().ok_or_else(|| D::Error::missing_field("ids"))?;
        asked.action().map(|action| (ids, action)).map_err(D::Error::custom)
    }
}

impl Asked {
    fn action(mut self) -> Result<Action, String> {
        let missing = |field: &str| format!("missing field `{field}`");
        let action = match self.action {
            Verb::Acknowledge => Action::Acknowledge {
                span: self.span.take(),
                until: self.until.take(),
                note: self.note.take(),
                take: self.take.take().unwrap_or_default(),
            },
            Verb::Resolve => Action::Resolve { note: self.note.take(), hold: self.hold.take() },
            Verb::Unacknowledge => Action::Unacknowledge {},
            Verb::Reopen => Action::Reopen {},
            Verb::Reassign => Action::Reassign {
                to: self.to.take().ok_or_else(|| missing("to"))?,
                reason: self.reason.take(),
            },
            Verb::AddNote => {
                Action::AddNote { body: self.body.take().ok_or_else(|| missing("body"))? }
            }
            Verb::Snooze => Action::Snooze { span: self.span.take(), until: self.until.take() },
            Verb::Urgency => {
                let to = self.to.take().ok_or_else(|| missing("to"))?;
                let to = Urgency::deserialize(IntoDeserializer::<value::Error>::into_deserializer(
                    to.as_str(),
                ));
                Action::Urgency { to: to.map_err(|why| format!("invalid field `to`: {why}"))? }
            }
            Verb::Escalate => Action::Escalate {},
            Verb::Merge => Action::Merge { into: self.into.take().ok_or_else(|| missing("into"))? },
        };
        match self.left() {
            Some(field) => Err(format!("unknown field `{field}`: this action takes none")),
            None => Ok(action),
        }
    }

    /// A field that the action has no use for.
    fn left(&self) -> Option<&'static str> {
        let fields = [
            ("ids", self.ids.is_some()),
            ("for", self.span.is_some()),
            ("until", self.until.is_some()),
            ("note", self.note.is_some()),
            ("take", self.take.is_some()),
            ("hold", self.hold.is_some()),
            ("to", self.to.is_some()),
            ("reason", self.reason.is_some()),
            ("body", self.body.is_some()),
            ("into", self.into.is_some()),
        ];
        fields.into_iter().find_map(|(name, is_there)| is_there.then_some(name))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json, to_value};

    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let moment: Timestamp = "2026-11-25T08:00:00Z".parse().expect("a moment");
        let (hour, note) = (Some(Span::secs(3_600)), Some("on it".to_owned()));
        for action in [
            Action::Acknowledge { span: hour, until: None, note: note.clone(), take: true },
            Action::Resolve { note: note.clone(), hold: hour },
            Action::Unacknowledge {},
            Action::Reopen {},
            Action::Reassign { to: "bob".into(), reason: note },
            Action::AddNote { body: "seen".into() },
            Action::Snooze { span: None, until: Some(moment) },
            Action::Urgency { to: Urgency::Low },
            Action::Escalate {},
            Action::Merge { into: IncidentId(7) },
        ] {
            let mut written = to_value(&action).expect("JSON");
            assert_eq!(from_value::<Action>(written.clone()).expect("read"), action);
            written["ids"] = json!([1, 2]);
            assert!(from_value::<Action>(written.clone()).is_err(), "{written}");
            let several = Action::of_several(written).expect("read");
            assert_eq!(several, (vec![IncidentId(1), IncidentId(2)], action));
        }
    }
}
