//! A byte stream to a host behind one or more SSH servers.
//!
//! Invariants: nothing is sent to a server before its host key is the pinned one; every stream has an SSH session of its
//! own, so that nobody waits for a reader who does not read. This crate does not know what is sent through a tunnel.

mod error;
mod fingerprint;
mod hop;

pub use error::{TunnelError, TunnelStep};
pub use fingerprint::{Fingerprint, FingerprintError};
pub use hop::{Hop, Route, RouteError};
