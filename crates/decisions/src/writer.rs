//! The one task that writes decisions. It may be slow, and it may fail; nobody waits for it.

use std::collections::{HashMap, VecDeque};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use access_control::AppFacts;
use ids::AppId;

use crate::queue::{Decided, Desk};
use crate::seen_paths::{Remembered, day_of};
use crate::store::Batch;
use crate::{DecisionRecord, PolicySnapshot, Store, Unrecorded};

/// How long a decision waits at most before it is written, as long as the store keeps up.
const PERIOD: Duration = Duration::from_millis(200);

/// How many decisions are written together.
const MOST: usize = 500;

/// How long to wait before a batch that was not written is tried again.
const RETRY: Duration = Duration::from_millis(250);

/// How often a batch is tried before it is given up: by then the queues behind it have long been full.
const ATTEMPTS: u32 = 40;

/// How many apps' policies are remembered as written.
const MOST_POLICIES: usize = 10_000;

/// Writes decisions.
#[derive(Debug)]
pub struct Writer {
    store: Store,
    desk: Arc<Desk>,
    policies: HashMap<AppId, Known>,
    remembered: Remembered,
    told: Unrecorded,
    losing: bool,
}

/// The policy of an app as it was last read.
#[derive(Debug)]
struct Known {
    facts: Arc<AppFacts>,
    hosted_domain: Option<Arc<str>>,
    digest: String,
    /// The day on which its use was last written.
    day: i32,
}

impl Writer {
    pub(crate) fn new(store: Store, desk: Arc<Desk>) -> Self {
        Self {
            store,
            desk,
            policies: HashMap::new(),
            remembered: Remembered::default(),
            told: Unrecorded::default(),
            losing: false,
        }
    }

    /// Writes until `stopped` completes, and then what is left.
    pub async fn run(mut self, stopped: impl Future<Output = ()>) {
        let mut stopped = pin!(stopped);
        let desk = Arc::clone(&self.desk);
        let mut open = true;
        while open {
            tokio::select! {
                () = tokio::time::sleep(PERIOD) => {}
                () = desk.hurry.notified() => {}
                () = &mut stopped => open = false,
            }
            self.write_waiting().await;
            self.tell_of_losses();
        }
    }

    /// Writes everything that waits. What was refused comes first, also what is refused meanwhile.
    async fn write_waiting(&mut self) {
        let mut refused = VecDeque::new();
        let mut allowed = VecDeque::from(self.desk.take_allowed());
        loop {
            if refused.is_empty() {
                refused.extend(self.desk.take_refused());
            }
            let list = if refused.is_empty() { &mut allowed } else { &mut refused };
            if list.is_empty() {
                return;
            }
            let batch: Vec<Decided> = list.drain(..list.len().min(MOST)).collect();
            let began = Instant::now();
            self.write(batch).await;
            if self.store.has_one_writer() {
                // Changes wait for the same lock, and are never to wait for more than one batch.
                tokio::time::sleep(began.elapsed()).await;
            }
        }
    }

    async fn write(&mut self, decided: Vec<Decided>) {
        let (allowed, refused) = count(&decided);
        let batch = self.batch(decided);
        for attempt in 1..=ATTEMPTS {
            let Err(error) = self.store.write(&batch).await else { return };
            if attempt == 1 {
                let decisions = batch.records.len();
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    decisions,
                    "decisions could not be written; trying again"
                );
            }
            tokio::time::sleep(RETRY).await;
        }
        self.desk.lose(false, allowed);
        self.desk.lose(true, refused);
        // What came with this batch is not in the store.
        self.policies.clear();
        self.remembered.forget();
    }

    fn batch(&mut self, decided: Vec<Decided>) -> Batch {
        let day = day_of(clock::now());
        let mut batch = Batch { day, records: Vec::with_capacity(decided.len()), ..Batch::default() };
        for decided in decided {
            match self.policy(&decided, &mut batch) {
                Some(policy) => batch.records.push(DecisionRecord::of(decided, policy)),
                None => self.desk.lose(decided.is_refused(), 1),
            }
        }
        batch.seen = self.remembered.unlisted(&batch.records);
        batch
    }

    /// The digest of the policy that this was decided under. Facts are never changed, only replaced, so the
    /// same place in memory is the same policy for as long as it is held here.
    fn policy(&mut self, decided: &Decided, batch: &mut Batch) -> Option<String> {
        let Decided { organization, app, .. } = decided;
        if let Some(known) = self.policies.get(&app.id)
            && Arc::ptr_eq(&known.facts, app)
            && known.hosted_domain == organization.hosted_domain
            && known.day == batch.day
        {
            return Some(known.digest.clone());
        }
        let (text, digest) = PolicySnapshot::of(organization, app).written().ok()?;
        if self.policies.len() >= MOST_POLICIES {
            self.policies.clear();
        }
        let known = Known {
            facts: Arc::clone(app),
            hosted_domain: organization.hosted_domain.clone(),
            digest: digest.clone(),
            day: batch.day,
        };
        self.policies.insert(app.id, known);
        batch.snapshots.push((digest.clone(), text));
        Some(digest)
    }

    /// One line when losses begin, one when they are over.
    fn tell_of_losses(&mut self) {
        let now = self.desk.unrecorded();
        let losing = now != self.told;
        self.told = now;
        let Unrecorded { allowed, refused } = now;
        if losing && !self.losing {
            tracing::error!(allowed, refused, "decisions come faster than they can be kept; some are not");
        } else if self.losing && !losing {
            tracing::warn!(allowed, refused, "decisions are kept again; so many were not, since the start");
        }
        self.losing = losing;
    }
}

fn count(decided: &[Decided]) -> (u64, u64) {
    let refused = decided.iter().filter(|decided| decided.is_refused()).count() as u64;
    (decided.len() as u64 - refused, refused)
}
