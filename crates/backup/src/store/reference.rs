//! The schema that the migrations make: what a store has to have, whichever kind it is.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait as _, DatabaseConnection, QueryResult, Statement, TransactionTrait as _};

use super::failed;
use crate::BackupError;
use crate::schema::{Column, Schema, Table};
use crate::value::Kind;

/// The schema after the first `number` migrations.
pub async fn schema(number: usize) -> Result<Schema, BackupError> {
    let store = migrations::in_memory().await.map_err(failed)?;
    let transaction = store.begin().await.map_err(failed)?;
    migrations::migrate_to(&transaction, number).await.map_err(failed)?;
    transaction.commit().await.map_err(failed)?;
    let mut tables = Vec::new();
    for row in query(&store, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name", &[]).await?
    {
        let name: String = row.try_get("", "name").map_err(failed)?;
        if !name.starts_with("sqlite_") && migrations::is_kept(&name) {
            tables.push((table(&store, &name).await?, referred(&store, &name).await?));
        }
    }
    let migrations = migrations::applied(&store).await.map_err(failed)?;
    store.close().await.map_err(failed)?;
    Schema::in_order(migrations, tables)
}

async fn table(store: &DatabaseConnection, name: &str) -> Result<Table, BackupError> {
    let mut columns = Vec::new();
    let mut key = BTreeMap::new();
    for row in query(store, "SELECT name, type, pk FROM pragma_table_info($1) ORDER BY name", &[name]).await?
    {
        let declared: String = row.try_get("", "type").map_err(failed)?;
        let column = Column {
            name: row.try_get("", "name").map_err(failed)?,
            kind: Kind::of_declared(&declared).ok_or_else(|| {
                BackupError::Contradicts(format!("table {name} has a column of an unknown type, {declared}"))
            })?,
        };
        let place: i64 = row.try_get("", "pk").map_err(failed)?;
        if place > 0 {
            key.insert(place, column.clone());
        }
        columns.push(column);
    }
    // Without one, rows would have no order that two stores have in common.
    let key: Vec<_> = key.into_values().collect();
    if key.is_empty() || key.iter().any(|column| column.kind == Kind::Instant) {
        return Err(BackupError::Contradicts(format!(
            "table {name} has no primary key to order its rows by"
        )));
    }
    Ok(Table { name: name.to_owned(), columns, key })
}

async fn referred(store: &DatabaseConnection, name: &str) -> Result<Vec<String>, BackupError> {
    let sql = "SELECT DISTINCT \"table\" AS name FROM pragma_foreign_key_list($1)";
    let rows = query(store, sql, &[name]).await?;
    rows.iter().map(|row| row.try_get("", "name").map_err(failed)).collect()
}

async fn query(
    store: &DatabaseConnection,
    sql: &str,
    values: &[&str],
) -> Result<Vec<QueryResult>, BackupError> {
    let values = values.iter().map(|value| (*value).into());
    let statement = Statement::from_sql_and_values(store.get_database_backend(), sql, values);
    store.query_all_raw(statement).await.map_err(failed)
}
