//! Passwords: Argon2id, few at a time, as slow for nobody as for somebody.
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::App;
use super::attempts::Guess;
use crate::error::{Error, Result};
use crate::secret::{Secret, random};

/// Password hashes that may be computed at once: each takes 19 MiB.
const HASHERS: usize = 2;
/// Requests that may wait for their turn to hash.
const WAITING: usize = 64;
/// Shortest and longest password, in characters.
const PASSWORD: std::ops::RangeInclusive<usize> = 10..=256;
/// The hash of no password at all, as dear as any other: what nobody's password is compared with.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5cyBzYWx0IQ$\
                       AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Who hashes, and who waits for that.
pub(super) struct Hashing {
    hashers: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    done: AtomicU64,
    /// Kept from hash to hash: such large aligned pieces come back from the allocator as holes, and
    /// a flood of log-ins would eat the host.
    spare: Arc<Mutex<Vec<Memory>>>,
}

type Memory = Vec<Block>;

impl Default for Hashing {
    fn default() -> Self {
        let (hashers, waiting) = (Semaphore::new(HASHERS).into(), Semaphore::new(WAITING).into());
        Self { hashers, waiting, done: AtomicU64::default(), spare: Arc::default() }
    }
}

/// # Errors
/// Says what is wrong with a password.
pub(super) fn check_password(password: &str) -> Result<(), String> {
    if PASSWORD.contains(&password.chars().count()) {
        return Ok(());
    }
    Err(format!("needs {} to {} characters", PASSWORD.start(), PASSWORD.end()))
}

impl App {
    /// How many hashes were computed: who cannot measure time counts them.
    #[must_use]
    pub fn password_hashes(&self) -> u64 {
        self.0.hashing.done.load(Ordering::Relaxed)
    }

    /// The turn to hash. It lasts as long as the work, also if nobody waits for that any more.
    async fn turn(&self) -> Result<OwnedSemaphorePermit> {
        let Hashing { hashers, waiting, .. } = &self.0.hashing;
        let _place = waiting.try_acquire().map_err(|_| {
            Error::unavailable("Too many log-ins at once.").hint("Try again in a moment.")
        })?;
        hashers.clone().acquire_owned().await.map_err(Error::internal)
    }

    async fn hash<T: Send + 'static>(
        &self,
        turn: OwnedSemaphorePermit,
        work: impl FnOnce(&mut Memory) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.0.hashing.done.fetch_add(1, Ordering::Relaxed);
        let spare = self.0.hashing.spare.clone();
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let spare = || spare.lock().unwrap_or_else(PoisonError::into_inner);
            let kept = spare().pop();
            let mut memory = kept.unwrap_or_default();
            let done = work(&mut memory);
            spare().push(memory);
            done
        })
        .await
        .map_err(Error::internal)?
    }

    /// Argon2id with 19 MiB and two passes, few at a time.
    ///
    /// # Errors
    /// `Invalid` for a password that is too short or too long.
    pub(super) async fn hash_password(&self, password: Secret) -> Result<String> {
        check_password(password.expose()).map_err(|why| Error::invalid("password", why))?;
        let turn = self.turn().await?;
        self.hash(turn, move |memory| {
            let mut hash = unhashed()?;
            hash.hash = Some(output(&password, &hash, memory)?);
            Ok(hash.to_string())
        })
        .await
    }

    /// Is it the password? Takes as long whether there is a hash or not, so that no name can be
    /// guessed, and counts what fails.
    ///
    /// # Errors
    /// `Limited` after too many guesses, `Unavailable` where too many wait.
    pub(super) async fn verify_password(
        &self,
        password: Secret,
        stored: Option<String>,
        guess: &Guess,
    ) -> Result<bool> {
        let (attempts, clock) = (&self.0.attempts, &self.0.clock);
        attempts.check(guess, clock.since_boot())?;
        let turn = self.turn().await?;
        // Again: those who had their turn meanwhile count too.
        attempts.check(guess, clock.since_boot())?;
        let exists = stored.is_some();
        let hash = stored.unwrap_or_else(|| NOBODYS.to_owned());
        let (app, guess) = (self.clone(), guess.clone());
        self.hash(turn, move |memory| {
            let hash = PasswordHash::new(&hash).map_err(Error::internal)?;
            // Outputs compare in the same time wherever they differ.
            let right = hash.hash == Some(output(&password, &hash, memory)?);
            // Here, so that it counts also if nobody waits for the answer.
            if right && exists {
                app.0.attempts.succeeded(&guess);
            } else {
                app.0.attempts.failed(&guess, app.0.clock.since_boot());
            }
            Ok(right && exists)
        })
        .await
    }
}

/// Algorithm, cost and a new salt; no hash yet.
fn unhashed() -> Result<PasswordHash> {
    Ok(PasswordHash {
        algorithm: Algorithm::default().ident(),
        version: Some(Version::default().into()),
        params: ParamsString::try_from(&Params::default()).map_err(Error::internal)?,
        salt: Some(Salt::new(&random::<16>()?).map_err(Error::internal)?),
        hash: None,
    })
}

/// What `password` comes to with the salt and cost of `like`.
fn output(password: &Secret, like: &PasswordHash, memory: &mut Memory) -> Result<Output> {
    let params = Params::try_from(like).map_err(Error::internal)?;
    let algorithm = Algorithm::try_from(like.algorithm.as_str()).map_err(Error::internal)?;
    let version = like.version.map_or(Ok(Version::default()), Version::try_from);
    let salt = like.salt.ok_or_else(|| Error::internal("a password's hash has no salt"))?;
    let mut bytes = [0; Params::DEFAULT_OUTPUT_LEN];
    memory.resize(params.block_count(), Block::new());
    Argon2::new(algorithm, version.map_err(Error::internal)?, params)
        .hash_password_into_with_memory(password.expose().as_bytes(), &salt, &mut bytes, memory)
        .map_err(Error::internal)?;
    Output::new(&bytes).map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::PasswordVerifier;

    use super::*;

    #[test]
    fn nobodys_hash_costs_what_everybodys_does() {
        let cost = |hash: &str| hash.rsplitn(3, '$').last().map(str::to_owned);
        let password = Secret::new("correct horse");
        let (mut made, mut memory) = (unhashed().expect("a salt"), Memory::new());
        made.hash = Some(output(&password, &made, &mut memory).expect("hashed"));
        let library = Argon2::default();
        library.verify_password(b"correct horse", &made).expect("as the library has it");
        assert!(library.verify_password(b"wrong horse", &made).is_err());
        assert_eq!(cost(&made.to_string()), cost(NOBODYS));
        let nobodys = PasswordHash::new(NOBODYS).expect("a hash");
        assert_eq!(nobodys.hash.map(|hash| hash.len()), made.hash.map(|hash| hash.len()));
    }
}
