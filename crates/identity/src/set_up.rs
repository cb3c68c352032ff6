//! The first set-up: a one-time code, printed in the log, makes the first organization's Owner.

use std::sync::atomic::{AtomicU32, Ordering};

use access_control::{Action, CompleteSetUp, Permit};
use audit::{Actor, Event, Journal, Target};
use ids::RequestId;
use secrets_vault::Token;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::IdentityError;
use crate::store::{self, Store};

/// How many wrong codes are looked at before a restart has to make a new one.
const TRIES: u32 = 20;

/// The first set-up of this platform.
pub struct SetUp {
    store: Store,
    journal: Journal,
    wrong: AtomicU32,
}

/// The one claim to the first organization. Nobody else gets one while it is held or completed.
#[derive(Debug)]
#[must_use = "complete the set-up, or give the claim back"]
pub struct SetUpClaim {
    code_hash: Vec<u8>,
}

/// Why a code gives no claim.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// Wrong, used, or the set-up is completed. Which one is not said.
    #[error("the set-up code is wrong, or the set-up is completed")]
    Refused,
    /// Too many wrong codes.
    #[error("too many wrong set-up codes; restart the platform to get a new one")]
    TooManyTries,
    /// The store failed.
    #[error(transparent)]
    Failed(#[from] IdentityError),
}

impl SetUp {
    /// The set-up in this store.
    #[must_use]
    pub fn new(store: Store, journal: Journal) -> Self {
        Self { store, journal, wrong: AtomicU32::new(0) }
    }

    /// To be called at start. A fresh code for the log while the set-up is not completed, `None`
    /// afterwards. `organization_exists`: a set-up that was claimed and made no organization (the process
    /// died in between) is open again.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn prepare(
        &self,
        organization_exists: bool,
        now: OffsetDateTime,
    ) -> Result<Option<Zeroizing<String>>, IdentityError> {
        let change = self.journal.begin().await?;
        let row = store::set_up::read(change.transaction()).await?;
        let completed = row.is_some_and(|row| row.completed_at.is_some());
        if organization_exists && completed {
            return Ok(None);
        }
        let code = Token::generate()?;
        store::set_up::replace(change.transaction(), code.hash(), now).await?;
        change.commit(Event::done(Actor::System, "setup.prepare", Target::Platform)).await?;
        self.wrong.store(0, Ordering::Relaxed);
        Ok(Some(code.reveal()))
    }

    /// Whether the set-up is still to be done.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn is_open(&self) -> Result<bool, IdentityError> {
        let row = store::set_up::read(&self.store.database).await?;
        Ok(row.is_some_and(|row| row.completed_at.is_none()))
    }

    /// Exchanges the code for the one claim. Of several people who try at once, one gets it.
    ///
    /// # Errors
    /// See [`SetUpError`].
    pub async fn redeem(
        &self,
        permit: &Permit<CompleteSetUp>,
        code: &str,
        request: RequestId,
        now: OffsetDateTime,
    ) -> Result<SetUpClaim, SetUpError> {
        if self.wrong.load(Ordering::Relaxed) >= TRIES {
            return Err(SetUpError::TooManyTries);
        }
        // The hash is what is compared, so the time taken says nothing about the code.
        let code_hash = Token::parse(code.trim()).map(|code| code.hash());
        let change = self.journal.begin().await.map_err(IdentityError::from)?;
        let actor = Actor::Person(permit.user());
        let claimed = match &code_hash {
            Some(hash) => store::set_up::complete(change.transaction(), hash.clone(), now).await?,
            None => false,
        };
        let Some(code_hash) = code_hash.filter(|_| claimed) else {
            self.wrong.fetch_add(1, Ordering::Relaxed);
            drop(change);
            let event = Event::refused(actor, CompleteSetUp::NAME, Target::Platform).during(request);
            self.journal.record(&event).await.map_err(IdentityError::from)?;
            return Err(SetUpError::Refused);
        };
        let event = Event::done(actor, CompleteSetUp::NAME, Target::Platform).during(request);
        change.commit(event).await.map_err(IdentityError::from)?;
        Ok(SetUpClaim { code_hash })
    }

    /// Gives a claim back because the organization could not be made, so that the code works again.
    ///
    /// # Errors
    /// The store does not answer; a restart opens the set-up again.
    pub async fn give_back(
        &self,
        permit: &Permit<CompleteSetUp>,
        claim: SetUpClaim,
        request: RequestId,
    ) -> Result<(), IdentityError> {
        let change = self.journal.begin().await?;
        store::set_up::reopen(change.transaction(), claim.code_hash).await?;
        let event = Event::done(Actor::Person(permit.user()), "setup.give_back", Target::Platform);
        change.commit(event.during(request)).await?;
        Ok(())
    }
}
