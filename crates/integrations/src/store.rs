//! The tables of integrations. The only room that knows them.

pub(crate) mod accounts;
pub(crate) mod clock;
pub(crate) mod connect_attempts;
pub(crate) mod custom_apis;
pub(crate) mod imported_services;
pub(crate) mod oauth_clients;
pub(crate) mod refreshes;
pub(crate) mod service_calls;
pub(crate) mod service_revocations;

use std::str::FromStr;

use audit::Journal;
pub(crate) use sea_orm::ConnectionTrait;
use sea_orm::{DatabaseConnection, DbErr, SqlErr};

/// Where integrations keep their rows.
#[derive(Clone, Debug)]
pub struct Store {
    journal: Journal,
}

/// The store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It did not answer or refused.
    #[error("the store is not available")]
    Database(#[source] DbErr),
    /// A row holds what this version cannot read.
    #[error("a row of {0} cannot be read")]
    Unreadable(&'static str),
}

impl Store {
    /// A store on the database of this journal.
    #[must_use]
    pub const fn new(journal: Journal) -> Self {
        Self { journal }
    }

    pub(crate) const fn journal(&self) -> &Journal {
        &self.journal
    }

    pub(crate) fn database(&self) -> &DatabaseConnection {
        self.journal.database()
    }
}

impl StoreError {
    /// Whether another row has this place.
    pub(crate) fn is_taken(&self) -> bool {
        self.broken(|broken| matches!(broken, SqlErr::UniqueConstraintViolation(_)))
    }

    /// Whether what a row belongs to is gone.
    pub(crate) fn names_what_is_gone(&self) -> bool {
        self.broken(|broken| matches!(broken, SqlErr::ForeignKeyConstraintViolation(_)))
    }

    fn broken(&self, is: fn(&SqlErr) -> bool) -> bool {
        matches!(self, Self::Database(error) if error.sql_err().as_ref().is_some_and(is))
    }
}

pub(crate) fn failed(error: DbErr) -> StoreError {
    StoreError::Database(error)
}

/// Runs a statement with values. Answers how many rows it changed.
pub(crate) async fn sql(
    database: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = sea_orm::Value>,
) -> Result<u64, StoreError> {
    let statement = sea_orm::Statement::from_sql_and_values(database.get_database_backend(), sql, values);
    Ok(database.execute_raw(statement).await.map_err(failed)?.rows_affected())
}

pub(crate) fn read<T: FromStr>(table: &'static str, text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|_| StoreError::Unreadable(table))
}
