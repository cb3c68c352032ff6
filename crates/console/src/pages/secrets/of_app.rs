//! The page about the secrets of an app, and what its deployments get: `/apps/{app_id}/secrets`.

use access_control::{Environment, ListAppSecrets, Permit, ReadApp};
use endpoint::{Call, Problem};
use ids::AppId;
use maud::{Markup, html};
use secrets_vault::{NamedSecrets, OfApp, Owner, SecretScope, VariableSource};

use super::form;
use super::owned::{Around, Paged};
use crate::Console;

impl Paged for OfApp {
    const SCOPE: SecretScope = SecretScope::App;
    const ID: &'static str = "app_secret_id";

    fn secrets(console: &Console) -> &NamedSecrets<Self> {
        &console.app_secrets
    }

    fn base(app: AppId) -> String {
        format!("/apps/{app}/secrets")
    }

    async fn around(
        console: &Console,
        permit: &Permit<ListAppSecrets>,
        call: &Call,
    ) -> Result<Around, Problem> {
        let mut environments = Vec::new();
        for environment in Environment::ALL {
            environments.push((environment, console.environments.preview(permit, environment).await?));
        }
        let read = console.permit::<ReadApp>(permit.actor(), permit.app(), call.now())?;
        let app = console.apps.read(&read).await?;
        Ok(Around {
            title: format!("Secrets of {}", app.name),
            before: html! {},
            after: deployed(app.id, &environments),
        })
    }
}

/// What a deployment gets.
fn deployed(app: AppId, environments: &[(Environment, Vec<VariableSource>)]) -> Markup {
    html! {
        h2 { "What a deployment gets" }
        p {
            "Besides what the platform sets itself: " code { "VYBE_SERVER_SECRET" }
            " (" a href={ "/apps/" (app) "/server-secrets" } { "server secrets" } "), the platform's address and the app's name."
        }
        @for (environment, sources) in environments {
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
