//! Who ran which queries.

use access_control::{ListQueryRecords, Permit};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Endpoint, Instant, PagingParameters, Problem};
use ids::{AppId, ConnectionId, DataQueryId, QueryRecordId, UserId};
use schemars::JsonSchema;
use serde::Serialize;

use crate::query_record::{Outcome, QueryRecord};
use crate::{QueryRecordFilter, QueryRecords};

pub(super) fn endpoints(records: &QueryRecords) -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/organizations/{organization_id}/query-records", "list_query_records")
            .requires::<ListQueryRecords>()
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
    /// On this connection.
    connection: Option<ConnectionId>,
    /// For this person.
    user: Option<UserId>,
    /// With this outcome: answered, refused, parameters, busy, unreachable, failed, timed_out, capped, broke_off or
    /// abandoned.
    outcome: Option<String>,
    #[schemars(flatten)]
    paging: PagingParameters,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ListAnswer {
    query_records: Vec<RecordAnswer>,
    next_cursor: Option<String>,
}

/// Queries of one second that differ in nothing but constants, parameters, duration and rows.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct RecordAnswer {
    id: QueryRecordId,
    /// The second in which they began.
    at: Instant,
    app_id: AppId,
    user_id: Option<UserId>,
    /// Where they came from: production, preview, page or console.
    via: &'static str,
    connection_id: ConnectionId,
    /// The saved query, if it is one.
    data_query_id: Option<DataQueryId>,
    /// `select`, `insert`, …; empty for a statement that was not understood.
    kind: String,
    /// The same for statements that differ only in constants, white space, comments and letter case of keywords.
    fingerprint: String,
    /// answered, refused, parameters, busy, unreachable, failed, timed_out, capped, broke_off or abandoned.
    outcome: &'static str,
    /// How many.
    count: u64,
    /// Rows of all of them.
    rows: u64,
    /// Bytes of all answers.
    bytes: u64,
    /// How long all of them took, in microseconds.
    microseconds: u64,
    /// How long the longest took, in microseconds.
    longest_microseconds: u64,
}

impl From<QueryRecord> for RecordAnswer {
    fn from(record: QueryRecord) -> Self {
        let microseconds =
            |duration: std::time::Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Self {
            id: record.id,
            at: record.at.into(),
            app_id: record.asked.app,
            user_id: record.asked.user,
            via: record.asked.via.as_str(),
            connection_id: record.asked.connection,
            data_query_id: record.asked.data_query,
            kind: record.asked.kind,
            fingerprint: record.asked.fingerprint,
            outcome: record.outcome.as_str(),
            count: record.count,
            rows: record.rows,
            bytes: record.bytes,
            microseconds: microseconds(record.duration),
            longest_microseconds: microseconds(record.longest),
        }
    }
}

async fn list(
    records: QueryRecords,
    permit: Permit<ListQueryRecords>,
    call: Call,
) -> Result<Answer, Problem> {
    let paging = call.paging()?;
    let filter = QueryRecordFilter {
        app: identifier(&call, "app")?,
        connection: identifier(&call, "connection")?,
        user: identifier(&call, "user")?,
        outcome: outcome(&call)?,
    };
    let one_more = paging.limit.saturating_add(1);
    let mut found = records.list(&permit, &filter, paging.after()?, one_more).await?;
    let next_cursor = paging.cut(&mut found, |record| record.id.to_string());
    let query_records = found.into_iter().map(RecordAnswer::from).collect();
    Ok(Answer::json(&ListAnswer { query_records, next_cursor }))
}

fn identifier<T: std::str::FromStr>(call: &Call, name: &'static str) -> Result<Option<T>, Problem> {
    let Some(text) = call.query(name)? else { return Ok(None) };
    let found = text.parse().ok();
    found
        .map(Some)
        .ok_or_else(|| Problem::invalid("invalid_search", format!("{name} is no identifier of that kind.")))
}

fn outcome(call: &Call) -> Result<Option<Outcome>, Problem> {
    let known = |text: String| {
        let found = Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == text);
        found.ok_or_else(|| {
            let all = Outcome::ALL.map(Outcome::as_str).join(", ");
            Problem::invalid("invalid_search", format!("outcome is one of: {all}."))
        })
    };
    call.query("outcome")?.map(known).transpose()
}
