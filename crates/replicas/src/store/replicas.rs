//! The table of processes. Times are the store's.

use std::time::Duration;

use ids::ReplicaId;
use sea_orm::{ConnectionTrait, DatabaseBackend, DbErr, FromQueryResult, Statement};
use time::OffsetDateTime;

use crate::ListedReplica;

#[derive(FromQueryResult)]
struct Row {
    id: String,
    version: String,
    started_at: OffsetDateTime,
    silent_for: f64,
    followed: i64,
}

/// Writes a sign of life.
pub async fn seen(connection: &impl ConnectionTrait, id: ReplicaId, followed: i64) -> Result<(), DbErr> {
    let sql = "INSERT INTO replicas (id, version, started_at, seen_at, followed) \
               VALUES ($1, $2, clock_timestamp(), clock_timestamp(), $3) \
               ON CONFLICT (id) DO UPDATE SET seen_at = clock_timestamp(), followed = excluded.followed";
    let values = [id.to_string().into(), env!("CARGO_PKG_VERSION").into(), followed.into()];
    connection
        .execute_raw(Statement::from_sql_and_values(DatabaseBackend::Postgres, sql, values))
        .await
        .map(drop)
}

/// The processes that were heard of within so long.
pub async fn list(connection: &impl ConnectionTrait, within: Duration) -> Result<Vec<ListedReplica>, DbErr> {
    let sql = "SELECT id, version, started_at, followed, \
               EXTRACT(EPOCH FROM clock_timestamp() - seen_at)::float8 AS silent_for \
               FROM replicas WHERE seen_at > clock_timestamp() - $1 * interval '1 second' ORDER BY id";
    let statement =
        Statement::from_sql_and_values(DatabaseBackend::Postgres, sql, [within.as_secs_f64().into()]);
    let rows = Row::find_by_statement(statement).all(connection).await?;
    // A name that is none was not written by us.
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            Some(ListedReplica {
                id: row.id.parse().ok()?,
                version: row.version,
                started_at: row.started_at,
                silent_for: Duration::try_from_secs_f64(row.silent_for).unwrap_or_default(),
                followed: row.followed,
            })
        })
        .collect())
}

/// Forgets those that have not been heard of for a day.
pub async fn delete_silent(connection: &impl ConnectionTrait) -> Result<u64, DbErr> {
    let sql = "DELETE FROM replicas WHERE seen_at < clock_timestamp() - interval '1 day'";
    let statement = Statement::from_string(DatabaseBackend::Postgres, sql);
    Ok(connection.execute_raw(statement).await?.rows_affected())
}
