//! The single row that remembers whether the platform was set up.

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use time::OffsetDateTime;

use super::tables::set_up;
use crate::OrganizationError;

const ROW: i32 = 1;

/// Whether a set-up code was issued and not used.
pub async fn is_pending(connection: &impl ConnectionTrait) -> Result<bool, OrganizationError> {
    let row = set_up::Entity::find_by_id(ROW).one(connection).await.map_err(OrganizationError::Store)?;
    Ok(row.is_some_and(|row| row.completed_at.is_none()))
}

/// Whether the platform was set up with a code.
pub async fn is_complete(connection: &impl ConnectionTrait) -> Result<bool, OrganizationError> {
    let row = set_up::Entity::find_by_id(ROW).one(connection).await.map_err(OrganizationError::Store)?;
    Ok(row.is_some_and(|row| row.completed_at.is_some()))
}

/// Keeps the hash of a new code; the one before stops holding.
pub async fn replace(
    transaction: &impl ConnectionTrait,
    code_hash: Vec<u8>,
    at: OffsetDateTime,
) -> Result<(), OrganizationError> {
    let row = set_up::ActiveModel {
        id: Set(ROW),
        code_hash: Set(code_hash),
        created_at: Set(at),
        completed_at: Set(None),
    };
    set_up::Entity::insert(row)
        .on_conflict(
            OnConflict::column(set_up::Column::Id)
                .update_columns([set_up::Column::CodeHash, set_up::Column::CreatedAt])
                .to_owned(),
        )
        .exec_without_returning(transaction)
        .await
        .map_err(OrganizationError::Store)?;
    Ok(())
}

/// Uses the code up. Only one of two attempts gets `true`.
pub async fn complete(
    transaction: &impl ConnectionTrait,
    code_hash: Vec<u8>,
    at: OffsetDateTime,
) -> Result<bool, OrganizationError> {
    let updated = set_up::Entity::update_many()
        .col_expr(set_up::Column::CompletedAt, Expr::value(at))
        .filter(set_up::Column::Id.eq(ROW))
        .filter(set_up::Column::CompletedAt.is_null())
        .filter(set_up::Column::CodeHash.eq(code_hash))
        .exec(transaction)
        .await
        .map_err(OrganizationError::Store)?;
    Ok(updated.rows_affected == 1)
}
