//! What can go wrong with saved queries.

use audit::AuditError;
use query_guard::Refusal;

use crate::{RunError, StoreError};

/// Why something with a saved query was not done. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum DataQueryError {
    /// There is no such saved query in the app.
    #[error("no such saved query")]
    NotFound,
    /// The app has a saved query of this name.
    #[error("the app has a saved query of this name")]
    NameTaken,
    /// The app has as many as an app can have.
    #[error("an app has at most {0} saved queries")]
    TooMany(u64),
    /// Somebody else changed it first.
    #[error("it was changed meanwhile")]
    Changed,
    /// Something about it is not acceptable.
    #[error("{0}")]
    Invalid(String),
    /// The guard does not let its statement through.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Its connection.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The change was not recorded.
    #[error(transparent)]
    Audit(#[from] AuditError),
}
