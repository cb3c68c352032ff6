//! The kinds of databases.

use query_guard::Language;
use serde::{Deserialize, Serialize};

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// PostgreSQL.
    Postgresql,
    /// MySQL or MariaDB.
    Mysql,
    /// Amazon Redshift.
    Redshift,
}

impl Engine {
    /// Its name, everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Postgresql => "postgresql",
            Self::Mysql => "mysql",
            Self::Redshift => "redshift",
        }
    }

    /// The language of its statements.
    #[must_use]
    pub const fn language(self) -> Language {
        match self {
            Self::Postgresql => Language::Postgresql,
            Self::Mysql => Language::Mysql,
            Self::Redshift => Language::Redshift,
        }
    }

    /// The port it usually has.
    #[must_use]
    pub const fn usual_port(self) -> u16 {
        match self {
            Self::Postgresql => 5432,
            Self::Mysql => 3306,
            Self::Redshift => 5439,
        }
    }
}
