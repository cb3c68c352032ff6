//! Services of organizations' own: imported from documents, again when those change, and deleted.

use std::fmt;
use std::sync::Arc;

use access_control::{Action as _, ListServices, ManageServices, Permit};
use audit::{Actor, Event, Occasion, Target};
use catalogue::{
    Answer, Answers, Authentication, Import, LARGEST_DOCUMENT, Proposal, Service, ServiceChange, ServiceKey,
    Template,
};
use cryptography::{digest, hexadecimal};
use ids::{ImportedServiceId, OrganizationId};
use serde_json::{Value, json};
use service_client::ServiceClient;
use tokio::sync::Semaphore;
use url::Url;

use crate::organization_turns::OrganizationTurns;
use crate::store::{ConnectionTrait, accounts, imported_services, oauth_clients};
use crate::{ImportedService, ImportedServiceError, ReconnectCause, Store, destination_digest};

/// The most services of one organization's own.
const MOST: u64 = 1_000;
/// The most that they take together, in MiB: lists of services read them all.
const LARGEST_TOGETHER: u64 = 16;
/// The largest entry that is kept, in KiB.
const LARGEST_ENTRY: usize = 384;
/// How many documents are read at once: the largest takes about 200 MB of memory.
const READ_AT_ONCE: usize = 3;
/// How many are fetched and read at once in each organization.
const AT_ONCE_OF_AN_ORGANIZATION: usize = 2;
/// How many places are tried for a document that another one leads to.
const MOST_PLACES: usize = 4;
/// How many breaking changes the audit trail names.
const NAMED_CHANGES: usize = 20;

/// The services that organizations imported.
#[derive(Clone)]
pub struct ImportedServices {
    store: Store,
    client: ServiceClient,
    readers: Arc<Semaphore>,
    turns: OrganizationTurns,
}

/// What an entry is made of.
#[derive(Clone, Debug)]
pub struct GivenDocument {
    /// The document.
    pub document: DocumentSource,
    /// The metadata of the authorization server that it leads to; without it, it is fetched from where the document says.
    pub authorization_server: Option<String>,
    /// What was answered so far.
    pub answers: Answers,
    /// The digest of the entry that somebody looked at ([`ProposedEntry`]): another one is not imported. None takes
    /// whatever comes out.
    pub expected_entry: Option<String>,
}

/// A document, as people give it.
#[derive(Clone, Debug)]
pub enum DocumentSource {
    /// Its text.
    Text(String),
    /// Where it is.
    Url(Url),
}

/// What would come out.
#[derive(Clone, Debug)]
pub struct Proposed {
    /// What the importer says.
    pub proposal: Proposal,
    /// The entry as it would be kept; none as long as there are questions.
    pub entry: Option<ProposedEntry>,
    /// For one that is imported again, what would change, breaking changes first.
    pub changes: Vec<ServiceChange>,
    /// How many accounts would have to be connected again, because credentials would go elsewhere.
    pub accounts_to_reconnect: u64,
}

/// An entry as it would be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposedEntry {
    /// As TOML.
    pub text: String,
    /// The digest of the text: what is imported after somebody looked at it is this and nothing else.
    pub digest: String,
}

/// What was imported again.
#[derive(Clone, Debug)]
pub struct Reimported {
    /// As it is now.
    pub imported: ImportedService,
    /// What changed.
    pub changes: Vec<ServiceChange>,
    /// How many accounts have to be connected again, because credentials go elsewhere.
    pub accounts_to_reconnect: usize,
}

impl fmt::Debug for ImportedServices {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ImportedServices").finish_non_exhaustive()
    }
}

impl ImportedServices {
    /// The services in this store; documents are fetched by the client.
    #[must_use]
    pub fn new(store: Store, client: ServiceClient) -> Self {
        let readers = Arc::new(Semaphore::new(READ_AT_ONCE));
        Self { store, client, readers, turns: OrganizationTurns::new(AT_ONCE_OF_AN_ORGANIZATION) }
    }

    /// The organization's own services in the order in which they were imported, at most so many after one.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn list(
        &self,
        permit: &Permit<ListServices>,
        after: Option<ImportedServiceId>,
        most: usize,
    ) -> Result<Vec<ImportedService>, ImportedServiceError> {
        Ok(imported_services::list(self.store.database(), permit.organization(), after, most).await?)
    }

    /// One of them.
    ///
    /// # Errors
    /// There is no such service, or the store is not available.
    pub async fn find(
        &self,
        permit: &Permit<ListServices>,
        id: ImportedServiceId,
    ) -> Result<ImportedService, ImportedServiceError> {
        self.read(permit.organization(), id).await
    }

    /// The identifier of the one with this stable name, if there is one.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn id_at_service(
        &self,
        permit: &Permit<ListServices>,
        service: &ServiceKey,
    ) -> Result<Option<ImportedServiceId>, ImportedServiceError> {
        let organization = permit.organization();
        Ok(imported_services::id_at_service(self.store.database(), organization, service).await?)
    }

    /// What would come out of a document, and what has to be answered first. For a service that there is, what would change.
    ///
    /// # Errors
    /// The document cannot be had or becomes no entry; there is no such service.
    pub async fn propose(
        &self,
        permit: &Permit<ManageServices>,
        given: GivenDocument,
        again: Option<ImportedServiceId>,
    ) -> Result<Proposed, ImportedServiceError> {
        let organization = permit.organization();
        let before = match again {
            Some(id) => Some(self.read(organization, id).await?),
            None => None,
        };
        let mut proposal = self.proposal(organization, given, before.as_ref()).await?;
        let Some(service) = proposal.service.take() else {
            return Ok(Proposed { proposal, entry: None, changes: Vec::new(), accounts_to_reconnect: 0 });
        };
        let service = own(service, before.as_ref())?;
        let entry = ProposedEntry::of(&service)?;
        let (mut changes, mut accounts_to_reconnect) = (Vec::new(), 0);
        if let Some(before) = &before {
            changes = before.service.changes(&service);
            if destination_digest(&service) != before.digest {
                let database = self.store.database();
                accounts_to_reconnect =
                    accounts::count_active_at_service(database, organization, &service.id).await?;
            }
        }
        proposal.service = Some(service);
        Ok(Proposed { proposal, entry: Some(entry), changes, accounts_to_reconnect })
    }

    /// Imports a service.
    ///
    /// # Errors
    /// The document cannot be had, becomes no entry or another one than was looked at, or leaves something open; there is one
    /// of this name; there are too many.
    pub async fn create(
        &self,
        permit: &Permit<ManageServices>,
        given: GivenDocument,
        occasion: Occasion,
    ) -> Result<ImportedService, ImportedServiceError> {
        let (source, expected) = (given.document.address(), given.expected_entry.clone());
        let service = own(complete(self.proposal(permit.organization(), given, None).await?)?, None)?;
        ProposedEntry::of(&service)?.check(expected.as_deref())?;
        let imported = ImportedService {
            id: ImportedServiceId::generate(),
            organization: permit.organization(),
            digest: destination_digest(&service),
            service,
            source,
            version: 1,
            created_by: permit.user(),
            created_at: occasion.now,
            updated_by: permit.user(),
            updated_at: occasion.now,
        };
        let change = self.store.journal().begin().await?;
        if imported_services::count(change.transaction(), imported.organization).await? >= MOST {
            return Err(ImportedServiceError::TooMany(MOST));
        }
        imported_services::insert(change.transaction(), &imported).await?;
        check_together(change.transaction(), imported.organization).await?;
        change.commit(event(permit, occasion, None, Some(&imported), json!({}))).await?;
        Ok(imported)
    }

    /// Imports one again: another entry comes in its place under the same stable name. If credentials would go elsewhere, its
    /// accounts have to be connected again, so that nobody's credential follows a document.
    ///
    /// # Errors
    /// As [`ImportedServices::create`]; there is no such service; somebody else changed it first.
    pub async fn update(
        &self,
        permit: &Permit<ManageServices>,
        id: ImportedServiceId,
        given: GivenDocument,
        expected_version: Option<i64>,
        occasion: Occasion,
    ) -> Result<Reimported, ImportedServiceError> {
        let organization = permit.organization();
        let seen = self.read(organization, id).await?;
        let (source, expected) = (given.document.address(), given.expected_entry.clone());
        let service = own(complete(self.proposal(organization, given, Some(&seen)).await?)?, Some(&seen))?;
        ProposedEntry::of(&service)?.check(expected.as_deref())?;
        let change = self.store.journal().begin().await?;
        let before = imported_services::lock(change.transaction(), organization, id).await?;
        let before = before.ok_or(ImportedServiceError::NotFound)?;
        if expected_version.is_some_and(|expected| expected != before.version) {
            return Err(ImportedServiceError::Changed);
        }
        let changes = before.service.changes(&service);
        let digest = destination_digest(&service);
        let mut after =
            ImportedService { digest, service, source, version: before.version + 1, ..before.clone() };
        (after.updated_by, after.updated_at) = (permit.user(), occasion.now);
        imported_services::update(change.transaction(), &after).await?;
        check_together(change.transaction(), organization).await?;
        let broken = if after.digest == before.digest {
            Vec::new()
        } else {
            let cause = ReconnectCause::ServiceChanged;
            accounts::need_reconnect(change.transaction(), organization, &after.service.id, cause).await?
        };
        let told = changes.iter().filter(|change| change.is_breaking).take(NAMED_CHANGES);
        let told: Vec<&str> = told.map(|change| change.text.as_str()).collect();
        let more = json!({ "breaking": told, "accountsToReconnect": broken.len() });
        change.commit(event(permit, occasion, Some(&before), Some(&after), more)).await?;
        Ok(Reimported { imported: after, changes, accounts_to_reconnect: broken.len() })
    }

    /// Deletes one that has neither accounts nor a client.
    ///
    /// # Errors
    /// There is no such service; it has accounts or a client; the store is not available.
    pub async fn delete(
        &self,
        permit: &Permit<ManageServices>,
        id: ImportedServiceId,
        occasion: Occasion,
    ) -> Result<(), ImportedServiceError> {
        let organization = permit.organization();
        let change = self.store.journal().begin().await?;
        let before = imported_services::lock(change.transaction(), organization, id).await?;
        let before = before.ok_or(ImportedServiceError::NotFound)?;
        let service = &before.service.id;
        let accounts = accounts::count_at_service(change.transaction(), organization, service).await?;
        let client = oauth_clients::at_service(change.transaction(), organization, service).await?;
        if accounts > 0 || client.is_some() {
            return Err(ImportedServiceError::InUse { accounts });
        }
        imported_services::delete(change.transaction(), id).await?;
        change.commit(event(permit, occasion, Some(&before), None, json!({}))).await?;
        Ok(())
    }

    async fn read(
        &self,
        organization: OrganizationId,
        id: ImportedServiceId,
    ) -> Result<ImportedService, ImportedServiceError> {
        let found = imported_services::find(self.store.database(), organization, id).await?;
        found.ok_or(ImportedServiceError::NotFound)
    }

    /// What the importer says, with the authorization server's metadata where the document leads to it. The stable name of
    /// the one before is not asked.
    async fn proposal(
        &self,
        organization: OrganizationId,
        given: GivenDocument,
        before: Option<&ImportedService>,
    ) -> Result<Proposal, ImportedServiceError> {
        let _turn = self.turns.take(organization).ok_or(ImportedServiceError::Busy)?;
        let GivenDocument { document, authorization_server, mut answers, .. } = given;
        if let Some(before) = before {
            answers.insert(Answer::Key, before.service.id.to_string());
        }
        let (text, fetched_from) = match document {
            DocumentSource::Text(text) => (text, None),
            DocumentSource::Url(url) => (self.fetch(&url).await?, Some(url)),
        };
        let reading = Arc::new(Reading { text, fetched_from, answers, readers: Arc::clone(&self.readers) });
        let proposal = reading.propose(authorization_server.clone().map(|text| (text, None))).await?;
        if authorization_server.is_some() {
            return Ok(proposal);
        }
        let places = proposal.questions.iter().flat_map(|question| question.documents.clone());
        for place in places.take(MOST_PLACES).collect::<Vec<_>>() {
            // One that is not there leaves the question open: it can be handed in.
            if let Ok(text) = self.fetch(&place).await {
                return reading.propose(Some((text, Some(place)))).await;
            }
        }
        Ok(proposal)
    }

    async fn fetch(&self, url: &Url) -> Result<String, ImportedServiceError> {
        let bytes =
            self.client.fetch(url, LARGEST_DOCUMENT).await.map_err(ImportedServiceError::NotFetched)?;
        String::from_utf8(bytes.into()).map_err(|_| ImportedServiceError::NoText)
    }
}

/// A document that is read, perhaps several times.
struct Reading {
    text: String,
    fetched_from: Option<Url>,
    answers: Answers,
    readers: Arc<Semaphore>,
}

impl Reading {
    /// On a thread of its own, when it is its turn: a large document takes a second.
    async fn propose(
        self: &Arc<Self>,
        authorization_server: Option<(String, Option<Url>)>,
    ) -> Result<Proposal, ImportedServiceError> {
        let reader = Arc::clone(&self.readers).acquire_owned().await;
        let reader = reader.map_err(|_| ImportedServiceError::Interrupted)?;
        let reading = Arc::clone(self);
        let read = tokio::task::spawn_blocking(move || {
            // Whoever asked may be gone; the thread works all the same.
            let _reader = reader;
            let server = authorization_server.as_ref().map(|(text, url)| (text.as_str(), url.as_ref()));
            Import {
                document: &reading.text,
                fetched_from: reading.fetched_from.as_ref(),
                authorization_server: server,
                answers: &reading.answers,
            }
            .propose()
        });
        Ok(read.await.map_err(|_| ImportedServiceError::Interrupted)??)
    }
}

impl ProposedEntry {
    fn of(service: &Service) -> Result<Self, ImportedServiceError> {
        let text = toml::to_string(service).map_err(|_| ImportedServiceError::Unwritable)?;
        if text.len() > LARGEST_ENTRY << 10 {
            return Err(ImportedServiceError::TooLarge(LARGEST_ENTRY));
        }
        let digest = format!("sha256:{}", hexadecimal::encode(&digest(text.as_bytes())));
        Ok(Self { text, digest })
    }

    /// Holds it against the one that somebody looked at.
    fn check(&self, expected: Option<&str>) -> Result<(), ImportedServiceError> {
        if expected.is_none_or(|expected| expected == self.digest) {
            Ok(())
        } else {
            Err(ImportedServiceError::DocumentChanged)
        }
    }
}

impl DocumentSource {
    fn address(&self) -> String {
        match self {
            Self::Text(_) => String::new(),
            Self::Url(url) => url.to_string(),
        }
    }
}

fn complete(proposal: Proposal) -> Result<Service, ImportedServiceError> {
    proposal.service.ok_or(ImportedServiceError::Open(proposal.questions))
}

/// The entry, if it may be an organization's own, under a name that no service of the catalogue ever has; that of the one
/// before, if there is one.
fn own(mut service: Service, before: Option<&ImportedService>) -> Result<Service, ImportedServiceError> {
    check_hosts(&service)?;
    service.id = match before {
        Some(before) => before.service.id.clone(),
        None => service.id.imported().map_err(|error| {
            let reason = format!("{error}; with the beginning \"imported-\" it is too long");
            catalogue::ImportError::Answer { key: Answer::Key, reason }
        })?,
    };
    Ok(service)
}

/// Holds the places that get the client's secret against hosts that whoever connects an account would choose: they could
/// have a host there of their own.
fn check_hosts(service: &Service) -> Result<(), ImportedServiceError> {
    let Authentication::Oauth2Code(code) = &service.authentication else { return Ok(()) };
    let places = [
        Some(("tokens are given", &code.token_url)),
        code.refresh_url.as_ref().map(|url| ("tokens are refreshed", url)),
        code.revocation.as_ref().map(|revocation| ("tokens are revoked", &revocation.url)),
        code.extension.as_ref().map(|extension| ("tokens are extended", &extension.url)),
    ];
    match places.into_iter().flatten().find(|(_, url)| !has_fixed_host(url)) {
        Some((what, url)) => Err(ImportedServiceError::OpenHost { what, url: url.as_str().to_owned() }),
        None => Ok(()),
    }
}

fn has_fixed_host(url: &Template) -> bool {
    let rest = url.as_str().strip_prefix("https://");
    rest.and_then(|rest| rest.split(['/', '?', '#']).next()).is_some_and(|host| !host.contains('{'))
}

async fn check_together(
    transaction: &impl ConnectionTrait,
    organization: OrganizationId,
) -> Result<(), ImportedServiceError> {
    let size = imported_services::size(transaction, organization).await?;
    if size > LARGEST_TOGETHER << 20 { Err(ImportedServiceError::Full(LARGEST_TOGETHER)) } else { Ok(()) }
}

fn event(
    permit: &Permit<ManageServices>,
    occasion: Occasion,
    before: Option<&ImportedService>,
    after: Option<&ImportedService>,
    mut more: Value,
) -> Event {
    let described = |imported: Option<&ImportedService>| {
        imported.map_or(Value::Null, |imported| {
            let service = &imported.service;
            json!({
                "service": service.id,
                "name": service.name,
                "authentication": service.authentication.as_str(),
                "base": service.api.base.as_str(),
                "hosts": service.api.hosts,
                "actions": service.actions.len(),
                "digest": imported.digest,
                "source": imported.source,
                "version": imported.version,
            })
        })
    };
    more["before"] = described(before);
    more["after"] = described(after);
    let id = after.or(before).map(|imported| imported.id);
    let target = id.map_or(Target::Organization(permit.organization()), Target::ImportedService);
    Event::done(Actor::Person(permit.user()), ManageServices::NAME, target)
        .of(permit.organization())
        .during(occasion)
        .with(more)
}
