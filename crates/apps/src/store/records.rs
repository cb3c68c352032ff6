//! What the directory keeps in memory, read in a fixed number of queries whatever the size, and all of
//! one instant.

use std::collections::HashMap;
use std::sync::Arc;

use access_control::{AppFacts, GrantFacts, PathRule, PathRules};
use ids::{AppId, UserId};
use sea_orm::{
    ColumnTrait, DatabaseBackend, DatabaseConnection, DatabaseTransaction, EntityTrait, IsolationLevel,
    QueryFilter, QueryOrder, TransactionTrait,
};

use super::tables::{app, grant, host, path_rule, server_secret};
use super::{apps, grants, path_rules, read, server_secrets};
use crate::{AppError, AppRecord, SecretRecord};

/// Reads one app, unless it does not exist. Four queries.
///
/// # Errors
/// The store is not available, or holds what this version cannot read.
pub async fn load(database: &DatabaseConnection, id: AppId) -> Result<Option<AppRecord>, AppError> {
    Ok(read_records(database, Some(id)).await?.pop())
}

/// Reads every app. Four queries.
///
/// # Errors
/// The store is not available, or holds what this version cannot read.
pub async fn load_all(database: &DatabaseConnection) -> Result<Vec<AppRecord>, AppError> {
    read_records(database, None).await
}

#[derive(Default)]
struct Belongings {
    grants: HashMap<UserId, GrantFacts>,
    rules: Vec<PathRule>,
    secrets: Vec<SecretRecord>,
}

async fn read_records(
    database: &DatabaseConnection,
    only: Option<AppId>,
) -> Result<Vec<AppRecord>, AppError> {
    let instant = instant(database).await.map_err(AppError::Store)?;
    let only = only.map(|id| id.to_string());
    let mut belongings = read_belongings(&instant, only.as_deref()).await?;
    let mut query = app::Entity::find().find_also_related(host::Entity).order_by_asc(app::Column::Id);
    if let Some(id) = &only {
        query = query.filter(app::Column::Id.eq(id));
    }
    let mut records = Vec::new();
    for row in query.all(&instant).await.map_err(AppError::Store)? {
        let app = apps::assemble(row)?;
        let Belongings { grants, rules, secrets } = belongings.remove(&app.id).unwrap_or_default();
        records.push(AppRecord {
            facts: Arc::new(AppFacts {
                id: app.id,
                organization: app.organization,
                level: app.level,
                creator: app.creator,
                grants,
                rules: PathRules::new(rules),
                server_actions_judged_by_page: app.server_actions_judged_by_page,
            }),
            label: app.label,
            slug: app.slug,
            name: app.name,
            upstream: app.upstream,
            secrets,
        });
    }
    Ok(records)
}

async fn read_belongings(
    instant: &DatabaseTransaction,
    only: Option<&str>,
) -> Result<HashMap<AppId, Belongings>, AppError> {
    let mut found: HashMap<AppId, Belongings> = HashMap::new();

    let mut query = grant::Entity::find();
    if let Some(id) = only {
        query = query.filter(grant::Column::AppId.eq(id));
    }
    for row in query.all(instant).await.map_err(AppError::Store)? {
        let app = read("grants", &row.app_id)?;
        let grant = grants::assemble(row)?;
        let facts = GrantFacts { role: grant.role, expires_at: grant.expires_at };
        found.entry(app).or_default().grants.insert(grant.user, facts);
    }

    let mut query = path_rule::Entity::find();
    if let Some(id) = only {
        query = query.filter(path_rule::Column::AppId.eq(id));
    }
    for row in query.all(instant).await.map_err(AppError::Store)? {
        let app = read("path_rules", &row.app_id)?;
        found.entry(app).or_default().rules.push(path_rules::assemble(row)?);
    }

    let mut query = server_secret::Entity::find();
    if let Some(id) = only {
        query = query.filter(server_secret::Column::AppId.eq(id));
    }
    for row in query.all(instant).await.map_err(AppError::Store)? {
        let app = read("server_secrets", &row.app_id)?;
        found.entry(app).or_default().secrets.push(server_secrets::record(row)?);
    }
    Ok(found)
}

/// A transaction that sees one instant. SQLite's do so by themselves.
async fn instant(database: &DatabaseConnection) -> Result<DatabaseTransaction, sea_orm::DbErr> {
    match database.get_database_backend() {
        DatabaseBackend::Postgres => {
            database.begin_with_config(Some(IsolationLevel::RepeatableRead), None).await
        }
        _ => database.begin().await,
    }
}
