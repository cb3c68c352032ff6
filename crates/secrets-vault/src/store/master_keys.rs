//! Which master keys ever wrapped a data key: their names only.

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use time::OffsetDateTime;

use super::failed;
use crate::VaultError;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "master_keys")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub first_used_at: OffsetDateTime,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Remembers that this master key wraps. Called before every insert or change of a wrapped key.
pub async fn remember(
    transaction: &impl ConnectionTrait,
    name: &str,
    now: OffsetDateTime,
) -> Result<(), VaultError> {
    let model = ActiveModel { id: Set(name.to_owned()), first_used_at: Set(now) };
    Entity::insert(model)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(transaction)
        .await
        .map_err(failed)?;
    Ok(())
}

/// Whether it ever wrapped a data key here.
pub async fn ever_used(database: &impl ConnectionTrait, name: &str) -> Result<bool, VaultError> {
    Ok(Entity::find_by_id(name).one(database).await.map_err(failed)?.is_some())
}
