//! Integrations: accounts at services, kept alive, and the calls that apps make with them.
//!
//! Apps name an account and what they want; the credential never leaves this process except towards the service's own
//! hosts. A connection does not break by itself: tokens are refreshed before they end, by one process at a time, with the
//! intent written down first, so that a crash at any moment ends as the service's reuse policy permits.

mod account;
mod account_credentials;
mod account_error;
mod alarms;
mod client_secrets;
mod oauth_client;
mod occasion;
mod reconnect_cause;
mod refresh;
mod revocation_pace;
mod revocation_report;
mod revocation_work;
mod sealed_account;
mod service_revocation;
mod service_revocations;
mod services;
mod account_permits;
mod accounts;
mod connect_attempts;
mod connecting;
mod disconnecting;
mod given_account;
mod oauth_clients;
mod trial;
mod visible_apps;
mod store;

pub use account::{Account, AccountHolder, AccountState, UsableBy};
pub use account_credentials::{AccountCredentials, OpenedFor, Unlocked};
pub use account_error::AccountError;
pub use account_permits::{AccountAction, ManagesAccounts, SeesAccounts};
pub use accounts::Accounts;
pub(crate) use client_secrets::ClientSecrets;
pub use connect_attempts::{BegunAttempt, CALLBACK_PATH, ConnectAttempts, Connected};
pub use disconnecting::Disconnected;
pub use given_account::{AccountDescription, GivenAccount, GivenAttempt};
pub use oauth_client::OauthClient;
pub use oauth_clients::{GivenClient, GivenSecret, OauthClients};
pub use occasion::Occasion;
pub use reconnect_cause::{ReconnectCause, ReconnectCauseError};
pub use refresh::{
    AccessTokens, Notices, ReconnectNotice, RefreshBounds, RefreshCounters, RefreshObserver, RefreshStep, Refresher,
    Refreshes, UseError,
};
pub use revocation_report::{ATTESTS_REVOCATION, ReportedAccount, RevocationReport, SignedRevocationReport};
pub use service_revocation::{
    NotRevocable, ReportedRevocation, RevocationCounts, RevocationFailure, RevocationOutcome,
    RevocationOutcomeError, RevokedAccount, ServiceRevocation,
};
pub use service_revocations::{RevocationLimits, ServiceRevocations};
pub use services::{KnownService, OfferedService, Services, destination_digest};
pub use store::{Store, StoreError};
pub use trial::Trial;
