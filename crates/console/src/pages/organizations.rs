//! The person's organizations.

use std::sync::Arc;

use access_control::{ListOwnOrganizations, OpenConsole, Permit};
use endpoint::{Answer, Call, Problem};
use maud::html;

use crate::Console;
use crate::layout::page;

/// `/organizations`
pub(crate) async fn show(
    console: Arc<Console>,
    permit: Permit<OpenConsole>,
    call: Call,
) -> Result<Answer, Problem> {
    let own = console.permit::<ListOwnOrganizations>(permit.actor(), (), call.now())?;
    let own = console.organizations.list_own(&own).await?;
    let content = html! {
        @if own.is_empty() {
            p { "You belong to no organization yet. Ask somebody for an invitation." }
        }
        @for own in &own {
            h2 {
                a href={ "/organizations/" (own.organization.id) } { (own.organization.name) }
                " " small.quiet { (own.role) }
            }
            dl {
                dt { "Slug" } dd { (own.organization.slug) }
                dt { "Identifier" } dd { (own.organization.id) }
            }
        }
    };
    Ok(page("Organizations", &content))
}
