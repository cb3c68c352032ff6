//! Server secrets, as keyed hashes. Their values are in the vault, and a row goes with its value.

use ids::{AppId, OrganizationId, ServerSecretId};
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::sea_query::Query;
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use time::OffsetDateTime;

use super::read;
use super::tables::{app, server_secret};
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
        secret_id: Set(secret.value.to_string()),
        issued_by: Set(secret.issued_by.to_string()),
        created_at: Set(secret.created_at),
        expires_at: Set(secret.expires_at),
        last_used_at: Set(secret.last_used_at),
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
        expires_at: Set(Some(at)),
        ..Default::default()
    };
    row.update(transaction).await.map_err(AppError::Store)?;
    Ok(())
}

/// Says when an app last proved itself with a secret; nothing if it is gone.
pub async fn set_last_used(
    database: &impl ConnectionTrait,
    id: ServerSecretId,
    at: OffsetDateTime,
) -> Result<(), AppError> {
    server_secret::Entity::update_many()
        .col_expr(server_secret::Column::LastUsedAt, at.into())
        .filter(server_secret::Column::Id.eq(id.to_string()))
        .exec(database)
        .await
        .map_err(AppError::Store)?;
    Ok(())
}

/// The secrets that have an end, of all apps.
pub async fn list_ending(database: &impl ConnectionTrait) -> Result<Vec<(AppId, ServerSecret)>, AppError> {
    let ending = server_secret::Entity::find().filter(server_secret::Column::ExpiresAt.is_not_null());
    with_apps(ending.all(database).await.map_err(AppError::Store)?)
}

/// The secrets of all apps of an organization, oldest first.
pub async fn list_of(
    database: &impl ConnectionTrait,
    organization: OrganizationId,
) -> Result<Vec<(AppId, ServerSecret)>, AppError> {
    let apps = Query::select()
        .column(app::Column::Id)
        .from(app::Entity)
        .and_where(app::Column::OrganizationId.eq(organization.to_string()))
        .to_owned();
    let rows = server_secret::Entity::find()
        .filter(server_secret::Column::AppId.in_subquery(apps))
        .order_by_asc(server_secret::Column::Id)
        .all(database)
        .await
        .map_err(AppError::Store)?;
    with_apps(rows)
}

fn with_apps(rows: Vec<server_secret::Model>) -> Result<Vec<(AppId, ServerSecret)>, AppError> {
    rows.into_iter().map(|row| Ok((read(TABLE, &row.app_id)?, assemble(row)?))).collect()
}

fn assemble(row: server_secret::Model) -> Result<ServerSecret, AppError> {
    Ok(ServerSecret {
        id: read(TABLE, &row.id)?,
        value: read(TABLE, &row.secret_id)?,
        environment: environment(&row.environment)?,
        issued_by: read(TABLE, &row.issued_by)?,
        created_at: row.created_at,
        expires_at: row.expires_at,
        last_used_at: row.last_used_at,
    })
}

/// What the facts hold of a secret, from its columns.
pub(super) fn record(
    id: &str,
    hash: Vec<u8>,
    in_environment: &str,
    expires_at: Option<OffsetDateTime>,
) -> Result<SecretRecord, AppError> {
    Ok(SecretRecord {
        id: read(TABLE, id)?,
        hash: hash.try_into().map_err(|_| AppError::Unreadable(TABLE))?,
        environment: environment(in_environment)?,
        expires_at,
    })
}

fn environment(text: &str) -> Result<access_control::Environment, AppError> {
    let known = access_control::Environment::ALL.into_iter().find(|environment| environment.as_str() == text);
    known.ok_or(AppError::Unreadable(TABLE))
}
