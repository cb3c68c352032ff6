//! What a caller is told when a table does not do its part.

use endpoint::Problem;

use crate::StoreError;

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "a table of integrations could not be read or written"
        );
        match error {
            StoreError::Database(_) => Self::unavailable(),
            StoreError::Unreadable(_) => Self::internal(),
        }
    }
}
