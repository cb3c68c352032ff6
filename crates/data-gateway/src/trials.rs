//! Trying connections: whether one opens, and where it ends if it does not.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use access_control::{ManageConnections, Permit};
use audit::{Actor, Event, Occasion, Target};
use databases::{ConnectError, Step};
use ids::{ConnectionId, OrganizationId};
use serde_json::json;
use ssh_tunnel::{TunnelError, TunnelStep};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::credentials::Opened;
use crate::{ConnectionError, ConnectionKind, Connections, GivenConnection};

/// The audit trail's name for a trial of what is not kept.
const TEST: &str = "database_connections.test";

/// How many databases are tried or looked into at the same time for one organization; the others wait. A server that does
/// not answer keeps nobody elsewhere.
const AT_ONCE: usize = 4;
/// How many of one organization's are under way or wait at most; the others are refused.
const PLACES: usize = 32;

/// Whose turn it is to look into databases, for each organization.
#[derive(Clone, Default)]
pub(crate) struct TrialTurns {
    desks: Arc<Mutex<HashMap<OrganizationId, Weak<Desk>>>>,
}

/// One organization.
struct Desk {
    places: Arc<Semaphore>,
    free: Arc<Semaphore>,
}

/// Leave to look into one database, until it is dropped.
pub(crate) struct TrialTurn {
    _free: OwnedSemaphorePermit,
    _place: OwnedSemaphorePermit,
    _desk: Arc<Desk>,
}

impl TrialTurns {
    /// Waits until there is room for one more of the organization's.
    async fn take(&self, organization: OrganizationId) -> Result<TrialTurn, ConnectionError> {
        let desk = {
            let mut desks = self.desks.lock().unwrap_or_else(PoisonError::into_inner);
            desks.get(&organization).and_then(Weak::upgrade).unwrap_or_else(|| {
                let desk = Arc::new(Desk {
                    places: Arc::new(Semaphore::new(PLACES)),
                    free: Arc::new(Semaphore::new(AT_ONCE)),
                });
                desks.retain(|_, other| other.strong_count() > 0);
                desks.insert(organization, Arc::downgrade(&desk));
                desk
            })
        };
        let place = Arc::clone(&desk.places).try_acquire_owned().map_err(|_| ConnectionError::Busy)?;
        // Nobody closes it.
        let free = Arc::clone(&desk.free).acquire_owned().await.map_err(|_| ConnectionError::Busy)?;
        Ok(TrialTurn { _free: free, _place: place, _desk: desk })
    }
}

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
    /// Tries what somebody describes, before it is kept. The audit trail says whereto.
    ///
    /// # Errors
    /// The description is not acceptable, or too many wait for a trial. Within: which step failed.
    pub async fn test_given(
        &self,
        permit: &Permit<ManageConnections>,
        given: GivenConnection,
        occasion: Occasion,
    ) -> Result<Trial, ConnectionError> {
        let checked = given.check(ConnectionKind::External, &self.addresses).await?;
        let opened = Opened { definition: checked.definition, secrets: checked.secrets.complete()? };
        let destination = opened.definition.destination.clone();
        let (target, credentials) = opened.into_target().ok_or(ConnectionError::CredentialsNeeded)?;
        let _turn = self.turn(permit.organization()).await?;
        let trial = match databases::open(&target, credentials, Arc::clone(&self.addresses)) {
            Ok(database) => database.test().await,
            Err(error) => Err(error),
        };
        let event = looked(permit, TEST, occasion).with(json!({
            "engine": destination.engine,
            "host": destination.host.to_string(),
            "port": destination.port,
            "hops": destination.hops.iter().map(|hop| hop.host.to_string()).collect::<Vec<_>>(),
            "failed": trial.as_ref().err().map(ConnectError::code),
        }));
        self.store.journal().record(&event).await?;
        Ok(trial)
    }

    /// Tries a connection that is kept.
    ///
    /// # Errors
    /// There is no such connection, it is not what was sealed, or too many wait for a trial. Within: which step failed.
    pub async fn test(
        &self,
        permit: &Permit<ManageConnections>,
        id: ConnectionId,
    ) -> Result<Trial, ConnectionError> {
        let now = clock::now();
        let connection = self.read(permit, id, now).await?;
        let database = match self.open.of(&connection).await {
            Ok(database) => database,
            Err(ConnectionError::HostKeyChanged(changed)) => {
                let step = TunnelStep::HostKey { presented: changed.presented };
                return Ok(Err(TunnelError { hop: changed.hop, step }.into()));
            }
            Err(error) => return Err(error),
        };
        let _turn = self.turn(permit.organization()).await?;
        Ok(database.test().await)
    }

    /// Waits until there is room for one more of the organization's.
    ///
    /// # Errors
    /// Too many wait already.
    pub(crate) async fn turn(&self, organization: OrganizationId) -> Result<TrialTurn, ConnectionError> {
        self.trials.take(organization).await
    }
}

/// What the audit trail says when somebody looked at a server through the platform, and kept nothing.
pub(crate) fn looked(permit: &Permit<ManageConnections>, action: &'static str, occasion: Occasion) -> Event {
    let organization = permit.organization();
    Event::done(Actor::Person(permit.user()), action, Target::Organization(organization))
        .of(organization)
        .during(occasion)
}
