//! What time it is for the platform: this machine's clock, corrected by the store's where the two differ.
//!
//! Codes that live a minute are written by one replica and judged by another. Their machines' clocks may be minutes apart;
//! the database that they share has one. Whoever decides about time asks [`now`], and nobody asks the system.
//!
//! It knows no store: whoever has asked one says what it answered, to [`agree`].

use std::sync::atomic::{AtomicI64, Ordering};

use time::{Duration, OffsetDateTime};

/// Clocks that differ by less count as the same: answers take their time, and nothing here is decided by less.
const TOLERANCE: Duration = Duration::SECOND;

/// By how many milliseconds this machine's clock is behind.
static BEHIND: AtomicI64 = AtomicI64::new(0);

/// What time it is.
#[must_use]
pub fn now() -> OffsetDateTime {
    let machine = OffsetDateTime::now_utc();
    machine.checked_add(Duration::milliseconds(BEHIND.load(Ordering::Relaxed))).unwrap_or(machine)
}

/// Takes the time that the store said, which was asked at `asked` and had answered by `answered`, both of this machine's
/// own clock. Answers by how much that clock is behind, where it is not what was known.
pub fn agree(store: OffsetDateTime, asked: OffsetDateTime, answered: OffsetDateTime) -> Option<Duration> {
    let behind = behind(store, asked, answered, Duration::milliseconds(BEHIND.load(Ordering::Relaxed)))?;
    let milliseconds = i64::try_from(behind.whole_milliseconds()).ok()?;
    BEHIND.store(milliseconds, Ordering::Relaxed);
    Some(behind)
}

/// By how much a clock is behind, if not by what was known. The store may have looked at any moment between question and
/// answer; nothing is learnt from an answer that took long.
fn behind(
    store: OffsetDateTime,
    asked: OffsetDateTime,
    answered: OffsetDateTime,
    known: Duration,
) -> Option<Duration> {
    let took: Duration = answered - asked;
    if took.is_negative() || took > TOLERANCE {
        return None;
    }
    let behind: Duration = store - (asked + took / 2);
    let behind = if behind.abs() <= TOLERANCE { Duration::ZERO } else { behind };
    ((behind - known).abs() > TOLERANCE).then_some(behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_by_more_than_a_second_is_corrected_and_nothing_else() {
        let asked = OffsetDateTime::UNIX_EPOCH;
        let learnt = |store: Duration, took: Duration, known: Duration| {
            behind(asked + store, asked, asked + took, known)
        };
        let (seconds, moment) = (Duration::seconds, Duration::milliseconds(4));
        assert_eq!(learnt(seconds(300), moment, Duration::ZERO), Some(seconds(300) - moment / 2));
        assert_eq!(learnt(seconds(-300), moment, Duration::ZERO), Some(seconds(-300) - moment / 2));
        assert_eq!(learnt(moment, moment, Duration::ZERO), None, "the same");
        assert_eq!(learnt(seconds(300), moment, seconds(300)), None, "known");
        assert_eq!(learnt(moment, moment, seconds(300)), Some(Duration::ZERO), "somebody has set the clock");
        assert_eq!(learnt(seconds(300), seconds(2), Duration::ZERO), None, "it took too long");
        assert_eq!(learnt(seconds(300), seconds(-2), Duration::ZERO), None, "it was set meanwhile");
    }
}
