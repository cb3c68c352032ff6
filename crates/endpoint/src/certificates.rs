//! The server's certificate: from PEM files that may be replaced while it runs, or from memory.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, version};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

/// How often the files are looked at.
const POLL: Duration = Duration::from_secs(2);

/// Why a certificate cannot be used.
#[derive(Debug, Error)]
pub enum CertificateError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// There is no certificate in it.
    #[error("{0} holds no PEM certificate (-----BEGIN CERTIFICATE-----)")]
    NoCertificate(String),
    /// There is no private key in it.
    #[error("{0} holds no PEM private key (-----BEGIN PRIVATE KEY-----)")]
    NoKey(String),
    /// The two do not fit, or the kind of key is not known.
    #[error("the certificate and the private key cannot be used together: {0}")]
    Unusable(rustls::Error),
    /// TLS itself cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(rustls::Error),
}

/// A certificate chain and its key, replaceable while connections use it.
#[derive(Clone)]
pub struct Certificates {
    current: Arc<Current>,
    files: Option<Arc<Files>>,
}

struct Files {
    chain: PathBuf,
    key: PathBuf,
}

struct Current(ArcSwap<CertifiedKey>);

impl fmt::Debug for Current {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Current")
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Certificates")
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl Certificates {
    /// From a chain and a key in PEM files. While a server runs, the files are watched.
    ///
    /// # Errors
    /// When a file cannot be read or used; the message names it.
    pub fn from_files(chain: &Path, key: &Path) -> Result<Self, CertificateError> {
        let files = Files { chain: chain.to_owned(), key: key.to_owned() };
        let (chain, key) = files.read()?;
        let mut certificates = Self::of(&files.certified(&chain, &key)?);
        certificates.files = Some(Arc::new(files));
        Ok(certificates)
    }

    /// From a chain and a key in PEM, in memory.
    ///
    /// # Errors
    /// When they cannot be used.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        Ok(Self::of(&certified(chain, key, "the chain", "the key")?))
    }

    fn of(certified: &Arc<CertifiedKey>) -> Self {
        Self { current: Arc::new(Current(ArcSwap::new(Arc::clone(certified)))), files: None }
    }

    /// TLS 1.2 and 1.3, HTTP/1.1 only: `h2` is not offered (docs/adr/0003).
    pub(crate) fn server_config(&self) -> Result<Arc<ServerConfig>, CertificateError> {
        let resolver: Arc<dyn ResolvesServerCert> = Arc::<Current>::clone(&self.current);
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .map_err(CertificateError::Tls)?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // The order is ours, AES-256-GCM first, however a client would have it.
        config.ignore_client_order = true;
        config.ticketer = rustls::crypto::ring::Ticketer::new().map_err(CertificateError::Tls)?;
        Ok(Arc::new(config))
    }

    /// Follows the files for as long as it is polled. Files that cannot be used are reported once and
    /// change nothing.
    pub(crate) async fn follow_files(self) {
        let Some(files) = self.files.clone() else { return };
        let mut seen = files.read().ok();
        loop {
            tokio::time::sleep(POLL).await;
            let reader = Arc::clone(&files);
            let read = match tokio::task::spawn_blocking(move || reader.read()).await {
                Ok(Ok(read)) => Some(read),
                Ok(Err(error)) if seen.is_some() => {
                    tracing::error!(%error, "the certificate files are gone; the loaded ones stay in use");
                    None
                }
                _ => None,
            };
            if read == seen {
                continue;
            }
            if let Some((chain, key)) = &read {
                match files.certified(chain, key) {
                    Ok(certified) => {
                        self.current.0.store(certified);
                        tracing::info!(path = %files.chain.display(), "the certificate was replaced");
                    }
                    Err(error) => {
                        tracing::error!(%error, "the new certificate cannot be used; the old one stays");
                    }
                }
            }
            seen = read;
        }
    }
}

impl Files {
    fn read(&self) -> Result<(Vec<u8>, Vec<u8>), CertificateError> {
        let read = |path: &Path| {
            std::fs::read(path)
                .map_err(|source| CertificateError::Unreadable { path: path.to_owned(), source })
        };
        Ok((read(&self.chain)?, read(&self.key)?))
    }

    fn certified(&self, chain: &[u8], key: &[u8]) -> Result<Arc<CertifiedKey>, CertificateError> {
        certified(chain, key, &self.chain.display().to_string(), &self.key.display().to_string())
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn certified(
    chain: &[u8],
    key: &[u8],
    chain_name: &str,
    key_name: &str,
) -> Result<Arc<CertifiedKey>, CertificateError> {
    let chain = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| CertificateError::NoCertificate(chain_name.to_owned()))?;
    if chain.is_empty() {
        return Err(CertificateError::NoCertificate(chain_name.to_owned()));
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| CertificateError::NoKey(key_name.to_owned()))?;
    let certified = CertifiedKey::from_der(chain, key, &provider()).map_err(CertificateError::Unusable)?;
    certified.keys_match().map_err(CertificateError::Unusable)?;
    Ok(Arc::new(certified))
}
