//! Reading records of calls, and forgetting old ones.

use access_control::{ListServiceCalls, Permit};
use ids::ServiceCallId;
use time::OffsetDateTime;

use crate::service_call::ServiceCall;
use crate::store::service_calls::ServiceCallFilter;
use crate::{Store, StoreError};

/// How long records are kept.
pub const SERVICE_CALL_RETENTION: time::Duration = time::Duration::days(90);

/// Records of calls.
#[derive(Clone, Debug)]
pub struct ServiceCalls {
    store: Store,
}

impl ServiceCalls {
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
        permit: &Permit<ListServiceCalls>,
        filter: &ServiceCallFilter,
        before: Option<ServiceCallId>,
        most: usize,
    ) -> Result<Vec<ServiceCall>, StoreError> {
        self.store.list_service_calls(permit.organization(), filter, before, most).await
    }

    /// Deletes what is older than [`SERVICE_CALL_RETENTION`], in small pieces with pauses. How many records.
    ///
    /// # Errors
    /// The store is not available; what was deleted until then stays deleted.
    pub async fn sweep(&self, now: OffsetDateTime) -> Result<u64, StoreError> {
        usage_records::sweep(&self.store, now - SERVICE_CALL_RETENTION).await
    }
}
