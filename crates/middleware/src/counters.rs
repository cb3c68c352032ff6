//! What the middleware did, counted.

use std::sync::atomic::{AtomicU64, Ordering};

/// One number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub(crate) fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many so far.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What became of the requests for app hosts.
#[derive(Debug, Default)]
pub struct Counters {
    /// Forwarded to an app that answered.
    pub forwarded: Counter,
    /// Sent to sign in, or told to.
    pub unauthenticated: Counter,
    /// Refused with 403 or 404.
    pub refused: Counter,
    /// Refused because they have no single reading.
    pub malformed: Counter,
    /// Not decided, because the facts or the sessions were not available.
    pub undecided: Counter,
    /// Answered with 502: the app could not be reached, or broke off.
    pub upstream_failed: Counter,
    /// Answered with 504: the app took too long.
    pub upstream_late: Counter,
    /// WebSockets that were opened.
    pub tunnels: Counter,
}

impl Counters {
    /// Every number with its name and what it counts.
    #[must_use]
    pub fn readings(&self) -> [(&'static str, &'static str, u64); 8] {
        [
            ("forwarded", "Requests that an app answered", self.forwarded.value()),
            ("unauthenticated", "Requests without a live session", self.unauthenticated.value()),
            ("refused", "Requests refused with 403 or 404", self.refused.value()),
            ("malformed", "Requests without a single reading", self.malformed.value()),
            ("undecided", "Requests that could not be decided", self.undecided.value()),
            ("upstream_failed", "Requests whose app failed", self.upstream_failed.value()),
            ("upstream_late", "Requests whose app took too long", self.upstream_late.value()),
            ("tunnels", "WebSockets opened", self.tunnels.value()),
        ]
    }
}
