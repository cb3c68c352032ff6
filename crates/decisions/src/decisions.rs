//! Opening kept decisions, and forgetting old ones.

use std::time::{Duration, Instant};

use access_control::{Explanation, Permit, ReadAudit, ReadDecisions, RequestPath};
use ids::{DecisionId, UserId};
use time::OffsetDateTime;

use crate::seen_paths::day_of;
use crate::store::{AT_ONCE, Kept, Scope};
use crate::{DecisionError, DecisionRecord, PolicySnapshot, Store};

/// How many decisions one search by person, outcome or path looks at.
pub const MOST_LOOKED_AT: usize = 20_000;

/// How long one sweep deletes; the next one goes on. Enough for some millions.
const LONGEST_SWEEP: Duration = Duration::from_secs(120);

/// How long it pauses after each piece.
const PAUSE: Duration = Duration::from_millis(10);

/// Kept decisions.
#[derive(Clone, Debug)]
pub struct Decisions {
    store: Store,
}

/// A decision, its policy, and what comes of it when it is decided again.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// The record.
    pub record: DecisionRecord,
    /// The policy that it was decided under.
    pub policy: PolicySnapshot,
    /// The decision made again, with everything that was looked at.
    pub explanation: Explanation,
    /// Whether it came out as it was recorded.
    pub agrees: bool,
}

/// Which decisions to list.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// About this person.
    pub user: Option<UserId>,
    /// Allowed or refused.
    pub allowed: Option<bool>,
    /// About this page and those below it.
    pub path: Option<RequestPath<'static>>,
    /// Not before.
    pub since: Option<OffsetDateTime>,
    /// Before.
    pub until: Option<OffsetDateTime>,
}

/// A piece of a list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Newest first.
    pub records: Vec<DecisionRecord>,
    /// What the next piece is older than, if there may be one; also after a piece that is short or empty.
    pub next: Option<DecisionId>,
}

/// How long decisions are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// After that they are deleted.
    pub keep: time::Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self { keep: time::Duration::days(30) }
    }
}

impl Decisions {
    /// The decisions in this store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// One decision about an app.
    ///
    /// # Errors
    /// There is none in this app; the store is not available.
    pub async fn of_app(
        &self,
        permit: &Permit<ReadDecisions>,
        id: DecisionId,
    ) -> Result<Evaluated, DecisionError> {
        self.open(Scope::App(permit.app()), id).await
    }

    /// One decision about any app of an organization, also one that is gone.
    ///
    /// # Errors
    /// There is none in this organization; the store is not available.
    pub async fn of_organization(
        &self,
        permit: &Permit<ReadAudit>,
        id: DecisionId,
    ) -> Result<Evaluated, DecisionError> {
        self.open(Scope::Organization(permit.organization()), id).await
    }

    /// Decisions about an app, newest first, older than `before` and at most `most`. With a person, an outcome
    /// or a path, at most [`MOST_LOOKED_AT`] decisions are looked at.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn list(
        &self,
        permit: &Permit<ReadDecisions>,
        search: &Search,
        before: Option<DecisionId>,
        most: usize,
    ) -> Result<Listed, DecisionError> {
        self.store.list(permit.app(), search, before, most).await
    }

    async fn open(&self, scope: Scope, id: DecisionId) -> Result<Evaluated, DecisionError> {
        let Kept { record, policy } = self.store.find(scope, id).await?.ok_or(DecisionError::NotFound)?;
        let explanation = record.evaluate(&policy).map_err(|_| DecisionError::Unreadable("decisions"))?;
        let agrees = explanation.decision == record.decision;
        if !agrees {
            tracing::error!(decision = %id, "a decision does not come out as it was recorded");
        }
        Ok(Evaluated { record, policy, explanation, agrees })
    }

    /// Deletes what is older than it has to be kept, in small pieces with pauses. How many decisions.
    ///
    /// # Errors
    /// The store is not available; what was deleted until then stays deleted.
    pub async fn sweep(&self, retention: Retention, now: OffsetDateTime) -> Result<u64, DecisionError> {
        let border = now - retention.keep;
        let (began, mut deleted) = (Instant::now(), 0);
        while began.elapsed() < LONGEST_SWEEP {
            let piece = self.store.delete_decisions(border).await?;
            deleted += piece;
            if piece < AT_ONCE {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.store.delete_seen(day_of(border)).await?;
        // A snapshot's day is written once a day, perhaps late.
        self.store.delete_snapshots(day_of(border) - 2).await?;
        Ok(deleted)
    }
}
