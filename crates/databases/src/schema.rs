//! What is in a database.

mod assembly;
pub(crate) mod mysql;
pub(crate) mod postgresql;

use serde::Serialize;

/// The tables that the connection's user may read, in the order of their names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Schema {
    /// Tables and views.
    pub tables: Vec<Table>,
    /// Whether there are more than are listed.
    pub truncated: bool,
}

/// A table or view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Table {
    /// The schema it is in; in MySQL, the database.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// `table`, `partitioned table`, `view`, `materialized view`, `foreign table`.
    pub kind: String,
    /// Its columns, in their order.
    pub columns: Vec<Column>,
    /// The columns of its primary key, in their order.
    pub primary_key: Vec<String>,
    /// What refers to other tables.
    pub foreign_keys: Vec<ForeignKey>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, as the database prints it.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Whether it may be NULL.
    pub nullable: bool,
}

/// Columns that refer to another table's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ForeignKey {
    /// Here.
    pub columns: Vec<String>,
    /// The other table's schema.
    pub to_schema: String,
    /// The other table.
    pub to_table: String,
    /// There, in the same order.
    pub to_columns: Vec<String>,
}
