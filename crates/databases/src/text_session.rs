//! A session that is asked in words of ours.

pub(crate) mod postgresql;

use async_trait::async_trait;

use crate::QueryError;

/// A row in text form; NULL is `None`.
pub(crate) type TextRow = Vec<Option<String>>;

/// A session that is asked in words of ours, never a caller's: for the schema and for the read-only examination.
#[async_trait]
pub(crate) trait TextSession: Send {
    /// Sends a statement by the protocol that queries of callers use, which takes one statement. Every column has to
    /// be text.
    ///
    /// # Errors
    /// The database refuses it, or the session is broken.
    async fn rows(&mut self, statement: &str) -> Result<Vec<TextRow>, QueryError>;

    /// Sends a command without an answer, or several, by the protocol that takes several.
    ///
    /// # Errors
    /// As [`TextSession::rows`].
    async fn command(&mut self, statements: &str) -> Result<(), QueryError>;
}
