//! Why a query gave no answer, or broke off.

use crate::ConnectError;

/// Why a query gave no answer, or broke off.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// Number or form of the parameters.
    #[error("{0}")]
    Parameters(String),
    /// The database refused the statement.
    #[error("{message}")]
    Database {
        /// SQLSTATE, five characters.
        code: String,
        /// What the database says of the statement: its first line, without names of hosts and users.
        message: String,
    },
    /// It ran longer than it may, and was cancelled at the server.
    #[error("the statement ran longer than {0} ms and was cancelled")]
    Timeout(u32),
    /// More rows than the connection gives.
    #[error("the answer has more than {0} rows, the most of this connection")]
    Rows(u64),
    /// More bytes than the connection gives.
    #[error("the answer has more than {0} bytes, the most of this connection")]
    Bytes(u64),
    /// A row with more bytes than are read at once.
    #[error("a row of the answer has more than {0} bytes, the most of a row")]
    Row(u64),
    /// A column of a type that has no form in JSON here.
    #[error("the column {0} has a type that cannot be answered: cast it to text")]
    Column(String),
    /// There is no session with the database.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The session broke while the statement ran. Whether it took effect is not known.
    #[error("the connection to the database broke while the statement ran")]
    Broken,
    /// Nobody waits for the answer any more.
    #[error("the caller went away")]
    Abandoned,
}
