//! Revoking accounts one after the other, as fast as their service takes it.
//!
//! What is left to do is in the rows, so that another process goes on after a kill. A service may then be asked twice about
//! an account; revoking is the same twice (RFC 7009, 2.2).

use std::sync::Arc;
use std::time::Duration;

use access_control::{Action as _, RevokeService};
use audit::{Actor, Change, Event, Target};
use futures_util::{StreamExt as _, stream};
use ids::{AccountId, LeaseId};
use secrets_vault::{Owner, VaultError};
use serde_json::json;
use service_client::{Credentials, RevokeError};
use time::OffsetDateTime;
use tokio::task::JoinSet;

use crate::revocation_pace::RevocationPace;
use crate::service_revocation::{most_per_minute, not_revocable};
use crate::service_revocations::event;
use crate::store::accounts;
use crate::store::service_revocations::{self, Turn};
use crate::{
    ATTESTS_REVOCATION, Account, AccountError, NotRevocable, OpenedFor, RevocationFailure, RevocationOutcome,
    RevocationReport, ServiceRevocation, ServiceRevocations, Unlocked,
};

/// How many accounts are read at once.
const PAGE: u64 = 500;
/// How often it is looked whether a refresh has ended.
const POLL: Duration = Duration::from_millis(500);

/// An account of which all was asked.
struct Ended {
    id: AccountId,
    /// As it was opened; none if it was not.
    account: Option<Account>,
    outcome: RevocationOutcome,
    attempts: u32,
}

impl ServiceRevocations {
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
        let pace = Arc::new(RevocationPace::default());
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
        pace: &Arc<RevocationPace>,
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
            let mut waiting = page.into_iter();
            // Tasks of their own: they go on while others are written down, and end when this is dropped.
            let mut asking = JoinSet::new();
            loop {
                while asking.len() < self.limits.at_once
                    && let Some(account) = waiting.next()
                {
                    let (this, revocation, pace) = (self.clone(), revocation.clone(), Arc::clone(pace));
                    asking.spawn(async move { this.revoke(&revocation, account.id, &pace).await });
                }
                let Some(first) = asking.join_next().await else { break };
                let mut ended = vec![first];
                ended.extend(std::iter::from_fn(|| asking.try_join_next()));
                // One that was interrupted waits for the next round.
                let (ended, failed): (Vec<_>, Vec<_>) = ended.into_iter().flatten().partition(Result::is_ok);
                self.settle(revocation, ended.into_iter().flatten().flatten().collect()).await?;
                // What was asked is written down first.
                failed.into_iter().try_for_each(|failed| failed.map(drop))?;
            }
        }
        if !self.renew(turn, pace).await? {
            return Ok(());
        }
        self.finish(revocation, turn, most).await
    }

    /// Has one account revoked; none if it has to be read again.
    async fn revoke(
        &self,
        revocation: &ServiceRevocation,
        id: AccountId,
        pace: &RevocationPace,
    ) -> Result<Option<Ended>, AccountError> {
        let ended = |outcome| Ok(Some(Ended { id, account: None, outcome, attempts: 0 }));
        if !self.refreshes_ended(id).await? {
            return ended(RevocationOutcome::Failed(RevocationFailure::InUse));
        }
        let database = self.store.database();
        let Some(account) = accounts::find(database, revocation.organization, id).await? else {
            return ended(RevocationOutcome::Gone);
        };
        match self.credentials.unlock(&account, OpenedFor::Tokens).await {
            Ok(unlocked) => {
                let (outcome, attempts) = self.ask(&unlocked, pace).await;
                Ok(Some(Ended { id, account: Some(account), outcome, attempts }))
            }
            Err(AccountError::NotFound) => ended(RevocationOutcome::Gone),
            // Somebody changed its name: it is among those that wait in the next round.
            Err(AccountError::Changed) => Ok(None),
            Err(error) => ended(RevocationOutcome::Failed(failure(error)?)),
        }
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

    /// Asks the service, as often as it wants to be asked again. Answers how often that was.
    async fn ask(&self, unlocked: &Unlocked, pace: &RevocationPace) -> (RevocationOutcome, u32) {
        if matches!(unlocked.credentials, Credentials::None) {
            return (RevocationOutcome::NotRevocable(NotRevocable::NothingKept), 0);
        }
        if let Some(reason) = not_revocable(&unlocked.service) {
            return (RevocationOutcome::NotRevocable(reason), 0);
        }
        for attempt in 1..=self.limits.attempts {
            let sent_at = pace.turn().await;
            let Unlocked { service, values, credentials, client, .. } = unlocked;
            match self.client.revoke(service, client.as_ref(), values, credentials).await {
                Ok(()) => return (RevocationOutcome::Revoked, attempt),
                Err(RevokeError::NotRevocable) => {
                    return (RevocationOutcome::NotRevocable(NotRevocable::NoEndpoint), attempt);
                }
                Err(RevokeError::Refused { .. }) => {
                    return (RevocationOutcome::Failed(RevocationFailure::Refused), attempt);
                }
                Err(RevokeError::Unavailable { retry_after: Some(wait) }) => {
                    pace.wait(sent_at, wait.min(self.limits.longest_wait));
                }
                Err(RevokeError::Unavailable { retry_after: None }) => {
                    tokio::time::sleep(Duration::from_secs(1 << (attempt - 1).min(5))).await;
                }
            }
        }
        (RevocationOutcome::Failed(RevocationFailure::Unavailable), self.limits.attempts)
    }

    /// Writes down what became of accounts, and destroys what proved them unless it has to be tried again.
    async fn settle(&self, revocation: &ServiceRevocation, ended: Vec<Ended>) -> Result<(), AccountError> {
        let now = clock::now();
        let owner = Owner::Organization(revocation.organization);
        self.credentials.vault().prepare(owner).await?;
        let change = self.store.journal().begin().await?;
        self.credentials.vault().keep_owner(&change, owner).await?;
        let mut events = Vec::new();
        for Ended { id, account, mut outcome, attempts } in ended {
            if let Some(account) = account.filter(|_| outcome.destroys()) {
                outcome = match self.destroy(&change, &account, now).await {
                    Ok(true) => outcome,
                    Ok(false) => RevocationOutcome::Gone,
                    Err(error) => RevocationOutcome::Failed(failure(error)?),
                };
            }
            let transaction = change.transaction();
            if !service_revocations::settle(transaction, revocation.id, id, outcome, attempts, now).await? {
                // Another process was faster.
                continue;
            }
            let event = Event::done(Actor::System, RevokeService::NAME, Target::Account(id))
                .of(revocation.organization)
                .with(json!({
                    "revocation": revocation.id,
                    "outcome": outcome.as_str(),
                    "reason": outcome.reason(),
                }));
            events.push(event);
        }
        Ok(change.commit_all(events).await?)
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
        let now = clock::now();
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
