//! The connections of an organization to databases, and what can be done about each. No page shows a password or a private
//! key, and none puts one back that a form brought.

mod editing;
mod examination;
mod filled;
mod form;
mod host_keys;
mod listing;
mod one;
mod schema;
mod trial;

use access_control::{ListConnections, Permit, ReadOrganization, SignedIn};
use data_gateway::{Connection, ConnectionError};
use databases::QueryError;
use endpoint::http::StatusCode;
use endpoint::{Call, Problem, sentence};
use ids::{ConnectionId, OrganizationId};
use maud::{Markup, html};
use organizations::Organization;
use schemars::JsonSchema;

use crate::Console;

pub(crate) use editing::{change, create, delete, edit, new};
pub(crate) use examination::{examine, show as show_examination};
pub(crate) use host_keys::{ask, confirm};
pub(crate) use listing::show as list;
pub(crate) use one::show;
pub(crate) use schema::{SchemaParameters, show as show_schema};
pub(crate) use trial::test;

/// A connection. Of each of at most four SSH servers on the way there are `hop_0_host`, `hop_0_port`, `hop_0_user`,
/// `hop_0_host_key`, `hop_0_private_key`, `hop_0_passphrase`, and so on.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a description")]
pub(crate) struct ConnectionFields {
    kind: String,
    app_id: Option<String>,
    name: String,
    engine: String,
    host: String,
    port: Option<u16>,
    database: String,
    user: String,
    password: Option<String>,
    tls: String,
    authorities: Option<String>,
    reason: Option<String>,
    read_only: Option<String>,
    most_rows: u64,
    most_bytes: u64,
    most_milliseconds: u32,
    most_sessions: u16,
    usable_by: String,
    app: Option<String>,
    connection_id: Option<String>,
    version: Option<i64>,
    ask: Option<u8>,
}

/// A host key that is right.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a description")]
pub(crate) struct HostKeyFields {
    hop: u8,
    host_key: String,
}

/// What a page says of a database that was asked and did not answer. That no session with it opens is no fault of the page.
fn unanswered(error: ConnectionError) -> (StatusCode, Markup) {
    let (status, said, code) = match error {
        ConnectionError::Query(QueryError::Connect(error)) => {
            (StatusCode::OK, sentence(&error), error.code())
        }
        error => {
            let problem = Problem::from(error);
            (problem.status(), problem.detail().to_owned(), problem.code())
        }
    };
    (status, html! { p.bad role="alert" id="problem" data-code=(code) { (said) } })
}

/// The path of the list.
fn base(organization: OrganizationId) -> String {
    format!("/organizations/{organization}/databases")
}

/// A connection and its organization, as the person may see them.
struct Known {
    permit: Permit<ListConnections>,
    organization: Organization,
    connection: Connection,
}

impl Known {
    /// The connection that the path names.
    async fn read(
        console: &Console,
        actor: &SignedIn,
        organization: OrganizationId,
        call: &Call,
    ) -> Result<Self, Problem> {
        let id: ConnectionId = call.path("connection_id")?;
        let permit = console.permit::<ListConnections>(actor, organization, call.now())?;
        let connection = console.connections.find(&permit, id, call.now()).await?;
        let organization = console.organizations.read(&permit.also::<ReadOrganization>()?).await?;
        Ok(Self { permit, organization, connection })
    }

    /// The path of its page.
    fn path(&self) -> String {
        format!("{}/{}", base(self.organization.id), self.connection.id)
    }

    fn name(&self) -> &str {
        self.connection.definition.name.as_str()
    }
}
