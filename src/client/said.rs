//! What the server says on a subscription, as far as following it needs, and whose events come.
use std::collections::HashMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::socket::End;
use crate::domain::user::UserRef;
use crate::domain::{Seq, TeamId};
use crate::error::{Error, Kind};

/// What the ack said: whose events come, and up to where each team's are known.
#[derive(Default)]
pub struct Scope {
    pub rooms: Vec<String>,
    pub head: Seq,
    pub last: HashMap<TeamId, Seq>,
}

/// What must be known of an event, whatever else this version does not understand.
#[derive(Deserialize)]
pub struct Envelope {
    pub seq: Seq,
    #[serde(default)]
    pub prev: Option<Seq>,
    pub incident: Bearer,
}

#[derive(Deserialize)]
pub struct Bearer {
    pub team: Named,
}

#[derive(Deserialize)]
pub struct Named {
    pub id: TeamId,
}

#[derive(Deserialize)]
pub struct Greeting {
    #[serde(default)]
    pub user: Option<UserRef>,
    pub now: Timestamp,
}

/// The ack of a subscribe: yes with events or a snapshot, or no.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Answer {
    pub ok: bool,
    pub rooms: Vec<String>,
    pub head: Seq,
    pub events: Option<Vec<Box<RawValue>>>,
    pub more: bool,
    pub incidents: Vec<Box<RawValue>>,
    pub next_cursor: Option<String>,
    pub error: Option<Refusal>,
}

#[derive(Deserialize)]
pub struct Refusal {
    #[serde(default)]
    pub code: String,
    #[serde(default)]
    pub message: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Notice {
    pub rooms: Vec<String>,
    pub reason: String,
    pub message: String,
    pub retry_after_ms: u64,
    pub team_id: Option<TeamId>,
}

impl Scope {
    pub fn follows(&self, team: TeamId) -> bool {
        self.rooms.iter().any(|room| room == "incidents:all" || team_of(room) == Some(team))
    }

    pub fn misses(&self, team: TeamId, prev: Option<Seq>) -> bool {
        let known = self.last.get(&team).copied().unwrap_or_default().max(self.head);
        self.follows(team) && prev.is_some_and(|prev| prev > known)
    }
}

pub fn team_of(room: &str) -> Option<TeamId> {
    room.strip_prefix("team:").and_then(|id| id.parse().ok())
}

pub fn is_incident(name: &str) -> bool {
    name.starts_with("incident:")
}

pub fn read<T: serde::de::DeserializeOwned>(data: &RawValue) -> Result<T, End> {
    serde_json::from_str(data.get()).map_err(|_| End::lost("it does not answer as incidentd does"))
}

/// A refused subscribe: what time heals is tried again.
pub fn refused(refusal: Option<Refusal>) -> End {
    let Some(Refusal { code, message }) = refusal else {
        return End::lost("the server refused to say why");
    };
    match Kind::of_answer(&code, 500) {
        Kind::Unavailable | Kind::Limited | Kind::Internal => End::lost(message),
        kind => End::Refused(
            Error::new(kind, message).hint("`incidentd whoami` shows which teams you belong to."),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_seen_by_the_chain_of_its_own_team() {
        let mut scope = Scope {
            rooms: vec!["team:1".into(), "user:7".into()],
            head: Seq(10),
            last: HashMap::new(),
        };
        assert!(!scope.misses(TeamId(1), Some(Seq(9))), "before the head all is known");
        assert!(scope.misses(TeamId(1), Some(Seq(11))));
        scope.last.insert(TeamId(1), Seq(11));
        assert!(!scope.misses(TeamId(1), Some(Seq(11))));
        assert!(!scope.misses(TeamId(2), Some(Seq(99))), "what only concerns me has gaps");
        assert!(!scope.misses(TeamId(1), None));
    }
}
