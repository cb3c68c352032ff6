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

/// What certificates are checked against.
#[derive(Debug, Clone)]
pub(crate) struct Authorities {
    pub(crate) roots: RootCertStore,
    /// The same as they were given: a server may present one of them as its own certificate.
    pub(crate) certificates: Vec<CertificateDer<'static>>,
}

impl Authorities {
    pub(crate) fn read(pem: &str) -> Result<Self, AuthoritiesError> {
        let mut roots = RootCertStore::empty();
        let mut certificates = Vec::new();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(|_| AuthoritiesError::Unreadable)?;
            roots.add(certificate.clone()).map_err(|_| AuthoritiesError::Unreadable)?;
            certificates.push(certificate);
        }
        if roots.is_empty() { Err(AuthoritiesError::None) } else { Ok(Self { roots, certificates }) }
    }
}

/// Whether these are authorities that certificates can be checked against.
///
/// # Errors
/// None, or one that cannot be read.
pub fn check_authorities(pem: &str) -> Result<(), AuthoritiesError> {
    Authorities::read(pem).map(drop)
}
