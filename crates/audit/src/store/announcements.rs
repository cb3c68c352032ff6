//! What processes tell each other: one numbered row for each change, in the order of their commits. On PostgreSQL
//! only: SQLite has one process.

use ids::ReplicaId;
use sea_orm::{ConnectionTrait, DatabaseBackend, DatabaseTransaction, DbErr, FromQueryResult, Statement};

use crate::Announcement;

/// A row as it is.
#[derive(Debug, FromQueryResult)]
pub struct Row {
    pub sequence: i64,
    pub replica: String,
    pub changes: String,
    /// Seconds since it was written, by the store's clock.
    pub age: f64,
}

/// The channel of `NOTIFY`. What is sent says only that there is something to read.
pub const CHANNEL: &str = "vybe_announcements";

/// Writes what a change is to others, and wakes them when it commits. The counter's row stays locked until then, so
/// numbers have no gaps and whoever sees one has seen, or can see, all before it: nothing may come between this and
/// the commit.
pub async fn announce(
    transaction: &DatabaseTransaction,
    replica: ReplicaId,
    announcements: &[Announcement],
) -> Result<i64, DbErr> {
    let sql = "WITH next AS (UPDATE announcement_counter SET sequence = sequence + 1 RETURNING sequence), \
               added AS (INSERT INTO announcements (sequence, at, replica, changes) \
               SELECT sequence, clock_timestamp(), $1, $2 FROM next RETURNING sequence) \
               SELECT sequence, pg_notify($3, '') FROM added";
    let changes = serde_json::to_string(announcements).map_err(|error| DbErr::Custom(error.to_string()))?;
    let values = [replica.to_string().into(), changes.into(), CHANNEL.into()];
    let statement = Statement::from_sql_and_values(DatabaseBackend::Postgres, sql, values);
    let row = transaction.query_one_raw(statement).await?;
    row.ok_or_else(|| DbErr::Custom("the counter of announcements is gone".to_owned()))?
        .try_get("", "sequence")
}

/// The number of the last one.
pub async fn last(connection: &impl ConnectionTrait) -> Result<i64, DbErr> {
    let sql = "SELECT sequence FROM announcement_counter";
    let row = connection.query_one_raw(Statement::from_string(DatabaseBackend::Postgres, sql)).await?;
    row.ok_or_else(|| DbErr::Custom("the counter of announcements is gone".to_owned()))?
        .try_get("", "sequence")
}

/// Those after a number, in order, at most so many.
pub async fn after(connection: &impl ConnectionTrait, sequence: i64, limit: i64) -> Result<Vec<Row>, DbErr> {
    let sql = "SELECT sequence, replica, changes, \
               EXTRACT(EPOCH FROM clock_timestamp() - at)::float8 AS age \
               FROM announcements WHERE sequence > $1 ORDER BY sequence LIMIT $2";
    let values = [sequence.into(), limit.into()];
    Row::find_by_statement(Statement::from_sql_and_values(DatabaseBackend::Postgres, sql, values))
        .all(connection)
        .await
}

/// Deletes those that are older. Whoever did not read them in time reads everything again.
pub async fn delete_older(connection: &impl ConnectionTrait, seconds: i64) -> Result<u64, DbErr> {
    let sql = "DELETE FROM announcements WHERE at < clock_timestamp() - $1 * interval '1 second'";
    let statement = Statement::from_sql_and_values(DatabaseBackend::Postgres, sql, [seconds.into()]);
    Ok(connection.execute_raw(statement).await?.rows_affected())
}
