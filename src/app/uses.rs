//! When tokens and sessions were last used: noted in memory, written together a moment later, so
//! that no request waits for it and reading writes little.
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::sessions::SESSION;
use super::{App, Visitor};
use crate::clock::shift;
use crate::domain::{SessionId, TimerKind, TokenId};
use crate::error::Result;
use crate::store::{Credential, Write};

/// A token's last use is right to this, a session's to that.
const TOKEN_EVERY: Duration = Duration::from_mins(1);
const SESSION_EVERY: Duration = Duration::from_hours(1);
/// Uses that wait to be written; what is dropped is noted at the next use.
const MAX_WAITING: usize = 10_000;
/// Uses written at once.
const AT_ONCE: usize = 500;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Used {
    Token(TokenId),
    Session(SessionId),
}

#[derive(Clone)]
struct Use {
    at: Timestamp,
    place: String,
}

/// Uses that wait to be written.
#[derive(Default)]
pub(super) struct Uses {
    waiting: Mutex<HashMap<Used, Use>>,
    /// Whoever asks for it meanwhile returns when it is done.
    writing: tokio::sync::Mutex<()>,
}

impl Uses {
    pub(super) fn note(&self, credential: &Credential, visitor: &Visitor, at: Timestamp) {
        let (used, every) = match (credential.token, credential.session) {
            (Some(token), _) => (Used::Token(token), TOKEN_EVERY),
            (None, Some(session)) => (Used::Session(session), SESSION_EVERY),
            (None, None) => return,
        };
        if credential.last_used_at.is_some_and(|last| shift(last, every) > at) {
            return;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < MAX_WAITING {
            waiting.entry(used).or_insert_with(|| Use { at, place: visitor.place() });
        }
    }

    fn take(&self) -> Vec<(Used, Use)> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let some: Vec<Used> = waiting.keys().copied().take(AT_ONCE).collect();
        some.into_iter().filter_map(|used| waiting.remove_entry(&used)).collect()
    }
}

impl App {
    /// Writes the uses that were noted; a session that is used lasts on from there.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be stored: then the next use is noted again.
    pub async fn write_uses(&self) -> Result<()> {
        let _writing = self.0.uses.writing.lock().await;
        loop {
            let uses = self.0.uses.take();
            if uses.is_empty() {
                return Ok(());
            }
            self.write(move |w| uses.iter().try_for_each(|(used, at)| write(w, *used, at))).await?;
        }
    }
}

fn write(w: &mut Write<'_>, used: Used, Use { at, place }: &Use) -> Result<()> {
    match used {
        Used::Token(token) => w.use_token(token, *at),
        Used::Session(session) => {
            let expires_at = shift(*at, SESSION);
            if w.use_session(session, *at, place, expires_at)? {
                w.set_timer(TimerKind::Session, session.0, expires_at)?;
            }
            Ok(())
        }
    }
}
