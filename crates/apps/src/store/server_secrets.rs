//! Server secrets, as keyed hashes.

use ids::{AppId, ServerSecretId};
use sea_orm::ActiveValue::{NotSet, Set, Unchanged};
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use time::OffsetDateTime;

use super::read;
use super::tables::server_secret;
use crate::{AppError, SecretRecord, ServerSecret};

const TABLE: &str = "server_secrets";

/// The secrets of one app, oldest first.
pub async fn list(database: &impl ConnectionTrait, app: AppId) -> Result<Vec<ServerSecret>, AppError> {
    let rows = server_secret::Entity::find()
        .filter(server_secret::Column::AppId.eq(app.to_string()))
        .order_by_asc(server_secret::Column::Id)
        .all(database)
        .await
        .map_err(AppError::Store)?;
    rows.into_iter().map(assemble).collect()
}

/// Adds a secret.
pub async fn insert(
    transaction: &impl ConnectionTrait,
    app: AppId,
    secret: &ServerSecret,
    hash: [u8; 32],
) -> Result<(), AppError> {
    let row = server_secret::ActiveModel {
        id: Set(secret.id.to_string()),
        app_id: Set(app.to_string()),
        environment: Set(secret.environment.as_str().to_owned()),
        secret_hash: Set(hash.to_vec()),
        issued_by: Set(secret.issued_by.to_string()),
        created_at: Set(secret.created_at),
        expires_at: Set(secret.expires_at),
    };
    server_secret::Entity::insert(row).exec_without_returning(transaction).await.map_err(AppError::Store)?;
    Ok(())
}

/// Says when a secret stops counting.
pub async fn expire(
    transaction: &impl ConnectionTrait,
    id: ServerSecretId,
    at: OffsetDateTime,
) -> Result<(), AppError> {
    let row = server_secret::ActiveModel {
        id: Unchanged(id.to_string()),
        app_id: NotSet,
        environment: NotSet,
        secret_hash: NotSet,
        issued_by: NotSet,
        created_at: NotSet,
        expires_at: Set(Some(at)),
    };
    row.update(transaction).await.map_err(AppError::Store)?;
    Ok(())
}

/// Removes a secret.
pub async fn delete(transaction: &impl ConnectionTrait, id: ServerSecretId) -> Result<(), AppError> {
    server_secret::Entity::delete_by_id(id.to_string()).exec(transaction).await.map_err(AppError::Store)?;
    Ok(())
}

fn assemble(row: server_secret::Model) -> Result<ServerSecret, AppError> {
    Ok(ServerSecret {
        id: read(TABLE, &row.id)?,
        environment: environment(&row.environment)?,
        issued_by: read(TABLE, &row.issued_by)?,
        created_at: row.created_at,
        expires_at: row.expires_at,
    })
}

pub(super) fn record(row: server_secret::Model) -> Result<SecretRecord, AppError> {
    Ok(SecretRecord {
        id: read(TABLE, &row.id)?,
        hash: row.secret_hash.try_into().map_err(|_| AppError::Unreadable(TABLE))?,
        environment: environment(&row.environment)?,
        expires_at: row.expires_at,
    })
}

fn environment(text: &str) -> Result<access_control::Environment, AppError> {
    let known = access_control::Environment::ALL.into_iter().find(|environment| environment.as_str() == text);
    known.ok_or(AppError::Unreadable(TABLE))
}
