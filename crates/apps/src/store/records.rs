//! What the directory keeps in memory, read in a fixed number of queries whatever the size, and all of
//! one instant.

use std::collections::HashMap;
use std::sync::Arc;

use access_control::{AppFacts, GrantFacts, PathRule, PathRules};
use audit::Change;
use ids::{AppId, OrganizationId, UserId};
use sea_orm::sea_query::Query;
use sea_orm::{
    ColumnTrait, Condition, DatabaseBackend, DatabaseConnection, DatabaseTransaction, EntityTrait,
    IsolationLevel, QueryFilter, QueryOrder, QuerySelect, TransactionTrait,
};

use super::tables::{agent_token, app, grant, host, path_rule, server_secret};
use super::{agent_tokens, apps, grants, path_rules, read, server_secrets};
use crate::{AgentTokenRecord, AppError, AppRecord, SecretRecord};

/// Reads one app, unless it does not exist. Five queries.
///
/// # Errors
/// The store is not available, or holds what this version cannot read.
pub async fn load(database: &DatabaseConnection, id: AppId) -> Result<Option<AppRecord>, AppError> {
    let instant = instant(database).await.map_err(AppError::Store)?;
    Ok(read_records(&instant, Wanted::One(id)).await?.pop())
}

/// Reads every app. Five queries.
///
/// # Errors
/// The store is not available, or holds what this version cannot read.
pub async fn load_all(database: &DatabaseConnection) -> Result<Vec<AppRecord>, AppError> {
    let instant = instant(database).await.map_err(AppError::Store)?;
    read_records(&instant, Wanted::All).await
}

/// Reads every app of an organization that is locked, or one of them, and lets no other change of these
/// apps happen until this one ends: whoever makes one needs the organization's row, and whoever changes
/// one needs its own.
///
/// # Errors
/// The store is not available, or holds what this version cannot read.
pub async fn lock_and_load(
    change: &Change,
    organization: OrganizationId,
    only: Option<AppId>,
) -> Result<Vec<AppRecord>, AppError> {
    let mut locked = app::Entity::find()
        .filter(app::Column::OrganizationId.eq(organization.to_string()))
        // The same order for everybody who locks several.
        .order_by_asc(app::Column::Id)
        .lock_exclusive();
    if let Some(id) = only {
        locked = locked.filter(app::Column::Id.eq(id.to_string()));
    }
    locked.all(change.transaction()).await.map_err(AppError::Store)?;
    let wanted = only.map_or(Wanted::Of(organization), Wanted::One);
    read_records(change.transaction(), wanted).await
}

/// Which apps to read.
#[derive(Clone, Copy)]
enum Wanted {
    All,
    One(AppId),
    Of(OrganizationId),
}

impl Wanted {
    /// The condition on a column that holds the app's identifier.
    fn among(self, column: impl ColumnTrait) -> Condition {
        match self {
            Self::All => Condition::all(),
            Self::One(id) => Condition::all().add(column.eq(id.to_string())),
            Self::Of(organization) => {
                let apps = Query::select()
                    .column(app::Column::Id)
                    .from(app::Entity)
                    .and_where(app::Column::OrganizationId.eq(organization.to_string()))
                    .to_owned();
                Condition::all().add(column.in_subquery(apps))
            }
        }
    }
}

#[derive(Default)]
struct Belongings {
    grants: HashMap<UserId, GrantFacts>,
    rules: Vec<PathRule>,
    secrets: Vec<SecretRecord>,
    agent_tokens: Vec<AgentTokenRecord>,
}

async fn read_records(instant: &DatabaseTransaction, wanted: Wanted) -> Result<Vec<AppRecord>, AppError> {
    let mut belongings = read_belongings(instant, wanted).await?;
    let query = app::Entity::find()
        .find_also_related(host::Entity)
        .filter(wanted.among(app::Column::Id))
        .order_by_asc(app::Column::Id);
    let mut records = Vec::new();
    for row in query.all(instant).await.map_err(AppError::Store)? {
        let app = apps::assemble(row)?;
        let Belongings { grants, rules, secrets, agent_tokens } =
            belongings.remove(&app.id).unwrap_or_default();
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
            agent_tokens,
        });
    }
    Ok(records)
}

async fn read_belongings(
    instant: &DatabaseTransaction,
    wanted: Wanted,
) -> Result<HashMap<AppId, Belongings>, AppError> {
    let mut found: HashMap<AppId, Belongings> = HashMap::new();

    let query = grant::Entity::find().filter(wanted.among(grant::Column::AppId));
    for row in query.all(instant).await.map_err(AppError::Store)? {
        let app = read("grants", &row.app_id)?;
        let grant = grants::assemble(row)?;
        let facts = GrantFacts { role: grant.role, expires_at: grant.expires_at };
        found.entry(app).or_default().grants.insert(grant.user, facts);
    }

    let query = path_rule::Entity::find().filter(wanted.among(path_rule::Column::AppId));
    for row in query.all(instant).await.map_err(AppError::Store)? {
        let app = read("path_rules", &row.app_id)?;
        found.entry(app).or_default().rules.push(path_rules::assemble(row)?);
    }

    let query = server_secret::Entity::find().filter(wanted.among(server_secret::Column::AppId));
    for row in query.all(instant).await.map_err(AppError::Store)? {
        let app = read("server_secrets", &row.app_id)?;
        found.entry(app).or_default().secrets.push(server_secrets::record(row)?);
    }

    let query = agent_token::Entity::find().filter(wanted.among(agent_token::Column::AppId));
    for row in query.all(instant).await.map_err(AppError::Store)? {
        let app = read("agent_tokens", &row.app_id)?;
        found.entry(app).or_default().agent_tokens.push(agent_tokens::record(row)?);
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
