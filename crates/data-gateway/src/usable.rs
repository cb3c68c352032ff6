//! Which database a call is for, and the database once it is open.

use std::sync::Arc;

use async_trait::async_trait;
use databases::{Database, Engine, Limits};
use ids::{AppId, ConnectionId, OrganizationId};
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

/// Where calls get their databases.
#[async_trait]
pub trait UsableDatabases: Send + Sync {
    /// The database that an app of an organization names.
    ///
    /// # Errors
    /// [`RunError::UnknownConnection`], the same for one that does not exist, is another organization's, or does not
    /// name this app; or the store or the vault does not answer.
    async fn usable(
        &self,
        organization: OrganizationId,
        app: AppId,
        named: Named<'_>,
    ) -> Result<Usable, RunError>;
}
