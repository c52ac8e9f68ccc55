//! The contract over HTTP and Socket.IO: one typed constant an operation gives the route, the
//! client's call and the permission test. Types only; nothing here does anything.
pub mod audit;
pub mod backup;
pub mod channels;
pub mod configuration;
pub mod contacts;
pub mod deliveries;
pub mod doctor;
pub mod feeds;
pub mod heartbeats;
pub mod incidents;
pub mod live;
pub mod openapi;
pub mod overview;
pub mod policies;
pub mod route;
pub mod schedules;
mod senders;
pub mod services;
pub mod sessions;
pub mod silences;
pub mod teams;
pub mod tokens;
pub mod users;
pub mod webhooks;
pub mod words;

use std::fmt::Display;
use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::domain::{
    DeliveryId, FeedId, IncidentId, IntegrationId, OverrideId, SessionId, SilenceId, TokenId,
    WebhookId,
};
use crate::error::{Error, FieldError, Kind};

/// What all paths begin with.
pub const PREFIX: &str = "/api/v1";
/// Entries of a page, unless asked otherwise, and at most.
pub const PAGE: u32 = 50;
pub const MAX_PAGE: u32 = 200;
/// Incidents that one request may act on.
pub const MAX_BULK: usize = 500;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Put,
    /// Changes what is given; the rest stays.
    Patch,
    Delete,
}

impl Method {
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// Who may try an operation at all; what a team allows is decided inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Anyone,
    /// Signed in, with a credential of at least this scope.
    Read,
    Respond,
    Manage,
    /// Platform admins.
    Platform,
}

/// One operation: path parameters `P`, query `Q`, body `B`, reply `R`.
pub struct Route<P, Q, B, R> {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    pub summary: &'static str,
    /// It answers what would be, and nothing becomes so.
    tries: bool,
    types: Types<P, Q, B, R>,
}

/// Remembers the types without holding a value of them.
type Types<P, Q, B, R> = PhantomData<fn(P, Q, B) -> R>;

impl<P, Q, B, R> Route<P, Q, B, R> {
    const fn new(
        method: Method,
        path: &'static str,
        access: Access,
        summary: &'static str,
    ) -> Self {
        assert!(!matches!(access, Access::Anyone), "what is open to anyone is an `Open`");
        Self { method, path, access, summary, tries: false, types: PhantomData }
    }

    /// It answers what would be, and nothing becomes so.
    const fn trying(self) -> Self {
        Self { tries: true, ..self }
    }

    /// Does it do anything, or does it tell only? What a credential for reading may ask for tells.
    #[must_use]
    pub const fn changes(&self) -> bool {
        !self.tries && !matches!((self.method, self.access), (Method::Get, _) | (_, Access::Read))
    }
}

/// An operation that takes no credential, only a body: all others prove who calls.
pub struct Open<B, R>(Route<Nothing, Nothing, B, R>);

impl<B, R> Open<B, R> {
    const fn new(path: &'static str, summary: &'static str) -> Self {
        let (method, access) = (Method::Post, Access::Anyone);
        Self(Route { method, path, access, summary, tries: false, types: PhantomData })
    }
}

impl<B, R> std::ops::Deref for Open<B, R> {
    type Target = Route<Nothing, Nothing, B, R>;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// No path parameters, no query, no body or no reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// Tells null from absent.
#[expect(clippy::option_option, reason = "absent, null and a value are three things")]
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    value: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(value).map(Some)
}

/// Path parameters, written by the client and read by the server.
pub trait Segments: Sized {
    /// The JSON type of each.
    const KINDS: &'static [&'static str];
    fn write(&self) -> Vec<String>;
    fn read(values: &[&str]) -> Option<Self>;
}

impl Segments for Nothing {
    const KINDS: &'static [&'static str] = &[];
    fn write(&self) -> Vec<String> {
        Vec::new()
    }
    fn read(values: &[&str]) -> Option<Self> {
        values.is_empty().then_some(Self {})
    }
}

impl Segments for (String, String) {
    const KINDS: &'static [&'static str] = &["string", "string"];
    fn write(&self) -> Vec<String> {
        vec![self.0.clone(), self.1.clone()]
    }
    fn read(values: &[&str]) -> Option<Self> {
        match values {
            [a, b] => Some(((*a).to_owned(), (*b).to_owned())),
            _ => None,
        }
    }
}

impl Segments for (String, OverrideId) {
    const KINDS: &'static [&'static str] = &["string", "integer"];
    fn write(&self) -> Vec<String> {
        vec![self.0.clone(), self.1.to_string()]
    }
    fn read(values: &[&str]) -> Option<Self> {
        match values {
            [a, b] => Some(((*a).to_owned(), b.parse().ok()?)),
            _ => None,
        }
    }
}

macro_rules! one_segment {
    ($($type:ty: $kind:literal)+) => {$(
        impl Segments for $type {
            const KINDS: &'static [&'static str] = &[$kind];
            fn write(&self) -> Vec<String> {
                vec![segment(self)]
            }
            fn read(values: &[&str]) -> Option<Self> {
                match values {
                    [value] => value.parse().ok(),
                    _ => None,
                }
            }
        }
    )+};
}
one_segment! {
    String: "string"
    FeedId: "integer"
    IncidentId: "integer"
    IntegrationId: "integer"
    TokenId: "integer"
    SessionId: "integer"
    SilenceId: "integer"
    WebhookId: "integer"
    DeliveryId: "integer"
}

fn segment(value: &impl Display) -> String {
    value.to_string()
}

/// What of a list is asked for.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OfTeam {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Which part of a list.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PageQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A page of a list; `nextCursor` is null on the last.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "{T}Page")]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A list that is never long.
    #[must_use]
    pub const fn whole(items: Vec<T>) -> Self {
        Self { items, next_cursor: None }
    }

    /// The `limit` entries after `cursor` of a list that is ordered by `key`.
    #[must_use]
    pub fn cut(
        mut items: Vec<T>,
        cursor: Option<&str>,
        limit: u32,
        key: impl Fn(&T) -> String,
    ) -> Self {
        items.sort_by_cached_key(&key);
        items.retain(|item| cursor.is_none_or(|cursor| *key(item) > *cursor));
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        Self { next_cursor: items.last().filter(|_| more).map(key), items }
    }
}

/// An error as `application/problem+json` (RFC 9457).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    pub title: String,
    pub status: u16,
    #[serde(default)]
    pub code: String,
    #[serde(default)]
    pub detail: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

impl Problem {
    #[must_use]
    pub fn new(error: &Error, request_id: Option<String>) -> Self {
        Self {
            title: error.kind.code().replace('_', " "),
            status: error.kind.status(),
            code: error.kind.code().into(),
            detail: error.detail.clone(),
            hint: error.hint.clone().or_else(|| Some(error.kind.next_step().into())),
            request_id,
            errors: error.fields.clone(),
        }
    }

    /// The error that a server answered with.
    #[must_use]
    pub fn into_error(self) -> Error {
        let mut error = Error::new(Kind::of_answer(&self.code, self.status), self.detail);
        // Where a value is allowed or not, each reader has a page of his own that says so.
        let general = |hint: &String| error.kind == Kind::Invalid && hint == error.kind.next_step();
        error.hint = self.hint.filter(|hint| !general(hint));
        error.fields = self.errors;
        error
    }
}
