//! The services that organizations imported.

use catalogue::{Service, ServiceKey};
use ids::{ImportedServiceId, OrganizationId};
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder as _, QuerySelect as _};
use time::OffsetDateTime;

use super::{StoreError, failed, read};
use crate::ImportedService;

const TABLE: &str = "imported_services";

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "imported_services")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub organization_id: String,
    pub service: String,
    pub name: String,
    /// The entry, as TOML.
    pub definition: String,
    pub digest: String,
    pub source: String,
    pub version: i64,
    pub created_by: String,
    pub created_at: OffsetDateTime,
    pub updated_by: String,
    pub updated_at: OffsetDateTime,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The entry of an organization's own service, as TOML.
pub async fn definition(
    database: &impl ConnectionTrait,
    organization: OrganizationId,
    service: &ServiceKey,
) -> Result<Option<String>, StoreError> {
    Entity::find()
        .select_only()
        .column(Column::Definition)
        .filter(Column::OrganizationId.eq(organization.to_string()))
        .filter(Column::Service.eq(service.as_str()))
        .into_tuple()
        .one(database)
        .await
        .map_err(failed)
}

/// The entries of all services of an organization's own, by name.
pub async fn definitions(
    database: &impl ConnectionTrait,
    organization: OrganizationId,
) -> Result<Vec<String>, StoreError> {
    Entity::find()
        .select_only()
        .column(Column::Definition)
        .filter(Column::OrganizationId.eq(organization.to_string()))
        .order_by_asc(Column::Service)
        .into_tuple()
        .all(database)
        .await
        .map_err(failed)
}

/// The organization's own services by identifier, at most so many after one.
pub async fn list(
    database: &impl ConnectionTrait,
    organization: OrganizationId,
    after: Option<ImportedServiceId>,
    most: usize,
) -> Result<Vec<ImportedService>, StoreError> {
    let mut select = Entity::find().filter(Column::OrganizationId.eq(organization.to_string()));
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
    organization: OrganizationId,
    id: ImportedServiceId,
) -> Result<Option<ImportedService>, StoreError> {
    let filter = Column::OrganizationId.eq(organization.to_string());
    let row = Entity::find_by_id(id.to_string()).filter(filter).one(database).await.map_err(failed)?;
    row.map(assemble).transpose()
}

/// The identifier of the one of this stable name.
pub async fn id_at_service(
    database: &impl ConnectionTrait,
    organization: OrganizationId,
    service: &ServiceKey,
) -> Result<Option<ImportedServiceId>, StoreError> {
    let id: Option<String> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::OrganizationId.eq(organization.to_string()))
        .filter(Column::Service.eq(service.as_str()))
        .into_tuple()
        .one(database)
        .await
        .map_err(failed)?;
    id.map(|id| read(TABLE, &id)).transpose()
}

/// One of them, kept from changing until the transaction ends.
pub async fn lock(
    transaction: &impl ConnectionTrait,
    organization: OrganizationId,
    id: ImportedServiceId,
) -> Result<Option<ImportedService>, StoreError> {
    let filter = Column::OrganizationId.eq(organization.to_string());
    let select = Entity::find_by_id(id.to_string()).filter(filter).lock_exclusive();
    select.one(transaction).await.map_err(failed)?.map(assemble).transpose()
}

/// How many the organization has.
pub async fn count(database: &impl ConnectionTrait, organization: OrganizationId) -> Result<u64, StoreError> {
    let filter = Column::OrganizationId.eq(organization.to_string());
    Entity::find().filter(filter).count(database).await.map_err(failed)
}

/// How many characters the organization's entries have together.
pub async fn size(database: &impl ConnectionTrait, organization: OrganizationId) -> Result<u64, StoreError> {
    let sum: Option<i64> = Entity::find()
        .select_only()
        .expr_as(Expr::cust("CAST(COALESCE(SUM(LENGTH(definition)), 0) AS BIGINT)"), "size")
        .filter(Column::OrganizationId.eq(organization.to_string()))
        .into_tuple()
        .one(database)
        .await
        .map_err(failed)?;
    Ok(sum.and_then(|sum| u64::try_from(sum).ok()).unwrap_or_default())
}

/// Adds one.
pub async fn insert(
    transaction: &impl ConnectionTrait,
    imported: &ImportedService,
) -> Result<(), StoreError> {
    let model = ActiveModel {
        id: Set(imported.id.to_string()),
        organization_id: Set(imported.organization.to_string()),
        service: Set(imported.service.id.to_string()),
        created_by: Set(imported.created_by.to_string()),
        created_at: Set(imported.created_at),
        ..changing(imported)?
    };
    Entity::insert(model).exec_without_returning(transaction).await.map_err(failed)?;
    Ok(())
}

/// Puts another one in its place.
pub async fn update(
    transaction: &impl ConnectionTrait,
    imported: &ImportedService,
) -> Result<(), StoreError> {
    changing(imported)?.update(transaction).await.map_err(failed)?;
    Ok(())
}

/// Takes one away.
pub async fn delete(transaction: &impl ConnectionTrait, id: ImportedServiceId) -> Result<(), StoreError> {
    Entity::delete_by_id(id.to_string()).exec(transaction).await.map_err(failed)?;
    Ok(())
}

/// The columns that a change writes.
fn changing(imported: &ImportedService) -> Result<ActiveModel, StoreError> {
    let definition = toml::to_string(&imported.service).map_err(|_| StoreError::Unreadable(TABLE))?;
    Ok(ActiveModel {
        id: Unchanged(imported.id.to_string()),
        name: Set(imported.service.name.clone()),
        definition: Set(definition),
        digest: Set(imported.digest.clone()),
        source: Set(imported.source.clone()),
        version: Set(imported.version),
        updated_by: Set(imported.updated_by.to_string()),
        updated_at: Set(imported.updated_at),
        ..<ActiveModel as ActiveModelTrait>::default()
    })
}

fn assemble(row: Model) -> Result<ImportedService, StoreError> {
    let service = Service::parse(&row.definition).map_err(|_| StoreError::Unreadable(TABLE))?;
    if service.id.as_str() != row.service {
        return Err(StoreError::Unreadable(TABLE));
    }
    Ok(ImportedService {
        id: read(TABLE, &row.id)?,
        organization: read(TABLE, &row.organization_id)?,
        service,
        digest: row.digest,
        source: row.source,
        version: row.version,
        created_by: read(TABLE, &row.created_by)?,
        created_at: row.created_at,
        updated_by: read(TABLE, &row.updated_by)?,
        updated_at: row.updated_at,
    })
}
