//! The steps of a refresh, for those who count them.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use ids::AccountId;

/// A step of a refresh, in their order. The process may end after any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefreshStep {
    /// This process has the lease.
    Claimed,
    /// What is about to be sent is written down.
    Intended,
    /// It is sent; only the service knows what becomes of it.
    Sent,
    /// The service answered, or will not.
    Answered,
    /// The new tokens are written and not committed.
    Storing,
    /// They are committed.
    Stored,
}

impl RefreshStep {
    /// Every step, in their order.
    pub const ALL: [Self; 6] =
        [Self::Claimed, Self::Intended, Self::Sent, Self::Answered, Self::Storing, Self::Stored];

    /// Its name, everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Intended => "intended",
            Self::Sent => "sent",
            Self::Answered => "answered",
            Self::Storing => "storing",
            Self::Stored => "stored",
        }
    }
}

/// Somebody who is told of every step. The refresh goes on when they return.
#[async_trait]
pub trait RefreshObserver: Send + Sync {
    /// A refresh of this account has come so far.
    async fn reached(&self, step: RefreshStep, account: AccountId);
}

/// Counts the steps of this process.
#[derive(Debug, Default)]
pub struct RefreshCounters {
    steps: [AtomicU64; RefreshStep::ALL.len()],
}

impl RefreshCounters {
    /// How many refreshes have come so far.
    #[must_use]
    pub fn count(&self, step: RefreshStep) -> u64 {
        self.counter(step).map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    fn counter(&self, step: RefreshStep) -> Option<&AtomicU64> {
        let position = RefreshStep::ALL.iter().position(|known| *known == step)?;
        self.steps.get(position)
    }
}

#[async_trait]
impl RefreshObserver for RefreshCounters {
    async fn reached(&self, step: RefreshStep, _: AccountId) {
        if let Some(counter) = self.counter(step) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}
