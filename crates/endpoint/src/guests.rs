//! Which connections are let in: so many of one client, so often, and so many in all.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::load::{ClientConnection, Counted, Load, WorkerLoad};
use crate::{Limits, RateLimits};

/// Who is let in.
#[derive(Clone)]
pub(crate) struct Guests {
    pub(crate) load: Arc<Load>,
    pub(crate) rate_limits: Arc<RateLimits>,
}

/// How many connections are told that there are too many, per worker.
pub(crate) const fn turned_away(limits: &Limits) -> usize {
    limits.connections_per_worker / 16 + 32
}

/// What counts a connection while it is there.
pub(crate) struct Place {
    _connection: Option<Counted>,
    _of_client: Option<ClientConnection>,
    /// It is one too many, and told so.
    too_many: bool,
}

impl Place {
    /// Of whom nobody counts.
    pub(crate) fn uncounted() -> Self {
        Self { _connection: None, _of_client: None, too_many: false }
    }

    pub(crate) fn too_many(&self) -> bool {
        self.too_many
    }
}

impl Guests {
    /// A place for a connection; none, if it is closed at once. Before TLS, which costs more than anything else here.
    pub(crate) fn place(&self, here: &Arc<WorkerLoad>, peer: SocketAddr, limits: &Limits) -> Option<Place> {
        let client = self.rate_limits.client(peer.ip());
        let of_client = self.load.connection_of(client, limits.connections_per_address)?;
        if client.is_some_and(|client| !self.rate_limits.admits_connection(client)) {
            return None;
        }
        let (connection, count) = here.connection();
        let too_many = count > limits.connections_per_worker;
        if too_many {
            self.load.shed_a_connection();
        }
        (count <= limits.connections_per_worker.saturating_add(turned_away(limits))).then_some(Place {
            _connection: Some(connection),
            _of_client: Some(of_client),
            too_many,
        })
    }
}
