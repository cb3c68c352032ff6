//! Rotating the server secrets of all apps of an organization.

use access_control::{Permit, RotateServerSecrets};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Endpoint, Instant, Problem};
use ids::KeyRotationId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::invalid;
use crate::{Grace, ServerSecretRotationProgress, ServerSecretRotations};

const PATH: &str = "/api/v1/organizations/{organization_id}/server-secret-rotations";

pub fn endpoints(rotations: &ServerSecretRotations) -> Vec<Endpoint> {
    vec![
        Endpoint::post(PATH, "begin_server_secret_rotation")
            .requires::<RotateServerSecrets>()
            .takes::<BeginBody>()
            .gives::<ServerSecretRotationAnswer>(StatusCode::ACCEPTED)
            .refuses(&[StatusCode::CONFLICT])
            .answers(rotations.clone(), begin),
        Endpoint::get(PATH, "read_server_secret_rotation")
            .requires::<RotateServerSecrets>()
            .gives::<Option<ServerSecretRotationAnswer>>(StatusCode::OK)
            .answers(rotations.clone(), read),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BeginBody {
    /// For how many seconds secrets that are older than the rotation still count; 0 ends them at once.
    #[schemars(range(max = 2_592_000))]
    grace_seconds: u32,
}

/// How far a rotation is. It names no app and no value: a new secret reaches its app at the next deployment.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ServerSecretRotationAnswer {
    id: KeyRotationId,
    /// running, grace or finished.
    state: &'static str,
    /// How many environments of apps get a new secret.
    total: u64,
    /// How many have it.
    done: u64,
    started_at: Instant,
    /// When secrets older than the rotation stop counting.
    ends_at: Instant,
    finished_at: Option<Instant>,
    /// How long it will still take, at the pace so far.
    eta_seconds: Option<i64>,
    /// What the closing check found, once the grace was over.
    proof: Option<ServerSecretRotationProof>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ServerSecretRotationProof {
    /// How many live secrets it looked at.
    checked: u64,
    /// How many of them are older than the rotation.
    older: u64,
}

impl From<ServerSecretRotationProgress> for ServerSecretRotationAnswer {
    fn from(progress: ServerSecretRotationProgress) -> Self {
        Self {
            id: progress.id,
            state: progress.state.as_str(),
            total: progress.total,
            done: progress.done,
            started_at: progress.started_at.into(),
            ends_at: progress.ends_at.into(),
            finished_at: progress.finished_at.map(Instant::from),
            eta_seconds: progress.remaining.map(time::Duration::whole_seconds),
            // A rotation with an older one that counts is not finished.
            proof: progress.checked.map(|checked| ServerSecretRotationProof { checked, older: 0 }),
        }
    }
}

async fn begin(
    rotations: ServerSecretRotations,
    permit: Permit<RotateServerSecrets>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let body: BeginBody = call.json().await?;
    let grace = Grace::from_seconds(body.grace_seconds).map_err(|error| invalid("grace_too_long")(&error))?;
    let progress = rotations.begin(&permit, grace, call.occasion()).await?;
    Ok(Answer::json_with(StatusCode::ACCEPTED, &ServerSecretRotationAnswer::from(progress)))
}

async fn read(
    rotations: ServerSecretRotations,
    permit: Permit<RotateServerSecrets>,
    call: Call,
) -> Result<Answer, Problem> {
    let progress = rotations.read(&permit, call.now()).await?;
    Ok(Answer::json(&progress.map(ServerSecretRotationAnswer::from)))
}
