//! A byte stream to a host behind one or more SSH servers.
//!
//! Invariants: nothing is sent to a server before its host key is the pinned one; every stream has an SSH session of its
//! own, so that nobody waits for a reader who does not read. This crate does not know what is sent through a tunnel.

mod algorithms;
mod error;
mod fingerprint;
mod hop;
mod host_key;
mod limits;
mod private_key;
mod session;
mod stream;
mod transport;
mod tunnel;

pub use error::{TunnelError, TunnelStep};
pub use fingerprint::{Fingerprint, FingerprintError};
pub use hop::{Hop, Route, RouteError};
pub use limits::TunnelLimits;
pub use stream::TunnelStream;
pub use tunnel::{host_key_of, open};
