//! Custom APIs, and which apps may call them.

use std::collections::{BTreeMap, BTreeSet};

use access_control::UsableBy;
use ids::{AppId, CustomApiId, OrganizationId};
use sea_orm::ActiveValue::{NotSet, Set, Unchanged};
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder as _, QuerySelect as _};
use time::OffsetDateTime;

use super::{StoreError, failed, read};
use crate::custom_api::{CustomApi, CustomApiAuthentication, CustomApiDefinition};

const TABLE: &str = "custom_apis";

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "custom_apis")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub organization_id: String,
    pub name: String,
    pub slot: String,
    pub base_url: String,
    pub authentication: String,
    pub headers: String,
    pub every_app: bool,
    pub from_pages: bool,
    pub version: i64,
    pub credentials: String,
    pub created_by: String,
    pub created_at: OffsetDateTime,
    pub updated_by: String,
    pub updated_at: OffsetDateTime,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

mod users {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "custom_api_apps")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub custom_api_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub app_id: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The organization's custom APIs by identifier, at most so many after one.
pub async fn list(
    database: &impl ConnectionTrait,
    organization: OrganizationId,
    after: Option<CustomApiId>,
    most: usize,
) -> Result<Vec<CustomApi>, StoreError> {
    let mut select = Entity::find().filter(Column::OrganizationId.eq(organization.to_string()));
    if let Some(after) = after {
        select = select.filter(Column::Id.gt(after.to_string()));
    }
    let most = u64::try_from(most).unwrap_or(u64::MAX);
    let rows = select.order_by_asc(Column::Id).limit(most).all(database).await.map_err(failed)?;
    assemble_all(database, rows).await
}

/// One of them.
pub async fn find(
    database: &impl ConnectionTrait,
    organization: OrganizationId,
    id: CustomApiId,
) -> Result<Option<CustomApi>, StoreError> {
    let filter = Column::OrganizationId.eq(organization.to_string());
    let row = Entity::find_by_id(id.to_string()).filter(filter).one(database).await.map_err(failed)?;
    Ok(assemble_all(database, row.into_iter().collect()).await?.pop())
}

/// The same, kept from changing until the transaction ends.
pub async fn lock(
    transaction: &impl ConnectionTrait,
    organization: OrganizationId,
    id: CustomApiId,
) -> Result<Option<CustomApi>, StoreError> {
    let filter = Column::OrganizationId.eq(organization.to_string());
    let select = Entity::find_by_id(id.to_string()).filter(filter).lock_exclusive();
    let row = select.one(transaction).await.map_err(failed)?;
    Ok(assemble_all(transaction, row.into_iter().collect()).await?.pop())
}

/// How many the organization has.
pub async fn count(database: &impl ConnectionTrait, organization: OrganizationId) -> Result<u64, StoreError> {
    let filter = Column::OrganizationId.eq(organization.to_string());
    Entity::find().filter(filter).count(database).await.map_err(failed)
}

/// Adds one.
pub async fn insert(transaction: &impl ConnectionTrait, api: &CustomApi) -> Result<(), StoreError> {
    let model = ActiveModel {
        id: Set(api.id.to_string()),
        organization_id: Set(api.organization.to_string()),
        credentials: Set(api.credentials.to_string()),
        created_by: Set(api.created_by.to_string()),
        created_at: Set(api.created_at),
        ..changing(api)?
    };
    Entity::insert(model).exec_without_returning(transaction).await.map_err(failed)?;
    insert_users(transaction, api).await
}

/// Writes down what may change of one.
pub async fn update(transaction: &impl ConnectionTrait, api: &CustomApi) -> Result<(), StoreError> {
    let model = ActiveModel { id: Unchanged(api.id.to_string()), ..changing(api)? };
    model.update(transaction).await.map_err(failed)?;
    let filter = users::Column::CustomApiId.eq(api.id.to_string());
    users::Entity::delete_many().filter(filter).exec(transaction).await.map_err(failed)?;
    insert_users(transaction, api).await
}

fn changing(api: &CustomApi) -> Result<ActiveModel, StoreError> {
    let definition = &api.definition;
    let headers = serde_json::to_string(&definition.headers).map_err(|_| StoreError::Unreadable(TABLE))?;
    Ok(ActiveModel {
        id: NotSet,
        organization_id: NotSet,
        name: Set(definition.name.to_string()),
        slot: Set(definition.slot()),
        base_url: Set(definition.base_url.to_string()),
        authentication: Set(definition.authentication.as_str().to_owned()),
        headers: Set(headers),
        every_app: Set(definition.usable_by == UsableBy::EveryApp),
        from_pages: Set(definition.from_pages),
        version: Set(api.version),
        credentials: NotSet,
        created_by: NotSet,
        created_at: NotSet,
        updated_by: Set(api.updated_by.to_string()),
        updated_at: Set(api.updated_at),
    })
}

async fn insert_users(transaction: &impl ConnectionTrait, api: &CustomApi) -> Result<(), StoreError> {
    let UsableBy::Apps(apps) = &api.definition.usable_by else { return Ok(()) };
    let rows: Vec<users::ActiveModel> = apps
        .iter()
        .map(|app| users::ActiveModel {
            custom_api_id: Set(api.id.to_string()),
            app_id: Set(app.to_string()),
        })
        .collect();
    if !rows.is_empty() {
        users::Entity::insert_many(rows).exec_without_returning(transaction).await.map_err(failed)?;
    }
    Ok(())
}

async fn assemble_all(
    database: &impl ConnectionTrait,
    rows: Vec<Model>,
) -> Result<Vec<CustomApi>, StoreError> {
    let named: Vec<String> = rows.iter().filter(|row| !row.every_app).map(|row| row.id.clone()).collect();
    let mut apps: BTreeMap<String, BTreeSet<AppId>> = BTreeMap::new();
    if !named.is_empty() {
        let filter = users::Column::CustomApiId.is_in(named);
        for user in users::Entity::find().filter(filter).all(database).await.map_err(failed)? {
            apps.entry(user.custom_api_id).or_default().insert(read(TABLE, &user.app_id)?);
        }
    }
    rows.into_iter()
        .map(|row| {
            let named = apps.remove(&row.id).unwrap_or_default();
            assemble(row, named)
        })
        .collect()
}

fn assemble(row: Model, named: BTreeSet<AppId>) -> Result<CustomApi, StoreError> {
    let unreadable = || StoreError::Unreadable(TABLE);
    let authentication =
        CustomApiAuthentication::ALL.into_iter().find(|kind| kind.as_str() == row.authentication);
    let definition = CustomApiDefinition {
        name: read(TABLE, &row.name)?,
        base_url: read(TABLE, &row.base_url)?,
        authentication: authentication.ok_or_else(unreadable)?,
        headers: serde_json::from_str(&row.headers).map_err(|_| unreadable())?,
        usable_by: if row.every_app { UsableBy::EveryApp } else { UsableBy::Apps(named) },
        from_pages: row.from_pages,
    };
    Ok(CustomApi {
        id: read(TABLE, &row.id)?,
        organization: read(TABLE, &row.organization_id)?,
        definition,
        version: row.version,
        credentials: read(TABLE, &row.credentials)?,
        created_by: read(TABLE, &row.created_by)?,
        created_at: row.created_at,
        updated_by: read(TABLE, &row.updated_by)?,
        updated_at: row.updated_at,
    })
}
