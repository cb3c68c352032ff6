//! Certificates for tests.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

/// A certificate authority of a test's own.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate for some host names, and its key.
#[derive(Clone)]
pub struct HostCertificate {
    /// The certificate, PEM.
    pub certificate: String,
    /// Its private key, PEM (PKCS#8).
    pub key: String,
}

impl Authority {
    /// A new one.
    ///
    /// # Panics
    /// No key can be made.
    #[must_use]
    pub fn new() -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).expect("no names");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        parameters.distinguished_name.push(DnType::CommonName, "test authority");
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(parameters, key).expect("a self-signed certificate");
        Self { issuer }
    }

    /// A certificate for these DNS names (`*.` in front for all names one label below) or addresses.
    ///
    /// # Panics
    /// A name is not one.
    #[must_use]
    pub fn certificate_for(&self, names: &[&str]) -> HostCertificate {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let parameters = CertificateParams::new(names).expect("names");
        let key = KeyPair::generate().expect("a key");
        let certificate = parameters.signed_by(&key, &self.issuer).expect("a signed certificate");
        HostCertificate { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// Its own certificate, PEM.
    #[must_use]
    pub fn certificate(&self) -> String {
        self.issuer.pem()
    }

    /// Trust in it and in nobody else.
    #[must_use]
    pub fn trust(&self) -> Trust {
        Trust::in_pem(&self.certificate())
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

/// What a client believes about servers' certificates, and the protocols it offers.
#[derive(Clone, Debug)]
pub struct Trust {
    pub(crate) configuration: Arc<ClientConfig>,
}

impl Trust {
    /// Trust in the authorities of this PEM text; offers HTTP/1.1.
    ///
    /// # Panics
    /// It holds no certificate.
    #[must_use]
    pub fn in_pem(pem: &str) -> Self {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            roots.add(certificate.expect("a certificate")).expect("an authority");
        }
        assert!(!roots.is_empty(), "no certificate in the PEM text");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut configuration = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring speaks TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        configuration.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self { configuration: Arc::new(configuration) }
    }

    /// The same, offering these protocols (ALPN) instead, best first.
    #[must_use]
    pub fn offering(&self, protocols: &[&[u8]]) -> Self {
        let mut configuration = ClientConfig::clone(&self.configuration);
        configuration.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Self { configuration: Arc::new(configuration) }
    }
}
