//! Reading decisions, snapshots and what was seen.

use ids::{AppId, DecisionId, OrganizationId};
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};

use super::{Store, failed, read};
use crate::seen_paths::MOST_OF_AN_APP;
use crate::traffic::{Seen, SeenRequest};
use crate::{DecisionError, DecisionRecord, Listed, MOST_LOOKED_AT, PolicySnapshot, Search};

const DECISIONS: &str = "decisions";
const SNAPSHOTS: &str = "policy_snapshots";
const SEEN: &str = "seen_paths";

/// Whose decisions may be read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scope {
    App(AppId),
    Organization(OrganizationId),
}

impl Scope {
    /// The column that says whose a row is, and what stands there.
    fn key(self) -> (&'static str, String) {
        match self {
            Self::App(app) => ("app_id", app.to_string()),
            Self::Organization(organization) => ("organization_id", organization.to_string()),
        }
    }
}

/// What has to hold for a row.
struct Condition {
    text: String,
    values: Vec<Value>,
}

impl Condition {
    fn app(app: AppId) -> Self {
        Self { text: "app_id = $1".to_owned(), values: vec![app.to_string().into()] }
    }

    /// Each `$` in the text stands for the value.
    fn and(&mut self, text: &str, value: Value) {
        self.values.push(value);
        self.text.push_str(" AND ");
        self.text.push_str(&text.replace('$', &format!("${}", self.values.len())));
    }
}

/// A record with the policy that it names.
#[derive(Debug)]
pub(crate) struct Kept {
    pub record: DecisionRecord,
    pub policy: PolicySnapshot,
}

impl Store {
    /// One decision, unless there is none here.
    pub(crate) async fn find(&self, scope: Scope, id: DecisionId) -> Result<Option<Kept>, DecisionError> {
        let (column, owner) = scope.key();
        let sql = format!("SELECT record FROM decisions WHERE id = $1 AND {column} = $2");
        let Some(row) = self.one(&sql, [id.to_string().into(), owner.into()]).await? else {
            return Ok(None);
        };
        let record: DecisionRecord = json(&text(&row, "record")?, DECISIONS)?;
        let sql = "SELECT policy FROM policy_snapshots WHERE digest = $1";
        let row = self.one(sql, [record.policy.as_str().into()]).await?;
        let row = row.ok_or(DecisionError::Unreadable(SNAPSHOTS))?;
        let policy = json(&text(&row, "policy")?, SNAPSHOTS)?;
        Ok(Some(Kept { record, policy }))
    }

    /// Decisions about an app, newest first, and where to go on.
    ///
    /// No index knows people, outcomes or paths. So a search for those looks at a window of an app's newest
    /// decisions, however few it finds there.
    pub(crate) async fn list(
        &self,
        app: AppId,
        search: &Search,
        before: Option<DecisionId>,
        most: usize,
    ) -> Result<Listed, DecisionError> {
        let mut condition = Condition::app(app);
        if let Some(since) = search.since {
            condition.and("id >= $", first_of(since).to_string().into());
        }
        if let Some(until) = search.until {
            condition.and("id < $", first_of(until).to_string().into());
        }
        if let Some(before) = before {
            condition.and("id < $", before.to_string().into());
        }
        let mut end = None;
        if search.user.is_some() || search.allowed.is_some() || search.path.is_some() {
            end = self.end_of_window(&condition).await?;
        }
        if let Some(end) = end {
            condition.and("id >= $", end.to_string().into());
        }
        if let Some(user) = search.user {
            condition.and("user_id = $", user.to_string().into());
        }
        if let Some(allowed) = search.allowed {
            condition.and("allowed = $", allowed.into());
        }
        if let Some(path) = &search.path {
            // The page and those below it.
            let below = format!("{}/", path.judged().trim_end_matches('/'));
            condition.and("SUBSTR(path || '/', 1, LENGTH($)) = $", below.into());
        }
        let Condition { text: condition, values } = condition;
        let one_more = most.saturating_add(1);
        let sql = format!("SELECT record FROM decisions WHERE {condition} ORDER BY id DESC LIMIT {one_more}");
        let rows = self.all(&sql, values).await?;
        let records = rows.iter().map(|row| json(&text(row, "record")?, DECISIONS));
        let mut records = records.collect::<Result<Vec<DecisionRecord>, _>>()?;
        let is_cut = records.len() > most;
        records.truncate(most);
        let next = if is_cut { records.last().map(|last| last.id) } else { end };
        Ok(Listed { records, next })
    }

    /// The oldest decision of the window, if it does not reach to the oldest of all. Read from the index
    /// alone.
    async fn end_of_window(&self, condition: &Condition) -> Result<Option<DecisionId>, DecisionError> {
        let Condition { text: condition, values } = condition;
        let newer = MOST_LOOKED_AT - 1;
        let sql =
            format!("SELECT id FROM decisions WHERE {condition} ORDER BY id DESC LIMIT 1 OFFSET {newer}");
        let rows = self.all(&sql, values.clone()).await?;
        rows.first().map(|row| read(DECISIONS, &text(row, "id")?)).transpose()
    }

    /// What an organization's apps saw since a day, at most so many.
    pub(crate) async fn seen(&self, scope: Scope, since: i32, cap: usize) -> Result<Seen, DecisionError> {
        let (column, owner) = scope.key();
        let sql = format!(
            "SELECT app_id, method, paths, under_every_rule FROM seen_paths \
             WHERE {column} = $1 AND last_day >= $2 ORDER BY app_id, id LIMIT {}",
            cap.saturating_add(1)
        );
        let rows = self.all(&sql, vec![owner.as_str().into(), since.into()]).await?;
        let mut requests = rows.iter().map(seen_request).collect::<Result<Vec<_>, _>>()?;
        let mut capped = requests.len() > cap;
        requests.truncate(cap);
        // A list that is nearly full may have lacked room for what came together.
        let full = format!(
            "SELECT app_id FROM seen_paths WHERE {column} = $1 GROUP BY app_id HAVING COUNT(*) > {}",
            MOST_OF_AN_APP - crate::seen_paths::MOST_AT_ONCE as u64
        );
        capped |= self.one(&full, [owner.into()]).await?.is_some();
        Ok(Seen { requests, capped })
    }

    async fn one<const N: usize>(
        &self,
        sql: &str,
        values: [Value; N],
    ) -> Result<Option<QueryResult>, DecisionError> {
        let statement = Statement::from_sql_and_values(self.database.get_database_backend(), sql, values);
        self.database.query_one_raw(statement).await.map_err(failed)
    }

    async fn all(&self, sql: &str, values: Vec<Value>) -> Result<Vec<QueryResult>, DecisionError> {
        let statement = Statement::from_sql_and_values(self.database.get_database_backend(), sql, values);
        self.database.query_all_raw(statement).await.map_err(failed)
    }
}

/// The identifiers of decisions are ordered by time.
pub(super) fn first_of(instant: time::OffsetDateTime) -> DecisionId {
    let milliseconds = instant.unix_timestamp_nanos().div_euclid(1_000_000);
    DecisionId::first_of(u64::try_from(milliseconds).unwrap_or_default())
}

fn seen_request(row: &QueryResult) -> Result<SeenRequest, DecisionError> {
    let unreadable = || DecisionError::Unreadable(SEEN);
    let paths: Vec<String> = json(&text(row, "paths")?, SEEN)?;
    let paths = paths.iter().map(|path| {
        let path = access_control::RequestPath::parse(path).map_err(|_| unreadable())?;
        Ok(path.into_owned())
    });
    Ok(SeenRequest {
        app: read(SEEN, &text(row, "app_id")?)?,
        method: read(SEEN, &text(row, "method")?)?,
        paths: paths.collect::<Result<_, DecisionError>>()?,
        under_every_rule: row.try_get("", "under_every_rule").map_err(failed)?,
    })
}

fn text(row: &QueryResult, column: &str) -> Result<String, DecisionError> {
    row.try_get("", column).map_err(failed)
}

fn json<T: serde::de::DeserializeOwned>(text: &str, table: &'static str) -> Result<T, DecisionError> {
    serde_json::from_str(text).map_err(|_| DecisionError::Unreadable(table))
}
