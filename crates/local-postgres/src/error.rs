//! Why there is no server.

use std::io;
use std::path::PathBuf;

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// A file or program.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// PostgreSQL refuses to run as root.
    #[error("PostgreSQL does not run as root, and there is no account postgres or nobody to run it as")]
    Account,
    /// `initdb` failed.
    #[error("initdb: {0}")]
    Made(String),
    /// It does not answer within a minute.
    #[error("PostgreSQL does not start: {0}")]
    Started(String),
    /// A statement failed.
    #[error("psql: {0}")]
    Executed(String),
    /// `pg_dump` failed.
    #[error("pg_dump: {0}")]
    Dumped(String),
}
