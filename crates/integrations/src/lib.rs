//! Integrations: accounts at services, kept alive, and the calls that apps make with them.
//!
//! Apps name an account and what they want; the credential never leaves this process except towards the service's own
//! hosts. A connection does not break by itself: tokens are refreshed before they end, by one process at a time, with the
//! intent written down first, so that a crash at any moment ends as the service's reuse policy permits.

mod account;
mod account_credentials;
mod account_error;
mod account_permits;
mod accounts;
mod alarms;
mod answering;
mod call_input;
mod call_turns;
mod calls;
mod client_secrets;
mod connect_attempts;
mod connect_texts;
mod connecting;
mod custom_api;
mod custom_api_credentials;
mod custom_api_error;
mod custom_apis;
mod disconnecting;
mod endpoints;
mod execute_error;
mod given_account;
mod imported_service;
mod imported_service_error;
mod imported_services;
mod multipart;
mod oauth_client;
mod oauth_clients;
mod organization_turns;
mod reconnect_cause;
mod refresh;
mod revocation_pace;
mod revocation_report;
mod revocation_rounds;
mod revocation_work;
mod sealed_account;
mod sealed_attempt;
mod service_call;
mod service_call_recording;
mod service_calls;
mod service_revocation;
mod service_revocations;
mod services;
mod store;
mod trial;
mod unread_json;

pub use account::{Account, AccountHolder, AccountState};
pub use account_credentials::{AccountCredentials, OpenedFor, Unlocked};
pub use account_error::AccountError;
pub use account_permits::{AccountAction, ManagesAccounts, SeesAccounts};
pub use accounts::Accounts;
pub use answering::{AnswerPieces, Answered, Answering};
pub use call_input::{InputError, REQUEST, RawRequest, UnreadRequest, call_of_action};
pub use call_turns::{CallLeave, CallTurn, CallTurnBounds, CallTurnFor, CallTurns, HeldBytes, TooManyCalls};
pub use calls::{CallParts, Calls, PersonalAccountsInApps};
pub(crate) use client_secrets::ClientSecrets;
pub use connect_attempts::{BegunAttempt, CALLBACK_PATH, ConnectAttempts, Connected};
pub use custom_api::{CustomApi, CustomApiAuthentication, CustomApiDefinition, CustomApiDefinitionError};
pub use custom_api_credentials::GivenCredential;
pub use custom_api_error::CustomApiError;
pub use custom_apis::{CustomApis, GivenCustomApi};
pub use disconnecting::Disconnected;
pub use endpoints::{AccountsApi, CallsApi, ImportedServicesApi, ServiceRevocationsApi};
pub use execute_error::{ExecuteError, ServiceRefusal};
pub use given_account::{AccountDescription, GivenAccount, GivenAttempt};
pub use imported_service::ImportedService;
pub use imported_service_error::ImportedServiceError;
pub use imported_services::{
    DocumentSource, GivenDocument, ImportedServices, Proposed, ProposedEntry, Reimported,
};
pub use multipart::{Multipart, MultipartError, boundary as form_boundary};
pub use oauth_client::OauthClient;
pub use oauth_clients::{GivenClient, GivenSecret, OauthClients};
pub use reconnect_cause::{ReconnectCause, ReconnectCauseError};
pub use refresh::{
    AccessTokens, Notices, ReconnectNotice, RefreshBounds, RefreshCounters, RefreshObserver, RefreshStep,
    Refresher, Refreshes, UseError,
};
pub use revocation_report::{ATTESTS_REVOCATION, ReportedAccount, RevocationReport, SignedRevocationReport};
pub use service_call::{CallOutcome, CallVia, Called, CalledWith, ServiceCall};
pub use service_call_recording::{ServiceCallRecorder, ServiceCallWriter};
pub use service_calls::{SERVICE_CALL_RETENTION, ServiceCalls};
pub use service_revocation::{
    NotRevocable, ReportedRevocation, RevocationCounts, RevocationFailure, RevocationOutcome,
    RevocationOutcomeError, RevokedAccount, ServiceRevocation,
};
pub use service_revocations::{RevocationLimits, ServiceRevocations};
pub use services::{KnownService, OfferedService, Services, destination_digest};
pub use store::service_calls::ServiceCallFilter;
pub use store::{Store, StoreError};
pub use trial::Trial;
