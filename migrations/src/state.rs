//! What is in a store already, found out without changing it.

use std::path::Path;

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{DatabaseConnection, Statement};

use crate::Migrator;

/// The table of applied migrations.
const APPLIED: &str = "seaql_migrations";

/// Whether there can be anything at this address: connecting makes a SQLite file that is missing, so whoever
/// only wants to look asks first.
#[must_use]
pub fn is_there(url: &str) -> bool {
    let path = match url.split_once(':') {
        Some(("sqlite", rest)) => rest.strip_prefix("//").unwrap_or(rest),
        Some((scheme, _)) if !scheme.contains('/') => return true,
        _ => url,
    };
    Path::new(path.split('?').next().unwrap_or(path)).exists()
}

/// Whether the store has this table.
///
/// # Errors
/// The store does not answer.
pub async fn has_table(database: &DatabaseConnection, table: &str) -> Result<bool, DbErr> {
    SchemaManager::new(database).has_table(table).await
}

/// How many migrations are not applied yet, and how many are applied that this version does not know.
///
/// # Errors
/// The store does not answer.
pub async fn pending(database: &DatabaseConnection) -> Result<(usize, usize), DbErr> {
    let mut applied = Vec::new();
    if has_table(database, APPLIED).await? {
        let query =
            Statement::from_string(database.get_database_backend(), format!("SELECT version FROM {APPLIED}"));
        for row in database.query_all_raw(query).await? {
            applied.push(row.try_get::<String>("", "version")?);
        }
    }
    let known: Vec<_> = Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect();
    let missing = known.iter().filter(|name| !applied.contains(name)).count();
    let unknown = applied.iter().filter(|name| !known.contains(name)).count();
    Ok((missing, unknown))
}
