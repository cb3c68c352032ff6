//! Integrations, put together.

use std::sync::Arc;
use std::time::Duration;

use audit::Receipts;
use catalogue::Service;
use endpoint::Endpoint;
use identity::Users;
use integrations::{
    AccessTokens, AccountCredentials, Accounts, AccountsApi, CALLBACK_PATH, CallParts, CallTurns, Calls,
    CallsApi, ConnectAttempts, CustomApis, ImportedServices, ImportedServicesApi, OauthClients,
    RefreshBounds, RefreshCounters, Refresher, Refreshes, RevocationLimits, ServiceCallRecorder,
    ServiceCallWriter, ServiceCalls, ServiceRevocations, ServiceRevocationsApi, Services, Store,
};
use mail::Mailer;
use service_client::{CallLimits, ClientNetwork, ServiceClient};

use super::use_cases::Foundation;
use crate::reconnect_letters::ReconnectLetters;
use crate::{StartError, head_signing};

/// How long a service may take to give or end a token.
pub const SERVICE_PATIENCE: Duration = Duration::from_secs(15);

/// The services that accounts can be connected at, and the way there.
pub struct ServiceSettings {
    /// Which addresses they may have, and whom to trust there.
    pub network: ClientNetwork,
    /// What one answer to an app may cost.
    pub limits: CallLimits,
    /// The services; organizations have more of their own.
    pub catalogue: Vec<Arc<Service>>,
}

/// Accounts at services, what they are made with, and the calls of apps.
pub(super) struct Integrations {
    pub(super) services: Services,
    pub(super) imported_services: ImportedServices,
    pub(super) oauth_clients: OauthClients,
    pub(super) accounts: Accounts,
    pub(super) attempts: ConnectAttempts,
    pub(super) revocations: ServiceRevocations,
    pub(super) calls: Calls,
    pub(super) custom_apis: CustomApis,
    pub(super) service_calls: ServiceCalls,
}

/// What integrations do in the background.
pub(super) struct IntegrationTasks {
    pub(super) refresher: Refresher,
    pub(super) revocations: ServiceRevocations,
    pub(super) service_call_writer: ServiceCallWriter,
}

impl Integrations {
    /// With these services; whoever has to connect an account again gets a letter, if there is a mail server.
    pub(super) fn new(
        foundation: &Foundation,
        settings: ServiceSettings,
        users: Users,
        mailer: Option<Mailer>,
        counters: Arc<RefreshCounters>,
    ) -> Result<(Self, IntegrationTasks), StartError> {
        let failed = |error: &dyn std::fmt::Display| StartError::Server(error.to_string());
        let ServiceSettings { network, limits, catalogue } = settings;
        let client = ServiceClient::new(network).map_err(|error| failed(&error))?;
        let (store, vault) = (Store::new(foundation.journal.clone()), foundation.vault.clone());
        let services = Services::new(store.clone(), catalogue);
        let imported_services = ImportedServices::new(store.clone(), client.clone());
        let credentials = AccountCredentials::new(store.clone(), vault.clone(), services.clone());
        let refreshes =
            Refreshes::new(credentials.clone(), client.clone(), RefreshBounds::default(), counters);
        let tokens = AccessTokens::new(refreshes.clone());
        let accounts = Accounts::new(credentials.clone(), tokens.clone(), client.clone(), foundation.facts());
        let origin = foundation.sites.platform_origin();
        let redirect = format!("{origin}{CALLBACK_PATH}").parse();
        let attempts = ConnectAttempts::new(
            accounts.clone(),
            foundation.root_key.sealing_key("connect attempt"),
            redirect.map_err(|error: url::ParseError| failed(&error))?,
        );
        let receipts = Arc::new(Receipts::new(head_signing::key(&foundation.root_key)?));
        let revocations = ServiceRevocations::new(
            credentials.clone(),
            client.clone(),
            receipts,
            RevocationLimits::default(),
        );
        let custom_apis = CustomApis::new(store.clone(), vault, foundation.facts());
        let (recorder, service_call_writer) = ServiceCallRecorder::with_writer(store.clone());
        let directory = foundation.directory.clone();
        let calls = Calls::new(CallParts {
            store: store.clone(),
            services: services.clone(),
            tokens,
            custom_apis: custom_apis.clone(),
            client,
            turns: CallTurns::default(),
            recorder,
            limits,
            personal_accounts: Arc::new(move |organization| {
                directory.personal_accounts_in_apps(organization)
            }),
        });
        let letters = Arc::new(ReconnectLetters { users, mailer, origin });
        let tasks = IntegrationTasks {
            refresher: Refresher::new(refreshes, letters),
            revocations: revocations.clone(),
            service_call_writer,
        };
        let integrations = Self {
            services,
            imported_services,
            oauth_clients: OauthClients::new(credentials),
            accounts,
            attempts,
            revocations,
            calls,
            custom_apis,
            service_calls: ServiceCalls::new(store),
        };
        Ok((integrations, tasks))
    }

    /// Its endpoints.
    pub(super) fn endpoints(&self) -> Vec<Endpoint> {
        let mut all = AccountsApi {
            services: self.services.clone(),
            oauth_clients: self.oauth_clients.clone(),
            accounts: self.accounts.clone(),
            attempts: self.attempts.clone(),
        }
        .endpoints();
        let calls = CallsApi {
            calls: self.calls.clone(),
            custom_apis: self.custom_apis.clone(),
            service_calls: self.service_calls.clone(),
        };
        all.extend(ImportedServicesApi { imported_services: self.imported_services.clone() }.endpoints());
        all.extend(calls.endpoints());
        all.extend(ServiceRevocationsApi { revocations: self.revocations.clone() }.endpoints());
        all
    }
}
