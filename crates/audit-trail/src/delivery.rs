//! What a receiver is given at a time, and what became of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use audit::{Chain, Linked};

/// Records of one chain that follow each other.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The chain.
    pub chain: Chain,
    /// The records, at least one.
    pub records: Vec<Linked>,
}

impl Delivery {
    /// The numbers of its first and last record.
    pub(crate) fn bounds(&self) -> (i64, i64) {
        let number = |linked: Option<&Linked>| linked.map_or(0, |linked| linked.record.sequence);
        (number(self.records.first()), number(self.records.last()))
    }
}

/// Why a receiver does not have a delivery, as far as is known. It is sent again.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// It cannot be reached, or broke off.
    #[error("the receiver cannot be reached, or broke off")]
    Connection(#[source] std::io::Error),
    /// It could not be asked, or gave no answer.
    #[error("the receiver gave no answer")]
    Request(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It answered something else than 2xx.
    #[error("the receiver answered {status}")]
    Refused {
        /// The status.
        status: u16,
        /// For how long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// It took too long.
    #[error("the receiver took too long")]
    TooLate,
}

/// What was passed on so far.
#[derive(Debug, Default)]
pub struct Deliveries {
    delivered: AtomicU64,
    failed: AtomicU64,
}

impl Deliveries {
    /// Records that the receiver has.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// Deliveries that failed, and were or will be sent again.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    pub(crate) fn add_delivered(&self, records: usize) {
        self.delivered.fetch_add(records as u64, Ordering::Relaxed);
    }

    pub(crate) fn add_failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }
}
