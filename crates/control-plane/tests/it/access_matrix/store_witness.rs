//! Reads what the platform has stored, on either store.

use async_trait::async_trait;
use proof::{ProofError, Witness};
use sea_orm::{ConnectionTrait as _, DatabaseBackend, DatabaseConnection, QueryResult, Statement};
use test_support::TestDatabase;

/// Tables that requests leave records in, some of them a moment later, and that refusals may.
const RECORDS: [&str; 4] = ["audit_", "decisions", "policy_snapshots", "seen_paths"];
/// Columns that say when somebody was last seen.
const BOOKKEEPING: [&str; 2] = ["last_seen_at", "last_used_at"];

pub struct StoreWitness {
    connection: DatabaseConnection,
}

impl StoreWitness {
    pub fn of(database: &TestDatabase) -> Self {
        Self { connection: database.connection().clone() }
    }

    async fn rows(&self, sql: &str) -> Result<Vec<QueryResult>, ProofError> {
        let statement = Statement::from_string(self.connection.get_database_backend(), sql.to_owned());
        self.connection.query_all_raw(statement).await.map_err(failed)
    }

    /// Every table but those in which processes find each other, with an expression that puts its columns into one text.
    async fn tables(&self) -> Result<Vec<(String, String)>, ProofError> {
        let skipped = BOOKKEEPING.map(|column| format!("'{column}'")).join(", ");
        let sql = match self.connection.get_database_backend() {
            DatabaseBackend::Sqlite => format!(
                "SELECT m.name AS name, group_concat('quote(' || c.name || ')', '||') AS line \
                 FROM sqlite_master m, pragma_table_info(m.name) c \
                 WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND c.name NOT IN ({skipped}) \
                 GROUP BY m.name ORDER BY m.name"
            ),
            _ => format!(
                "SELECT table_name::text AS name, \
                 string_agg('coalesce(\"' || column_name || '\"::text, ''NULL'')', '||''|''||') AS line \
                 FROM information_schema.columns \
                 WHERE table_schema = current_schema() AND column_name NOT IN ({skipped}) \
                 GROUP BY table_name ORDER BY table_name"
            ),
        };
        let tables = self.rows(&sql).await?;
        tables
            .iter()
            .map(|row| {
                let column = |name: &str| row.try_get::<String>("", name).map_err(failed);
                Ok((column("name")?, column("line")?))
            })
            .filter(|table: &Result<(String, String), ProofError>| {
                !table.as_ref().is_ok_and(|(name, _)| {
                    RECORDS.iter().any(|start| name.starts_with(start)) || !migrations::is_kept(name)
                })
            })
            .collect()
    }
}

#[async_trait]
impl Witness for StoreWitness {
    async fn contents(&self) -> Result<Vec<String>, ProofError> {
        let mut contents = Vec::new();
        for (name, line) in self.tables().await? {
            let rows = self.rows(&format!("SELECT {line} AS line FROM \"{name}\" ORDER BY 1")).await?;
            for row in rows {
                let line: String = row.try_get("", "line").map_err(failed)?;
                contents.push(format!("{name} {line}"));
            }
        }
        Ok(contents)
    }

    async fn events(&self, action: &str) -> Result<u64, ProofError> {
        let sql = format!(
            "SELECT COUNT(*) AS number FROM audit_events WHERE action = '{action}' AND outcome = 'done'"
        );
        let rows = self.rows(&sql).await?;
        let number: i64 = rows.first().map_or(Ok(0), |row| row.try_get("", "number")).map_err(failed)?;
        u64::try_from(number).map_err(failed)
    }
}

fn failed(error: impl std::fmt::Display) -> ProofError {
    ProofError::Witness(error.to_string())
}
