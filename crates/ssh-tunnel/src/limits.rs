//! How long each step of opening a tunnel may take, and how long a tunnel may be silent.

use std::time::Duration;

/// How long each step may take, at each SSH server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TunnelLimits {
    /// Resolving the first server's name and connecting to it.
    pub connect: Duration,
    /// Agreeing on keys, until the host key is verified.
    pub key_exchange: Duration,
    /// Signing in.
    pub login: Duration,
    /// Until the server has connected to what lies behind it.
    pub forward: Duration,
    /// A server that is silent for this long is asked whether it is there; silent to three questions, it is not.
    pub silence: Duration,
}

impl Default for TunnelLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            key_exchange: Duration::from_secs(10),
            login: Duration::from_secs(15),
            forward: Duration::from_secs(10),
            silence: Duration::from_secs(15),
        }
    }
}
