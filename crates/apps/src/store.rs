//! The tables of this crate. The only room that knows them.

pub(crate) mod agent_tokens;
pub(crate) mod apps;
pub(crate) mod grants;
pub(crate) mod path_rules;
mod records;
pub(crate) mod retired_labels;
pub(crate) mod server_secret_rotations;
pub(crate) mod server_secrets;
mod tables;

use std::str::FromStr;

use audit::{Change, Journal};
use ids::AppId;
use sea_orm::{DatabaseConnection, DbErr, SqlErr};

use crate::{App, AppError};

pub use records::{load, load_all, lock_and_load};

/// Where apps are kept: reads go to the database, changes through the journal.
#[derive(Clone, Debug)]
pub struct Store {
    journal: Journal,
    database: DatabaseConnection,
}

impl Store {
    /// A store on this database, whose journal is `journal`.
    #[must_use]
    pub fn new(journal: Journal, database: DatabaseConnection) -> Self {
        Self { journal, database }
    }

    pub(crate) fn database(&self) -> &DatabaseConnection {
        &self.database
    }

    pub(crate) async fn begin(&self) -> Result<Change, AppError> {
        Ok(self.journal.begin().await?)
    }

    /// Begins a change of an app that no other change of it can interleave with.
    pub(crate) async fn begin_locked(&self, app: AppId) -> Result<(Change, App), AppError> {
        let change = self.begin().await?;
        let app = lock(&change, app).await?;
        Ok((change, app))
    }
}

/// What [`Store::begin_locked`] does, in a change that has begun.
pub(crate) async fn lock(change: &Change, app: AppId) -> Result<App, AppError> {
    apps::lock(change.transaction(), app).await?.ok_or(AppError::NotFound)
}

/// Reads a text of a table as what it was written from.
fn read<T: FromStr>(table: &'static str, text: &str) -> Result<T, AppError> {
    text.parse().map_err(|_| AppError::Unreadable(table))
}

/// A broken constraint becomes `conflict`; anything else is the store's failure.
fn unless(error: DbErr, constraint: fn(&SqlErr) -> bool, conflict: AppError) -> AppError {
    match error.sql_err() {
        Some(broken) if constraint(&broken) => conflict,
        _ => AppError::Store(error),
    }
}

fn is_foreign_key(broken: &SqlErr) -> bool {
    matches!(broken, SqlErr::ForeignKeyConstraintViolation(_))
}
