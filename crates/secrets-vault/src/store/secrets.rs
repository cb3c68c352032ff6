//! Named secrets, beside their sealed values.

use access_control::Environment;
use ids::{AppId, OrganizationId, SecretId, UserId};
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::entity::prelude::*;
use sea_orm::{Condition, QueryOrder as _, QuerySelect as _, Statement};
use time::OffsetDateTime;

use super::{failed, read};
use crate::{Owner, Secret, VaultError};

const TABLE: &str = "secrets";

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "secrets")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub organization_id: String,
    pub app_id: Option<String>,
    pub user_id: Option<String>,
    pub kind: String,
    pub name: String,
    pub environment: Option<String>,
    pub variable: Option<String>,
    pub owner: String,
    pub slot: String,
    pub tail: Option<String>,
    pub version: i64,
    pub created_by: String,
    pub created_at: OffsetDateTime,
    pub updated_by: String,
    pub updated_at: OffsetDateTime,
    pub last_injected_at: Option<OffsetDateTime>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The owner's secrets by identifier, at most so many after one.
pub async fn list(
    database: &impl ConnectionTrait,
    owner: Owner,
    after: Option<SecretId>,
    most: usize,
) -> Result<Vec<Secret>, VaultError> {
    let mut select = Entity::find().filter(Column::Owner.eq(named(owner)));
    if let Some(after) = after {
        select = select.filter(Column::Id.gt(after.to_string()));
    }
    let most = u64::try_from(most).unwrap_or(u64::MAX);
    let rows = select.order_by_asc(Column::Id).limit(most).all(database).await.map_err(failed)?;
    rows.into_iter().map(assemble).collect()
}

/// One of the owner's secrets.
pub async fn find(
    database: &impl ConnectionTrait,
    owner: Owner,
    id: SecretId,
) -> Result<Option<Secret>, VaultError> {
    let select = Entity::find_by_id(id.to_string()).filter(Column::Owner.eq(named(owner)));
    select.one(database).await.map_err(failed)?.map(assemble).transpose()
}

/// What is injected into deployments of an app: its own, and the organization's.
pub async fn injected(
    database: &impl ConnectionTrait,
    organization: OrganizationId,
    app: AppId,
    environment: Environment,
) -> Result<Vec<Secret>, VaultError> {
    let owners = Condition::any()
        .add(Column::Owner.eq(named(Owner::Organization(organization))))
        .add(Column::Owner.eq(named(Owner::App(organization, app))));
    let rows = Entity::find()
        .filter(owners)
        .filter(Column::Environment.eq(environment.as_str()))
        .filter(Column::Variable.is_not_null())
        .order_by_asc(Column::Id)
        .all(database)
        .await
        .map_err(failed)?;
    rows.into_iter().map(assemble).collect()
}

/// What an owner has. The bytes are those of the sealed values: each has its name and about fifty more with it, as a
/// variable has its name and what the system needs besides.
pub struct Held {
    pub secrets: i64,
    pub bytes: i64,
    /// Those of one environment.
    pub injected: i64,
}

/// How much the owner has, and how much of it in this environment.
pub async fn held(
    database: &impl ConnectionTrait,
    owner: Owner,
    environment: Option<Environment>,
) -> Result<Held, VaultError> {
    let sql = "SELECT COUNT(*) AS secrets, CAST(COALESCE(SUM(LENGTH(v.sealed)), 0) AS BIGINT) AS bytes, \
               CAST(COALESCE(SUM(CASE WHEN s.environment = $2 THEN LENGTH(v.sealed) END), 0) AS BIGINT) AS injected \
               FROM secrets s JOIN sealed_values v ON v.id = s.id WHERE s.owner = $1";
    let environment = environment.map(Environment::as_str).unwrap_or_default();
    let values = [named(owner).into(), environment.into()];
    let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, values);
    let row =
        database.query_one_raw(statement).await.map_err(failed)?.ok_or(VaultError::Unreadable(TABLE))?;
    let number = |column| row.try_get("", column).map_err(failed);
    Ok(Held { secrets: number("secrets")?, bytes: number("bytes")?, injected: number("injected")? })
}

/// Adds one.
pub async fn insert(
    transaction: &impl ConnectionTrait,
    secret: &Secret,
    slot: &str,
) -> Result<(), VaultError> {
    let (organization, app, user) = columns(secret.owner).ok_or(VaultError::Unreadable(TABLE))?;
    let model = ActiveModel {
        id: Set(secret.id.to_string()),
        organization_id: Set(organization.to_string()),
        app_id: Set(app.map(|id| id.to_string())),
        user_id: Set(user.map(|id| id.to_string())),
        kind: Set(secret.kind.as_str().to_owned()),
        name: Set(secret.name.clone()),
        environment: Set(secret.environment.map(|environment| environment.as_str().to_owned())),
        variable: Set(secret.variable.clone()),
        owner: Set(named(secret.owner)),
        slot: Set(slot.to_owned()),
        tail: Set(secret.tail.clone()),
        version: Set(secret.version),
        created_by: Set(secret.created_by.to_string()),
        created_at: Set(secret.created_at),
        updated_by: Set(secret.updated_by.to_string()),
        updated_at: Set(secret.updated_at),
        last_injected_at: Set(secret.last_injected_at),
    };
    Entity::insert(model).exec_without_returning(transaction).await.map_err(failed)?;
    Ok(())
}

/// Says that its value is another one.
pub async fn replace(transaction: &impl ConnectionTrait, secret: &Secret) -> Result<(), VaultError> {
    let model = ActiveModel {
        id: Unchanged(secret.id.to_string()),
        tail: Set(secret.tail.clone()),
        version: Set(secret.version),
        updated_by: Set(secret.updated_by.to_string()),
        updated_at: Set(secret.updated_at),
        ..<ActiveModel as ActiveModelTrait>::default()
    };
    model.update(transaction).await.map_err(failed)?;
    Ok(())
}

/// Says that apps got these.
pub async fn set_last_injected(
    transaction: &impl ConnectionTrait,
    secrets: &[SecretId],
    at: OffsetDateTime,
) -> Result<(), VaultError> {
    for some in secrets.chunks(super::MOST_AT_ONCE) {
        Entity::update_many()
            .col_expr(Column::LastInjectedAt, Expr::value(at))
            .filter(Column::Id.is_in(some.iter().map(ToString::to_string)))
            .exec(transaction)
            .await
            .map_err(failed)?;
    }
    Ok(())
}

/// The owner as the table names it: among the secrets of each, a slot is taken once.
fn named(owner: Owner) -> String {
    match owner {
        Owner::Member(organization, user) => format!("{organization}/{user}"),
        owner => owner.to_string(),
    }
}

fn columns(owner: Owner) -> Option<(OrganizationId, Option<AppId>, Option<UserId>)> {
    match owner {
        Owner::Platform => None,
        Owner::Organization(organization) => Some((organization, None, None)),
        Owner::App(organization, app) => Some((organization, Some(app), None)),
        Owner::Member(organization, user) => Some((organization, None, Some(user))),
    }
}

fn assemble(row: Model) -> Result<Secret, VaultError> {
    let organization = read(TABLE, &row.organization_id)?;
    let owner = match (&row.app_id, &row.user_id) {
        (None, None) => Owner::Organization(organization),
        (Some(app), None) => Owner::App(organization, read(TABLE, app)?),
        (None, Some(user)) => Owner::Member(organization, read(TABLE, user)?),
        (Some(_), Some(_)) => return Err(VaultError::Unreadable(TABLE)),
    };
    let environment = row.environment.as_deref().map(|text| {
        let known = Environment::ALL.into_iter().find(|environment| environment.as_str() == text);
        known.ok_or(VaultError::Unreadable(TABLE))
    });
    Ok(Secret {
        id: read(TABLE, &row.id)?,
        owner,
        kind: read(TABLE, &row.kind)?,
        name: row.name,
        environment: environment.transpose()?,
        variable: row.variable,
        tail: row.tail,
        version: row.version,
        created_by: read(TABLE, &row.created_by)?,
        created_at: row.created_at,
        updated_by: read(TABLE, &row.updated_by)?,
        updated_at: row.updated_at,
        last_injected_at: row.last_injected_at,
    })
}
