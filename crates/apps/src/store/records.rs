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
    IsolationLevel, JoinType, QueryFilter, QueryOrder, QuerySelect, RelationTrait, TransactionTrait,
};
use time::OffsetDateTime;

use super::tables::{agent_token, app, grant, host, path_rule, server_secret};
use super::{agent_tokens, path_rules, read, server_secrets};
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

/// Only the columns that the facts hold are read: very many rows are, at every start.
async fn read_records(instant: &DatabaseTransaction, wanted: Wanted) -> Result<Vec<AppRecord>, AppError> {
    type Row = (String, String, String, String, String, String, Option<String>, bool, Option<String>);
    let mut belongings = read_belongings(instant, wanted).await?;
    let rows: Vec<Row> = app::Entity::find()
        .select_only()
        .columns([
            app::Column::Id,
            app::Column::OrganizationId,
            app::Column::Slug,
            app::Column::Name,
            app::Column::Level,
            app::Column::CreatorId,
            app::Column::UpstreamUrl,
            app::Column::ServerActionsJudgedByPage,
        ])
        .column(host::Column::Label)
        .join(JoinType::LeftJoin, app::Relation::Host.def())
        .filter(wanted.among(app::Column::Id))
        .order_by_asc(app::Column::Id)
        .into_tuple()
        .all(instant)
        .await
        .map_err(AppError::Store)?;
    let mut records = Vec::with_capacity(rows.len());
    for (id, organization, slug, name, level, creator, upstream, server_actions_judged_by_page, label) in rows
    {
        let id = read("apps", &id)?;
        let Belongings { grants, rules, secrets, agent_tokens } = belongings.remove(&id).unwrap_or_default();
        records.push(AppRecord {
            facts: Arc::new(AppFacts {
                id,
                organization: read("apps", &organization)?,
                level: read("apps", &level)?,
                creator: read("apps", &creator)?,
                grants,
                rules: PathRules::new(rules),
                server_actions_judged_by_page,
            }),
            label: read("hosts", &label.ok_or(AppError::Unreadable("hosts"))?)?,
            slug: read("apps", &slug)?,
            name: read("apps", &name)?,
            upstream: upstream.map(|text| read("apps", &text)).transpose()?,
            secrets,
            agent_tokens,
        });
    }
    Ok(records)
}

/// App, identifier, keyed hash, environment, end.
type SecretRow = (String, String, Vec<u8>, String, Option<OffsetDateTime>);

async fn read_belongings(
    instant: &DatabaseTransaction,
    wanted: Wanted,
) -> Result<HashMap<AppId, Belongings>, AppError> {
    let mut found: HashMap<AppId, Belongings> = HashMap::new();

    let rows: Vec<(String, String, String, Option<OffsetDateTime>)> = grant::Entity::find()
        .select_only()
        .columns([grant::Column::AppId, grant::Column::UserId, grant::Column::Role, grant::Column::ExpiresAt])
        .filter(wanted.among(grant::Column::AppId))
        .into_tuple()
        .all(instant)
        .await
        .map_err(AppError::Store)?;
    for (app, user, role, expires_at) in rows {
        let facts = GrantFacts { role: read("grants", &role)?, expires_at };
        found.entry(read("grants", &app)?).or_default().grants.insert(read("grants", &user)?, facts);
    }

    let rows: Vec<(String, String, String, String, String, Option<i32>)> = path_rule::Entity::find()
        .select_only()
        .columns([
            path_rule::Column::AppId,
            path_rule::Column::Id,
            path_rule::Column::Pattern,
            path_rule::Column::Methods,
            path_rule::Column::Subjects,
            path_rule::Column::SignInWithin,
        ])
        .filter(wanted.among(path_rule::Column::AppId))
        .into_tuple()
        .all(instant)
        .await
        .map_err(AppError::Store)?;
    for (app, id, pattern, methods, subjects, sign_in_within) in rows {
        let rule = path_rules::rule(&id, &pattern, &methods, &subjects, sign_in_within)?;
        found.entry(read("path_rules", &app)?).or_default().rules.push(rule);
    }

    let rows: Vec<SecretRow> = server_secret::Entity::find()
        .select_only()
        .columns([
            server_secret::Column::AppId,
            server_secret::Column::Id,
            server_secret::Column::SecretHash,
            server_secret::Column::Environment,
            server_secret::Column::ExpiresAt,
        ])
        .filter(wanted.among(server_secret::Column::AppId))
        .into_tuple()
        .all(instant)
        .await
        .map_err(AppError::Store)?;
    for (app, id, hash, environment, expires_at) in rows {
        let record = server_secrets::record(&id, hash, &environment, expires_at)?;
        found.entry(read("server_secrets", &app)?).or_default().secrets.push(record);
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
