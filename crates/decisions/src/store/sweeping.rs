//! Forgetting what is older than it has to be kept, a little at a time.

use sea_orm::{ConnectionTrait, Statement, Value};
use time::OffsetDateTime;

use super::reading::first_of;
use super::{Store, failed};
use crate::DecisionError;

/// How many decisions one statement deletes: a writer on SQLite keeps everybody else waiting.
pub(crate) const AT_ONCE: u64 = 500;

impl Store {
    /// Deletes some decisions older than `border`; how many. Fewer than [`AT_ONCE`] means that none is left.
    pub(crate) async fn delete_decisions(&self, border: OffsetDateTime) -> Result<u64, DecisionError> {
        let sql = format!(
            "DELETE FROM decisions WHERE id IN \
             (SELECT id FROM decisions WHERE id < $1 ORDER BY id LIMIT {AT_ONCE})"
        );
        self.delete(&sql, first_of(border).to_string().into()).await
    }

    /// Deletes what no request was like since this day.
    pub(crate) async fn delete_seen(&self, day: i32) -> Result<u64, DecisionError> {
        self.delete("DELETE FROM seen_paths WHERE last_day < $1", day.into()).await
    }

    /// Deletes snapshots that no decision since this day names.
    pub(crate) async fn delete_snapshots(&self, day: i32) -> Result<u64, DecisionError> {
        self.delete("DELETE FROM policy_snapshots WHERE last_used_day < $1", day.into()).await
    }

    async fn delete(&self, sql: &str, border: Value) -> Result<u64, DecisionError> {
        let backend = self.database.get_database_backend();
        let statement = Statement::from_sql_and_values(backend, sql, [border]);
        Ok(self.database.execute_raw(statement).await.map_err(failed)?.rows_affected())
    }
}
