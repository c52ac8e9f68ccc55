//! A request that is repeated counts once: its `Idempotency-Key` travels with the caller, and the
//! write that does the work keeps the answer.
use super::{App, Caller, Visitor};
use crate::error::Result;
use crate::store::{Idempotency, Write};

/// The caller's own key for one request, and the hash of that key with what it asks: of the
/// request alone it would be a fast way to guess a password in it.
#[derive(Clone, Debug)]
pub struct RequestKey {
    pub key: String,
    pub request: [u8; 32],
}

impl Caller {
    /// The same caller, for one part of a request: parts have keys of their own.
    #[must_use]
    pub(super) fn for_part(&self, part: impl std::fmt::Display) -> Self {
        let mut caller = self.clone();
        if let Some(request) = &mut caller.request {
            // No header can hold a line feed, so these meet no other.
            request.key = format!("{}\n{part}", request.key);
        }
        caller
    }

    pub(super) fn idempotency(&self) -> Option<Idempotency> {
        let RequestKey { key, request } = self.request.clone()?;
        let scope = self.user().map_or_else(|| "host".to_owned(), |u| format!("user:{}", u.id));
        Some(Idempotency { scope, key, request })
    }
}

impl Visitor {
    /// Who proved nothing shares a key with nobody who asks something else.
    pub(super) fn idempotency(&self) -> Option<Idempotency> {
        let RequestKey { key, request } = self.request.clone()?;
        let scope =
            request[..8].iter().fold("open:".to_owned(), |s, byte| s + &format!("{byte:02x}"));
        Some(Idempotency { scope, key, request })
    }
}

impl App {
    /// As `write`, once for each key of the caller: what every POST does.
    pub(super) async fn write_once<T, F>(&self, caller: &Caller, write: F) -> Result<T>
    where
        T: serde::Serialize + serde::de::DeserializeOwned + Send + 'static,
        F: Fn(&mut Write<'_>) -> Result<T> + Send + 'static,
    {
        let once = caller.idempotency();
        self.write(move |w| w.once(once.as_ref(), &write)).await
    }
}
