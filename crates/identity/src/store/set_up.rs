//! The one row of the first set-up.

use sea_orm::entity::prelude::*;
use sea_orm::{ConnectionTrait, IntoActiveModel as _};
use time::OffsetDateTime;

use super::failed;
use crate::IdentityError;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "set_up")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    pub code_hash: Vec<u8>,
    pub created_at: OffsetDateTime,
    pub completed_at: Option<OffsetDateTime>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

const ROW: i32 = 1;

pub async fn read(connection: &impl ConnectionTrait) -> Result<Option<Model>, IdentityError> {
    Entity::find_by_id(ROW).one(connection).await.map_err(failed)
}

/// Starts over with another code.
pub async fn replace(
    connection: &impl ConnectionTrait,
    code_hash: Vec<u8>,
    created_at: OffsetDateTime,
) -> Result<(), IdentityError> {
    Entity::delete_by_id(ROW).exec(connection).await.map_err(failed)?;
    let row = Model { id: ROW, code_hash, created_at, completed_at: None };
    let row = row.into_active_model().reset_all();
    Entity::insert(row).exec_without_returning(connection).await.map_err(failed)?;
    Ok(())
}

/// Marks it completed. Of several that try, exactly one succeeds.
pub async fn complete(
    connection: &impl ConnectionTrait,
    code_hash: Vec<u8>,
    at: OffsetDateTime,
) -> Result<bool, IdentityError> {
    let changed = Entity::update_many()
        .col_expr(Column::CompletedAt, at.into())
        .filter(Column::Id.eq(ROW))
        .filter(Column::CodeHash.eq(code_hash))
        .filter(Column::CompletedAt.is_null())
        .exec(connection)
        .await
        .map_err(failed)?;
    Ok(changed.rows_affected == 1)
}

/// Opens it again, for a claim that came to nothing.
pub async fn reopen(connection: &impl ConnectionTrait, code_hash: Vec<u8>) -> Result<(), IdentityError> {
    Entity::update_many()
        .col_expr(Column::CompletedAt, Option::<OffsetDateTime>::None.into())
        .filter(Column::Id.eq(ROW))
        .filter(Column::CodeHash.eq(code_hash))
        .exec(connection)
        .await
        .map_err(failed)?;
    Ok(())
}
