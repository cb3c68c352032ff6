//! Saved queries that were run a moment ago, so that the store is not asked each time. What was changed is forgotten before
//! the change counts as done.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use audit::{Event, Follower, News, Target};
use ids::{AppId, Name};
use serde_json::Value;

use crate::DataQuery;
use crate::data_query_parameter::Parameter;

/// How much is remembered, in bytes.
const MOST: usize = 32 << 20;

/// What one takes besides its texts and values.
const EACH: usize = 1024;

/// Saved queries by app and name.
#[derive(Default)]
pub(crate) struct KnownDataQueries {
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    queries: HashMap<AppId, HashMap<Name, Arc<DataQuery>>>,
    bytes: usize,
    /// How often something was forgotten: what was read before that is not remembered after it.
    forgotten: u64,
}

impl KnownDataQueries {
    pub(crate) fn find(&self, app: AppId, name: &Name) -> Option<Arc<DataQuery>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.queries.get(&app)?.get(name).cloned()
    }

    /// To be asked before the store is read.
    pub(crate) fn forgotten(&self) -> u64 {
        self.known.read().unwrap_or_else(PoisonError::into_inner).forgotten
    }

    /// Remembers what was read, unless something was forgotten since.
    pub(crate) fn remember(&self, query: &Arc<DataQuery>, forgotten: u64) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.forgotten != forgotten {
            return;
        }
        let more = size(query);
        if known.bytes.saturating_add(more) > MOST {
            known.queries.clear();
            known.bytes = 0;
        }
        let name = query.definition.name.clone();
        let before = known.queries.entry(query.app).or_default().insert(name, Arc::clone(query));
        let less = before.map_or(0, |before| size(&before));
        known.bytes = (known.bytes + more).saturating_sub(less);
    }

    fn forget(&self, app: Option<AppId>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.forgotten += 1;
        match app {
            Some(app) => {
                let queries = known.queries.remove(&app).unwrap_or_default();
                let bytes: usize = queries.values().map(|query| size(query)).sum();
                known.bytes = known.bytes.saturating_sub(bytes);
            }
            None => {
                known.queries.clear();
                known.bytes = 0;
            }
        }
    }
}

/// About how much memory one takes.
fn size(query: &DataQuery) -> usize {
    let parameter = |parameter: &Parameter| {
        size_of::<Parameter>() + parameter.name.len() + parameter.default.as_ref().map_or(0, size_of_value)
    };
    let definition = &query.definition;
    EACH + definition.sql.len() + definition.parameters.iter().map(parameter).sum::<usize>()
}

/// Values take far more than their text.
fn size_of_value(value: &Value) -> usize {
    let within = match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(list) => list.iter().map(size_of_value).sum(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| 64 + name.len() + size_of_value(value)).sum()
        }
    };
    size_of::<Value>() + within
}

#[async_trait]
impl Follower for KnownDataQueries {
    async fn committed(&self, event: &Event) {
        self.follow(event.target);
    }

    async fn announced(&self, news: News<'_>) {
        match news.changes() {
            Some(changes) => changes.iter().for_each(|change| self.follow(change.target)),
            None => self.forget(None),
        }
    }
}

impl KnownDataQueries {
    fn follow(&self, target: Target) {
        match target {
            Target::DataQuery(app, _) | Target::App(app) => self.forget(Some(app)),
            Target::Organization(_) => self.forget(None),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use ids::{ConnectionId, DataQueryId, OrganizationId, UserId};
    use time::OffsetDateTime;

    use super::*;
    use crate::DataQueryDefinition;

    fn query(app: AppId, name: &str, length: usize) -> Arc<DataQuery> {
        let parameter = serde_json::json!({ "name": "given", "type": "text", "default": "x".repeat(length) });
        let (user, now) = (UserId::generate(), OffsetDateTime::UNIX_EPOCH);
        let definition = DataQueryDefinition {
            name: name.parse().unwrap(),
            connection: ConnectionId::generate(),
            sql: "SELECT :given".to_owned(),
            parameters: vec![serde_json::from_value(parameter).unwrap()],
            timeout: 1,
            from_pages: false,
        };
        Arc::new(DataQuery {
            id: DataQueryId::generate(),
            organization: OrganizationId::generate(),
            app,
            definition,
            kind: "select".to_owned(),
            fingerprint: String::new(),
            version: 1,
            created_by: user,
            created_at: now,
            updated_by: user,
            updated_at: now,
        })
    }

    #[test]
    fn d13_what_is_remembered_is_bounded_in_bytes_whatever_it_is() {
        let known = KnownDataQueries::default();
        let (one, other) = (AppId::generate(), AppId::generate());
        let bytes = || known.known.read().unwrap().bytes;
        for number in 0..40 {
            let large = query(one, &format!("large {number}"), 1 << 20);
            known.remember(&large, 0);
            known.remember(&large, 0);
            assert_eq!(known.find(one, &large.definition.name), Some(large));
            assert!(bytes() <= MOST);
        }
        let before = bytes();
        assert!(before > 1 << 20 && before < 20 << 20, "{before}");
        known.remember(&query(other, "small", 1), 0);
        assert!(bytes() > before);
        known.forget(Some(one));
        known.forget(Some(other));
        assert_eq!(bytes(), 0);
    }
}
