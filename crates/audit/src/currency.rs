//! Whether this process knows of every change that others made.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long a process is trusted that has not heard from the store. What reads through it is never older than this,
/// and a stream that was allowed notices within half a second more: two seconds in all are promised
/// (docs/adr/0054).
pub const TRUSTED_FOR: Duration = Duration::from_millis(1_400);

/// Until when what is kept in memory counts.
///
/// The only process of a store always knows everything. One of several does for [`TRUSTED_FOR`] after it asked the
/// store, and was told of nothing that it had not followed. Time is this machine's monotonic clock: neither a wrong
/// wall clock nor a process that was stopped for a while makes it trust longer.
#[derive(Debug)]
pub struct Currency {
    start: Instant,
    /// Nanoseconds after `start`.
    until: AtomicU64,
}

/// The only process of its store.
const ALWAYS: u64 = u64::MAX;

impl Currency {
    /// Of the only process of a store.
    #[must_use]
    pub fn alone() -> Self {
        Self { start: Instant::now(), until: AtomicU64::new(ALWAYS) }
    }

    /// Of one process of several: not current before it [confirms](Self::confirm) that it is.
    #[must_use]
    pub fn shared() -> Self {
        Self { start: Instant::now(), until: AtomicU64::new(0) }
    }

    /// Whether what is kept in memory counts now.
    #[must_use]
    pub fn is_current(&self) -> bool {
        let until = self.until.load(Ordering::Acquire);
        until == ALWAYS || self.nanoseconds(Instant::now()) < until
    }

    /// At `asked`, the store had nothing that is not followed by now.
    pub fn confirm(&self, asked: Instant) {
        let until = self.nanoseconds(asked + TRUSTED_FOR);
        // One that always is stays so: ALWAYS is the largest.
        self.until.fetch_max(until, Ordering::AcqRel);
    }

    /// How long ago the store was asked, if this is one process of several.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        let until = self.until.load(Ordering::Acquire);
        let asked = until.saturating_sub(u64::try_from(TRUSTED_FOR.as_nanos()).unwrap_or(u64::MAX));
        (until != ALWAYS)
            .then(|| Duration::from_nanos(self.nanoseconds(Instant::now()).saturating_sub(asked)))
    }

    fn nanoseconds(&self, instant: Instant) -> u64 {
        // 584 years.
        u64::try_from(instant.saturating_duration_since(self.start).as_nanos()).unwrap_or(ALWAYS - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_several_is_current_for_a_while_after_it_asked() {
        let currency = Currency::shared();
        assert!(!currency.is_current(), "before it ever asked");
        let now = Instant::now();
        currency.confirm(now);
        assert!(currency.is_current());
        let earlier = Currency { start: now - TRUSTED_FOR * 2, until: AtomicU64::new(0) };
        earlier.confirm(now - TRUSTED_FOR);
        assert!(!earlier.is_current(), "the answer says what was so when it was asked for");
        earlier.confirm(now);
        earlier.confirm(now - TRUSTED_FOR);
        assert!(earlier.is_current(), "an older answer that comes later takes nothing back");
    }

    #[test]
    fn the_only_process_is_always_current() {
        let currency = Currency::alone();
        currency.confirm(Instant::now());
        assert!(currency.is_current());
        assert_eq!(currency.age(), None);
    }
}
