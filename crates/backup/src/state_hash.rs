//! What two stores have in common if they hold the same.

use std::fmt;

use cryptography::{Sha256, hexadecimal};

use crate::schema::Table;

/// SHA-256 over everything that a store holds, the same on SQLite and PostgreSQL.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct StateHash([u8; 32]);

impl StateHash {
    pub(crate) const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Of the tables, in the order of their names.
    fn of(tables: &[TableSummary]) -> Self {
        let mut tables: Vec<_> = tables.iter().collect();
        tables.sort_by(|one, other| one.name.cmp(&other.name));
        let mut hash = Sha256::new();
        hash.update(b"vybe-state-1");
        for table in tables {
            hash.update(&table.hash.0);
        }
        Self(hash.finish())
    }
}

impl fmt::Display for StateHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hexadecimal::encode(&self.0))
    }
}

impl fmt::Debug for StateHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// What a table holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSummary {
    /// Its name.
    pub name: String,
    /// How many rows.
    pub rows: u64,
    /// SHA-256 of its name, its columns and its rows in the order of its primary key.
    pub hash: StateHash,
}

/// What a store or a backup holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The release of the program that looked, or that wrote the backup.
    pub release: String,
    /// The migrations of the schema, oldest first.
    pub migrations: Vec<String>,
    /// The tables.
    pub tables: Vec<TableSummary>,
    /// Of all tables.
    pub state_hash: StateHash,
    /// Tables beside those of the schema, which belong to somebody else.
    pub left_out: Vec<String>,
}

impl Summary {
    pub(crate) fn new(release: String, migrations: Vec<String>, tables: Vec<TableSummary>) -> Self {
        let state_hash = StateHash::of(&tables);
        Self { release, migrations, tables, state_hash, left_out: Vec::new() }
    }

    /// How many rows all tables have.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }

    /// A table that is another one there.
    pub(crate) fn difference(&self, other: &Self) -> Option<&str> {
        let differs = |table: &&TableSummary| {
            other
                .tables
                .iter()
                .find(|found| found.name == table.name)
                .is_none_or(|found| found.hash != table.hash)
        };
        self.tables.iter().find(differs).map(|table| table.name.as_str())
    }
}

/// Hashes the rows of a table as they come.
pub(crate) struct TableHasher {
    name: String,
    rows: u64,
    hash: Sha256,
}

impl TableHasher {
    pub fn new(table: &Table) -> Self {
        let mut hash = Sha256::new();
        let description = table.describe();
        // So that no columns can be taken for rows.
        hash.update(&u64::try_from(description.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(&description);
        Self { name: table.name.clone(), rows: 0, hash }
    }

    pub fn add(&mut self, row: &[u8]) {
        self.rows += 1;
        self.hash.update(row);
    }

    pub fn finish(self) -> TableSummary {
        TableSummary { name: self.name, rows: self.rows, hash: StateHash(self.hash.finish()) }
    }
}
