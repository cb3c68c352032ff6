//! What can go wrong with a change.

use std::path::PathBuf;

/// A change or a record that did not happen, or a trail that was not read.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The store did not answer or refused.
    #[error("the store is not available")]
    Store(#[source] sea_orm::DbErr),
    /// The process is stopping, or a follower failed.
    #[error("the change was interrupted")]
    Interrupted(#[source] tokio::task::JoinError),
    /// The task that began the change is another process's by now.
    #[error("another process has taken over; nothing was changed")]
    TakenOver,
    /// The file of signed heads cannot be read or written.
    #[error("the heads file {} is not available", path.display())]
    HeadsFile {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// An export from a record that there is not.
    #[error("the chain has no record {0} to begin with")]
    NoSuchRecord(i64),
}
