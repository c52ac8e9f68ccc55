//! Secrets: made from the system's randomness, kept as hashes, never shown twice or logged.
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::SecureRandom;

use crate::error::{Error, Kind, Result};

/// What a webhook's secret begins with; base64 follows, of so many bytes.
const WEBHOOK: &str = "whsec_";
const WEBHOOK_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The bytes of a webhook's secret.
///
/// # Errors
/// Says what is wrong with it.
pub fn webhook_bytes(secret: &str) -> Result<Vec<u8>, String> {
    secret
        .strip_prefix(WEBHOOK)
        .and_then(|text| STANDARD.decode(text).ok())
        .filter(|bytes| WEBHOOK_BYTES.contains(&bytes.len()))
        .ok_or_else(|| "is no secret; one is whsec_ and 24 to 64 bytes as base64".into())
}

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

    /// One that signs webhooks.
    ///
    /// # Errors
    /// `Internal` when the system has no randomness.
    pub fn webhook() -> Result<Self> {
        Ok(Self(format!("{WEBHOOK}{}", STANDARD.encode(random::<32>()?))))
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

/// The first line of a file that only its owner can read.
///
/// # Errors
/// `Invalid` if it is open to others or cannot be read.
pub fn from_file(file: &Path) -> Result<Secret> {
    check_private(file)?;
    let text =
        std::fs::read_to_string(file).map_err(|error| Error::unreadable(file.display(), &error))?;
    Ok(Secret::new(text.lines().next().unwrap_or_default().trim()))
}

/// A file that holds a secret is for its owner alone. What systemd hands over as a credential is
/// guarded by its folder.
///
/// # Errors
/// `Invalid` if others may read it, or it cannot be looked at.
pub fn check_private(file: &Path) -> Result<()> {
    let shown = file.display();
    let wrong = |why: String| Error::new(Kind::Invalid, format!("{shown} {why}."));
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY");
    if credentials.is_some_and(|dir| !dir.is_empty() && file.starts_with(dir)) {
        return Ok(());
    }
    let about = file.metadata().map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let others = about.permissions().mode() & 0o077;
    if others == 0 {
        return Ok(());
    }
    Err(wrong("holds a secret and is open to others than its owner".into())
        .hint(format!("Close it: chmod 600 {shown}")))
}

/// SHA-256.
#[must_use]
pub fn hash(bytes: &[u8]) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.as_ref());
    hash
}

/// Encrypts for whoever knows `key`; the same key opens it.
///
/// # Errors
/// `Internal` when the system has no randomness.
pub fn seal(key: &[u8], text: &[u8]) -> Result<Vec<u8>> {
    let nonce = random::<{ NONCE_LEN }>()?;
    let mut sealed = text.to_vec();
    sealing_key(key)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed)
        .map_err(|_| Error::internal("a text is too long to be sealed"))?;
    Ok([nonce.as_slice(), &sealed].concat())
}

/// # Errors
/// `Internal` if it was sealed with another key, or changed since.
pub fn unseal(key: &[u8], sealed: &[u8]) -> Result<Vec<u8>> {
    let changed = || Error::internal("what was sealed cannot be opened");
    let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).ok_or_else(changed)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| changed())?;
    let mut text = sealed.to_vec();
    let opened = sealing_key(key)?
        .open_in_place(nonce, Aad::empty(), &mut text)
        .map_err(|_| changed())?
        .len();
    text.truncate(opened);
    Ok(text)
}

fn sealing_key(key: &[u8]) -> Result<LessSafeKey> {
    UnboundKey::new(&CHACHA20_POLY1305, &hash(key)).map(LessSafeKey::new).map_err(Error::internal)
}

/// A number in 0..1, so that many do not act as one; without randomness the middle.
#[must_use]
pub fn chance() -> f64 {
    random().map_or(0.5, |bytes| f64::from(u32::from_be_bytes(bytes)) / 2_f64.powi(32))
}

/// A short signature of `text`, safe in a URL: HMAC-SHA-256, its first 128 bits.
#[must_use]
pub fn sign(key: &Secret, text: &[u8]) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.0.as_bytes());
    URL_SAFE_NO_PAD.encode(&ring::hmac::sign(&key, text).as_ref()[..16])
}

/// Was `text` signed with `key`?
#[must_use]
pub fn is_signed(key: &Secret, text: &[u8], signature: &str) -> bool {
    // Compared by hashes: how long it takes says nothing of where they differ.
    hash(sign(key, text).as_bytes()) == hash(signature.as_bytes())
}

/// Random bytes.
///
/// # Errors
/// `Internal` when the system has no randomness.
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    ring::rand::SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Error::internal("the system gives no randomness"))?;
    Ok(bytes)
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
    #[test]
    fn what_is_sealed_opens_with_its_key_alone() {
        let sealed = seal(b"key", b"inc_1_secret").expect("sealed");
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
        assert_eq!(unseal(b"key", &sealed).expect("opened"), b"inc_1_secret");
        assert!(unseal(b"other", &sealed).is_err());
        assert!(unseal(b"key", &sealed[..10]).is_err());
    }

    #[test]
    fn a_secret_s_file_is_its_owner_s_alone() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("secret");
        std::fs::write(&file, "hush\n").expect("written");
        let set = |mode| {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("set");
        };
        for mode in [0o600, 0o400] {
            set(mode);
            assert_eq!(from_file(&file).expect("read").expose(), "hush");
        }
        for mode in [0o640, 0o604, 0o660] {
            set(mode);
            let refused = from_file(&file).expect_err("open").to_string();
            assert!(refused.contains("chmod 600") && !refused.contains("hush"), "{refused}");
        }
    }
}
