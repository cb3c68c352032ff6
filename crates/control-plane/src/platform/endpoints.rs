//! Every endpoint of the platform, with the description of them all.

use std::sync::Arc;

use access_control::{Permit, ReadApiDescription};
use apps::AppsApi;
use audit::Trail;
use audit_trail::{AuditTrailApi, Reading};
use console::Console;
use decisions::{Decisions, DecisionsApi};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Endpoint, Gate, Problem, openapi, style_endpoints};
use identity::Identity;
use organizations::OrganizationsApi;
use revocations::Revocations;
use secrets_vault::VaultApi;

use super::data_gateway::DataGateway;
use super::integrations::Integrations;
use super::policy;
use super::use_cases::{AppUseCases, Foundation, IdentityUseCases, OrganizationUseCases};

/// What stands behind the endpoints.
pub(super) struct UseCases<'a> {
    pub(super) foundation: &'a Foundation,
    pub(super) identity: &'a IdentityUseCases,
    pub(super) organizations: &'a OrganizationUseCases,
    pub(super) apps: &'a AppUseCases,
    pub(super) vault: &'a VaultApi,
    pub(super) gateway: &'a DataGateway,
    pub(super) integrations: &'a Integrations,
    pub(super) revocations: &'a Revocations,
}

/// What is mounted, with `others` that no use case stands behind.
pub(super) fn all(behind: &UseCases<'_>, gate: &Gate, others: Vec<Endpoint>) -> Vec<Endpoint> {
    let UseCases { foundation, identity, organizations, apps, vault, gateway, integrations, revocations } =
        behind;
    let sites = &foundation.sites;
    let mut all = identity::endpoints(&Identity {
        sign_ins: Arc::clone(&identity.sign_ins),
        sessions: Arc::clone(&identity.sessions),
        api_tokens: Arc::clone(&identity.api_tokens),
        hand_off: Arc::clone(&identity.hand_off),
        signing_keys: Arc::clone(&identity.signing_keys),
        authenticator: Arc::clone(&gate.authenticator),
        sites: Arc::clone(sites),
        revocations: (*revocations).clone(),
    });
    let directory = foundation.directory.clone();
    all.extend(
        OrganizationsApi {
            organizations: organizations.organizations.clone(),
            members: organizations.members.clone(),
            invitations: organizations.invitations.clone(),
            groups: organizations.groups.clone(),
            set_up: organizations.set_up.clone(),
            people: identity.people(),
            facts: foundation.facts(),
            organization_of_app: Arc::new(move |label| Some(directory.app_at(label).ok()??.organization())),
            revocations: (*revocations).clone(),
        }
        .endpoints(),
    );
    all.extend(
        AppsApi {
            apps: apps.apps.clone(),
            orphaned_apps: apps.orphaned_apps.clone(),
            grants: apps.grants.clone(),
            path_rules: apps.path_rules.clone(),
            server_secrets: apps.server_secrets.clone(),
            server_secret_rotations: apps.server_secret_rotations.clone(),
            agent_tokens: apps.agent_tokens.clone(),
            people: identity.people(),
            revocations: (*revocations).clone(),
        }
        .endpoints(),
    );
    all.extend(
        AuditTrailApi {
            reading: Reading::new(
                Trail::new(foundation.database.clone()),
                foundation.journal.clone(),
                Arc::clone(&foundation.heads),
            ),
        }
        .endpoints(),
    );
    all.extend(
        Console {
            users: identity.users.clone(),
            sessions: Arc::clone(&identity.sessions),
            api_tokens: Arc::clone(&identity.api_tokens),
            organizations: organizations.organizations.clone(),
            members: organizations.members.clone(),
            invitations: organizations.invitations.clone(),
            set_up: organizations.set_up.clone(),
            apps: apps.apps.clone(),
            server_secrets: apps.server_secrets.clone(),
            server_secret_rotations: apps.server_secret_rotations.clone(),
            secrets: vault.secrets.clone(),
            app_secrets: vault.app_secrets.clone(),
            own_secrets: vault.own_secrets.clone(),
            environments: vault.environments.clone(),
            key_rotations: vault.key_rotations.clone(),
            connections: gateway.connections.clone(),
            data_queries: gateway.data_queries.clone(),
            query_records: gateway.query_records.clone(),
            services: integrations.services.clone(),
            imported_services: integrations.imported_services.clone(),
            oauth_clients: integrations.oauth_clients.clone(),
            accounts: integrations.accounts.clone(),
            connect_attempts: integrations.attempts.clone(),
            custom_apis: integrations.custom_apis.clone(),
            service_calls: integrations.service_calls.clone(),
            service_revocations: integrations.revocations.clone(),
            facts: foundation.facts(),
            sites: Arc::clone(sites),
        }
        .endpoints(),
    );
    all.extend(
        DecisionsApi { decisions: Decisions::new(decisions::Store::new(foundation.database.clone())) }
            .endpoints(),
    );
    all.extend(vault.endpoints());
    all.extend(gateway.endpoints());
    all.extend(integrations.endpoints());
    all.extend(policy::endpoints(foundation, identity, organizations, apps));
    all.extend(style_endpoints());
    all.extend(others);
    all.push(api_description(&all));
    all
}

/// `/openapi.json`, which describes every endpoint and itself.
fn api_description(endpoints: &[Endpoint]) -> Endpoint {
    let describe = |document: Arc<serde_json::Value>| {
        Endpoint::get("/openapi.json", "read_api_description")
            .requires::<ReadApiDescription>()
            .gives::<serde_json::Value>(StatusCode::OK)
            .answers(document, read_description)
    };
    let mut all = endpoints.to_vec();
    all.push(describe(Arc::default()));
    describe(Arc::new(openapi(&all)))
}

async fn read_description(
    document: Arc<serde_json::Value>,
    _: Permit<ReadApiDescription>,
    _: Call,
) -> Result<Answer, Problem> {
    Ok(Answer::json(&*document))
}
