//! The services that an organization can connect accounts at.

use std::sync::Arc;

use access_control::{
    Action as _, ListAccounts, ListCustomApis, ListServiceCalls, ListServices, ManageCustomApis,
    ManageServices, Permit, ReadOrganization,
};
use catalogue::ServiceKey;
use endpoint::{Answer, Call, PagingParameters, Problem};
use integrations::OfferedService;
use maud::{Markup, html};
use schemars::JsonSchema;
use time::Date;

use super::{home, kind, tier};
use crate::Console;
use crate::layout::page;

/// The most services that are looked through.
const ALL: usize = 20_000;

/// What the list is narrowed to.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a description")]
pub(crate) struct ServiceParameters {
    query: Option<String>,
    #[schemars(flatten)]
    paging: PagingParameters,
}

/// `/organizations/{organization_id}/services`
pub(crate) async fn list(
    console: Arc<Console>,
    permit: Permit<ListServices>,
    call: Call,
) -> Result<Answer, Problem> {
    let paging = call.paging()?;
    let text = call.query("query")?.unwrap_or_default();
    let wanted = text.to_lowercase();
    let mut services = console.services.list(&permit, paging.after::<ServiceKey>()?.as_ref(), ALL).await?;
    services.retain(|offered| matches(offered, &wanted));
    services.truncate(paging.limit.saturating_add(1));
    let next_cursor = paging.cut(&mut services, |offered| offered.known.service.id.to_string());
    let organization = console.organizations.read(&permit.also::<ReadOrganization>()?).await?;
    let home = home(organization.id);
    let role = permit.role();
    let content = html! {
        p { "Apps call these services with accounts that are connected here, and never see what proves them." }
        p {
            @if ListAccounts::RULE.contains(&role) { a href={ (home) "/accounts" } { "Shared accounts" } " · " }
            a href={ (home) "/own-accounts" } { "Your own accounts" }
            @if ListCustomApis::RULE.contains(&role) { " · " a href={ (home) "/custom-apis" } { "Custom APIs" } }
            @if ListServiceCalls::RULE.contains(&role) { " · " a href={ (home) "/service-calls" } { "Calls" } }
        }
        form method="get" action={ (home) "/services" } {
            label { "Name or category" input name="query" value=(text) maxlength="100"; }
            button.quiet type="submit" { "Search" }
        }
        @if services.is_empty() {
            p.quiet id="no-such-service" {
                "No such service. "
                @if ManageServices::RULE.contains(&role) {
                    a href={ (home) "/new-service" } { "Import it" } " from a document that describes it"
                } @else { "An Owner or Admin can import it from a document that describes it" }
                @if ManageCustomApis::RULE.contains(&role) {
                    ", and you can " a href={ (home) "/new-custom-api" } { "describe an API of your own" }
                }
                "."
            }
        } @else {
            table id="services" {
                tr { th { "Service" } th { "Accounts are connected with" } th { "Entry" } th { "" } }
                @for offered in &services { (row(offered, &home, call.now().date())) }
            }
        }
        @if let Some(cursor) = &next_cursor {
            p { a href={ (home) "/services?" (following(&text, cursor)) } { "More services" } }
        }
        @if ManageServices::RULE.contains(&role) {
            p { a.button href={ (home) "/new-service" } { "Import a service" } }
        }
        p { a href=(home) { (organization.name) } }
    };
    Ok(page(&format!("Services of {}", organization.name), &content))
}

fn matches(offered: &OfferedService, wanted: &str) -> bool {
    let service = &offered.known.service;
    wanted.is_empty()
        || service.name.to_lowercase().contains(wanted)
        || service.id.as_str().contains(wanted)
        || service.categories.iter().any(|category| category.to_lowercase().contains(wanted))
}

fn row(offered: &OfferedService, home: &str, today: Date) -> Markup {
    let service = &offered.known.service;
    html! {
        tr {
            td {
                a href={ (home) "/services/" (service.id) } { (service.name) }
                br; small.quiet { (service.categories.join(", ")) }
            }
            td { (kind(&service.authentication)) }
            td { small { (tier(service.tier_today(today))) } }
            td {
                @if offered.known.imported.is_some() { "yours" }
                @if offered.has_client { " client registered" }
            }
        }
    }
}

fn following(text: &str, cursor: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    if !text.is_empty() {
        query.append_pair("query", text);
    }
    query.append_pair("cursor", cursor).finish()
}
