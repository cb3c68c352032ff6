//! The server's bounds, with defaults that fit a small machine.

use std::num::NonZeroUsize;
use std::time::Duration;

/// What a server spends on its clients at most. Bounds of single requests are constants: a head has at
/// most 32 KiB and 90 fields, a target 8 KiB, a body for an endpoint 64 KiB.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Threads that serve.
    pub workers: NonZeroUsize,
    /// Connections of one worker at a time. Some more are accepted, and answered with 503.
    pub connections_per_worker: usize,
    /// Connections of one address at a time. Others are closed as soon as they are there.
    pub connections_per_address: usize,
    /// Requests of one worker that have no answer yet. Others are answered with 503; those without any credential,
    /// when there are half as many.
    pub requests_per_worker: usize,
    /// A TLS handshake takes no longer.
    pub handshake: Duration,
    /// The first head of a connection takes no longer.
    pub head: Duration,
    /// A connection idles, or spends on a further head, no longer.
    pub keep_alive: Duration,
    /// The body of a request for an endpoint takes no longer. Bodies for apps are the gateway's business.
    pub body: Duration,
    /// A client that accepts not a single byte of what is sent to it is let go after this time.
    pub write: Duration,
    /// Requests under way at shutdown get this much time to end, in whole seconds.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            connections_per_worker: 25_000,
            connections_per_address: 1000,
            requests_per_worker: 5000,
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(10),
            keep_alive: Duration::from_secs(75),
            body: Duration::from_secs(20),
            write: Duration::from_secs(60),
            drain: Duration::from_secs(20),
        }
    }
}
