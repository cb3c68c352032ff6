//! The processes of a store, as they see each other.

use std::time::Duration;

use audit::Journal;
use ids::ReplicaId;
use time::OffsetDateTime;

use crate::ReplicaError;
use crate::store::{self, Link};

/// After how long without a sign of life a process is not waited for. What it may still serve counts for less
/// ([`audit::TRUSTED_FOR`]).
pub const SILENT_AFTER: Duration = Duration::from_secs(2);

/// The processes of one store.
#[derive(Clone, Debug)]
pub struct Replicas {
    journal: Journal,
}

/// One process.
#[derive(Clone, Debug)]
pub struct ListedReplica {
    /// Its name, from its start to its end.
    pub id: ReplicaId,
    /// The version of the program.
    pub version: String,
    /// When it began to follow the others.
    pub started_at: OffsetDateTime,
    /// How long ago it was heard of.
    pub silent_for: Duration,
    /// The number of the last announcement that it has followed.
    pub followed: i64,
}

impl Replicas {
    /// Those of this journal's store.
    #[must_use]
    pub fn new(journal: Journal) -> Self {
        Self { journal }
    }

    /// The processes that were heard of within [`SILENT_AFTER`].
    ///
    /// # Errors
    /// The store is not available.
    pub async fn list(&self) -> Result<Vec<ListedReplica>, ReplicaError> {
        store::replicas::list(self.journal.database(), SILENT_AFTER).await.map_err(ReplicaError::Store)
    }

    /// Forgets the processes that have not been heard of for a day.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn sweep(&self) -> Result<u64, ReplicaError> {
        store::replicas::delete_silent(self.journal.database()).await.map_err(ReplicaError::Store)
    }

    pub(crate) async fn seen(&self, link: &Link, id: ReplicaId, followed: i64) -> Result<(), ReplicaError> {
        store::replicas::seen(&link.database, id, followed).await.map_err(ReplicaError::Store)
    }
}
