//! Keeping new tokens: what the service has given out once may never come again.

use std::time::{Duration, Instant};

use audit::{Actor, Event, Target};
use catalogue::ReusePolicy;
use serde_json::json;
use service_client::Granted;
use time::OffsetDateTime;

use super::attempt::Prepared;
use super::refreshes::{Ended, Refreshes};
use super::schedule;
use crate::store::refreshes::{self, Renewed, Standing};
use crate::{AccountError, AccountState, ReconnectCause, RefreshStep};

/// The audit trail's name for new tokens.
const REFRESH: &str = "accounts.refresh";
/// How long new tokens are held while the store does not take them.
const HELD: Duration = Duration::from_secs(600);
/// How long to wait at first before the store is asked again.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// How long in the end.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

impl Refreshes {
    /// Writes new tokens down. A store that does not answer is asked again and again: nobody else has them.
    pub(super) async fn keep(
        &self,
        prepared: &Prepared,
        granted: &Granted,
        sent_at: Instant,
    ) -> Result<Ended, AccountError> {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.keep_once(prepared, granted, sent_at).await {
                Err(error) if may_pass(&error) && sent_at.elapsed() < HELD => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        account = %prepared.account.id,
                        "new tokens are not kept yet"
                    );
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                kept => return kept,
            }
        }
    }

    async fn keep_once(
        &self,
        prepared: &Prepared,
        granted: &Granted,
        sent_at: Instant,
    ) -> Result<Ended, AccountError> {
        let Prepared { account, unlocked, lease, .. } = prepared;
        let credentials = &self.inner.credentials;
        let _turn = self.inner.turns.take(account.organization).await;
        credentials.vault().prepare(account.owner()).await?;
        let change = credentials.store().journal().begin().await?;
        let transaction = change.transaction();
        credentials.vault().keep_owner(&change, account.owner()).await?;
        let Some((standing, before)) = refreshes::lock(transaction, lease.id).await? else {
            return Ok(Ended::Gone);
        };
        if !may_keep(prepared, &standing) {
            // Including our own, of an attempt whose commit was not acknowledged.
            return Ok(Ended::Renewed);
        }
        let mut after = before.clone();
        after.generation += 1;
        after.values.extend(granted.learned.clone());
        if let Some(scopes) = &granted.scopes {
            after.scopes.clone_from(scopes);
        }
        let now = OffsetDateTime::UNIX_EPOCH + time::Duration::milliseconds(standing.now);
        credentials.reseal(&change, &before, &after, Some(&granted.credentials), now).await?;
        // The service counts from when it answered, which is later.
        let lives = granted.expires_in.map(|lives| lives.saturating_sub(sent_at.elapsed()));
        let mut times = schedule::times(&unlocked.service, &granted.credentials, lives, standing.now);
        let earliest = standing.now.saturating_add(schedule::milliseconds(self.inner.bounds.least_apart));
        times.refresh_at = times.refresh_at.map(|refresh_at| refresh_at.max(earliest));
        refreshes::renewed(transaction, Renewed { account: &after, times }).await?;
        self.reached(RefreshStep::Storing, lease.id).await;
        let event = Event::done(Actor::System, REFRESH, Target::Account(account.id))
            .of(account.organization)
            .with(json!({ "service": account.service, "generation": after.generation }));
        change.commit(event).await?;
        self.reached(RefreshStep::Stored, lease.id).await;
        Ok(Ended::Renewed)
    }
}

/// Whether new tokens are the account's, although time has passed. Those of a service whose refresh tokens are spent once
/// are, whoever has the lease meanwhile: nobody else has sent the same.
fn may_keep(prepared: &Prepared, standing: &Standing) -> bool {
    let Prepared { renewal, lease, .. } = prepared;
    standing.generation == lease.generation
        && match standing.state {
            AccountState::Active => standing.fence == lease.fence || renewal.reuse == ReusePolicy::SingleUse,
            // Somebody gave up on the answer that has come after all.
            AccountState::NeedsReconnect(ReconnectCause::LostResponse) => true,
            // The service is being revoked: these are the tokens to revoke, and the account stays unused.
            AccountState::NeedsReconnect(ReconnectCause::Revoked) => standing.fence == lease.fence,
            AccountState::NeedsReconnect(_) => false,
        }
}

/// Whether it may go by itself.
const fn may_pass(error: &AccountError) -> bool {
    matches!(error, AccountError::Store(_) | AccountError::Vault(_) | AccountError::Audit(_))
}
