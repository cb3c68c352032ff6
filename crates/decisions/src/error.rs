//! What can go wrong with kept decisions.

/// Why a decision, or what was seen, could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DecisionError {
    /// There is no such decision here.
    #[error("no such decision")]
    NotFound,
    /// The store did not answer or refused.
    #[error("the store is not available")]
    Store(#[source] sea_orm::DbErr),
    /// A row holds what this version cannot read.
    #[error("a row of {0} cannot be read")]
    Unreadable(&'static str),
}
