//! What this process itself listens on. An address that somebody else translates to one of ours, such as a router's, is
//! not recognised.

use std::net::{IpAddr, SocketAddr, UdpSocket};

/// The addresses that this process listens on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listeners(Vec<SocketAddr>);

impl Listeners {
    pub(crate) fn new(addresses: Vec<SocketAddr>) -> Self {
        Self(addresses)
    }

    /// Whether a connection to this address would come back to us.
    pub(crate) fn answer_at(&self, address: SocketAddr) -> bool {
        let ip = address.ip().to_canonical();
        self.0.iter().any(|listener| {
            let ours = listener.ip().to_canonical();
            listener.port() == address.port() && (ours == ip || (ours.is_unspecified() && is_local(ip)))
        })
    }
}

/// Whether this is an address of this machine: then the system takes it as the source of what is sent to it. Nothing is
/// sent by connecting a datagram socket.
fn is_local(ip: IpAddr) -> bool {
    if ip.is_loopback() || ip.is_unspecified() {
        return true;
    }
    let any = if ip.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    UdpSocket::bind(any)
        .and_then(|socket| {
            socket.connect(SocketAddr::new(ip, 9))?;
            socket.local_addr()
        })
        .is_ok_and(|source| source.ip() == ip)
}
