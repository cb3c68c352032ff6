//! Accounts, and which apps may use them.

use std::collections::{BTreeMap, BTreeSet};

use access_control::UsableBy;
use catalogue::{ServiceKey, Values};
use ids::{AccountId, AppId, OrganizationId, UserId};
use sea_orm::ActiveValue::{NotSet, Set, Unchanged};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{QueryOrder as _, QuerySelect as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;

use super::{StoreError, failed, read};
use crate::{Account, AccountHolder, AccountState, ReconnectCause};

const TABLE: &str = "accounts";

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "accounts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub organization_id: String,
    pub service: String,
    pub user_id: Option<String>,
    pub name: String,
    pub variables: String,
    pub asked_scopes: String,
    pub scopes: String,
    pub every_app: bool,
    pub from_pages: bool,
    pub state: String,
    pub cause: Option<String>,
    pub version: i64,
    pub credentials: String,
    pub generation: i64,
    pub expires_at: Option<i64>,
    pub refreshed_at: i64,
    pub refresh_at: Option<i64>,
    pub failures: i64,
    pub failure: Option<String>,
    pub notice_due: bool,
    pub notice_after: Option<i64>,
    pub lease_holder: Option<String>,
    pub lease_fence: i64,
    pub lease_until: Option<i64>,
    pub consented_at: OffsetDateTime,
    pub created_by: String,
    pub created_at: OffsetDateTime,
    pub updated_by: String,
    pub updated_at: OffsetDateTime,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub mod apps {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "account_apps")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub account_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub app_id: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Which accounts are asked for: of an organization, shared or one person's.
#[derive(Clone, Copy, Debug)]
pub struct Of {
    pub organization: OrganizationId,
    pub holder: AccountHolder,
}

impl Of {
    fn filter<Q: QueryFilter>(self, query: Q) -> Q {
        let query = query.filter(Column::OrganizationId.eq(self.organization.to_string()));
        match self.holder {
            AccountHolder::Shared => query.filter(Column::UserId.is_null()),
            AccountHolder::Personal(user) => query.filter(Column::UserId.eq(user.to_string())),
        }
    }
}

/// When tokens end and are to be replaced, by the store's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// When the tokens came.
    pub refreshed_at: i64,
    /// When the access token ends.
    pub expires_at: Option<i64>,
    /// When it is to be replaced.
    pub refresh_at: Option<i64>,
}

/// The accounts by identifier, at most so many after one, perhaps of one service.
pub async fn list(
    database: &impl ConnectionTrait,
    of: Of,
    service: Option<&ServiceKey>,
    after: Option<AccountId>,
    most: usize,
) -> Result<Vec<Account>, StoreError> {
    let mut select = of.filter(Entity::find());
    if let Some(service) = service {
        select = select.filter(Column::Service.eq(service.as_str()));
    }
    if let Some(after) = after {
        select = select.filter(Column::Id.gt(after.to_string()));
    }
    let most = u64::try_from(most).unwrap_or(u64::MAX);
    let rows = select.order_by_asc(Column::Id).limit(most).all(database).await.map_err(failed)?;
    assemble_all(database, rows).await
}

/// Every account of a service in an organization, shared and personal, by identifier, at most so many after one.
pub async fn list_of_service(
    database: &impl ConnectionTrait,
    organization: OrganizationId,
    service: &ServiceKey,
    after: Option<AccountId>,
    most: u64,
) -> Result<Vec<Account>, StoreError> {
    let mut select = at_service(organization, service);
    if let Some(after) = after {
        select = select.filter(Column::Id.gt(after.to_string()));
    }
    let rows = select.order_by_asc(Column::Id).limit(most).all(database).await.map_err(failed)?;
    assemble_all(database, rows).await
}

/// One of the organization's accounts, shared or personal. Whose it is has to be looked at.
pub async fn find(
    database: &impl ConnectionTrait,
    organization: OrganizationId,
    id: AccountId,
) -> Result<Option<Account>, StoreError> {
    let filter = Column::OrganizationId.eq(organization.to_string());
    let row = Entity::find_by_id(id.to_string()).filter(filter).one(database).await.map_err(failed)?;
    Ok(assemble_all(database, row.into_iter().collect()).await?.pop())
}

/// An account of any organization, for the platform's own tasks.
pub async fn find_anywhere(
    database: &impl ConnectionTrait,
    id: AccountId,
) -> Result<Option<Account>, StoreError> {
    let row = Entity::find_by_id(id.to_string()).one(database).await.map_err(failed)?;
    Ok(assemble_all(database, row.into_iter().collect()).await?.pop())
}

/// One of the organization's accounts, kept from changing until the transaction ends.
pub async fn lock(
    transaction: &impl ConnectionTrait,
    organization: OrganizationId,
    id: AccountId,
) -> Result<Option<Account>, StoreError> {
    let filter = Column::OrganizationId.eq(organization.to_string());
    let select = Entity::find_by_id(id.to_string()).filter(filter).lock_exclusive();
    let row = select.one(transaction).await.map_err(failed)?;
    Ok(assemble_all(transaction, row.into_iter().collect()).await?.pop())
}

/// How many there are.
pub async fn count(database: &impl ConnectionTrait, of: Of) -> Result<u64, StoreError> {
    of.filter(Entity::find()).count(database).await.map_err(failed)
}

/// Adds one.
pub async fn insert(
    transaction: &impl ConnectionTrait,
    account: &Account,
    times: Times,
) -> Result<(), StoreError> {
    let model = ActiveModel {
        id: Set(account.id.to_string()),
        organization_id: Set(account.organization.to_string()),
        service: Set(account.service.to_string()),
        user_id: Set(account.holder.user().map(|user| user.to_string())),
        credentials: Set(account.credentials.to_string()),
        lease_holder: Set(None),
        lease_fence: Set(0),
        lease_until: Set(None),
        created_by: Set(account.created_by.to_string()),
        created_at: Set(account.created_at),
        ..consented(account, times)?
    };
    Entity::insert(model).exec_without_returning(transaction).await.map_err(failed)?;
    insert_apps(transaction, account).await
}

/// Writes down what people change of one: its name, and who may use it.
pub async fn update(transaction: &impl ConnectionTrait, account: &Account) -> Result<(), StoreError> {
    let model = ActiveModel { id: Unchanged(account.id.to_string()), ..described(account) };
    model.update(transaction).await.map_err(failed)?;
    let filter = apps::Column::AccountId.eq(account.id.to_string());
    apps::Entity::delete_many().filter(filter).exec(transaction).await.map_err(failed)?;
    insert_apps(transaction, account).await
}

/// Writes down that a person consented again. A refresh that is under way writes nothing any more: its fence has passed,
/// and its intent is gone.
pub async fn reconnect(
    transaction: &impl ConnectionTrait,
    account: &Account,
    times: Times,
) -> Result<(), StoreError> {
    let model = ActiveModel { id: Unchanged(account.id.to_string()), ..consented(account, times)? };
    model.update(transaction).await.map_err(failed)?;
    end_leases(transaction, Column::Id.eq(account.id.to_string())).await?;
    super::sql(
        transaction,
        "DELETE FROM refresh_intents WHERE account_id = $1",
        [account.id.to_string().into()],
    )
    .await?;
    Ok(())
}

/// How many accounts of a service the organization has, shared and personal ones.
pub async fn count_at_service(
    database: &impl ConnectionTrait,
    organization: OrganizationId,
    service: &ServiceKey,
) -> Result<u64, StoreError> {
    at_service(organization, service).count(database).await.map_err(failed)
}

/// How many of them work.
pub async fn count_active_at_service(
    database: &impl ConnectionTrait,
    organization: OrganizationId,
    service: &ServiceKey,
) -> Result<u64, StoreError> {
    let active = Column::State.eq(AccountState::Active.as_str());
    at_service(organization, service).filter(active).count(database).await.map_err(failed)
}

fn at_service(organization: OrganizationId, service: &ServiceKey) -> Select<Entity> {
    Entity::find()
        .filter(Column::OrganizationId.eq(organization.to_string()))
        .filter(Column::Service.eq(service.as_str()))
}

/// Writes down that somebody has to connect these accounts of a service again. Answers which of them worked before.
pub async fn need_reconnect(
    transaction: &impl ConnectionTrait,
    organization: OrganizationId,
    service: &ServiceKey,
    cause: ReconnectCause,
) -> Result<Vec<AccountId>, StoreError> {
    let which = || {
        Column::OrganizationId
            .eq(organization.to_string())
            .and(Column::Service.eq(service.as_str()))
            .and(Column::State.eq(AccountState::Active.as_str()))
    };
    let ids: Vec<String> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(which())
        .order_by_asc(Column::Id)
        .lock_exclusive()
        .into_tuple()
        .all(transaction)
        .await
        .map_err(failed)?;
    end_leases(transaction, which()).await?;
    Entity::update_many()
        .col_expr(Column::State, Expr::value(AccountState::NeedsReconnect(cause).as_str()))
        .col_expr(Column::Cause, Expr::value(cause.as_str()))
        .col_expr(Column::RefreshAt, Expr::value(Option::<i64>::None))
        .col_expr(Column::NoticeDue, Expr::value(true))
        .filter(which())
        .exec(transaction)
        .await
        .map_err(failed)?;
    ids.iter().map(|id| read(TABLE, id)).collect()
}

/// Takes the lease on an account for whoever may not be disturbed by a refresh, if nobody has it.
pub async fn take_lease(
    database: &impl ConnectionTrait,
    id: AccountId,
    holder: &str,
    milliseconds: i64,
) -> Result<bool, StoreError> {
    let now = super::clock::expression(database.get_database_backend());
    let sql = format!(
        "UPDATE accounts SET lease_holder = $1, lease_fence = lease_fence + 1, lease_until = {now} + $2
         WHERE id = $3 AND (lease_until IS NULL OR lease_until < {now})"
    );
    let values = [holder.into(), milliseconds.into(), id.to_string().into()];
    Ok(super::sql(database, &sql, values).await? == 1)
}

/// Gives it back.
pub async fn end_lease(
    database: &impl ConnectionTrait,
    id: AccountId,
    holder: &str,
) -> Result<(), StoreError> {
    let sql =
        "UPDATE accounts SET lease_holder = NULL, lease_until = NULL WHERE id = $1 AND lease_holder = $2";
    super::sql(database, sql, [id.to_string().into(), holder.into()]).await?;
    Ok(())
}

async fn end_leases(
    transaction: &impl ConnectionTrait,
    of: sea_orm::sea_query::SimpleExpr,
) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::LeaseFence, Expr::col(Column::LeaseFence).add(1))
        .col_expr(Column::LeaseHolder, Expr::value(Option::<String>::None))
        .col_expr(Column::LeaseUntil, Expr::value(Option::<i64>::None))
        .filter(of)
        .exec(transaction)
        .await
        .map_err(failed)?;
    Ok(())
}

fn described(account: &Account) -> ActiveModel {
    ActiveModel {
        name: Set(account.name.to_string()),
        every_app: Set(account.usable_by == UsableBy::EveryApp),
        from_pages: Set(account.from_pages),
        version: Set(account.version),
        updated_by: Set(account.updated_by.to_string()),
        updated_at: Set(account.updated_at),
        ..<ActiveModel as ActiveModelTrait>::default()
    }
}

fn consented(account: &Account, times: Times) -> Result<ActiveModel, StoreError> {
    Ok(ActiveModel {
        variables: Set(to_json(&account.values)?),
        asked_scopes: Set(to_json(&account.asked_scopes)?),
        scopes: Set(to_json(&account.scopes)?),
        state: Set(account.state.as_str().to_owned()),
        cause: Set(account.state.cause().map(|cause| cause.as_str().to_owned())),
        generation: Set(account.generation),
        expires_at: Set(times.expires_at),
        refreshed_at: Set(times.refreshed_at),
        refresh_at: Set(times.refresh_at),
        failures: Set(0),
        failure: Set(None),
        notice_due: Set(false),
        notice_after: Set(None),
        consented_at: Set(account.consented_at),
        lease_fence: NotSet,
        ..described(account)
    })
}

async fn insert_apps(transaction: &impl ConnectionTrait, account: &Account) -> Result<(), StoreError> {
    let UsableBy::Apps(named) = &account.usable_by else { return Ok(()) };
    let rows: Vec<apps::ActiveModel> = named
        .iter()
        .map(|app| apps::ActiveModel {
            account_id: Set(account.id.to_string()),
            app_id: Set(app.to_string()),
        })
        .collect();
    if !rows.is_empty() {
        apps::Entity::insert_many(rows).exec_without_returning(transaction).await.map_err(failed)?;
    }
    Ok(())
}

/// Rows of this table as accounts.
pub async fn assemble_all(
    database: &impl ConnectionTrait,
    rows: Vec<Model>,
) -> Result<Vec<Account>, StoreError> {
    let named: Vec<String> = rows.iter().filter(|row| !row.every_app).map(|row| row.id.clone()).collect();
    let mut apps: BTreeMap<String, BTreeSet<AppId>> = BTreeMap::new();
    if !named.is_empty() {
        let filter = apps::Column::AccountId.is_in(named);
        for row in apps::Entity::find().filter(filter).all(database).await.map_err(failed)? {
            apps.entry(row.account_id).or_default().insert(read(TABLE, &row.app_id)?);
        }
    }
    rows.into_iter()
        .map(|row| {
            let named = apps.remove(&row.id).unwrap_or_default();
            assemble(row, named)
        })
        .collect()
}

fn assemble(row: Model, named: BTreeSet<AppId>) -> Result<Account, StoreError> {
    let cause = row.cause.as_deref().map(|cause| read::<ReconnectCause>(TABLE, cause)).transpose()?;
    let state = match (row.state.as_str(), cause) {
        ("active", None) => AccountState::Active,
        ("needs_reconnect", Some(cause)) => AccountState::NeedsReconnect(cause),
        _ => return Err(StoreError::Unreadable(TABLE)),
    };
    let user = row.user_id.as_deref().map(|user| read::<UserId>(TABLE, user)).transpose()?;
    Ok(Account {
        id: read(TABLE, &row.id)?,
        organization: read(TABLE, &row.organization_id)?,
        service: read(TABLE, &row.service)?,
        holder: user.map_or(AccountHolder::Shared, AccountHolder::Personal),
        name: read(TABLE, &row.name)?,
        values: from_json::<Values>(&row.variables)?,
        asked_scopes: from_json(&row.asked_scopes)?,
        scopes: from_json(&row.scopes)?,
        usable_by: if row.every_app { UsableBy::EveryApp } else { UsableBy::Apps(named) },
        from_pages: row.from_pages,
        state,
        version: row.version,
        credentials: read(TABLE, &row.credentials)?,
        generation: row.generation,
        expires_at: row.expires_at,
        failure: row.failure,
        consented_at: row.consented_at,
        created_by: read(TABLE, &row.created_by)?,
        created_at: row.created_at,
        updated_by: read(TABLE, &row.updated_by)?,
        updated_at: row.updated_at,
    })
}

pub fn to_json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Unreadable(TABLE))
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Unreadable(TABLE))
}
