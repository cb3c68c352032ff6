//! Bringing a schema up to date.

use sea_orm_migration::MigratorTrait as _;
use sea_orm_migration::sea_orm::{
    ConnectionTrait as _, DatabaseBackend, DatabaseConnection, DatabaseTransaction, DbErr,
    SqliteTransactionMode, TransactionOptions, TransactionTrait as _,
};

use crate::state::{self, Standing};
use crate::{Migrator, Release};

/// Any number, as long as no other use of this database takes the same advisory lock.
const MIGRATION_LOCK: i64 = 0x7679_6265_0001;

/// A schema that was left as it is.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The store is not available, or a migration failed.
    #[error("{0}")]
    Store(#[source] DbErr),
    /// It is of a release that this one may not run beside.
    #[error(
        "its schema is of a newer release ({}) and may be used by {} only, and this is {}",
        unknown.join(", "),
        oldest_release.map_or_else(|| "that release".to_owned(), |oldest| format!("release {oldest} or newer")),
        env!("CARGO_PKG_VERSION")
    )]
    TooNew {
        /// The migrations that this program does not know.
        unknown: Vec<String>,
        /// The oldest release that may; none if the schema does not say.
        oldest_release: Option<Release>,
    },
    /// It is of another line of releases.
    #[error(
        "its schema is of another line of releases: it has {}, which this program does not know, and not {}",
        unknown.join(", "),
        missing.join(", ")
    )]
    Apart {
        /// The migrations that this program does not know.
        unknown: Vec<String>,
        /// Those that it lacks.
        missing: Vec<String>,
    },
}

/// A transaction in which nobody else migrates: two processes that start at once take turns.
///
/// # Errors
/// The store is not available.
pub async fn begin(database: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let transaction = database.begin_with_options(options).await?;
    if transaction.get_database_backend() == DatabaseBackend::Postgres {
        let lock = format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})");
        transaction.execute_unprepared(&lock).await?;
    }
    Ok(transaction)
}

/// Applies what is missing of the first `number` migrations, within a transaction of [`begin`]; says how many that were.
///
/// # Errors
/// The store is not available, or a migration failed.
pub async fn migrate_to(transaction: &DatabaseTransaction, number: usize) -> Result<usize, DbErr> {
    let missing = number.saturating_sub(state::applied(transaction).await?.len());
    if missing > 0 {
        Migrator::up(transaction, Some(u32::try_from(missing).unwrap_or(u32::MAX))).await?;
    }
    state::write_support(transaction, number).await?;
    Ok(missing)
}

/// Brings the schema up to date, all of it or nothing, and returns how many migrations that took. Two
/// processes that start at once take turns. A newer schema that permits this release is left as it is.
///
/// # Errors
/// The store is not available, a migration failed (nothing was changed), or the schema is of a release that this one
/// may not run beside.
pub async fn migrate(database: &DatabaseConnection) -> Result<usize, MigrateError> {
    // Without the lock first: a start has nothing to do here most of the time.
    if let Some(applied) = nothing_to_do(state::standing(database).await)? {
        return Ok(applied);
    }
    let transaction = begin(database).await.map_err(MigrateError::Store)?;
    // Somebody else may have migrated while the lock was waited for.
    if let Some(applied) = nothing_to_do(state::standing(&transaction).await)? {
        return Ok(applied);
    }
    let applied = migrate_to(&transaction, state::known().len()).await.map_err(MigrateError::Store)?;
    transaction.commit().await.map_err(MigrateError::Store)?;
    Ok(applied)
}

fn nothing_to_do(standing: Result<Standing, DbErr>) -> Result<Option<usize>, MigrateError> {
    match standing.map_err(MigrateError::Store)? {
        Standing::Current | Standing::Newer(_) => Ok(Some(0)),
        Standing::Behind(_) => Ok(None),
        Standing::TooNew { unknown, oldest_release } => Err(MigrateError::TooNew { unknown, oldest_release }),
        Standing::Apart { unknown, missing } => Err(MigrateError::Apart { unknown, missing }),
    }
}
