//! The way to a database's server: by its address, or through a tunnel.

use std::sync::Arc;
use std::time::Duration;

use outbound::{AddressPolicy, Host, OutboundError};
use ssh_tunnel::{Route, TunnelLimits};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{ConnectError, Target};

/// How long the way to the server may take, all addresses of its name together.
const CONNECTING: Duration = Duration::from_secs(10);

/// Bytes to and from a server.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The way to one server. It is gone anew for every session, and for every request to cancel.
#[derive(Clone)]
pub(crate) struct Way {
    host: Host,
    port: u16,
    route: Option<Route>,
    policy: Arc<AddressPolicy>,
}

impl Way {
    /// The way to this target.
    pub(crate) fn to(target: &Target, policy: Arc<AddressPolicy>) -> Self {
        Self { host: target.host.clone(), port: target.port, route: target.route.clone(), policy }
    }

    /// The host at its end.
    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    /// Goes it.
    ///
    /// # Errors
    /// Where it ended.
    pub(crate) async fn dial(&self) -> Result<Box<dyn Stream>, ConnectError> {
        if let Some(route) = &self.route {
            let limits = TunnelLimits::default();
            let tunnel = ssh_tunnel::open(route, &self.host, self.port, &self.policy, limits).await?;
            return Ok(Box::new(tunnel));
        }
        let stream =
            outbound::connect(&self.host, self.port, &self.policy, CONNECTING).await.map_err(ended)?;
        Ok(Box::new(stream))
    }
}

fn ended(error: OutboundError) -> ConnectError {
    match error {
        OutboundError::Name => ConnectError::Name,
        OutboundError::Address(refused) => ConnectError::Address(refused),
        OutboundError::Tcp => ConnectError::Tcp,
        OutboundError::Timeout => ConnectError::Timeout,
    }
}
