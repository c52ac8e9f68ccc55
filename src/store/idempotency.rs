//! Answers kept for a day, so that a request repeated after a lost answer counts once.
use jiff::Timestamp;

use super::sql::{Read, Write, ms, to_json};
use crate::error::{Error, Result};

/// A caller's own name for one request.
#[derive(Clone, Debug)]
pub struct Idempotency {
    /// Whose key it is: keys of different callers do not meet.
    pub scope: String,
    pub key: String,
    /// Hash of the request, so that a key is not used for another one.
    pub request: [u8; 32],
}

impl Read<'_> {
    fn find_reply(&self, of: &Idempotency) -> Result<Option<(Vec<u8>, String)>> {
        self.one(
            "select request, reply from idempotency where scope = ?1 and key = ?2",
            (&of.scope, &of.key),
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    }
}

impl Write<'_> {
    /// Does `work` once for each key: a repetition gets the first answer, in the same form.
    ///
    /// # Errors
    /// Those of `work`; `Invalid` when the key was used for another request.
    pub fn once<T>(
        &mut self,
        key: Option<&Idempotency>,
        work: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T>
    where
        T: serde::Serialize + serde::de::DeserializeOwned,
    {
        let Some(key) = key else { return work(self) };
        if let Some((request, reply)) = self.find_reply(key)? {
            if request != key.request {
                return Err(Error::invalid("Idempotency-Key", "was used for another request")
                    .hint("Use a new key for a new request."));
            }
            return serde_json::from_str(&reply).map_err(Error::internal);
        }
        let reply = work(self)?;
        self.run(
            "insert into idempotency (scope, key, request, reply, at) values (?1, ?2, ?3, ?4, ?5)",
            (&key.scope, &key.key, key.request.as_slice(), to_json(&reply)?, ms(self.now())),
        )?;
        Ok(reply)
    }

    /// Forgets old answers; returns how many.
    pub fn forget_replies(&self, before: Timestamp, limit: u32) -> Result<usize> {
        self.run(
            "delete from idempotency where (scope, key) in
                (select scope, key from idempotency where at < ?1 limit ?2)",
            (ms(before), limit),
        )
    }
}
