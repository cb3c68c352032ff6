//! The services that organizations imported.

use catalogue::ServiceKey;
use ids::OrganizationId;
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder as _, QuerySelect as _};
use time::OffsetDateTime;

use super::{StoreError, failed};

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
