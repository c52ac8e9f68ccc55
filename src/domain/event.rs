//! A row of the log: timeline entry, Socket.IO payload, webhook body and audit record in one.
//! Readers use defaults and unknown variants, so that no upgrade makes an old row unreadable.
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::alert::{Alert, Severity, Urgency};
use super::id::{AlertId, IncidentId, IntegrationId, Seq, SessionId, TeamId, TokenId, UserId};
use super::incident::{Incident, Status};
use super::user::{TeamRef, UserRef};

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Actor {
    pub kind: ActorKind,
    pub id: Option<i64>,
    pub name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ActorKind {
    User,
    Integration,
    /// The host's administrator, over the control socket.
    Host,
    /// incidentd itself, when a timer falls due.
    System,
    #[serde(other)]
    Unknown,
}

impl Actor {
    #[must_use]
    pub fn user(user: &UserRef) -> Self {
        Self { kind: ActorKind::User, id: Some(user.id.0), name: user.username.clone() }
    }

    #[must_use]
    pub fn integration(id: IntegrationId, name: &str) -> Self {
        Self { kind: ActorKind::Integration, id: Some(id.0), name: name.to_owned() }
    }

    #[must_use]
    pub fn host() -> Self {
        Self { kind: ActorKind::Host, id: None, name: "host".into() }
    }

    #[must_use]
    pub fn system() -> Self {
        Self { kind: ActorKind::System, id: None, name: "incidentd".into() }
    }

    #[must_use]
    pub fn user_id(&self) -> Option<UserId> {
        (self.kind == ActorKind::User).then(|| self.id.map(UserId)).flatten()
    }
}

/// What happened to an incident. The tag is the Socket.IO event's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum Change {
    #[serde(rename = "incident:created")]
    Created,
    #[serde(rename = "incident:updated")]
    Updated(Update),
    #[serde(rename = "incident:acknowledged")]
    Acknowledged {
        until: Option<Timestamp>,
        note: Option<String>,
        /// The person who has it now; absent when a sender acknowledged.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        assignee: Option<UserRef>,
    },
    #[serde(rename = "incident:resolved")]
    Resolved {
        reason: ResolveReason,
        note: Option<String>,
        #[serde(default)]
        held_until: Option<Timestamp>,
        /// Of a merge: where it went.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        merged_into: Option<IncidentId>,
    },
    #[serde(rename = "incident:reassigned")]
    Reassigned { from: Vec<UserRef>, to: Vec<UserRef>, reason: Option<String> },
    #[serde(rename = "incident:note_added")]
    NoteAdded { note: Note },
    #[serde(rename = "incident:escalated")]
    Escalated(Climb),
    #[serde(other)]
    Unknown,
}

/// The detail of `incident:updated`; what is absent did not change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Update {
    pub reason: UpdateReason,
    /// `triggered` where the update put it back there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<AlertRef>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<UserRef>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urgency: Option<Urgency>,
    /// What it is called from now on, and what is told of it, where that changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Of a merge: what came in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged: Option<IncidentId>,
    /// Can somebody be told of it or not, where that changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untold: Option<bool>,
    /// Whom a page did not reach, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl Update {
    #[must_use]
    pub const fn new(reason: UpdateReason) -> Self {
        Self {
            reason,
            status: None,
            alert: None,
            until: None,
            assignee: None,
            severity: None,
            urgency: None,
            title: None,
            description: None,
            merged: None,
            untold: None,
            failure: None,
        }
    }

    #[must_use]
    pub const fn triggered(reason: UpdateReason) -> Self {
        let mut update = Self::new(reason);
        update.status = Some(Status::Triggered);
        update
    }

    /// The incident is called after `alert`, if it is called otherwise.
    pub fn call_after(&mut self, alert: &Alert, incident: &Incident) {
        let differs = |new: String, old: &String| (new != *old).then_some(new);
        self.title = differs(alert.incident_title().to_owned(), &incident.title);
        self.description = differs(alert.incident_description(), &incident.description);
    }
}

/// An alert, as named inside an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlertRef {
    pub id: AlertId,
    pub title: String,
    pub severity: Severity,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UpdateReason {
    Unacknowledged,
    AckTimeout,
    Reopened,
    StillFiring,
    Snoozed,
    SnoozeEnded,
    Urgency,
    Severity,
    AlertAdded,
    AlertResolved,
    Stale,
    Merged,
    Flapping,
    Silenced,
    Unsilenced,
    /// What was resolved by hand is quiet no longer; nothing of it came back.
    HoldEnded,
    /// Somebody set the server's clock: an acknowledgement or a hold lasts as long as ever, and
    /// ends at another time.
    ClockSet,
    /// Somebody could not be reached by any of his contacts.
    DeliveryFailed,
    /// Somebody was reached after all.
    Delivered,
    #[serde(other)]
    Unknown,
}

/// A rung of the ladder was climbed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Climb {
    /// From 1; 0 for the person to whom it was given.
    pub round: u32,
    /// From 1; 0 for the last resort.
    pub step: u32,
    /// As the policy names them.
    pub targets: Vec<String>,
    /// Who is paged: usernames, and `channel:SLUG`.
    pub notified: Vec<String>,
    /// The people among them: they have it, until somebody takes it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<UserRef>,
    /// What told nobody, and why.
    pub skipped: Vec<String>,
    /// Nobody could be told so far.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub untold: bool,
    /// The steps are through: those who are told when nobody answered.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub last_resort: bool,
    /// Of the state, not of the event: what follows from it.
    #[serde(skip)]
    pub after: super::escalation::After,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResolveReason {
    /// Somebody resolved it.
    Manual,
    /// Its source says that it is over.
    Source,
    /// No longer reported.
    Expired,
    /// It went into another incident.
    Merged,
    #[serde(other)]
    Unknown,
}

impl ResolveReason {
    /// Are those who were paged told that it is over? Not where it may not be.
    #[must_use]
    pub const fn is_told_of(self) -> bool {
        matches!(self, Self::Manual | Self::Source)
    }
}

/// A note; its id is the seq of the event that carries it, so there is one place for both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Note {
    pub id: Seq,
    pub body: String,
    pub author: Actor,
    pub at: Timestamp,
}

impl Change {
    /// It is over, without a note, and nothing of it is held.
    #[must_use]
    pub const fn resolved(reason: ResolveReason) -> Self {
        Self::Resolved { reason, note: None, held_until: None, merged_into: None }
    }

    /// The Socket.IO event's name, as stored in `events.type`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Created => "incident:created",
            Self::Updated(_) => "incident:updated",
            Self::Acknowledged { .. } => "incident:acknowledged",
            Self::Resolved { .. } => "incident:resolved",
            Self::Reassigned { .. } => "incident:reassigned",
            Self::NoteAdded { .. } => "incident:note_added",
            Self::Escalated(_) => "incident:escalated",
            Self::Unknown => "incident:unknown",
        }
    }
}

/// An event as clients read it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    pub seq: Seq,
    /// The seq of the team's previous incident event.
    pub prev: Option<Seq>,
    pub at: Timestamp,
    pub actor: Actor,
    pub incident_id: IncidentId,
    #[serde(flatten)]
    pub change: Change,
    /// The incident as it is after the change.
    pub incident: Incident,
}

/// Rows that no socket is sent: the emitter obeys them, the audit lists them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum Record {
    /// Somebody may no longer what he might, or may more.
    #[serde(rename = "access:changed")]
    Access { change: Access },
    #[serde(rename = "config:changed")]
    Config { what: String, id: i64, name: String, change: String },
    #[serde(other)]
    Unknown,
}

impl Record {
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Access { .. } => "access:changed",
            Self::Config { .. } => "config:changed",
            Self::Unknown => "unknown",
        }
    }
}

/// Whom and what a record is about, as they were called then.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserRef>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<TeamRef>,
    /// A token's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// A change of who may what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Access {
    MemberSet {
        team: TeamId,
        user: UserId,
        role: String,
    },
    MemberRemoved {
        team: TeamId,
        user: UserId,
    },
    UserCreated {
        user: UserId,
    },
    /// `admin` says what he is now.
    UserChanged {
        user: UserId,
        admin: bool,
    },
    UserDisabled {
        user: UserId,
    },
    UserEnabled {
        user: UserId,
    },
    PasswordSet {
        user: UserId,
    },
    /// A link that works once; without a user: it sets up the first platform admin.
    LinkCreated {
        user: Option<UserId>,
    },
    LinkUsed {
        user: UserId,
    },
    SessionCreated {
        session: SessionId,
        user: UserId,
    },
    SessionEnded {
        session: SessionId,
        user: UserId,
        expired: bool,
    },
    TokenCreated {
        token: TokenId,
        user: UserId,
    },
    TokenEnded {
        token: TokenId,
        user: UserId,
        expired: bool,
    },
    #[serde(other)]
    Unknown,
}

impl Access {
    /// Whom it is about: user, team, token.
    #[must_use]
    pub const fn about(&self) -> (Option<UserId>, Option<TeamId>, Option<TokenId>) {
        match *self {
            Self::MemberSet { team, user, .. } | Self::MemberRemoved { team, user } => {
                (Some(user), Some(team), None)
            }
            Self::UserCreated { user }
            | Self::UserChanged { user, .. }
            | Self::UserDisabled { user }
            | Self::UserEnabled { user }
            | Self::PasswordSet { user }
            | Self::LinkCreated { user: Some(user) }
            | Self::LinkUsed { user }
            | Self::SessionCreated { user, .. }
            | Self::SessionEnded { user, .. } => (Some(user), None, None),
            Self::TokenCreated { token, user } | Self::TokenEnded { token, user, .. } => {
                (Some(user), None, Some(token))
            }
            Self::LinkCreated { user: None } | Self::Unknown => (None, None, None),
        }
    }
}
