//! The rules, pure: no async, no SQL, no HTTP, no clock. What happens at night is decided here.
pub mod action;
pub mod alert;
mod asked;
pub mod contact;
pub mod delivery;
pub mod escalation;
pub mod event;
pub mod heartbeat;
pub mod id;
pub mod incident;
pub mod intake;
pub mod matcher;
pub mod member;
mod merge;
pub mod payload;
pub mod policy;
pub mod schedule;
pub mod service;
pub mod silence;
pub mod span;
pub mod text;
pub mod timer;
pub mod user;
pub mod words;

pub use action::Action;
pub use alert::{Alert, Key, Labels, Link, Severity, Signal, Urgency};
pub use event::{Actor, Change, Event, ResolveReason, Update, UpdateReason};
pub use heartbeat::Heartbeat;
pub use id::{
    AlertId, ChannelId, ContactId, DeliveryId, FeedId, HeartbeatId, IncidentId, IntegrationId,
    OverrideId, PolicyId, ScheduleId, Seq, ServiceId, SessionId, SilenceId, TeamId, TokenId,
    UserId, WebhookId,
};
pub use incident::{Incident, Status};
pub use matcher::Matcher;
pub use member::Member;
pub use service::Service;
pub use silence::Silence;
pub use span::Span;
pub use timer::TimerKind;
pub use user::{Role, Scope};
