//! One refresh: the lease, the intent, the request, and what is done about each way in which it can end.

use std::time::{Duration, Instant};

use audit::{Actor, Event, Target};
use catalogue::ReusePolicy;
use cryptography::digest;
use ids::AccountId;
use serde_json::json;
use service_client::{Credentials, TokenError};
use time::OffsetDateTime;

use super::refreshes::{Ended, Refreshes};
use super::schedule::{self, Renewal};
use crate::store::refreshes::{self, Claimed, Lease, Standing};
use crate::{
    Account, AccountError, AccountState, OpenedFor, ReconnectCause, RefreshStep, StoreError, Unlocked,
};

/// The audit trail's name for an account that a person has to connect again.
const NEEDS_RECONNECT: &str = "accounts.needs_reconnect";
/// The failure of an account that does not open.
const NOT_OPENED: &str = "not_opened";
/// The failure of a request that did not leave in time, or before which the store did not answer.
const TOO_LATE: &str = "too_late";
/// What was written down and never left is taken back again and again, at least this long apart.
const INSISTENCE: Duration = Duration::from_millis(200);

/// A refresh that may be sent.
pub(super) struct Prepared {
    pub(super) account: Account,
    pub(super) unlocked: Unlocked,
    pub(super) renewal: Renewal,
    pub(super) lease: Lease,
    /// When the same was first sent, if it is sent again.
    begun_at: Option<i64>,
}

/// What comes of looking at an account before anything is sent.
enum Outlook {
    Send(Box<Prepared>),
    Ended(Ended),
}

impl Refreshes {
    /// Replaces the tokens of this generation, if this process gets the lease.
    pub(super) async fn attempt(&self, id: AccountId, generation: i64) -> Result<Ended, AccountError> {
        let claimed_at = Instant::now();
        let bounds = self.inner.bounds;
        let claimed =
            refreshes::claim(self.database(), id, generation, &self.inner.holder, bounds.lease).await?;
        let Some(claimed) = claimed else { return self.outlook(id, generation).await };
        let lease = claimed.lease;
        self.reached(RefreshStep::Claimed, id).await;
        let prepared = match self.prepare(claimed).await {
            Ok(Outlook::Send(prepared)) => *prepared,
            Ok(Outlook::Ended(ended)) => return Ok(ended),
            // What does not open, or no service describes any more, is looked at ever more rarely.
            Err(error) => {
                let pause = self.pause(id, None).await?;
                refreshes::give_back(self.database(), lease, pause, NOT_OPENED).await?;
                return Err(error);
            }
        };
        let token = token_hash(&prepared.unlocked.credentials);
        match refreshes::intend(self.database(), lease, &token, prepared.begun_at).await {
            Ok(true) => {}
            Ok(false) => return self.outlook(id, generation).await,
            // It may have been written all the same.
            Err(error) => {
                self.not_sent(&prepared, None, TOO_LATE).await?;
                return Err(error.into());
            }
        }
        self.reached(RefreshStep::Intended, id).await;
        // Somebody else may soon think that this process is dead.
        if claimed_at.elapsed() > bounds.patience {
            return self.not_sent(&prepared, None, TOO_LATE).await;
        }
        self.reached(RefreshStep::Sent, id).await;
        let sent_at = Instant::now();
        let Unlocked { service, client, values, credentials, .. } = &prepared.unlocked;
        let answer = self.inner.client.refresh(service, client.as_ref(), values, credentials).await;
        self.reached(RefreshStep::Answered, id).await;
        match answer {
            Ok(granted) => self.keep(&prepared, &granted, sent_at).await,
            Err(error) => self.failed(&prepared, &error).await,
        }
    }

    /// What is known of an account whose lease this process does not get.
    async fn outlook(&self, id: AccountId, generation: i64) -> Result<Ended, AccountError> {
        let standing = refreshes::standing(self.database(), id).await?;
        Ok(standing.map_or(Ended::Gone, |standing| ended_elsewhere(&standing, generation)))
    }

    /// Opens the account, and judges what somebody may have left behind.
    async fn prepare(&self, claimed: Claimed) -> Result<Outlook, AccountError> {
        let Claimed { lease, account, now, has_intent } = claimed;
        let account = account?;
        let credentials = &self.inner.credentials;
        let unlocked = match credentials.unlock(&account, OpenedFor::Tokens).await {
            Ok(unlocked) if account.generation == lease.generation => unlocked,
            Ok(_) | Err(AccountError::Changed) => return Ok(Outlook::Ended(Ended::Renewed)),
            Err(AccountError::NotFound) => return Ok(Outlook::Ended(Ended::Gone)),
            Err(AccountError::ServiceChanged) => {
                return self.lose(&account, lease, ReconnectCause::ServiceChanged).await.map(Outlook::Ended);
            }
            Err(AccountError::ClientChanged) => {
                return self.lose(&account, lease, ReconnectCause::ClientChanged).await.map(Outlook::Ended);
            }
            Err(error) => return Err(error),
        };
        let Some(renewal) = Renewal::of(&unlocked.service, &unlocked.credentials) else {
            if account.expires_at.is_some_and(|end| end <= now) {
                return self.lose(&account, lease, ReconnectCause::NoRefreshToken).await.map(Outlook::Ended);
            }
            refreshes::put_off(self.database(), lease, account.expires_at).await?;
            return Ok(Outlook::Ended(Ended::Nothing));
        };
        let token = token_hash(&unlocked.credentials);
        let left = if has_intent { refreshes::intent(self.database(), lease.id).await? } else { None };
        let left = left.filter(|left| left.generation == lease.generation && left.token_hash == token);
        let begun_at = left.map(|left| left.begun_at);
        if begun_at.is_some_and(|begun_at| !renewal.may_send_again(begun_at, now)) {
            return self.lose(&account, lease, ReconnectCause::LostResponse).await.map(Outlook::Ended);
        }
        Ok(Outlook::Send(Box::new(Prepared { account, unlocked, renewal, lease, begun_at })))
    }

    /// What follows from an answer without tokens, or from none.
    async fn failed(&self, prepared: &Prepared, error: &TokenError) -> Result<Ended, AccountError> {
        let Prepared { account, lease, .. } = prepared;
        let word = match error {
            TokenError::Refused { word, .. } => word.as_deref().unwrap_or_default(),
            _ => "",
        };
        tracing::info!(account = %account.id, service = %account.service, reason = error.code(), word, "a refresh failed");
        let failure =
            if word.is_empty() { error.code().to_owned() } else { format!("{}: {word}", error.code()) };
        match error {
            TokenError::NotSent(_) => self.not_sent(prepared, None, &failure).await,
            TokenError::Unavailable { retry_after } => self.not_sent(prepared, *retry_after, &failure).await,
            TokenError::Refused { reconnect: false, .. } => self.not_sent(prepared, None, &failure).await,
            TokenError::Refused { reconnect: true, .. } => {
                // Somebody else may have got newer tokens meanwhile: then it is no wonder.
                match refreshes::standing(self.database(), lease.id).await? {
                    None => Ok(Ended::Gone),
                    Some(standing) if standing.fence == lease.fence => {
                        self.lose(account, *lease, refusal_cause(prepared, &standing)).await
                    }
                    Some(standing) => Ok(ended_elsewhere(&standing, lease.generation)),
                }
            }
            TokenError::NoAnswer | TokenError::Unreadable | TokenError::Unfit(_) => {
                self.unknown(prepared, &failure).await
            }
        }
    }

    /// The service spent nothing: the intent is taken back, unless it was an earlier attempt's, which may have.
    async fn not_sent(
        &self,
        prepared: &Prepared,
        wish: Option<Duration>,
        failure: &str,
    ) -> Result<Ended, AccountError> {
        let begun = Instant::now();
        // A store that does not answer for a moment must not make a sent token of one that was not.
        while prepared.begun_at.is_none()
            && let Err(error) = refreshes::take_back(self.database(), prepared.lease).await
        {
            if begun.elapsed() > self.inner.bounds.lease {
                return Err(error.into());
            }
            tokio::time::sleep(INSISTENCE).await;
        }
        self.wait(prepared, wish, failure).await
    }

    /// Nobody knows what the service did: as after a crash, but at once.
    async fn unknown(&self, prepared: &Prepared, failure: &str) -> Result<Ended, AccountError> {
        let Prepared { account, renewal, lease, .. } = prepared;
        let now = self.inner.clock.ask(self.database()).await?;
        let left = refreshes::intent(self.database(), lease.id).await?;
        let begun_at = left.map_or(now, |left| left.begun_at);
        if !renewal.may_send_again(begun_at, now) {
            return self.lose(account, *lease, ReconnectCause::LostResponse).await;
        }
        self.wait(prepared, None, failure).await
    }

    /// Gives the lease back. The next attempt comes after a pause, and not before the service wishes.
    async fn wait(
        &self,
        prepared: &Prepared,
        wish: Option<Duration>,
        failure: &str,
    ) -> Result<Ended, AccountError> {
        let Prepared { renewal, lease, .. } = prepared;
        let mut pause = self.pause(lease.id, wish).await?;
        if renewal.reuse == ReusePolicy::Grace && wish.is_none() {
            // A token that may have been spent is sent again while it may.
            pause = pause.min(renewal.grace / 8);
        }
        refreshes::give_back(self.database(), *lease, pause, failure).await?;
        Ok(Ended::Waits(pause))
    }

    /// How long to wait after as many failures as there were.
    async fn pause(&self, id: AccountId, wish: Option<Duration>) -> Result<Duration, StoreError> {
        let standing = refreshes::standing(self.database(), id).await?;
        Ok(schedule::pause(standing.map_or(0, |standing| standing.failures), wish))
    }

    /// Writes down that a person has to connect it again, unless somebody else has the lease or got newer tokens.
    async fn lose(
        &self,
        account: &Account,
        lease: Lease,
        cause: ReconnectCause,
    ) -> Result<Ended, AccountError> {
        let change = self.inner.credentials.store().journal().begin().await?;
        if !refreshes::lost(change.transaction(), lease, cause).await? {
            drop(change);
            return self.outlook(lease.id, lease.generation).await;
        }
        let event = Event::done(Actor::System, NEEDS_RECONNECT, Target::Account(account.id))
            .of(account.organization)
            .with(json!({
                "service": account.service,
                "cause": cause.as_str(),
                "generation": lease.generation,
            }));
        change.commit(event).await?;
        Ok(Ended::Lost(cause))
    }
}

/// What somebody else has made of an account.
fn ended_elsewhere(standing: &Standing, generation: i64) -> Ended {
    if standing.generation != generation {
        return Ended::Renewed;
    }
    match standing.state {
        AccountState::NeedsReconnect(cause) => Ended::Lost(cause),
        AccountState::Active if standing.leased => Ended::Elsewhere,
        AccountState::Active => match standing.refresh_at {
            Some(refresh_at) if standing.failures > 0 && refresh_at > standing.now => {
                let left = refresh_at.saturating_sub(standing.now);
                Ended::Waits(Duration::from_millis(left.unsigned_abs()))
            }
            // It was free a moment later.
            _ => Ended::Elsewhere,
        },
    }
}

/// Why a service that refuses may do so.
fn refusal_cause(prepared: &Prepared, standing: &Standing) -> ReconnectCause {
    let Some(lifetime) = schedule::lifetime(&prepared.unlocked.service) else {
        return ReconnectCause::Refused;
    };
    let now = OffsetDateTime::UNIX_EPOCH + time::Duration::milliseconds(standing.now);
    let consented = prepared.account.consented_at;
    let days = |days: u32| time::Duration::days(days.into());
    if lifetime.absolute_days.is_some_and(|most| consented + days(most) <= now) {
        return ReconnectCause::TooOld;
    }
    let refreshed = OffsetDateTime::UNIX_EPOCH + time::Duration::milliseconds(standing.refreshed_at);
    if lifetime.idle_days.is_some_and(|most| refreshed + days(most) <= now) {
        return ReconnectCause::Idle;
    }
    ReconnectCause::Refused
}

/// The digest of what is spent; of nothing, where nothing is.
fn token_hash(credentials: &Credentials) -> Vec<u8> {
    let token = credentials.refresh_token().map_or("", |token| token.reveal());
    digest(token.as_bytes()).to_vec()
}
