//! Where the pages are.

mod databases;
mod integrations;
mod secrets;

use std::sync::Arc;

use ::integrations::{
    Accounts, ConnectAttempts, CustomApis, ImportedServices, OauthClients, ServiceCalls, ServiceRevocations,
    Services,
};
use access_control::{
    AcceptInvitation, Action, ChangeRole, Check, CompleteSetUp, CreateInvitation, EndOwnSession, Facts,
    LeaveOrganization, ListMembers, ListOwnSessions, ManageApiTokens, OpenConsole, Permit, Principal,
    RemoveMember, RevokeInvitation, Scope, SignedIn, UpdateOrganization, authorize,
};
use apps::{Apps, ServerSecretRotations, ServerSecrets};
use data_gateway::{Connections, DataQueries, QueryRecords};
use endpoint::http::StatusCode;
use endpoint::{Endpoint, Problem, Sites};
use identity::{ApiTokens, Sessions, Users};
use organizations::{Invitations, Members, Organizations, SetUp};
use secrets_vault::{AppSecrets, Environments, KeyRotations, OwnSecrets, Secrets};
use time::OffsetDateTime;

use crate::pages::{
    api_tokens, apps as apps_page, invitation, organization, organizations as organizations_page, sessions,
    set_up,
};

/// Everything the pages stand on.
#[derive(Clone)]
pub struct Console {
    /// Who the person is.
    pub users: Users,
    /// Where the person is signed in.
    pub sessions: Arc<Sessions>,
    /// The person's API tokens.
    pub api_tokens: Arc<ApiTokens>,
    /// The person's organizations.
    pub organizations: Organizations,
    /// Their members.
    pub members: Members,
    /// Accepting an invitation.
    pub invitations: Invitations,
    /// The first organization.
    pub set_up: SetUp,
    /// The apps.
    pub apps: Apps,
    /// What they prove themselves with.
    pub server_secrets: ServerSecrets,
    /// Replacing those of all apps.
    pub server_secret_rotations: ServerSecretRotations,
    /// The secrets of organizations.
    pub secrets: Secrets,
    /// The secrets of apps.
    pub app_secrets: AppSecrets,
    /// The secrets of people.
    pub own_secrets: OwnSecrets,
    /// What deployments get.
    pub environments: Environments,
    /// Replacing the keys of organizations.
    pub key_rotations: KeyRotations,
    /// The connections to databases.
    pub connections: Connections,
    /// The saved queries of apps.
    pub data_queries: DataQueries,
    /// What queries were run.
    pub query_records: QueryRecords,
    /// The services that accounts are connected at.
    pub services: Services,
    /// Those of organizations' own.
    pub imported_services: ImportedServices,
    /// What organizations are registered as there.
    pub oauth_clients: OauthClients,
    /// The accounts.
    pub accounts: Accounts,
    /// Connecting accounts at their services.
    pub connect_attempts: ConnectAttempts,
    /// The custom APIs.
    pub custom_apis: CustomApis,
    /// What was called.
    pub service_calls: ServiceCalls,
    /// Revoking all accounts of a service.
    pub service_revocations: ServiceRevocations,
    /// What decisions read.
    pub facts: Arc<dyn Facts>,
    /// Where the apps are.
    pub sites: Arc<Sites>,
}

impl Console {
    /// The pages, to be mounted.
    #[must_use]
    pub fn endpoints(self) -> Vec<Endpoint> {
        let console = Arc::new(self.clone());
        let mut all = organization_endpoints(&console);
        all.extend(secrets::endpoints(&console));
        all.extend(databases::endpoints(&console));
        all.extend(integrations::endpoints(&console));
        all.extend(self.own_endpoints());
        all
    }

    /// Pages about the person.
    fn own_endpoints(self) -> Vec<Endpoint> {
        let console = || Arc::new(self.clone());
        let page = |path, name| Endpoint::get(path, name).page().requires::<OpenConsole>().gives_page();
        vec![
            Endpoint::get("/", "show_start")
                .page()
                .requires::<OpenConsole>()
                .leads_elsewhere(StatusCode::SEE_OTHER)
                .answers(console(), apps_page::start),
            page("/apps", "show_apps").answers(console(), apps_page::show),
            page("/organizations", "show_organizations").answers(console(), organizations_page::show),
            page("/set-up", "show_set_up").answers(console(), set_up::show),
            Endpoint::post("/set-up", "complete_set_up_by_form")
                .requires::<CompleteSetUp>()
                .takes_form::<set_up::Fields>()
                .leads_elsewhere(StatusCode::SEE_OTHER)
                .refuses(&[StatusCode::CONFLICT])
                .answers(console(), set_up::complete),
            page("/invitations/accept", "show_invitation")
                .query::<invitation::Wanted>()
                .refuses(&[StatusCode::NOT_FOUND])
                .answers(console(), invitation::show),
            Endpoint::post("/invitations/accept", "accept_invitation_by_form")
                .requires::<AcceptInvitation>()
                .takes_form::<invitation::Wanted>()
                .leads_elsewhere(StatusCode::SEE_OTHER)
                .refuses(&[StatusCode::NOT_FOUND, StatusCode::CONFLICT])
                .answers(console(), invitation::accept),
            Endpoint::get("/sessions", "show_sessions")
                .page()
                .requires::<ListOwnSessions>()
                .gives_page()
                .answers(console(), sessions::show),
            Endpoint::post("/sessions/{session_id}/end", "end_session_by_form")
                .requires::<EndOwnSession>()
                .leads_elsewhere(StatusCode::SEE_OTHER)
                .answers(console(), sessions::end_one),
            Endpoint::post("/sessions/end-all", "end_all_sessions_by_form")
                .requires::<EndOwnSession>()
                .leads_elsewhere(StatusCode::SEE_OTHER)
                .answers(console(), sessions::end_all),
            Endpoint::post("/api-tokens", "issue_api_token_by_form")
                .requires::<ManageApiTokens>()
                .takes_form::<api_tokens::Fields>()
                .gives_page()
                .refuses(&[StatusCode::CONFLICT])
                .answers(console(), api_tokens::make),
            Endpoint::post("/api-tokens/{api_token_id}/revoke", "revoke_api_token_by_form")
                .requires::<ManageApiTokens>()
                .leads_elsewhere(StatusCode::SEE_OTHER)
                .answers(console(), api_tokens::revoke),
        ]
    }

    /// A permit for something that a page shows besides itself.
    pub(crate) fn permit<A: Action>(
        &self,
        actor: &SignedIn,
        object: <A::Scope as Scope>::Object,
        now: OffsetDateTime,
    ) -> Result<Permit<A>, Problem>
    where
        A::Scope: Check,
    {
        let person = Principal::User(actor.clone());
        Ok(authorize::<A>(Some(&person), object, &*self.facts, now)?)
    }
}

/// Pages about an organization, and their forms. What is refused is shown on the page again.
fn organization_endpoints(console: &Arc<Console>) -> Vec<Endpoint> {
    const REFUSED: &[StatusCode] = &[StatusCode::CONFLICT];
    let console = || Arc::clone(console);
    vec![
        Endpoint::get("/organizations/{organization_id}", "show_organization")
            .page()
            .requires::<ListMembers>()
            .query::<organization::Wanted>()
            .gives_page()
            .answers(console(), organization::show),
        Endpoint::post("/organizations/{organization_id}/members/{user_id}/role", "change_role_by_form")
            .requires::<ChangeRole>()
            .takes_form::<organization::RoleFields>()
            .leads_elsewhere(StatusCode::SEE_OTHER)
            .refuses(REFUSED)
            .answers(console(), organization::change_role),
        Endpoint::post("/organizations/{organization_id}/members/{user_id}/remove", "remove_member_by_form")
            .requires::<RemoveMember>()
            .leads_elsewhere(StatusCode::SEE_OTHER)
            .refuses(REFUSED)
            .answers(console(), organization::remove_member),
        Endpoint::post("/organizations/{organization_id}/settings", "change_organization_by_form")
            .requires::<UpdateOrganization>()
            .takes_form::<organization::SettingsFields>()
            .leads_elsewhere(StatusCode::SEE_OTHER)
            .refuses(REFUSED)
            .answers(console(), organization::change_settings),
        Endpoint::post("/organizations/{organization_id}/leave", "leave_organization_by_form")
            .requires::<LeaveOrganization>()
            .leads_elsewhere(StatusCode::SEE_OTHER)
            .refuses(REFUSED)
            .answers(console(), organization::leave),
        Endpoint::post("/organizations/{organization_id}/invitations", "create_invitation_by_form")
            .requires::<CreateInvitation>()
            .takes_form::<organization::InvitationFields>()
            .gives_page()
            .refuses(REFUSED)
            .answers(console(), organization::invite),
        Endpoint::post(
            "/organizations/{organization_id}/invitations/{invitation_id}/resend",
            "resend_invitation_by_form",
        )
        .requires::<CreateInvitation>()
        .gives_page()
        .refuses(REFUSED)
        .answers(console(), organization::resend),
        Endpoint::post(
            "/organizations/{organization_id}/invitations/{invitation_id}/revoke",
            "revoke_invitation_by_form",
        )
        .requires::<RevokeInvitation>()
        .leads_elsewhere(StatusCode::SEE_OTHER)
        .refuses(REFUSED)
        .answers(console(), organization::revoke),
    ]
}
