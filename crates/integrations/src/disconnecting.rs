//! Disconnecting accounts: first at the service, then here.

use std::time::Duration;

use access_control::Permit;
use audit::Occasion;
use ids::AccountId;
use serde_json::json;
use service_client::RevokeError;

use crate::accounts::event;
use crate::store::accounts;
use crate::{Account, AccountError, Accounts, ManagesAccounts, OpenedFor, ReconnectCause};

/// How long no refresh begins while the service is asked; longer than the service has to answer.
const LEASE: Duration = Duration::from_secs(120);

/// What became of an account that is disconnected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disconnected {
    /// The service revoked it.
    Revoked,
    /// The service has no way to revoke it: it is only forgotten here.
    NotRevocable,
    /// The service did not revoke it, or could not be asked, and it was to be forgotten anyway. Says why.
    Forgotten(String),
}

impl Disconnected {
    /// Its name, everywhere.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::NotRevocable => "not_revocable",
            Self::Forgotten(_) => "forgotten",
        }
    }

    /// Why it was not revoked at the service.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Revoked | Self::NotRevocable => None,
            Self::Forgotten(reason) => Some(reason),
        }
    }
}

impl Accounts {
    /// Revokes an account at its service, and forgets it. If the service does not revoke it, it stays, unless it is to be
    /// forgotten `anyway`: whoever has its tokens could then go on using them.
    ///
    /// # Errors
    /// There is no such account; its tokens are being replaced; the service did not revoke it.
    pub async fn disconnect<A: ManagesAccounts>(
        &self,
        permit: &Permit<A>,
        id: AccountId,
        anyway: bool,
        occasion: Occasion,
    ) -> Result<Disconnected, AccountError> {
        let database = self.credentials.store().database();
        let holder = format!("disconnect:{}", occasion.request);
        let milliseconds = i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX);
        self.read(permit, id).await?;
        // A refresh that ended afterwards would leave tokens behind that nobody knows of.
        if !accounts::take_lease(database, id, &holder, milliseconds).await? {
            return Err(AccountError::Busy);
        }
        let done = self.disconnect_alone(permit, id, anyway, occasion).await;
        if done.is_err() {
            accounts::end_lease(database, id, &holder).await?;
        }
        done
    }

    async fn disconnect_alone<A: ManagesAccounts>(
        &self,
        permit: &Permit<A>,
        id: AccountId,
        anyway: bool,
        occasion: Occasion,
    ) -> Result<Disconnected, AccountError> {
        let account = self.read(permit, id).await?;
        let disconnected = match self.revoke(&account).await {
            Ok(()) => Disconnected::Revoked,
            Err(AccountError::NotRevoked(RevokeError::NotRevocable)) => Disconnected::NotRevocable,
            // What the service had said was over by then.
            Err(error @ AccountError::NotRevoked(RevokeError::Refused { .. })) if is_over(&account) => {
                Disconnected::Forgotten(error.to_string())
            }
            Err(error) if anyway && !is_of_the_platform(&error) => Disconnected::Forgotten(error.to_string()),
            Err(error) => return Err(error),
        };
        let vault = self.credentials.vault();
        let change = self.credentials.store().journal().begin().await?;
        // In the order in which everybody locks: two that differ would wait for each other.
        vault.keep_owner(&change, account.owner()).await?;
        let before = accounts::lock(change.transaction(), permit.organization(), id).await?;
        let before = before.filter(|before| before.credentials == account.credentials);
        let before = before.ok_or(AccountError::NotFound)?;
        vault.delete(&change, before.credentials).await?;
        let mut event = event(permit, occasion, Some(&before), None);
        event.detail["revocation"] =
            json!({ "outcome": disconnected.as_str(), "reason": disconnected.reason() });
        change.commit(event).await?;
        Ok(disconnected)
    }

    /// Revokes an account at its service.
    async fn revoke(&self, account: &Account) -> Result<(), AccountError> {
        let opened = self.credentials.unlock(account, OpenedFor::Tokens).await?;
        let (service, client) = (&opened.service, opened.client.as_ref());
        self.client
            .revoke(service, client, &opened.values, &opened.credentials)
            .await
            .map_err(AccountError::NotRevoked)
    }
}

/// Whether the grant has ended at the service, as far as is known. What a drill was to revoke, and the service refused to,
/// has not: it says itself what it revoked, and has nothing left to revoke then.
fn is_over(account: &Account) -> bool {
    matches!(
        account.state.cause(),
        Some(ReconnectCause::Refused | ReconnectCause::Idle | ReconnectCause::TooOld)
    )
}

/// Whether it is no answer about the account, but a platform that cannot answer.
const fn is_of_the_platform(error: &AccountError) -> bool {
    matches!(
        error,
        AccountError::NotFound
            | AccountError::Changed
            | AccountError::Vault(_)
            | AccountError::Store(_)
            | AccountError::Audit(_)
            | AccountError::Facts(_)
    )
}
