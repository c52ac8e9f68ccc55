//! Passwords: Argon2id, few at a time, as slow for nobody as for somebody.
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};

use super::App;
use crate::error::{Error, Result};
use crate::secret::Secret;

/// Shortest and longest password, in characters.
const PASSWORD: std::ops::RangeInclusive<usize> = 10..=256;

impl App {
    /// Argon2id with 19 MiB and two passes, few at a time.
    pub(super) async fn hash_password(&self, password: Secret) -> Result<String> {
        if !PASSWORD.contains(&password.expose().chars().count()) {
            return Err(Error::invalid(
                "password",
                format!("needs {} to {} characters", PASSWORD.start(), PASSWORD.end()),
            ));
        }
        let turn = self.0.hashers.clone().acquire_owned().await.map_err(Error::internal)?;
        tokio::task::spawn_blocking(move || {
            // The turn lasts as long as the work, also if nobody waits for it any more.
            let _turn = turn;
            argon2::Argon2::default()
                .hash_password(password.expose().as_bytes())
                .map(|hash| hash.to_string())
                .map_err(Error::internal)
        })
        .await
        .map_err(Error::internal)?
    }

    /// Takes as long whether there is a hash or not, so that no name can be guessed.
    pub(super) async fn verify_password(
        &self,
        password: Secret,
        stored: Option<String>,
    ) -> Result<bool> {
        let turn = self.0.hashers.clone().acquire_owned().await.map_err(Error::internal)?;
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let argon = argon2::Argon2::default();
            let Some(stored) = stored else {
                // The work is the point, its result is not.
                let _ = argon.hash_password(password.expose().as_bytes());
                return Ok(false);
            };
            let stored = PasswordHash::new(&stored).map_err(Error::internal)?;
            Ok(argon.verify_password(password.expose().as_bytes(), &stored).is_ok())
        })
        .await
        .map_err(Error::internal)?
    }
}
