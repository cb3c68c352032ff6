//! Saved queries that were run a moment ago, so that the store is not asked each time. What was changed is forgotten before
//! the change counts as done.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use audit::{Event, Follower, Target};
use ids::{AppId, Name};

use crate::DataQuery;

/// How many are remembered.
const MOST: usize = 10_000;

/// Saved queries by app and name.
#[derive(Default)]
pub(crate) struct KnownDataQueries {
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    queries: HashMap<AppId, HashMap<Name, Arc<DataQuery>>>,
    count: usize,
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
        if known.count >= MOST {
            known.queries.clear();
            known.count = 0;
        }
        let name = query.definition.name.clone();
        if known.queries.entry(query.app).or_default().insert(name, Arc::clone(query)).is_none() {
            known.count += 1;
        }
    }

    fn forget(&self, app: Option<AppId>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.forgotten += 1;
        match app {
            Some(app) => {
                let count = known.queries.remove(&app).map_or(0, |queries| queries.len());
                known.count = known.count.saturating_sub(count);
            }
            None => {
                known.queries.clear();
                known.count = 0;
            }
        }
    }
}

#[async_trait]
impl Follower for KnownDataQueries {
    async fn committed(&self, event: &Event) {
        match event.target {
            Target::DataQuery(app, _) | Target::App(app) => self.forget(Some(app)),
            Target::Organization(_) => self.forget(None),
            _ => {}
        }
    }
}
