//! Why a call got no answer from a database.

use databases::QueryError;
use query_guard::Refusal;

/// Why a call got no answer, or one that broke off.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no such connection for this app.
    #[error("no such database, or the app may not use it")]
    UnknownConnection,
    /// There is no such saved query for this caller.
    #[error("no such saved query")]
    UnknownDataQuery,
    /// The connection is blocked until somebody has looked at it.
    #[error("the connection is blocked: {0}")]
    Blocked(&'static str),
    /// The time that the call asks for is out of range.
    #[error("the timeout is 1 to {0} milliseconds")]
    TimeoutRange(u32),
    /// Number, names or types of the parameters.
    #[error("{0}")]
    Parameters(String),
    /// The guard does not let the statement through.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Everything the connection gives at once is taken, and others wait for it.
    #[error("the database is busy with other calls")]
    Busy,
    /// The conversation with the database.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// What the call needs does not answer: the store, the vault, or the facts.
    #[error("the platform cannot answer right now")]
    Unavailable,
}
