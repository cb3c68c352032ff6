//! The connections of an organization.

use access_control::{
    ConfirmHostKey, ListConnections, ManageConnections, Permit, ProveReadOnly, ReadDatabaseSchema,
};
use databases::QueryError;
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Endpoint, PagingParameters, Problem};
use schemars::JsonSchema;
use serde::Deserialize;

use super::connection_answers::{
    ConnectionAnswer, ConnectionsAnswer, ExaminationAnswer, HostKeyAnswer, SchemaAnswer, TrialAnswer,
};
use super::connection_bodies::{ConfirmBody, GivenBody, HostKeyBody, NewBody, ReplaceBody};
use crate::{ConnectionError, Connections};

/// The largest body, in bytes: authorities of 32 KiB and four private keys, and all of them escaped.
const LARGEST_BODY: usize = 512 << 10;

/// Everything that the endpoints of connections are made from.
#[derive(Clone, Debug)]
pub struct ConnectionsApi {
    /// The connections.
    pub connections: Connections,
}

/// Whether a schema is read afresh.
#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only described: the handler reads the query itself")]
struct SchemaParameters {
    /// `true`: as of now, not as of at most five minutes ago.
    afresh: Option<bool>,
}

impl ConnectionsApi {
    /// The endpoints.
    #[must_use]
    pub fn endpoints(&self) -> Vec<Endpoint> {
        const ALL: &str = "/api/v1/organizations/{organization_id}/database-connections";
        const ONE: &str = "/api/v1/organizations/{organization_id}/database-connections/{connection_id}";
        let connections = &self.connections;
        vec![
            Endpoint::get(ALL, "list_database_connections")
                .requires::<ListConnections>()
                .query::<PagingParameters>()
                .gives::<ConnectionsAnswer>(StatusCode::OK)
                .answers(connections.clone(), list),
            Endpoint::post(ALL, "create_database_connection")
                .requires::<ManageConnections>()
                .takes::<NewBody>()
                .gives::<ConnectionAnswer>(StatusCode::CREATED)
                .refuses(&[StatusCode::CONFLICT])
                .answers(connections.clone(), create),
            Endpoint::post(
                "/api/v1/organizations/{organization_id}/database-connections/test",
                "test_given_database_connection",
            )
            .requires::<ManageConnections>()
            .takes::<GivenBody>()
            .gives::<TrialAnswer>(StatusCode::OK)
            .refuses(&[StatusCode::TOO_MANY_REQUESTS])
            .answers(connections.clone(), test_given),
            Endpoint::post(
                "/api/v1/organizations/{organization_id}/database-connections/host-key",
                "read_ssh_host_key",
            )
            .requires::<ManageConnections>()
            .takes::<HostKeyBody>()
            .gives::<HostKeyAnswer>(StatusCode::OK)
            .refuses(&[StatusCode::TOO_MANY_REQUESTS])
            .answers(connections.clone(), host_key),
            Endpoint::get(ONE, "read_database_connection")
                .requires::<ListConnections>()
                .gives::<ConnectionAnswer>(StatusCode::OK)
                .answers(connections.clone(), read),
            Endpoint::put(ONE, "replace_database_connection")
                .requires::<ManageConnections>()
                .takes::<ReplaceBody>()
                .gives::<ConnectionAnswer>(StatusCode::OK)
                .refuses(&[StatusCode::CONFLICT])
                .answers(connections.clone(), replace),
            Endpoint::delete(ONE, "delete_database_connection")
                .requires::<ManageConnections>()
                .gives_nothing()
                .answers(connections.clone(), delete),
            Endpoint::post(
                "/api/v1/organizations/{organization_id}/database-connections/{connection_id}/test",
                "test_database_connection",
            )
            .requires::<ManageConnections>()
            .gives::<TrialAnswer>(StatusCode::OK)
            .refuses(&[StatusCode::CONFLICT, StatusCode::TOO_MANY_REQUESTS])
            .answers(connections.clone(), test),
            Endpoint::post(
                "/api/v1/organizations/{organization_id}/database-connections/{connection_id}/host-key",
                "confirm_ssh_host_key",
            )
            .requires::<ConfirmHostKey>()
            .takes::<ConfirmBody>()
            .gives::<ConnectionAnswer>(StatusCode::OK)
            .refuses(&[StatusCode::CONFLICT])
            .answers(connections.clone(), confirm),
            Endpoint::get(
                "/api/v1/organizations/{organization_id}/database-connections/{connection_id}/schema",
                "read_database_schema",
            )
            .requires::<ReadDatabaseSchema>()
            .query::<SchemaParameters>()
            .gives::<SchemaAnswer>(StatusCode::OK)
            .refuses(&[StatusCode::CONFLICT, StatusCode::UNPROCESSABLE_ENTITY, StatusCode::TOO_MANY_REQUESTS, StatusCode::BAD_GATEWAY, StatusCode::GATEWAY_TIMEOUT])
            .answers(connections.clone(), schema),
            Endpoint::post(
                "/api/v1/organizations/{organization_id}/database-connections/{connection_id}/read-only-examination",
                "examine_read_only",
            )
            .requires::<ProveReadOnly>()
            .gives::<ExaminationAnswer>(StatusCode::OK)
            .refuses(&[StatusCode::CONFLICT, StatusCode::UNPROCESSABLE_ENTITY, StatusCode::TOO_MANY_REQUESTS, StatusCode::BAD_GATEWAY, StatusCode::GATEWAY_TIMEOUT])
            .answers(connections.clone(), examine),
        ]
    }
}

async fn list(
    connections: Connections,
    permit: Permit<ListConnections>,
    call: Call,
) -> Result<Answer, Problem> {
    let paging = call.paging()?;
    let most = paging.limit.saturating_add(1);
    let mut found = connections.list(&permit, paging.after()?, most, call.now()).await?;
    let next_cursor = paging.cut(&mut found, |connection| connection.id.to_string());
    let connections = found.into_iter().map(ConnectionAnswer::from).collect();
    Ok(Answer::json(&ConnectionsAnswer { connections, next_cursor }))
}

async fn create(
    connections: Connections,
    permit: Permit<ManageConnections>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let body: NewBody = call.json_up_to(LARGEST_BODY).await?;
    let (kind, given) = body.given()?;
    let made = connections.create(&permit, kind, given, call.occasion()).await?;
    Ok(Answer::created(&ConnectionAnswer::from(made)))
}

async fn read(
    connections: Connections,
    permit: Permit<ListConnections>,
    call: Call,
) -> Result<Answer, Problem> {
    let found = connections.find(&permit, call.path("connection_id")?, call.now()).await?;
    Ok(Answer::json(&ConnectionAnswer::from(found)))
}

async fn replace(
    connections: Connections,
    permit: Permit<ManageConnections>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let id = call.path("connection_id")?;
    let body: ReplaceBody = call.json_up_to(LARGEST_BODY).await?;
    let (given, expected_version) = body.given();
    let changed = connections.update(&permit, id, given, expected_version, call.occasion()).await?;
    Ok(Answer::json(&ConnectionAnswer::from(changed)))
}

async fn delete(
    connections: Connections,
    permit: Permit<ManageConnections>,
    call: Call,
) -> Result<Answer, Problem> {
    connections.delete(&permit, call.path("connection_id")?, call.occasion()).await?;
    Ok(Answer::no_content())
}

async fn test_given(
    connections: Connections,
    permit: Permit<ManageConnections>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let body: GivenBody = call.json_up_to(LARGEST_BODY).await?;
    let trial = connections.test_given(&permit, body.into(), call.occasion()).await?;
    Ok(Answer::json(&TrialAnswer::from(trial)))
}

async fn test(
    connections: Connections,
    permit: Permit<ManageConnections>,
    call: Call,
) -> Result<Answer, Problem> {
    let trial = connections.test(&permit, call.path("connection_id")?).await?;
    Ok(Answer::json(&TrialAnswer::from(trial)))
}

async fn host_key(
    connections: Connections,
    permit: Permit<ManageConnections>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let HostKeyBody { host, port, via } = call.json_up_to(LARGEST_BODY).await?;
    let via = via.into_iter().map(Into::into).collect();
    let found = connections.host_key_of(&permit, &host, port.unwrap_or(22), via, call.occasion()).await?;
    Ok(Answer::json(&HostKeyAnswer::from(found)))
}

async fn confirm(
    connections: Connections,
    permit: Permit<ConfirmHostKey>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let id = call.path("connection_id")?;
    let ConfirmBody { hop, host_key } = call.json().await?;
    let confirmed = connections.confirm_host_key(&permit, id, hop, &host_key, call.occasion()).await?;
    Ok(Answer::json(&ConnectionAnswer::from(confirmed)))
}

async fn schema(
    connections: Connections,
    permit: Permit<ReadDatabaseSchema>,
    call: Call,
) -> Result<Answer, Problem> {
    let afresh = match call.query("afresh")?.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Problem::invalid("invalid_query", "afresh is true or false.")),
    };
    match connections.schema(&permit, call.path("connection_id")?, afresh).await {
        Ok(schema) => Ok(Answer::json(&SchemaAnswer::read(&schema))),
        Err(ConnectionError::Query(QueryError::Connect(error))) => {
            Ok(Answer::json(&SchemaAnswer::failed(error)))
        }
        Err(error) => Err(error.into()),
    }
}

async fn examine(
    connections: Connections,
    permit: Permit<ProveReadOnly>,
    call: Call,
) -> Result<Answer, Problem> {
    match connections.prove_read_only(&permit, call.path("connection_id")?, call.occasion()).await {
        Ok(signed) => Ok(Answer::json(&ExaminationAnswer::made(&signed))),
        Err(ConnectionError::Query(QueryError::Connect(error))) => {
            Ok(Answer::json(&ExaminationAnswer::failed(error)))
        }
        Err(error) => Err(error.into()),
    }
}
