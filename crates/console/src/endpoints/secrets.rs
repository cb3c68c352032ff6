//! Where the pages about secrets and keys are, and their forms.

use std::sync::Arc;

use access_control::{
    ListAppSecrets, ListOwnSecrets, ListSecrets, ListServerSecrets, ManageAppSecrets, ManageOwnSecrets,
    ManageSecrets, ManageServerSecrets, ReadOrganizationKey, RotateOrganizationKey, RotateServerSecrets,
};
use endpoint::http::StatusCode;
use endpoint::{Endpoint, PagingParameters};

use crate::Console;
use crate::pages::secrets::{NewFields, ValueFields, of_app, of_organization, own};
use crate::pages::{keys, server_secrets};

/// What is refused is shown on the page again.
const REFUSED: &[StatusCode] = &[StatusCode::CONFLICT];

pub(super) fn endpoints(console: &Arc<Console>) -> Vec<Endpoint> {
    let mut all = of_organizations(console);
    all.extend(of_apps(console));
    all.extend(of_people(console));
    all.extend(of_keys(console));
    all.extend(of_server_secrets(console));
    all
}

/// The secrets of organizations.
fn of_organizations(console: &Arc<Console>) -> Vec<Endpoint> {
    const ALL: &str = "/organizations/{organization_id}/secrets";
    let console = || Arc::clone(console);
    vec![
        Endpoint::get(ALL, "show_secrets")
            .page()
            .requires::<ListSecrets>()
            .query::<PagingParameters>()
            .gives_page()
            .answers(console(), of_organization::show),
        Endpoint::post(ALL, "create_secret_by_form")
            .requires::<ManageSecrets>()
            .takes_form::<NewFields>()
            .leads_elsewhere(StatusCode::SEE_OTHER)
            .refuses(REFUSED)
            .answers(console(), of_organization::create),
        Endpoint::post(
            "/organizations/{organization_id}/secrets/{organization_secret_id}/replace",
            "replace_secret_by_form",
        )
        .requires::<ManageSecrets>()
        .takes_form::<ValueFields>()
        .leads_elsewhere(StatusCode::SEE_OTHER)
        .refuses(REFUSED)
        .answers(console(), of_organization::replace),
        Endpoint::post(
            "/organizations/{organization_id}/secrets/{organization_secret_id}/delete",
            "delete_secret_by_form",
        )
        .requires::<ManageSecrets>()
        .leads_elsewhere(StatusCode::SEE_OTHER)
        .answers(console(), of_organization::delete),
    ]
}

/// The secrets of apps, and what their deployments get.
fn of_apps(console: &Arc<Console>) -> Vec<Endpoint> {
    const ALL: &str = "/apps/{app_id}/secrets";
    let console = || Arc::clone(console);
    vec![
        Endpoint::get(ALL, "show_app_secrets")
            .page()
            .requires::<ListAppSecrets>()
            .query::<PagingParameters>()
            .gives_page()
            .answers(console(), of_app::show),
        Endpoint::post(ALL, "create_app_secret_by_form")
            .requires::<ManageAppSecrets>()
            .takes_form::<NewFields>()
            .leads_elsewhere(StatusCode::SEE_OTHER)
            .refuses(REFUSED)
            .answers(console(), of_app::create),
        Endpoint::post("/apps/{app_id}/secrets/{app_secret_id}/replace", "replace_app_secret_by_form")
            .requires::<ManageAppSecrets>()
            .takes_form::<ValueFields>()
            .leads_elsewhere(StatusCode::SEE_OTHER)
            .refuses(REFUSED)
            .answers(console(), of_app::replace),
        Endpoint::post("/apps/{app_id}/secrets/{app_secret_id}/delete", "delete_app_secret_by_form")
            .requires::<ManageAppSecrets>()
            .leads_elsewhere(StatusCode::SEE_OTHER)
            .answers(console(), of_app::delete),
    ]
}

/// The secrets of people.
fn of_people(console: &Arc<Console>) -> Vec<Endpoint> {
    const ALL: &str = "/organizations/{organization_id}/own-secrets";
    let console = || Arc::clone(console);
    vec![
        Endpoint::get(ALL, "show_own_secrets")
            .page()
            .requires::<ListOwnSecrets>()
            .query::<PagingParameters>()
            .gives_page()
            .answers(console(), own::show),
        Endpoint::post(ALL, "create_own_secret_by_form")
            .requires::<ManageOwnSecrets>()
            .takes_form::<NewFields>()
            .leads_elsewhere(StatusCode::SEE_OTHER)
            .refuses(REFUSED)
            .answers(console(), own::create),
        Endpoint::post(
            "/organizations/{organization_id}/own-secrets/{own_secret_id}/replace",
            "replace_own_secret_by_form",
        )
        .requires::<ManageOwnSecrets>()
        .takes_form::<ValueFields>()
        .leads_elsewhere(StatusCode::SEE_OTHER)
        .refuses(REFUSED)
        .answers(console(), own::replace),
        Endpoint::post(
            "/organizations/{organization_id}/own-secrets/{own_secret_id}/delete",
            "delete_own_secret_by_form",
        )
        .requires::<ManageOwnSecrets>()
        .leads_elsewhere(StatusCode::SEE_OTHER)
        .answers(console(), own::delete),
    ]
}

/// Pages about what an app proves itself with, and their forms.
fn of_server_secrets(console: &Arc<Console>) -> Vec<Endpoint> {
    let console = || Arc::clone(console);
    vec![
        Endpoint::get("/apps/{app_id}/server-secrets", "show_server_secrets")
            .page()
            .requires::<ListServerSecrets>()
            .gives_page()
            .answers(console(), server_secrets::show),
        Endpoint::post("/apps/{app_id}/server-secrets/rotate", "rotate_server_secret_by_form")
            .requires::<ManageServerSecrets>()
            .takes_form::<server_secrets::RotationFields>()
            .gives_page()
            .refuses(REFUSED)
            .answers(console(), server_secrets::rotate),
        Endpoint::post("/apps/{app_id}/server-secrets/{secret_id}/revoke", "revoke_server_secret_by_form")
            .requires::<ManageServerSecrets>()
            .leads_elsewhere(StatusCode::SEE_OTHER)
            .answers(console(), server_secrets::revoke),
    ]
}

/// The page about an organization's keys, and its forms.
fn of_keys(console: &Arc<Console>) -> Vec<Endpoint> {
    let console = || Arc::clone(console);
    vec![
        Endpoint::get("/organizations/{organization_id}/keys", "show_organization_keys")
            .page()
            .requires::<ReadOrganizationKey>()
            .gives_page()
            .answers(console(), keys::show),
        Endpoint::post("/organizations/{organization_id}/keys/rotate", "rotate_organization_key_by_form")
            .requires::<RotateOrganizationKey>()
            .leads_elsewhere(StatusCode::SEE_OTHER)
            .refuses(REFUSED)
            .answers(console(), keys::rotate),
        Endpoint::post(
            "/organizations/{organization_id}/server-secrets/rotate",
            "rotate_all_server_secrets_by_form",
        )
        .requires::<RotateServerSecrets>()
        .takes_form::<keys::GraceFields>()
        .leads_elsewhere(StatusCode::SEE_OTHER)
        .refuses(REFUSED)
        .answers(console(), keys::rotate_server_secrets),
    ]
}
