//! Our side of https: a certificate and its key from PEM files, which may be renewed while the
//! server runs.
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::clock::Clock;
use crate::config::{self, Current};
use crate::error::{Error, Result};
use crate::secret;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_mins(1);
/// The first byte of a TLS handshake.
const HANDSHAKE: u8 = 0x16;
/// For who speaks plain HTTP where https is spoken: any other end looks like a fault of the net.
const PLAIN: &[u8] = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\
    Content-Type: text/plain\r\nContent-Length: 40\r\n\r\nThis port speaks https: write https://.\n";

/// When each file was changed, and how long it is.
type Stamp = [Option<(SystemTime, u64)>; 2];

/// The certificate that is shown now.
pub struct Tls {
    now: RwLock<Arc<ServerConfig>>,
    seen: Mutex<Stamp>,
}

fn stamp(files: &config::Tls) -> Stamp {
    [&files.cert, &files.key].map(|file| {
        let about = fs::metadata(file.as_ref()?).ok()?;
        Some((about.modified().ok()?, about.len()))
    })
}

/// Reads and tries the pair; none if none is named.
///
/// # Errors
/// `Invalid`, naming the key of the configuration.
pub fn load(files: &config::Tls) -> Result<Option<ServerConfig>> {
    let (Some(cert), Some(key)) = (&files.cert, &files.key) else { return Ok(None) };
    let wrong = |key: &str, file: &Path, why: String| {
        Error::invalid(key, format!("{} {why}", file.display()))
    };
    let unreadable = |key: &str, file: &Path, why: rustls::pki_types::pem::Error| match why {
        rustls::pki_types::pem::Error::Io(why) => {
            wrong(key, file, format!("cannot be read: {why}"))
                .hint("The user that runs the server, who owns its data, must be able to read it.")
        }
        _ => wrong(key, file, "holds nothing of that kind in PEM".into()),
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect)
        .map_err(|why| unreadable("tls.cert", cert, why))?;
    if chain.is_empty() {
        return Err(wrong("tls.cert", cert, "holds no certificate in PEM".into()));
    }
    let private =
        PrivateKeyDer::from_pem_file(key).map_err(|why| unreadable("tls.key", key, why))?;
    secret::check_private(key).map_err(|error| {
        let hint = error.hint.unwrap_or_default();
        Error::invalid("tls.key", error.detail).hint(hint)
    })?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Error::internal)?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|why| wrong("tls.key", key, format!("does not fit {}: {why}", cert.display())))?;
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(tls))
}

impl Tls {
    /// None if no certificate is named.
    ///
    /// # Errors
    /// As `load`.
    pub fn new(files: &config::Tls) -> Result<Option<Arc<Self>>> {
        let seen = Mutex::new(stamp(files));
        let tls = load(files)?;
        Ok(tls.map(|tls| Arc::new(Self { now: RwLock::new(Arc::new(tls)), seen })))
    }

    /// Shows what `load` gave from now on.
    pub fn replace(&self, tls: ServerConfig, files: &config::Tls) {
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(tls);
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = stamp(files);
    }

    /// Reads the files again when they have changed; until they are a pair, the old one stays.
    pub async fn watch(self: Arc<Self>, clock: Clock, config: Current) {
        loop {
            clock.sleep(LOOK_EVERY).await;
            let files = config.now().tls.clone();
            let seen = *self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if stamp(&files) == seen {
                continue;
            }
            match load(&files) {
                Ok(Some(tls)) => {
                    self.replace(tls, &files);
                    tracing::info!("the certificate has changed; new connections see the new one");
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "the old certificate stays"),
            }
        }
    }

    /// None if the other side does not speak TLS, or not in time.
    pub async fn accept(
        &self,
        mut stream: TcpStream,
        within: Duration,
    ) -> Option<TlsStream<TcpStream>> {
        let now = self.now.read().unwrap_or_else(PoisonError::into_inner).clone();
        let meet = async {
            let mut first = [0];
            let read = stream.peek(&mut first).await.ok()?;
            if read == 1 && first[0] != HANDSHAKE {
                // What it makes of that is its own affair.
                let _ = stream.write_all(PLAIN).await;
                let _ = stream.shutdown().await;
                return None;
            }
            match TlsAcceptor::from(now).accept(stream).await {
                Ok(stream) => Some(stream),
                Err(error) => {
                    tracing::debug!(%error, "a TLS handshake failed");
                    None
                }
            }
        };
        #[expect(clippy::disallowed_methods, reason = "real time bounds a real connection")]
        let met = tokio::time::timeout(within, meet).await;
        met.ok().flatten()
    }
}
