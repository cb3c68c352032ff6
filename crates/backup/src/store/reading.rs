//! Reading all that there is, in one state of the store.

use futures_util::StreamExt as _;
use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseBackend, DatabaseConnection, DatabaseTransaction, DbErr,
    IsolationLevel, QueryResult, Statement, StreamTrait as _, TransactionTrait as _,
};
use time::OffsetDateTime;

use super::{failed, quoted};
use crate::BackupError;
use crate::schema::{Column, Schema, Table};
use crate::value::{Kind, Value};

/// A transaction that sees one state of the store, whatever others write meanwhile, and writes nothing.
pub async fn snapshot(database: &DatabaseConnection) -> Result<DatabaseTransaction, BackupError> {
    let transaction = match database.get_database_backend() {
        DatabaseBackend::Postgres => {
            let level = Some(IsolationLevel::RepeatableRead);
            database.begin_with_config(level, Some(AccessMode::ReadOnly)).await
        }
        // A read transaction sees what was committed when it first read (<https://www.sqlite.org/isolation.html>).
        _ => database.begin().await,
    };
    transaction.map_err(failed)
}

/// Hands out every row of a table, in the order of its primary key, as it is written and hashed.
pub async fn each_row(
    transaction: &DatabaseTransaction,
    table: &Table,
    mut each: impl FnMut(&[u8]) -> Result<(), BackupError>,
) -> Result<(), BackupError> {
    let backend = kind_of(transaction);
    let statement = Statement::from_string(backend, select(backend, table));
    let mut rows = transaction.stream_raw(statement).await.map_err(failed)?;
    let mut written = Vec::new();
    while let Some(row) = rows.next().await {
        let row = row.map_err(failed)?;
        written.clear();
        for (at, column) in table.columns.iter().enumerate() {
            let unreadable =
                |source| BackupError::Row { table: table.name.clone(), column: column.name.clone(), source };
            value(&row, at, column.kind).map_err(unreadable)?.write(&mut written);
        }
        each(&written)?;
    }
    Ok(())
}

/// Two traits say it.
fn kind_of(transaction: &DatabaseTransaction) -> DatabaseBackend {
    ConnectionTrait::get_database_backend(transaction)
}

fn select(backend: DatabaseBackend, table: &Table) -> String {
    let is_postgres = backend == DatabaseBackend::Postgres;
    let columns = table.columns.iter().map(|column| match column.kind {
        // Some are declared with four bytes.
        Kind::Integer if is_postgres => format!("CAST({} AS BIGINT)", quoted(&column.name)),
        _ => quoted(&column.name),
    });
    let key = table.key.iter().map(|column: &Column| match column.kind {
        // By bytes, as SQLite does, and not as some language sorts.
        Kind::Text if is_postgres => format!("{} COLLATE \"C\"", quoted(&column.name)),
        _ => quoted(&column.name),
    });
    format!(
        "SELECT {} FROM {} ORDER BY {}",
        columns.collect::<Vec<_>>().join(", "),
        quoted(&table.name),
        key.collect::<Vec<_>>().join(", ")
    )
}

fn value(row: &QueryResult, at: usize, kind: Kind) -> Result<Value, DbErr> {
    let found = match kind {
        Kind::Text => row.try_get_by_index::<Option<String>>(at)?.map(Value::Text),
        Kind::Integer => row.try_get_by_index::<Option<i64>>(at)?.map(Value::Integer),
        Kind::Boolean => row.try_get_by_index::<Option<bool>>(at)?.map(Value::Boolean),
        Kind::Bytes => row.try_get_by_index::<Option<Vec<u8>>>(at)?.map(Value::Bytes),
        Kind::Instant => row.try_get_by_index::<Option<OffsetDateTime>>(at)?.map(Value::of_instant),
    };
    Ok(found.unwrap_or(Value::Null))
}

/// The migrations that were applied to the store.
pub async fn migrations_of(transaction: &DatabaseTransaction) -> Result<Vec<String>, BackupError> {
    migrations::applied(transaction).await.map_err(failed)
}

/// Tables that the store has beside those of the schema.
pub async fn strangers(
    transaction: &DatabaseTransaction,
    schema: &Schema,
) -> Result<Vec<String>, BackupError> {
    let backend = kind_of(transaction);
    let sql = match backend {
        DatabaseBackend::Postgres => {
            "SELECT table_name AS name FROM information_schema.tables \
             WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' ORDER BY 1"
        }
        _ => {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY 1"
        }
    };
    let rows = transaction.query_all_raw(Statement::from_string(backend, sql)).await.map_err(failed)?;
    let mut strangers = Vec::new();
    for row in rows {
        let name: String = row.try_get("", "name").map_err(failed)?;
        let is_known = schema.tables.iter().any(|table| table.name == name);
        if !is_known && migrations::is_kept(&name) {
            strangers.push(name);
        }
    }
    Ok(strangers)
}

/// A table of the schema that is there and has rows.
pub async fn with_rows(
    transaction: &DatabaseTransaction,
    schema: &Schema,
) -> Result<Option<String>, BackupError> {
    let backend = kind_of(transaction);
    for table in &schema.tables {
        if !migrations::has_table(transaction, &table.name).await.map_err(failed)? {
            continue;
        }
        let sql = format!("SELECT 1 FROM {} LIMIT 1", quoted(&table.name));
        let row = transaction.query_one_raw(Statement::from_string(backend, sql)).await.map_err(failed)?;
        if row.is_some() {
            return Ok(Some(table.name.clone()));
        }
    }
    Ok(None)
}
