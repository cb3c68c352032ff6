//! What has begun is recorded, whatever becomes of it and of the store.

use std::future::ready;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::oneshot;
use usage_records::{Begun, NoPlace, Recorder};

use crate::uses::{InMemory, Outcome, UseRecord};

/// How many uses may be under way or wait to be written.
const PLACES: usize = 16_384;

async fn begin(recorder: &Recorder<UseRecord>, thing: &str) -> Result<Begun<UseRecord>, NoPlace> {
    recorder.begin(thing.to_owned()).await
}

#[tokio::test(start_paused = true)]
async fn every_use_is_recorded_with_what_came_of_it() {
    let store = InMemory::default();
    let (recorder, writer) = Recorder::with_writer(store.clone());
    for parts in 1..=10 {
        let mut begun = begin(&recorder, "lamp").await.unwrap();
        begun.amount = parts;
        begun.end(Outcome::Done);
    }
    // Nobody says how this one ended.
    drop(begin(&recorder, "lamp").await.unwrap());
    let mut begun = begin(&recorder, "").await.unwrap();
    // It was found out later.
    "door".clone_into(&mut begun.known);
    drop(begun);
    writer.run(ready(())).await;
    assert_eq!(store.count("lamp", Outcome::Done), 10);
    assert_eq!(store.count("lamp", Outcome::Abandoned), 1);
    assert_eq!(store.count("door", Outcome::Abandoned), 1);
    let records = store.records.lock().unwrap();
    assert_eq!(records.iter().map(|record| record.parts).sum::<u64>(), 55);
    // One for those that are alike; a second may have ended meanwhile.
    assert!(records.len() <= 6, "{records:?}");
    assert!(records.iter().all(|record| record.second.nanosecond() == 0));
    assert!(records.iter().all(|record| record.longest <= record.duration));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_while_the_store_is_away() {
    let store = InMemory::default();
    store.failures.store(40, Ordering::SeqCst);
    let (recorder, writer) = Recorder::with_writer(store.clone());
    let (stop, stopped) = oneshot::channel::<()>();
    let writing = tokio::spawn(writer.run(async { drop(stopped.await) }));
    begin(&recorder, "lamp").await.unwrap().end(Outcome::Done);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(store.count("lamp", Outcome::Done), 0);
    begin(&recorder, "door").await.unwrap().end(Outcome::Done);
    let begun = begin(&recorder, "lamp").await.unwrap();
    // The writer is told to stop while the store is still away.
    drop(stop);
    tokio::time::sleep(Duration::from_millis(1)).await;
    drop(begun);
    writing.await.unwrap();
    assert_eq!(store.failures.load(Ordering::SeqCst), 0);
    assert_eq!(store.count("lamp", Outcome::Done), 1);
    assert_eq!(store.count("lamp", Outcome::Abandoned), 1);
    assert_eq!(store.count("door", Outcome::Done), 1);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_recorded_does_not_begin() {
    let store = InMemory::default();
    let (recorder, writer) = Recorder::with_writer(store.clone());
    let mut under_way = Vec::new();
    for _ in 0..PLACES {
        under_way.push(begin(&recorder, "lamp").await.unwrap());
    }
    // A place is had from the beginning to when it is written, not from the end on.
    assert_eq!(begin(&recorder, "lamp").await.err(), Some(NoPlace));
    under_way.pop().unwrap().end(Outcome::Done);
    assert_eq!(begin(&recorder, "lamp").await.err(), Some(NoPlace));
    // Who waits gets the place of one that was written.
    let waiting = tokio::spawn(async move { begin(&recorder, "door").await.map(drop) });
    let (stop, stopped) = oneshot::channel::<()>();
    let writing = tokio::spawn(writer.run(async { drop(stopped.await) }));
    waiting.await.unwrap().unwrap();
    drop(under_way);
    drop(stop);
    writing.await.unwrap();
    assert_eq!(store.count("lamp", Outcome::Done), 1);
    assert_eq!(store.count("lamp", Outcome::Abandoned), PLACES as u64 - 1);
    assert_eq!(store.count("door", Outcome::Abandoned), 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_begins_when_nobody_writes_any_more() {
    let (recorder, writer) = Recorder::with_writer(InMemory::default());
    writer.run(ready(())).await;
    assert_eq!(begin(&recorder, "lamp").await.err(), Some(NoPlace));
}
