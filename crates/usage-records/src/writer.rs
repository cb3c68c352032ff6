//! The one task that writes records. It may be slow; it loses none as long as the process lives.

use std::collections::HashMap;
use std::error::Error;
use std::pin::pin;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::recorder::{Ended, PLACES};
use crate::{Record, RecordStore, Recorder, Uses};

/// How long uses are collected before they are written.
const PERIOD: Duration = Duration::from_secs(1);

/// How long to wait before what was not written is tried again.
const RETRY: Duration = Duration::from_millis(250);

/// Writes records.
pub struct Writer<S: RecordStore> {
    store: S,
    ended: mpsc::Receiver<Ended<S::Record>>,
}

impl<R: Record> Recorder<R> {
    /// Where uses begin, and who writes them down.
    #[must_use]
    pub fn with_writer<S: RecordStore<Record = R>>(store: S) -> (Self, Writer<S>) {
        let (recorder, ended) = Self::new();
        (recorder, Writer { store, ended })
    }
}

impl<S: RecordStore> Writer<S> {
    /// Writes until `stopped` completes, and then what is left.
    pub async fn run(mut self, stopped: impl Future<Output = ()>) {
        let mut stopped = pin!(stopped);
        let mut open = true;
        while open {
            tokio::select! {
                () = tokio::time::sleep(PERIOD) => {}
                () = &mut stopped => open = false,
            }
            let mut batch = Vec::new();
            while batch.len() < PLACES
                && let Ok(ended) = self.ended.try_recv()
            {
                batch.push(ended);
            }
            self.write(&together(batch)).await;
        }
    }

    async fn write(&self, records: &[S::Record]) {
        if records.is_empty() {
            return;
        }
        let mut told = false;
        while let Err(error) = self.store.write(records).await {
            if !std::mem::replace(&mut told, true) {
                tracing::error!(
                    error = &error as &dyn Error,
                    records = records.len(),
                    of = S::Record::USES,
                    "records could not be written; callers wait until they are"
                );
            }
            tokio::time::sleep(RETRY).await;
        }
    }
}

/// What differs in nothing that is recorded becomes one record.
fn together<R: Record>(ended: Vec<Ended<R>>) -> Vec<R> {
    let mut alike = HashMap::new();
    for Ended { at, took, known, outcome, amount } in ended {
        let uses = alike.entry((at.truncate_to_second(), known, outcome)).or_insert_with(Uses::none);
        uses.add(took, amount);
    }
    alike.into_iter().map(|((second, known, outcome), uses)| R::of(second, known, outcome, uses)).collect()
}
