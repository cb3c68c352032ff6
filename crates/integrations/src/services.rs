//! The services that an organization can connect accounts at: those of the catalogue, and its own.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use access_control::{ListServices, Permit};
use catalogue::{Service, ServiceKey};
use cryptography::{digest, hexadecimal};
use ids::OrganizationId;
use serde_json::json;

use crate::store::{ConnectionTrait, imported_services, oauth_clients};
use crate::{Store, StoreError};

/// How many entries of organizations stay read, and how much text, in bytes. One that is imported again and again is
/// another each time.
const MOST_KEPT: usize = 1_000;
const MOST_TEXT_KEPT: usize = 32 << 20;

/// The services of all organizations.
#[derive(Clone)]
pub struct Services {
    store: Store,
    built_in: Arc<BTreeMap<ServiceKey, Arc<Service>>>,
    /// Entries of organizations by the digest of their text, so that one is not read anew for every call.
    read: Arc<Mutex<ReadEntries>>,
}

#[derive(Default)]
struct ReadEntries {
    entries: HashMap<Vec<u8>, Arc<Service>>,
    /// How long their texts are together.
    bytes: usize,
}

/// A service, and where its entry comes from.
#[derive(Clone, Debug)]
pub struct KnownService {
    /// The entry.
    pub service: Arc<Service>,
    /// For one of the organization's own, the digest of what says where credentials go ([`destination_digest`]). An entry
    /// inside the binary has none: whoever could change it could change everything.
    pub imported: Option<String>,
}

/// A service, as an organization sees it.
#[derive(Clone, Debug)]
pub struct OfferedService {
    /// The entry.
    pub known: KnownService,
    /// Whether the organization said what it is registered as there.
    pub has_client: bool,
}

impl std::fmt::Debug for Services {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Services").field("built_in", &self.built_in.len()).finish_non_exhaustive()
    }
}

impl Services {
    /// These entries for everybody, and for each organization its own from the store.
    #[must_use]
    pub fn new(store: Store, built_in: impl IntoIterator<Item = Arc<Service>>) -> Self {
        let built_in = built_in.into_iter().map(|service| (service.id.clone(), service)).collect();
        Self { store, built_in: Arc::new(built_in), read: Arc::default() }
    }

    /// The services that the organization can connect accounts at, by name, at most so many after one.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn list(
        &self,
        permit: &Permit<ListServices>,
        after: Option<&ServiceKey>,
        most: usize,
    ) -> Result<Vec<OfferedService>, StoreError> {
        let organization = permit.organization();
        let database = self.store.database();
        let definitions = imported_services::definitions(database, organization).await?;
        let services = self.clone();
        // Many megabytes of text may have to be read and digested.
        let read = tokio::task::spawn_blocking(move || services.all_imported(&definitions));
        let mut all = read.await.map_err(|_| StoreError::Unreadable("imported_services"))??;
        for (key, service) in &*self.built_in {
            all.insert(key.clone(), KnownService { service: Arc::clone(service), imported: None });
        }
        let clients = oauth_clients::services(database, organization).await?;
        let later = all.into_iter().filter(|(key, _)| after.is_none_or(|after| key > after));
        let offered = |(key, known): (ServiceKey, KnownService)| {
            let has_client = clients.contains(key.as_str());
            OfferedService { known, has_client }
        };
        Ok(later.take(most).map(offered).collect())
    }

    /// One of them.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn read(
        &self,
        permit: &Permit<ListServices>,
        key: &ServiceKey,
    ) -> Result<Option<OfferedService>, StoreError> {
        let organization = permit.organization();
        let Some(known) = self.find(organization, key).await? else { return Ok(None) };
        let client = oauth_clients::at_service(self.store.database(), organization, key).await?;
        Ok(Some(OfferedService { known, has_client: client.is_some() }))
    }

    /// The service of this name: of the catalogue, or the organization's own.
    ///
    /// # Errors
    /// The store is not available, or holds what is no entry.
    pub async fn find(
        &self,
        organization: OrganizationId,
        key: &ServiceKey,
    ) -> Result<Option<KnownService>, StoreError> {
        self.find_in(self.store.database(), organization, key).await
    }

    /// The same, inside of a transaction or beside one.
    ///
    /// # Errors
    /// As there.
    pub(crate) async fn find_in(
        &self,
        database: &impl ConnectionTrait,
        organization: OrganizationId,
        key: &ServiceKey,
    ) -> Result<Option<KnownService>, StoreError> {
        // Accounts of an organization's own service do not follow to one of the catalogue that gets the same name later:
        // the digest that is sealed with them is missing there.
        if let Some(service) = self.built_in.get(key) {
            return Ok(Some(KnownService { service: Arc::clone(service), imported: None }));
        }
        let Some(definition) = imported_services::definition(database, organization, key).await? else {
            return Ok(None);
        };
        let known = self.imported(&definition)?;
        if known.service.id == *key {
            Ok(Some(known))
        } else {
            Err(StoreError::Unreadable("imported_services"))
        }
    }

    /// Whether the catalogue has a service of this name.
    #[must_use]
    pub fn is_built_in(&self, key: &ServiceKey) -> bool {
        self.built_in.contains_key(key)
    }

    fn all_imported(&self, definitions: &[String]) -> Result<BTreeMap<ServiceKey, KnownService>, StoreError> {
        let known = definitions.iter().map(|definition| self.imported(definition));
        known.map(|known| known.map(|known| (known.service.id.clone(), known))).collect()
    }

    fn imported(&self, definition: &str) -> Result<KnownService, StoreError> {
        let sum = digest(definition.as_bytes());
        let known = self.read.lock().unwrap_or_else(PoisonError::into_inner).entries.get(&sum).cloned();
        let service = match known {
            Some(known) => known,
            None => {
                let service =
                    Service::parse(definition).map_err(|_| StoreError::Unreadable("imported_services"))?;
                let service = Arc::new(service);
                let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
                if read.entries.len() >= MOST_KEPT || read.bytes + definition.len() > MOST_TEXT_KEPT {
                    *read = ReadEntries::default();
                }
                read.bytes += definition.len();
                read.entries.insert(sum, Arc::clone(&service));
                service
            }
        };
        let imported = Some(destination_digest(&service));
        Ok(KnownService { service, imported })
    }
}

/// The digest of everything in an entry that says where credentials go, and what is sent along: two entries with the same
/// one send them to the same places in the same way.
#[must_use]
pub fn destination_digest(service: &Service) -> String {
    let Service { authentication, api, variables, learned, .. } = service;
    // Maps are sorted, and structures have an order: the text is always the same.
    let text = json!([authentication, api.base, api.hosts, api.credential, api.headers, variables, learned,]);
    format!("sha256:{}", hexadecimal::encode(&digest(text.to_string().as_bytes())))
}
