//! Whom we trust when we call: the host's certificate authorities; where there are none, Mozilla's;
//! and an operator's own.
use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::error::{Error, Result};

/// Reading the host's certificates takes milliseconds that plain HTTP need not pay.
///
/// # Errors
/// `Internal` when TLS cannot be set up.
pub fn config(secure: bool, own: &[CertificateDer<'static>]) -> Result<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    if secure {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        roots.add_parsable_certificates(own.iter().cloned());
    }
    let provider = rustls::crypto::ring::default_provider();
    Ok(rustls::ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .map_err(Error::internal)?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// The authorities of a PEM file.
///
/// # Errors
/// `Invalid`, naming `key`.
pub fn authorities(key: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let unreadable = |why: &dyn std::fmt::Display| {
        Error::invalid(key, format!("{}: {why}", file.display()))
            .hint("Name a PEM file with the certificate of each authority.")
    };
    let found: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|why| unreadable(&why))?;
    if found.is_empty() {
        return Err(unreadable(&"holds no certificate"));
    }
    Ok(found)
}
