//! Leases, intents and times of refreshes. Every instant is the store's, in milliseconds since 1970: processes whose clocks
//! differ agree on it.

use std::time::Duration;

use catalogue::ServiceKey;
use ids::{AccountId, OrganizationId};
use sea_orm::{FromQueryResult as _, QueryResult, Statement, Value};

use super::accounts::{self, Times};
use super::{ConnectionTrait, StoreError, clock, failed, read, sql};
use crate::refresh::Room;
use crate::{Account, AccountState, ReconnectCause};

const TABLE: &str = "accounts";

/// An account whose tokens are to be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    pub id: AccountId,
    pub organization: OrganizationId,
    pub service: ServiceKey,
    pub generation: i64,
}

/// The right to refresh an account, until it ends or somebody takes it over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    pub id: AccountId,
    /// Of which tokens.
    pub generation: i64,
    /// Counts those who had the right; whoever has an older one writes nothing.
    pub fence: i64,
}

/// A lease, and what it is on.
#[derive(Debug)]
pub struct Claimed {
    pub lease: Lease,
    /// As it was read with the lease.
    pub account: Result<Account, StoreError>,
    /// When that was.
    pub now: i64,
    /// Whether somebody left an intent.
    pub has_intent: bool,
}

/// How things stand with an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub state: AccountState,
    pub generation: i64,
    pub fence: i64,
    /// Whether somebody has the lease now.
    pub leased: bool,
    pub refreshed_at: i64,
    pub expires_at: Option<i64>,
    pub refresh_at: Option<i64>,
    pub failures: i64,
    /// Now.
    pub now: i64,
}

/// A refresh that began, and of whose end nothing is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Of which tokens.
    pub generation: i64,
    /// The digest of what was sent.
    pub token_hash: Vec<u8>,
    /// When it was first sent.
    pub begun_at: i64,
}

/// Accounts whose tokens are to be replaced, those whose access ends first before others, at most so many and without those
/// of some rooms. Those count whose lease is over, too: whoever had it may have left an intent.
pub async fn due(
    database: &impl ConnectionTrait,
    now: i64,
    but: &[Room],
    most: u64,
) -> Result<Vec<Due>, StoreError> {
    let mut values: Vec<Value> = vec![
        now.into(),
        AccountState::Active.as_str().into(),
        i64::try_from(most).unwrap_or(i64::MAX).into(),
    ];
    let mut without = String::new();
    for room in but {
        let mut place = |value: Value| {
            values.push(value);
            values.len()
        };
        without.push_str(&match room {
            Room::Service(service) => format!(" AND service <> ${}", place(service.as_str().into())),
            Room::ImportedService(organization, service) => format!(
                " AND (organization_id <> ${} OR service <> ${})",
                place(organization.to_string().into()),
                place(service.as_str().into())
            ),
            Room::Organization(organization) => {
                format!(" AND organization_id <> ${}", place(organization.to_string().into()))
            }
        });
    }
    let statement = format!(
        "SELECT id, organization_id, service, generation FROM accounts \
         WHERE state = $2 AND ((refresh_at <= $1 AND lease_until IS NULL) \
             OR (lease_until <= $1 AND (failures = 0 OR refresh_at <= $1))){without} \
         ORDER BY COALESCE(expires_at, refresh_at) LIMIT $3"
    );
    let rows = all(database, &statement, values).await?;
    Ok(rows.iter().filter_map(|row| readable(row, due_of(row))).collect())
}

fn due_of(row: &QueryResult) -> Result<Due, StoreError> {
    Ok(Due {
        id: read(TABLE, &column::<String>(row, "id")?)?,
        organization: read(TABLE, &column::<String>(row, "organization_id")?)?,
        service: read(TABLE, &column::<String>(row, "service")?)?,
        generation: column(row, "generation")?,
    })
}

/// What was read of a row; a row that somebody spoilt holds up no others.
fn readable<T>(row: &QueryResult, was_read: Result<T, StoreError>) -> Option<T> {
    was_read
        .inspect_err(|error| {
            let id = column::<String>(row, "id").unwrap_or_default();
            tracing::error!(error = error as &dyn std::error::Error, id, "an account's row cannot be read");
        })
        .ok()
}

/// Takes the lease, if nobody has it, these tokens are still the newest, and no back-off is under way.
pub async fn claim(
    database: &impl ConnectionTrait,
    id: AccountId,
    generation: i64,
    holder: &str,
    lease: Duration,
) -> Result<Option<Claimed>, StoreError> {
    let now = clock::expression(database.get_database_backend());
    let statement = format!(
        "UPDATE accounts SET lease_holder = $1, lease_fence = lease_fence + 1, lease_until = {now} + $2 \
         WHERE id = $3 AND generation = $4 AND state = $5 AND (lease_until IS NULL OR lease_until <= {now}) \
             AND (failures = 0 OR refresh_at <= {now}) \
         RETURNING *, {now} AS now, \
             EXISTS (SELECT 1 FROM refresh_intents WHERE account_id = accounts.id) AS has_intent"
    );
    let values = [
        holder.into(),
        milliseconds(lease).into(),
        id.to_string().into(),
        generation.into(),
        AccountState::Active.as_str().into(),
    ];
    let Some(row) = one(database, &statement, values).await? else { return Ok(None) };
    Ok(Some(Claimed {
        lease: Lease { id, generation, fence: column(&row, "lease_fence")? },
        account: account_of(database, &row).await,
        now: column(&row, "now")?,
        has_intent: column(&row, "has_intent")?,
    }))
}

/// How things stand.
pub async fn standing(
    database: &impl ConnectionTrait,
    id: AccountId,
) -> Result<Option<Standing>, StoreError> {
    let now = clock::expression(database.get_database_backend());
    let statement = format!("SELECT *, {now} AS now FROM accounts WHERE id = $1");
    let row = one(database, &statement, [id.to_string().into()]).await?;
    row.map(|row| standing_of(&row)).transpose()
}

/// How things stand, and the account; kept so until the transaction ends.
pub async fn lock(
    transaction: &impl ConnectionTrait,
    id: AccountId,
) -> Result<Option<(Standing, Account)>, StoreError> {
    let backend = transaction.get_database_backend();
    let now = clock::expression(backend);
    let lock = if backend == sea_orm::DatabaseBackend::Postgres { "FOR UPDATE" } else { "" };
    let statement = format!("SELECT *, {now} AS now FROM accounts WHERE id = $1 {lock}");
    let Some(row) = one(transaction, &statement, [id.to_string().into()]).await? else { return Ok(None) };
    Ok(Some((standing_of(&row)?, account_of(transaction, &row).await?)))
}

fn standing_of(row: &QueryResult) -> Result<Standing, StoreError> {
    let now: i64 = column(row, "now")?;
    let cause: Option<String> = column(row, "cause")?;
    let state = match cause {
        None => AccountState::Active,
        Some(cause) => AccountState::NeedsReconnect(read::<ReconnectCause>(TABLE, &cause)?),
    };
    Ok(Standing {
        state,
        generation: column(row, "generation")?,
        fence: column(row, "lease_fence")?,
        leased: column::<Option<i64>>(row, "lease_until")?.is_some_and(|until| until > now),
        refreshed_at: column(row, "refreshed_at")?,
        expires_at: column(row, "expires_at")?,
        refresh_at: column(row, "refresh_at")?,
        failures: column(row, "failures")?,
        now,
    })
}

async fn account_of(database: &impl ConnectionTrait, row: &QueryResult) -> Result<Account, StoreError> {
    let row = accounts::Model::from_query_result(row, "").map_err(failed)?;
    accounts::assemble_all(database, vec![row]).await?.pop().ok_or(StoreError::Unreadable(TABLE))
}

/// The refresh of an account of whose end nothing is known.
pub async fn intent(database: &impl ConnectionTrait, id: AccountId) -> Result<Option<Intent>, StoreError> {
    let statement = "SELECT generation, token_hash, begun_at FROM refresh_intents WHERE account_id = $1";
    let Some(row) = one(database, statement, [id.to_string().into()]).await? else { return Ok(None) };
    Ok(Some(Intent {
        generation: column(&row, "generation")?,
        token_hash: column(&row, "token_hash")?,
        begun_at: column(&row, "begun_at")?,
    }))
}

/// Writes down that this is about to be sent; `begun_at` is when it was first sent, if it is sent again. Answers false if
/// somebody else has the lease.
pub async fn intend(
    database: &impl ConnectionTrait,
    lease: Lease,
    token_hash: &[u8],
    begun_at: Option<i64>,
) -> Result<bool, StoreError> {
    let now = clock::expression(database.get_database_backend());
    let statement = format!(
        "INSERT INTO refresh_intents (account_id, generation, fence, token_hash, begun_at) \
         SELECT id, generation, lease_fence, $4, COALESCE($5, {now}) FROM accounts \
         WHERE id = $1 AND lease_fence = $2 AND generation = $3 \
         ON CONFLICT (account_id) DO UPDATE SET generation = excluded.generation, fence = excluded.fence, \
             token_hash = excluded.token_hash, begun_at = excluded.begun_at"
    );
    let values: [Value; 5] = [
        lease.id.to_string().into(),
        lease.fence.into(),
        lease.generation.into(),
        token_hash.to_vec().into(),
        begun_at.into(),
    ];
    Ok(sql(database, &statement, values).await? == 1)
}

/// Takes the intent back: nothing was sent, or the service spent nothing.
pub async fn take_back(database: &impl ConnectionTrait, lease: Lease) -> Result<(), StoreError> {
    let statement = "DELETE FROM refresh_intents WHERE account_id = $1 AND fence = $2";
    sql(database, statement, [lease.id.to_string().into(), lease.fence.into()]).await?;
    Ok(())
}

/// Gives the lease back after a failure; the next attempt comes after `pause`.
pub async fn give_back(
    database: &impl ConnectionTrait,
    lease: Lease,
    pause: Duration,
    failure: &str,
) -> Result<(), StoreError> {
    let now = clock::expression(database.get_database_backend());
    let statement = format!(
        "UPDATE accounts SET lease_holder = NULL, lease_until = NULL, failures = failures + 1, refresh_at = {now} + $1, \
             failure = $5 \
         WHERE id = $2 AND lease_fence = $3 AND generation = $4"
    );
    let values: [Value; 5] = [
        milliseconds(pause).into(),
        lease.id.to_string().into(),
        lease.fence.into(),
        lease.generation.into(),
        failure.into(),
    ];
    sql(database, &statement, values).await?;
    Ok(())
}

/// Gives the lease back; there is nothing to do before `refresh_at`.
pub async fn put_off(
    database: &impl ConnectionTrait,
    lease: Lease,
    refresh_at: Option<i64>,
) -> Result<(), StoreError> {
    let statement = "UPDATE accounts SET lease_holder = NULL, lease_until = NULL, refresh_at = $1 \
                     WHERE id = $2 AND lease_fence = $3 AND generation = $4";
    let values: [Value; 4] =
        [refresh_at.into(), lease.id.to_string().into(), lease.fence.into(), lease.generation.into()];
    sql(database, statement, values).await?;
    Ok(())
}

/// An account with new tokens, and when they end and are to be replaced.
#[derive(Clone, Copy, Debug)]
pub struct Renewed<'a> {
    pub account: &'a Account,
    pub times: Times,
}

/// Writes down that there are new tokens. The row is locked and was judged. An account that is being revoked stays unused.
pub async fn renewed(
    transaction: &impl ConnectionTrait,
    Renewed { account, times }: Renewed<'_>,
) -> Result<(), StoreError> {
    let statement = "UPDATE accounts SET generation = $1, \
             state = CASE WHEN cause = $9 THEN state ELSE $2 END, cause = CASE WHEN cause = $9 THEN cause END, \
             notice_due = CASE WHEN cause = $9 THEN notice_due ELSE FALSE END, \
             variables = $3, scopes = $4, refreshed_at = $5, expires_at = $6, \
             refresh_at = CASE WHEN cause = $9 THEN NULL ELSE $7 END, failures = 0, failure = NULL, \
             lease_holder = NULL, lease_until = NULL \
         WHERE id = $8";
    let values: [Value; 9] = [
        account.generation.into(),
        AccountState::Active.as_str().into(),
        accounts::to_json(&account.values)?.into(),
        accounts::to_json(&account.scopes)?.into(),
        times.refreshed_at.into(),
        times.expires_at.into(),
        times.refresh_at.into(),
        account.id.to_string().into(),
        ReconnectCause::Revoked.as_str().into(),
    ];
    sql(transaction, statement, values).await?;
    forget_intent(transaction, account.id).await
}

/// Writes down that a person has to connect an account again. Answers false if somebody else has the lease or there are
/// newer tokens: then they may be good.
pub async fn lost(
    transaction: &impl ConnectionTrait,
    lease: Lease,
    cause: ReconnectCause,
) -> Result<bool, StoreError> {
    let statement = "UPDATE accounts SET state = $1, cause = $2, notice_due = TRUE, refresh_at = NULL, failures = 0, failure = NULL, \
             lease_holder = NULL, lease_until = NULL \
         WHERE id = $3 AND lease_fence = $4 AND generation = $5 AND state = $6";
    let values = [
        AccountState::NeedsReconnect(cause).as_str().into(),
        cause.as_str().into(),
        lease.id.to_string().into(),
        lease.fence.into(),
        lease.generation.into(),
        AccountState::Active.as_str().into(),
    ];
    if sql(transaction, statement, values).await? == 0 {
        return Ok(false);
    }
    forget_intent(transaction, lease.id).await?;
    Ok(true)
}

/// Accounts of which somebody has to be told that they need them, and of which nobody is telling at the moment.
pub async fn with_notice(database: &impl ConnectionTrait, most: u64) -> Result<Vec<AccountId>, StoreError> {
    let now = clock::expression(database.get_database_backend());
    let statement = format!(
        "SELECT id FROM accounts WHERE notice_due AND (notice_after IS NULL OR notice_after <= {now}) ORDER BY id LIMIT $1"
    );
    let rows = all(database, &statement, [i64::try_from(most).unwrap_or(i64::MAX).into()]).await?;
    let id = |row: &QueryResult| read(TABLE, &column::<String>(row, "id")?);
    Ok(rows.iter().filter_map(|row| readable(row, id(row))).collect())
}

/// Leaves telling of an account to this process for a while. Answers false if another one is telling. The refresh's lease has
/// nothing to do with it: a mail server that is away must not keep anybody from disconnecting an account.
pub async fn claim_notice(
    database: &impl ConnectionTrait,
    id: AccountId,
    pause: Duration,
) -> Result<bool, StoreError> {
    let now = clock::expression(database.get_database_backend());
    let statement = format!(
        "UPDATE accounts SET notice_after = {now} + $1 \
         WHERE id = $2 AND notice_due AND (notice_after IS NULL OR notice_after <= {now})"
    );
    Ok(sql(database, &statement, [milliseconds(pause).into(), id.to_string().into()]).await? == 1)
}

/// Writes down that somebody was told.
pub async fn told(database: &impl ConnectionTrait, id: AccountId) -> Result<(), StoreError> {
    let statement = "UPDATE accounts SET notice_due = FALSE, notice_after = NULL WHERE id = $1";
    sql(database, statement, [id.to_string().into()]).await?;
    Ok(())
}

async fn forget_intent(database: &impl ConnectionTrait, id: AccountId) -> Result<(), StoreError> {
    sql(database, "DELETE FROM refresh_intents WHERE account_id = $1", [id.to_string().into()]).await?;
    Ok(())
}

async fn all(
    database: &impl ConnectionTrait,
    statement: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<QueryResult>, StoreError> {
    let statement = Statement::from_sql_and_values(database.get_database_backend(), statement, values);
    database.query_all_raw(statement).await.map_err(failed)
}

async fn one(
    database: &impl ConnectionTrait,
    statement: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Option<QueryResult>, StoreError> {
    let statement = Statement::from_sql_and_values(database.get_database_backend(), statement, values);
    database.query_one_raw(statement).await.map_err(failed)
}

fn column<T: sea_orm::TryGetable>(row: &QueryResult, name: &str) -> Result<T, StoreError> {
    row.try_get("", name).map_err(failed)
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
