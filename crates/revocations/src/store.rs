//! What processes say they did. On PostgreSQL only; deleted with the announcement that it belongs to.

use ids::ReplicaId;
use sea_orm::{ConnectionTrait, DatabaseBackend, DbErr, FromQueryResult, Statement};

use crate::Effect;

#[derive(FromQueryResult)]
struct Row {
    replica: String,
    effect: String,
}

/// Says what this process did when it followed an announcement.
pub async fn say(
    connection: &impl ConnectionTrait,
    sequence: i64,
    replica: ReplicaId,
    effect: &Effect,
) -> Result<(), DbErr> {
    let sql = "INSERT INTO announcement_effects (sequence, replica, effect) VALUES ($1, $2, $3) \
               ON CONFLICT DO NOTHING";
    let effect = serde_json::to_string(effect).map_err(|error| DbErr::Custom(error.to_string()))?;
    let values = [sequence.into(), replica.to_string().into(), effect.into()];
    let statement = Statement::from_sql_and_values(DatabaseBackend::Postgres, sql, values);
    connection.execute_raw(statement).await.map(drop)
}

/// What processes have said. One that says it in another way, a later version, has said nothing.
pub async fn said(
    connection: &impl ConnectionTrait,
    sequence: i64,
) -> Result<Vec<(ReplicaId, Effect)>, DbErr> {
    let sql = "SELECT replica, effect FROM announcement_effects WHERE sequence = $1";
    let statement = Statement::from_sql_and_values(DatabaseBackend::Postgres, sql, [sequence.into()]);
    let rows = Row::find_by_statement(statement).all(connection).await?;
    let read = |row: Row| Some((row.replica.parse().ok()?, serde_json::from_str(&row.effect).ok()?));
    Ok(rows.into_iter().filter_map(read).collect())
}
