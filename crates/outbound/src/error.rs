//! Why there is no connection.

use crate::Refused;

/// Why there is no connection. No host, no address and no text of the system is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// The name has no address, or nobody says which in time.
    #[error("the name does not resolve")]
    Name,
    /// One of its addresses may not be connected to.
    #[error(transparent)]
    Address(#[from] Refused),
    /// At none of its addresses does anything answer at this port.
    #[error("nothing answers at this address and port")]
    Tcp,
    /// No answer in time.
    #[error("no answer in time")]
    Timeout,
}
