//! Answers kept for a day, so that a request repeated after a lost answer counts once. An answer
//! may hold a secret that is shown once: it is sealed with the request's own key, which is not kept.
use jiff::Timestamp;

use super::sql::{Read, Write, ms, to_json};
use crate::error::{Error, Result};
use crate::secret::{hash, seal, unseal};

/// A caller's own name for one request.
#[derive(Clone, Debug)]
pub struct Idempotency {
    /// Whose key it is: keys of different callers do not meet.
    pub scope: String,
    pub key: String,
    /// Hash of the request, so that a key is not used for another one.
    pub request: [u8; 32],
}

impl Idempotency {
    /// What its answer is sealed with.
    fn seal(&self) -> Vec<u8> {
        format!("{}\n{}", self.scope, self.key).into_bytes()
    }
}

impl Read<'_> {
    fn find_reply(&self, of: &Idempotency) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        self.one(
            "select request, reply from idempotency where scope = ?1 and key_hash = ?2",
            (&of.scope, hash(of.key.as_bytes()).as_slice()),
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    }

    /// The answer that was given before, in the same form.
    ///
    /// # Errors
    /// `Invalid` when the key was used for another request.
    pub fn reply<T: serde::de::DeserializeOwned>(&self, key: &Idempotency) -> Result<Option<T>> {
        let Some((request, reply)) = self.find_reply(key)? else { return Ok(None) };
        if request != key.request {
            return Err(Error::invalid("Idempotency-Key", "was used for another request")
                .hint("Use a new key for a new request."));
        }
        let reply = unseal(&key.seal(), &reply)?;
        serde_json::from_slice(&reply).map(Some).map_err(Error::internal)
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
        if let Some(reply) = self.reply(key)? {
            return Ok(reply);
        }
        let reply = work(self)?;
        let sealed = seal(&key.seal(), to_json(&reply)?.as_bytes())?;
        let key_hash = hash(key.key.as_bytes());
        self.run(
            "insert into idempotency (scope, key_hash, request, reply, at)
             values (?1, ?2, ?3, ?4, ?5)",
            (&key.scope, key_hash.as_slice(), key.request.as_slice(), sealed, ms(self.now())),
        )?;
        Ok(reply)
    }

    /// Forgets old answers; returns how many.
    pub fn forget_replies(&self, before: Timestamp, limit: u32) -> Result<usize> {
        self.run(
            "delete from idempotency where (scope, key_hash) in
                (select scope, key_hash from idempotency where at < ?1 limit ?2)",
            (ms(before), limit),
        )
    }
}
