//! Filling an empty store, all of it or nothing.

use sea_orm::{ConnectionTrait as _, DatabaseBackend, DatabaseConnection, DatabaseTransaction, Statement};
use time::OffsetDateTime;

use super::{failed, quoted};
use crate::BackupError;
use crate::schema::Table;
use crate::value::{Fields, Kind, Value};

/// How many values a statement has at most: SQLite takes 32,766, PostgreSQL 65,535.
const MOST_VALUES: usize = 8_000;

/// How many bytes of rows wait for a statement at most.
const MOST_BYTES: usize = 1024 * 1024;

/// A transaction in which nobody else migrates or restores.
pub async fn begin(database: &DatabaseConnection) -> Result<DatabaseTransaction, BackupError> {
    migrations::begin(database).await.map_err(failed)
}

/// Applies what is missing of the first `number` migrations.
pub async fn migrate_to(transaction: &DatabaseTransaction, number: usize) -> Result<(), BackupError> {
    migrations::migrate_to(transaction, number).await.map(drop).map_err(failed)
}

/// Makes what was written last.
pub async fn commit(transaction: DatabaseTransaction) -> Result<(), BackupError> {
    transaction.commit().await.map_err(failed)
}

/// Writes the rows of a table, many at a time.
pub struct Inserter<'a> {
    transaction: &'a DatabaseTransaction,
    table: Table,
    waiting: Vec<sea_orm::Value>,
    bytes: usize,
}

impl<'a> Inserter<'a> {
    pub fn new(transaction: &'a DatabaseTransaction, table: &Table) -> Self {
        Self { transaction, table: table.clone(), waiting: Vec::new(), bytes: 0 }
    }

    pub async fn add(&mut self, row: &[u8]) -> Result<(), BackupError> {
        let mut fields = Fields::new(row);
        for column in &self.table.columns {
            self.waiting.push(bound(fields.value()?, column.kind)?);
        }
        fields.end()?;
        self.bytes += row.len();
        if self.waiting.len() + self.table.columns.len() > MOST_VALUES || self.bytes > MOST_BYTES {
            self.flush().await?;
        }
        Ok(())
    }

    /// Writes what waits.
    pub async fn flush(&mut self) -> Result<(), BackupError> {
        let values = std::mem::take(&mut self.waiting);
        self.bytes = 0;
        if values.is_empty() {
            return Ok(());
        }
        let columns: Vec<_> = self.table.columns.iter().map(|column| quoted(&column.name)).collect();
        let backend = self.transaction.get_database_backend();
        let mut rows = String::new();
        for at in 0..values.len() {
            rows.push_str(match (at, at % columns.len()) {
                (0, _) => "(",
                (_, 0) => "), (",
                (_, _) => ", ",
            });
            match backend {
                // SQLite looks numbered ones up by name, among all that came before.
                DatabaseBackend::Sqlite => rows.push('?'),
                _ => {
                    rows.push('$');
                    rows.push_str(&(at + 1).to_string());
                }
            }
        }
        let sql = format!("INSERT INTO {} ({}) VALUES {rows})", quoted(&self.table.name), columns.join(", "));
        let statement = Statement::from_sql_and_values(backend, sql, values);
        self.transaction.execute_raw(statement).await.map(drop).map_err(failed)
    }
}

/// A value as a driver takes it; one that is not there has a type, too.
fn bound(value: Value, kind: Kind) -> Result<sea_orm::Value, BackupError> {
    let instant = |microseconds: i64| {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(microseconds) * 1000)
            .map_err(|_| BackupError::Contradicts("a point in time is in no year".to_owned()))
    };
    Ok(match (kind, value) {
        (Kind::Text, Value::Text(text)) => text.into(),
        (Kind::Text, Value::Null) => Option::<String>::None.into(),
        (Kind::Integer, Value::Integer(number)) => number.into(),
        (Kind::Integer, Value::Null) => Option::<i64>::None.into(),
        (Kind::Boolean, Value::Boolean(truth)) => truth.into(),
        (Kind::Boolean, Value::Null) => Option::<bool>::None.into(),
        (Kind::Bytes, Value::Bytes(bytes)) => bytes.into(),
        (Kind::Bytes, Value::Null) => Option::<Vec<u8>>::None.into(),
        (Kind::Instant, Value::Instant(microseconds)) => instant(microseconds)?.into(),
        (Kind::Instant, Value::Null) => Option::<OffsetDateTime>::None.into(),
        (kind, _) => {
            return Err(BackupError::Contradicts(format!("a value is not of its column's kind, {kind:?}")));
        }
    })
}
