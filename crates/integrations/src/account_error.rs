//! What can go wrong with accounts and OAuth clients.

use access_control::{FactsUnavailable, Refusal};
use audit::AuditError;
use ids::{AccountId, ServiceRevocationId};
use secrets_vault::VaultError;
use service_client::{RevokeError, TokenError};

use crate::{ReconnectCause, StoreError, UseError};

/// Why a use case of accounts did not do what it was asked. Nothing was changed here, and nothing here is secret.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// There is no such account or client here.
    #[error("no such account")]
    NotFound,
    /// Neither the catalogue nor the organization has this service.
    #[error("no such service in this organization")]
    UnknownService,
    /// What was given is not acceptable.
    #[error("{field}: {reason}")]
    Invalid {
        /// Which member.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An app that is none of the organization's, or that the person may not see.
    #[error("no such app in this organization")]
    UnknownApp,
    /// An account does not go on to be used for more, as long as apps use it that the person does not see.
    #[error(
        "apps that you do not see use this account: to let more apps or pages use it, connect another one, or ask somebody who sees these apps"
    )]
    HiddenApps,
    /// There are as many as there can be.
    #[error("too many: there are {0}")]
    TooMany(u64),
    /// The organization has a client at this service already.
    #[error("the organization has a client at this service already")]
    ClientTaken,
    /// Somebody else changed it meanwhile.
    #[error("it was changed meanwhile")]
    Changed,
    /// Its tokens are being replaced at this moment.
    #[error("its tokens are being replaced at this moment")]
    Busy,
    /// Too many of the organization's people try accounts at once.
    #[error("too many accounts of the organization are being tried")]
    TrialsBusy,
    /// All accounts of the service are being revoked.
    #[error("all accounts of this service are being revoked at this moment")]
    RevocationUnderWay(ServiceRevocationId),
    /// The organization has not said what it is registered as at this service.
    #[error("the organization has no client at this service")]
    NoClient,
    /// The client that the service gave the tokens to is not the organization's any more.
    #[error("the organization's client at the service was replaced or deleted")]
    ClientChanged,
    /// The description of the service says another place for credentials than when the account was connected.
    #[error("the description of the service changed where credentials are sent")]
    ServiceChanged,
    /// A stored secret does not follow to another client.
    #[error("the secret has to be given again: it is kept for the client that it was given for")]
    SecretNeeded,
    /// People consent at the service, in a browser; a program cannot.
    #[error("accounts of this service are connected in a browser")]
    BrowserNeeded,
    /// Nobody consents at the service: what proves the account is given here.
    #[error("accounts of this service are connected with what they are proved by")]
    CredentialsNeeded,
    /// No such attempt, or used, expired, or begun in another session. Which one is not said.
    #[error("the attempt to connect is not known")]
    UnknownAttempt,
    /// Another server than the service's sent the browser back.
    #[error("the answer is not from the server of this service: nothing was connected")]
    OtherIssuer,
    /// The service says that the person, or it, refused.
    #[error("the service refused")]
    RefusedAtService {
        /// The service's word.
        word: String,
        /// The service's sentence for people.
        sentence: Option<String>,
    },
    /// The service gave no token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The service does not take the credentials.
    #[error("the service does not take the credentials: it answered {0}")]
    NotTaken(u16),
    /// The service's host has an address that may not be connected to.
    #[error("the service's host has an address that may not be connected to")]
    Address,
    /// The service did not revoke it.
    #[error(transparent)]
    NotRevoked(RevokeError),
    /// What is in the table is not what was sealed.
    #[error("{0} was changed outside of the platform")]
    Tampered(AccountId),
    /// The same of an OAuth client.
    #[error("the OAuth client was changed outside of the platform")]
    ClientTampered,
    /// It cannot be used now.
    #[error("it has to be connected again: {}", .0.sentence())]
    NeedsReconnect(ReconnectCause),
    /// Its token has ended, and the service gives no new one now.
    #[error("the service gives no new token now")]
    NoToken {
        /// When there is another attempt.
        retry_after: std::time::Duration,
    },
    /// The person may not do this any more.
    #[error(transparent)]
    Forbidden(#[from] Refusal),
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
    #[error("it cannot be written down")]
    Unwritable(#[from] serde_json::Error),
    /// There are no random numbers, or an attempt does not seal.
    #[error(transparent)]
    Sealing(#[from] cryptography::SealError),
}

impl AccountError {
    pub(crate) fn invalid(field: &str, reason: impl ToString) -> Self {
        Self::Invalid { field: field.to_owned(), reason: reason.to_string() }
    }
}

impl From<StoreError> for AccountError {
    fn from(error: StoreError) -> Self {
        // The app, the person or the organization went meanwhile.
        if error.names_what_is_gone() { Self::NotFound } else { Self::Store(error) }
    }
}

impl From<VaultError> for AccountError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::NotFound => Self::NotFound,
            error => Self::Vault(error),
        }
    }
}

impl From<UseError> for AccountError {
    fn from(error: UseError) -> Self {
        match error {
            UseError::NotFound => Self::NotFound,
            UseError::Changed => Self::Changed,
            UseError::NeedsReconnect(cause) => Self::NeedsReconnect(cause),
            UseError::Unavailable { retry_after } => Self::NoToken { retry_after },
            UseError::Account(error) => error,
        }
    }
}
