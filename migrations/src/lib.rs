//! Schema history, the same on SQLite and PostgreSQL.
//!
//! Each migration is one SQL file that both stores understand, with two words that differ between
//! them written as placeholders. Migrations only expand; what is no longer read is dropped a release
//! later, so that two releases can run side by side, and the schema says which release is the oldest that may
//! run on it (docs/adr/0056).

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DatabaseBackend;

mod connect;
mod m0001_first;
mod m0002_schema_support;
mod m0003_announcement_effects;
mod migrating;
mod release;
mod state;

pub use connect::{ACQUIRE_TIMEOUT, ConnectError, connect, empty_journal, in_memory};
pub use migrating::{MigrateError, begin, migrate, migrate_to};
pub use release::{Release, ReleaseError};
pub use state::{Standing, applied, clock, has_table, is_kept, is_there, known, standing};

/// All migrations, oldest first.
pub struct Migrator;

/// A migration, and the oldest release of the program that may run on the schema that it makes.
struct Step {
    migration: Box<dyn MigrationTrait>,
    oldest_release: Release,
}

/// The history. A new migration only adds to what the release before it uses, and then leaves the oldest release as it
/// is; one that takes something away names the release that stopped using it.
fn history() -> Vec<Step> {
    vec![
        Step { migration: Box::new(m0001_first::Migration), oldest_release: Release::new(0, 1, 0) },
        Step { migration: Box::new(m0002_schema_support::Migration), oldest_release: Release::new(0, 1, 0) },
        Step {
            migration: Box::new(m0003_announcement_effects::Migration),
            oldest_release: Release::new(0, 1, 0),
        },
    ]
}

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        history().into_iter().map(|step| step.migration).collect()
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
