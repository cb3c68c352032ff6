//! Rotations of all server secrets of an organization, the latest of each.

use ids::OrganizationId;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};

use super::read;
use super::tables::server_secret_rotation::{ActiveModel, Column, Entity, Model};
use crate::AppError;
use crate::server_secret_rotation::ServerSecretRotation;

const TABLE: &str = "server_secret_rotations";

/// The organization's latest.
pub async fn find(
    database: &impl ConnectionTrait,
    organization: OrganizationId,
) -> Result<Option<ServerSecretRotation>, AppError> {
    let row = Entity::find_by_id(organization.to_string()).one(database).await.map_err(AppError::Store)?;
    row.map(assemble).transpose()
}

/// The organization's latest, kept from changing until the transaction ends.
pub async fn lock(
    transaction: &impl ConnectionTrait,
    organization: OrganizationId,
) -> Result<Option<ServerSecretRotation>, AppError> {
    let row = Entity::find_by_id(organization.to_string()).lock_exclusive().one(transaction).await;
    row.map_err(AppError::Store)?.map(assemble).transpose()
}

/// Those that are not finished, of all organizations.
pub async fn unfinished(database: &impl ConnectionTrait) -> Result<Vec<ServerSecretRotation>, AppError> {
    let rows = Entity::find().filter(Column::FinishedAt.is_null()).all(database).await;
    rows.map_err(AppError::Store)?.into_iter().map(assemble).collect()
}

/// Writes an organization's latest rotation.
pub async fn put(transaction: &impl ConnectionTrait, record: &ServerSecretRotation) -> Result<(), AppError> {
    let row = ActiveModel {
        organization_id: Set(record.organization.to_string()),
        id: Set(record.id.to_string()),
        requested_by: Set(record.requested_by.to_string()),
        total: Set(counted(record.total)),
        started_at: Set(record.started_at),
        ends_at: Set(record.ends_at),
        finished_at: Set(record.finished_at),
        checked: Set(record.checked.map(counted)),
    };
    let others = [
        Column::Id,
        Column::RequestedBy,
        Column::Total,
        Column::StartedAt,
        Column::EndsAt,
        Column::FinishedAt,
        Column::Checked,
    ];
    Entity::insert(row)
        .on_conflict(OnConflict::column(Column::OrganizationId).update_columns(others).to_owned())
        .exec_without_returning(transaction)
        .await
        .map_err(AppError::Store)?;
    Ok(())
}

fn counted(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn assemble(row: Model) -> Result<ServerSecretRotation, AppError> {
    let number = |number: i64| u64::try_from(number).map_err(|_| AppError::Unreadable(TABLE));
    Ok(ServerSecretRotation {
        id: read(TABLE, &row.id)?,
        organization: read(TABLE, &row.organization_id)?,
        requested_by: read(TABLE, &row.requested_by)?,
        total: number(row.total)?,
        started_at: row.started_at,
        ends_at: row.ends_at,
        finished_at: row.finished_at,
        checked: row.checked.map(number).transpose()?,
    })
}
