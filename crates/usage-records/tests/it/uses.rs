//! A kind of use, and a store that can fail.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use time::OffsetDateTime;
use usage_records::{Record, RecordStore, Uses};

/// What is recorded: which thing, what came of it, how often, with how many parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UseRecord {
    pub second: OffsetDateTime,
    pub thing: String,
    pub outcome: Outcome,
    pub count: u64,
    pub parts: u64,
    pub duration: Duration,
    pub longest: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    Done,
    Abandoned,
}

impl Record for UseRecord {
    const USES: &'static str = "uses";
    const ABANDONED: Outcome = Outcome::Abandoned;

    /// The thing.
    type Known = String;
    type Outcome = Outcome;
    /// Parts of it.
    type Amount = u64;

    fn take(known: &mut String) -> String {
        std::mem::take(known)
    }

    fn add(parts: &mut u64, more: u64) {
        *parts += more;
    }

    fn of(second: OffsetDateTime, thing: String, outcome: Outcome, uses: Uses<Self>) -> Self {
        let Uses { count, duration, longest, amount: parts } = uses;
        Self { second, thing, outcome, count, parts, duration, longest }
    }
}

/// Records in memory.
#[derive(Clone, Default)]
pub struct InMemory {
    pub records: Arc<Mutex<Vec<UseRecord>>>,
    /// How often writing fails before it succeeds.
    pub failures: Arc<AtomicUsize>,
    /// How many records each piece of a sweep deleted.
    pub deleted: Arc<Mutex<Vec<u64>>>,
    /// Records that never end.
    pub endless: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("the store is away")]
pub struct Away;

impl InMemory {
    /// How many uses of a thing with an outcome are recorded.
    pub fn count(&self, thing: &str, outcome: Outcome) -> u64 {
        let records = self.records.lock().unwrap();
        let of_thing = records.iter().filter(|record| record.thing == thing && record.outcome == outcome);
        of_thing.map(|record| record.count).sum()
    }

    fn fails(&self) -> bool {
        self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    }
}

impl RecordStore for InMemory {
    type Record = UseRecord;
    type Error = Away;

    async fn write(&self, records: &[UseRecord]) -> Result<(), Away> {
        if self.fails() {
            return Err(Away);
        }
        self.records.lock().unwrap().extend_from_slice(records);
        Ok(())
    }

    async fn delete(&self, border: OffsetDateTime, most: u64) -> Result<u64, Away> {
        if self.fails() {
            return Err(Away);
        }
        let mut records = self.records.lock().unwrap();
        let mut deleted = 0;
        records.retain(|record| {
            let goes = deleted < most && record.second < border;
            deleted += u64::from(goes);
            !goes
        });
        let deleted = if self.endless { most } else { deleted };
        self.deleted.lock().unwrap().push(deleted);
        Ok(deleted)
    }
}
