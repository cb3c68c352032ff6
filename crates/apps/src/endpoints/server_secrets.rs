//! Issuing, listing, rotating and revoking server secrets.

use access_control::{Environment, ListServerSecrets, ManageServerSecrets, Permit};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Endpoint, GivenInstant, Instant, Problem};
use ids::{ServerSecretId, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::invalid;
use crate::{Grace, NewServerSecret, Rotation, ServerSecret, ServerSecrets};

pub fn endpoints(secrets: &ServerSecrets) -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/apps/{app_id}/server-secrets", "list_server_secrets")
            .requires::<ListServerSecrets>()
            .gives::<Vec<ServerSecretAnswer<'_>>>(StatusCode::OK)
            .answers(secrets.clone(), list),
        Endpoint::post("/api/v1/apps/{app_id}/server-secrets", "issue_server_secret")
            .requires::<ManageServerSecrets>()
            .takes::<IssueBody>()
            .gives::<ServerSecretAnswer<'_>>(StatusCode::CREATED)
            .refuses(&[StatusCode::CONFLICT])
            .answers(secrets.clone(), issue),
        Endpoint::post("/api/v1/apps/{app_id}/server-secrets/rotate", "rotate_server_secret")
            .requires::<ManageServerSecrets>()
            .takes::<RotateBody>()
            .gives::<ServerSecretAnswer<'_>>(StatusCode::CREATED)
            .refuses(&[StatusCode::CONFLICT])
            .answers(secrets.clone(), rotate),
        Endpoint::delete("/api/v1/apps/{app_id}/server-secrets/{secret_id}", "revoke_server_secret")
            .requires::<ManageServerSecrets>()
            .gives_nothing()
            .answers(secrets.clone(), revoke),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct IssueBody {
    /// preview or production.
    environment: Environment,
    /// When it stops counting (RFC 3339); never, if left out.
    #[serde(default, with = "time::serde::rfc3339::option")]
    #[schemars(with = "Option<GivenInstant>")]
    expires_at: Option<OffsetDateTime>,
    /// When the environment's other secrets stop counting (RFC 3339), at most 30 days ahead; unchanged, if left out. Not
    /// at once, if an app proved itself with one of them within the last 15 minutes: `rotate` with `force` does that.
    #[serde(default, with = "time::serde::rfc3339::option")]
    #[schemars(with = "Option<GivenInstant>")]
    previous_expires_at: Option<OffsetDateTime>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RotateBody {
    /// preview or production.
    environment: Environment,
    /// For how many seconds the environment's other secrets still count; 0 ends them at once.
    #[schemars(range(max = 2_592_000))]
    grace_seconds: u32,
    /// Ends them at once even when an app proved itself with one of them within the last 15 minutes.
    #[serde(default)]
    force: bool,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ServerSecretAnswer<'a> {
    id: ServerSecretId,
    environment: Environment,
    issued_by: UserId,
    created_at: Instant,
    expires_at: Option<Instant>,
    /// When an app last proved itself with it, to about a minute.
    last_used_at: Option<Instant>,
    /// Only in the answer that issues it.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
}

impl<'a> ServerSecretAnswer<'a> {
    fn new(secret: &ServerSecret, value: Option<&'a str>) -> Self {
        Self {
            id: secret.id,
            environment: secret.environment,
            issued_by: secret.issued_by,
            created_at: secret.created_at.into(),
            expires_at: secret.expires_at.map(Instant::from),
            last_used_at: secret.last_used_at.map(Instant::from),
            value,
        }
    }
}

async fn list(
    secrets: ServerSecrets,
    permit: Permit<ListServerSecrets>,
    call: Call,
) -> Result<Answer, Problem> {
    let found = secrets.list(&permit, call.occasion()).await?;
    Ok(Answer::json(&found.iter().map(|secret| ServerSecretAnswer::new(secret, None)).collect::<Vec<_>>()))
}

async fn issue(
    secrets: ServerSecrets,
    permit: Permit<ManageServerSecrets>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let body: IssueBody = call.json().await?;
    let new = NewServerSecret {
        environment: body.environment,
        expires_at: body.expires_at,
        previous_expires_at: body.previous_expires_at,
    };
    let issued = secrets.issue(&permit, new, call.occasion()).await?;
    Ok(Answer::created(&ServerSecretAnswer::new(&issued.secret, Some(issued.text.reveal()))))
}

async fn rotate(
    secrets: ServerSecrets,
    permit: Permit<ManageServerSecrets>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let body: RotateBody = call.json().await?;
    let grace = Grace::from_seconds(body.grace_seconds).map_err(|error| invalid("grace_too_long")(&error))?;
    let rotation = Rotation { environment: body.environment, grace, force: body.force };
    let issued = secrets.rotate(&permit, rotation, call.occasion()).await?;
    Ok(Answer::created(&ServerSecretAnswer::new(&issued.secret, Some(issued.text.reveal()))))
}

async fn revoke(
    secrets: ServerSecrets,
    permit: Permit<ManageServerSecrets>,
    call: Call,
) -> Result<Answer, Problem> {
    secrets.revoke(&permit, call.path("secret_id")?, call.occasion()).await?;
    Ok(Answer::no_content())
}
