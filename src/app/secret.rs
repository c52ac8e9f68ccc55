//! Secrets: made from the system's randomness, kept as hashes, never shown twice or logged.
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SecureRandom;

use super::App;
use crate::error::{Error, Result};

/// Shortest and longest password, in characters.
const PASSWORD: std::ops::RangeInclusive<usize> = 10..=256;

/// A secret that formats as nothing.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// 256 random bits, safe in a URL.
    ///
    /// # Errors
    /// `Internal` when the system has no randomness.
    pub fn random() -> Result<Self> {
        random::<32>().map(|bytes| Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// 32 hexadecimal characters: what alert senders expect of a key.
    ///
    /// # Errors
    /// `Internal` when the system has no randomness.
    pub fn random_key() -> Result<Self> {
        random().map(|bytes| Self(format!("{:032x}", u128::from_be_bytes(bytes))))
    }

    /// The secret itself, for the one moment in which it is shown or sent.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is stored of it: enough for 128 and more random bits.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        hash(self.0.as_bytes())
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

/// SHA-256.
#[must_use]
pub fn hash(bytes: &[u8]) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.as_ref());
    hash
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    ring::rand::SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Error::internal("the system gives no randomness"))?;
    Ok(bytes)
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_long_different_and_silent() {
        let (a, b) = (Secret::random().expect("random"), Secret::random().expect("random"));
        assert_ne!(a.expose(), b.expose());
        assert_eq!(a.expose().len(), 43);
        assert_eq!(Secret::random_key().expect("random").expose().len(), 32);
        assert_eq!(format!("{a:?}"), "[secret]");
    }
}
