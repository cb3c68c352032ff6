//! The tables of the platform, as nobody's in particular.

pub mod reading;
pub mod reference;
pub mod writing;

use sea_orm::DbErr;
pub(crate) use sea_orm::{DatabaseConnection, DatabaseTransaction};

use crate::BackupError;

fn failed(error: DbErr) -> BackupError {
    BackupError::Store(error)
}

/// A name of a table or column in a statement. They come from the migrations, and some are words of SQL.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
