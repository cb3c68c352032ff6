//! Counting what a revocation did here, and hearing of it from the other processes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use access_control::Facts;
use audit::{Announced, Journal, Withdrawal};
use ids::ReplicaId;
use replicas::{ReplicaError, Replicas};
use tokio::sync::{Semaphore, watch};

use crate::{Effect, OpenStreams, OutstandingTokens, Receipt, ReplicasReached, Revoked, store};

/// How long a receipt waits for other processes.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// Within which time every process serves nobody by what was revoked, whatever happened to it (docs/adr/0054).
pub const WITHIN: Duration = Duration::from_secs(2);

/// How long streams of this process are waited for. They decide as soon as they are woken.
const STREAMS: Duration = Duration::from_millis(300);

/// How often the store is asked what other processes have said.
const PERIOD: Duration = Duration::from_millis(20);

/// How many announcements are counted at a time. Beyond that, nothing is said of them.
const AT_A_TIME: usize = 64;

/// What revocations do. A clone is the same.
#[derive(Clone)]
pub struct Revocations {
    inner: Arc<Inner>,
}

struct Inner {
    journal: Journal,
    facts: Arc<dyn Facts>,
    /// The version of the facts.
    version: watch::Receiver<u64>,
    streams: OpenStreams,
    tokens: OutstandingTokens,
    counting: Arc<Semaphore>,
}

impl fmt::Debug for Revocations {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Revocations").finish_non_exhaustive()
    }
}

impl Revocations {
    /// Those of this store, as far as these streams and tokens of this process go. `version` is that of the facts,
    /// once they have followed a change.
    #[must_use]
    pub fn new(
        journal: Journal,
        facts: Arc<dyn Facts>,
        version: watch::Receiver<u64>,
        streams: OpenStreams,
        tokens: OutstandingTokens,
    ) -> Self {
        let counting = Arc::new(Semaphore::new(AT_A_TIME));
        Self { inner: Arc::new(Inner { journal, facts, version, streams, tokens, counting }) }
    }

    /// What a withdrawal that was committed by this process did in all of them. Takes a little longer than
    /// [`PATIENCE`] if one of them does not answer.
    pub async fn receipt(&self, withdrawal: &Withdrawal) -> Receipt {
        let deadline = Instant::now() + PATIENCE;
        let here = match Revoked::by(&withdrawal.announcement) {
            Some(revoked) => self.inner.effect(&revoked, withdrawal.began).await,
            None => Effect::default(),
        };
        let (effect, replicas) = match withdrawal.sequence {
            Some(sequence) => self.inner.elsewhere(sequence, here, deadline).await,
            None => (here, Some(ReplicasReached { reached: 1, of: 1 })),
        };
        let all = replicas.is_some_and(|replicas| replicas.reached == replicas.of);
        // Who has not followed may sign one more.
        let last_signed = clock::now() + if all { Duration::ZERO } else { WITHIN };
        Receipt { effect, replicas, none_after: last_signed + self.inner.tokens.life() }
    }

    /// To be told of every announcement that this process has followed, with the time since it was read: tells the
    /// process that waits for it what it did here.
    pub fn followed(&self, announced: &Announced, since_read: Duration) {
        let (sequence, inner) = (announced.sequence, Arc::clone(&self.inner));
        let here = inner.journal.replica();
        let awaited = announced.changes.iter().flatten().filter(|change| change.withdraws);
        let revoked: Vec<_> = awaited.filter_map(Revoked::by).collect();
        if revoked.is_empty() || announced.replica == Some(here) {
            return;
        }
        let Ok(turn) = Arc::clone(&inner.counting).try_acquire_owned() else {
            tracing::warn!(sequence, "too many revocations at once to say what this one did here");
            return;
        };
        let now = Instant::now();
        let since = now.checked_sub(since_read).unwrap_or(now);
        tokio::spawn(async move {
            let mut effect = Effect::default();
            for revoked in &revoked {
                effect = effect.and(inner.effect(revoked, since).await);
            }
            let said = store::say(inner.journal.database(), sequence, here, &effect);
            match tokio::time::timeout(PATIENCE, said).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "nobody hears what was revoked here"
                    );
                }
                Err(_) => tracing::warn!("nobody hears what was revoked here: the store is too slow"),
            }
            drop(turn);
        });
    }
}

impl Inner {
    /// What it did in this process, whose facts follow it already.
    async fn effect(&self, revoked: &Revoked, since: Instant) -> Effect {
        let version = *self.version.borrow();
        let streams_stalled = self.streams.settled(revoked, version, STREAMS).await;
        let streams_cut = self.streams.cut_since(revoked, since);
        let belongs_to = |app, organization| match self.facts.app(app) {
            Ok(app) => app.is_some_and(|app| app.organization == organization),
            // Rather one too many.
            Err(_) => true,
        };
        let tokens = self.tokens.of(clock::now().unix_timestamp(), |user, session, app| {
            revoked.concerns(user, session, app, |organization| belongs_to(app, organization))
        });
        let until = tokens.iter().map(|(_, until)| *until).max();
        Effect { streams_cut, streams_stalled, apps: tokens.into_iter().map(|(app, _)| app).collect(), until }
    }

    /// Adds what the others say until then.
    async fn elsewhere(
        &self,
        sequence: i64,
        here: Effect,
        deadline: Instant,
    ) -> (Effect, Option<ReplicasReached>) {
        let (mut said, mut known, mut replicas) = (BTreeMap::new(), BTreeSet::new(), None);
        loop {
            let asked = tokio::time::timeout_at(deadline.into(), self.ask(sequence)).await;
            match asked {
                Ok(Ok((others, effects))) => {
                    said = effects;
                    let reached = 1 + said.len();
                    // One that was there when this began does not stop counting because it stays silent.
                    known.extend(others);
                    let missing = known.iter().filter(|other| !said.contains_key(*other)).count();
                    replicas = Some(ReplicasReached { reached, of: reached + missing });
                    if missing == 0 {
                        break;
                    }
                }
                Ok(Err(error)) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "a revocation was not counted");
                }
                Err(_) => break,
            }
            if deadline <= Instant::now() + PERIOD {
                break;
            }
            tokio::time::sleep(PERIOD).await;
        }
        (said.into_values().fold(here, Effect::and), replicas)
    }

    /// The other processes that were heard of, and what was said.
    async fn ask(
        &self,
        sequence: i64,
    ) -> Result<(Vec<ReplicaId>, BTreeMap<ReplicaId, Effect>), ReplicaError> {
        let database = self.journal.database();
        let effects =
            store::said(database, sequence).await.map_err(ReplicaError::Store)?.into_iter().collect();
        let replicas = Replicas::new(self.journal.clone()).list().await?;
        let others = replicas.into_iter().map(|replica| replica.id);
        Ok((others.filter(|id| *id != self.journal.replica()).collect(), effects))
    }
}
