//! A connection of one's own to follow on, and the tables of replicas and leases. PostgreSQL only.

pub mod leases;
pub mod replicas;

use std::time::Duration;

use audit::{Announcements, CHANNEL};
use sea_orm::{ConnectionTrait as _, DatabaseBackend, DatabaseConnection, SqlxPostgresConnector};
use sqlx::postgres::{PgListener, PgPoolOptions};

use crate::ReplicaError;

/// Whether a store is shared by several processes: those on PostgreSQL are, SQLite has one.
#[must_use]
pub fn shares(database: &DatabaseConnection) -> bool {
    database.get_database_backend() == DatabaseBackend::Postgres
}

/// What one process follows the others on. Requests that wait for the pool do not keep it waiting, and it ends as a
/// whole when something is wrong with it.
pub struct Link {
    pub announcements: Announcements,
    pub database: DatabaseConnection,
    listener: PgListener,
}

impl Link {
    /// Connects as the pool of the store does.
    pub async fn open(store: &DatabaseConnection) -> Result<Self, ReplicaError> {
        let options = store.get_postgres_connection_pool().connect_options();
        let pool = || {
            let options = PgPoolOptions::new().max_connections(1).test_before_acquire(false);
            options.idle_timeout(None).max_lifetime(None)
        };
        let mut listener = PgListener::connect_with(&pool().connect_lazy_with(options.as_ref().clone()))
            .await
            .map_err(ReplicaError::Listening)?;
        // Whoever was not connected for a while does not know what it missed.
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await.map_err(ReplicaError::Listening)?;
        let pool = pool().connect_lazy_with(options.as_ref().clone());
        let database = SqlxPostgresConnector::from_sqlx_postgres_pool(pool);
        // What is written on it, signs of life, need not be on disk before it counts.
        database.execute_unprepared("SET synchronous_commit TO off").await.map_err(ReplicaError::Store)?;
        Ok(Self { announcements: Announcements::new(database.clone()), database, listener })
    }

    /// Waits until something was announced, at most so long. Whether something was.
    pub async fn called(&mut self, patience: Duration) -> Result<bool, sqlx::Error> {
        let called = match tokio::time::timeout(patience, self.listener.try_recv()).await {
            Err(_) => false,
            Ok(Ok(Some(_))) => true,
            Ok(Ok(None)) => return Err(sqlx::Error::WorkerCrashed),
            Ok(Err(error)) => return Err(error),
        };
        // One answer is for all calls that came.
        while self.listener.next_buffered().is_some() {}
        Ok(called)
    }
}
