//! The custom APIs of an organization.

use std::sync::Arc;

use access_control::{Action as _, ListCustomApis, ManageCustomApis, Permit, ReadOrganization};
use endpoint::{Answer, Call, Problem};
use integrations::CustomApiAuthentication;
use maud::html;

use super::home;
use crate::Console;
use crate::layout::{minute, page};

/// `/organizations/{organization_id}/custom-apis`
pub(crate) async fn list(
    console: Arc<Console>,
    permit: Permit<ListCustomApis>,
    call: Call,
) -> Result<Answer, Problem> {
    let paging = call.paging()?;
    let most = paging.limit.saturating_add(1);
    let mut apis = console.custom_apis.list(&permit, paging.after()?, most, call.now()).await?;
    let next_cursor = paging.cut(&mut apis, |api| api.id.to_string());
    let organization = console.organizations.read(&permit.also::<ReadOrganization>()?).await?;
    let home = home(organization.id);
    let content = html! {
        p { "APIs that no entry of the catalogue describes: a base URL, and what proves calls." }
        @if apis.is_empty() {
            p.quiet { "No custom API yet." }
        } @else {
            table id="custom-apis" {
                tr { th { "Name" } th { "Base URL" } th { "Proved by" } th { "Changed" } }
                @for api in &apis {
                    tr {
                        td { a href={ (home) "/custom-apis/" (api.id) } { (api.definition.name) } }
                        td { (api.definition.base_url) }
                        td { (words(api.definition.authentication)) }
                        td { (minute(api.updated_at)) }
                    }
                }
            }
        }
        @if let Some(cursor) = &next_cursor {
            p { a href={ (home) "/custom-apis?cursor=" (cursor) } { "More custom APIs" } }
        }
        @if ManageCustomApis::RULE.contains(&permit.role()) {
            p { a.button href={ (home) "/new-custom-api" } { "Add a custom API" } }
        }
        p { a href={ (home) "/services" } { "Services" } " · " a href=(home) { (organization.name) } }
    };
    Ok(page(&format!("Custom APIs of {}", organization.name), &content))
}

/// How calls are proved, as people say it.
pub(super) const fn words(authentication: CustomApiAuthentication) -> &'static str {
    match authentication {
        CustomApiAuthentication::ApiKey => "key in X-API-Key",
        CustomApiAuthentication::BearerToken => "bearer token",
        CustomApiAuthentication::Basic => "user name and password",
    }
}
