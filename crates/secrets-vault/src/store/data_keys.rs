//! Data keys, wrapped.

use std::collections::BTreeMap;

use ids::DataKeyId;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, OnConflict};
use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect};
use time::OffsetDateTime;

use super::{failed, master_keys, read};
use crate::{DataKeyState, Holder, VaultError, Wrapped};

/// The table's name.
pub const TABLE: &str = "data_keys";

/// How often one key may seal. NIST SP 800-38D, section 8.3: with random nonces of 96 bits, at most 2^32 times, so
/// that two are the same with a probability below 2^-32.
pub const MOST_SEALS: i64 = 1 << 32;

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
    pub created_at: OffsetDateTime,
}

/// Counts a seal with the holder's current key, and keeps it current until the transaction ends. No key seals more
/// often than [`MOST_SEALS`].
pub async fn count_seal(
    transaction: &impl ConnectionTrait,
    holder: Holder,
) -> Result<Option<Row>, VaultError> {
    let rows = Entity::update_many()
        .col_expr(Column::Seals, Expr::col(Column::Seals).add(1))
        .filter(Column::Holder.eq(holder.to_string()))
        .filter(Column::RetiredAt.is_null())
        .filter(Column::Seals.lt(MOST_SEALS))
        .exec_with_returning(transaction)
        .await
        .map_err(failed)?;
    rows.into_iter().next().map(assemble).transpose()
}

/// Counts several seals with this key. Answers whether it may still seal so often.
pub async fn count_seals(
    database: &impl ConnectionTrait,
    id: DataKeyId,
    seals: i64,
) -> Result<bool, VaultError> {
    let updated = Entity::update_many()
        .col_expr(Column::Seals, Expr::col(Column::Seals).add(seals))
        .filter(Column::Id.eq(id.to_string()))
        .filter(Column::Seals.lte(MOST_SEALS - seals))
        .exec(database)
        .await
        .map_err(failed)?;
    Ok(updated.rows_affected > 0)
}

/// The holder's current key.
pub async fn current_of(database: &impl ConnectionTrait, holder: Holder) -> Result<Option<Row>, VaultError> {
    let filter = Column::Holder.eq(holder.to_string());
    let row = Entity::find().filter(filter).filter(Column::RetiredAt.is_null()).one(database).await;
    row.map_err(failed)?.map(assemble).transpose()
}

/// The holder's keys that seal no more, oldest first.
pub async fn former_of(database: &impl ConnectionTrait, holder: Holder) -> Result<Vec<Row>, VaultError> {
    let rows = Entity::find()
        .filter(Column::Holder.eq(holder.to_string()))
        .filter(Column::RetiredAt.is_not_null())
        .order_by_asc(Column::Id)
        .all(database)
        .await
        .map_err(failed)?;
    rows.into_iter().map(assemble).collect()
}

/// Retires the holder's current key, if there is one, once those who seal with it have ended.
pub async fn retire(
    transaction: &impl ConnectionTrait,
    holder: Holder,
    now: OffsetDateTime,
) -> Result<(), VaultError> {
    Entity::update_many()
        .col_expr(Column::RetiredAt, Expr::value(now))
        .filter(Column::Holder.eq(holder.to_string()))
        .filter(Column::RetiredAt.is_null())
        .exec(transaction)
        .await
        .map_err(failed)?;
    Ok(())
}

/// Destroys a retired key. The store refuses while a value is sealed with it.
pub async fn destroy(transaction: &impl ConnectionTrait, id: DataKeyId) -> Result<(), VaultError> {
    let delete = Entity::delete_by_id(id.to_string()).filter(Column::RetiredAt.is_not_null());
    delete.exec(transaction).await.map_err(failed)?;
    Ok(())
}

/// Every holder of a key.
pub async fn holders(database: &impl ConnectionTrait) -> Result<Vec<Holder>, VaultError> {
    let holders: Vec<String> = Entity::find()
        .select_only()
        .column(Column::Holder)
        .distinct()
        .order_by_asc(Column::Holder)
        .into_tuple()
        .all(database)
        .await
        .map_err(failed)?;
    holders.iter().map(|holder| read(TABLE, holder)).collect()
}

/// Current keys that have sealed at least so often, or were made before that instant.
pub async fn due(
    database: &impl ConnectionTrait,
    seals: i64,
    made_before: Option<OffsetDateTime>,
) -> Result<Vec<Row>, VaultError> {
    let due = Column::Seals.gte(seals);
    let due = match made_before {
        Some(instant) => due.or(Column::CreatedAt.lt(instant)),
        None => due,
    };
    let rows = Entity::find()
        .filter(Column::RetiredAt.is_null())
        .filter(due)
        .order_by_asc(Column::Id)
        .all(database)
        .await
        .map_err(failed)?;
    rows.into_iter().map(assemble).collect()
}

/// Keys after this one, in order.
pub async fn page(
    database: &impl ConnectionTrait,
    after: Option<DataKeyId>,
    most: u64,
) -> Result<Vec<Row>, VaultError> {
    let mut select = Entity::find().order_by_asc(Column::Id).limit(most);
    if let Some(after) = after {
        select = select.filter(Column::Id.gt(after.to_string()));
    }
    let rows = select.all(database).await.map_err(failed)?;
    rows.into_iter().map(assemble).collect()
}

/// Keys after this one, in order, that another master key than this one wrapped.
pub async fn page_not_under(
    database: &impl ConnectionTrait,
    master_key: &str,
    after: Option<DataKeyId>,
    most: u64,
) -> Result<Vec<Row>, VaultError> {
    let mut select =
        Entity::find().filter(Column::MasterKeyId.ne(master_key)).order_by_asc(Column::Id).limit(most);
    if let Some(after) = after {
        select = select.filter(Column::Id.gt(after.to_string()));
    }
    let rows = select.all(database).await.map_err(failed)?;
    rows.into_iter().map(assemble).collect()
}

/// How many keys another master key than this one wrapped.
pub async fn count_not_under(database: &impl ConnectionTrait, master_key: &str) -> Result<u64, VaultError> {
    Entity::find().filter(Column::MasterKeyId.ne(master_key)).count(database).await.map_err(failed)
}

/// Puts a key as another master key wrapped it in the place of how it was read. Answers whether it still was so.
pub async fn rewrap(
    transaction: &impl ConnectionTrait,
    before: &Row,
    wrapped: &Wrapped,
) -> Result<bool, VaultError> {
    master_keys::remember(transaction, &wrapped.master_key, clock::now()).await?;
    let updated = Entity::update_many()
        .col_expr(Column::MasterKeyId, Expr::value(wrapped.master_key.clone()))
        .col_expr(Column::Wrapped, Expr::value(wrapped.bytes.clone()))
        .filter(Column::Id.eq(before.id.to_string()))
        .filter(Column::MasterKeyId.eq(before.wrapped.master_key.clone()))
        .filter(Column::Wrapped.eq(before.wrapped.bytes.clone()))
        .exec(transaction)
        .await
        .map_err(failed)?;
    Ok(updated.rows_affected > 0)
}

/// The key.
pub async fn find(database: &impl ConnectionTrait, id: DataKeyId) -> Result<Option<Row>, VaultError> {
    let row = Entity::find_by_id(id.to_string()).one(database).await.map_err(failed)?;
    row.map(assemble).transpose()
}

/// Adds a current key, unless the holder has one. Answers whether it did.
pub async fn insert(transaction: &impl ConnectionTrait, row: &Row) -> Result<bool, VaultError> {
    master_keys::remember(transaction, &row.wrapped.master_key, row.created_at).await?;
    let model = ActiveModel {
        id: Set(row.id.to_string()),
        holder: Set(row.holder.to_string()),
        master_key_id: Set(row.wrapped.master_key.clone()),
        wrapped: Set(row.wrapped.bytes.clone()),
        seals: Set(row.seals),
        created_at: Set(row.created_at),
        retired_at: Set(None),
    };
    let inserted = Entity::insert(model)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(transaction)
        .await
        .map_err(failed)?;
    Ok(inserted > 0)
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

/// The holder's keys, current and retired.
pub async fn of_holder(database: &impl ConnectionTrait, holder: Holder) -> Result<Vec<Row>, VaultError> {
    let filter = Column::Holder.eq(holder.to_string());
    let rows = Entity::find().filter(filter).all(database).await.map_err(failed)?;
    rows.into_iter().map(assemble).collect()
}

/// The first keys that this master key wrapped.
pub async fn wrapped_by(
    database: &impl ConnectionTrait,
    master_key: &str,
    most: u64,
) -> Result<Vec<Row>, VaultError> {
    let found =
        Entity::find().filter(Column::MasterKeyId.eq(master_key)).order_by_asc(Column::Id).limit(most);
    found.all(database).await.map_err(failed)?.into_iter().map(assemble).collect()
}

/// Every key, and how many values are sealed with it.
pub async fn states(database: &impl ConnectionTrait) -> Result<Vec<DataKeyState>, VaultError> {
    let values = super::sealed_values::count_by_data_key(database).await?;
    let rows = Entity::find().order_by_asc(Column::Id).all(database).await.map_err(failed)?;
    rows.into_iter()
        .map(|row| {
            Ok(DataKeyState {
                id: read(TABLE, &row.id)?,
                holder: read(TABLE, &row.holder)?,
                seals: row.seals,
                values: values.get(&row.id).copied().unwrap_or_default(),
                retired_at: row.retired_at,
            })
        })
        .collect()
}

fn assemble(row: Model) -> Result<Row, VaultError> {
    Ok(Row {
        id: read(TABLE, &row.id)?,
        holder: read(TABLE, &row.holder)?,
        wrapped: Wrapped { master_key: row.master_key_id, bytes: row.wrapped },
        seals: row.seals,
        created_at: row.created_at,
    })
}
