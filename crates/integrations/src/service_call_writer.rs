//! The one task that writes records of calls. It may be slow; it loses none as long as the process lives.

use std::collections::HashMap;
use std::pin::pin;
use std::time::Duration;

use ids::ServiceCallId;
use time::OffsetDateTime;
use tokio::sync::mpsc;

use crate::Store;
use crate::service_call::{CallOutcome, Called, ServiceCall};
use crate::service_call_recording::{Ended, ServiceCallRecorder};

/// How long calls are collected before they are written.
const PERIOD: Duration = Duration::from_secs(1);

/// How many are written together at most.
const MOST: usize = 16_384;

/// How long to wait before what was not written is tried again.
const RETRY: Duration = Duration::from_millis(250);

/// Writes records of calls.
pub struct ServiceCallWriter {
    store: Store,
    ended: mpsc::Receiver<Ended>,
}

impl ServiceCallRecorder {
    /// Where calls are handed in, and who writes them down.
    #[must_use]
    pub fn with_writer(store: Store) -> (Self, ServiceCallWriter) {
        let (recorder, ended) = Self::new();
        (recorder, ServiceCallWriter { store, ended })
    }
}

impl ServiceCallWriter {
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

    async fn write(&self, records: &[ServiceCall]) {
        if records.is_empty() {
            return;
        }
        let mut told = false;
        while let Err(error) = self.store.write_service_calls(records).await {
            if !std::mem::replace(&mut told, true) {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    records = records.len(),
                    "records of calls could not be written; calls wait until they are"
                );
            }
            tokio::time::sleep(RETRY).await;
        }
    }
}

/// What differs in nothing that is recorded becomes one record.
fn together(ended: Vec<Ended>) -> Vec<ServiceCall> {
    let mut records: HashMap<(i64, CallOutcome, Option<u16>, Called), ServiceCall> = HashMap::new();
    for Ended { at, called, outcome, status, took } in ended {
        let second = at.unix_timestamp();
        let record =
            records.entry((second, outcome, status, called)).or_insert_with_key(|(_, _, _, called)| {
                ServiceCall {
                    id: ServiceCallId::generate(),
                    at: OffsetDateTime::from_unix_timestamp(second).unwrap_or(at),
                    called: called.clone(),
                    outcome,
                    status,
                    count: 0,
                    duration: Duration::ZERO,
                    longest: Duration::ZERO,
                }
            });
        record.count += 1;
        record.duration = record.duration.saturating_add(took);
        record.longest = record.longest.max(took);
    }
    records.into_values().collect()
}
