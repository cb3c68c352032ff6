//! What can go wrong with a change.

/// A change or a record that did not happen.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The store did not answer or refused.
    #[error("the store is not available")]
    Store(#[source] sea_orm::DbErr),
    /// The process is stopping, or a follower failed.
    #[error("the change was interrupted")]
    Interrupted(#[source] tokio::task::JoinError),
}
