//! What can go wrong in the vault.

use audit::AuditError;
use cryptography::SealError;
use ids::{DataKeyId, SecretId};
use sea_orm::SqlErr;

use crate::ProviderError;

/// Why the vault did not do what it was asked. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// There is no such value.
    #[error("no such secret")]
    NotFound,
    /// The sealed value does not open as what it should be: it was moved, changed, or cut.
    #[error("{0} does not open: it was changed or moved outside of the platform")]
    Tampered(SecretId),
    /// The data key does not unwrap: it was moved, changed, or cut.
    #[error("{0} does not unwrap: it was changed or moved outside of the platform")]
    KeyTampered(DataKeyId),
    /// The data keys in the store were wrapped by a master key that is not configured.
    #[error("needs the master key {needed}, but knows only: {known}")]
    MasterKeyUnknown {
        /// The identifiers that are missing.
        needed: String,
        /// The identifiers that are configured.
        known: String,
        /// Those of them that wrapped data keys here before and do no more.
        replaced: String,
    },
    /// The master key of this name opens none of the data keys that name it.
    #[error("the master key {0} opens none of the data keys that name it")]
    MasterKeyWrong(String),
    /// The platform has a data key and no root key, which was sealed first.
    #[error("the root key is gone, though it was there: restore the database from a backup")]
    RootKeyGone,
    /// The master key's provider did not answer or refused.
    #[error("the provider of the master key failed")]
    Provider(#[source] ProviderError),
    /// The system has no random numbers.
    #[error("no random numbers")]
    Randomness(#[from] SealError),
    /// A key was replaced again and again while it was about to be used.
    #[error("the key was replaced meanwhile")]
    KeyReplaced,
    /// A rotation of this key is under way.
    #[error("a rotation of this key is under way")]
    RotationUnderWay,
    /// A rotation of this key has ended a moment ago.
    #[error("this key was rotated a moment ago")]
    RotatedJustNow,
    /// Another process has taken the rotation over, or its organization was deleted.
    #[error("another process works on the rotation")]
    TurnLost,
    /// The key has sealed as often as a key may, and seals no more until it is rotated.
    #[error("{0} has sealed as often as a key may; rotate it")]
    KeyExhausted(DataKeyId),
    /// The store did not answer or refused.
    #[error("the store is not available")]
    Store(#[source] sea_orm::DbErr),
    /// A row holds what this version cannot read.
    #[error("a row of {0} cannot be read")]
    Unreadable(&'static str),
    /// The change was not recorded.
    #[error(transparent)]
    Audit(#[from] AuditError),
}

impl VaultError {
    /// Whether the store refused because what a row belongs to is gone.
    pub(crate) fn names_what_is_gone(&self) -> bool {
        matches!(self, Self::Store(error) if matches!(error.sql_err(), Some(SqlErr::ForeignKeyConstraintViolation(_))))
    }

    /// Whether the store refused because another row has this place.
    pub(crate) fn is_taken(&self) -> bool {
        matches!(self, Self::Store(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))))
    }
}
