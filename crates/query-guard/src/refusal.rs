//! Why a statement is not sent.

/// A statement that is not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Refusal {
    /// What kind of reason it is.
    pub reason: Reason,
    /// In a sentence, for whoever wrote the statement. It repeats at most names of functions and keywords of the
    /// language, never a constant.
    pub detail: String,
}

/// The kinds of reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No statement at all.
    Empty,
    /// More than one.
    SeveralStatements,
    /// Longer, or nested more deeply, than is looked at.
    TooLarge,
    /// Not understood.
    NotUnderstood,
    /// It writes, or might, and the connection is read-only.
    ReadOnly,
    /// It changes the session.
    Session,
    /// It reaches the server, its files or other servers.
    Server,
    /// Placeholders that are not those of the language, or not numbered one after another.
    Placeholders,
}

impl Reason {
    /// Its stable code, as in answers and records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "statement_empty",
            Self::SeveralStatements => "several_statements",
            Self::TooLarge => "statement_too_large",
            Self::NotUnderstood => "statement_not_understood",
            Self::ReadOnly => "read_only",
            Self::Session => "session_statement",
            Self::Server => "server_statement",
            Self::Placeholders => "placeholders",
        }
    }
}
