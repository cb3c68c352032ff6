//! Keys that sign user tokens.

use ids::SigningKeyId;
use sea_orm::entity::prelude::*;
use sea_orm::{ConnectionTrait, IntoActiveModel as _, QueryOrder as _};
use time::OffsetDateTime;

use super::failed;
use crate::IdentityError;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "signing_keys")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub public_key: Vec<u8>,
    pub secret_id: String,
    pub created_at: OffsetDateTime,
    pub retired_at: Option<OffsetDateTime>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Every key, oldest first.
pub async fn all(connection: &impl ConnectionTrait) -> Result<Vec<Model>, IdentityError> {
    Entity::find().order_by_asc(Column::Id).all(connection).await.map_err(failed)
}

pub async fn insert(connection: &impl ConnectionTrait, row: Model) -> Result<(), IdentityError> {
    let row = row.into_active_model().reset_all();
    Entity::insert(row).exec_without_returning(connection).await.map_err(failed)?;
    Ok(())
}

/// Deletes a key; answers whether it was there.
pub async fn delete(connection: &impl ConnectionTrait, key: SigningKeyId) -> Result<bool, IdentityError> {
    let deleted = Entity::delete_by_id(key.to_string()).exec(connection).await.map_err(failed)?;
    Ok(deleted.rows_affected > 0)
}

/// Retires those of these keys that are not retired yet; answers how many they were.
pub async fn retire(
    connection: &impl ConnectionTrait,
    keys: &[SigningKeyId],
    at: OffsetDateTime,
) -> Result<u64, IdentityError> {
    let updated = Entity::update_many()
        .col_expr(Column::RetiredAt, at.into())
        .filter(Column::RetiredAt.is_null())
        .filter(Column::Id.is_in(keys.iter().map(SigningKeyId::to_string)))
        .exec(connection)
        .await
        .map_err(failed)?;
    Ok(updated.rows_affected)
}
