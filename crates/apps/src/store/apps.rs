//! Apps and their hosts.

use ids::{AppId, OrganizationId};
use sea_orm::ActiveValue::{NotSet, Set, Unchanged};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::tables::{app, host};
use super::{is_unique, read, unless};
use crate::{App, AppError};

/// One app.
pub async fn find(database: &impl ConnectionTrait, id: AppId) -> Result<Option<App>, AppError> {
    let found = app::Entity::find_by_id(id.to_string()).find_also_related(host::Entity);
    found.one(database).await.map_err(AppError::Store)?.map(assemble).transpose()
}

/// One app, which nobody else can change until the transaction ends.
pub async fn lock(transaction: &impl ConnectionTrait, id: AppId) -> Result<Option<App>, AppError> {
    // SQLite has one writer at a time, and leaves the lock out.
    let locked = app::Entity::find_by_id(id.to_string()).lock_exclusive();
    if locked.one(transaction).await.map_err(AppError::Store)?.is_none() {
        return Ok(None);
    }
    find(transaction, id).await
}

/// The apps of one organization, oldest first.
pub async fn list(
    database: &impl ConnectionTrait,
    organization: OrganizationId,
) -> Result<Vec<App>, AppError> {
    let rows = app::Entity::find()
        .find_also_related(host::Entity)
        .filter(app::Column::OrganizationId.eq(organization.to_string()))
        .order_by_asc(app::Column::Id)
        .all(database)
        .await
        .map_err(AppError::Store)?;
    rows.into_iter().map(assemble).collect()
}

/// Adds an app and takes its host label.
pub async fn insert(transaction: &impl ConnectionTrait, new: &App) -> Result<(), AppError> {
    let taken = |error| unless(error, is_unique, AppError::HostTaken(new.label.clone()));
    let row = app::ActiveModel {
        id: Set(new.id.to_string()),
        organization_id: Set(new.organization.to_string()),
        slug: Set(new.slug.to_string()),
        name: Set(new.name.to_string()),
        level: Set(new.level.to_string()),
        creator_id: Set(new.creator.to_string()),
        upstream_url: Set(new.upstream.as_ref().map(ToString::to_string)),
        server_actions_judged_by_page: Set(new.server_actions_judged_by_page),
        created_at: Set(new.created_at),
    };
    app::Entity::insert(row).exec_without_returning(transaction).await.map_err(taken)?;
    let row = host::ActiveModel { label: Set(new.label.to_string()), app_id: Set(new.id.to_string()) };
    host::Entity::insert(row).exec_without_returning(transaction).await.map_err(taken)?;
    Ok(())
}

/// Writes what can change of an app.
pub async fn update(transaction: &impl ConnectionTrait, app: &App) -> Result<(), AppError> {
    let row = app::ActiveModel {
        id: Unchanged(app.id.to_string()),
        organization_id: NotSet,
        slug: NotSet,
        name: Set(app.name.to_string()),
        level: Set(app.level.to_string()),
        creator_id: NotSet,
        upstream_url: Set(app.upstream.as_ref().map(ToString::to_string)),
        server_actions_judged_by_page: Set(app.server_actions_judged_by_page),
        created_at: NotSet,
    };
    row.update(transaction).await.map_err(AppError::Store)?;
    Ok(())
}

/// Removes an app; its host, grants, rules and secrets go with it (`ON DELETE CASCADE`).
pub async fn delete(transaction: &impl ConnectionTrait, id: AppId) -> Result<(), AppError> {
    app::Entity::delete_by_id(id.to_string()).exec(transaction).await.map_err(AppError::Store)?;
    Ok(())
}

pub(super) fn assemble((row, host): (app::Model, Option<host::Model>)) -> Result<App, AppError> {
    let host = host.ok_or(AppError::Unreadable("hosts"))?;
    Ok(App {
        id: read("apps", &row.id)?,
        organization: read("apps", &row.organization_id)?,
        slug: read("apps", &row.slug)?,
        name: read("apps", &row.name)?,
        label: read("hosts", &host.label)?,
        level: read("apps", &row.level)?,
        creator: read("apps", &row.creator_id)?,
        upstream: row.upstream_url.as_deref().map(|text| read("apps", text)).transpose()?,
        server_actions_judged_by_page: row.server_actions_judged_by_page,
        created_at: row.created_at,
    })
}
