//! The HTTP side of integrations. The only room that knows JSON shapes.

mod account_answers;
mod account_bodies;
mod account_problem;
mod accounts;
mod call_problem;
mod callback;
mod calls;
mod custom_apis;
mod imported_services;
mod oauth_clients;
mod run_answer;
mod service_calls;
mod service_revocations;
mod services;
mod store_problem;

pub use calls::CallsApi;
pub use imported_services::ImportedServicesApi;
pub use service_revocations::ServiceRevocationsApi;

use endpoint::Endpoint;

use crate::{Accounts, ConnectAttempts, OauthClients, Services};

/// The largest body with secrets, in bytes: one has at most 64 Ki characters, and JSON may write each as two escapes of six
/// bytes. A longer secret is then refused for its length, and not the body for its.
const LARGEST_WITH_SECRETS: usize = 1 << 20;

/// Everything that the endpoints of accounts are made from.
#[derive(Clone, Debug)]
pub struct AccountsApi {
    /// The services.
    pub services: Services,
    /// What organizations are registered as there.
    pub oauth_clients: OauthClients,
    /// The accounts.
    pub accounts: Accounts,
    /// Attempts to connect more.
    pub attempts: ConnectAttempts,
}

impl AccountsApi {
    /// The endpoints.
    #[must_use]
    pub fn endpoints(&self) -> Vec<Endpoint> {
        let mut all = services::endpoints(&self.services, &self.attempts);
        all.extend(oauth_clients::endpoints(&self.oauth_clients));
        all.extend(accounts::endpoints(&self.accounts, &self.attempts));
        all.extend(callback::endpoints(&self.attempts));
        all
    }
}
