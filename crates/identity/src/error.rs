//! What can go wrong with people, sessions and keys.

use audit::AuditError;
use cryptography::{OpenError, SealError};
use sea_orm::DbErr;
use secrets_vault::VaultError;

/// A use case that could not be carried out. Says nothing about the person who asked.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The store did not answer.
    #[error("the store is not available")]
    Store(#[source] DbErr),
    /// The change could not be recorded, so it did not happen.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// A row holds something that no version of this code writes.
    #[error("the table {table} holds a row that is not readable")]
    Unreadable {
        /// Which table.
        table: &'static str,
    },
    /// No random numbers, or no cipher.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// What was sealed under a key of the platform does not open.
    #[error("a sealed row does not open: it was changed, or sealed by another platform")]
    Open(#[from] OpenError),
    /// The vault does not open or keep a signing key.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The session that asks has ended meanwhile.
    #[error("the session has ended")]
    SignedOut,
    /// The person has as many API tokens as one may have.
    #[error("there are too many API tokens")]
    TooManyApiTokens,
    /// The named thing does not exist, or is somebody else's.
    #[error("there is nothing of this name")]
    NotFound,
}

/// Why a cookie or a token does not lead to a live session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// Unknown, expired, ended or malformed. Which one is not said.
    #[error("there is no live session behind this credential")]
    Invalid,
    /// It cannot be checked right now.
    #[error("sessions cannot be checked at the moment")]
    Unavailable,
}

impl From<SessionError> for endpoint::Rejected {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Invalid => Self::Invalid,
            SessionError::Unavailable => Self::Unavailable,
        }
    }
}
