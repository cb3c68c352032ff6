//! How much each of very many has left, in memory whose size does not depend on how many they are.
//!
//! Every key has four cells in one table, found by a keyed hash. A cell holds the moment at which what was taken is made
//! up for (the generic cell rate algorithm, ITU-T I.371), and the earliest of the four counts: keys that share
//! one cell do not hold each other up, since they seldom share all four, and nobody outside can work out whose they are.
//! Nothing is locked, allocated or swept.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How many cells there are, in all 8 MiB. While all 65 536 networks of an IPv6 /48 have nothing left, one in four hundred
/// others is refused, too.
const CELLS: usize = 1 << 20;
/// How many of them a key has.
const CELLS_OF_A_KEY: u64 = 4;

/// How often something may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// In the long run.
    pub per_minute: u32,
    /// At once, by who has done nothing for a while.
    pub burst: u32,
}

impl Rate {
    /// More often than anybody can.
    pub const UNLIMITED: Self = Self { per_minute: u32::MAX, burst: u32::MAX };

    /// In nanoseconds.
    fn interval(self) -> u64 {
        (60_000_000_000 / u64::from(self.per_minute.max(1))).max(1)
    }

    /// How far ahead of the clock a key may be, in nanoseconds.
    fn tolerance(self) -> u64 {
        self.interval().saturating_mul(u64::from(self.burst.max(1)))
    }

    /// How long it takes until everything is there again.
    pub(crate) fn window(self) -> Duration {
        Duration::from_nanos(self.tolerance())
    }
}

/// Who has nothing left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spent {
    /// When there is something again.
    pub(crate) after: Duration,
}

/// What is left of everybody's.
pub(crate) struct Allowances {
    cells: Box<[AtomicU64]>,
    hash: RandomState,
    began: Instant,
}

impl Allowances {
    pub(crate) fn new() -> Self {
        Self {
            cells: std::iter::repeat_with(AtomicU64::default).take(CELLS).collect(),
            hash: RandomState::new(),
            began: Instant::now(),
        }
    }

    /// Takes one of what this key may have, and says how many are left.
    pub(crate) fn take(&self, key: &impl Hash, rate: Rate, now: Instant) -> Result<u32, Spent> {
        let (now, interval, tolerance) = (self.nanoseconds(now), rate.interval(), rate.tolerance());
        let hash = self.hash.hash_one(key);
        loop {
            let (earliest, until) = self.earliest(hash)?;
            let next = until.max(now).saturating_add(interval);
            if let Some(over) = (next - now).checked_sub(tolerance).filter(|over| *over > 0) {
                return Err(Spent { after: Duration::from_nanos(over) });
            }
            // The earliest comes last, so that whoever else takes of the same at this moment finds the same cell, and
            // looks again when it has changed.
            for cell in self.cells_of(hash).filter(|cell| !std::ptr::eq(*cell, earliest)) {
                cell.fetch_max(next, Ordering::Relaxed);
            }
            if earliest.compare_exchange(until, next, Ordering::Relaxed, Ordering::Relaxed).is_err() {
                continue;
            }
            let left = (tolerance - (next - now)) / interval;
            return Ok(u32::try_from(left).unwrap_or(u32::MAX));
        }
    }

    /// Whether this key has nothing left. Takes nothing.
    pub(crate) fn check(&self, key: &impl Hash, rate: Rate, now: Instant) -> Result<(), Spent> {
        let now = self.nanoseconds(now);
        let (_, until) = self.earliest(self.hash.hash_one(key))?;
        let next = until.max(now).saturating_add(rate.interval());
        match (next - now).checked_sub(rate.tolerance()) {
            Some(over) if over > 0 => Err(Spent { after: Duration::from_nanos(over) }),
            _ => Ok(()),
        }
    }

    fn earliest(&self, hash: u64) -> Result<(&AtomicU64, u64), Spent> {
        let cells = self.cells_of(hash).map(|cell| (cell, cell.load(Ordering::Relaxed)));
        cells.min_by_key(|(_, until)| *until).ok_or(Spent { after: Duration::from_secs(1) })
    }

    /// By two halves of one hash (Kirsch and Mitzenmacher, Less hashing, same performance, 2006).
    fn cells_of(&self, hash: u64) -> impl Iterator<Item = &AtomicU64> {
        let (first, step) = (hash >> 32, (hash & 0xffff_ffff) | 1);
        (0..CELLS_OF_A_KEY).filter_map(move |number| {
            let place = first.wrapping_add(number.wrapping_mul(step)) % CELLS as u64;
            self.cells.get(usize::try_from(place).unwrap_or_default())
        })
    }

    fn nanoseconds(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.began).as_nanos()).unwrap_or(u64::MAX / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_minute: 60, burst: 10 };

    #[test]
    fn t05_a_burst_and_then_the_rate() {
        let (allowances, start) = (Allowances::new(), Instant::now());
        let left: Vec<u32> = (0..10).map(|_| allowances.take(&"a", RATE, start).unwrap()).collect();
        assert_eq!(left, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
        let spent = allowances.take(&"a", RATE, start).unwrap_err();
        assert!(
            spent.after <= Duration::from_secs(1) && spent.after > Duration::from_millis(900),
            "{spent:?}"
        );
        assert_eq!(allowances.check(&"a", RATE, start), Err(spent));
        assert_eq!(allowances.take(&"b", RATE, start), Ok(9), "others are not held up");
        let minute = start + Duration::from_secs(60);
        let taken = (0..100).filter(|_| allowances.take(&"a", RATE, minute).is_ok()).count();
        assert_eq!(taken, 10, "nobody saves up more than a burst");
        let taken = (0..600)
            .filter(|tenth| {
                allowances.take(&"a", RATE, minute + Duration::from_millis(100 * (tenth + 1))).is_ok()
            })
            .count();
        assert!((59..=61).contains(&taken), "{taken} in a minute");
    }

    #[test]
    fn t05_several_at_once_get_no_more_than_one() {
        let (allowances, start) = (Allowances::new(), Instant::now());
        let rate = Rate { per_minute: 1, burst: 10_000 };
        let taken: usize = std::thread::scope(|scope| {
            let takers: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| (0..10_000).filter(|_| allowances.take(&"a", rate, start).is_ok()).count())
                })
                .collect();
            takers.into_iter().map(|taker| taker.join().unwrap()).sum()
        });
        assert_eq!(taken, 10_000);
    }

    #[test]
    fn t05_very_many_keys_take_no_memory_and_hold_few_others_up() {
        let (allowances, now) = (Allowances::new(), Instant::now());
        let rate = Rate { per_minute: 1, burst: 1 };
        for attacker in 0..65_536_u32 {
            let _ = allowances.take(&("attacker", attacker), rate, now);
        }
        let refused =
            (0..10_000_u32).filter(|other| allowances.check(&("other", *other), rate, now).is_err()).count();
        assert!(refused < 60, "{refused} of 10000");
    }

    #[test]
    fn what_is_unlimited_is_never_spent() {
        let (allowances, now) = (Allowances::new(), Instant::now());
        assert!((0..100_000).all(|_| allowances.take(&"a", Rate::UNLIMITED, now).is_ok()));
    }
}
