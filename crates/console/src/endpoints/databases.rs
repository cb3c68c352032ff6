//! Where the pages about databases and saved queries are, and their forms.

use std::sync::Arc;

use access_control::{
    ConfirmHostKey, ListConnections, ListDataQueries, ListQueryRecords, ManageConnections, ManageDataQueries,
    ProveReadOnly, ReadDatabaseSchema, TryDataQuery,
};
use endpoint::http::StatusCode;
use endpoint::{Endpoint, PagingParameters};

use crate::Console;
use crate::pages::data_queries::{self, DataQueryFields, ValueFields};
use crate::pages::databases::{self, ConnectionFields, HostKeyFields, SchemaParameters};
use crate::pages::query_records::{self, RecordParameters};

/// What is refused is shown on the page again.
const REFUSED: &[StatusCode] = &[StatusCode::CONFLICT];
/// What a database is asked can be refused on the way there, too.
const REFUSED_ON_THE_WAY: &[StatusCode] = &[
    StatusCode::CONFLICT,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::UNPROCESSABLE_ENTITY,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::BAD_GATEWAY,
    StatusCode::GATEWAY_TIMEOUT,
];

pub(super) fn endpoints(console: &Arc<Console>) -> Vec<Endpoint> {
    let mut all = connections(console);
    all.extend(one_connection(console));
    all.extend(inside(console));
    all.extend(saved_queries(console));
    all.extend(one_saved_query(console));
    all
}

/// The list, the form of a new one, and what queries were run.
fn connections(console: &Arc<Console>) -> Vec<Endpoint> {
    const ALL: &str = "/organizations/{organization_id}/databases";
    let console = || Arc::clone(console);
    vec![
        Endpoint::get(ALL, "show_databases")
            .page()
            .requires::<ListConnections>()
            .query::<PagingParameters>()
            .gives_page()
            .answers(console(), databases::list),
        Endpoint::get("/organizations/{organization_id}/new-database", "show_new_database")
            .page()
            .requires::<ManageConnections>()
            .gives_page()
            .answers(console(), databases::new),
        Endpoint::post(ALL, "create_database_by_form")
            .requires::<ManageConnections>()
            .takes_form::<ConnectionFields>()
            .leads_elsewhere(StatusCode::SEE_OTHER)
            .refuses(REFUSED)
            .answers(console(), databases::create),
        Endpoint::post("/organizations/{organization_id}/database-host-keys", "read_ssh_host_key_by_form")
            .requires::<ManageConnections>()
            .takes_form::<ConnectionFields>()
            .gives_page()
            .refuses(REFUSED)
            .answers(console(), databases::ask),
        Endpoint::get("/organizations/{organization_id}/queries", "show_query_records")
            .page()
            .requires::<ListQueryRecords>()
            .query::<RecordParameters>()
            .gives_page()
            .answers(console(), query_records::show),
    ]
}

/// One connection.
fn one_connection(console: &Arc<Console>) -> Vec<Endpoint> {
    const ONE: &str = "/organizations/{organization_id}/databases/{connection_id}";
    const EDIT: &str = "/organizations/{organization_id}/databases/{connection_id}/edit";
    let console = || Arc::clone(console);
    vec![
        Endpoint::get(ONE, "show_database")
            .page()
            .requires::<ListConnections>()
            .gives_page()
            .answers(console(), databases::show),
        Endpoint::get(EDIT, "show_database_form")
            .page()
            .requires::<ManageConnections>()
            .gives_page()
            .answers(console(), databases::edit),
        Endpoint::post(EDIT, "replace_database_by_form")
            .requires::<ManageConnections>()
            .takes_form::<ConnectionFields>()
            .leads_elsewhere(StatusCode::SEE_OTHER)
            .refuses(REFUSED)
            .answers(console(), databases::change),
        Endpoint::post(
            "/organizations/{organization_id}/databases/{connection_id}/delete",
            "delete_database_by_form",
        )
        .requires::<ManageConnections>()
        .leads_elsewhere(StatusCode::SEE_OTHER)
        .answers(console(), databases::delete),
        Endpoint::post(
            "/organizations/{organization_id}/databases/{connection_id}/test",
            "test_database_by_form",
        )
        .requires::<ManageConnections>()
        .gives_page()
        .refuses(REFUSED)
        .answers(console(), databases::test),
        Endpoint::post(
            "/organizations/{organization_id}/databases/{connection_id}/host-key",
            "confirm_ssh_host_key_by_form",
        )
        .requires::<ConfirmHostKey>()
        .takes_form::<HostKeyFields>()
        .leads_elsewhere(StatusCode::SEE_OTHER)
        .refuses(REFUSED)
        .answers(console(), databases::confirm),
    ]
}

/// What is in a database, and whether anything can be written there.
fn inside(console: &Arc<Console>) -> Vec<Endpoint> {
    const READ_ONLY: &str = "/organizations/{organization_id}/databases/{connection_id}/read-only";
    let console = || Arc::clone(console);
    vec![
        Endpoint::get(
            "/organizations/{organization_id}/databases/{connection_id}/schema",
            "show_database_schema",
        )
        .page()
        .requires::<ReadDatabaseSchema>()
        .query::<SchemaParameters>()
        .gives_page()
        .refuses(REFUSED_ON_THE_WAY)
        .answers(console(), databases::show_schema),
        Endpoint::get(READ_ONLY, "show_read_only_examination")
            .page()
            .requires::<ProveReadOnly>()
            .gives_page()
            .answers(console(), databases::show_examination),
        Endpoint::post(READ_ONLY, "examine_read_only_by_form")
            .requires::<ProveReadOnly>()
            .gives_page()
            .refuses(REFUSED_ON_THE_WAY)
            .answers(console(), databases::examine),
    ]
}

/// The saved queries of an app.
fn saved_queries(console: &Arc<Console>) -> Vec<Endpoint> {
    const ALL: &str = "/apps/{app_id}/data-queries";
    let console = || Arc::clone(console);
    vec![
        Endpoint::get(ALL, "show_data_queries")
            .page()
            .requires::<ListDataQueries>()
            .query::<PagingParameters>()
            .gives_page()
            .answers(console(), data_queries::list),
        Endpoint::get("/apps/{app_id}/new-data-query", "show_new_data_query")
            .page()
            .requires::<ManageDataQueries>()
            .gives_page()
            .answers(console(), data_queries::new),
        Endpoint::post(ALL, "create_data_query_by_form")
            .requires::<ManageDataQueries>()
            .takes_form::<DataQueryFields>()
            .leads_elsewhere(StatusCode::SEE_OTHER)
            .refuses(REFUSED_ON_THE_WAY)
            .answers(console(), data_queries::create),
    ]
}

/// One of them.
fn one_saved_query(console: &Arc<Console>) -> Vec<Endpoint> {
    const EDIT: &str = "/apps/{app_id}/data-queries/{data_query_id}/edit";
    let console = || Arc::clone(console);
    vec![
        Endpoint::get("/apps/{app_id}/data-queries/{data_query_id}", "show_data_query")
            .page()
            .requires::<ListDataQueries>()
            .gives_page()
            .answers(console(), data_queries::show),
        Endpoint::get(EDIT, "show_data_query_form")
            .page()
            .requires::<ManageDataQueries>()
            .gives_page()
            .answers(console(), data_queries::edit),
        Endpoint::post(EDIT, "replace_data_query_by_form")
            .requires::<ManageDataQueries>()
            .takes_form::<DataQueryFields>()
            .leads_elsewhere(StatusCode::SEE_OTHER)
            .refuses(REFUSED_ON_THE_WAY)
            .answers(console(), data_queries::change),
        Endpoint::post("/apps/{app_id}/data-queries/{data_query_id}/delete", "delete_data_query_by_form")
            .requires::<ManageDataQueries>()
            .leads_elsewhere(StatusCode::SEE_OTHER)
            .answers(console(), data_queries::delete),
        Endpoint::post("/apps/{app_id}/data-queries/{data_query_id}/run", "run_data_query_by_form")
            .requires::<TryDataQuery>()
            .takes_form::<ValueFields>()
            .gives_page()
            .refuses(REFUSED_ON_THE_WAY)
            .answers(console(), data_queries::run),
    ]
}
