//! The server secrets of an app: which there are, a new one in their place, revoking one.

use std::sync::Arc;

use access_control::{Environment, ListServerSecrets, ManageServerSecrets, Permit, ReadApp, SignedIn};
use apps::{App, AppError, Grace, Rotation, ServerSecret};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Problem};
use ids::{AppId, ServerSecretId};
use maud::{Markup, html};
use schemars::JsonSchema;

use crate::Console;
use crate::fields::Fields;
use crate::layout::{again, minute, page, page_with};

/// For how long secrets may stay beside their successor, in seconds, as the form offers it.
const GRACES: [(u32, &str); 4] = [
    (86_400, "for a day"),
    (3_600, "for an hour"),
    (604_800, "for a week"),
    (0, "no longer: they end at once"),
];

/// How the secrets of an environment are replaced.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a description")]
pub(crate) struct RotationFields {
    environment: Environment,
    #[schemars(range(max = 2_592_000))]
    grace_seconds: u32,
}

/// `/apps/{app_id}/server-secrets`
pub(crate) async fn show(
    console: Arc<Console>,
    permit: Permit<ListServerSecrets>,
    call: Call,
) -> Result<Answer, Problem> {
    let (app, secrets) = read(&console, permit.actor(), permit.app(), &call).await?;
    Ok(page(&title(&app), &content(&app, &secrets)))
}

/// Issues a secret in the place of the environment's others, and shows its value this once.
pub(crate) async fn rotate(
    console: Arc<Console>,
    permit: Permit<ManageServerSecrets>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let fields = Fields::of(&mut call).await?;
    let rotated = async {
        let rotation = Rotation { environment: fields.environment()?, grace: grace(&fields)?, force: false };
        console.server_secrets.rotate(&permit, rotation, call.occasion()).await.map_err(Problem::from)
    };
    match rotated.await {
        Ok(issued) => {
            let back = format!("/apps/{}/server-secrets", permit.app());
            let content = html! {
                p { "The next deployment gets it as " code { "VYBE_SERVER_SECRET" } ". To use it elsewhere, copy it now: this is the only time that it is shown." }
                p { code id="server-secret" { (issued.text.reveal()) } }
                p { a href=(back) { "To the server secrets" } }
            };
            Ok(page_with(StatusCode::OK, "New server secret", &content))
        }
        Err(problem) => refused(&console, permit.actor(), permit.app(), &call, problem).await,
    }
}

/// Revokes a secret.
pub(crate) async fn revoke(
    console: Arc<Console>,
    permit: Permit<ManageServerSecrets>,
    call: Call,
) -> Result<Answer, Problem> {
    let id: ServerSecretId = call.path("secret_id")?;
    match console.server_secrets.revoke(&permit, id, call.occasion()).await {
        Ok(()) => Ok(Answer::see_other(&format!("/apps/{}/server-secrets", permit.app()))),
        Err(AppError::NotFound) => Err(Problem::not_found()),
        Err(error) => refused(&console, permit.actor(), permit.app(), &call, error.into()).await,
    }
}

/// The page again, with what is wrong.
async fn refused(
    console: &Console,
    actor: &SignedIn,
    app: AppId,
    call: &Call,
    problem: Problem,
) -> Result<Answer, Problem> {
    let (app, secrets) = read(console, actor, app, call).await?;
    again(problem, &title(&app), &content(&app, &secrets))
}

async fn read(
    console: &Console,
    actor: &SignedIn,
    app: AppId,
    call: &Call,
) -> Result<(App, Vec<ServerSecret>), Problem> {
    let list = console.permit::<ListServerSecrets>(actor, app, call.now())?;
    let secrets = console.server_secrets.list(&list, call.occasion()).await?;
    let app = console.apps.read(&console.permit::<ReadApp>(actor, app, call.now())?).await?;
    Ok((app, secrets))
}

fn title(app: &App) -> String {
    format!("Server secrets of {}", app.name)
}

fn content(app: &App, secrets: &[ServerSecret]) -> Markup {
    let base = format!("/apps/{}/server-secrets", app.id);
    html! {
        p { "An app proves itself to the platform with a server secret. Deployments get the newest one of their environment; nobody has to copy it." }
        @if !secrets.is_empty() {
            table id="server-secrets" {
                tr { th { "Environment" } th { "Issued" } th { "Last used" } th { "Ends" } th {} }
                @for secret in secrets {
                    tr {
                        td { (secret.environment.as_str()) }
                        td { (minute(secret.created_at)) }
                        td { (secret.last_used_at.map_or_else(|| "not yet".to_owned(), minute)) }
                        td { (secret.expires_at.map_or_else(|| "never".to_owned(), minute)) }
                        td {
                            form.inline method="post" action={ (base) "/" (secret.id) "/revoke" } {
                                button.quiet type="submit" { "Revoke" }
                            }
                        }
                    }
                }
            }
        }
        h2 { "Rotate" }
        form method="post" action={ (base) "/rotate" } {
            label {
                "Environment"
                select name="environment" {
                    @for environment in Environment::ALL {
                        option value=(environment.as_str()) selected[environment == Environment::Production] { (environment.as_str()) }
                    }
                }
            }
            (graces())
            button type="submit" { "Issue a new one" }
        }
        p { a href={ "/apps/" (app.id) "/secrets" } { "Secrets of " (app.name) } }
    }
}

/// How long replaced secrets still count, as the form says.
pub(super) fn grace(fields: &Fields) -> Result<Grace, Problem> {
    let seconds = fields.text("grace_seconds").parse().ok();
    let grace = seconds.and_then(|seconds: u32| Grace::from_seconds(seconds).ok());
    grace.ok_or_else(|| Problem::invalid("invalid_grace", "A grace is at most 30 days (2592000 seconds)."))
}

/// The choice of a grace.
pub(super) fn graces() -> Markup {
    html! {
        label {
            "The ones before still count"
            select name="grace_seconds" {
                @for (seconds, words) in GRACES { option value=(seconds) { (words) } }
            }
        }
    }
}
