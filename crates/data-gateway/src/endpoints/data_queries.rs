//! Saved queries.

use access_control::{ListDataQueries, ManageDataQueries, Permit, RunDataQuery, TryDataQuery};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Endpoint, Instant, PagingParameters, Problem};
use ids::{AppId, ConnectionId, DataQueryId, Name, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::queries::{LARGEST_BODY, Parameters, REFUSALS, answer};
use crate::data_query_parameter::{Parameter, ParameterType};
use crate::{DataQueries, DataQuery, DataQueryDefinition, RunError, USUAL_TIMEOUT};

/// The largest body of a saved query, in bytes: its statement has at most 64 KiB.
const LARGEST_DEFINITION: usize = 256 << 10;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DefinitionBody {
    /// Its name, once in the app.
    name: Name,
    /// The connection that it runs on.
    connection_id: ConnectionId,
    /// The statement, with `:name` for each parameter.
    sql: String,
    /// Its parameters.
    #[serde(default)]
    parameters: Vec<ParameterBody>,
    /// How long it may run, in milliseconds: 10,000, if it is left out; at most 720,000.
    #[serde(default)]
    timeout: Option<u32>,
    /// Whether pages of the app may run it.
    #[serde(default)]
    from_pages: bool,
    /// The version that is replaced; if somebody else has changed it since, nothing is done.
    #[serde(default)]
    expected_version: Option<i64>,
}

/// One parameter.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ParameterBody {
    /// Its name, without the colon.
    name: String,
    /// text, integer, number, boolean, date, timestamp or json; all but json also with `[]` behind for a list.
    #[serde(rename = "type")]
    #[schemars(with = "String")]
    kind: ParameterType,
    /// Whether a value has to be given.
    #[serde(default)]
    required: bool,
    /// What is taken when no value is given; NULL, if there is none.
    #[serde(default)]
    default: Option<Value>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct DataQueriesAnswer {
    data_queries: Vec<DataQueryAnswer>,
    next_cursor: Option<String>,
}

/// A saved query.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct DataQueryAnswer {
    id: DataQueryId,
    app_id: AppId,
    name: Name,
    connection_id: ConnectionId,
    sql: String,
    parameters: Vec<ParameterBody>,
    timeout: u32,
    from_pages: bool,
    version: i64,
    created_by: UserId,
    created_at: Instant,
    updated_by: UserId,
    updated_at: Instant,
}

/// Which saved query of the app, by its name, with which parameters: an object, or a list in the order in which they are
/// declared.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RunBody {
    /// Its name.
    data_query_name: String,
    /// Its parameters.
    #[serde(default)]
    params: Option<Parameters>,
}

/// With which parameters.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TryBody {
    /// Its parameters.
    #[serde(default)]
    params: Option<Parameters>,
}

pub(super) fn endpoints(queries: &DataQueries) -> Vec<Endpoint> {
    let conflict = &[StatusCode::CONFLICT, StatusCode::BAD_GATEWAY];
    vec![
        Endpoint::get("/api/v1/apps/{app_id}/data-queries", "list_data_queries")
            .requires::<ListDataQueries>()
            .query::<PagingParameters>()
            .gives::<DataQueriesAnswer>(StatusCode::OK)
            .answers(queries.clone(), list),
        Endpoint::post("/api/v1/apps/{app_id}/data-queries", "create_data_query")
            .requires::<ManageDataQueries>()
            .takes::<DefinitionBody>()
            .refuses(conflict)
            .gives::<DataQueryAnswer>(StatusCode::CREATED)
            .answers(queries.clone(), create),
        Endpoint::get("/api/v1/apps/{app_id}/data-queries/{data_query_id}", "read_data_query")
            .requires::<ListDataQueries>()
            .gives::<DataQueryAnswer>(StatusCode::OK)
            .answers(queries.clone(), find),
        Endpoint::put("/api/v1/apps/{app_id}/data-queries/{data_query_id}", "replace_data_query")
            .requires::<ManageDataQueries>()
            .takes::<DefinitionBody>()
            .refuses(conflict)
            .gives::<DataQueryAnswer>(StatusCode::OK)
            .answers(queries.clone(), replace),
        Endpoint::delete("/api/v1/apps/{app_id}/data-queries/{data_query_id}", "delete_data_query")
            .requires::<ManageDataQueries>()
            .gives_nothing()
            .answers(queries.clone(), delete),
        Endpoint::post("/api/v1/apps/{app_id}/data-queries/{data_query_id}/run", "try_data_query")
            .requires::<TryDataQuery>()
            .takes::<TryBody>()
            .refuses(&REFUSALS)
            .gives::<Value>(StatusCode::OK)
            .answers(queries.clone(), try_out),
        Endpoint::post("/api/data-queries/run", "run_data_query")
            .open_to_app_origins()
            .requires::<RunDataQuery>()
            .takes::<RunBody>()
            .refuses(&REFUSALS)
            .gives::<Value>(StatusCode::OK)
            .answers(queries.clone(), run),
    ]
}

async fn list(queries: DataQueries, permit: Permit<ListDataQueries>, call: Call) -> Result<Answer, Problem> {
    let paging = call.paging()?;
    let one_more = paging.limit.saturating_add(1);
    let mut found = queries.list(&permit, paging.after()?, one_more).await?;
    let next_cursor = paging.cut(&mut found, |query| query.id.to_string());
    let data_queries = found.into_iter().map(DataQueryAnswer::from).collect();
    Ok(Answer::json(&DataQueriesAnswer { data_queries, next_cursor }))
}

async fn find(queries: DataQueries, permit: Permit<ListDataQueries>, call: Call) -> Result<Answer, Problem> {
    let found = queries.find(&permit, call.path("data_query_id")?).await?;
    Ok(Answer::json(&DataQueryAnswer::from(found)))
}

async fn create(
    queries: DataQueries,
    permit: Permit<ManageDataQueries>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let body: DefinitionBody = call.json_up_to(LARGEST_DEFINITION).await?;
    let made = queries.create(&permit, body.definition(), call.occasion()).await?;
    Ok(Answer::created(&DataQueryAnswer::from(made)))
}

async fn replace(
    queries: DataQueries,
    permit: Permit<ManageDataQueries>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let id = call.path("data_query_id")?;
    let body: DefinitionBody = call.json_up_to(LARGEST_DEFINITION).await?;
    let expected = body.expected_version;
    let made = queries.update(&permit, id, body.definition(), expected, call.occasion()).await?;
    Ok(Answer::json(&DataQueryAnswer::from(made)))
}

async fn delete(
    queries: DataQueries,
    permit: Permit<ManageDataQueries>,
    call: Call,
) -> Result<Answer, Problem> {
    queries.delete(&permit, call.path("data_query_id")?, call.occasion()).await?;
    Ok(Answer::no_content())
}

async fn try_out(
    queries: DataQueries,
    permit: Permit<TryDataQuery>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let id = call.path("data_query_id")?;
    let TryBody { params } = call.json_up_to(LARGEST_BODY).await?;
    match queries.try_out(&permit, id, &Parameters::given(params)).await {
        // An identifier in a path is answered alike, whatever is wrong with it.
        Err(RunError::UnknownDataQuery) => Err(Problem::not_found()),
        running => answer(running?).await,
    }
}

async fn run(queries: DataQueries, permit: Permit<RunDataQuery>, mut call: Call) -> Result<Answer, Problem> {
    let RunBody { data_query_name, params } = call.json_up_to(LARGEST_BODY).await?;
    answer(queries.run(&permit, &data_query_name, &Parameters::given(params)).await?).await
}

impl DefinitionBody {
    fn definition(self) -> DataQueryDefinition {
        DataQueryDefinition {
            name: self.name,
            connection: self.connection_id,
            sql: self.sql,
            parameters: self.parameters.into_iter().map(Parameter::from).collect(),
            timeout: self.timeout.unwrap_or(USUAL_TIMEOUT),
            from_pages: self.from_pages,
        }
    }
}

impl From<ParameterBody> for Parameter {
    fn from(ParameterBody { name, kind, required, default }: ParameterBody) -> Self {
        Self { name, kind, required, default }
    }
}

impl From<DataQuery> for DataQueryAnswer {
    fn from(query: DataQuery) -> Self {
        let DataQueryDefinition { name, connection, sql, parameters, timeout, from_pages } = query.definition;
        let parameters = parameters.into_iter().map(|parameter| ParameterBody {
            name: parameter.name,
            kind: parameter.kind,
            required: parameter.required,
            default: parameter.default,
        });
        Self {
            id: query.id,
            app_id: query.app,
            name,
            connection_id: connection,
            sql,
            parameters: parameters.collect(),
            timeout,
            from_pages,
            version: query.version,
            created_by: query.created_by,
            created_at: query.created_at.into(),
            updated_by: query.updated_by,
            updated_at: query.updated_at.into(),
        }
    }
}
