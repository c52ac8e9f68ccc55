//! The key of Web Push: made at the first start, kept for ever, as subscriptions hang on it.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::App;
use crate::error::{Error, Result};

/// Its name in the database, beside the subscriptions that hang on it: a backup keeps both.
const KEY: &str = "push_key";

impl App {
    /// The key, or what `make` makes. One that cannot be stored holds until the next start: a full
    /// disk is no reason not to serve.
    ///
    /// # Errors
    /// `Unavailable` when the database cannot be read, and those of `make`.
    pub async fn push_key(&self, make: fn() -> Result<Vec<u8>>) -> Result<Vec<u8>> {
        if let Some(kept) = self.0.store.read(|r| r.find_meta(KEY)).await? {
            return STANDARD.decode(kept).map_err(Error::internal);
        }
        let key = make()?;
        let made = STANDARD.encode(&key);
        if let Err(error) = self.write(move |w| w.set_meta(KEY, &made)).await {
            tracing::warn!(%error, "the key of Web Push could not be stored");
        }
        Ok(key)
    }
}
