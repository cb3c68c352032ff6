//! The apps that the person may open.

use std::sync::Arc;

use access_control::{AppLevel, ListAppSecrets, ListApps, ListOwnOrganizations, OpenConsole, Permit};
use endpoint::{Answer, Call, Problem};
use maud::html;

use crate::Console;
use crate::layout::page;

/// `/`: to the apps, or to the set-up as long as there is nothing to show.
pub(crate) async fn start(console: Arc<Console>, _: Permit<OpenConsole>, _: Call) -> Result<Answer, Problem> {
    Ok(Answer::see_other(if console.set_up.is_pending().await? { "/set-up" } else { "/apps" }))
}

/// `/apps`
pub(crate) async fn show(
    console: Arc<Console>,
    permit: Permit<OpenConsole>,
    call: Call,
) -> Result<Answer, Problem> {
    let person = console.users.person(permit.user()).await?;
    let own = console.permit::<ListOwnOrganizations>(permit.actor(), (), call.now())?;
    let mut groups = Vec::new();
    for own in console.organizations.list_own(&own).await? {
        let list = console.permit::<ListApps>(permit.actor(), own.organization.id, call.now())?;
        let mut apps = Vec::new();
        for app in console.apps.list_visible(&list, call.now()).await? {
            let edits = console.permit::<ListAppSecrets>(permit.actor(), app.id, call.now()).is_ok();
            apps.push((app, edits));
        }
        groups.push((own, apps));
    }
    let content = html! {
        p.quiet { "Signed in as " span id="person" { (person.email) } }
        @if groups.is_empty() {
            p { "You belong to no organization yet. Ask somebody for an invitation." }
        }
        @for (own, apps) in &groups {
            h2 { (own.organization.name) " " small.quiet { (own.role) } }
            @if apps.is_empty() {
                p.quiet { "No app here that you may open." }
            } @else {
                ul {
                    @for (app, edits) in apps {
                        li {
                            a href={ (console.sites.app_origin(&app.label)) "/" } { (app.name) }
                            @if app.level != AppLevel::Organization { " " small.quiet { (app.level) } }
                            @if *edits {
                                " " small { a href={ "/apps/" (app.id) "/secrets" } { "Secrets" } }
                                " " small { a href={ "/apps/" (app.id) "/data-queries" } { "Saved queries" } }
                            }
                        }
                    }
                }
            }
        }
    };
    Ok(page("Apps", &content))
}
