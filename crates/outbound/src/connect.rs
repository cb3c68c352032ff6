//! From a host to a connection.

use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use crate::resolver::look_up;
use crate::{AddressPolicy, Host, OutboundError};

/// The most addresses of one name that are tried.
const MOST_ADDRESSES: usize = 8;

/// A connection on which nothing moves is probed after this time, so that a peer that vanished without a word is noticed.
const PROBED: Duration = Duration::from_secs(60);
/// Between probes that nobody answers.
const PROBES_APART: Duration = Duration::from_secs(10);

/// The addresses of a host, each of which the policy permits. Asked once: connect to these, not to the name.
///
/// # Errors
/// The name does not resolve within 5 s, or did not within the last 30 s; it has no turn at the resolver within 2 s, as
/// others of its domain hang there; or one of its addresses is not permitted.
pub async fn resolve(
    host: &Host,
    port: u16,
    policy: &AddressPolicy,
) -> Result<Vec<SocketAddr>, OutboundError> {
    let mut addresses = match host {
        Host::Address(address) => vec![SocketAddr::new(*address, port)],
        // No server has to be asked for these: they never resolve (RFC 6761, 6.4).
        Host::Name(name) if name == "invalid" || name.ends_with(".invalid") => {
            return Err(OutboundError::Name);
        }
        Host::Name(name) => look_up(name, port).await?,
    };
    if addresses.is_empty() {
        return Err(OutboundError::Name);
    }
    for address in &addresses {
        policy.permits_at(*address)?;
    }
    addresses.truncate(MOST_ADDRESSES);
    Ok(addresses)
}

/// A connection to the first of the host's addresses that answers. All of them together have this much time.
///
/// # Errors
/// Where it ended.
pub async fn connect(
    host: &Host,
    port: u16,
    policy: &AddressPolicy,
    within: Duration,
) -> Result<TcpStream, OutboundError> {
    let deadline = Instant::now() + within;
    let addresses =
        timeout_at(deadline, resolve(host, port, policy)).await.map_err(|_| OutboundError::Name)??;
    let mut last = OutboundError::Tcp;
    for (tried, address) in addresses.iter().enumerate() {
        // An address that swallows everything leaves time for those after it.
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() - tried).unwrap_or(1);
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                if prepare(&stream).is_ok() {
                    return Ok(stream);
                }
                last = OutboundError::Tcp;
            }
            Ok(Err(_)) => last = OutboundError::Tcp,
            Err(_) => last = OutboundError::Timeout,
        }
    }
    Err(last)
}

/// Small messages go at once, and a dead peer is noticed.
fn prepare(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let probes = TcpKeepalive::new().with_time(PROBED).with_interval(PROBES_APART);
    SockRef::from(stream).set_tcp_keepalive(&probes)
}
