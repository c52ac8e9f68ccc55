//! Passwords: Argon2id, few at a time, as slow for nobody as for somebody.
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::App;
use super::attempts::Guess;
use crate::error::{Error, Result};
use crate::secret::Secret;

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
}

impl Default for Hashing {
    fn default() -> Self {
        let (hashers, waiting) = (Semaphore::new(HASHERS).into(), Semaphore::new(WAITING).into());
        Self { hashers, waiting, done: AtomicU64::default() }
    }
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
        work: impl FnOnce(&argon2::Argon2<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.0.hashing.done.fetch_add(1, Ordering::Relaxed);
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work(&argon2::Argon2::default())
        })
        .await
        .map_err(Error::internal)?
    }

    /// Argon2id with 19 MiB and two passes, few at a time.
    ///
    /// # Errors
    /// `Invalid` for a password that is too short or too long.
    pub(super) async fn hash_password(&self, password: Secret) -> Result<String> {
        if !PASSWORD.contains(&password.expose().chars().count()) {
            return Err(Error::invalid(
                "password",
                format!("needs {} to {} characters", PASSWORD.start(), PASSWORD.end()),
            ));
        }
        let turn = self.turn().await?;
        self.hash(turn, move |argon| {
            argon
                .hash_password(password.expose().as_bytes())
                .map(|hash| hash.to_string())
                .map_err(Error::internal)
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
        self.hash(turn, move |argon| {
            let hash = PasswordHash::new(&hash).map_err(Error::internal)?;
            let right = argon.verify_password(password.expose().as_bytes(), &hash).is_ok();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobodys_hash_costs_what_everybodys_does() {
        let cost = |hash: &str| hash.rsplitn(3, '$').last().map(str::to_owned);
        let made = argon2::Argon2::default().hash_password(b"correct horse").expect("hashed");
        assert_eq!(cost(&made.to_string()), cost(NOBODYS));
        let nobodys = PasswordHash::new(NOBODYS).expect("a hash");
        assert_eq!(nobodys.hash.map(|hash| hash.len()), made.hash.map(|hash| hash.len()));
    }
}
