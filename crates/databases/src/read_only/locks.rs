//! The locks of ours that a read-only connection is under.

use query_guard::{Language, Mode, Refusal, Statement};

use crate::QueryError;

/// The locks of ours. An engine is always opened with all of them; only a test of this crate leaves one out, to see
/// the examination name it.
#[derive(Clone, Copy)]
pub(crate) struct ReadOnlyLocks {
    /// What decides which statements are sent.
    pub(crate) guard: fn(Language, Mode, &str) -> Result<Statement, Refusal>,
    /// Whether what the examination attempts goes by the protocol that takes one statement.
    pub(crate) one_statement: bool,
    /// Whether a statement runs in a read-only transaction.
    pub(crate) transaction: bool,
    /// Whether the session's default is read-only.
    pub(crate) session: bool,
}

impl ReadOnlyLocks {
    /// All of them.
    pub(crate) const ALL: Self =
        Self { guard: query_guard::check, one_statement: true, transaction: true, session: true };
}

/// What a read-only connection does with a statement that the guard let through for one that writes.
///
/// # Errors
/// It was checked for a connection that writes, or it writes.
pub(crate) fn admit(read_only: bool, statement: &Statement) -> Result<(), QueryError> {
    if read_only && (statement.mode() != Mode::ReadOnly || statement.writes()) {
        return Err(QueryError::Database {
            code: "25006".to_owned(),
            message: "the connection is read-only".to_owned(),
        });
    }
    Ok(())
}
