//! What can go wrong with custom APIs.

use access_control::FactsUnavailable;
use audit::AuditError;
use ids::CustomApiId;
use secrets_vault::VaultError;

use crate::StoreError;
use crate::custom_api::CustomApiDefinitionError;

/// Why a use case of custom APIs did not do what it was asked. Nothing was changed, and nothing here is secret.
#[derive(Debug, thiserror::Error)]
pub enum CustomApiError {
    /// There is no such custom API here.
    #[error("no such custom API")]
    NotFound,
    /// The description is not acceptable.
    #[error(transparent)]
    Definition(#[from] CustomApiDefinitionError),
    /// An app that is none of the organization's, or that the person may not see.
    #[error("no such app in this organization")]
    UnknownApp,
    /// Another custom API has this name.
    #[error("another custom API has this name")]
    NameTaken,
    /// There are as many as there can be.
    #[error("too many custom APIs")]
    TooMany,
    /// Somebody else changed it meanwhile.
    #[error("the custom API was changed meanwhile")]
    Changed,
    /// There are none, or stored ones do not follow to another place.
    #[error(
        "the credentials have to be given: they are kept for the base URL and the kind that they were given for"
    )]
    CredentialsNeeded,
    /// Stored credentials do not go on to be used for more, as long as apps use them that the person does not see.
    #[error(
        "apps that you do not see use this custom API: to let more apps or pages use it, give the credentials again, or ask somebody who sees these apps"
    )]
    CredentialsNeededForMore,
    /// What is in the table is not what was sealed.
    #[error("{0} was changed outside of the platform")]
    Tampered(CustomApiId),
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
    /// What would be sealed has no form as text.
    #[error("the definition cannot be written down")]
    Unwritable(#[from] serde_json::Error),
}

impl From<StoreError> for CustomApiError {
    fn from(error: StoreError) -> Self {
        if error.is_taken() {
            return Self::NameTaken;
        }
        // The app or the organization went meanwhile.
        if error.names_what_is_gone() { Self::NotFound } else { Self::Store(error) }
    }
}

impl From<VaultError> for CustomApiError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::NotFound => Self::NotFound,
            error => Self::Vault(error),
        }
    }
}
