//! Revocations of services, and the accounts in each.

use catalogue::ServiceKey;
use ids::{AccountId, LeaseId, OrganizationId, ServiceRevocationId};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, OnConflict};
use sea_orm::{QueryOrder as _, QuerySelect as _};
use time::OffsetDateTime;

use super::accounts::{Column as AccountColumn, Entity as Accounts};
use super::{StoreError, failed, read};
use crate::{
    AccountState, ReconnectCause, RevocationCounts, RevocationOutcome, RevokedAccount, ServiceRevocation,
};

const TABLE: &str = "service_revocations";
const ACCOUNTS: &str = "revoked_accounts";
/// How many rows are written in one statement: both stores bound the number of parameters.
const BATCH: usize = 500;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "service_revocations")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub organization_id: String,
    pub service: String,
    pub requested_by: String,
    pub started_at: OffsetDateTime,
    pub finished_at: Option<OffsetDateTime>,
    pub waits: i64,
    pub report: Option<String>,
    pub lease: Option<String>,
    pub leased_until: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

mod revoked {
    use sea_orm::entity::prelude::*;
    use time::OffsetDateTime;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "revoked_accounts")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub revocation_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub account_id: String,
        pub name: String,
        pub user_id: Option<String>,
        pub outcome: Option<String>,
        pub reason: Option<String>,
        pub attempts: i64,
        pub at: Option<OffsetDateTime>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A process's turn at a revocation: nobody else works on it for so many milliseconds, by the store's clock.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    pub revocation: ServiceRevocationId,
    pub lease: LeaseId,
    pub milliseconds: i64,
}

/// Adds one that begins. Answers whether none of the same service was under way.
pub async fn insert(
    transaction: &impl ConnectionTrait,
    revocation: &ServiceRevocation,
    accounts: &[RevokedAccount],
) -> Result<bool, StoreError> {
    let model = ActiveModel {
        id: Set(revocation.id.to_string()),
        organization_id: Set(revocation.organization.to_string()),
        service: Set(revocation.service.to_string()),
        requested_by: Set(revocation.requested_by.to_string()),
        started_at: Set(revocation.started_at),
        finished_at: Set(None),
        waits: Set(0),
        report: Set(None),
        lease: Set(None),
        leased_until: Set(0),
    };
    let inserted = Entity::insert(model)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(transaction)
        .await
        .map_err(failed)?;
    if inserted == 0 {
        return Ok(false);
    }
    for accounts in accounts.chunks(BATCH) {
        let rows = accounts.iter().map(|account| revoked::ActiveModel {
            revocation_id: Set(revocation.id.to_string()),
            account_id: Set(account.id.to_string()),
            name: Set(account.name.clone()),
            user_id: Set(account.user.map(|user| user.to_string())),
            outcome: Set(None),
            reason: Set(None),
            attempts: Set(0),
            at: Set(None),
        });
        revoked::Entity::insert_many(rows).exec_without_returning(transaction).await.map_err(failed)?;
    }
    Ok(true)
}

/// From now on nothing uses the accounts of a service. A refresh that is under way may still write down what it got: that is
/// what has to be revoked.
pub async fn stop_all(
    transaction: &impl ConnectionTrait,
    organization: OrganizationId,
    service: &ServiceKey,
) -> Result<(), StoreError> {
    let state = AccountState::NeedsReconnect(ReconnectCause::Revoked);
    let all = || {
        AccountColumn::OrganizationId
            .eq(organization.to_string())
            .and(AccountColumn::Service.eq(service.as_str()))
    };
    Accounts::update_many()
        .col_expr(AccountColumn::NoticeDue, Expr::value(true))
        .filter(all())
        .filter(AccountColumn::State.eq(AccountState::Active.as_str()))
        .exec(transaction)
        .await
        .map_err(failed)?;
    Accounts::update_many()
        .col_expr(AccountColumn::State, Expr::value(state.as_str()))
        .col_expr(AccountColumn::Cause, Expr::value(ReconnectCause::Revoked.as_str()))
        .col_expr(AccountColumn::RefreshAt, Expr::value(None::<i64>))
        .filter(all())
        .exec(transaction)
        .await
        .map_err(failed)?;
    Ok(())
}

/// Makes sure that no refresh of an account writes anything from now on, unless one has sent something. Answers whether none
/// has: whoever has a lease and sent nothing yet sends nothing any more.
pub async fn stop_refreshes(database: &impl ConnectionTrait, account: AccountId) -> Result<bool, StoreError> {
    let now = super::clock::expression(database.get_database_backend());
    let sql = format!(
        "UPDATE accounts SET lease_holder = NULL, lease_until = NULL, lease_fence = lease_fence + 1
         WHERE id = $1 AND (lease_until IS NULL OR lease_until < {now}
             OR NOT EXISTS (SELECT 1 FROM refresh_intents WHERE account_id = accounts.id))"
    );
    Ok(super::sql(database, &sql, [account.to_string().into()]).await? == 1)
}

/// Writes down that what proves an account was destroyed.
pub async fn forget_tokens(transaction: &impl ConnectionTrait, account: AccountId) -> Result<(), StoreError> {
    let id = account.to_string();
    let sql = "UPDATE accounts SET generation = generation + 1, expires_at = NULL WHERE id = $1";
    super::sql(transaction, sql, [id.clone().into()]).await?;
    super::sql(transaction, "DELETE FROM refresh_intents WHERE account_id = $1", [id.into()]).await?;
    Ok(())
}

/// The latest revocations of the organization, of one service or all, newest first, at most so many before one.
pub async fn list(
    database: &impl ConnectionTrait,
    organization: OrganizationId,
    service: Option<&ServiceKey>,
    before: Option<ServiceRevocationId>,
    most: usize,
) -> Result<Vec<ServiceRevocation>, StoreError> {
    let mut select = Entity::find().filter(Column::OrganizationId.eq(organization.to_string()));
    if let Some(service) = service {
        select = select.filter(Column::Service.eq(service.as_str()));
    }
    if let Some(before) = before {
        select = select.filter(Column::Id.lt(before.to_string()));
    }
    let most = u64::try_from(most).unwrap_or(u64::MAX);
    let rows = select.order_by_desc(Column::Id).limit(most).all(database).await.map_err(failed)?;
    let mut found = Vec::new();
    for row in rows {
        found.push(assemble(database, row).await?.0);
    }
    Ok(found)
}

/// One of them, with its report as it was kept.
pub async fn find(
    database: &impl ConnectionTrait,
    organization: OrganizationId,
    id: ServiceRevocationId,
) -> Result<Option<(ServiceRevocation, Option<String>)>, StoreError> {
    let filter = Column::OrganizationId.eq(organization.to_string());
    let row = Entity::find_by_id(id.to_string()).filter(filter).one(database).await.map_err(failed)?;
    match row {
        Some(row) => Ok(Some(assemble(database, row).await?)),
        None => Ok(None),
    }
}

/// Those that are under way, oldest first.
pub async fn running(database: &impl ConnectionTrait) -> Result<Vec<ServiceRevocation>, StoreError> {
    let select = Entity::find().filter(Column::FinishedAt.is_null()).order_by_asc(Column::Id);
    let mut found = Vec::new();
    for row in select.all(database).await.map_err(failed)? {
        found.push(assemble(database, row).await?.0);
    }
    Ok(found)
}

/// The one of a service that is under way.
pub async fn under_way(
    database: &impl ConnectionTrait,
    organization: OrganizationId,
    service: &ServiceKey,
) -> Result<Option<ServiceRevocationId>, StoreError> {
    let id: Option<String> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::OrganizationId.eq(organization.to_string()))
        .filter(Column::Service.eq(service.as_str()))
        .filter(Column::FinishedAt.is_null())
        .into_tuple()
        .one(database)
        .await
        .map_err(failed)?;
    id.map(|id| read(TABLE, &id)).transpose()
}

/// The revocation in which an account waits to be revoked: it is not connected again before that.
pub async fn awaits(
    database: &impl ConnectionTrait,
    account: AccountId,
) -> Result<Option<ServiceRevocationId>, StoreError> {
    let id: Option<String> = revoked::Entity::find()
        .select_only()
        .column(revoked::Column::RevocationId)
        .filter(revoked::Column::AccountId.eq(account.to_string()))
        .filter(revoked::Column::Outcome.is_null())
        .into_tuple()
        .one(database)
        .await
        .map_err(failed)?;
    id.map(|id| read(ACCOUNTS, &id)).transpose()
}

/// The next accounts that wait, at most so many after one.
pub async fn waiting(
    database: &impl ConnectionTrait,
    revocation: ServiceRevocationId,
    after: Option<AccountId>,
    most: u64,
) -> Result<Vec<RevokedAccount>, StoreError> {
    let mut select = of(revocation).filter(revoked::Column::Outcome.is_null()).limit(most);
    if let Some(after) = after {
        select = select.filter(revoked::Column::AccountId.gt(after.to_string()));
    }
    let rows = select.all(database).await.map_err(failed)?;
    rows.into_iter().map(assemble_account).collect()
}

/// All accounts of one.
pub async fn accounts(
    database: &impl ConnectionTrait,
    revocation: ServiceRevocationId,
) -> Result<Vec<RevokedAccount>, StoreError> {
    let rows = of(revocation).all(database).await.map_err(failed)?;
    rows.into_iter().map(assemble_account).collect()
}

fn of(revocation: ServiceRevocationId) -> Select<revoked::Entity> {
    revoked::Entity::find()
        .filter(revoked::Column::RevocationId.eq(revocation.to_string()))
        .order_by_asc(revoked::Column::AccountId)
}

/// Writes down what became of an account. Answers whether it had been waiting.
pub async fn settle(
    transaction: &impl ConnectionTrait,
    revocation: ServiceRevocationId,
    account: AccountId,
    outcome: RevocationOutcome,
    attempts: u32,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let updated = revoked::Entity::update_many()
        .col_expr(revoked::Column::Attempts, Expr::col(revoked::Column::Attempts).add(i64::from(attempts)))
        .col_expr(revoked::Column::Outcome, Expr::value(outcome.as_str()))
        .col_expr(revoked::Column::Reason, Expr::value(outcome.reason()))
        .col_expr(revoked::Column::At, Expr::value(now))
        .filter(revoked::Column::RevocationId.eq(revocation.to_string()))
        .filter(revoked::Column::AccountId.eq(account.to_string()))
        .filter(revoked::Column::Outcome.is_null())
        .exec(transaction)
        .await
        .map_err(failed)?;
    Ok(updated.rows_affected > 0)
}

/// Takes the turn at a revocation that is under way and that nobody has to themselves.
pub async fn claim(database: &impl ConnectionTrait, turn: Turn) -> Result<bool, StoreError> {
    let now = super::clock::expression(database.get_database_backend());
    let sql = format!(
        "UPDATE service_revocations SET lease = $1, leased_until = {now} + $2
         WHERE id = $3 AND finished_at IS NULL AND (lease IS NULL OR leased_until < {now})"
    );
    let Turn { revocation, lease, milliseconds } = turn;
    let values = [lease.to_string().into(), milliseconds.into(), revocation.to_string().into()];
    Ok(super::sql(database, &sql, values).await? == 1)
}

/// Keeps the turn for longer, and counts how often the service asked to wait in it. Answers whether it was still ours.
pub async fn keep(database: &impl ConnectionTrait, turn: Turn, waits: u64) -> Result<bool, StoreError> {
    let now = super::clock::expression(database.get_database_backend());
    let sql = format!(
        "UPDATE service_revocations SET waits = waits + $1, leased_until = {now} + $2
         WHERE id = $3 AND finished_at IS NULL AND lease = $4"
    );
    let Turn { revocation, lease, milliseconds } = turn;
    let waits = i64::try_from(waits).unwrap_or(i64::MAX);
    let values = [waits.into(), milliseconds.into(), revocation.to_string().into(), lease.to_string().into()];
    Ok(super::sql(database, &sql, values).await? == 1)
}

/// Leaves the revocation to whoever comes next.
pub async fn release(database: &impl ConnectionTrait, turn: Turn) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::Lease, Expr::value(None::<String>))
        .filter(mine(turn))
        .exec(database)
        .await
        .map_err(failed)?;
    Ok(())
}

/// Ends a revocation of which no account waits. Answers whether the turn was still ours.
pub async fn finish(
    transaction: &impl ConnectionTrait,
    turn: Turn,
    report: String,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let updated = Entity::update_many()
        .col_expr(Column::FinishedAt, Expr::value(now))
        .col_expr(Column::Report, Expr::value(report))
        .col_expr(Column::Lease, Expr::value(None::<String>))
        .filter(mine(turn))
        .exec(transaction)
        .await
        .map_err(failed)?;
    Ok(updated.rows_affected > 0)
}

fn mine(turn: Turn) -> sea_orm::sea_query::SimpleExpr {
    Column::Id
        .eq(turn.revocation.to_string())
        .and(Column::Lease.eq(turn.lease.to_string()))
        .and(Column::FinishedAt.is_null())
}

async fn counts(
    database: &impl ConnectionTrait,
    revocation: ServiceRevocationId,
) -> Result<RevocationCounts, StoreError> {
    let rows: Vec<(Option<String>, Option<String>, i64)> = revoked::Entity::find()
        .select_only()
        .column(revoked::Column::Outcome)
        .column(revoked::Column::Reason)
        .column_as(revoked::Column::AccountId.count(), "number")
        .filter(revoked::Column::RevocationId.eq(revocation.to_string()))
        .group_by(revoked::Column::Outcome)
        .group_by(revoked::Column::Reason)
        .into_tuple()
        .all(database)
        .await
        .map_err(failed)?;
    let mut counts = RevocationCounts::default();
    for (outcome, reason, number) in rows {
        counts.add(read_outcome(outcome, reason)?, u64::try_from(number).unwrap_or_default());
    }
    Ok(counts)
}

fn read_outcome(
    outcome: Option<String>,
    reason: Option<String>,
) -> Result<Option<RevocationOutcome>, StoreError> {
    let text = match (outcome, reason) {
        (None, _) => return Ok(None),
        (Some(outcome), None) => outcome,
        (Some(outcome), Some(reason)) => format!("{outcome}:{reason}"),
    };
    read(ACCOUNTS, &text).map(Some)
}

async fn assemble(
    database: &impl ConnectionTrait,
    row: Model,
) -> Result<(ServiceRevocation, Option<String>), StoreError> {
    let id = read(TABLE, &row.id)?;
    let revocation = ServiceRevocation {
        id,
        organization: read(TABLE, &row.organization_id)?,
        service: read(TABLE, &row.service)?,
        requested_by: read(TABLE, &row.requested_by)?,
        started_at: row.started_at,
        finished_at: row.finished_at,
        waits: u64::try_from(row.waits).map_err(|_| StoreError::Unreadable(TABLE))?,
        counts: counts(database, id).await?,
    };
    Ok((revocation, row.report))
}

fn assemble_account(row: revoked::Model) -> Result<RevokedAccount, StoreError> {
    Ok(RevokedAccount {
        id: read(ACCOUNTS, &row.account_id)?,
        name: row.name,
        user: row.user_id.map(|user| read(ACCOUNTS, &user)).transpose()?,
        outcome: read_outcome(row.outcome, row.reason)?,
        attempts: u32::try_from(row.attempts).map_err(|_| StoreError::Unreadable(ACCOUNTS))?,
        at: row.at,
    })
}
