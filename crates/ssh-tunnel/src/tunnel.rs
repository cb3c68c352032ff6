//! Opening tunnels.

use outbound::{AddressPolicy, Host, OutboundError};

use crate::private_key::unlock_all;
use crate::session::{NoForward, Session};
use crate::transport::Line;
use crate::{Fingerprint, Route, TunnelError, TunnelLimits, TunnelStep, TunnelStream};

/// A stream to a host behind the servers of a route. The policy judges the first server's address; what lies behind it
/// is in its network, not in ours.
///
/// # Errors
/// Which server, and how far it came there.
pub async fn open(
    route: &Route,
    host: &Host,
    port: u16,
    policy: &AddressPolicy,
    limits: TunnelLimits,
) -> Result<TunnelStream, TunnelError> {
    let hops = route.hops();
    let keys = unlock_all(hops).await?;
    let mut line: Option<TunnelStream> = None;
    for (number, (hop, key)) in hops.iter().zip(keys).enumerate() {
        let at = |step| TunnelError { hop: number, step };
        let below = match line.take() {
            Some(stream) => Line::Tunnel(Box::new(stream)),
            None => connected(&hop.host, hop.port, policy, limits).await.map_err(at)?,
        };
        let mut session = Session::begin(below, hop.host_key.clone(), limits).await.map_err(at)?;
        session.sign_in(&hop.user, key, limits.login).await.map_err(at)?;
        let next = hops.get(number + 1);
        let (host, port) = next.map_or((host, port), |hop| (&hop.host, hop.port));
        let forwarded = session.forward(host, port, limits.forward).await;
        line = Some(forwarded.map_err(|refused| match refused {
            NoForward::Step(step) => at(step),
            NoForward::Unreachable if next.is_some() => {
                TunnelError { hop: number + 1, step: TunnelStep::Tcp }
            }
            NoForward::Unreachable => at(TunnelStep::Behind),
        })?);
    }
    line.ok_or(TunnelError { hop: 0, step: TunnelStep::Ssh })
}

/// The host key of an SSH server, for somebody to confirm: the server has proven that it has it. Nothing is sent that
/// says who we are, except to the servers on the way.
///
/// # Errors
/// Which server, and how far it came there; the one asked for counts as the one after those on the way.
pub async fn host_key_of(
    host: &Host,
    port: u16,
    via: Option<&Route>,
    policy: &AddressPolicy,
    limits: TunnelLimits,
) -> Result<Fingerprint, TunnelError> {
    let hop = via.map_or(0, |route| route.hops().len());
    let at = |step| TunnelError { hop, step };
    let line = match via {
        None => connected(host, port, policy, limits).await.map_err(at)?,
        Some(route) => match open(route, host, port, policy, limits).await {
            Ok(stream) => Line::Tunnel(Box::new(stream)),
            Err(TunnelError { step: TunnelStep::Behind, .. }) => return Err(at(TunnelStep::Tcp)),
            Err(error) => return Err(error),
        },
    };
    Session::host_key(line, limits).await.map_err(at)
}

async fn connected(
    host: &Host,
    port: u16,
    policy: &AddressPolicy,
    limits: TunnelLimits,
) -> Result<Line, TunnelStep> {
    match outbound::connect(host, port, policy, limits.connect).await {
        Ok(stream) => Ok(Line::Tcp(stream)),
        Err(OutboundError::Name) => Err(TunnelStep::Name),
        Err(OutboundError::Address(refused)) => Err(TunnelStep::Address(refused)),
        Err(OutboundError::Tcp) => Err(TunnelStep::Tcp),
        Err(OutboundError::Timeout) => Err(TunnelStep::Timeout),
    }
}
