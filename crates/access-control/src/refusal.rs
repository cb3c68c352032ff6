//! Why something is not permitted.

use crate::FactsUnavailable;

/// Why there is no permit. Each maps to exactly one HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No valid credential of the kind that the action needs: 401.
    #[error("a valid credential is needed")]
    Unauthenticated,
    /// There is no such thing, or it is not visible to the caller, who cannot tell which: 404.
    #[error("not found")]
    NotFound,
    /// Visible, and not allowed: 403.
    #[error("not allowed")]
    Forbidden,
    /// The facts are not available: 503.
    #[error(transparent)]
    Unavailable(#[from] FactsUnavailable),
}
