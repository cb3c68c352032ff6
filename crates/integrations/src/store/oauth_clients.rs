//! What organizations are registered as at services, without the secrets.

use std::collections::BTreeSet;

use catalogue::ServiceKey;
use ids::{OauthClientId, OrganizationId};
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder as _, QuerySelect as _};
use time::OffsetDateTime;

use super::{StoreError, failed, read};
use crate::OauthClient;

const TABLE: &str = "oauth_clients";

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "oauth_clients")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub organization_id: String,
    pub service: String,
    pub client_id: String,
    pub scopes: String,
    pub version: i64,
    pub secret: String,
    pub created_by: String,
    pub created_at: OffsetDateTime,
    pub updated_by: String,
    pub updated_at: OffsetDateTime,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The organization's clients by identifier, at most so many after one.
pub async fn list(
    database: &impl ConnectionTrait,
    organization: OrganizationId,
    after: Option<OauthClientId>,
    most: usize,
) -> Result<Vec<OauthClient>, StoreError> {
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
    id: OauthClientId,
) -> Result<Option<OauthClient>, StoreError> {
    let filter = Column::OrganizationId.eq(organization.to_string());
    let row = Entity::find_by_id(id.to_string()).filter(filter).one(database).await.map_err(failed)?;
    row.map(assemble).transpose()
}

/// The same, kept from changing until the transaction ends.
pub async fn lock(
    transaction: &impl ConnectionTrait,
    organization: OrganizationId,
    id: OauthClientId,
) -> Result<Option<OauthClient>, StoreError> {
    let filter = Column::OrganizationId.eq(organization.to_string());
    let select = Entity::find_by_id(id.to_string()).filter(filter).lock_exclusive();
    select.one(transaction).await.map_err(failed)?.map(assemble).transpose()
}

/// The organization's client at a service.
pub async fn at_service(
    database: &impl ConnectionTrait,
    organization: OrganizationId,
    service: &ServiceKey,
) -> Result<Option<OauthClient>, StoreError> {
    let row = Entity::find()
        .filter(Column::OrganizationId.eq(organization.to_string()))
        .filter(Column::Service.eq(service.as_str()))
        .one(database)
        .await
        .map_err(failed)?;
    row.map(assemble).transpose()
}

/// The services at which the organization has a client.
pub async fn services(
    database: &impl ConnectionTrait,
    organization: OrganizationId,
) -> Result<BTreeSet<String>, StoreError> {
    let services: Vec<String> = Entity::find()
        .select_only()
        .column(Column::Service)
        .filter(Column::OrganizationId.eq(organization.to_string()))
        .into_tuple()
        .all(database)
        .await
        .map_err(failed)?;
    Ok(services.into_iter().collect())
}

/// How many the organization has.
pub async fn count(database: &impl ConnectionTrait, organization: OrganizationId) -> Result<u64, StoreError> {
    let filter = Column::OrganizationId.eq(organization.to_string());
    Entity::find().filter(filter).count(database).await.map_err(failed)
}

/// Adds one.
pub async fn insert(transaction: &impl ConnectionTrait, client: &OauthClient) -> Result<(), StoreError> {
    let model = ActiveModel {
        id: Set(client.id.to_string()),
        organization_id: Set(client.organization.to_string()),
        service: Set(client.service.to_string()),
        secret: Set(client.secret.to_string()),
        created_by: Set(client.created_by.to_string()),
        created_at: Set(client.created_at),
        ..changing(client)?
    };
    Entity::insert(model).exec_without_returning(transaction).await.map_err(failed)?;
    Ok(())
}

/// Writes down what may change of one.
pub async fn update(transaction: &impl ConnectionTrait, client: &OauthClient) -> Result<(), StoreError> {
    let model = ActiveModel { id: Unchanged(client.id.to_string()), ..changing(client)? };
    model.update(transaction).await.map_err(failed)?;
    Ok(())
}

fn changing(client: &OauthClient) -> Result<ActiveModel, StoreError> {
    let scopes = serde_json::to_string(&client.scopes).map_err(|_| StoreError::Unreadable(TABLE))?;
    Ok(ActiveModel {
        client_id: Set(client.client_id.clone()),
        scopes: Set(scopes),
        version: Set(client.version),
        updated_by: Set(client.updated_by.to_string()),
        updated_at: Set(client.updated_at),
        ..<ActiveModel as ActiveModelTrait>::default()
    })
}

fn assemble(row: Model) -> Result<OauthClient, StoreError> {
    Ok(OauthClient {
        id: read(TABLE, &row.id)?,
        organization: read(TABLE, &row.organization_id)?,
        service: read(TABLE, &row.service)?,
        client_id: row.client_id,
        scopes: serde_json::from_str(&row.scopes).map_err(|_| StoreError::Unreadable(TABLE))?,
        version: row.version,
        secret: read(TABLE, &row.secret)?,
        created_by: read(TABLE, &row.created_by)?,
        created_at: row.created_at,
        updated_by: read(TABLE, &row.updated_by)?,
        updated_at: row.updated_at,
    })
}
