//! What an organization is registered as at a service.

use std::sync::Arc;

use access_control::{ManageOauthClients, Permit};
use catalogue::{Authentication, Service};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Problem};
use ids::OrganizationId;
use integrations::{GivenClient, GivenSecret, OauthClient};
use maud::{Markup, html};
use schemars::JsonSchema;
use service_client::SecretText;

use super::service::Shown;
use super::{connecting, service_path};
use crate::Console;
use crate::fields::Fields;
use crate::layout::again;

/// What an organization is registered as.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a description")]
pub(crate) struct ClientFields {
    client_id: String,
    client_secret: Option<String>,
    public: Option<String>,
    scopes: Option<String>,
    version: Option<i64>,
}

/// The form.
pub(super) fn form(
    organization: OrganizationId,
    service: &Service,
    client: Option<&OauthClient>,
    redirect: &str,
) -> Markup {
    let path = service_path(organization, &service.id);
    let of_client = client.map(|client| client.scopes.iter().cloned().collect::<Vec<_>>().join(" "));
    let usual = match &service.authentication {
        Authentication::Oauth2Code(code) => code.default_scopes.join(" "),
        _ => String::new(),
    };
    html! {
        h2 { "Registration at the service" }
        details open[client.is_none()] {
            summary { @match client { Some(client) => { "Registered as " (client.client_id) } None => { "Not registered yet" } } }
            p { "Register an application at " (service.name) " with this redirect address, and give what it answers:" }
            pre id="redirect" { (redirect) }
            form method="post" action={ (path) "/oauth-client" } autocomplete="off" {
                @if let Some(client) = client { input type="hidden" name="version" value=(client.version); }
                label {
                    "Client ID"
                    input name="client_id" required maxlength="1000" autocomplete="off" spellcheck="false" value=(client.map_or("", |client| client.client_id.as_str()));
                }
                label {
                    @if client.is_some() { "Client secret; left empty, the stored one stays, as long as the client ID does" } @else { "Client secret" }
                    input type="password" name="client_secret" autocomplete="off" spellcheck="false";
                }
                label { span { input type="checkbox" name="public" value="on"; " The service gave no secret: a public client" } }
                label {
                    "Scopes to ask for, with spaces between them; empty: " (usual)
                    input name="scopes" maxlength="4000" spellcheck="false" value=(of_client.unwrap_or_default());
                }
                button type="submit" { "Save the registration" }
            }
            @if client.is_some() {
                form method="post" action={ (path) "/oauth-client/delete" } {
                    p { "Accounts that were connected with it cannot be refreshed or revoked any more, and have to be connected again." }
                    button.bad type="submit" { "Delete the registration" }
                }
            }
        }
    }
}

/// Registers the organization, or changes that.
pub(crate) async fn put(
    console: Arc<Console>,
    permit: Permit<ManageOauthClients>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let mut fields = Fields::with_secret(&mut call).await?;
    let shown = Shown::read(&console, permit.actor(), permit.organization(), &call).await?;
    let service = shown.offered.known.service.id.clone();
    let saved = async {
        let given = given(&mut fields)?;
        match shown.client() {
            None => console.oauth_clients.create(&permit, &service, given, call.occasion()).await?,
            Some(client) => {
                let version = connecting::version(&fields)?;
                console.oauth_clients.update(&permit, client.id, given, version, call.occasion()).await?
            }
        };
        Ok::<_, Problem>(())
    };
    match saved.await {
        Ok(()) => Ok(Answer::see_other(&service_path(permit.organization(), &service))),
        Err(problem) if problem.status() == StatusCode::NOT_FOUND => Err(problem),
        Err(problem) => again(problem, shown.name(), &shown.content(&call)),
    }
}

/// Forgets what the organization is registered as.
pub(crate) async fn delete(
    console: Arc<Console>,
    permit: Permit<ManageOauthClients>,
    call: Call,
) -> Result<Answer, Problem> {
    let shown = Shown::read(&console, permit.actor(), permit.organization(), &call).await?;
    let client = shown.client().ok_or_else(Problem::not_found)?;
    console.oauth_clients.delete(&permit, client.id, call.occasion()).await?;
    Ok(Answer::see_other(&service_path(permit.organization(), &client.service)))
}

fn given(fields: &mut Fields) -> Result<GivenClient, Problem> {
    let secret = match fields.take_secret("client_secret") {
        Some(secret) => GivenSecret::Text(
            SecretText::try_from(secret)
                .map_err(|_| Problem::invalid("invalid_client", "The secret is no text."))?,
        ),
        None if fields.text("public") == "on" => GivenSecret::None,
        None => GivenSecret::Kept,
    };
    Ok(GivenClient {
        client_id: fields.text("client_id").to_owned(),
        secret,
        scopes: fields.text("scopes").split_whitespace().map(str::to_owned).collect(),
    })
}
