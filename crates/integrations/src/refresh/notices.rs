//! Telling people that an account needs them.

use async_trait::async_trait;
use ids::{AccountId, Name, OrganizationId, UserId};

use super::refreshes::Refreshes;
use crate::store::{accounts, refreshes};
use crate::{AccountState, ReconnectCause, StoreError};

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
        let (database, bounds) = (self.database(), self.inner.bounds);
        let lease = i64::try_from(bounds.lease.as_millis()).unwrap_or(i64::MAX);
        for id in refreshes::with_notice(database, MOST).await? {
            // Another process is telling.
            if !accounts::take_lease(database, id, &self.inner.holder, lease).await? {
                continue;
            }
            let told = match accounts::find_anywhere(database, id).await? {
                Some(account) => match account.state {
                    AccountState::NeedsReconnect(cause) => {
                        let services = self.inner.credentials.services();
                        let known =
                            services.find_in(database, account.organization, &account.service).await?;
                        let notice = ReconnectNotice {
                            to: account.holder.user().unwrap_or(account.created_by),
                            organization: account.organization,
                            account: id,
                            service: known.map_or_else(
                                || account.service.to_string(),
                                |known| known.service.name.clone(),
                            ),
                            name: account.name,
                            personal: account.holder.user().is_some(),
                            cause,
                        };
                        notices.needs_reconnect(&notice).await
                    }
                    AccountState::Active => true,
                },
                None => true,
            };
            if told {
                refreshes::told(database, id).await?;
                accounts::end_lease(database, id, &self.inner.holder).await?;
            }
            // Otherwise the lease is the pause until the next attempt.
        }
        Ok(())
    }
}
