//! What a client is made with.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use outbound::AddressPolicy;
use rustls::pki_types::CertificateDer;

/// What a client is made with.
#[derive(Clone, Debug)]
pub struct ClientNetwork {
    /// Which addresses may be connected to, named or literal.
    pub addresses: Arc<AddressPolicy>,
    /// Authorities besides those of the public internet.
    pub roots: Vec<CertificateDer<'static>>,
    /// Hosts whose address is not asked for but known; judged as any other.
    pub resolve: Vec<(String, SocketAddr)>,
    /// How long a token request, a revocation or a fetched document may take, from the name to the last byte.
    pub patience: Duration,
}

/// Why there is no client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// One of the authorities is no certificate.
    #[error("one of the certificate authorities is no certificate")]
    Roots,
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls,
}
