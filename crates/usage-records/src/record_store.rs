//! Where records are kept.

use std::error::Error;

use time::OffsetDateTime;

use crate::Record;

/// A table of records.
pub trait RecordStore: Send + Sync + 'static {
    /// What is kept.
    type Record: Record;

    /// Why the store did not do it.
    type Error: Error + Send + 'static;

    /// Writes all of these or none.
    fn write(&self, records: &[Self::Record]) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Deletes up to `most` records of uses before `border`; how many. Fewer means that none is left.
    fn delete(
        &self,
        border: OffsetDateTime,
        most: u64,
    ) -> impl Future<Output = Result<u64, Self::Error>> + Send;
}
