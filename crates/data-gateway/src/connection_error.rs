//! What can go wrong with connections.

use access_control::FactsUnavailable;
use audit::AuditError;
use databases::QueryError;
use ids::ConnectionId;
use outbound::Refused;
use secrets_vault::{SecretError, VaultError};

use crate::store::StoreError;
use crate::{ChangedHostKey, DefinitionError};

/// Why a use case of connections did not do what it was asked. Nothing was changed, and nothing here is secret.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// There is no such connection here.
    #[error("no such connection")]
    NotFound,
    /// The description is not acceptable.
    #[error(transparent)]
    Definition(DefinitionError),
    /// The address may not be connected to.
    #[error("the host has an address that may not be connected to: {0}")]
    Address(Refused),
    /// An app that is none of the organization's, or that the person may not see.
    #[error("no such app in this organization")]
    UnknownApp,
    /// Another connection of this kind has this name, or the app has a database already.
    #[error("another connection has this name")]
    NameTaken,
    /// There are as many as there can be.
    #[error("too many connections")]
    TooMany,
    /// Somebody else changed it meanwhile.
    #[error("the connection was changed meanwhile")]
    Changed,
    /// Stored credentials do not follow to another place.
    #[error(
        "the password and all private keys have to be given again: they are kept for the place they were given for"
    )]
    CredentialsNeeded,
    /// Stored credentials do not go on to be used for more, as long as apps use them that the person does not see.
    #[error(
        "apps that you do not see use this connection: to let more apps use it, or to let it write, give the password and all private keys again, or ask somebody who sees these apps"
    )]
    CredentialsNeededForMore,
    /// The host key of an SSH server changed, and nobody has looked at it yet.
    #[error("the host key of SSH server {} is not the confirmed one", .0.hop + 1)]
    HostKeyChanged(ChangedHostKey),
    /// There is no changed host key to say anything about, or it is yet another one.
    #[error("this is neither the confirmed host key nor the one that was seen")]
    OtherHostKey,
    /// Too many databases of the organization's are looked into, or wait for it.
    #[error("too many databases are being looked into")]
    Busy,
    /// What is in the table is not what was sealed.
    #[error("{0} was changed outside of the platform")]
    Tampered(ConnectionId),
    /// The database did not answer what was asked.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The facts for a decision are not there.
    #[error(transparent)]
    Facts(#[from] FactsUnavailable),
    /// The vault did not seal or open.
    #[error(transparent)]
    Vault(VaultError),
    /// The store did not do its part.
    #[error(transparent)]
    Store(StoreError),
    /// The change was not recorded.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// A task of this process ended before its time.
    #[error("interrupted")]
    Interrupted(#[source] Box<SecretError>),
    /// What would be sealed has no form as text.
    #[error("the definition cannot be written down")]
    Unwritable(#[from] serde_json::Error),
}

impl From<StoreError> for ConnectionError {
    fn from(error: StoreError) -> Self {
        if error.is_taken() {
            return Self::NameTaken;
        }
        // The app or the organization went meanwhile.
        if error.names_what_is_gone() { Self::NotFound } else { Self::Store(error) }
    }
}

impl From<VaultError> for ConnectionError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::NotFound => Self::NotFound,
            error => Self::Vault(error),
        }
    }
}
