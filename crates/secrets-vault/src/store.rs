//! The tables of the vault. The only room that knows them.

pub(crate) mod data_keys;
pub(crate) mod sealed_values;

use audit::Journal;
use sea_orm::{DatabaseConnection, DbErr};

use crate::VaultError;

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
}

fn failed(error: DbErr) -> VaultError {
    VaultError::Store(error)
}

fn read<T: std::str::FromStr>(table: &'static str, text: &str) -> Result<T, VaultError> {
    text.parse().map_err(|_| VaultError::Unreadable(table))
}
