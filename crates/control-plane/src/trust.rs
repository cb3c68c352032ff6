//! Whom to trust when the platform itself is the client: Mozilla's authorities, and the operator's.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use crate::StartError;
use crate::config::{Config, ConfigError};

/// Makes ring the process's cryptography, for libraries that ask for a default.
pub(crate) fn install_cryptography() {
    // A second call in one process (tests) finds it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The operator's authorities.
pub(crate) fn extra_authorities(config: &Config) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    match &config.sign_in.extra_authorities {
        Some(path) => {
            authorities(path).map_err(|reason| ConfigError::key("sign_in.extra_authorities", reason))
        }
        None => Ok(Vec::new()),
    }
}

/// The certificates of a PEM file.
pub(crate) fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let unreadable = |error: &dyn std::fmt::Display| {
        format!("cannot read the certificates in {}: {error}", path.display())
    };
    let all = CertificateDer::pem_file_iter(path)
        .map_err(|error| unreadable(&error))?
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unreadable(&error))?;
    if all.is_empty() {
        return Err(unreadable(&"there is none"));
    }
    Ok(all)
}

/// The client side of TLS.
pub(crate) fn client_config(extra: &[CertificateDer<'static>]) -> Result<ClientConfig, StartError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for certificate in extra {
        roots.add(certificate.clone()).map_err(|error| {
            ConfigError::key("sign_in.extra_authorities", format!("not an authority's certificate: {error}"))
        })?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| StartError::Server(format!("TLS cannot be set up: {error}")))?;
    Ok(versions.with_root_certificates(roots).with_no_client_auth())
}
