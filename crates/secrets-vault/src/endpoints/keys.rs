//! An organization's key, and its rotation.

use access_control::{Permit, ReadOrganizationKey, RotateOrganizationKey};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Endpoint, Instant, Problem};
use ids::{DataKeyId, KeyRotationId};
use schemars::JsonSchema;
use serde::Serialize;
use time::OffsetDateTime;

use crate::{KeyInUse, KeyRotations, Rotation, RotationState};

pub fn endpoints(rotations: &KeyRotations) -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/organizations/{organization_id}/key", "read_organization_key")
            .requires::<ReadOrganizationKey>()
            .gives::<OrganizationKeyAnswer>(StatusCode::OK)
            .answers(rotations.clone(), read),
        Endpoint::get("/api/v1/organizations/{organization_id}/key-rotations", "list_key_rotations")
            .requires::<ReadOrganizationKey>()
            .gives::<Vec<KeyRotationAnswer>>(StatusCode::OK)
            .answers(rotations.clone(), list),
        Endpoint::post("/api/v1/organizations/{organization_id}/key-rotations", "rotate_organization_key")
            .requires::<RotateOrganizationKey>()
            .gives::<KeyRotationAnswer>(StatusCode::ACCEPTED)
            .refuses(&[StatusCode::CONFLICT])
            .answers(rotations.clone(), rotate),
        Endpoint::get(
            "/api/v1/organizations/{organization_id}/key-rotations/{key_rotation_id}",
            "read_key_rotation",
        )
        .requires::<ReadOrganizationKey>()
        .gives::<KeyRotationAnswer>(StatusCode::OK)
        .answers(rotations.clone(), read_rotation),
    ]
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct OrganizationKeyAnswer {
    /// The key that seals; null as long as nothing was ever sealed.
    current: Option<CurrentKey>,
    /// Keys that seal no more and are not destroyed yet.
    former: Vec<DataKeyId>,
    /// How many values are still sealed with those.
    values_under_former: u64,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CurrentKey {
    id: DataKeyId,
    created_at: Instant,
    /// How often it has sealed.
    seals: i64,
    /// How often it can. A successor takes over at a quarter of that.
    most_seals: i64,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct KeyRotationAnswer {
    id: KeyRotationId,
    /// running, finished or failed.
    state: &'static str,
    /// The key that takes over.
    successor: String,
    /// How many values were sealed with a former key at the start.
    total: u64,
    /// How many of them the rotation has sealed again.
    done: u64,
    started_at: Instant,
    finished_at: Option<Instant>,
    /// How many seconds are left at the rate since the start, as long as it is running.
    eta_seconds: Option<i64>,
    /// What the closing scan found, once it has finished.
    proof: Option<KeyRotationProof>,
    /// Which values open with no key, if it failed: at most 100.
    broken: Option<Vec<String>>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct KeyRotationProof {
    /// How many values opened with the successor: every one there was.
    opened: u64,
    /// How often a former key was tried on one of them.
    tried_with_former: u64,
    /// How often it opened.
    opened_with_former: u64,
    /// How many values were still sealed with a former key.
    left_with_former: u64,
    /// The former keys, which were destroyed.
    destroyed: Vec<String>,
}

impl KeyRotationAnswer {
    fn new(rotation: Rotation, now: OffsetDateTime) -> Self {
        let eta_seconds = rotation.remaining(now).map(time::Duration::whole_seconds);
        let state = rotation.state.as_str();
        let (proof, broken) = match rotation.state {
            RotationState::Running => (None, None),
            RotationState::Finished(proof) => (
                Some(KeyRotationProof {
                    opened: proof.opened,
                    tried_with_former: proof.tried_with_former,
                    opened_with_former: proof.opened_with_former,
                    left_with_former: proof.left_with_former,
                    destroyed: proof.former,
                }),
                None,
            ),
            RotationState::Failed(broken) => (None, Some(broken.first)),
        };
        Self {
            id: rotation.id,
            state,
            successor: rotation.successor,
            total: rotation.total,
            done: rotation.done,
            started_at: rotation.started_at.into(),
            finished_at: rotation.finished_at.map(Into::into),
            eta_seconds,
            proof,
            broken,
        }
    }
}

impl From<Option<KeyInUse>> for OrganizationKeyAnswer {
    fn from(key: Option<KeyInUse>) -> Self {
        let Some(key) = key else {
            return Self { current: None, former: Vec::new(), values_under_former: 0 };
        };
        Self {
            current: Some(CurrentKey {
                id: key.id,
                created_at: key.created_at.into(),
                seals: key.seals,
                most_seals: key.most_seals,
            }),
            former: key.former,
            values_under_former: key.values_under_former,
        }
    }
}

async fn read(
    rotations: KeyRotations,
    permit: Permit<ReadOrganizationKey>,
    _: Call,
) -> Result<Answer, Problem> {
    Ok(Answer::json(&OrganizationKeyAnswer::from(rotations.key(&permit).await?)))
}

async fn list(
    rotations: KeyRotations,
    permit: Permit<ReadOrganizationKey>,
    call: Call,
) -> Result<Answer, Problem> {
    let found = rotations.list(&permit).await?.into_iter();
    Ok(Answer::json(&found.map(|rotation| KeyRotationAnswer::new(rotation, call.now())).collect::<Vec<_>>()))
}

async fn rotate(
    rotations: KeyRotations,
    permit: Permit<RotateOrganizationKey>,
    call: Call,
) -> Result<Answer, Problem> {
    let rotation = rotations.start(&permit, call.occasion()).await?;
    let answer = KeyRotationAnswer::new(rotation, clock::now());
    Ok(Answer::json_with(StatusCode::ACCEPTED, &answer))
}

async fn read_rotation(
    rotations: KeyRotations,
    permit: Permit<ReadOrganizationKey>,
    call: Call,
) -> Result<Answer, Problem> {
    let rotation = rotations.find(&permit, call.path("key_rotation_id")?).await?;
    Ok(Answer::json(&KeyRotationAnswer::new(rotation, call.now())))
}
