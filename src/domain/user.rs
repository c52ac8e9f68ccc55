//! People: what a role in a team and a token's scope allow.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::id::{TeamId, UserId};

/// A member's role in a team; the greater one may all that the lesser may.
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
pub enum Role {
    /// Reads.
    Observer,
    /// Reads, answers, is paged.
    Responder,
    /// Also changes the team.
    Admin,
}

/// What a token may at most do, whatever its user may.
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
pub enum Scope {
    Read,
    Respond,
    Admin,
}

macro_rules! words {
    ($($type:ident { $($variant:ident = $word:literal),+ })+) => {$(
        impl $type {
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
            #[must_use]
            pub fn of_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    )+};
}
words! {
    Role { Observer = "observer", Responder = "responder", Admin = "admin" }
    Scope { Read = "read", Respond = "respond", Admin = "admin" }
}

/// A person, as named inside other things.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct UserRef {
    pub id: UserId,
    pub username: String,
    pub name: String,
}

/// A team, as named inside other things.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct TeamRef {
    pub id: TeamId,
    pub slug: String,
    pub name: String,
}

/// Names in URLs, rooms and commands: lower case letters, digits, `-`, `_`, `.`; 1 to 64 of them,
/// the first a letter or digit, not digits alone (so that no slug is taken for an id).
///
/// # Errors
/// Says what is wrong with `slug`.
pub fn check_slug(slug: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    if slug.is_empty() || slug.len() > 64 {
        return Err("needs 1 to 64 characters".into());
    }
    if !slug.chars().all(allowed) || !slug.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err(
            "may hold lower case letters, digits, `-`, `_` and `.`, and begins with a letter or digit"
                .into(),
        );
    }
    if slug.chars().all(|c| c.is_ascii_digit()) {
        return Err("needs a letter, so that it is not taken for an id".into());
    }
    Ok(())
}
