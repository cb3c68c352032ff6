//! Statements of apps, at the paths that existing apps know.

use std::fmt;

use access_control::{Permit, RunQuery};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Endpoint, Problem};
use ids::ConnectionId;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{data_queries, query_records};
use crate::running::{Answered, Running};
use crate::{DataQueries, Given, Named, Queries, QueryRecords, Told};

/// The largest body of a call, in bytes: a statement has at most 64 KiB, the rest is for parameters.
pub(super) const LARGEST_BODY: usize = 1 << 20;

/// How much of an answer is held back, in bytes: errors up to there are answered as errors, later ones break it off.
const MOST_HELD: usize = 1 << 20;

/// Everything that the endpoints of queries are made from.
#[derive(Clone)]
pub struct QueriesApi {
    /// The queries.
    pub queries: Queries,
    /// Saved queries.
    pub data_queries: DataQueries,
    /// Who ran which queries.
    pub query_records: QueryRecords,
}

impl fmt::Debug for QueriesApi {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("QueriesApi").finish_non_exhaustive()
    }
}

/// Parameters: a list, or for Redshift an object.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Parameters {
    List(Vec<Value>),
    Map(Map<String, Value>),
}

impl Parameters {
    pub(super) fn given(parameters: Option<Self>) -> Given {
        match parameters {
            None => Given::Nothing,
            Some(Self::List(list)) => Given::List(list),
            Some(Self::Map(map)) => Given::Map(map),
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InternalBody {
    /// The statement, with `$1`, `$2`, …
    sql: String,
    /// One for each placeholder.
    #[serde(default)]
    params: Option<Parameters>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ExternalBody {
    /// The connection's name.
    name: String,
    /// The statement, with `$1`, `$2`, … for PostgreSQL, `?` for MySQL, `:name` for Redshift.
    sql: String,
    /// One for each placeholder: a list; for Redshift an object.
    #[serde(default)]
    params: Option<Parameters>,
    /// How long the statement may run, in milliseconds: 10,000, if it is left out; at most 720,000.
    #[serde(default)]
    timeout: Option<u64>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OrganizationBody {
    /// The database's name; either this or its identifier.
    #[serde(default)]
    database_name: Option<String>,
    /// The database's identifier.
    #[serde(default)]
    database_id: Option<String>,
    /// The statement.
    sql: String,
    /// One for each placeholder.
    #[serde(default)]
    params: Option<Parameters>,
}

impl QueriesApi {
    /// The endpoints.
    #[must_use]
    pub fn endpoints(&self) -> Vec<Endpoint> {
        let mut all = vec![
            Endpoint::post("/api/database/query", "query_internal_database")
                .requires::<RunQuery>()
                .takes::<InternalBody>()
                .refuses(&REFUSALS)
                .gives::<Value>(StatusCode::OK)
                .answers(self.clone(), internal),
            Endpoint::post("/api/external-databases/query", "query_external_database")
                .requires::<RunQuery>()
                .takes::<ExternalBody>()
                .refuses(&REFUSALS)
                .gives::<Value>(StatusCode::OK)
                .answers(self.clone(), external),
            Endpoint::post("/api/organization-databases/query", "query_organization_database")
                .requires::<RunQuery>()
                .takes::<OrganizationBody>()
                .refuses(&REFUSALS)
                .gives::<Value>(StatusCode::OK)
                .answers(self.clone(), organization),
        ];
        all.extend(data_queries::endpoints(&self.data_queries));
        all.extend(query_records::endpoints(&self.query_records));
        all
    }
}

/// What queries can be refused with, besides what any call with a body can.
pub(super) const REFUSALS: [StatusCode; 7] = [
    StatusCode::FORBIDDEN,
    StatusCode::NOT_FOUND,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::UNPROCESSABLE_ENTITY,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::BAD_GATEWAY,
    StatusCode::GATEWAY_TIMEOUT,
];

async fn internal(api: QueriesApi, permit: Permit<RunQuery>, mut call: Call) -> Result<Answer, Problem> {
    let InternalBody { sql, params } = call.json_up_to(LARGEST_BODY).await?;
    api.run(&permit, Named::Internal, &sql, params, None).await
}

async fn external(api: QueriesApi, permit: Permit<RunQuery>, mut call: Call) -> Result<Answer, Problem> {
    let ExternalBody { name, sql, params, timeout } = call.json_up_to(LARGEST_BODY).await?;
    api.run(&permit, Named::External(&name), &sql, params, timeout).await
}

async fn organization(api: QueriesApi, permit: Permit<RunQuery>, mut call: Call) -> Result<Answer, Problem> {
    let OrganizationBody { database_name, database_id, sql, params } = call.json_up_to(LARGEST_BODY).await?;
    let named = match (&database_name, &database_id) {
        (Some(name), None) => Named::Organization(name),
        (None, Some(id)) => Named::OrganizationId(
            id.parse::<ConnectionId>().map_err(|_| Problem::from(crate::RunError::UnknownConnection))?,
        ),
        _ => {
            return Err(Problem::invalid(
                "invalid_body",
                "Name the database by databaseName or by databaseId, and not by both.",
            ));
        }
    };
    api.run(&permit, named, &sql, params, None).await
}

impl QueriesApi {
    async fn run(
        &self,
        permit: &Permit<RunQuery>,
        named: Named<'_>,
        sql: &str,
        params: Option<Parameters>,
        timeout: Option<u64>,
    ) -> Result<Answer, Problem> {
        let told = Told { named, sql, parameters: Parameters::given(params), timeout };
        let running = self.queries.run(permit, told).await?;
        answer(running).await
    }
}

/// The answer of the database, as it comes.
pub(super) async fn answer(running: Running) -> Result<Answer, Problem> {
    Ok(match running.answer(MOST_HELD).await? {
        Answered::Whole(bytes, _) => Answer::bytes(StatusCode::OK, "application/json", bytes),
        Answered::Going(pieces) => Answer::pieces("application/json", pieces),
    })
}
