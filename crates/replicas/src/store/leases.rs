//! The table of leases. Times are the store's: no process's clock counts.

use std::time::Duration;

use ids::ReplicaId;
use sea_orm::{ConnectionTrait, DatabaseBackend, DbErr, Statement};

/// Takes a lease, or keeps it, unless another process has it. Answers its fence, which grows whenever the lease
/// changes hands.
pub async fn take(
    connection: &impl ConnectionTrait,
    task: &str,
    holder: ReplicaId,
    life: Duration,
) -> Result<Option<i64>, DbErr> {
    let sql = "INSERT INTO leases AS l (task, holder, fence, held_until) \
               VALUES ($1, $2, 1, clock_timestamp() + $3 * interval '1 second') \
               ON CONFLICT (task) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until, \
               fence = CASE WHEN l.holder = excluded.holder THEN l.fence ELSE l.fence + 1 END \
               WHERE l.holder = excluded.holder OR l.held_until < clock_timestamp() RETURNING fence";
    let values = [task.into(), holder.to_string().into(), life.as_secs_f64().into()];
    let row =
        connection.query_one_raw(Statement::from_sql_and_values(DatabaseBackend::Postgres, sql, values));
    row.await?.map(|row| row.try_get("", "fence")).transpose()
}

/// Whether the lease still has this fence. It cannot be taken before the transaction ends.
pub async fn holds(connection: &impl ConnectionTrait, task: &str, fence: i64) -> Result<bool, DbErr> {
    let sql = "SELECT 1 AS one FROM leases WHERE task = $1 AND fence = $2 FOR SHARE";
    let values = [task.into(), fence.into()];
    let row =
        connection.query_one_raw(Statement::from_sql_and_values(DatabaseBackend::Postgres, sql, values));
    Ok(row.await?.is_some())
}

/// Gives a lease back before its time.
pub async fn give_back(
    connection: &impl ConnectionTrait,
    task: &str,
    holder: ReplicaId,
) -> Result<(), DbErr> {
    let sql = "UPDATE leases SET held_until = clock_timestamp() WHERE task = $1 AND holder = $2";
    let values = [task.into(), holder.to_string().into()];
    connection
        .execute_raw(Statement::from_sql_and_values(DatabaseBackend::Postgres, sql, values))
        .await
        .map(drop)
}
