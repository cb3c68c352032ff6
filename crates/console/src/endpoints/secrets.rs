//! Where the pages about secrets and keys are, and their forms.

use std::sync::Arc;

use access_control::{
    ListServerSecrets, ManageServerSecrets, ReadOrganizationKey, RotateOrganizationKey, RotateServerSecrets,
};
use endpoint::http::StatusCode;
use endpoint::{Endpoint, PagingParameters};
use secrets_vault::{OfApp, OfMember, OfOrganization};

use crate::Console;
use crate::pages::secrets::owned::{self, Paged};
use crate::pages::secrets::{NewFields, ValueFields};
use crate::pages::{keys, server_secrets};

/// What is refused is shown on the page again.
const REFUSED: &[StatusCode] = &[StatusCode::CONFLICT];

pub(super) fn endpoints(console: &Arc<Console>) -> Vec<Endpoint> {
    let mut all = of::<OfOrganization>(console, &OF_ORGANIZATIONS);
    all.extend(of::<OfApp>(console, &OF_APPS));
    all.extend(of::<OfMember>(console, &OF_PEOPLE));
    all.extend(of_keys(console));
    all.extend(of_server_secrets(console));
    all
}

/// Where a page about secrets and its forms are, and the names of these endpoints.
struct Address {
    page: &'static str,
    replace: &'static str,
    delete: &'static str,
    /// Of the page, and of the forms that create, replace and delete.
    names: [&'static str; 4],
}

const OF_ORGANIZATIONS: Address = Address {
    page: "/organizations/{organization_id}/secrets",
    replace: "/organizations/{organization_id}/secrets/{organization_secret_id}/replace",
    delete: "/organizations/{organization_id}/secrets/{organization_secret_id}/delete",
    names: ["show_secrets", "create_secret_by_form", "replace_secret_by_form", "delete_secret_by_form"],
};

const OF_APPS: Address = Address {
    page: "/apps/{app_id}/secrets",
    replace: "/apps/{app_id}/secrets/{app_secret_id}/replace",
    delete: "/apps/{app_id}/secrets/{app_secret_id}/delete",
    names: [
        "show_app_secrets",
        "create_app_secret_by_form",
        "replace_app_secret_by_form",
        "delete_app_secret_by_form",
    ],
};

const OF_PEOPLE: Address = Address {
    page: "/organizations/{organization_id}/own-secrets",
    replace: "/organizations/{organization_id}/own-secrets/{own_secret_id}/replace",
    delete: "/organizations/{organization_id}/own-secrets/{own_secret_id}/delete",
    names: [
        "show_own_secrets",
        "create_own_secret_by_form",
        "replace_own_secret_by_form",
        "delete_own_secret_by_form",
    ],
};

/// The secrets of one kind of owner.
fn of<O: Paged>(console: &Arc<Console>, address: &Address) -> Vec<Endpoint> {
    let console = || Arc::clone(console);
    let [show, create, replace, delete] = address.names;
    vec![
        Endpoint::get(address.page, show)
            .page()
            .requires::<O::List>()
            .query::<PagingParameters>()
            .gives_page()
            .answers(console(), owned::show::<O>),
        Endpoint::post(address.page, create)
            .requires::<O::Manage>()
            .takes_form::<NewFields>()
            .leads_elsewhere(StatusCode::SEE_OTHER)
            .refuses(REFUSED)
            .answers(console(), owned::create::<O>),
        Endpoint::post(address.replace, replace)
            .requires::<O::Manage>()
            .takes_form::<ValueFields>()
            .leads_elsewhere(StatusCode::SEE_OTHER)
            .refuses(REFUSED)
            .answers(console(), owned::replace::<O>),
        Endpoint::post(address.delete, delete)
            .requires::<O::Manage>()
            .leads_elsewhere(StatusCode::SEE_OTHER)
            .answers(console(), owned::delete::<O>),
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
