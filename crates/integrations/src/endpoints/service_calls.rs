//! Who called which services.

use access_control::{ListServiceCalls, Permit};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Endpoint, Instant, PagingParameters, Problem};
use ids::{AccountId, AppId, CustomApiId, ServiceCallId, UserId};
use schemars::JsonSchema;
use serde::Serialize;

use crate::service_call::{CallOutcome, ServiceCall};
use crate::{ServiceCallFilter, ServiceCalls};

pub(super) fn endpoints(records: &ServiceCalls) -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/organizations/{organization_id}/service-calls", "list_service_calls")
            .requires::<ListServiceCalls>()
            .query::<ListParameters>()
            .gives::<ListAnswer>(StatusCode::OK)
            .answers(records.clone(), list),
    ]
}

/// What a list can be narrowed to.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the parameters of the query")]
struct ListParameters {
    /// Of this app.
    app: Option<AppId>,
    /// With this account.
    account: Option<AccountId>,
    /// With this custom API.
    custom_api: Option<CustomApiId>,
    /// Of this service, or of custom APIs of this name.
    service: Option<String>,
    /// For this person.
    user: Option<UserId>,
    /// With this outcome: answered, refused, limited, invalid, busy, needs_reconnect, unreachable, timed_out, capped,
    /// broke_off or abandoned.
    outcome: Option<String>,
    #[schemars(flatten)]
    paging: PagingParameters,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ListAnswer {
    service_calls: Vec<ServiceCallAnswer>,
    next_cursor: Option<String>,
}

/// Calls of one second that differ in nothing but path, body and duration.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ServiceCallAnswer {
    id: ServiceCallId,
    /// The second in which they began.
    at: Instant,
    app_id: AppId,
    user_id: Option<UserId>,
    /// Where they came from: production, preview or page.
    via: &'static str,
    /// The account; either this or a custom API.
    account_id: Option<AccountId>,
    custom_api_id: Option<CustomApiId>,
    /// The service's key; for a custom API its name.
    service: String,
    /// Where they went; empty if they went nowhere.
    host: String,
    /// `GET`, …; empty for what was not understood.
    method: String,
    /// answered, refused, limited, invalid, busy, needs_reconnect, unreachable, timed_out, capped, broke_off or
    /// abandoned.
    outcome: &'static str,
    /// What the service answered.
    status: Option<u16>,
    /// How many.
    count: u64,
    /// How long all of them took, in microseconds.
    microseconds: u64,
    /// How long the longest took, in microseconds.
    longest_microseconds: u64,
}

impl From<ServiceCall> for ServiceCallAnswer {
    fn from(record: ServiceCall) -> Self {
        let microseconds =
            |duration: std::time::Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Self {
            id: record.id,
            at: record.at.into(),
            app_id: record.called.app,
            user_id: record.called.user,
            via: record.called.via.as_str(),
            account_id: record.called.with.account(),
            custom_api_id: record.called.with.custom_api(),
            service: record.called.service,
            host: record.called.host,
            method: record.called.method,
            outcome: record.outcome.as_str(),
            status: record.status,
            count: record.count,
            microseconds: microseconds(record.duration),
            longest_microseconds: microseconds(record.longest),
        }
    }
}

async fn list(
    records: ServiceCalls,
    permit: Permit<ListServiceCalls>,
    call: Call,
) -> Result<Answer, Problem> {
    let paging = call.paging()?;
    let filter = ServiceCallFilter {
        app: identifier(&call, "app")?,
        account: identifier(&call, "account")?,
        custom_api: identifier(&call, "customApi")?,
        service: call.query("service")?,
        user: identifier(&call, "user")?,
        outcome: outcome(&call)?,
    };
    let one_more = paging.limit.saturating_add(1);
    let mut found = records.list(&permit, &filter, paging.after()?, one_more).await?;
    let next_cursor = paging.cut(&mut found, |record| record.id.to_string());
    let service_calls = found.into_iter().map(ServiceCallAnswer::from).collect();
    Ok(Answer::json(&ListAnswer { service_calls, next_cursor }))
}

fn identifier<T: std::str::FromStr>(call: &Call, name: &'static str) -> Result<Option<T>, Problem> {
    let Some(text) = call.query(name)? else { return Ok(None) };
    let found = text.parse().ok();
    found
        .map(Some)
        .ok_or_else(|| Problem::invalid("invalid_search", format!("{name} is no identifier of that kind.")))
}

fn outcome(call: &Call) -> Result<Option<CallOutcome>, Problem> {
    let known = |text: String| {
        let found = CallOutcome::ALL.into_iter().find(|outcome| outcome.as_str() == text);
        found.ok_or_else(|| {
            let all = CallOutcome::ALL.map(CallOutcome::as_str).join(", ");
            Problem::invalid("invalid_search", format!("outcome is one of: {all}."))
        })
    };
    call.query("outcome")?.map(known).transpose()
}
