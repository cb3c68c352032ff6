//! Changes, and those who follow them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use async_trait::async_trait;
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

use crate::store::events::Place;
use crate::{AuditError, Chain, Event, Growth, store};

/// Somebody who has to know of a change before it counts as done.
#[async_trait]
pub trait Follower: Send + Sync {
    /// Called after the commit, and also when the store did not say whether it committed. A follower
    /// that cannot keep up must stop answering rather than answer from what it knew before.
    async fn committed(&self, event: &Event);
}

/// Where changes begin.
#[derive(Clone)]
pub struct Journal {
    database: DatabaseConnection,
    followers: Arc<OnceLock<Vec<Arc<dyn Follower>>>>,
    /// Chains with records that no head has signed, and where this process left them.
    grown: Arc<Mutex<BTreeMap<Chain, Place>>>,
    readers: Arc<Mutex<Vec<Weak<Growth>>>>,
}

impl fmt::Debug for Journal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Journal").finish_non_exhaustive()
    }
}

impl Journal {
    /// A journal on this store.
    #[must_use]
    pub fn new(database: DatabaseConnection) -> Self {
        Self { database, followers: Arc::default(), grown: Arc::default(), readers: Arc::default() }
    }

    /// Names the followers. Only the first call counts: they are wired once, at start.
    pub fn follow(&self, followers: Vec<Arc<dyn Follower>>) {
        let _ = self.followers.set(followers);
    }

    /// Tells of chains that grow, from now on, for as long as it is kept.
    #[must_use]
    pub fn growth(&self) -> Arc<Growth> {
        let growth = Arc::<Growth>::default();
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&growth));
        growth
    }

    /// The store, to read from.
    #[must_use]
    pub fn database(&self) -> &DatabaseConnection {
        &self.database
    }

    /// Begins a change.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn begin(&self) -> Result<Change, AuditError> {
        // SQLite upgrades a deferred transaction only if nobody else wrote meanwhile, and fails at once
        // otherwise; an immediate one waits its turn. PostgreSQL ignores the option.
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let transaction = self.database.begin_with_options(options).await.map_err(AuditError::Store)?;
        Ok(Change { transaction, journal: self.clone() })
    }

    /// Records something that changed nothing, such as a refusal.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn record(&self, event: &Event) -> Result<(), AuditError> {
        self.record_all(std::slice::from_ref(event)).await
    }

    /// Records several things that changed nothing, all or none.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn record_all(&self, events: &[Event]) -> Result<(), AuditError> {
        let change = self.begin().await?;
        let ends = change.write(events).await?;
        let committed = change.transaction.commit().await.map_err(AuditError::Store);
        self.note_grown(&ends, committed.is_ok());
        committed
    }

    /// The chains that may have grown since somebody asked, and where this process left them.
    pub(crate) fn take_grown(&self) -> BTreeMap<Chain, Place> {
        std::mem::take(&mut *self.grown.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Remembers that these chains have grown, or may have when the store did not say.
    fn note_grown(&self, ends: &BTreeMap<Chain, Place>, committed: bool) {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).retain(|reader| {
            let reader = reader.upgrade();
            reader.iter().for_each(|reader| reader.note(ends.keys().copied()));
            reader.is_some()
        });
        let mut grown = self.grown.lock().unwrap_or_else(PoisonError::into_inner);
        for (chain, end) in ends {
            let end = if committed { *end } else { Place::START };
            let known = grown.entry(*chain).or_insert(end);
            *known = known.later(end);
        }
    }
}

/// A change that has begun. Dropped without [`Change::commit`], it never happened.
pub struct Change {
    transaction: DatabaseTransaction,
    journal: Journal,
}

impl Change {
    /// The transaction, for the stores.
    #[must_use]
    pub fn transaction(&self) -> &DatabaseTransaction {
        &self.transaction
    }

    /// [`Change::commit_all`] of one event.
    ///
    /// # Errors
    /// As there.
    pub async fn commit(self, event: Event) -> Result<(), AuditError> {
        self.commit_all(vec![event]).await
    }

    /// Writes the events, commits, and shows each to the followers. Runs to its end even when the caller
    /// goes away: a commit that no follower heard of would leave old facts in memory. Without any event
    /// nothing is committed: what nobody can read about does not happen.
    ///
    /// # Errors
    /// The store is not available; nothing was changed, as far as the store said.
    pub async fn commit_all(self, events: Vec<Event>) -> Result<(), AuditError> {
        if events.is_empty() {
            return Ok(());
        }
        tokio::spawn(self.finish(events)).await.map_err(AuditError::Interrupted)?
    }

    async fn write(&self, events: &[Event]) -> Result<BTreeMap<Chain, Place>, AuditError> {
        store::events::append(&self.transaction, events).await.map_err(AuditError::Store)
    }

    async fn finish(self, events: Vec<Event>) -> Result<(), AuditError> {
        let ends = self.write(&events).await?;
        let committed = self.transaction.commit().await.map_err(AuditError::Store);
        self.journal.note_grown(&ends, committed.is_ok());
        for follower in self.journal.followers.get().into_iter().flatten() {
            for event in &events {
                follower.committed(event).await;
            }
        }
        committed
    }
}
