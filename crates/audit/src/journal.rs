//! Changes, and those who follow them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Instant;

use async_trait::async_trait;
use ids::ReplicaId;
use sea_orm::{
    ConnectionTrait as _, DatabaseBackend, DatabaseConnection, DatabaseTransaction, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};

use crate::store::events::Place;
use crate::{
    Announcement, AuditError, Chain, Currency, Event, Fence, Growth, News, Withdrawal, fence, store,
};

/// Somebody who has to know of a change before it counts as done.
#[async_trait]
pub trait Follower: Send + Sync {
    /// Called after the commit, and also when the store did not say whether it committed. A follower
    /// that cannot keep up must stop answering rather than answer from what it knew before.
    async fn committed(&self, event: &Event);

    /// Called for what other processes committed, in the order of their commits. Whoever keeps nothing of the store in
    /// memory has nothing to do.
    async fn announced(&self, news: News<'_>);
}

/// Where changes begin.
#[derive(Clone)]
pub struct Journal {
    database: DatabaseConnection,
    followers: Arc<OnceLock<Vec<Arc<dyn Follower>>>>,
    /// Chains with records that no head has signed, and where this process left them.
    grown: Arc<Mutex<BTreeMap<Chain, Place>>>,
    readers: Arc<Mutex<Vec<Weak<Growth>>>>,
    replica: ReplicaId,
    currency: Arc<Currency>,
}

impl fmt::Debug for Journal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Journal").finish_non_exhaustive()
    }
}

impl Journal {
    /// A journal on this store. What others change there is not followed: for commands, and for the only process of
    /// a store.
    #[must_use]
    pub fn new(database: DatabaseConnection) -> Self {
        Self::with(database, Currency::alone())
    }

    /// A journal of one process of several: it is current when somebody [confirms](Currency::confirm) that it is.
    #[must_use]
    pub fn shared(database: DatabaseConnection) -> Self {
        Self::with(database, Currency::shared())
    }

    fn with(database: DatabaseConnection, currency: Currency) -> Self {
        Self {
            database,
            followers: Arc::default(),
            grown: Arc::default(),
            readers: Arc::default(),
            replica: ReplicaId::generate(),
            currency: Arc::new(currency),
        }
    }

    /// The name of this process among those of the store.
    #[must_use]
    pub fn replica(&self) -> ReplicaId {
        self.replica
    }

    /// Until when this process knows of every change.
    #[must_use]
    pub fn currency(&self) -> &Arc<Currency> {
        &self.currency
    }

    /// Shows the followers what other processes changed.
    pub async fn announced(&self, news: News<'_>) {
        for follower in self.followers.get().into_iter().flatten() {
            follower.announced(news).await;
        }
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
        Ok(Change { transaction, journal: self.clone(), fence: fence::current(), withdraws: false })
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

    /// Announces nothing, to find out how long announcements take. On PostgreSQL only.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn announce_nothing(&self) -> Result<(), AuditError> {
        let change = self.begin().await?;
        store::announcements::announce(&change.transaction, self.replica, &[])
            .await
            .map_err(AuditError::Store)?;
        change.transaction.commit().await.map_err(AuditError::Store)
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
    fence: Option<Arc<dyn Fence>>,
    /// Whether somebody waits to hear what it did.
    withdraws: bool,
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
        tokio::spawn(self.finish(events)).await.map_err(AuditError::Interrupted)?.map(drop)
    }

    /// [`Change::commit`] of an event that takes something away: the other processes say what that did in them.
    ///
    /// # Errors
    /// As there.
    pub async fn withdraw(mut self, event: Event) -> Result<Withdrawal, AuditError> {
        self.withdraws = true;
        let announcement = Announcement { withdraws: true, ..Announcement::from(&event) };
        let began = Instant::now();
        let finished = tokio::spawn(self.finish(vec![event])).await.map_err(AuditError::Interrupted)?;
        Ok(Withdrawal { announcement, sequence: finished?, began })
    }

    async fn write(&self, events: &[Event]) -> Result<BTreeMap<Chain, Place>, AuditError> {
        store::events::append(&self.transaction, events).await.map_err(AuditError::Store)
    }

    async fn check_fence(&self) -> Result<(), AuditError> {
        let Some(fence) = &self.fence else { return Ok(()) };
        if fence.holds(self).await? { Ok(()) } else { Err(AuditError::TakenOver) }
    }

    /// Several processes share a store on PostgreSQL only.
    async fn announce(&self, events: &[Event]) -> Result<Option<i64>, AuditError> {
        let told = events.iter().filter(|event| event.announced);
        let announcement = |event| Announcement { withdraws: self.withdraws, ..Announcement::from(event) };
        let announcements: Vec<Announcement> = told.map(announcement).collect();
        if announcements.is_empty() || self.transaction.get_database_backend() != DatabaseBackend::Postgres {
            return Ok(None);
        }
        let replica = self.journal.replica;
        let announced = store::announcements::announce(&self.transaction, replica, &announcements).await;
        announced.map(Some).map_err(AuditError::Store)
    }

    async fn finish(self, events: Vec<Event>) -> Result<Option<i64>, AuditError> {
        let ends = self.write(&events).await?;
        self.check_fence().await?;
        let sequence = self.announce(&events).await?;
        let committed = self.transaction.commit().await.map_err(AuditError::Store);
        self.journal.note_grown(&ends, committed.is_ok());
        for follower in self.journal.followers.get().into_iter().flatten() {
            for event in &events {
                follower.committed(event).await;
            }
        }
        committed.map(|()| sequence)
    }
}
