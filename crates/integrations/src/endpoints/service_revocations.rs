//! Revoking every account of a service at the service.

use access_control::{Permit, RevokeService};
use catalogue::ServiceKey;
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Endpoint, Instant, PagingParameters, Problem};
use ids::{ServiceRevocationId, UserId};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::{ReportedRevocation, ServiceRevocation, ServiceRevocations};

/// Everything that the endpoints of revocations are made from.
#[derive(Clone, Debug)]
pub struct ServiceRevocationsApi {
    /// The revocations.
    pub revocations: ServiceRevocations,
}

impl ServiceRevocationsApi {
    /// The endpoints.
    #[must_use]
    pub fn endpoints(&self) -> Vec<Endpoint> {
        endpoints(&self.revocations)
    }
}

fn endpoints(revocations: &ServiceRevocations) -> Vec<Endpoint> {
    vec![
        Endpoint::post(
            "/api/v1/organizations/{organization_id}/services/{service}/revocations",
            "revoke_service",
        )
        .requires::<RevokeService>()
        .gives::<RevocationAnswer>(StatusCode::ACCEPTED)
        .refuses(&[StatusCode::CONFLICT])
        .answers(revocations.clone(), begin),
        Endpoint::get(
            "/api/v1/organizations/{organization_id}/service-revocations",
            "list_service_revocations",
        )
        .requires::<RevokeService>()
        .query::<PagingParameters>()
        .gives::<RevocationsAnswer>(StatusCode::OK)
        .answers(revocations.clone(), list),
        Endpoint::get(
            "/api/v1/organizations/{organization_id}/service-revocations/{service_revocation_id}",
            "read_service_revocation",
        )
        .requires::<RevokeService>()
        .gives::<ReportedAnswer>(StatusCode::OK)
        .answers(revocations.clone(), read),
    ]
}

/// A revocation, and how far it is.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct RevocationAnswer {
    id: ServiceRevocationId,
    service: String,
    requested_by: UserId,
    started_at: Instant,
    /// Null while it is under way.
    finished_at: Option<Instant>,
    /// How many accounts there were when it began.
    accounts: u64,
    /// How many are not done yet.
    pending: u64,
    /// How many are revoked at the service.
    revoked: u64,
    /// How many are only forgotten here, since no program can revoke them.
    not_revocable: u64,
    /// How many the service did not revoke.
    failed: u64,
    /// How many somebody disconnected meanwhile.
    gone: u64,
    /// How often the service asked to wait.
    waits: u64,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct RevocationsAnswer {
    service_revocations: Vec<RevocationAnswer>,
    next_cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ReportedAnswer {
    #[serde(flatten)]
    revocation: RevocationAnswer,
    /// What became of each account, signed by the key of the audit trail's heads; null while it is under way. Its text is
    /// checked with `vybe audit verify-revocation`.
    signed: Option<Value>,
}

impl From<ServiceRevocation> for RevocationAnswer {
    fn from(revocation: ServiceRevocation) -> Self {
        let counts = revocation.counts;
        Self {
            id: revocation.id,
            service: revocation.service.to_string(),
            requested_by: revocation.requested_by,
            started_at: revocation.started_at.into(),
            finished_at: revocation.finished_at.map(Instant::from),
            accounts: counts.total(),
            pending: counts.pending,
            revoked: counts.revoked,
            not_revocable: counts.not_revocable,
            failed: counts.failed,
            gone: counts.gone,
            waits: revocation.waits,
        }
    }
}

impl ReportedAnswer {
    fn of(ReportedRevocation { revocation, report }: ReportedRevocation) -> Self {
        // Texts and numbers: nothing in it can fail.
        let signed = report.map(|report| serde_json::to_value(report).unwrap_or_default());
        Self { revocation: revocation.into(), signed }
    }
}

async fn begin(
    revocations: ServiceRevocations,
    permit: Permit<RevokeService>,
    call: Call,
) -> Result<Answer, Problem> {
    let service: ServiceKey = call.path("service")?;
    let occasion = call.occasion();
    let begun = revocations.begin(&permit, &service, occasion).await?;
    Ok(Answer::json_with(StatusCode::ACCEPTED, &RevocationAnswer::from(begun)))
}

async fn list(
    revocations: ServiceRevocations,
    permit: Permit<RevokeService>,
    call: Call,
) -> Result<Answer, Problem> {
    let paging = call.paging()?;
    let most = paging.limit.saturating_add(1);
    let mut found = revocations.list(&permit, paging.after()?, most).await?;
    let next_cursor = paging.cut(&mut found, |revocation| revocation.id.to_string());
    let service_revocations = found.into_iter().map(RevocationAnswer::from).collect();
    Ok(Answer::json(&RevocationsAnswer { service_revocations, next_cursor }))
}

async fn read(
    revocations: ServiceRevocations,
    permit: Permit<RevokeService>,
    call: Call,
) -> Result<Answer, Problem> {
    let found = revocations.find(&permit, call.path("service_revocation_id")?).await?;
    Ok(Answer::json(&ReportedAnswer::of(found)))
}
