//! A session that is asked in words of ours.

pub(crate) mod postgresql;

use async_trait::async_trait;

use crate::QueryError;

/// A row in text form; NULL is `None`.
pub(crate) type TextRow = Vec<Option<String>>;

/// The most bytes of the rows that statements of ours give.
const MOST_OF_ROWS: usize = 64 << 20;

/// The rows that a statement of ours gives: not more of them than a sane server has.
#[derive(Default)]
pub(crate) struct OwnRows {
    pub(crate) rows: Vec<TextRow>,
    bytes: usize,
}

impl OwnRows {
    /// Adds a row that was so many bytes long; nothing, once there are too many.
    pub(crate) fn push(&mut self, row: TextRow, bytes: usize) -> Option<()> {
        // A row of nothing takes room, too.
        let most = bytes.max(size_of::<Option<String>>() * row.len());
        self.bytes += most + size_of::<TextRow>();
        (self.bytes <= MOST_OF_ROWS).then(|| self.rows.push(row))
    }
}

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
