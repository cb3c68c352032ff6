//! The person's organizations, and for those who run one, who is in it.

use std::sync::Arc;

use access_control::{ListMembers, ListOwnOrganizations, OpenConsole, Permit, Role};
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
    let mut shown = Vec::new();
    for own in console.organizations.list_own(&own).await? {
        let runs = matches!(own.role, Role::Owner | Role::Admin);
        let members = if runs {
            let list = console.permit::<ListMembers>(permit.actor(), own.organization.id, call.now())?;
            console.members.list(&list).await?
        } else {
            Vec::new()
        };
        let users: Vec<_> = members.iter().map(|member| member.user).collect();
        let names = console.people.people(&users).await.map_err(|error| {
            tracing::error!(%error, "the names of members could not be read");
            Problem::unavailable()
        })?;
        shown.push((own, members, names));
    }
    let content = html! {
        @if shown.is_empty() {
            p { "You belong to no organization yet. Ask somebody for an invitation." }
        }
        @for (own, members, names) in &shown {
            h2 { (own.organization.name) " " small.quiet { (own.role) } }
            dl {
                dt { "Slug" } dd { (own.organization.slug) }
                dt { "Identifier" } dd { (own.organization.id) }
            }
            @if !members.is_empty() {
                table {
                    tr { th { "Member" } th { "E-mail" } th { "Role" } }
                    @for member in members {
                        @let name = names.get(&member.user);
                        tr {
                            td { (name.map_or("", |name| name.name.as_str())) }
                            td { @if let Some(name) = name { (name.email) } }
                            td { (member.role) }
                        }
                    }
                }
            }
        }
    };
    Ok(page("Organizations", &content))
}
