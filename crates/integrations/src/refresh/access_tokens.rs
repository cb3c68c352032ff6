//! What calls are made with: credentials that have not ended.

use std::time::{Duration, Instant};

use ids::{AccountId, OrganizationId};
use service_client::Credentials;

use super::refreshes::{Ended, Refreshes};
use super::schedule;
use crate::store::{accounts, refreshes};
use crate::{
    Account, AccountCredentials, AccountError, AccountState, OpenedFor, ReconnectCause, StoreError, Unlocked,
};

/// A token that is so young was not refused because it ended; asking for another one for every refusal would only tire the
/// service.
const YOUNG: Duration = Duration::from_secs(60);
/// How often an account is read again because its tokens were replaced between reading and opening.
const ATTEMPTS: u32 = 5;
/// How many new tokens a call waits for. A service whose tokens have ended when they come would be asked again and again.
const MOST_RENEWED: u32 = 4;

/// What calls are made with.
#[derive(Clone, Debug)]
pub struct AccessTokens {
    refreshes: Refreshes,
}

/// Why there is nothing to make a call with.
#[derive(Debug, thiserror::Error)]
pub enum UseError {
    /// There is no such account any more.
    #[error("no such account")]
    NotFound,
    /// Somebody changed who may use it: read it and decide again.
    #[error("it was changed meanwhile")]
    Changed,
    /// A person has to connect it again.
    #[error("it has to be connected again: {}", .0.sentence())]
    NeedsReconnect(ReconnectCause),
    /// The token has ended, and the service gives no new one now.
    #[error("the service gives no new token now")]
    Unavailable {
        /// When there is another attempt.
        retry_after: Duration,
    },
    /// The account does not open, or the store does not answer.
    #[error(transparent)]
    Account(AccountError),
}

impl AccessTokens {
    /// From these refreshes.
    #[must_use]
    pub const fn new(refreshes: Refreshes) -> Self {
        Self { refreshes }
    }

    /// An account of the organization as it is now, shared or personal. Whoever asks decides who may use it.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn find(
        &self,
        organization: OrganizationId,
        id: AccountId,
    ) -> Result<Option<Account>, StoreError> {
        accounts::find(self.refreshes.database(), organization, id).await
    }

    /// Opens an account that was just read, for a call. At once while its token lives; otherwise after one refresh, however
    /// many ask for it. Whoever asks has decided that the account may be used.
    ///
    /// # Errors
    /// A person has to connect it again; the service gives no token in time; the account does not open.
    pub async fn of(&self, account: &Account) -> Result<Unlocked, UseError> {
        self.newer_than(account, None).await
    }

    /// The same after the service has refused the token of this generation: with another one.
    ///
    /// # Errors
    /// As there; and [`UseError::Unavailable`] if the token is too young to be refused for its age.
    pub async fn another(&self, account: &Account, refused: i64) -> Result<Unlocked, UseError> {
        let standing = refreshes::standing(self.refreshes.database(), account.id).await?;
        let standing = standing.ok_or(UseError::NotFound)?;
        let age = standing.now.saturating_sub(standing.refreshed_at);
        if standing.generation == refused && age < i64::try_from(YOUNG.as_millis()).unwrap_or(i64::MAX) {
            return Err(UseError::Unavailable { retry_after: YOUNG });
        }
        self.newer_than(account, Some(refused)).await
    }

    async fn newer_than(&self, account: &Account, refused: Option<i64>) -> Result<Unlocked, UseError> {
        let deadline = Instant::now() + self.refreshes.inner.bounds.wait;
        let mut account = account.clone();
        let (mut attempts, mut renewed) = (0, 0);
        loop {
            let now = self.refreshes.now().await?;
            // Without asking the vault, if the row says that it has ended.
            let ended = refused == Some(account.generation) || schedule::has_ended(account.expires_at, now);
            if !ended || !can_be_refreshed(&account) {
                match self.living(&account, refused, now).await {
                    Ok(Some(unlocked)) => return Ok(unlocked),
                    Ok(None) => {}
                    Err(UseError::Account(AccountError::Changed)) if attempts < ATTEMPTS => {
                        attempts += 1;
                        account = self.again(&account).await?;
                        continue;
                    }
                    Err(error) => return Err(error),
                }
            }
            if let AccountState::NeedsReconnect(cause) = account.state {
                return Err(UseError::NeedsReconnect(cause));
            }
            let bounds = self.refreshes.inner.bounds;
            if renewed >= MOST_RENEWED {
                return Err(UseError::Unavailable { retry_after: bounds.least_apart });
            }
            let begun = self.refreshes.begin(account.id, account.generation);
            let left = deadline.saturating_duration_since(Instant::now());
            let ended = tokio::time::timeout(left, Refreshes::ended(begun)).await;
            match ended {
                Ok(Ended::Renewed) => renewed += 1,
                Ok(Ended::Elsewhere) => tokio::time::sleep(bounds.glance).await,
                Ok(Ended::Lost(cause)) => return Err(UseError::NeedsReconnect(cause)),
                Ok(Ended::Nothing) => return Err(UseError::NeedsReconnect(ReconnectCause::NoRefreshToken)),
                Ok(Ended::Gone) => return Err(UseError::NotFound),
                Ok(Ended::Waits(retry_after)) => return self.last(&account, refused, retry_after).await,
                Err(_) => return self.last(&account, refused, bounds.glance).await,
            }
            if Instant::now() >= deadline {
                return Err(UseError::Unavailable { retry_after: bounds.glance });
            }
            account = self.again(&account).await?;
        }
    }

    /// The account as it is, if its token has not ended.
    async fn living(
        &self,
        account: &Account,
        refused: Option<i64>,
        now: i64,
    ) -> Result<Option<Unlocked>, UseError> {
        if let AccountState::NeedsReconnect(cause) = account.state
            && !cause.leaves_the_token()
        {
            return Err(UseError::NeedsReconnect(cause));
        }
        let unlocked = self.credentials().unlock(account, OpenedFor::Calls).await?;
        let lifetime = schedule::lifetime(&unlocked.service);
        let has_token = lifetime.is_none() || matches!(unlocked.credentials, Credentials::Tokens(_));
        if !has_token || refused == Some(account.generation) || schedule::has_ended(account.expires_at, now) {
            return Ok(None);
        }
        // The background task is late.
        let margin = lifetime.map_or(0, |lifetime| i64::from(lifetime.margin_seconds) * 1_000 / 4);
        let is_late = account.expires_at.is_some_and(|end| end.saturating_sub(now) < margin);
        if is_late && can_be_refreshed(account) {
            drop(self.refreshes.begin(account.id, account.generation));
        }
        Ok(Some(unlocked))
    }

    /// No new token came. The old one serves to its very end.
    async fn last(
        &self,
        account: &Account,
        refused: Option<i64>,
        retry_after: Duration,
    ) -> Result<Unlocked, UseError> {
        let account = self.again(account).await?;
        let now = self.refreshes.now().await?;
        if refused.is_none_or(|refused| refused != account.generation)
            && account.expires_at.is_some_and(|end| end > now)
        {
            return Ok(self.credentials().unlock(&account, OpenedFor::Calls).await?);
        }
        Err(UseError::Unavailable { retry_after })
    }

    /// The account as it is now, if nobody changed who may use it.
    async fn again(&self, account: &Account) -> Result<Account, UseError> {
        let found = accounts::find(self.refreshes.database(), account.organization, account.id).await?;
        let found = found.ok_or(UseError::NotFound)?;
        if found.version == account.version { Ok(found) } else { Err(UseError::Changed) }
    }

    fn credentials(&self) -> &AccountCredentials {
        &self.refreshes.inner.credentials
    }
}

fn can_be_refreshed(account: &Account) -> bool {
    account.state == AccountState::Active
}

impl From<AccountError> for UseError {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::NotFound => Self::NotFound,
            AccountError::ServiceChanged => Self::NeedsReconnect(ReconnectCause::ServiceChanged),
            AccountError::ClientChanged => Self::NeedsReconnect(ReconnectCause::ClientChanged),
            error => Self::Account(error),
        }
    }
}

impl From<StoreError> for UseError {
    fn from(error: StoreError) -> Self {
        Self::Account(AccountError::Store(error))
    }
}
