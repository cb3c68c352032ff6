//! Passing the trail on. The database is the queue: what a receiver has not got stays where it is, and
//! what waits in memory is one delivery.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use audit::{Chain, Growth, Trail};

use crate::{Deliveries, Delivery, DeliveryError, Receiver, Store};

/// Records in one delivery.
const AT_ONCE: u64 = 100;

/// How often chains are looked at that nobody told of: another process may have written.
const LOOK: Duration = Duration::from_secs(60);

/// The longest that a receiver can ask to be left alone.
const LONGEST_WISH: Duration = Duration::from_secs(300);

/// How long to wait after a delivery failed.
#[derive(Clone, Copy, Debug)]
pub struct Pauses {
    /// After the first time; doubled with every further one.
    pub first: Duration,
    /// The longest.
    pub longest: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), longest: Duration::from_secs(60) }
    }
}

/// Passes every chain on to one receiver.
pub struct Forwarder {
    trail: Trail,
    growth: Arc<Growth>,
    store: Store,
    receiver: Receiver,
    pauses: Pauses,
    deliveries: Arc<Deliveries>,
}

impl fmt::Debug for Forwarder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Forwarder").field("receiver", &self.receiver.name()).finish_non_exhaustive()
    }
}

impl Forwarder {
    /// From `trail` to `receiver`, woken by `growth`.
    #[must_use]
    pub fn new(trail: Trail, growth: Arc<Growth>, store: Store, receiver: Receiver, pauses: Pauses) -> Self {
        Self { trail, growth, store, receiver, pauses, deliveries: Arc::default() }
    }

    /// What it has done so far.
    #[must_use]
    pub fn deliveries(&self) -> &Arc<Deliveries> {
        &self.deliveries
    }

    /// The receiver's name.
    #[must_use]
    pub fn receiver(&self) -> &'static str {
        self.receiver.name()
    }

    /// Passes on until it is dropped. A delivery that is dropped under way is sent again later.
    pub async fn run(&self) {
        loop {
            let mut due = self.every_chain().await;
            while !due.is_empty() {
                // One delivery of each in turn: a long chain does not keep the others waiting.
                for chain in std::mem::take(&mut due) {
                    if self.pass_on(chain).await == Progress::MoreToCome {
                        due.insert(chain);
                    }
                }
                if due.is_empty()
                    && let Ok(grown) = tokio::time::timeout(LOOK, self.growth.wait()).await
                {
                    due = grown;
                }
            }
        }
    }

    async fn every_chain(&self) -> BTreeSet<Chain> {
        let mut pause = self.pauses.first;
        loop {
            match self.trail.chains().await {
                Ok(chains) if chains.is_empty() => {
                    let _ = tokio::time::timeout(LOOK, self.growth.wait()).await;
                }
                Ok(chains) => return chains.into_iter().collect(),
                Err(error) => self.pause(&error, &mut pause, None).await,
            }
        }
    }

    /// Delivers what follows in a chain, and does not return before the receiver has it.
    async fn pass_on(&self, chain: Chain) -> Progress {
        let mut pause = self.pauses.first;
        let delivery = loop {
            match self.next(chain).await {
                Ok(None) => return Progress::UpToDate,
                Ok(Some(delivery)) => break delivery,
                Err(error) => self.pause(&*error, &mut pause, None).await,
            }
        };
        pause = self.pauses.first;
        while let Err(error) = self.receiver.deliver(&delivery).await {
            self.deliveries.add_failed();
            let wish = match &error {
                DeliveryError::Refused { retry_after, .. } => *retry_after,
                _ => None,
            };
            self.pause(&error, &mut pause, wish).await;
        }
        self.deliveries.add_delivered(delivery.records.len());
        pause = self.pauses.first;
        let (_, last) = delivery.bounds();
        while let Err(error) = self.store.deliver(self.receiver.name(), chain, last).await {
            self.pause(&error, &mut pause, None).await;
        }
        Progress::MoreToCome
    }

    async fn next(&self, chain: Chain) -> Result<Option<Delivery>, Box<dyn std::error::Error + Send + Sync>> {
        let delivered = self.store.delivered(self.receiver.name(), chain).await?;
        let records = self.trail.after(chain, delivered, AT_ONCE).await?;
        Ok((!records.is_empty()).then_some(Delivery { chain, records }))
    }

    fn complain(&self, error: &(dyn std::error::Error + 'static)) {
        tracing::warn!(receiver = self.receiver.name(), error, "the audit trail is not passed on");
    }

    async fn pause(
        &self,
        error: &(dyn std::error::Error + Send + Sync + 'static),
        pause: &mut Duration,
        wish: Option<Duration>,
    ) {
        self.complain(error);
        let wished = wish.map_or(Duration::ZERO, |wish| wish.min(LONGEST_WISH));
        tokio::time::sleep((*pause).max(wished)).await;
        *pause = pause.saturating_mul(2).min(self.pauses.longest);
    }
}

/// What is known of a chain after a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    UpToDate,
    MoreToCome,
}
