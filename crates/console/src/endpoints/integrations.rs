//! Where the pages about services, accounts and custom APIs are, and their forms.

use std::sync::Arc;

use access_control::{
    ListCustomApis, ListServiceCalls, ListServices, ManageCustomApis, ManageOauthClients, ManageServices,
    RevokeService,
};
use endpoint::http::StatusCode;
use endpoint::{Endpoint, PagingParameters};

use crate::Console;
use crate::pages::integrations::{
    self, CallParameters, ClientFields, ConnectFields, CustomApiFields, DescriptionFields, DisconnectFields,
    Holder, ImportFields, Own, ServiceParameters, Shared,
};

/// What is refused is shown on the page again.
const REFUSED: &[StatusCode] = &[StatusCode::CONFLICT];
/// What a service is asked can be refused on the way there, too.
const REFUSED_ON_THE_WAY: &[StatusCode] =
    &[StatusCode::CONFLICT, StatusCode::BAD_GATEWAY, StatusCode::GATEWAY_TIMEOUT];

pub(super) fn endpoints(console: &Arc<Console>) -> Vec<Endpoint> {
    let mut all = services(console);
    all.extend(imported_services(console));
    all.extend(accounts::<Shared>(console, &SHARED));
    all.extend(accounts::<Own>(console, &OWN));
    all.extend(custom_apis(console));
    all
}

/// The services, and what is registered at each.
fn services(console: &Arc<Console>) -> Vec<Endpoint> {
    let console = || Arc::clone(console);
    vec![
        Endpoint::get("/organizations/{organization_id}/services", "show_services")
            .page()
            .requires::<ListServices>()
            .query::<ServiceParameters>()
            .gives_page()
            .answers(console(), integrations::list_services),
        Endpoint::get("/organizations/{organization_id}/services/{service}", "show_service")
            .page()
            .requires::<ListServices>()
            .gives_page()
            .answers(console(), integrations::show_service),
        Endpoint::post(
            "/organizations/{organization_id}/services/{service}/oauth-client",
            "put_oauth_client_by_form",
        )
        .requires::<ManageOauthClients>()
        .takes_form::<ClientFields>()
        .leads_elsewhere(StatusCode::SEE_OTHER)
        .refuses(REFUSED)
        .answers(console(), integrations::put_client),
        Endpoint::post(
            "/organizations/{organization_id}/services/{service}/oauth-client/delete",
            "delete_oauth_client_by_form",
        )
        .requires::<ManageOauthClients>()
        .leads_elsewhere(StatusCode::SEE_OTHER)
        .answers(console(), integrations::delete_client),
        Endpoint::post(
            "/organizations/{organization_id}/services/{service}/revoke",
            "revoke_service_by_form",
        )
        .requires::<RevokeService>()
        .leads_elsewhere(StatusCode::SEE_OTHER)
        .refuses(REFUSED)
        .answers(console(), integrations::revoke_service),
        Endpoint::get(
            "/organizations/{organization_id}/service-revocations/{service_revocation_id}",
            "show_service_revocation",
        )
        .page()
        .requires::<RevokeService>()
        .gives_page()
        .answers(console(), integrations::show_revocation),
        Endpoint::get("/organizations/{organization_id}/service-calls", "show_service_calls")
            .page()
            .requires::<ListServiceCalls>()
            .query::<CallParameters>()
            .gives_page()
            .answers(console(), integrations::show_service_calls),
    ]
}

/// The services of organizations' own.
fn imported_services(console: &Arc<Console>) -> Vec<Endpoint> {
    const REFUSED: &[StatusCode] = &[
        StatusCode::CONFLICT,
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::BAD_GATEWAY,
        StatusCode::GATEWAY_TIMEOUT,
    ];
    let console = || Arc::clone(console);
    let form = |path, name| {
        Endpoint::post(path, name).requires::<ManageServices>().takes_form_with_file::<ImportFields>()
    };
    vec![
        Endpoint::get("/organizations/{organization_id}/new-service", "show_new_service")
            .page()
            .requires::<ManageServices>()
            .gives_page()
            .answers(console(), integrations::new_service),
        form("/organizations/{organization_id}/imported-services/proposals", "propose_service_by_form")
            .gives_page()
            .refuses(REFUSED)
            .answers(console(), integrations::propose_service),
        form("/organizations/{organization_id}/imported-services", "import_service_by_form")
            .leads_elsewhere(StatusCode::SEE_OTHER)
            .refuses(REFUSED)
            .answers(console(), integrations::import_service),
        Endpoint::get(
            "/organizations/{organization_id}/imported-services/{imported_service_id}",
            "show_imported_service",
        )
        .page()
        .requires::<ManageServices>()
        .gives_page()
        .answers(console(), integrations::show_imported),
        form(
            "/organizations/{organization_id}/imported-services/{imported_service_id}/proposals",
            "propose_service_again_by_form",
        )
        .gives_page()
        .refuses(REFUSED)
        .answers(console(), integrations::propose_again),
        form(
            "/organizations/{organization_id}/imported-services/{imported_service_id}/again",
            "import_service_again_by_form",
        )
        .leads_elsewhere(StatusCode::SEE_OTHER)
        .refuses(REFUSED)
        .answers(console(), integrations::import_again),
        Endpoint::post(
            "/organizations/{organization_id}/imported-services/{imported_service_id}/delete",
            "delete_imported_service_by_form",
        )
        .requires::<ManageServices>()
        .leads_elsewhere(StatusCode::SEE_OTHER)
        .refuses(&[StatusCode::CONFLICT])
        .answers(console(), integrations::delete_imported),
    ]
}

/// Where the pages about accounts and their forms are, and the names of these endpoints.
struct Addresses {
    connect: (&'static str, &'static str),
    list: (&'static str, &'static str),
    one: (&'static str, &'static str),
    test: (&'static str, &'static str),
    reconnect: (&'static str, &'static str),
    edit: (&'static str, &'static str),
    disconnect: (&'static str, &'static str),
}

const SHARED: Addresses = Addresses {
    connect: ("/organizations/{organization_id}/services/{service}/accounts", "connect_account_by_form"),
    list: ("/organizations/{organization_id}/accounts", "show_accounts"),
    one: ("/organizations/{organization_id}/accounts/{account_id}", "show_account"),
    test: ("/organizations/{organization_id}/accounts/{account_id}/test", "test_account_by_form"),
    reconnect: (
        "/organizations/{organization_id}/accounts/{account_id}/reconnect",
        "reconnect_account_by_form",
    ),
    edit: ("/organizations/{organization_id}/accounts/{account_id}/edit", "describe_account_by_form"),
    disconnect: (
        "/organizations/{organization_id}/accounts/{account_id}/disconnect",
        "disconnect_account_by_form",
    ),
};

const OWN: Addresses = Addresses {
    connect: (
        "/organizations/{organization_id}/services/{service}/own-accounts",
        "connect_own_account_by_form",
    ),
    list: ("/organizations/{organization_id}/own-accounts", "show_own_accounts"),
    one: ("/organizations/{organization_id}/own-accounts/{own_account_id}", "show_own_account"),
    test: ("/organizations/{organization_id}/own-accounts/{own_account_id}/test", "test_own_account_by_form"),
    reconnect: (
        "/organizations/{organization_id}/own-accounts/{own_account_id}/reconnect",
        "reconnect_own_account_by_form",
    ),
    edit: (
        "/organizations/{organization_id}/own-accounts/{own_account_id}/edit",
        "describe_own_account_by_form",
    ),
    disconnect: (
        "/organizations/{organization_id}/own-accounts/{own_account_id}/disconnect",
        "disconnect_own_account_by_form",
    ),
};

/// The accounts of one kind of holder.
fn accounts<H: Holder>(console: &Arc<Console>, at: &Addresses) -> Vec<Endpoint> {
    let console = || Arc::clone(console);
    vec![
        Endpoint::post(at.connect.0, at.connect.1)
            .requires::<H::Manage>()
            .takes_form::<ConnectFields>()
            .gives_page()
            .leads_elsewhere(StatusCode::SEE_OTHER)
            .refuses(REFUSED_ON_THE_WAY)
            .answers(console(), integrations::connect::<H>),
        Endpoint::get(at.list.0, at.list.1)
            .page()
            .requires::<H::List>()
            .query::<PagingParameters>()
            .gives_page()
            .answers(console(), integrations::list_accounts::<H>),
        Endpoint::get(at.one.0, at.one.1)
            .page()
            .requires::<H::List>()
            .gives_page()
            .answers(console(), integrations::show_account::<H>),
        Endpoint::post(at.test.0, at.test.1)
            .requires::<H::Manage>()
            .gives_page()
            .refuses(REFUSED_ON_THE_WAY)
            .answers(console(), integrations::test::<H>),
        Endpoint::post(at.reconnect.0, at.reconnect.1)
            .requires::<H::Manage>()
            .takes_form::<ConnectFields>()
            .gives_page()
            .leads_elsewhere(StatusCode::SEE_OTHER)
            .refuses(REFUSED_ON_THE_WAY)
            .answers(console(), integrations::reconnect::<H>),
        Endpoint::post(at.edit.0, at.edit.1)
            .requires::<H::Manage>()
            .takes_form::<DescriptionFields>()
            .leads_elsewhere(StatusCode::SEE_OTHER)
            .refuses(REFUSED)
            .answers(console(), integrations::change::<H>),
        Endpoint::post(at.disconnect.0, at.disconnect.1)
            .requires::<H::Manage>()
            .takes_form::<DisconnectFields>()
            .gives_page()
            .leads_elsewhere(StatusCode::SEE_OTHER)
            .refuses(REFUSED_ON_THE_WAY)
            .answers(console(), integrations::disconnect::<H>),
    ]
}

/// The custom APIs.
fn custom_apis(console: &Arc<Console>) -> Vec<Endpoint> {
    const ALL: &str = "/organizations/{organization_id}/custom-apis";
    let console = || Arc::clone(console);
    vec![
        Endpoint::get(ALL, "show_custom_apis")
            .page()
            .requires::<ListCustomApis>()
            .query::<PagingParameters>()
            .gives_page()
            .answers(console(), integrations::list_custom_apis),
        Endpoint::get("/organizations/{organization_id}/new-custom-api", "show_new_custom_api")
            .page()
            .requires::<ManageCustomApis>()
            .gives_page()
            .answers(console(), integrations::new_custom_api),
        Endpoint::post(ALL, "create_custom_api_by_form")
            .requires::<ManageCustomApis>()
            .takes_form::<CustomApiFields>()
            .leads_elsewhere(StatusCode::SEE_OTHER)
            .refuses(REFUSED)
            .answers(console(), integrations::create_custom_api),
        Endpoint::get("/organizations/{organization_id}/custom-apis/{custom_api_id}", "show_custom_api")
            .page()
            .requires::<ListCustomApis>()
            .gives_page()
            .answers(console(), integrations::show_custom_api),
        Endpoint::post(
            "/organizations/{organization_id}/custom-apis/{custom_api_id}/edit",
            "replace_custom_api_by_form",
        )
        .requires::<ManageCustomApis>()
        .takes_form::<CustomApiFields>()
        .leads_elsewhere(StatusCode::SEE_OTHER)
        .refuses(REFUSED)
        .answers(console(), integrations::change_custom_api),
        Endpoint::post(
            "/organizations/{organization_id}/custom-apis/{custom_api_id}/delete",
            "delete_custom_api_by_form",
        )
        .requires::<ManageCustomApis>()
        .leads_elsewhere(StatusCode::SEE_OTHER)
        .answers(console(), integrations::delete_custom_api),
    ]
}
