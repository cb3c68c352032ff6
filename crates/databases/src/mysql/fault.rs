//! Why a statement did not come to its end, and what is said of it.

use super::Opener;
use super::wire::{Refusal, WireError};
use crate::QueryError;

/// What went wrong, and with it whether the session is still of use.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The server refused the statement, and waits for the next one.
    Refused(Refusal),
    /// The conversation has ended.
    Wire(WireError),
    /// We do not want to hear the rest.
    Stopped(QueryError),
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<WireError> for Fault {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

impl From<QueryError> for Fault {
    fn from(error: QueryError) -> Self {
        Self::Stopped(error)
    }
}

impl Fault {
    /// What the caller is told.
    pub(crate) fn told(self, opener: &Opener, milliseconds: u32) -> QueryError {
        match self {
            // The server's own limit of time: MariaDB's, MySQL's.
            Self::Refused(Refusal { number: 1969 | 3024, .. }) => QueryError::Timeout(milliseconds),
            // The server stops, or somebody has ended the session.
            Self::Refused(Refusal { number: 1053 | 1079 | 1927 | 3169 | 4031, .. }) => QueryError::Broken,
            Self::Refused(refusal) => database(&refusal, opener),
            Self::Wire(_) => QueryError::Broken,
            Self::Stopped(error) => error,
        }
    }
}

/// The server's refusal: SQLSTATE, and the first line of what it says, with its own number of the error.
pub(crate) fn database(refusal: &Refusal, opener: &Opener) -> QueryError {
    let code = match refusal.number {
        // Servers give these the catch-all: of a read-only transaction, of a server that is read-only as a whole, and of
        // values that are not of the type.
        1792 | 1290 | 1836 => "25006".to_owned(),
        1366 | 1411 => "22007".to_owned(),
        _ => refusal.state.clone(),
    };
    let told = opener.unsaid.told(&code, &refusal.message);
    QueryError::Database { code, message: format!("{told} (error {})", refusal.number) }
}
