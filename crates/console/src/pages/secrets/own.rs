//! The secrets that a person has for themselves in an organization.

use std::sync::Arc;

use access_control::{ListOwnSecrets, ManageOwnSecrets, Permit, ReadOrganization, SignedIn};
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
            p { "Only you see and use them. No app gets one, and they end when you leave the organization." }
            (self.listing.content())
        }
    }
}

/// `/organizations/{organization_id}/own-secrets`
pub(crate) async fn show(
    console: Arc<Console>,
    permit: Permit<ListOwnSecrets>,
    call: Call,
) -> Result<Answer, Problem> {
    let shown = read(&console, permit.actor(), permit.organization(), &call.paging()?, &call).await?;
    Ok(page(&shown.title, &shown.content()))
}

/// Keeps a new secret.
pub(crate) async fn create(
    console: Arc<Console>,
    permit: Permit<ManageOwnSecrets>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let outcome = async {
        let new = new_secret(&mut call).await?;
        console.own_secrets.create(&permit, new, occasion(&call)).await?;
        Ok(())
    };
    let outcome = outcome.await;
    answer(&console, permit.actor(), permit.organization(), &call, outcome).await
}

/// Puts another value in the place of one.
pub(crate) async fn replace(
    console: Arc<Console>,
    permit: Permit<ManageOwnSecrets>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let id: SecretId = call.path("own_secret_id")?;
    let outcome = async {
        let new = new_value(&mut call).await?;
        console.own_secrets.replace(&permit, id, new, occasion(&call)).await?;
        Ok(())
    };
    let outcome = outcome.await;
    answer(&console, permit.actor(), permit.organization(), &call, outcome).await
}

/// Deletes a secret.
pub(crate) async fn delete(
    console: Arc<Console>,
    permit: Permit<ManageOwnSecrets>,
    call: Call,
) -> Result<Answer, Problem> {
    let id: SecretId = call.path("own_secret_id")?;
    let outcome = console.own_secrets.delete(&permit, id, occasion(&call)).await.map_err(Problem::from);
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
    let list = console.permit::<ListOwnSecrets>(actor, organization, call.now())?;
    let mut secrets = console.own_secrets.list(&list, paging.after()?, paging.limit + 1).await?;
    let next_cursor = paging.cut(&mut secrets, |secret| secret.id.to_string());
    let organization = console.organizations.read(&list.also::<ReadOrganization>()?).await?;
    let base = base(organization.id);
    let listing = Listing { scope: SecretScope::Personal, base, secrets, next_cursor };
    Ok(Shown { title: format!("Your own secrets in {}", organization.name), listing })
}

fn base(organization: OrganizationId) -> String {
    format!("/organizations/{organization}/own-secrets")
}
