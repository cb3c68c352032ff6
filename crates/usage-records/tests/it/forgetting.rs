//! Old records are deleted in pieces.

use std::sync::atomic::Ordering;
use std::time::Duration;

use time::OffsetDateTime;
use usage_records::sweep;

use crate::uses::{InMemory, Outcome, UseRecord};

const BORDER: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

fn kept(old: usize, young: usize) -> InMemory {
    let store = InMemory::default();
    let (count, parts, duration, longest) = (1, 0, Duration::ZERO, Duration::ZERO);
    let (thing, outcome) = ("lamp".to_owned(), Outcome::Done);
    let record = UseRecord { second: BORDER, thing, outcome, count, parts, duration, longest };
    let of = |second| UseRecord { second, ..record.clone() };
    let mut records = vec![of(BORDER - Duration::from_secs(1)); old];
    records.extend(vec![of(BORDER); young]);
    *store.records.lock().unwrap() = records;
    store
}

#[tokio::test(start_paused = true)]
async fn what_is_old_is_deleted_in_pieces() {
    let store = kept(1_200, 3);
    assert_eq!(sweep(&store, BORDER).await.unwrap(), 1_200);
    assert_eq!(store.records.lock().unwrap().len(), 3);
    assert_eq!(*store.deleted.lock().unwrap(), [500, 500, 200]);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_ends_although_there_is_always_more() {
    let store = InMemory { endless: true, ..InMemory::default() };
    let began = tokio::time::Instant::now();
    assert!(sweep(&store, BORDER).await.unwrap() > 500);
    assert!(began.elapsed() < Duration::from_secs(121));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_ends_a_sweep() {
    let store = kept(1, 0);
    store.failures.store(1, Ordering::SeqCst);
    assert!(sweep(&store, BORDER).await.is_err());
    assert_eq!(sweep(&store, BORDER).await.unwrap(), 1);
}
