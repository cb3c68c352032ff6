//! Services that the demo's platform reaches besides those of the internet.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use catalogue::{Service, built_in};
use outbound::AddressPolicy;
use rustls::pki_types::CertificateDer;
use service_client::ClientNetwork;

use crate::platform::{SERVICE_PATIENCE, ServiceSettings};
use crate::{StartError, trust};

/// Services on this machine.
#[derive(Clone, Default)]
pub struct ReachableServices {
    /// Services that are in no catalogue.
    pub services: Vec<Arc<Service>>,
    /// Where hosts are, whatever names resolve to.
    pub hosts: Vec<(String, SocketAddr)>,
    /// Authorities of their certificates, besides the demo's own.
    pub authorities: Vec<CertificateDer<'static>>,
}

impl ReachableServices {
    /// How the platform reaches them: on loopback, but not its own listeners.
    pub(super) fn settings(
        self,
        authority: &Path,
        listeners: Vec<SocketAddr>,
    ) -> Result<ServiceSettings, StartError> {
        let mut roots = trust::authorities(authority).map_err(StartError::Server)?;
        roots.extend(self.authorities);
        let network = ClientNetwork {
            addresses: Arc::new(AddressPolicy::new(vec![super::loopback()?]).refusing(listeners)),
            roots,
            resolve: self.hosts,
            patience: SERVICE_PATIENCE,
        };
        let catalogue = built_in().services().cloned().chain(self.services).collect();
        Ok(ServiceSettings { network, catalogue })
    }
}
