//! Saved queries.

use ids::{AppId, DataQueryId, Name};
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder as _, QuerySelect as _};
use time::OffsetDateTime;

use super::{StoreError, failed, read};
use crate::{DataQuery, DataQueryDefinition};

const TABLE: &str = "data_queries";

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "data_queries")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub organization_id: String,
    pub app_id: String,
    pub connection_id: String,
    pub name: String,
    pub sql: String,
    pub parameters: String,
    pub timeout_milliseconds: i64,
    pub from_pages: bool,
    pub kind: String,
    pub fingerprint: String,
    pub version: i64,
    pub created_by: String,
    pub created_at: OffsetDateTime,
    pub updated_by: String,
    pub updated_at: OffsetDateTime,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The app's saved queries by identifier, at most so many after one.
pub async fn list(
    database: &impl ConnectionTrait,
    app: AppId,
    after: Option<DataQueryId>,
    most: usize,
) -> Result<Vec<DataQuery>, StoreError> {
    let mut select = Entity::find().filter(Column::AppId.eq(app.to_string()));
    if let Some(after) = after {
        select = select.filter(Column::Id.gt(after.to_string()));
    }
    let most = u64::try_from(most).unwrap_or(u64::MAX);
    let rows = select.order_by_asc(Column::Id).limit(most).all(database).await.map_err(failed)?;
    rows.into_iter().map(assemble).collect()
}

/// One of them.
pub async fn find(
    database: &impl ConnectionTrait,
    app: AppId,
    id: DataQueryId,
) -> Result<Option<DataQuery>, StoreError> {
    let select = Entity::find_by_id(id.to_string()).filter(Column::AppId.eq(app.to_string()));
    select.one(database).await.map_err(failed)?.map(assemble).transpose()
}

/// The same, kept from changing until the transaction ends.
pub async fn lock(
    transaction: &impl ConnectionTrait,
    app: AppId,
    id: DataQueryId,
) -> Result<Option<DataQuery>, StoreError> {
    let select =
        Entity::find_by_id(id.to_string()).filter(Column::AppId.eq(app.to_string())).lock_exclusive();
    select.one(transaction).await.map_err(failed)?.map(assemble).transpose()
}

/// The one of this name.
pub async fn find_named(
    database: &impl ConnectionTrait,
    app: AppId,
    name: &Name,
) -> Result<Option<DataQuery>, StoreError> {
    let select =
        Entity::find().filter(Column::AppId.eq(app.to_string())).filter(Column::Name.eq(name.as_str()));
    select.one(database).await.map_err(failed)?.map(assemble).transpose()
}

/// How many the app has.
pub async fn count(database: &impl ConnectionTrait, app: AppId) -> Result<u64, StoreError> {
    Entity::find().filter(Column::AppId.eq(app.to_string())).count(database).await.map_err(failed)
}

/// Adds one.
pub async fn insert(transaction: &impl ConnectionTrait, query: &DataQuery) -> Result<(), StoreError> {
    let model = ActiveModel {
        organization_id: Set(query.organization.to_string()),
        app_id: Set(query.app.to_string()),
        created_by: Set(query.created_by.to_string()),
        created_at: Set(query.created_at),
        id: Set(query.id.to_string()),
        ..changing(query)?
    };
    Entity::insert(model).exec_without_returning(transaction).await.map_err(failed)?;
    Ok(())
}

/// Puts another one in its place.
pub async fn update(transaction: &impl ConnectionTrait, query: &DataQuery) -> Result<(), StoreError> {
    changing(query)?.update(transaction).await.map_err(failed)?;
    Ok(())
}

/// Takes one away.
pub async fn delete(transaction: &impl ConnectionTrait, id: DataQueryId) -> Result<(), StoreError> {
    Entity::delete_by_id(id.to_string()).exec(transaction).await.map_err(failed)?;
    Ok(())
}

/// The columns that a change writes.
fn changing(query: &DataQuery) -> Result<ActiveModel, StoreError> {
    let definition = &query.definition;
    let parameters =
        serde_json::to_string(&definition.parameters).map_err(|_| StoreError::Unreadable(TABLE))?;
    Ok(ActiveModel {
        id: Unchanged(query.id.to_string()),
        connection_id: Set(definition.connection.to_string()),
        name: Set(definition.name.to_string()),
        sql: Set(definition.sql.clone()),
        parameters: Set(parameters),
        timeout_milliseconds: Set(definition.timeout.into()),
        from_pages: Set(definition.from_pages),
        kind: Set(query.kind.clone()),
        fingerprint: Set(query.fingerprint.clone()),
        version: Set(query.version),
        updated_by: Set(query.updated_by.to_string()),
        updated_at: Set(query.updated_at),
        ..<ActiveModel as ActiveModelTrait>::default()
    })
}

fn assemble(row: Model) -> Result<DataQuery, StoreError> {
    let unreadable = || StoreError::Unreadable(TABLE);
    Ok(DataQuery {
        id: read(TABLE, &row.id)?,
        organization: read(TABLE, &row.organization_id)?,
        app: read(TABLE, &row.app_id)?,
        definition: DataQueryDefinition {
            name: read(TABLE, &row.name)?,
            connection: read(TABLE, &row.connection_id)?,
            sql: row.sql,
            parameters: serde_json::from_str(&row.parameters).map_err(|_| unreadable())?,
            timeout: u32::try_from(row.timeout_milliseconds).map_err(|_| unreadable())?,
            from_pages: row.from_pages,
        },
        kind: row.kind,
        fingerprint: row.fingerprint,
        version: row.version,
        created_by: read(TABLE, &row.created_by)?,
        created_at: row.created_at,
        updated_by: read(TABLE, &row.updated_by)?,
        updated_at: row.updated_at,
    })
}
