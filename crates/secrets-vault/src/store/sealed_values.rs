//! Sealed values.

use std::collections::{BTreeMap, HashSet};

use ids::{AppId, DataKeyId, OrganizationId, SecretId, UserId};
use sea_orm::ActiveValue::{NotSet, Set, Unchanged};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, LockBehavior, LockType};
use sea_orm::{DatabaseBackend, QueryOrder as _, QuerySelect as _, Statement};
use time::OffsetDateTime;

use super::{failed, read};
use crate::{Holder, Kind, Owner, VaultError};

const TABLE: &str = "sealed_values";

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sealed_values")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub kind: String,
    pub organization_id: Option<String>,
    pub app_id: Option<String>,
    pub user_id: Option<String>,
    pub version: i64,
    pub data_key_id: String,
    pub sealed: Vec<u8>,
    pub updated_at: OffsetDateTime,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A sealed value as stored.
#[derive(Clone, Debug)]
pub struct Row {
    pub id: SecretId,
    pub owner: Owner,
    pub kind: Kind,
    pub version: i64,
    pub data_key: DataKeyId,
    pub sealed: Vec<u8>,
    pub updated_at: OffsetDateTime,
}

/// The value.
pub async fn find(database: &impl ConnectionTrait, id: SecretId) -> Result<Option<Row>, VaultError> {
    let row = Entity::find_by_id(id.to_string()).one(database).await.map_err(failed)?;
    row.map(assemble).transpose()
}

/// Locks the organization before anything of it, as deleting it does: two that lock in different orders would wait for
/// each other. Whoever refers to its row goes on; a lock that many share would keep the deletion waiting for good.
pub async fn keep_organization(transaction: &impl ConnectionTrait, owner: Owner) -> Result<(), VaultError> {
    let backend = transaction.get_database_backend();
    // SQLite has one writer at a time.
    if let (DatabaseBackend::Postgres, Holder::Organization(organization)) = (backend, owner.holder()) {
        let sql = "SELECT id FROM organizations WHERE id = $1 FOR NO KEY UPDATE";
        let statement = Statement::from_sql_and_values(backend, sql, [organization.to_string().into()]);
        transaction.query_one_raw(statement).await.map_err(failed)?.ok_or(VaultError::NotFound)?;
    }
    Ok(())
}

/// The value, if it is of this owner and kind, kept from changing until the transaction ends.
pub async fn lock(
    transaction: &impl ConnectionTrait,
    id: SecretId,
    owner: Owner,
    kind: Kind,
) -> Result<Option<Row>, VaultError> {
    let row = Entity::find_by_id(id.to_string()).lock_exclusive().one(transaction).await.map_err(failed)?;
    let row = row.map(assemble).transpose()?;
    Ok(row.filter(|row| row.owner == owner && row.kind == kind))
}

/// Values after this one, in order, that are sealed with this key.
pub async fn page_under(
    database: &impl ConnectionTrait,
    key: DataKeyId,
    after: Option<SecretId>,
    most: u64,
) -> Result<Vec<Row>, VaultError> {
    let mut select = Entity::find().filter(Column::DataKeyId.eq(key.to_string()));
    if let Some(after) = after {
        select = select.filter(Column::Id.gt(after.to_string()));
    }
    let rows = select.order_by_asc(Column::Id).limit(most).all(database).await.map_err(failed)?;
    rows.into_iter().map(assemble).collect()
}

/// The holder's values after this one, in order.
pub async fn page_of(
    database: &impl ConnectionTrait,
    holder: Holder,
    after: Option<SecretId>,
    most: u64,
) -> Result<Vec<Row>, VaultError> {
    let mut select = Entity::find().filter(match holder {
        Holder::Platform => Column::OrganizationId.is_null(),
        Holder::Organization(id) => Column::OrganizationId.eq(id.to_string()),
    });
    if let Some(after) = after {
        select = select.filter(Column::Id.gt(after.to_string()));
    }
    let rows = select.order_by_asc(Column::Id).limit(most).all(database).await.map_err(failed)?;
    rows.into_iter().map(assemble).collect()
}

/// How many values are sealed with these keys.
pub async fn count_under(database: &impl ConnectionTrait, keys: &[DataKeyId]) -> Result<u64, VaultError> {
    let keys = keys.iter().map(ToString::to_string);
    Entity::find().filter(Column::DataKeyId.is_in(keys)).count(database).await.map_err(failed)
}

/// Which of these values nobody else is changing; they are kept from changing until the transaction ends. Waits for
/// nobody, so that it takes part in no deadlock.
pub async fn lock_free(
    transaction: &impl ConnectionTrait,
    ids: impl Iterator<Item = SecretId>,
) -> Result<HashSet<SecretId>, VaultError> {
    let ids: Vec<String> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::Id.is_in(ids.map(|id| id.to_string())))
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .into_tuple()
        .all(transaction)
        .await
        .map_err(failed)?;
    ids.iter().map(|id| read(TABLE, id)).collect()
}

/// Puts the same value, sealed with another key, in the place of how it was read. Answers whether it still was so.
pub async fn reseal(
    transaction: &impl ConnectionTrait,
    before: &Row,
    key: DataKeyId,
    sealed: Vec<u8>,
) -> Result<bool, VaultError> {
    let updated = Entity::update_many()
        .col_expr(Column::DataKeyId, Expr::value(key.to_string()))
        .col_expr(Column::Sealed, Expr::value(sealed))
        .filter(Column::Id.eq(before.id.to_string()))
        .filter(Column::Version.eq(before.version))
        .filter(Column::DataKeyId.eq(before.data_key.to_string()))
        .exec(transaction)
        .await
        .map_err(failed)?;
    Ok(updated.rows_affected > 0)
}

/// The one root key.
pub async fn find_root(database: &impl ConnectionTrait) -> Result<Option<SecretId>, VaultError> {
    let filter = Column::Kind.eq(Kind::RootKey.as_str());
    let row = Entity::find().filter(filter).one(database).await.map_err(failed)?;
    row.map(|row| read(TABLE, &row.id)).transpose()
}

/// Two values of different owners or kinds if there are, for a test.
pub async fn any_two(database: &impl ConnectionTrait) -> Result<Vec<Row>, VaultError> {
    let root = Column::Kind.eq(Kind::RootKey.as_str());
    let one = Entity::find().order_by_desc(root.clone()).order_by_asc(Column::Id).limit(1);
    let other = Entity::find().filter(root.not()).order_by_desc(Column::Id).limit(1);
    let mut rows = one.all(database).await.map_err(failed)?;
    let others = other.all(database).await.map_err(failed)?;
    rows.extend(
        others.into_iter().filter(|row| rows.iter().all(|known| known.id != row.id)).collect::<Vec<_>>(),
    );
    rows.into_iter().map(assemble).collect()
}

/// How many values are sealed with each data key.
pub async fn count_by_data_key(database: &impl ConnectionTrait) -> Result<BTreeMap<String, i64>, VaultError> {
    let counted: Vec<(String, i64)> = Entity::find()
        .select_only()
        .column(Column::DataKeyId)
        .column_as(Column::Id.count(), "number")
        .group_by(Column::DataKeyId)
        .into_tuple()
        .all(database)
        .await
        .map_err(failed)?;
    Ok(counted.into_iter().collect())
}

/// Adds a value.
pub async fn insert(transaction: &impl ConnectionTrait, row: &Row) -> Result<(), VaultError> {
    let (organization, app, user) = columns(row.owner);
    let model = ActiveModel {
        id: Set(row.id.to_string()),
        kind: Set(row.kind.as_str().to_owned()),
        organization_id: Set(organization),
        app_id: Set(app),
        user_id: Set(user),
        version: Set(row.version),
        data_key_id: Set(row.data_key.to_string()),
        sealed: Set(row.sealed.clone()),
        updated_at: Set(row.updated_at),
    };
    Entity::insert(model).exec_without_returning(transaction).await.map_err(failed)?;
    Ok(())
}

/// Puts another version in a value's place.
pub async fn update(transaction: &impl ConnectionTrait, row: &Row) -> Result<(), VaultError> {
    let model = ActiveModel {
        id: Unchanged(row.id.to_string()),
        kind: NotSet,
        organization_id: NotSet,
        app_id: NotSet,
        user_id: NotSet,
        version: Set(row.version),
        data_key_id: Set(row.data_key.to_string()),
        sealed: Set(row.sealed.clone()),
        updated_at: Set(row.updated_at),
    };
    model.update(transaction).await.map_err(failed)?;
    Ok(())
}

/// Deletes a value.
pub async fn delete(transaction: &impl ConnectionTrait, id: SecretId) -> Result<(), VaultError> {
    let deleted = Entity::delete_by_id(id.to_string()).exec(transaction).await.map_err(failed)?;
    if deleted.rows_affected == 0 { Err(VaultError::NotFound) } else { Ok(()) }
}

/// Deletes every value of the organization. Answers how many.
pub async fn delete_of(
    transaction: &impl ConnectionTrait,
    organization: OrganizationId,
) -> Result<u64, VaultError> {
    let filter = Column::OrganizationId.eq(organization.to_string());
    let deleted = Entity::delete_many().filter(filter).exec(transaction).await.map_err(failed)?;
    Ok(deleted.rows_affected)
}

fn columns(owner: Owner) -> (Option<String>, Option<String>, Option<String>) {
    match owner {
        Owner::Platform => (None, None, None),
        Owner::Organization(organization) => (Some(organization.to_string()), None, None),
        Owner::App(organization, app) => (Some(organization.to_string()), Some(app.to_string()), None),
        Owner::Member(organization, user) => (Some(organization.to_string()), None, Some(user.to_string())),
    }
}

fn assemble(row: Model) -> Result<Row, VaultError> {
    let organization = || -> Result<OrganizationId, VaultError> {
        read(TABLE, row.organization_id.as_deref().unwrap_or_default())
    };
    let app = row.app_id.as_deref().map(|id| read::<AppId>(TABLE, id)).transpose()?;
    let user = row.user_id.as_deref().map(|id| read::<UserId>(TABLE, id)).transpose()?;
    let owner = match (&row.organization_id, app, user) {
        (None, None, None) => Owner::Platform,
        (Some(_), None, None) => Owner::Organization(organization()?),
        (Some(_), Some(app), None) => Owner::App(organization()?, app),
        (Some(_), None, Some(user)) => Owner::Member(organization()?, user),
        _ => return Err(VaultError::Unreadable(TABLE)),
    };
    Ok(Row {
        id: read(TABLE, &row.id)?,
        owner,
        kind: read(TABLE, &row.kind)?,
        version: row.version,
        data_key: read(TABLE, &row.data_key_id)?,
        sealed: row.sealed,
        updated_at: row.updated_at,
    })
}
