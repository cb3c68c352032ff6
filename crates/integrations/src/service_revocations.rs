//! Revoking every account of a service at the service: who asks for it, and what is known of it. The work itself is in
//! [`crate::revocation_work`].

use std::fmt;
use std::sync::Arc;

use access_control::{Action as _, Permit, RevokeService};
use audit::{Actor, Event, Occasion, Receipts, Target};
use catalogue::ServiceKey;
use ids::ServiceRevocationId;
use serde_json::json;
use service_client::ServiceClient;
use tokio::sync::Notify;

use crate::store::{accounts, service_revocations};
use crate::{
    AccountCredentials, AccountError, ReportedRevocation, RevocationCounts, RevokedAccount,
    ServiceRevocation, SignedRevocationReport, Store, StoreError,
};

/// How many accounts are read at once.
const PAGE: u64 = 1000;

/// How revocations are done.
#[derive(Clone, Copy, Debug)]
pub struct RevocationLimits {
    /// How many accounts are being revoked at once.
    pub at_once: usize,
    /// How often a service is asked about one account.
    pub attempts: u32,
    /// How long a process has a revocation to itself after its last sign. Then it counts as dead.
    pub lease: std::time::Duration,
    /// The longest that a service is waited for when it asks for it.
    pub longest_wait: std::time::Duration,
    /// How long a refresh that is under way is waited for.
    pub refreshes: std::time::Duration,
}

impl Default for RevocationLimits {
    fn default() -> Self {
        Self {
            // Fewer than a pool of connections to the store has: others want some, too.
            at_once: 8,
            attempts: 8,
            lease: std::time::Duration::from_secs(30),
            longest_wait: std::time::Duration::from_secs(15 * 60),
            refreshes: std::time::Duration::from_secs(90),
        }
    }
}

/// The revocations of all organizations.
#[derive(Clone)]
pub struct ServiceRevocations {
    pub(crate) store: Store,
    pub(crate) credentials: AccountCredentials,
    pub(crate) client: ServiceClient,
    pub(crate) receipts: Arc<Receipts>,
    pub(crate) limits: RevocationLimits,
    /// Told of revocations that this process begins.
    pub(crate) begun: Arc<Notify>,
}

impl fmt::Debug for ServiceRevocations {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ServiceRevocations").finish_non_exhaustive()
    }
}

impl ServiceRevocations {
    /// Revocations of these accounts. `receipts` signs what became of them.
    #[must_use]
    pub fn new(
        credentials: AccountCredentials,
        client: ServiceClient,
        receipts: Arc<Receipts>,
        limits: RevocationLimits,
    ) -> Self {
        let store = credentials.store().clone();
        Self { store, credentials, client, receipts, limits, begun: Arc::default() }
    }

    /// Begins to revoke all accounts of a service, shared and personal: from now on nothing uses them, and people have to
    /// connect them again. [`ServiceRevocations::run`] does the rest.
    ///
    /// # Errors
    /// There is no such service and no account of it, or a revocation of it is under way.
    pub async fn begin(
        &self,
        permit: &Permit<RevokeService>,
        service: &ServiceKey,
        occasion: Occasion,
    ) -> Result<ServiceRevocation, AccountError> {
        let organization = permit.organization();
        let known = self.credentials.services().find(organization, service).await?.is_some();
        let change = self.store.journal().begin().await?;
        service_revocations::stop_all(change.transaction(), organization, service).await?;
        let mut each = Vec::new();
        let mut after = None;
        loop {
            let page =
                accounts::list_of_service(change.transaction(), organization, service, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            each.extend(page.into_iter().map(|account| RevokedAccount {
                id: account.id,
                name: account.name.to_string(),
                user: account.holder.user(),
                outcome: None,
                attempts: 0,
                at: None,
            }));
        }
        if each.is_empty() && !known {
            return Err(AccountError::NotFound);
        }
        let revocation = ServiceRevocation {
            id: ServiceRevocationId::generate(),
            organization,
            service: service.clone(),
            requested_by: permit.user(),
            started_at: occasion.now,
            finished_at: None,
            waits: 0,
            counts: RevocationCounts { pending: each.len() as u64, ..RevocationCounts::default() },
        };
        if !service_revocations::insert(change.transaction(), &revocation, &each).await? {
            let other = service_revocations::under_way(change.transaction(), organization, service).await?;
            // It may have ended between the two questions.
            return Err(other.map_or(AccountError::Changed, AccountError::RevocationUnderWay));
        }
        let event = event(Actor::Person(permit.user()), &revocation)
            .during(occasion)
            .with(json!({ "service": service, "revocation": revocation.id, "accounts": each.len() }));
        change.commit(event).await?;
        if each.is_empty() {
            // Nothing is asked of the service: it ends here.
            self.take_turn(&revocation).await?;
            return Ok(self.find(permit, revocation.id).await?.revocation);
        }
        self.begun.notify_one();
        Ok(revocation)
    }

    /// The organization's revocations, newest first, at most so many before one.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn list(
        &self,
        permit: &Permit<RevokeService>,
        before: Option<ServiceRevocationId>,
        most: usize,
    ) -> Result<Vec<ServiceRevocation>, AccountError> {
        let organization = permit.organization();
        Ok(service_revocations::list(self.store.database(), organization, None, before, most).await?)
    }

    /// The latest of one service, newest first.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn list_at_service(
        &self,
        permit: &Permit<RevokeService>,
        service: &ServiceKey,
        most: usize,
    ) -> Result<Vec<ServiceRevocation>, AccountError> {
        let organization = permit.organization();
        Ok(service_revocations::list(self.store.database(), organization, Some(service), None, most).await?)
    }

    /// One of them, with the signed report if it has ended.
    ///
    /// # Errors
    /// There is no such revocation, or the store is not available.
    pub async fn find(
        &self,
        permit: &Permit<RevokeService>,
        id: ServiceRevocationId,
    ) -> Result<ReportedRevocation, AccountError> {
        let found = service_revocations::find(self.store.database(), permit.organization(), id).await?;
        let (revocation, report) = found.ok_or(AccountError::NotFound)?;
        let report = report
            .map(|text| {
                SignedRevocationReport::parse(text.as_bytes())
                    .ok_or(StoreError::Unreadable("service_revocations"))
            })
            .transpose()?;
        Ok(ReportedRevocation { revocation, report })
    }
}

/// What the audit trail is told of a revocation as a whole.
pub(crate) fn event(actor: Actor, revocation: &ServiceRevocation) -> Event {
    Event::done(actor, RevokeService::NAME, Target::Organization(revocation.organization))
        .of(revocation.organization)
}
