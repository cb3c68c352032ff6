//! What can go wrong between processes.

use audit::AuditError;

/// The store was not asked, or did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ReplicaError {
    /// It did not answer in time.
    #[error("the store did not answer in time")]
    Timeout,
    /// What was announced cannot be read.
    #[error("what other processes announced cannot be read")]
    Announcements(#[from] AuditError),
    /// The connection on which changes are announced.
    #[error("changes are not announced to this process")]
    Listening(#[source] sqlx::Error),
    /// Announcements were there, and nobody called.
    #[error("changes are announced to this process too late")]
    Uncalled,
    /// The tables of replicas and leases.
    #[error("the store is not available")]
    Store(#[source] sea_orm::DbErr),
}
