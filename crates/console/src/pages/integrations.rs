//! Services, the accounts that are connected at them, custom APIs, and what apps called. No page shows what proves an
//! account, and none puts back what a form brought of it.

mod account;
mod accounts;
mod client;
mod connecting;
mod custom_api;
mod custom_apis;
mod holder;
mod importing;
mod revocation;
mod service;
mod service_calls;
mod services;
mod usable_by;

use access_control::{Action as _, Permit, ReadOrganization, RevokeService, Role, SignedIn};
use catalogue::{Authentication, ServiceKey, Tier};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Problem};
use ids::OrganizationId;
use integrations::{KnownService, OfferedService};
use maud::{Markup, html};
use organizations::Organization;

use crate::Console;
use crate::layout::again;

pub(crate) use account::{change, disconnect, show as show_account, test};
pub(crate) use accounts::list as list_accounts;
pub(crate) use client::{delete as delete_client, put as put_client};
pub(crate) use connecting::{ConnectFields, connect, reconnect};
pub(crate) use custom_api::{
    CustomApiFields, change as change_custom_api, create as create_custom_api, delete as delete_custom_api,
    new as new_custom_api, show as show_custom_api,
};
pub(crate) use custom_apis::list as list_custom_apis;
pub(crate) use holder::{Holder, Own, Shared};
pub(crate) use importing::{
    ImportFields, delete as delete_imported, import as import_service, import_again, new as new_service,
    propose as propose_service, propose_again, show as show_imported,
};
pub(crate) use revocation::{begin as revoke_service, show as show_revocation};
pub(crate) use service::show as show_service;
pub(crate) use service_calls::{CallParameters, show as show_service_calls};
pub(crate) use services::{ServiceParameters, list as list_services};

pub(crate) use account::{DescriptionFields, DisconnectFields};
pub(crate) use client::ClientFields;

/// The path of everything about an organization.
fn home(organization: OrganizationId) -> String {
    format!("/organizations/{organization}")
}

/// The path of a service's page.
fn service_path(organization: OrganizationId, service: &ServiceKey) -> String {
    format!("/organizations/{organization}/services/{service}")
}

/// The organization of a page.
async fn organization(
    console: &Console,
    person: &SignedIn,
    organization: OrganizationId,
    call: &Call,
) -> Result<Organization, Problem> {
    let permit: Permit<ReadOrganization> = console.permit(person, organization, call.now())?;
    Ok(console.organizations.read(&permit).await?)
}

/// The service that the path names.
async fn offered(
    console: &Console,
    person: &SignedIn,
    organization: OrganizationId,
    call: &Call,
) -> Result<OfferedService, Problem> {
    let key: ServiceKey = call.path("service")?;
    let permit = console.permit(person, organization, call.now())?;
    console.services.read(&permit, &key).await?.ok_or_else(Problem::not_found)
}

/// The service of an account, if there still is one of this name.
async fn service_of(
    console: &Console,
    organization: OrganizationId,
    key: &ServiceKey,
) -> Result<Option<KnownService>, Problem> {
    Ok(console.services.find(organization, key).await?)
}

/// A page again, with what was wrong about its form. A revocation that is in the way is linked to, for those who may see it.
fn refused(
    problem: Problem,
    (organization, role): (OrganizationId, Role),
    title: &str,
    content: &Markup,
) -> Result<Answer, Problem> {
    // What is not there is no matter of this page.
    if problem.status() == StatusCode::NOT_FOUND {
        return Err(problem);
    }
    let revocation = problem.revocation().filter(|_| RevokeService::RULE.contains(&role));
    let content = html! {
        @if let Some(id) = revocation {
            p { a id="under-way" href=(revocation::path(organization, id)) { "See how far that is" } }
        }
        (content)
    };
    again(problem, title, &content)
}

/// How accounts are connected, as people say it.
const fn kind(authentication: &Authentication) -> &'static str {
    match authentication {
        Authentication::Oauth2Code(_) => "people consent at the service",
        Authentication::Oauth2ClientCredentials(_) => "client ID and secret",
        Authentication::Oauth2JwtBearer(_) => "private key of a service account",
        Authentication::ApiKey => "API key",
        Authentication::BearerToken => "token made by hand",
        Authentication::Basic { .. } => "user name and password",
        Authentication::TwoStep(_) => "login",
        Authentication::Oauth1(_) => "people consent at the service (OAuth 1.0a)",
        Authentication::SignatureV4 { .. } => "access key",
        Authentication::None => "nothing",
    }
}

/// How far an entry was tried, as people say it.
const fn tier(tier: Tier) -> &'static str {
    match tier {
        Tier::Live => "tried with a real account",
        Tier::Fixture => "tried against recorded answers",
        Tier::Documented => "written after the documentation",
        Tier::Imported => "imported, or not compared with the documentation for a year",
    }
}
