//! What the processes of a store on PostgreSQL announced, for whoever follows it.

use std::time::Duration;

use ids::ReplicaId;
use sea_orm::DatabaseConnection;

use crate::{Announcement, AuditError, store};

pub use crate::store::announcements::CHANNEL;

/// How long announcements are kept. A process that was away for longer reads everything again.
pub const KEPT_FOR: Duration = Duration::from_secs(3600);

/// What was announced, in a store.
#[derive(Clone, Debug)]
pub struct Announcements {
    database: DatabaseConnection,
}

/// One change that a process announced.
#[derive(Clone, Debug)]
pub struct Announced {
    /// Its number: one more than that of the change committed before it.
    pub sequence: i64,
    /// How long ago it was written when it was read, by the store's clock.
    pub age: Duration,
    /// Which process. `None` if that cannot be read: a later version may name them otherwise.
    pub replica: Option<ReplicaId>,
    /// What changed. `None` if that cannot be read: a later version may change what this one does not know.
    pub changes: Option<Vec<Announcement>>,
}

impl Announcements {
    /// Those of this store.
    #[must_use]
    pub fn new(database: DatabaseConnection) -> Self {
        Self { database }
    }

    /// The number of the last one.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn last(&self) -> Result<i64, AuditError> {
        store::announcements::last(&self.database).await.map_err(AuditError::Store)
    }

    /// Those after a number, in order, at most so many. The first of them is the next number, unless it was deleted
    /// already.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn after(&self, sequence: i64, limit: i64) -> Result<Vec<Announced>, AuditError> {
        let rows = store::announcements::after(&self.database, sequence, limit).await;
        let read = |row: store::announcements::Row| Announced {
            sequence: row.sequence,
            age: Duration::try_from_secs_f64(row.age).unwrap_or_default(),
            replica: row.replica.parse().ok(),
            changes: serde_json::from_str(&row.changes).ok(),
        };
        Ok(rows.map_err(AuditError::Store)?.into_iter().map(read).collect())
    }

    /// Deletes what is older than [`KEPT_FOR`], and says how much that was.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn sweep(&self) -> Result<u64, AuditError> {
        let seconds = i64::try_from(KEPT_FOR.as_secs()).unwrap_or(i64::MAX);
        store::announcements::delete_older(&self.database, seconds).await.map_err(AuditError::Store)
    }
}
