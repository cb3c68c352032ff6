//! The secrets of an organization.

use std::sync::Arc;

use access_control::{ListSecrets, ManageSecrets, Permit, ReadOrganization, SignedIn};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Paging, Problem};
use ids::{OrganizationId, SecretId};
use maud::{Markup, html};
use secrets_vault::SecretScope;

use super::{Listing, new_secret, new_value, occasion};
use crate::Console;
use crate::layout::{again, page};

/// What the page shows.
struct Shown {
    title: String,
    listing: Listing,
}

impl Shown {
    fn content(&self) -> Markup {
        html! {
            p { "Apps of this organization use them; nobody sees a value again. An app's own variable stands over one of the same name here." }
            (self.listing.content())
        }
    }
}

/// `/organizations/{organization_id}/secrets`
pub(crate) async fn show(
    console: Arc<Console>,
    permit: Permit<ListSecrets>,
    call: Call,
) -> Result<Answer, Problem> {
    let shown = read(&console, permit.actor(), permit.organization(), &call.paging()?, &call).await?;
    Ok(page(&shown.title, &shown.content()))
}

/// Keeps a new secret.
pub(crate) async fn create(
    console: Arc<Console>,
    permit: Permit<ManageSecrets>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let outcome = async {
        let new = new_secret(&mut call).await?;
        console.secrets.create(&permit, new, occasion(&call)).await?;
        Ok(())
    };
    let outcome = outcome.await;
    answer(&console, permit.actor(), permit.organization(), &call, outcome).await
}

/// Puts another value in the place of one.
pub(crate) async fn replace(
    console: Arc<Console>,
    permit: Permit<ManageSecrets>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let id: SecretId = call.path("organization_secret_id")?;
    let outcome = async {
        let new = new_value(&mut call).await?;
        console.secrets.replace(&permit, id, new, occasion(&call)).await?;
        Ok(())
    };
    let outcome = outcome.await;
    answer(&console, permit.actor(), permit.organization(), &call, outcome).await
}

/// Deletes a secret.
pub(crate) async fn delete(
    console: Arc<Console>,
    permit: Permit<ManageSecrets>,
    call: Call,
) -> Result<Answer, Problem> {
    let id: SecretId = call.path("organization_secret_id")?;
    let outcome = console.secrets.delete(&permit, id, occasion(&call)).await.map_err(Problem::from);
    answer(&console, permit.actor(), permit.organization(), &call, outcome).await
}

/// Back to the page, or the page with what is wrong.
async fn answer(
    console: &Console,
    actor: &SignedIn,
    organization: OrganizationId,
    call: &Call,
    outcome: Result<(), Problem>,
) -> Result<Answer, Problem> {
    match outcome {
        Ok(()) => Ok(Answer::see_other(&base(organization))),
        // What is not there is no matter of this page.
        Err(problem) if problem.status() == StatusCode::NOT_FOUND => Err(problem),
        Err(problem) => {
            let shown = read(console, actor, organization, &Paging::default(), call).await?;
            again(problem, &shown.title, &shown.content())
        }
    }
}

async fn read(
    console: &Console,
    actor: &SignedIn,
    organization: OrganizationId,
    paging: &Paging,
    call: &Call,
) -> Result<Shown, Problem> {
    let list = console.permit::<ListSecrets>(actor, organization, call.now())?;
    let mut secrets = console.secrets.list(&list, paging.after()?, paging.limit + 1).await?;
    let next_cursor = paging.cut(&mut secrets, |secret| secret.id.to_string());
    let organization = console.organizations.read(&list.also::<ReadOrganization>()?).await?;
    let base = base(organization.id);
    let listing = Listing { scope: SecretScope::Organization, base, secrets, next_cursor };
    Ok(Shown { title: format!("Secrets of {}", organization.name), listing })
}

fn base(organization: OrganizationId) -> String {
    format!("/organizations/{organization}/secrets")
}
