//! What can go wrong with reading the facts.

use apps::AppError;
use organizations::OrganizationError;

/// Why the facts were not read.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Organizations.
    #[error("organizations were not read")]
    Organizations(#[from] OrganizationError),
    /// Apps.
    #[error("apps were not read")]
    Apps(#[from] AppError),
    /// The store took too long.
    #[error("the store did not answer in time")]
    Timeout,
}
