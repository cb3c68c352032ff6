//! The languages of databases.

/// Which database's language a statement is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    /// PostgreSQL. Placeholders are `$1`, `$2`, …
    Postgresql,
    /// MySQL and MariaDB. Placeholders are `?`.
    Mysql,
    /// Amazon Redshift. Placeholders are `:name`.
    Redshift,
}

/// What statements may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Only read.
    ReadOnly,
    /// Read and write data and definitions, never the session, the server or its files.
    ReadWrite,
}
