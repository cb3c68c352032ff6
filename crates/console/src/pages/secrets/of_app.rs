//! The secrets of an app, and what its deployments get.

use std::sync::Arc;

use access_control::{Environment, ListAppSecrets, ManageAppSecrets, Permit, ReadApp, SignedIn};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Paging, Problem};
use ids::{AppId, SecretId};
use maud::{Markup, html};
use secrets_vault::{Owner, SecretScope, VariableSource};

use super::{Listing, form, new_secret, new_value, occasion};
use crate::Console;
use crate::layout::{again, page};

/// What the page shows.
struct Shown {
    title: String,
    app: AppId,
    listing: Listing,
    environments: Vec<(Environment, Vec<VariableSource>)>,
}

impl Shown {
    fn content(&self) -> Markup {
        html! {
            (self.listing.content())
            h2 { "What a deployment gets" }
            p {
                "Besides what the platform sets itself: " code { "VYBE_SERVER_SECRET" }
                " (" a href={ "/apps/" (self.app) "/server-secrets" } { "server secrets" } "), the platform's address and the app's name."
            }
            @for (environment, sources) in &self.environments {
                h3 { (environment.as_str()) }
                @if sources.is_empty() {
                    p.quiet { "Nothing else." }
                } @else {
                    table id={ "environment-" (environment.as_str()) } {
                        tr { th { "Variable" } th { "From" } th { "Kind" } th { "Version" } }
                        @for source in sources { (variable(source)) }
                    }
                }
            }
        }
    }
}

fn variable(source: &VariableSource) -> Markup {
    html! {
        tr {
            td { code { (source.variable) } }
            td {
                @if matches!(source.secret.owner, Owner::App(..)) { "this app" } @else { "the organization" }
                @if source.overrides.is_some() { ", over the organization's" }
            }
            td { (form::words(source.secret.kind)) }
            td { (source.secret.version) }
        }
    }
}

/// `/apps/{app_id}/secrets`
pub(crate) async fn show(
    console: Arc<Console>,
    permit: Permit<ListAppSecrets>,
    call: Call,
) -> Result<Answer, Problem> {
    let shown = read(&console, permit.actor(), permit.app(), &call.paging()?, &call).await?;
    Ok(page(&shown.title, &shown.content()))
}

/// Keeps a new secret.
pub(crate) async fn create(
    console: Arc<Console>,
    permit: Permit<ManageAppSecrets>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let outcome = async {
        let new = new_secret(&mut call).await?;
        console.app_secrets.create(&permit, new, occasion(&call)).await?;
        Ok(())
    };
    let outcome = outcome.await;
    answer(&console, permit.actor(), permit.app(), &call, outcome).await
}

/// Puts another value in the place of one.
pub(crate) async fn replace(
    console: Arc<Console>,
    permit: Permit<ManageAppSecrets>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let id: SecretId = call.path("app_secret_id")?;
    let outcome = async {
        let new = new_value(&mut call).await?;
        console.app_secrets.replace(&permit, id, new, occasion(&call)).await?;
        Ok(())
    };
    let outcome = outcome.await;
    answer(&console, permit.actor(), permit.app(), &call, outcome).await
}

/// Deletes a secret.
pub(crate) async fn delete(
    console: Arc<Console>,
    permit: Permit<ManageAppSecrets>,
    call: Call,
) -> Result<Answer, Problem> {
    let id: SecretId = call.path("app_secret_id")?;
    let outcome = console.app_secrets.delete(&permit, id, occasion(&call)).await.map_err(Problem::from);
    answer(&console, permit.actor(), permit.app(), &call, outcome).await
}

/// Back to the page, or the page with what is wrong.
async fn answer(
    console: &Console,
    actor: &SignedIn,
    app: AppId,
    call: &Call,
    outcome: Result<(), Problem>,
) -> Result<Answer, Problem> {
    match outcome {
        Ok(()) => Ok(Answer::see_other(&base(app))),
        // What is not there is no matter of this page.
        Err(problem) if problem.status() == StatusCode::NOT_FOUND => Err(problem),
        Err(problem) => {
            let shown = read(console, actor, app, &Paging::default(), call).await?;
            again(problem, &shown.title, &shown.content())
        }
    }
}

async fn read(
    console: &Console,
    actor: &SignedIn,
    app: AppId,
    paging: &Paging,
    call: &Call,
) -> Result<Shown, Problem> {
    let list = console.permit::<ListAppSecrets>(actor, app, call.now())?;
    let mut secrets = console.app_secrets.list(&list, paging.after()?, paging.limit + 1).await?;
    let next_cursor = paging.cut(&mut secrets, |secret| secret.id.to_string());
    let mut environments = Vec::new();
    for environment in Environment::ALL {
        environments.push((environment, console.environments.preview(&list, environment).await?));
    }
    let app = console.apps.read(&console.permit::<ReadApp>(actor, app, call.now())?).await?;
    let listing = Listing { scope: SecretScope::App, base: base(app.id), secrets, next_cursor };
    Ok(Shown { title: format!("Secrets of {}", app.name), app: app.id, listing, environments })
}

fn base(app: AppId) -> String {
    format!("/apps/{app}/secrets")
}
