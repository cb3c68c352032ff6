//! Connections to services: judged addresses, TLS, and nothing that a client would do by itself.

use std::collections::HashMap;
use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use outbound::{AddressPolicy, OutboundError};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::{ClientConfig, RootCertStore};
use url::{Host, Url};

use crate::{ClientError, ClientNetwork, NotSent};

/// How long a connection may take to open, from the name to the end of the TLS handshake; at most half of the patience, so
/// that a service that cannot be reached is not taken for one that does not answer.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a connection is kept without a call. Most servers keep them for a minute or longer.
const IDLE: Duration = Duration::from_secs(20);
/// How many connections without a call are kept to one host.
const MOST_IDLE: usize = 64;
/// How many ports services may have that are not 443; each has connections of its own.
const MOST_PORTS: usize = 64;

/// Connections to services.
pub(crate) struct Connections {
    network: ClientNetwork,
    tls: ClientConfig,
    open: Mutex<HashMap<(u16, Kept), reqwest::Client>>,
}

/// Whether a connection is used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kept {
    /// For the next call.
    Open,
    /// Not. A service that closes a kept connection at the moment when a request goes out leaves us not knowing whether it
    /// saw the request: that costs a refresh token, so tokens go over connections of their own.
    Once,
}

impl Connections {
    pub(crate) fn new(network: ClientNetwork) -> Result<Self, ClientError> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for root in &network.roots {
            roots.add(root.clone()).map_err(|_| ClientError::Roots)?;
        }
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()
            .map_err(|_| ClientError::Tls)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connections = Self { network, tls, open: Mutex::default() };
        connections.client(HTTPS, Kept::Open).map_err(|_| ClientError::Tls)?;
        Ok(connections)
    }

    /// How long a token request may take.
    pub(crate) const fn patience(&self) -> Duration {
        self.network.patience
    }

    /// What sends a request to this URL.
    pub(crate) fn to(&self, url: &Url, kept: Kept) -> Result<reqwest::Client, NotSent> {
        let port = url.port_or_known_default().ok_or(NotSent::Request)?;
        // No name, so nobody asks for its address: judged here.
        let literal = match url.host().ok_or(NotSent::Request)? {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(IpAddr::V4(address)),
            Host::Ipv6(address) => Some(IpAddr::V6(address)),
        };
        if let Some(address) = literal {
            self.network.addresses.permits_at(SocketAddr::new(address, port))?;
        }
        self.client(port, kept)
    }

    /// The client for a port. A resolver is told a name and no port, and which of our own addresses is refused depends on
    /// the port.
    fn client(&self, port: u16, kept: Kept) -> Result<reqwest::Client, NotSent> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = open.get(&(port, kept)) {
            return Ok(client.clone());
        }
        if open.len() >= MOST_PORTS {
            open.retain(|(port, _), _| *port == HTTPS);
        }
        let names = JudgedNames {
            addresses: Arc::clone(&self.network.addresses),
            known: self.network.resolve.iter().cloned().collect(),
            port,
        };
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(self.tls.clone())
            .https_only(true)
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .user_agent("vybe-control-plane")
            .no_proxy()
            .connect_timeout(CONNECT.min(self.network.patience / 2))
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(if kept == Kept::Open { MOST_IDLE } else { 0 })
            .dns_resolver(Arc::new(names))
            .build()
            .map_err(|_| NotSent::Request)?;
        open.insert((port, kept), client.clone());
        Ok(client)
    }
}

const HTTPS: u16 = 443;

/// Names, with every address judged.
struct JudgedNames {
    addresses: Arc<AddressPolicy>,
    known: HashMap<String, SocketAddr>,
    port: u16,
}

impl Resolve for JudgedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, known, port) =
            (Arc::clone(&self.addresses), self.known.get(name.as_str()).copied(), self.port);
        Box::pin(async move {
            let addresses = match known {
                Some(address) => {
                    policy.permits_at(address).map_err(NotSent::Address)?;
                    vec![address]
                }
                None => {
                    let host = name.as_str().parse().map_err(|_| NotSent::Name)?;
                    outbound::resolve(&host, port, &policy).await.map_err(|error| match error {
                        OutboundError::Address(refused) => NotSent::Address(refused),
                        OutboundError::Name | OutboundError::Timeout => NotSent::Name,
                        OutboundError::Tcp => NotSent::Connection,
                    })?
                }
            };
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Why a request did not leave, if it is certain that it did not.
pub(crate) fn not_sent(error: &reqwest::Error) -> Option<NotSent> {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(inner) = cause {
        if let Some(known) = inner.downcast_ref::<NotSent>() {
            return Some(known.clone());
        }
        cause = inner.source();
    }
    if error.is_builder() {
        return Some(NotSent::Request);
    }
    error.is_connect().then_some(NotSent::Connection)
}
