//! Reading the trail.

use sea_orm::DatabaseConnection;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::store::{events, search};
use crate::{AuditError, Chain, Linked, Outcome};

/// How many records a search looks at, where no single index answers it.
const LOOKED_AT: i64 = 100_000;

/// What a search asks for. Everything that is said has to hold.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Who acted, as records name them.
    pub actor: Option<String>,
    /// What kind of actor.
    pub actor_kind: Option<String>,
    /// The action, or a group of them: `members.*`.
    pub action: Option<String>,
    /// What was acted on, as records name it.
    pub target: Option<String>,
    /// What kind of target.
    pub target_kind: Option<String>,
    /// Whether it happened.
    pub outcome: Option<Outcome>,
    /// Not before this instant.
    pub since: Option<OffsetDateTime>,
    /// Before this instant.
    pub until: Option<OffsetDateTime>,
    /// The request it happened in.
    pub request: Option<String>,
    /// The decision that led to it.
    pub decision: Option<String>,
}

/// A piece of what a search found, newest first. It can be shorter than asked for, even empty, and go on.
#[derive(Clone, Debug)]
pub struct Found {
    /// The records.
    pub records: Vec<Linked>,
    /// Where the next piece begins, unless this is the last.
    pub before: Option<i64>,
}

/// The trail, to read.
#[derive(Clone, Debug)]
pub struct Trail {
    database: DatabaseConnection,
}

impl Trail {
    /// The trail in this store.
    #[must_use]
    pub fn new(database: DatabaseConnection) -> Self {
        Self { database }
    }

    /// Searches a chain below the number `before`, or from its end.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn search(
        &self,
        chain: Chain,
        filter: &Filter,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Found, AuditError> {
        let database = &self.database;
        let mut range =
            search::range(database, chain, filter.since, filter.until).await.map_err(AuditError::Store)?;
        range.before = range.before.min(before.unwrap_or(i64::MAX));
        let beginning = range.after;
        if !filter.has_one_index() {
            let end = events::end(database, chain).await.map_err(AuditError::Store)?.sequence + 1;
            range.after = range.after.max(range.before.min(end) - 1 - LOOKED_AT);
        }
        let wanted = limit as u64 + 1;
        let mut records = Vec::new();
        for action in self.actions(chain, filter).await? {
            let found = search::newest(database, chain, filter, action.as_deref(), range, wanted);
            records.extend(found.await.map_err(AuditError::Store)?);
        }
        records.sort_unstable_by_key(|linked| std::cmp::Reverse(linked.record.sequence));
        let before = if records.len() > limit {
            records.truncate(limit);
            records.last().map(|last| last.record.sequence)
        } else {
            (range.after > beginning).then_some(range.after + 1)
        };
        records.retain(|linked| filter.holds_at(&linked.record.at));
        Ok(Found { records, before })
    }

    /// One record of a chain.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn record(&self, chain: Chain, id: &str) -> Result<Option<Linked>, AuditError> {
        search::by_id(&self.database, chain, id).await.map_err(AuditError::Store)
    }

    /// The records that follow a number, in order.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn after(&self, chain: Chain, sequence: i64, limit: u64) -> Result<Vec<Linked>, AuditError> {
        events::page(&self.database, chain, sequence + 1, i64::MAX, limit).await.map_err(AuditError::Store)
    }

    /// Every chain that has a record.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn chains(&self) -> Result<Vec<Chain>, AuditError> {
        search::chains(&self.database).await.map_err(AuditError::Store)
    }

    /// The actions to ask for, one at a time; `None` for any.
    async fn actions(&self, chain: Chain, filter: &Filter) -> Result<Vec<Option<String>>, AuditError> {
        let Some(action) = &filter.action else { return Ok(vec![None]) };
        let Some(group) = action.strip_suffix('*') else { return Ok(vec![Some(action.clone())]) };
        let known = search::actions(&self.database, chain).await.map_err(AuditError::Store)?;
        Ok(known.into_iter().filter(|name| name.starts_with(group)).map(Some).collect())
    }
}

impl Filter {
    /// Whether one index leads to exactly what is asked for, in the order of the chain.
    fn has_one_index(&self) -> bool {
        let with_index = [
            self.actor.is_some(),
            self.action.is_some(),
            self.target.is_some(),
            self.outcome.is_some(),
            self.request.is_some(),
            self.decision.is_some(),
        ];
        let without = self.actor_kind.is_some() || self.target_kind.is_some();
        !without && with_index.into_iter().filter(|said| *said).count() <= 1
    }

    fn holds_at(&self, at: &str) -> bool {
        let Ok(at) = OffsetDateTime::parse(at, &Rfc3339) else { return true };
        self.since.is_none_or(|since| since <= at) && self.until.is_none_or(|until| at < until)
    }
}
