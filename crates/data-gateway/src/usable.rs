//! Which database a call is for, and the database once it is open.

use std::sync::Arc;

use databases::{Database, Engine, Limits};
use ids::ConnectionId;
use query_guard::Mode;

use crate::RunError;

/// How a call names its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named<'a> {
    /// An external database, by the name that people gave it.
    External(&'a str),
    /// A database of the organization, by its name.
    Organization(&'a str),
    /// A database of the organization, by its identifier.
    OrganizationId(ConnectionId),
    /// The app's own database.
    Internal,
    /// Whichever has this identifier, as saved queries name theirs.
    Saved(ConnectionId),
}

/// A connection that an app may use.
#[derive(Clone)]
pub struct Usable {
    /// Which it is.
    pub id: ConnectionId,
    /// Its kind.
    pub engine: Engine,
    /// Whether nothing may be written.
    pub read_only: bool,
    /// How much it gives.
    pub limits: Limits,
    /// Its sessions.
    pub database: Arc<dyn Database>,
}

impl Usable {
    /// What statements may do.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        if self.read_only { Mode::ReadOnly } else { Mode::ReadWrite }
    }
}

/// Why a call gets no database.
#[derive(Debug)]
pub struct Unusable {
    /// The connection that is meant, as soon as it is known.
    pub connection: Option<ConnectionId>,
    /// What the call is told.
    pub error: RunError,
}

impl From<Unusable> for RunError {
    fn from(unusable: Unusable) -> Self {
        unusable.error
    }
}
