//! Telling people that an account needs them.

use async_trait::async_trait;
use ids::{AccountId, Name, OrganizationId, UserId};

use super::refreshes::Refreshes;
use crate::store::{accounts, refreshes};
use crate::{ReconnectCause, StoreError};

/// How many are told of at a time.
const MOST: u64 = 50;

/// Somebody has to connect an account again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReconnectNotice {
    /// Whom it is for: whose account it is, or for a shared one whoever connected it.
    pub to: UserId,
    /// In which organization.
    pub organization: OrganizationId,
    /// Which account.
    pub account: AccountId,
    /// What people call it.
    pub name: Name,
    /// What people call the service.
    pub service: String,
    /// Whether only its owner can see it.
    pub personal: bool,
    /// Why.
    pub cause: ReconnectCause,
}

/// A way to tell people.
#[async_trait]
pub trait Notices: Send + Sync {
    /// Tells somebody. Answers false if it has to be tried again later.
    async fn needs_reconnect(&self, notice: &ReconnectNotice) -> bool;
}

impl Refreshes {
    /// Tells of every account that nobody was told of yet. Whoever ends in between tells again: twice is better than never.
    pub(super) async fn tell(&self, notices: &dyn Notices) -> Result<(), StoreError> {
        for id in refreshes::with_notice(self.database(), MOST).await? {
            if let Err(error) = self.tell_of(id, notices).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, account = %id, "people are told of an account later");
            }
        }
        Ok(())
    }

    async fn tell_of(&self, id: AccountId, notices: &dyn Notices) -> Result<(), StoreError> {
        let database = self.database();
        // Otherwise another process is telling, or told in vain a moment ago.
        if !refreshes::claim_notice(database, id, self.inner.bounds.lease).await? {
            return Ok(());
        }
        let told = match self.notice_of(id).await? {
            Some(notice) => notices.needs_reconnect(&notice).await,
            None => true,
        };
        if told { refreshes::told(database, id).await } else { Ok(()) }
    }

    /// What is to be said of an account; nothing if it works again, or is gone.
    async fn notice_of(&self, id: AccountId) -> Result<Option<ReconnectNotice>, StoreError> {
        let database = self.database();
        let Some(account) = accounts::find_anywhere(database, id).await? else { return Ok(None) };
        let Some(cause) = account.state.cause() else { return Ok(None) };
        let services = self.inner.credentials.services();
        let known = services.find_in(database, account.organization, &account.service).await?;
        Ok(Some(ReconnectNotice {
            to: account.holder.user().unwrap_or(account.created_by),
            organization: account.organization,
            account: id,
            service: known.map_or_else(|| account.service.to_string(), |known| known.service.name.clone()),
            name: account.name,
            personal: account.holder.user().is_some(),
            cause,
        }))
    }
}
