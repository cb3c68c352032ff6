//! Trying connections: whether one opens, and where it ends if it does not.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use access_control::{ManageConnections, Permit};
use databases::{ConnectError, Step};
use ids::{ConnectionId, OrganizationId};
use ssh_tunnel::{TunnelError, TunnelStep};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::credentials::Opened;
use crate::{ConnectionError, ConnectionKind, Connections, GivenConnection};

/// How many databases are tried or looked into at the same time for one organization; the others wait. A server that does
/// not answer keeps nobody elsewhere.
const AT_ONCE: usize = 4;

static FREE: LazyLock<Mutex<HashMap<OrganizationId, Weak<Semaphore>>>> = LazyLock::new(Mutex::default);

/// What came of it: a session was opened and closed again, or a step failed.
pub type Trial = Result<(), ConnectError>;

/// The step that failed, and the SSH server where that was, counted from 0.
#[must_use]
pub fn failed_at(error: &ConnectError) -> (Step, Option<usize>) {
    let hop = match error {
        ConnectError::Tunnel(TunnelError { hop, .. }) => Some(*hop),
        _ => None,
    };
    (error.step(), hop)
}

impl Connections {
    /// Tries what somebody describes, before it is kept.
    ///
    /// # Errors
    /// The description is not acceptable. Within: which step failed.
    pub async fn test_given(
        &self,
        permit: &Permit<ManageConnections>,
        given: GivenConnection,
    ) -> Result<Trial, ConnectionError> {
        let checked = given.check(ConnectionKind::External, &self.addresses).await?;
        let opened = Opened { definition: checked.definition, secrets: checked.secrets.complete()? };
        let (target, credentials) = opened.into_target().ok_or(ConnectionError::CredentialsNeeded)?;
        let _turn = self.turn(permit.organization()).await;
        match databases::open(&target, credentials, Arc::clone(&self.addresses)) {
            Ok(database) => Ok(database.test().await),
            Err(error) => Ok(Err(error)),
        }
    }

    /// Tries a connection that is kept.
    ///
    /// # Errors
    /// There is no such connection, or it is not what was sealed. Within: which step failed.
    pub async fn test(
        &self,
        permit: &Permit<ManageConnections>,
        id: ConnectionId,
    ) -> Result<Trial, ConnectionError> {
        let connection = self.read(permit.organization(), id).await?;
        let database = match self.open.of(&connection).await {
            Ok(database) => database,
            Err(ConnectionError::HostKeyChanged(changed)) => {
                let step = TunnelStep::HostKey { presented: changed.presented };
                return Ok(Err(TunnelError { hop: changed.hop, step }.into()));
            }
            Err(error) => return Err(error),
        };
        let _turn = self.turn(permit.organization()).await;
        Ok(database.test().await)
    }

    /// Waits until there is room for one more of the organization's.
    pub(crate) async fn turn(&self, organization: OrganizationId) -> Option<OwnedSemaphorePermit> {
        let free = {
            let mut all = FREE.lock().unwrap_or_else(PoisonError::into_inner);
            all.get(&organization).and_then(Weak::upgrade).unwrap_or_else(|| {
                let free = Arc::new(Semaphore::new(AT_ONCE));
                all.retain(|_, other| other.strong_count() > 0);
                all.insert(organization, Arc::downgrade(&free));
                free
            })
        };
        // Nobody closes it.
        free.acquire_owned().await.ok()
    }
}
