//! Authorities that a customer gives in PEM.

use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

/// What is wrong with authorities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthoritiesError {
    /// No certificate.
    #[error("there is no certificate in PEM: -----BEGIN CERTIFICATE----- and so on")]
    None,
    /// Broken ones.
    #[error("a certificate cannot be read")]
    Unreadable,
}

/// The authorities as what certificates are checked against.
pub(crate) fn roots(pem: &str) -> Result<RootCertStore, AuthoritiesError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|_| AuthoritiesError::Unreadable)?;
        roots.add(certificate).map_err(|_| AuthoritiesError::Unreadable)?;
    }
    if roots.is_empty() { Err(AuthoritiesError::None) } else { Ok(roots) }
}

/// Whether these are authorities that certificates can be checked against.
///
/// # Errors
/// None, or one that cannot be read.
pub fn check_authorities(pem: &str) -> Result<(), AuthoritiesError> {
    roots(pem).map(drop)
}
