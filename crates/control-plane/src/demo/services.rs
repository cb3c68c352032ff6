//! Services that the demo's platform reaches besides those of the internet.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use access_control::{
    Action, Check, ListOauthClients, ManageOauthClients, Permit, Principal, Scope, SignedIn, authorize,
};
use audit::Occasion;
use catalogue::{Service, ServiceKey, built_in};
use development::{Certificates, DemoService, Folder, Seeded, signed_in};
use endpoint::Sites;
use integrations::{CALLBACK_PATH, GivenClient, GivenSecret};
use outbound::AddressPolicy;
use rustls::pki_types::CertificateDer;
use service_client::{CallLimits, ClientNetwork, SecretText};
use time::OffsetDateTime;

use super::{HOST, failed};
use crate::platform::{Platform, SERVICE_PATIENCE, ServiceSettings};
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
        Ok(ServiceSettings { network, limits: CallLimits::default(), catalogue })
    }
}

/// Starts the demo service, and adds it to what the platform reaches.
pub(super) async fn start(
    folder: &Folder,
    certificates: &Certificates,
    sites: &Sites,
    reachable: &mut ReachableServices,
) -> Result<DemoService, StartError> {
    let redirect = format!("{}{CALLBACK_PATH}", sites.platform_origin());
    let service = DemoService::start(folder, certificates, &format!("notes.{HOST}"), &redirect).await?;
    for entry in service.entries() {
        reachable.services.push(Arc::new(Service::parse(&entry).map_err(failed)?));
    }
    reachable.hosts.push(service.resolve());
    Ok(service)
}

/// Registers the organization at the demo service, in the name of Olivia Owner: accounts can be connected at once.
pub(super) async fn offer(
    platform: &Platform,
    seeded: &Seeded,
    service: &DemoService,
) -> Result<(), StartError> {
    let owner = signed_in(seeded.people.get("owner").ok_or_else(|| failed("the demo Owner is missing"))?);
    let key: ServiceKey = DemoService::SERVICE.parse().map_err(failed)?;
    let clients = &platform.oauth_clients;
    let list = permit::<ListOauthClients>(platform, seeded, &owner)?;
    let known = clients.list(&list, None, usize::MAX >> 1).await.map_err(failed)?;
    if known.iter().any(|client| client.service == key) {
        return Ok(());
    }
    let given = GivenClient {
        client_id: DemoService::CLIENT_ID.to_owned(),
        secret: GivenSecret::Text(SecretText::from(service.client_secret())),
        scopes: std::collections::BTreeSet::new(),
    };
    let occasion = Occasion::now();
    let manage = permit::<ManageOauthClients>(platform, seeded, &owner)?;
    clients.create(&manage, &key, given, occasion).await.map_err(failed)?;
    Ok(())
}

fn permit<A: Action>(platform: &Platform, seeded: &Seeded, person: &SignedIn) -> Result<Permit<A>, StartError>
where
    A::Scope: Check + Scope<Object = ids::OrganizationId>,
{
    let person = Principal::User(person.clone());
    let now = OffsetDateTime::now_utc();
    authorize::<A>(Some(&person), seeded.organization, &platform.directory, now).map_err(failed)
}
