//! Whom we trust when we call: the host's certificate authorities; where there are none, Mozilla's.
use crate::error::{Error, Result};

/// Reading the host's certificates takes milliseconds that plain HTTP need not pay.
///
/// # Errors
/// `Internal` when TLS cannot be set up.
pub fn config(secure: bool) -> Result<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    if secure {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
    }
    let provider = rustls::crypto::ring::default_provider();
    Ok(rustls::ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .map_err(Error::internal)?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
