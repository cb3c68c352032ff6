//! What is in a MySQL or MariaDB server, from its `information_schema`, which shows what the user has rights on.

use super::assembly::{Assembly, MOST_COLUMNS, MOST_TABLES, fields, grouped};
use crate::text_session::{TextRow, TextSession};
use crate::{Column, QueryError, Schema};

/// How the catalogue refers to a table.
type Key = [String; 2];

/// Databases of the server itself.
const NOT_SYSTEM: &str = "NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys', 'INFORMATION_SCHEMA', 'PERFORMANCE_SCHEMA')";

/// Reads the schema: of all databases of the server that the user may see, as statements may name any of them.
///
/// # Errors
/// The session breaks, or the catalogue is a strange one.
pub(crate) async fn read(session: &mut dyn TextSession) -> Result<Schema, QueryError> {
    let rows = session.rows(&tables()).await?;
    let mut assembly = Assembly::new(rows.into_iter().map(table).collect::<Result<_, _>>()?);
    let rows = session.rows(&columns()).await?;
    assembly.columns(rows.into_iter().map(column).collect::<Result<_, _>>()?);
    let mut primary = Vec::<(Key, Vec<String>)>::new();
    for row in session.rows(&primary_keys()).await? {
        let [schema, table, column] = fields(row)?;
        let key = [schema, table];
        match primary.last_mut() {
            Some((last, columns)) if *last == key => columns.push(column),
            _ => primary.push((key, vec![column])),
        }
    }
    for (key, columns) in primary {
        assembly.primary_key(&key, &columns);
    }
    let rows = session.rows(&foreign_keys()).await?.into_iter().map(reference);
    for reference in grouped(rows.collect::<Result<_, _>>()?) {
        assembly.foreign_key(&reference);
    }
    Ok(assembly.finish())
}

// Names are compared by their bytes: with the catalogue's own collation, `a` and `A` would be one.

fn tables() -> String {
    format!(
        "SELECT CONVERT(TABLE_SCHEMA USING utf8mb4), CONVERT(TABLE_NAME USING utf8mb4), \
           CONVERT(TABLE_TYPE USING utf8mb4) \
         FROM information_schema.TABLES WHERE TABLE_SCHEMA {NOT_SYSTEM} \
         ORDER BY CAST(TABLE_SCHEMA AS BINARY), CAST(TABLE_NAME AS BINARY) LIMIT {}",
        MOST_TABLES + 1
    )
}

fn columns() -> String {
    format!(
        "SELECT CONVERT(TABLE_SCHEMA USING utf8mb4), CONVERT(TABLE_NAME USING utf8mb4), \
           CONVERT(COLUMN_NAME USING utf8mb4), CONVERT(COLUMN_TYPE USING utf8mb4), CONVERT(IS_NULLABLE USING utf8mb4) \
         FROM information_schema.COLUMNS WHERE TABLE_SCHEMA {NOT_SYSTEM} \
         ORDER BY CAST(TABLE_SCHEMA AS BINARY), CAST(TABLE_NAME AS BINARY), ORDINAL_POSITION LIMIT {}",
        MOST_COLUMNS + 1
    )
}

fn primary_keys() -> String {
    format!(
        "SELECT CONVERT(TABLE_SCHEMA USING utf8mb4), CONVERT(TABLE_NAME USING utf8mb4), \
           CONVERT(COLUMN_NAME USING utf8mb4) \
         FROM information_schema.KEY_COLUMN_USAGE \
         WHERE CONSTRAINT_NAME = 'PRIMARY' AND TABLE_SCHEMA {NOT_SYSTEM} \
         ORDER BY CAST(TABLE_SCHEMA AS BINARY), CAST(TABLE_NAME AS BINARY), ORDINAL_POSITION LIMIT {MOST_COLUMNS}"
    )
}

fn foreign_keys() -> String {
    format!(
        "SELECT CONVERT(CONSTRAINT_NAME USING utf8mb4), CONVERT(TABLE_SCHEMA USING utf8mb4), \
           CONVERT(TABLE_NAME USING utf8mb4), CONVERT(COLUMN_NAME USING utf8mb4), \
           CONVERT(REFERENCED_TABLE_SCHEMA USING utf8mb4), CONVERT(REFERENCED_TABLE_NAME USING utf8mb4), \
           CONVERT(REFERENCED_COLUMN_NAME USING utf8mb4) \
         FROM information_schema.KEY_COLUMN_USAGE \
         WHERE REFERENCED_TABLE_NAME IS NOT NULL AND TABLE_SCHEMA {NOT_SYSTEM} \
         ORDER BY CAST(TABLE_SCHEMA AS BINARY), CAST(TABLE_NAME AS BINARY), CAST(CONSTRAINT_NAME AS BINARY), \
           ORDINAL_POSITION LIMIT {MOST_COLUMNS}"
    )
}

fn table(row: TextRow) -> Result<(Key, [String; 3]), QueryError> {
    let [schema, name, kind] = fields(row)?;
    let kind = if kind.ends_with("VIEW") { "view" } else { "table" };
    Ok(([schema.clone(), name.clone()], [schema, name, kind.to_owned()]))
}

fn column(row: TextRow) -> Result<(Key, String, Column), QueryError> {
    let [schema, table, name, type_name, nullable] = fields(row)?;
    Ok(([schema, table], name.clone(), Column { name, type_name, nullable: nullable == "YES" }))
}

/// Constraints have names of their own within a database.
fn reference(row: TextRow) -> Result<([String; 2], Key, String, Key, String), QueryError> {
    let [name, schema, table, column, to_schema, to_table, to_column] = fields(row)?;
    Ok(([schema.clone(), name], [schema, table], column, [to_schema, to_table], to_column))
}
