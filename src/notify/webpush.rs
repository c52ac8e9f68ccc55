//! Web Push: wakes a browser that is closed. Sealed for the browser (RFC 8291), sent to its maker's
//! push service with our signature (RFC 8292). An address is the browser's own subscription.
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use ring::{aead, agreement, hkdf};
use serde::Deserialize;
use serde_json::json;

use super::http::Outgoing;
use super::{Channel, Failure, Loudness, Said, Sending};
use crate::clock::Clock;
use crate::domain::text;
use crate::error::{Error, Result};
use crate::secret;

/// One record holds everything: push services take 4,096 bytes.
const RECORD: u32 = 4_096;
/// What of the words is left then, beside links and names.
const MAX_TEXT: usize = 1_500;
/// A page that is older wakes nobody.
const TTL: Duration = Duration::from_hours(1);
/// How long a signature holds; 24 hours at most.
const SIGNED_FOR: Duration = Duration::from_hours(12);

/// The key by which push services know us; browsers subscribe to its public half.
#[derive(Clone)]
pub struct PushKey {
    pair: Arc<EcdsaKeyPair>,
    /// Whom a push service may write to.
    contact: String,
}

impl PushKey {
    /// A new one, as it is kept.
    ///
    /// # Errors
    /// `Internal` when the system has no randomness.
    pub fn generate() -> Result<Vec<u8>> {
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .map(|kept| kept.as_ref().to_vec())
            .map_err(|_| Error::internal("the system gives no randomness"))
    }

    /// # Errors
    /// `Internal` for what is no key.
    pub fn read(kept: &[u8], contact: &str) -> Result<Self> {
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, kept, &SystemRandom::new())
            .map(|pair| Self { pair: Arc::new(pair), contact: contact.to_owned() })
            .map_err(|_| Error::internal("the key of Web Push cannot be read"))
    }

    /// What a browser needs to subscribe (`applicationServerKey`).
    #[must_use]
    pub fn public(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.pair.public_key())
    }

    /// RFC 8292: who we are, to this push service, for a while.
    fn authorization(&self, origin: &str, clock: &Clock) -> Result<String, Failure> {
        let expires = crate::clock::shift(clock.now(), SIGNED_FOR).as_second();
        let claims = json!({ "aud": origin, "exp": expires, "sub": self.contact });
        let part = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", part(json!({ "typ": "JWT", "alg": "ES256" })), part(claims));
        let signature = self
            .pair
            .sign(&SystemRandom::new(), signed.as_bytes())
            .map_err(|_| Failure::later("The system gives no randomness."))?;
        let signature = URL_SAFE_NO_PAD.encode(signature);
        Ok(format!("vapid t={signed}.{signature}, k={}", self.public()))
    }
}

/// What `PushManager.subscribe` gives a browser, as JSON.
#[derive(Deserialize)]
struct Subscription {
    endpoint: String,
    keys: Keys,
}

#[derive(Deserialize)]
struct Keys {
    p256dh: String,
    auth: String,
}

struct Browser {
    endpoint: String,
    public: Vec<u8>,
    auth: Vec<u8>,
}

fn browser(address: &str) -> Result<Browser, String> {
    let wrong = || "is no subscription of a browser".to_owned();
    let Subscription { endpoint, keys } = serde_json::from_str(address).map_err(|_| wrong())?;
    let bytes =
        |text: &str| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| wrong());
    let (public, auth) = (bytes(&keys.p256dh)?, bytes(&keys.auth)?);
    if public.len() != 65 || auth.len() != 16 {
        return Err(wrong());
    }
    Ok(Browser { endpoint, public, auth })
}

/// RFC 8291 and RFC 8188: the header of one record, and the record.
fn sealed(browser: &Browser, plain: &[u8]) -> Result<Vec<u8>, Failure> {
    let failed = |_| Failure::later("The system gives no randomness.");
    let random = SystemRandom::new();
    let own =
        agreement::EphemeralPrivateKey::generate(&agreement::ECDH_P256, &random).map_err(failed)?;
    let own_public = own.compute_public_key().map_err(failed)?;
    let own_public = own_public.as_ref();
    let theirs = agreement::UnparsedPublicKey::new(&agreement::ECDH_P256, &browser.public);
    let salt: [u8; 16] = secret::random().map_err(|error| Failure::later(error.to_string()))?;
    let info = [b"WebPush: info\0".as_slice(), &browser.public, own_public].concat();
    let keys = agreement::agree_ephemeral(own, &theirs, |shared| {
        let shared = hkdf::Salt::new(hkdf::HKDF_SHA256, &browser.auth).extract(shared);
        let mut input = [0; 32];
        expand(&shared, &info, &mut input);
        let keys = hkdf::Salt::new(hkdf::HKDF_SHA256, &salt).extract(&input);
        let (mut key, mut nonce) = ([0; 16], [0; aead::NONCE_LEN]);
        expand(&keys, b"Content-Encoding: aes128gcm\0", &mut key);
        expand(&keys, b"Content-Encoding: nonce\0", &mut nonce);
        (key, nonce)
    });
    let (key, nonce) = keys.map_err(|_| Failure::never("Its key is none."))?;
    let key = aead::UnboundKey::new(&aead::AES_128_GCM, &key).map_err(failed)?;
    // 2 says that no record follows.
    let mut record = [plain, &[2]].concat();
    aead::LessSafeKey::new(key)
        .seal_in_place_append_tag(
            aead::Nonce::assume_unique_for_key(nonce),
            aead::Aad::empty(),
            &mut record,
        )
        .map_err(failed)?;
    Ok([&salt, RECORD.to_be_bytes().as_slice(), &[65], own_public, &record].concat())
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand(key: &hkdf::Prk, info: &[u8], into: &mut [u8]) {
    // It fails only for lengths beyond 255 hashes.
    if let Ok(expanded) = key.expand(&[info], Length(into.len())) {
        let _ = expanded.fill(into);
    }
}

pub struct WebPush {
    pub key: PushKey,
    pub out: Outgoing,
    pub clock: Clock,
}

impl Channel for WebPush {
    fn about(&self) -> (&str, bool) {
        ("the JSON of a browser's push subscription, which the dashboard makes", true)
    }

    fn check(&self, address: &str) -> Result<(), String> {
        self.out.check(&browser(address)?.endpoint).map(drop)
    }

    fn leads_to(&self, address: &str) -> Option<String> {
        Some(browser(address).ok()?.endpoint)
    }

    fn send<'a>(&'a self, address: &'a str, said: &'a Said<'a>) -> Sending<'a> {
        Box::pin(async move {
            let browser = browser(address).map_err(Failure::never)?;
            let endpoint = self.out.check(&browser.endpoint).map_err(Failure::never)?;
            let (message, title) = (said.message, said.title());
            // What the dashboard's service worker reads.
            let words = json!({
                "id": message.id,
                "kind": message.kind.word(),
                "urgency": said.view.urgency,
                "title": title,
                "body": text::cut(&said.beyond().unwrap_or_default(), MAX_TEXT),
                "ackUrl": message.ack_url,
                "resolveUrl": message.resolve_url,
                "url": message.url,
            });
            let body = sealed(&browser, words.to_string().as_bytes())?;
            let urgency = match message.loudness() {
                Loudness::Loud => "high",
                Loudness::Normal => "normal",
                Loudness::Quiet => "low",
            };
            let origin = endpoint.origin().ascii_serialization();
            let request = self
                .out
                .request(Method::POST, &browser.endpoint)?
                .header(AUTHORIZATION, self.key.authorization(&origin, &self.clock)?)
                .header(CONTENT_ENCODING, "aes128gcm")
                .header(CONTENT_TYPE, "application/octet-stream")
                .header("ttl", TTL.as_secs())
                .header("urgency", urgency)
                .body(body);
            let answer = self.out.send(request).await?;
            if matches!(answer.status, 404 | 410) {
                let why = "The browser has ended its subscription.".into();
                return Err(Failure::Gone { why });
            }
            answer.taken()
        })
    }
}
