//! The tables of identity. The only room that knows them; times are compared in Rust, never in SQL.

use sea_orm::{DatabaseConnection, DbErr};

use crate::IdentityError;

pub mod attempts;
pub mod hand_off_codes;
pub mod sessions;
pub mod signing_keys;
pub mod single_use;
pub mod users;

/// How many rows a sweep looks at in one go: anybody can begin to sign in, as often as they like.
pub(crate) const SWEPT_AT_ONCE: u64 = 500;

/// Where identity keeps its rows.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) database: DatabaseConnection,
}

impl Store {
    /// On this database, which has the schema.
    #[must_use]
    pub fn new(database: DatabaseConnection) -> Self {
        Self { database }
    }
}

/// A driver's error, for the operator's log.
pub(crate) fn failed(error: DbErr) -> IdentityError {
    IdentityError::Store(error)
}

pub(crate) fn parsed<T: std::str::FromStr>(text: &str, table: &'static str) -> Result<T, IdentityError> {
    text.parse().map_err(|_| IdentityError::Unreadable { table })
}
