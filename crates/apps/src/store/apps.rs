//! Apps and their hosts.

use ids::{AppId, OrganizationId, UserId};
use sea_orm::ActiveValue::{NotSet, Set, Unchanged};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseBackend, DbErr, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, SqlErr, Statement,
};

use super::read;
use super::tables::{app, host};
use crate::{App, AppError};

/// One app.
pub async fn find(database: &impl ConnectionTrait, id: AppId) -> Result<Option<App>, AppError> {
    let found = app::Entity::find_by_id(id.to_string()).find_also_related(host::Entity);
    found.one(database).await.map_err(AppError::Store)?.map(assemble).transpose()
}

/// One app, which nobody else can change until the transaction ends, of an organization that stays as long.
pub async fn lock(transaction: &impl ConnectionTrait, id: AppId) -> Result<Option<App>, AppError> {
    keep_organization(transaction, id).await?;
    // SQLite has one writer at a time, and leaves the lock out.
    let locked = app::Entity::find_by_id(id.to_string()).lock_exclusive();
    if locked.one(transaction).await.map_err(AppError::Store)?.is_none() {
        return Ok(None);
    }
    find(transaction, id).await
}

/// Locks the organization before anything of it, as deleting it does: two that lock in different orders would wait for
/// each other. Whoever refers to its row goes on; a lock that many share would keep the deletion waiting for good.
async fn keep_organization(transaction: &impl ConnectionTrait, app: AppId) -> Result<(), AppError> {
    let backend = transaction.get_database_backend();
    // SQLite has one writer at a time.
    if backend == DatabaseBackend::Postgres {
        let sql = "SELECT o.id FROM organizations o JOIN apps a ON a.organization_id = o.id WHERE a.id = $1 \
                   FOR NO KEY UPDATE OF o";
        let statement = Statement::from_sql_and_values(backend, sql, [app.to_string().into()]);
        transaction.query_one_raw(statement).await.map_err(AppError::Store)?;
    }
    Ok(())
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
    // The organization may have been deleted a moment ago, and its row is referred to.
    let taken = |error: DbErr| match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => AppError::HostTaken(new.label.clone()),
        Some(SqlErr::ForeignKeyConstraintViolation(_)) => AppError::NotFound,
        _ => AppError::Store(error),
    };
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

/// Names somebody else as who made an app.
pub async fn set_creator(
    transaction: &impl ConnectionTrait,
    id: AppId,
    creator: UserId,
) -> Result<(), AppError> {
    let row = app::ActiveModel {
        id: Unchanged(id.to_string()),
        creator_id: Set(creator.to_string()),
        ..Default::default()
    };
    row.update(transaction).await.map_err(AppError::Store)?;
    Ok(())
}

/// Removes every app of an organization, with what goes with each.
pub async fn delete_of_organization(
    transaction: &impl ConnectionTrait,
    organization: OrganizationId,
) -> Result<(), AppError> {
    app::Entity::delete_many()
        .filter(app::Column::OrganizationId.eq(organization.to_string()))
        .exec(transaction)
        .await
        .map_err(AppError::Store)?;
    Ok(())
}

fn assemble((row, host): (app::Model, Option<host::Model>)) -> Result<App, AppError> {
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
