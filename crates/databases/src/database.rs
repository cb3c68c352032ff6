//! The seam between the gateway and the kinds of databases.

use async_trait::async_trait;

use crate::{ConnectError, Query, QueryError, ReadOnlyExamination, Rows, Schema};

/// One database, with a few sessions that are kept open for it.
#[async_trait]
pub trait Database: Send + Sync {
    /// Runs a statement. Answers once the first row is there, or the statement has ended, or failed.
    ///
    /// # Errors
    /// There is no session, or the database refuses the statement. Later errors come with the pieces.
    async fn run(&self, query: Query) -> Result<Rows, QueryError>;

    /// Opens a session of its own and closes it again.
    ///
    /// # Errors
    /// The step that failed.
    async fn test(&self) -> Result<(), ConnectError>;

    /// What is in the database.
    ///
    /// # Errors
    /// As [`Database::run`].
    async fn schema(&self) -> Result<Schema, QueryError>;

    /// Attempts to write, in transactions that are rolled back, and says what held.
    ///
    /// # Errors
    /// There is no session.
    async fn examine_read_only(&self) -> Result<ReadOnlyExamination, QueryError>;

    /// Sessions now.
    fn usage(&self) -> Usage;

    /// Closes sessions that nobody has used for a while.
    async fn close_idle(&self);
}

/// Sessions with a database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Open ones.
    pub open: usize,
    /// Those of them that run nothing.
    pub idle: usize,
}
