//! The saved queries of an app: what there are, making and changing them, trying one.

mod answer;
mod editing;
mod filled;
mod form;
mod listing;
mod running;
mod value;

use access_control::{ListConnections, ListDataQueries, Permit, ReadApp, SignedIn};
use apps::App;
use data_gateway::{Connection, DataQuery};
use endpoint::{Call, Problem};
use ids::{AppId, DataQueryId};
use schemars::JsonSchema;

use crate::Console;

pub(crate) use editing::{change, create, delete, edit, new};
pub(crate) use listing::show as list;
pub(crate) use running::{run, show};

/// The most connections that a form offers.
const MOST_OFFERED: usize = 1000;

/// A saved query. Of each parameter there are `parameter_0_name`, `parameter_0_type`, `parameter_0_required`,
/// `parameter_0_default`, and so on.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a description")]
pub(crate) struct DataQueryFields {
    name: String,
    connection_id: String,
    sql: String,
    timeout: u32,
    from_pages: Option<String>,
    version: Option<i64>,
    parameter_0_name: Option<String>,
    parameter_0_type: Option<String>,
    parameter_0_required: Option<String>,
    parameter_0_default: Option<String>,
}

/// Values of parameters: `value_` and the name of each.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a description")]
pub(crate) struct ValueFields {
    value_name: Option<String>,
}

/// The path of the list.
fn base(app: AppId) -> String {
    format!("/apps/{app}/data-queries")
}

/// An app, and the connections that it may use as far as the person may see them.
struct Around {
    app: App,
    /// None, if the person sees no connections of the organization.
    connections: Option<Vec<Connection>>,
}

impl Around {
    async fn read(console: &Console, actor: &SignedIn, app: AppId, call: &Call) -> Result<Self, Problem> {
        let app = console.apps.read(&console.permit::<ReadApp>(actor, app, call.now())?).await?;
        let connections = match console.permit::<ListConnections>(actor, app.organization, call.now()) {
            Ok(permit) => {
                let all = console.connections.list(&permit, None, MOST_OFFERED, call.now()).await?;
                Some(all.into_iter().filter(|one| one.definition.usable_by.includes(app.id)).collect())
            }
            Err(_) => None,
        };
        Ok(Self { app, connections })
    }

    /// The name of a connection; its identifier, if the person does not see it.
    fn connection(&self, query: &DataQuery) -> String {
        let id = query.definition.connection;
        let known = self.connections.iter().flatten().find(|connection| connection.id == id);
        known.map_or_else(|| id.to_string(), |connection| connection.definition.name.to_string())
    }
}

/// The saved query that the path names.
async fn find(
    console: &Console,
    permit: &Permit<ListDataQueries>,
    call: &Call,
) -> Result<DataQuery, Problem> {
    let id: DataQueryId = call.path("data_query_id")?;
    Ok(console.data_queries.find(permit, id).await?)
}
