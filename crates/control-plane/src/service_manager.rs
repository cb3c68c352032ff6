//! What the service manager hands over and hears: sockets (sd_listen_fds(3)), readiness and signs of life
//! (sd_notify(3)). Without one, nothing here does anything.

use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use listenfd::ListenFd;

use crate::{StartError, config};

/// What sockets may be called: the keys of `[listen]`.
const NAMES: [&str; 3] = ["https", "redirect", "admin"];

/// Listeners that the service manager opened, by name.
pub(crate) struct HandedOver(Vec<(String, TcpListener)>);

impl HandedOver {
    /// Takes them all.
    ///
    /// # Errors
    /// One is no TCP socket, or its name is not that of a key of `[listen]`, or two have one name.
    pub(crate) fn take() -> Result<Self, StartError> {
        let mut sockets = ListenFd::from_env();
        let mut names = config::socket_names().into_iter();
        let mut taken: Vec<(String, TcpListener)> = Vec::new();
        for position in 0..sockets.len() {
            let name = names.next().unwrap_or_else(|| "unknown".to_owned());
            let unusable = |reason: &str| StartError::HandedOver(format!("the socket {name:?} {reason}"));
            if !NAMES.contains(&name.as_str()) {
                return Err(unusable("has to be called https, redirect or admin (FileDescriptorName=)"));
            }
            if taken.iter().any(|(other, _)| *other == name) {
                return Err(unusable("was handed over twice; one address for each (ListenStream=)"));
            }
            match sockets.take_tcp_listener(position) {
                Ok(Some(listener)) => taken.push((name, listener)),
                Ok(None) => return Err(unusable("is not there")),
                Err(error) => return Err(unusable(&format!("cannot be used: {error}"))),
            }
        }
        Ok(Self(taken))
    }

    /// The one of this name.
    pub(crate) fn named(&mut self, name: &str) -> Option<TcpListener> {
        let position = self.0.iter().position(|(other, _)| other == name)?;
        Some(self.0.swap_remove(position).1)
    }
}

/// Whoever connects is served.
pub(crate) fn serving() {
    say("READY=1\nSTATUS=serving");
}

/// Nobody new should be sent here.
pub(crate) fn stopping() {
    say("STOPPING=1\nSTATUS=stopping");
}

/// Gives signs of life for as long as it is polled, twice as often as they are asked for (WatchdogSec=).
pub(crate) async fn watch() {
    let Some(within) = config::watchdog() else { return };
    let mut ticks = tokio::time::interval(within / 2);
    loop {
        ticks.tick().await;
        say("WATCHDOG=1");
    }
}

/// One message, without waiting for a service manager that does not listen.
fn say(message: &str) {
    let Some(path) = config::notify_socket() else { return };
    let said = UnixDatagram::unbound().and_then(|socket| {
        socket.set_nonblocking(true)?;
        let address = match path.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            _ => SocketAddr::from_pathname(&path)?,
        };
        socket.send_to_addr(message.as_bytes(), &address)
    });
    if let Err(error) = said {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}
