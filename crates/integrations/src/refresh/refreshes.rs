//! The refreshes of this process: at most one of an account at a time, whoever asks for it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ids::{AccountId, SessionId};
use service_client::ServiceClient;
use tokio::sync::watch;

use super::schedule;
use super::store_clock::StoreClock;
use super::turns::Turns;
use crate::store::ConnectionTrait;
use crate::{AccountCredentials, ReconnectCause, RefreshObserver, RefreshStep, StoreError};

/// How long and how many.
#[derive(Clone, Copy, Debug)]
pub struct RefreshBounds {
    /// How long one process has the right to refresh an account. Far longer than a token request may take.
    pub lease: Duration,
    /// A request that could not leave within this time after the lease began does not leave any more.
    pub patience: Duration,
    /// How long a call waits for a token.
    pub wait: Duration,
    /// How often it is looked whether another process has finished.
    pub glance: Duration,
    /// How often it is looked what is due.
    pub period: Duration,
    /// The background task replaces the tokens of one account at least this far apart, however short the service says that
    /// they live.
    pub least_apart: Duration,
    /// How many refreshes the background task has under way.
    pub at_once: usize,
    /// How many of them at one service.
    pub at_once_of_a_service: usize,
    /// How many of them of one organization.
    pub at_once_of_an_organization: usize,
}

impl Default for RefreshBounds {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(60),
            patience: Duration::from_secs(15),
            wait: Duration::from_secs(30),
            glance: Duration::from_millis(100),
            period: Duration::from_secs(1),
            least_apart: Duration::from_secs(15),
            at_once: 64,
            at_once_of_a_service: 16,
            at_once_of_an_organization: 16,
        }
    }
}

/// The refreshes of this process.
#[derive(Clone)]
pub struct Refreshes {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) credentials: AccountCredentials,
    pub(super) client: ServiceClient,
    pub(super) bounds: RefreshBounds,
    pub(super) observer: Arc<dyn RefreshObserver>,
    pub(super) clock: StoreClock,
    pub(super) turns: Turns,
    /// This process, among those that share the store.
    pub(super) holder: String,
    under_way: Mutex<HashMap<AccountId, watch::Receiver<Option<Ended>>>>,
}

/// How a refresh ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// There are newer tokens, from here or from elsewhere.
    Renewed,
    /// Somebody else has the lease.
    Elsewhere,
    /// It failed. The next attempt comes after this time.
    Waits(Duration),
    /// A person has to connect the account again.
    Lost(ReconnectCause),
    /// The account has nothing to refresh.
    Nothing,
    /// There is no such account any more.
    Gone,
}

impl fmt::Debug for Refreshes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Refreshes").field("holder", &self.inner.holder).finish_non_exhaustive()
    }
}

impl Refreshes {
    /// Refreshes of the accounts in this store, with this client.
    #[must_use]
    pub fn new(
        credentials: AccountCredentials,
        client: ServiceClient,
        bounds: RefreshBounds,
        observer: Arc<dyn RefreshObserver>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                credentials,
                client,
                bounds,
                observer,
                clock: StoreClock::default(),
                turns: Turns::default(),
                // Unique, and says when this process began.
                holder: SessionId::generate().to_string(),
                under_way: Mutex::default(),
            }),
        }
    }

    /// Begins to replace the tokens of this generation, unless this process is at it already. It goes on when nobody waits
    /// for it any more.
    pub(super) fn begin(&self, account: AccountId, generation: i64) -> watch::Receiver<Option<Ended>> {
        let mut under_way = self.inner.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ended) = under_way.get(&account) {
            return ended.clone();
        }
        let (tell, ended) = watch::channel(None);
        under_way.insert(account, ended.clone());
        let flight = Flight { refreshes: self.clone(), account };
        tokio::spawn(async move {
            let ended = flight.refreshes.attempt(account, generation).await.unwrap_or_else(|error| {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    %account,
                    "an account was not refreshed"
                );
                Ended::Waits(schedule::pause(0, None))
            });
            // Whoever asks from now on begins anew.
            drop(flight);
            tell.send_replace(Some(ended));
        });
        ended
    }

    /// Waits for a refresh that was begun.
    pub(super) async fn ended(mut begun: watch::Receiver<Option<Ended>>) -> Ended {
        let ended = begun.wait_for(Option::is_some).await.ok().and_then(|ended| *ended);
        ended.unwrap_or(Ended::Waits(schedule::pause(0, None)))
    }

    pub(super) fn is_under_way(&self, account: AccountId) -> bool {
        self.inner.under_way.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&account)
    }

    /// Waits until nothing is under way.
    pub(super) async fn settled(&self) {
        while !self.inner.under_way.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(super) async fn now(&self) -> Result<i64, StoreError> {
        self.inner.clock.now(self.database()).await
    }

    pub(super) async fn reached(&self, step: RefreshStep, account: AccountId) {
        self.inner.observer.reached(step, account).await;
    }

    pub(super) fn database(&self) -> &impl ConnectionTrait {
        self.inner.credentials.store().database()
    }
}

/// A refresh under way; it is no more when this is dropped, whatever happened.
struct Flight {
    refreshes: Refreshes,
    account: AccountId,
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut under_way = self.refreshes.inner.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.remove(&self.account);
    }
}
