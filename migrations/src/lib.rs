//! Schema history, the same on SQLite and PostgreSQL.
//!
//! Each migration is one SQL file that both stores understand, with two words that differ between
//! them written as placeholders. Migrations only expand; what is no longer read is dropped a release
//! later, so that two versions can run side by side.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DatabaseBackend;

mod connect;
mod m0001_first;
mod state;

pub use connect::{ACQUIRE_TIMEOUT, ConnectError, connect, empty_journal, migrate};
pub use state::{has_table, is_there, pending};

/// All migrations, oldest first.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(m0001_first::Migration)]
    }
}

/// Runs a file of statements, each ended by a line with `;` at its end.
async fn run(manager: &SchemaManager<'_>, file: &str) -> Result<(), DbErr> {
    let (timestamp, bytes) = match manager.get_database_backend() {
        DatabaseBackend::Sqlite => ("TIMESTAMP", "BLOB"),
        _ => ("TIMESTAMPTZ", "BYTEA"),
    };
    let sql = file.replace("{timestamp}", timestamp).replace("{bytes}", bytes);
    for statement in sql.split(";\n").filter(|statement| !statement.trim().is_empty()) {
        manager.get_connection().execute_unprepared(statement).await?;
    }
    Ok(())
}
