//! The clock of the store. Replicas whose own clocks differ agree on it.

use sea_orm::{DatabaseBackend, Statement};

use super::{ConnectionTrait, StoreError, failed};

/// Now, by the store's clock, in milliseconds since 1970; inside of a transaction, too.
pub async fn now(database: &impl ConnectionTrait) -> Result<i64, StoreError> {
    let backend = database.get_database_backend();
    let sql = format!("SELECT {} AS now", expression(backend));
    let row = database.query_one_raw(Statement::from_string(backend, sql)).await.map_err(failed)?;
    let row = row.ok_or(StoreError::Unreadable("clock"))?;
    row.try_get("", "now").map_err(failed)
}

/// The same as an expression, for statements that compare with it.
pub const fn expression(backend: DatabaseBackend) -> &'static str {
    match backend {
        // `now()` would be the instant at which the transaction began.
        DatabaseBackend::Postgres => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
        _ => "CAST(ROUND(unixepoch('subsec') * 1000) AS INTEGER)",
    }
}
