//! What keeps a read-only connection from writing, found out on the live connection.

mod attempts;
mod examination;
#[cfg(test)]
pub(crate) mod listed_attempts;
mod locks;
pub(crate) mod mysql;
pub(crate) mod postgresql;
pub(crate) mod redshift;

use serde::{Deserialize, Serialize};

pub(crate) use locks::{ReadOnlyLocks, admit};

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadOnlyExamination {
    /// Version of the database server, as it says itself.
    pub server: String,
    /// Lock by lock.
    pub locks: Vec<LockState>,
    /// What the role could do if no lock of ours held, in words.
    pub privileges: Vec<String>,
    /// What was attempted.
    pub attempts: Vec<Attempt>,
}

impl ReadOnlyExamination {
    /// The attempts that the server was sent; the others were only given to the guard, whatever it said.
    pub fn sent(&self) -> impl Iterator<Item = &Attempt> {
        self.attempts.iter().filter(|attempt| attempt.sent)
    }

    /// The attempts that the guard judged, and that were sent nowhere.
    pub fn judged(&self) -> impl Iterator<Item = &Attempt> {
        self.attempts.iter().filter(|attempt| !attempt.sent)
    }
}

/// One thing that keeps a connection from writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lock {
    /// The parser lets only reading statements through.
    Parser,
    /// Functions with effects outside a transaction are refused.
    Functions,
    /// The protocol takes one statement.
    OneStatement,
    /// Every statement runs in a read-only transaction that is rolled back.
    Transaction,
    /// The session's default is read-only.
    Session,
    /// The role itself has no right to write.
    Role,
}

impl Lock {
    /// Those that the gateway puts on, from the outside to the inside.
    pub const OURS: [Self; 5] =
        [Self::Parser, Self::Functions, Self::OneStatement, Self::Transaction, Self::Session];

    /// Its name, everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Parser => "parser",
            Self::Functions => "functions",
            Self::OneStatement => "one_statement",
            Self::Transaction => "transaction",
            Self::Session => "session",
            Self::Role => "role",
        }
    }
}

/// Whether a lock holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LockState {
    /// Which.
    pub lock: Lock,
    /// Whether it was seen to hold.
    pub holds: bool,
    /// How that was seen, or what is missing.
    pub evidence: String,
}

/// One attempt to get past the locks: given to the guard alone, or sent to the server. What could write is sent in a
/// transaction that is rolled back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// What was attempted.
    pub statement: String,
    /// The locks that were left open for it, to see the next one hold.
    pub without: Vec<Lock>,
    /// Whether the server was sent it.
    pub sent: bool,
    /// Which lock stopped it; none, if the statement went through.
    pub stopped_by: Option<Lock>,
}
