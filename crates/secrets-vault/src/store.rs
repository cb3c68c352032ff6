//! The tables of the vault. The only room that knows them.

pub(crate) mod data_keys;
pub(crate) mod key_rotations;
pub(crate) mod master_keys;
pub(crate) mod sealed_values;
pub(crate) mod secret_uses;
pub(crate) mod secrets;

use audit::Journal;
pub(crate) use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm::{DatabaseTransaction, DbErr, SqliteTransactionMode, TransactionOptions, TransactionTrait as _};

use crate::VaultError;

/// How many rows are named in one statement: PostgreSQL takes 65,535 values, SQLite 32,766.
const MOST_AT_ONCE: usize = 1000;

/// Where the vault keeps its rows.
#[derive(Clone, Debug)]
pub struct Store {
    journal: Journal,
}

impl Store {
    /// A store on the database of this journal.
    #[must_use]
    pub const fn new(journal: Journal) -> Self {
        Self { journal }
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    pub(crate) fn database(&self) -> &DatabaseConnection {
        self.journal.database()
    }

    /// A transaction without an event of its own, for the steps of a rotation: its start and its end have theirs.
    pub(crate) async fn begin_step(&self) -> Result<DatabaseTransaction, VaultError> {
        // As `Journal::begin`: SQLite takes turns only in immediate transactions.
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        self.database().begin_with_options(options).await.map_err(failed)
    }
}

fn failed(error: DbErr) -> VaultError {
    VaultError::Store(error)
}

fn read<T: std::str::FromStr>(table: &'static str, text: &str) -> Result<T, VaultError> {
    text.parse().map_err(|_| VaultError::Unreadable(table))
}
