//! What can go wrong with a backup.

use std::io;

use sea_orm::DbErr;

/// Why there is no backup, or nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The store does not answer, or refuses.
    #[error("the database: {0}")]
    Store(#[source] DbErr),
    /// A row that the store has and nobody can read.
    #[error("the database: column {column} of table {table} cannot be read: {source}")]
    Row {
        /// Of which table.
        table: String,
        /// Of which column.
        column: String,
        /// Why.
        #[source]
        source: DbErr,
    },
    /// The file cannot be read.
    #[error("it cannot be read: {0}")]
    Read(#[source] io::Error),
    /// The file cannot be written.
    #[error("it cannot be written: {0}")]
    Write(#[source] io::Error),
    /// The file does not begin as a backup does.
    #[error("it is no backup: its first line is not the one that `vybe backup` writes")]
    NotABackup,
    /// A backup of a newer release, in another format.
    #[error(
        "its format is {0}, which this release does not know; use the release that wrote it, or a newer one"
    )]
    Format(String),
    /// A chunk does not open.
    #[error("it is damaged, or cut off, after byte {0}; take another backup")]
    Damaged(u64),
    /// Every chunk opens, and what is in them contradicts itself.
    #[error("its content contradicts itself: {0}; take another backup")]
    Contradicts(String),
    /// It was made with a schema that this release does not know.
    #[error("it is of a newer release, with {}; restore it with that release, or a newer one", .0.join(", "))]
    NewerSchema(Vec<String>),
    /// The store's schema is none of those that this release knows.
    #[error(
        "the schema of the database is not one of this release (it has {}); use the release that the platform runs with",
        if .0.is_empty() { "nothing of the platform".to_owned() } else { .0.join(", ") }
    )]
    UnknownSchema(Vec<String>),
    /// Somebody's data is there already.
    #[error(
        "the database is not empty (table {0} holds rows); name an empty one: a backup is never mixed with what is there"
    )]
    NotEmpty(String),
    /// An empty schema of another release is there.
    #[error(
        "the database is empty, but its schema is of another release than the backup's ({}); name one without any tables",
        .0.join(", ")
    )]
    OtherSchema(Vec<String>),
    /// What the store gave back after it was filled is not what the file says.
    #[error(
        "the database does not give back what was written to it (table {0} differs); nothing was restored"
    )]
    NotAsWritten(String),
    /// The system has no random numbers, or the cipher refused.
    #[error(transparent)]
    Seal(#[from] cryptography::SealError),
}
