//! One service: what is known of it, and what can be done with it.

use std::sync::Arc;

use access_control::{
    Action as _, ListApps, ListOauthClients, ListServices, ManageAccounts, ManageOauthClients,
    ManageServices, Permit, RevokeService, Role, SignedIn,
};
use apps::App;
use catalogue::{Page, PageKind, RateLimit};
use endpoint::{Answer, Call, Problem};
use ids::{ImportedServiceId, OrganizationId};
use integrations::{OauthClient, OfferedService, ServiceRevocation};
use maud::{Markup, html};

use super::{Holder, Own, Shared, client, connecting, home, kind, offered, organization, revocation, tier};
use crate::Console;
use crate::layout::page;

/// How many revocations are shown.
const REVOCATIONS: usize = 20;

/// How many clients are looked through: an organization has one for each service.
const CLIENTS: usize = 5_000;

/// What the page is made from.
pub(super) struct Shown {
    organization: OrganizationId,
    role: Role,
    pub(super) offered: OfferedService,
    /// None also for those who may not see it.
    client: Option<OauthClient>,
    apps: Vec<App>,
    redirect: String,
    /// For one of the organization's own, for those who may import it again.
    imported: Option<ImportedServiceId>,
    /// The latest, for those who may see them.
    revocations: Vec<ServiceRevocation>,
}

/// `/organizations/{organization_id}/services/{service}`
pub(crate) async fn show(
    console: Arc<Console>,
    permit: Permit<ListServices>,
    call: Call,
) -> Result<Answer, Problem> {
    let shown = Shown::read(&console, permit.actor(), permit.organization(), &call).await?;
    Ok(page(shown.name(), &shown.content(&call)))
}

impl Shown {
    /// As this person may see it.
    pub(super) async fn read(
        console: &Console,
        person: &SignedIn,
        id: OrganizationId,
        call: &Call,
    ) -> Result<Self, Problem> {
        let offered = offered(console, person, id, call).await?;
        let permit: Permit<ListServices> = console.permit(person, id, call.now())?;
        // Whoever belongs to the organization sees its name; it has to be there.
        organization(console, person, id, call).await?;
        let apps = console.apps.list_visible(&permit.also::<ListApps>()?, call.now()).await?;
        let client = match permit.also::<ListOauthClients>() {
            Ok(list) => {
                let all = console.oauth_clients.list(&list, None, CLIENTS).await?;
                all.into_iter().find(|client| client.service == offered.known.service.id)
            }
            Err(_) => None,
        };
        let redirect = console.connect_attempts.redirect(id, &offered.known).to_string();
        let key = &offered.known.service.id;
        let imported = match offered.known.imported {
            Some(_) if permit.also::<ManageServices>().is_ok() => {
                console.imported_services.id_at_service(&permit, key).await?
            }
            _ => None,
        };
        let revocations = match permit.also::<RevokeService>() {
            Ok(revoke) => console.service_revocations.list_at_service(&revoke, key, REVOCATIONS).await?,
            Err(_) => Vec::new(),
        };
        let role = permit.role();
        Ok(Self { organization: id, role, offered, client, apps, redirect, imported, revocations })
    }

    pub(super) fn name(&self) -> &str {
        &self.offered.known.service.name
    }

    pub(super) const fn client(&self) -> Option<&OauthClient> {
        self.client.as_ref()
    }

    /// The whole page.
    pub(super) fn content(&self, call: &Call) -> Markup {
        let service = &self.offered.known.service;
        let needs_client = service.authentication.needs_client();
        let connectable = !needs_client || self.offered.has_client;
        let home = home(self.organization);
        html! {
            (self.facts(call))
            @if let Some(id) = self.imported {
                p { a id="import-again" href={ (home) "/imported-services/" (id) } { "Import it again, or delete it" } }
            }
            @if needs_client && ManageOauthClients::RULE.contains(&self.role) {
                (client::form(self.organization, service, self.client(), &self.redirect))
            } @else if !connectable {
                p id="no-client" { "An Owner or Admin has to register the organization at this service first." }
            }
            @if connectable {
                h2 { "Connect an account" }
                @if ManageAccounts::RULE.contains(&self.role) {
                    details { summary { "A shared one" } (self.connect::<Shared>()) }
                }
                details { summary { "One of your own" } (self.connect::<Own>()) }
            }
            @if RevokeService::RULE.contains(&self.role) { (self.revocation()) }
            p { a href={ (home) "/services" } { "Services" } " · " a href={ (home) "/accounts" } { "Shared accounts" } " · " a href={ (home) "/own-accounts" } { "Your own accounts" } }
        }
    }

    fn connect<H: Holder>(&self) -> Markup {
        connecting::form::<H>(self.organization, &self.offered.known.service, &self.apps)
    }

    fn facts(&self, call: &Call) -> Markup {
        let service = &self.offered.known.service;
        html! {
            dl id="service" {
                dt { "Name in the API" } dd { code { (service.id) } }
                dt { "Accounts are connected with" } dd { (kind(&service.authentication)) }
                dt { "Entry" } dd {
                    (tier(service.tier_today(call.now().date())))
                    @if let Some(checked) = service.checked { ", compared with the documentation on " (checked) }
                }
                dt { "Documentation" } dd { a href=(service.documentation) rel="noreferrer" { (service.documentation) } }
                dt { "Credentials go to" } dd { @for host in &service.api.hosts { (host.as_str()) br; } }
                (limits(&service.api.rate_limit))
                @if let Some(page) = &service.api.page { dt { "Long answers go on" } dd { (continuation(page)) } }
                @if !service.actions.is_empty() {
                    dt { "Actions" } dd {
                        details {
                            summary { (service.actions.len()) }
                            @for action in &service.actions { code { (action.id) } " " (action.name) br; }
                        }
                    }
                }
            }
            @if !service.quirks.is_empty() {
                details {
                    summary { "What is special about it" }
                    ul { @for quirk in &service.quirks { li { (quirk) } } }
                }
            }
        }
    }

    fn revocation(&self) -> Markup {
        let path = super::service_path(self.organization, &self.offered.known.service.id);
        html! {
            @if !self.revocations.is_empty() {
                h2 { "Revocations of every account" }
                (revocation::latest(self.organization, &self.revocations))
            }
            details {
                summary { "Revoke every account of this service" }
                form method="post" action={ (path) "/revoke" } {
                    p { "Shared and personal ones: from the first moment on no app uses them, each is revoked at the service as fast as it takes that, and people have to connect them again. The result is signed." }
                    button.bad type="submit" { "Revoke every account of " (self.name()) }
                }
            }
        }
    }
}

fn limits(limit: &RateLimit) -> Markup {
    html! {
        @if limit.stated.is_some() || limit.remaining.is_some() {
            dt { "Limits" }
            dd {
                @if let Some(stated) = &limit.stated { (stated) br; }
                @if limit.remaining.is_some() {
                    "Answers say in " code { "x-service-calls-left" } " how many calls are left."
                }
            }
        }
    }
}

/// How whoever writes an app goes on with a list.
fn continuation(page: &Page) -> Markup {
    let with = match page.kind {
        PageKind::Cursor => "with what the answer says",
        PageKind::Offset => "with the number of records so far",
        PageKind::Number => "with the number of the page",
        PageKind::Link => "where the answer's Link header says",
    };
    html! {
        (with)
        @if let Some(next) = &page.next { ", at " code { (next) } }
        @if let Some(parameter) = &page.parameter { ", in the parameter " code { (parameter) } }
        @if let Some(size) = &page.size { "; " code { (size) } " says how many records come at once" }
    }
}
