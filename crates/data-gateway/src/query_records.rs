//! Reading records of queries, and forgetting old ones.

use access_control::{ListQueryRecords, Permit};
use ids::QueryRecordId;
use time::OffsetDateTime;

use crate::query_record::QueryRecord;
use crate::store::query_records::QueryRecordFilter;
use crate::{Store, StoreError};

/// How long records are kept.
pub const RETENTION: time::Duration = time::Duration::days(90);

/// Records of queries.
#[derive(Clone, Debug)]
pub struct QueryRecords {
    store: Store,
}

impl QueryRecords {
    /// The records in this store.
    #[must_use]
    pub const fn new(store: Store) -> Self {
        Self { store }
    }

    /// Records of an organization, newest first, older than `before` and at most `most`.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn list(
        &self,
        permit: &Permit<ListQueryRecords>,
        filter: &QueryRecordFilter,
        before: Option<QueryRecordId>,
        most: usize,
    ) -> Result<Vec<QueryRecord>, StoreError> {
        self.store.list_query_records(permit.organization(), filter, before, most).await
    }

    /// Deletes what is older than [`RETENTION`], in small pieces with pauses. How many records.
    ///
    /// # Errors
    /// The store is not available; what was deleted until then stays deleted.
    pub async fn sweep(&self, now: OffsetDateTime) -> Result<u64, StoreError> {
        usage_records::sweep(&self.store, now - RETENTION).await
    }
}
