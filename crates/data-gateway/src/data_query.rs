//! Saved queries of apps.

use ids::{AppId, ConnectionId, DataQueryId, Name, OrganizationId, UserId};
use time::OffsetDateTime;

use crate::data_query_parameter::Parameter;

/// A saved query.
#[derive(Clone, Debug, PartialEq)]
pub struct DataQuery {
    /// Its identifier.
    pub id: DataQueryId,
    /// The organization of its app.
    pub organization: OrganizationId,
    /// Whose it is.
    pub app: AppId,
    /// What it is.
    pub definition: DataQueryDefinition,
    /// `select`, `insert`, …, as the guard understood it when it was written.
    pub kind: String,
    /// What statements of one shape have in common.
    pub fingerprint: String,
    /// How often it was written.
    pub version: i64,
    /// Who made it.
    pub created_by: UserId,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// Who changed it last.
    pub updated_by: UserId,
    /// When it was changed last.
    pub updated_at: OffsetDateTime,
}

/// What makes a saved query what it is.
#[derive(Clone, Debug, PartialEq)]
pub struct DataQueryDefinition {
    /// Its name, once in the app; the app runs it by this.
    pub name: Name,
    /// The connection that it runs on.
    pub connection: ConnectionId,
    /// The statement, with `:name` for each parameter, whatever the database.
    pub sql: String,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// How long it may run, in milliseconds.
    pub timeout: u32,
    /// Whether pages of the app may run it, and so everybody who may open the app, with parameters of their choice.
    pub from_pages: bool,
}
