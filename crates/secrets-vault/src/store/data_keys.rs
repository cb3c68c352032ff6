//! Data keys, wrapped.

use std::collections::BTreeMap;

use ids::DataKeyId;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, OnConflict};
use sea_orm::{ActiveValue::Set, QuerySelect};
use time::OffsetDateTime;

use super::{failed, read};
use crate::{Holder, VaultError, Wrapped};

const TABLE: &str = "data_keys";

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "data_keys")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub holder: String,
    pub master_key_id: String,
    pub wrapped: Vec<u8>,
    pub seals: i64,
    pub created_at: OffsetDateTime,
    pub retired_at: Option<OffsetDateTime>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A data key as stored.
#[derive(Clone, Debug)]
pub struct Row {
    pub id: DataKeyId,
    pub holder: Holder,
    pub wrapped: Wrapped,
    /// How often it sealed.
    pub seals: i64,
}

/// Counts a seal with the holder's current key, and keeps it current until the transaction ends.
pub async fn count_seal(
    transaction: &impl ConnectionTrait,
    holder: Holder,
) -> Result<Option<Row>, VaultError> {
    let rows = Entity::update_many()
        .col_expr(Column::Seals, Expr::col(Column::Seals).add(1))
        .filter(Column::Holder.eq(holder.to_string()))
        .filter(Column::RetiredAt.is_null())
        .exec_with_returning(transaction)
        .await
        .map_err(failed)?;
    rows.into_iter().next().map(assemble).transpose()
}

/// The key.
pub async fn find(database: &impl ConnectionTrait, id: DataKeyId) -> Result<Option<Row>, VaultError> {
    let row = Entity::find_by_id(id.to_string()).one(database).await.map_err(failed)?;
    row.map(assemble).transpose()
}

/// Adds a current key, unless the holder has one.
pub async fn insert(
    transaction: &impl ConnectionTrait,
    row: &Row,
    now: OffsetDateTime,
) -> Result<(), VaultError> {
    let model = ActiveModel {
        id: Set(row.id.to_string()),
        holder: Set(row.holder.to_string()),
        master_key_id: Set(row.wrapped.master_key.clone()),
        wrapped: Set(row.wrapped.bytes.clone()),
        seals: Set(row.seals),
        created_at: Set(now),
        retired_at: Set(None),
    };
    Entity::insert(model)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(transaction)
        .await
        .map_err(failed)?;
    Ok(())
}

/// Deletes every key of the holder.
pub async fn delete_of(
    transaction: &impl ConnectionTrait,
    holder: Holder,
) -> Result<Vec<DataKeyId>, VaultError> {
    let filter = Column::Holder.eq(holder.to_string());
    let rows = Entity::find().filter(filter.clone()).all(transaction).await.map_err(failed)?;
    Entity::delete_many().filter(filter).exec(transaction).await.map_err(failed)?;
    rows.iter().map(|row| read(TABLE, &row.id)).collect()
}

/// The master keys that wrapped the keys in the store, and how many each.
pub async fn wrapping_master_keys(
    database: &impl ConnectionTrait,
) -> Result<BTreeMap<String, i64>, VaultError> {
    let counted: Vec<(String, i64)> = Entity::find()
        .select_only()
        .column(Column::MasterKeyId)
        .column_as(Column::Id.count(), "keys")
        .group_by(Column::MasterKeyId)
        .into_tuple()
        .all(database)
        .await
        .map_err(failed)?;
    Ok(counted.into_iter().collect())
}

fn assemble(row: Model) -> Result<Row, VaultError> {
    Ok(Row {
        id: read(TABLE, &row.id)?,
        holder: read(TABLE, &row.holder)?,
        wrapped: Wrapped { master_key: row.master_key_id, bytes: row.wrapped },
        seals: row.seals,
    })
}
