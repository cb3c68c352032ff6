//! The tables of this crate. The only room that knows them.

mod reading;
mod sweeping;
mod writing;

use std::sync::Arc;

use sea_orm::{DatabaseBackend, DatabaseConnection, DbErr};

use crate::DecisionError;

pub(crate) use reading::{Kept, Scope};
pub(crate) use sweeping::AT_ONCE;
pub(crate) use writing::Batch;

/// Where decisions are kept. Not written through the journal: nothing is changed by them, and there are many.
#[derive(Clone, Debug)]
pub struct Store {
    database: DatabaseConnection,
    /// The statements for the lengths in which rows are inserted, longest first.
    inserts: Arc<[(usize, String)]>,
}

impl Store {
    /// A store on this database.
    #[must_use]
    pub fn new(database: DatabaseConnection) -> Self {
        let inserts = writing::LENGTHS.iter().map(|length| (*length, writing::insert(*length))).collect();
        Self { database, inserts }
    }

    /// Whether there is one writer at a time, who has to leave time for the others.
    pub(crate) fn has_one_writer(&self) -> bool {
        self.database.get_database_backend() == DatabaseBackend::Sqlite
    }
}

fn failed(error: DbErr) -> DecisionError {
    DecisionError::Store(error)
}

fn read<T: std::str::FromStr>(table: &'static str, text: &str) -> Result<T, DecisionError> {
    text.parse().map_err(|_| DecisionError::Unreadable(table))
}
