//! A request that is repeated counts once: its `Idempotency-Key` travels with the caller, and the
//! write that does the work keeps the answer.
use super::{App, Caller, Visitor};
use crate::error::Result;
use crate::store::{Idempotency, Read, Write};

/// The caller's own key for one request, and the hash of that key with what it asks: of the
/// request alone it would be a fast way to guess a password in it.
#[derive(Clone, Debug)]
pub struct RequestKey {
    pub key: String,
    pub request: [u8; 32],
}

/// Enough of a hash to tell apart.
fn short(hash: &[u8; 32]) -> String {
    hash[..8].iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
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

    /// Of who may less or more than then, it is another request, to be allowed anew.
    pub(super) fn idempotency(&self, r: &Read<'_>) -> Result<Option<Idempotency>> {
        let Some(RequestKey { key, request }) = self.request.clone() else { return Ok(None) };
        let who = self.user().map_or_else(|| "host".to_owned(), |user| format!("user:{}", user.id));
        let scope = format!("{who}:{}", short(&self.rights(r)?));
        Ok(Some(Idempotency { scope, key, request }))
    }
}

impl Visitor {
    /// Who proved nothing shares a key with nobody who asks something else.
    pub(super) fn idempotency(&self) -> Option<Idempotency> {
        let RequestKey { key, request } = self.request.clone()?;
        Some(Idempotency { scope: format!("open:{}", short(&request)), key, request })
    }
}

impl App {
    /// As `write`, for a caller who still may when it is his turn: what all do that people ask.
    pub(super) async fn write_as<T, F>(&self, caller: Caller, write: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Write<'_>) -> Result<T> + Send + 'static,
    {
        self.write(move |w| {
            caller.check_still(w, w.now())?;
            write(w)
        })
        .await
    }

    /// What is no write, such as a message that goes out while its sender waits, once for each key
    /// of the caller.
    ///
    /// # Errors
    /// Those of `work`; `Unavailable` when its answer cannot be kept.
    pub async fn do_once<T>(
        &self,
        caller: &Caller,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T>
    where
        T: Clone + serde::Serialize + serde::de::DeserializeOwned + Send + 'static,
    {
        if caller.request.is_none() {
            return work.await;
        }
        let by = caller.clone();
        let known = move |r: &Read<'_>| match by.idempotency(r)? {
            Some(key) => r.reply(&key),
            None => Ok(None),
        };
        if let Some(answer) = self.0.store.read(known).await? {
            return Ok(answer);
        }
        let answer = work.await?;
        self.write_once(caller, move |_| Ok(answer.clone())).await
    }

    /// As `write_as`, once for each key of the caller: what every POST does.
    pub(super) async fn write_once<T, F>(&self, caller: &Caller, write: F) -> Result<T>
    where
        T: serde::Serialize + serde::de::DeserializeOwned + Send + 'static,
        F: Fn(&mut Write<'_>) -> Result<T> + Send + 'static,
    {
        let by = caller.clone();
        self.write_as(caller.clone(), move |w| w.once(by.idempotency(w)?.as_ref(), &write)).await
    }
}
