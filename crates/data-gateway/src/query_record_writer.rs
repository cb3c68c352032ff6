//! The one task that writes records of queries. It may be slow; it loses none as long as the process lives.

use std::collections::HashMap;
use std::pin::pin;
use std::time::Duration;

use ids::QueryRecordId;
use time::OffsetDateTime;
use tokio::sync::mpsc;

use crate::Store;
use crate::query_record::{Asked, Outcome, QueryRecord};
use crate::recording::{Ended, QueryRecorder};

/// How long queries are collected before they are written.
const PERIOD: Duration = Duration::from_secs(1);

/// How many are written together at most.
const MOST: usize = 16_384;

/// How long to wait before what was not written is tried again.
const RETRY: Duration = Duration::from_millis(250);

/// Writes records of queries.
pub struct QueryRecordWriter {
    store: Store,
    ended: mpsc::Receiver<Ended>,
}

impl QueryRecorder {
    /// Where queries are handed in, and who writes them down.
    #[must_use]
    pub fn with_writer(store: Store) -> (Self, QueryRecordWriter) {
        let (recorder, ended) = Self::new();
        (recorder, QueryRecordWriter { store, ended })
    }
}

impl QueryRecordWriter {
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
            while batch.len() < MOST
                && let Ok(ended) = self.ended.try_recv()
            {
                batch.push(ended);
            }
            self.write(&together(batch)).await;
        }
    }

    async fn write(&self, records: &[QueryRecord]) {
        if records.is_empty() {
            return;
        }
        let mut told = false;
        while let Err(error) = self.store.write_query_records(records).await {
            if !std::mem::replace(&mut told, true) {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    records = records.len(),
                    "records of queries could not be written; queries wait until they are"
                );
            }
            tokio::time::sleep(RETRY).await;
        }
    }
}

/// What differs in nothing that is recorded becomes one record.
fn together(ended: Vec<Ended>) -> Vec<QueryRecord> {
    let mut records: HashMap<(i64, Outcome, Asked), QueryRecord> = HashMap::new();
    for Ended { at, asked, outcome, summary, took } in ended {
        let second = at.unix_timestamp();
        let record =
            records.entry((second, outcome, asked)).or_insert_with_key(|(_, _, asked)| QueryRecord {
                id: QueryRecordId::generate(),
                at: OffsetDateTime::from_unix_timestamp(second).unwrap_or(at),
                asked: asked.clone(),
                outcome,
                count: 0,
                rows: 0,
                bytes: 0,
                duration: Duration::ZERO,
                longest: Duration::ZERO,
            });
        record.count += 1;
        record.rows = record.rows.saturating_add(summary.rows);
        record.bytes = record.bytes.saturating_add(summary.bytes);
        record.duration = record.duration.saturating_add(took);
        record.longest = record.longest.max(took);
    }
    records.into_values().collect()
}
