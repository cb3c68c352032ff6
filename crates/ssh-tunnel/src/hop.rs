//! The way to a host: SSH servers, one behind the other.

use std::sync::Arc;

use cryptography::SecretBytes;
use outbound::Host;

use crate::Fingerprint;

/// The most SSH servers one behind the other.
const MOST_HOPS: usize = 4;

/// One SSH server on the way.
#[derive(Clone)]
pub struct Hop {
    /// Where it is; for every hop but the first, as the one before it sees it.
    pub host: Host,
    /// Its port.
    pub port: u16,
    /// Who signs in.
    pub user: String,
    /// With which private key, in OpenSSH's format.
    pub private_key: Arc<SecretBytes>,
    /// What decrypts the key.
    pub passphrase: Option<Arc<SecretBytes>>,
    /// The one host key that it may have.
    pub host_key: Fingerprint,
}

/// At least one hop, and not many. The first one is connected to by address, which the policy judges.
#[derive(Clone)]
pub struct Route(Vec<Hop>);

/// Not a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a tunnel leads through one to {MOST_HOPS} SSH servers")]
pub struct RouteError;

impl Route {
    /// Through these, in this order.
    ///
    /// # Errors
    /// None, or too many.
    pub fn new(hops: Vec<Hop>) -> Result<Self, RouteError> {
        if (1..=MOST_HOPS).contains(&hops.len()) { Ok(Self(hops)) } else { Err(RouteError) }
    }

    /// Them.
    #[must_use]
    pub fn hops(&self) -> &[Hop] {
        &self.0
    }
}
