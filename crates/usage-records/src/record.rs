//! What a kind of use has to say of itself.

use std::hash::Hash;
use std::time::Duration;

use time::OffsetDateTime;

/// A record of uses that began in the same second, are alike, and ended alike.
pub trait Record: Sized + Send + 'static {
    /// What uses of this kind are called where the log speaks of them: `queries`.
    const USES: &'static str;

    /// What came of a use that was dropped before it ended.
    const ABANDONED: Self::Outcome;

    /// What is known of a use. More is found out until it ends; those of which the same is known are alike.
    type Known: Eq + Hash + Send;

    /// What came of a use.
    type Outcome: Eq + Hash + Send;

    /// What is added up over uses, besides their number and the time they took.
    type Amount: Default + Send;

    /// Takes out what was known of a use that has ended. Nobody looks at what is left.
    fn take(known: &mut Self::Known) -> Self::Known;

    /// Adds up.
    fn add(amount: &mut Self::Amount, more: Self::Amount);

    /// The record of these uses.
    fn of(second: OffsetDateTime, known: Self::Known, outcome: Self::Outcome, uses: Uses<Self>) -> Self;
}

/// Uses that are recorded as one.
pub struct Uses<R: Record> {
    /// How many.
    pub count: u64,
    /// How long all of them took.
    pub duration: Duration,
    /// How long the longest took.
    pub longest: Duration,
    /// What was added up.
    pub amount: R::Amount,
}

impl<R: Record> Uses<R> {
    pub(crate) fn none() -> Self {
        let zero = Duration::ZERO;
        Self { count: 0, duration: zero, longest: zero, amount: R::Amount::default() }
    }

    pub(crate) fn add(&mut self, took: Duration, amount: R::Amount) {
        self.count += 1;
        self.duration = self.duration.saturating_add(took);
        self.longest = self.longest.max(took);
        R::add(&mut self.amount, amount);
    }
}
