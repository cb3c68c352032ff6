//! Writing a batch: one transaction, whole or not at all, and the same when it is written twice.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use ids::AppId;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbErr, SqliteTransactionMode, Statement, TransactionOptions,
    TransactionTrait, Value,
};

use super::{Store, failed};
use crate::seen_paths::{MOST_OF_AN_APP, SeenPath};
use crate::{DecisionError, DecisionRecord};

/// How many rows are inserted by one statement. Few lengths, so that each is prepared once.
pub(super) const LENGTHS: [usize; 3] = [128, 16, 1];

const COLUMNS: usize = 8;

/// What is written together.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub records: Vec<DecisionRecord>,
    /// Snapshots by digest that may not be there yet, or were not used today.
    pub snapshots: Vec<(String, String)>,
    pub seen: Vec<SeenPath>,
    /// The day on which it is written.
    pub day: i32,
}

impl Store {
    /// Writes a batch.
    pub(crate) async fn write(&self, batch: &Batch) -> Result<(), DecisionError> {
        let options = TransactionOptions {
            // Waits its turn, instead of failing when somebody else wrote meanwhile.
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let rows: Result<Vec<[Value; COLUMNS]>, DecisionError> = batch.records.iter().map(row).collect();
        let rows = rows?;
        let transaction = self.database.begin_with_options(options).await.map_err(failed)?;
        self.insert_records(&transaction, rows).await.map_err(failed)?;
        keep_snapshots(&transaction, batch).await.map_err(failed)?;
        keep_seen(&transaction, &batch.seen).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)
    }

    async fn insert_records(
        &self,
        transaction: &DatabaseTransaction,
        rows: Vec<[Value; COLUMNS]>,
    ) -> Result<(), DbErr> {
        let backend = transaction.get_database_backend();
        let mut left = rows.len();
        let mut rows = rows.into_iter();
        for (length, sql) in self.inserts.iter() {
            while left >= *length {
                let values: Vec<Value> = rows.by_ref().take(*length).flatten().collect();
                transaction.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
                left -= length;
            }
        }
        Ok(())
    }
}

/// The statement that inserts so many decisions.
pub(super) fn insert(length: usize) -> String {
    let columns = "id, organization_id, app_id, user_id, allowed, path, policy, record";
    let values = rows_of_values(length, COLUMNS);
    format!("INSERT INTO decisions ({columns}) VALUES {values} ON CONFLICT (id) DO NOTHING")
}

/// `($1,$2),($3,$4)`: so many rows of so many columns.
fn rows_of_values(rows: usize, columns: usize) -> String {
    let mut text = String::new();
    for number in 0..rows * columns {
        let before = match number {
            0 => "(",
            number if number % columns == 0 => "),(",
            _ => ",",
        };
        // Writing to a String cannot fail.
        let _ = write!(text, "{before}${}", number + 1);
    }
    text.push(')');
    text
}

fn row(record: &DecisionRecord) -> Result<[Value; COLUMNS], DecisionError> {
    let text = serde_json::to_string(record).map_err(|_| DecisionError::Unreadable("decisions"))?;
    Ok([
        record.id.to_string().into(),
        record.organization.to_string().into(),
        record.app.to_string().into(),
        record.user.to_string().into(),
        record.was_allowed().into(),
        record.judged_path().into(),
        record.policy.clone().into(),
        text.into(),
    ])
}

async fn keep_snapshots(transaction: &DatabaseTransaction, batch: &Batch) -> Result<(), DbErr> {
    let sql = "INSERT INTO policy_snapshots (digest, policy, last_used_day) VALUES ($1, $2, $3) \
               ON CONFLICT (digest) DO UPDATE SET last_used_day = excluded.last_used_day";
    let backend = transaction.get_database_backend();
    for (digest, policy) in &batch.snapshots {
        let values = [digest.as_str().into(), policy.as_str().into(), batch.day.into()];
        transaction.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    }
    Ok(())
}

async fn keep_seen(transaction: &DatabaseTransaction, seen: &[SeenPath]) -> Result<(), DbErr> {
    if seen.is_empty() {
        return Ok(());
    }
    let backend = transaction.get_database_backend();
    let full = full_apps(transaction, seen).await?;
    let (known, open): (Vec<&SeenPath>, Vec<&SeenPath>) =
        seen.iter().partition(|request| full.contains(&request.app));
    if !open.is_empty() {
        let sql = format!(
            "INSERT INTO seen_paths (id, organization_id, app_id, method, paths, under_every_rule, last_day) \
             VALUES {} ON CONFLICT (id) DO UPDATE SET last_day = excluded.last_day",
            rows_of_values(open.len(), 7)
        );
        let values = open.iter().flat_map(|request| {
            [
                request.id.as_str().into(),
                request.organization.to_string().into(),
                request.app.to_string().into(),
                request.method.as_str().into(),
                request.paths.as_str().into(),
                request.under_every_rule.into(),
                request.day.into(),
            ]
        });
        let statement = Statement::from_sql_and_values(backend, sql, values.collect::<Vec<Value>>());
        transaction.execute_raw(statement).await?;
    }
    // Where there is no room, those that are listed stay so.
    for request in known {
        let sql = "UPDATE seen_paths SET last_day = $1 WHERE id = $2";
        let values = [request.day.into(), request.id.as_str().into()];
        transaction.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    }
    Ok(())
}

/// The apps among these whose list has no room.
async fn full_apps(transaction: &DatabaseTransaction, seen: &[SeenPath]) -> Result<BTreeSet<AppId>, DbErr> {
    let mut coming: BTreeMap<AppId, u64> = BTreeMap::new();
    for request in seen {
        *coming.entry(request.app).or_default() += 1;
    }
    let mut full = BTreeSet::new();
    for (app, coming) in coming {
        let sql = "SELECT COUNT(*) AS number FROM seen_paths WHERE app_id = $1";
        let values = [app.to_string().into()];
        let statement = Statement::from_sql_and_values(transaction.get_database_backend(), sql, values);
        let row = transaction.query_one_raw(statement).await?;
        let there: i64 = row.map(|row| row.try_get("", "number")).transpose()?.unwrap_or_default();
        if u64::try_from(there).unwrap_or_default() + coming > MOST_OF_AN_APP {
            full.insert(app);
        }
    }
    Ok(full)
}
