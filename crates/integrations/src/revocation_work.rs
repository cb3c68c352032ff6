//! Revoking accounts one after the other, as fast as their service takes it.
//!
//! What is left to do is in the rows, so that another process goes on after a kill. A service may then be asked twice about
//! an account; revoking is the same twice (RFC 7009, 2.2).

use std::time::Duration;

use access_control::{Action as _, RevokeService};
use audit::{Actor, Change, Event, Target};
use futures_util::{StreamExt as _, stream};
use ids::{AccountId, LeaseId};
use secrets_vault::VaultError;
use serde_json::json;
use service_client::{Credentials, RevokeError};
use time::OffsetDateTime;

use crate::revocation_pace::RevocationPace;
use crate::service_revocation::{most_per_minute, not_revocable};
use crate::service_revocations::event;
use crate::store::accounts;
use crate::store::service_revocations::{self, Turn};
use crate::{
    ATTESTS_REVOCATION, Account, AccountError, NotRevocable, OpenedFor, RevocationFailure, RevocationOutcome,
    RevocationReport, RevokedAccount, ServiceRevocation, ServiceRevocations, Unlocked,
};

/// How often revocations of other processes are looked for.
const PERIOD: Duration = Duration::from_secs(5);
/// How many accounts are read at once.
const PAGE: u64 = 500;
/// How often it is looked whether a refresh has ended.
const POLL: Duration = Duration::from_millis(500);

impl ServiceRevocations {
    /// Works on every revocation until it is dropped.
    pub async fn run(self) {
        loop {
            if let Err(error) = self.work().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "revocations of services wait for the next round"
                );
            }
            // A revocation that began meanwhile has left its mark: nothing is missed.
            let _ = tokio::time::timeout(PERIOD, self.begun.notified()).await;
        }
    }

    /// Brings every revocation that nobody else works on to its end. They do not wait for each other.
    ///
    /// # Errors
    /// The store or the vault is not available. What was done stays done.
    pub async fn work(&self) -> Result<(), AccountError> {
        let running = service_revocations::running(self.store.database()).await?;
        let mut all = stream::iter(running)
            .map(|revocation| async move { self.take_turn(&revocation).await })
            .buffer_unordered(8);
        let mut failed = Ok(());
        while let Some(worked) = all.next().await {
            failed = failed.and(worked);
        }
        failed
    }

    /// Works on one, unless somebody else does.
    pub(crate) async fn take_turn(&self, revocation: &ServiceRevocation) -> Result<(), AccountError> {
        let milliseconds = i64::try_from(self.limits.lease.as_millis()).unwrap_or(i64::MAX);
        let turn = Turn { revocation: revocation.id, lease: LeaseId::generate(), milliseconds };
        if !service_revocations::claim(self.store.database(), turn).await? {
            return Ok(());
        }
        let pace = RevocationPace::default();
        let worked = tokio::select! {
            worked = self.work_on(revocation, turn, &pace) => worked,
            lost = self.keep_turn(turn, &pace) => lost,
        };
        service_revocations::release(self.store.database(), turn).await?;
        worked
    }

    /// Keeps the turn until it is lost.
    async fn keep_turn(&self, turn: Turn, pace: &RevocationPace) -> Result<(), AccountError> {
        loop {
            tokio::time::sleep(self.limits.lease / 3).await;
            if !self.renew(turn, pace).await? {
                return Ok(());
            }
        }
    }

    async fn renew(&self, turn: Turn, pace: &RevocationPace) -> Result<bool, AccountError> {
        Ok(service_revocations::keep(self.store.database(), turn, pace.take_waits()).await?)
    }

    async fn work_on(
        &self,
        revocation: &ServiceRevocation,
        turn: Turn,
        pace: &RevocationPace,
    ) -> Result<(), AccountError> {
        let known = self.credentials.services().find(revocation.organization, &revocation.service).await?;
        // Without its entry no account of it opens, and none is asked about.
        let most = known.map_or(0, |known| most_per_minute(&known.service));
        pace.allow(most);
        let mut after = None;
        loop {
            let database = self.store.database();
            let page = service_revocations::waiting(database, revocation.id, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            let mut all = stream::iter(page)
                .map(|account| async move { self.revoke(revocation, &account, pace).await })
                .buffer_unordered(self.limits.at_once);
            while let Some(done) = all.next().await {
                done?;
            }
        }
        if !self.renew(turn, pace).await? {
            return Ok(());
        }
        self.finish(revocation, turn, most).await
    }

    /// Brings one account to its end.
    async fn revoke(
        &self,
        revocation: &ServiceRevocation,
        waiting: &RevokedAccount,
        pace: &RevocationPace,
    ) -> Result<(), AccountError> {
        if !self.refreshes_ended(waiting.id).await? {
            let outcome = RevocationOutcome::Failed(RevocationFailure::InUse);
            return self.settle(revocation, waiting.id, None, outcome).await;
        }
        let database = self.store.database();
        let Some(account) = accounts::find(database, revocation.organization, waiting.id).await? else {
            return self.settle(revocation, waiting.id, None, RevocationOutcome::Gone).await;
        };
        let outcome = match self.credentials.unlock(&account, OpenedFor::Tokens).await {
            Ok(unlocked) => self.ask(revocation, &account, &unlocked, pace).await?,
            Err(AccountError::NotFound) => RevocationOutcome::Gone,
            // Somebody changed its name: it is among those that wait in the next round.
            Err(AccountError::Changed) => return Ok(()),
            Err(error) => RevocationOutcome::Failed(failure(error)?),
        };
        self.settle(revocation, waiting.id, Some(&account), outcome).await
    }

    /// Waits for a refresh that was under way: what it brings is what has to be revoked. Answers whether it ended in time.
    async fn refreshes_ended(&self, account: AccountId) -> Result<bool, AccountError> {
        let database = self.store.database();
        let deadline = tokio::time::Instant::now() + self.limits.refreshes;
        while !service_revocations::stop_refreshes(database, account).await? {
            // Nothing refreshes what is gone.
            if accounts::find_anywhere(database, account).await?.is_none() {
                return Ok(true);
            }
            if tokio::time::Instant::now() >= deadline {
                return Ok(false);
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(true)
    }

    /// Asks the service, as often as it wants to be asked again.
    async fn ask(
        &self,
        revocation: &ServiceRevocation,
        account: &Account,
        unlocked: &Unlocked,
        pace: &RevocationPace,
    ) -> Result<RevocationOutcome, AccountError> {
        if matches!(unlocked.credentials, Credentials::None) {
            return Ok(RevocationOutcome::NotRevocable(NotRevocable::NothingKept));
        }
        if let Some(reason) = not_revocable(&unlocked.service) {
            return Ok(RevocationOutcome::NotRevocable(reason));
        }
        for attempt in 0..self.limits.attempts {
            pace.turn().await;
            service_revocations::count_attempt(self.store.database(), revocation.id, account.id).await?;
            let Unlocked { service, values, credentials, client, .. } = unlocked;
            match self.client.revoke(service, client.as_ref(), values, credentials).await {
                Ok(()) => return Ok(RevocationOutcome::Revoked),
                Err(RevokeError::NotRevocable) => {
                    return Ok(RevocationOutcome::NotRevocable(NotRevocable::NoEndpoint));
                }
                Err(RevokeError::Refused { .. }) => {
                    return Ok(RevocationOutcome::Failed(RevocationFailure::Refused));
                }
                Err(RevokeError::Unavailable { retry_after: Some(wait) }) => {
                    pace.wait(wait.min(self.limits.longest_wait));
                }
                Err(RevokeError::Unavailable { retry_after: None }) => {
                    tokio::time::sleep(Duration::from_secs(1 << attempt.min(5))).await;
                }
            }
        }
        Ok(RevocationOutcome::Failed(RevocationFailure::Unavailable))
    }

    /// Writes down what became of an account, and destroys what proved it unless it has to be tried again.
    async fn settle(
        &self,
        revocation: &ServiceRevocation,
        id: AccountId,
        account: Option<&Account>,
        outcome: RevocationOutcome,
    ) -> Result<(), AccountError> {
        let now = OffsetDateTime::now_utc();
        let destroyed = account.filter(|_| outcome.destroys());
        if let Some(account) = destroyed {
            self.credentials.vault().prepare(account.owner()).await?;
        }
        let change = self.store.journal().begin().await?;
        let mut outcome = outcome;
        if let Some(account) = destroyed {
            self.credentials.vault().keep_owner(&change, account.owner()).await?;
            outcome = match self.destroy(&change, account, now).await {
                Ok(true) => outcome,
                Ok(false) => RevocationOutcome::Gone,
                Err(error) => RevocationOutcome::Failed(failure(error)?),
            };
        }
        if !service_revocations::settle(change.transaction(), revocation.id, id, outcome, now).await? {
            // Another process was faster.
            return Ok(());
        }
        let event = Event::done(Actor::System, RevokeService::NAME, Target::Account(id))
            .of(revocation.organization)
            .with(json!({
                "revocation": revocation.id,
                "outcome": outcome.as_str(),
                "reason": outcome.reason(),
            }));
        Ok(change.commit(event).await?)
    }

    /// Puts nothing in the place of what proved an account. Answers whether it is still there.
    async fn destroy(
        &self,
        change: &Change,
        account: &Account,
        now: OffsetDateTime,
    ) -> Result<bool, AccountError> {
        let found = accounts::lock(change.transaction(), account.organization, account.id).await?;
        let Some(before) = found else { return Ok(false) };
        let after = Account { generation: before.generation + 1, expires_at: None, ..before.clone() };
        self.credentials.reseal(change, &before, &after, Some(&Credentials::None), now).await?;
        service_revocations::forget_tokens(change.transaction(), account.id).await?;
        Ok(true)
    }

    /// Signs what became of all accounts.
    async fn finish(
        &self,
        revocation: &ServiceRevocation,
        turn: Turn,
        most_per_minute: u32,
    ) -> Result<(), AccountError> {
        let database = self.store.database();
        let each = service_revocations::accounts(database, revocation.id).await?;
        if each.iter().any(|account| account.outcome.is_none()) {
            return Ok(());
        }
        let Some((counted, _)) =
            service_revocations::find(database, revocation.organization, revocation.id).await?
        else {
            return Ok(());
        };
        let now = OffsetDateTime::now_utc();
        let report = RevocationReport::new(&counted, now, most_per_minute, &each);
        let event = event(Actor::System, revocation).with(json!({
            "service": report.service,
            "revocation": report.revocation,
            "finished": {
                "accounts": report.accounts,
                "revoked": report.revoked,
                "notRevocable": report.not_revocable,
                "failed": report.failed,
                "gone": report.gone,
            },
        }));
        let signed = self.receipts.attest(&event, revocation.organization, ATTESTS_REVOCATION, report);
        let text = serde_json::to_string(&signed)?;
        let change = self.store.journal().begin().await?;
        if !service_revocations::finish(change.transaction(), turn, text, now).await? {
            return Ok(());
        }
        Ok(change.commit(event).await?)
    }
}

/// Why an account does not open, if it is the account's fault.
fn failure(error: AccountError) -> Result<RevocationFailure, AccountError> {
    match error {
        AccountError::ClientChanged | AccountError::NoClient => Ok(RevocationFailure::NoClient),
        AccountError::Tampered(_)
        | AccountError::ClientTampered
        | AccountError::UnknownService
        | AccountError::ServiceChanged
        | AccountError::Vault(
            VaultError::Tampered(_) | VaultError::KeyTampered(_) | VaultError::Unreadable(_),
        ) => Ok(RevocationFailure::Unreadable),
        error => Err(error),
    }
}
