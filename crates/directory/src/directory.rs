//! The directory: a snapshot that readers share and changes replace.

use std::fmt;
use std::sync::Arc;

use access_control::{AppFacts, Facts, FactsUnavailable, OrganizationFacts};
use apps::{AgentToken, AppRecord, OrganizationSlugs, SecretRecord};
use arc_swap::{ArcSwap, Guard};
use audit::{Currency, Journal};
use ids::{AppId, OrganizationId, OrganizationSlug, UserId};
use organizations::OrganizationRecord;
use sea_orm::DatabaseConnection;
use time::OffsetDateTime;
use tokio::sync::{Mutex, watch};

use crate::DirectoryError;
use crate::snapshot::Snapshot;

/// The facts in memory. A clone is the same directory.
#[derive(Clone)]
pub struct Directory {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) database: DatabaseConnection,
    currency: Arc<Currency>,
    pub(crate) snapshot: ArcSwap<Snapshot>,
    /// Held while a snapshot is replaced, so that none is lost.
    pub(crate) replacing: Mutex<Repair>,
    pub(crate) version: watch::Sender<u64>,
}

/// Whether somebody is at work on what was not read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repair {
    Idle,
    Running,
}

impl fmt::Debug for Directory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let snapshot = self.inner.snapshot.load();
        let (organizations, apps) = snapshot.counts();
        formatter
            .debug_struct("Directory")
            .field("version", &snapshot.version)
            .field("organizations", &organizations)
            .field("apps", &apps)
            .finish_non_exhaustive()
    }
}

impl Directory {
    /// Reads all facts. They count as long as the journal is current, so it has to be followed from before this on.
    ///
    /// # Errors
    /// The store is not available, or holds what this version cannot read.
    pub async fn load(journal: &Journal) -> Result<Self, DirectoryError> {
        let database = journal.database().clone();
        let snapshot = read_all(&database).await?;
        let inner = Inner {
            database,
            currency: Arc::clone(journal.currency()),
            snapshot: ArcSwap::from_pointee(snapshot),
            replacing: Mutex::new(Repair::Idle),
            version: watch::Sender::new(0),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The app that owns this host label, unless nobody does.
    ///
    /// # Errors
    /// The facts are out of date.
    pub fn app_at(&self, label: &str) -> Result<Option<Arc<AppRecord>>, FactsUnavailable> {
        Ok(self.inner.current()?.app_at(label)?.cloned())
    }

    /// The app with everything that is kept of it, unless it does not exist.
    ///
    /// # Errors
    /// The facts are out of date.
    pub fn app_record(&self, id: AppId) -> Result<Option<Arc<AppRecord>>, FactsUnavailable> {
        Ok(self.inner.current()?.app(id)?.cloned())
    }

    /// The app and the secret behind a keyed hash, if the secret counts at this instant.
    ///
    /// # Errors
    /// The facts are out of date.
    pub fn app_by_secret(
        &self,
        hash: &[u8; 32],
        now: OffsetDateTime,
    ) -> Result<Option<(Arc<AppRecord>, SecretRecord)>, FactsUnavailable> {
        let snapshot = self.inner.current()?;
        let found = snapshot.app_by_secret(hash)?.filter(|(_, secret)| secret.is_live(now));
        Ok(found.map(|(app, secret)| (Arc::clone(app), secret.clone())))
    }

    /// The app and the agent token behind a keyed hash, if the token has not expired at this instant.
    ///
    /// # Errors
    /// The facts are out of date.
    pub fn app_by_agent_token(
        &self,
        hash: &[u8; 32],
        now: OffsetDateTime,
    ) -> Result<Option<(Arc<AppRecord>, AgentToken)>, FactsUnavailable> {
        let snapshot = self.inner.current()?;
        let found = snapshot.app_by_agent_token(hash)?.filter(|(_, record)| record.token.is_live(now));
        Ok(found.map(|(app, record)| (Arc::clone(app), record.token.clone())))
    }

    /// The organization with everything that is kept of it, unless it does not exist.
    ///
    /// # Errors
    /// The facts are out of date.
    pub fn organization_record(
        &self,
        id: OrganizationId,
    ) -> Result<Option<Arc<OrganizationRecord>>, FactsUnavailable> {
        Ok(self.inner.current()?.organization(id)?.cloned())
    }

    /// Whether deployed apps of the organization may use personal accounts at services.
    ///
    /// # Errors
    /// The facts are out of date.
    pub fn personal_accounts_in_apps(&self, id: OrganizationId) -> Result<bool, FactsUnavailable> {
        Ok(self.organization_record(id)?.is_some_and(|record| record.personal_accounts_in_apps))
    }

    /// The organizations that a person is a member of, oldest first.
    ///
    /// # Errors
    /// The facts are out of date.
    pub fn organizations_of(&self, user: UserId) -> Result<Vec<OrganizationId>, FactsUnavailable> {
        self.inner.current()?.organizations_of(user)
    }

    /// The apps of an organization, oldest first, whoever may see them.
    ///
    /// # Errors
    /// The facts are out of date.
    pub fn apps_of(&self, organization: OrganizationId) -> Result<Vec<Arc<AppRecord>>, FactsUnavailable> {
        self.inner.current()?.apps_of(organization)
    }

    /// The policy version: it grows with every change of the facts.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.inner.snapshot.load().version
    }

    /// Tells of every new policy version, so that long connections can be judged again.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.inner.version.subscribe()
    }

    /// Whether all facts are up to date. While they are not, readers of the others are told so.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.inner.current().is_ok_and(|snapshot| snapshot.outdated().is_empty())
    }
}

/// All facts of a store.
pub(crate) async fn read_all(database: &DatabaseConnection) -> Result<Snapshot, DirectoryError> {
    let mut snapshot = Snapshot::default();
    for organization in organizations::load_all(database).await? {
        snapshot.put_organization(organization.facts.id, Some(organization));
    }
    for app in apps::load_all(database).await? {
        snapshot.put_app(app.id(), Some(app));
    }
    Ok(snapshot)
}

impl Inner {
    /// The snapshot, unless other processes may have changed what is in it.
    fn current(&self) -> Result<Guard<Arc<Snapshot>>, FactsUnavailable> {
        if self.currency.is_current() { Ok(self.snapshot.load()) } else { Err(FactsUnavailable) }
    }
}

impl Facts for Directory {
    fn organization(&self, id: OrganizationId) -> Result<Option<Arc<OrganizationFacts>>, FactsUnavailable> {
        let snapshot = self.inner.current()?;
        Ok(snapshot.organization(id)?.map(|record| Arc::clone(&record.facts)))
    }

    fn app(&self, id: AppId) -> Result<Option<Arc<AppFacts>>, FactsUnavailable> {
        let snapshot = self.inner.current()?;
        Ok(snapshot.app(id)?.map(|record| Arc::clone(&record.facts)))
    }
}

impl OrganizationSlugs for Directory {
    fn slug(&self, organization: OrganizationId) -> Result<Option<OrganizationSlug>, FactsUnavailable> {
        let snapshot = self.inner.current()?;
        Ok(snapshot.organization(organization)?.map(|record| record.slug.clone()))
    }
}
