//! What a revocation did in a process, or in several.

use std::collections::BTreeSet;

use ids::AppId;
use serde::{Deserialize, Serialize};

/// What a revocation did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// How many streams were cut.
    pub streams_cut: u64,
    /// How many were not yet: their clients do not read, so nothing goes out on them.
    pub streams_stalled: u64,
    /// The apps that have a user token whose signature is good and whose time has not passed.
    pub apps: BTreeSet<AppId>,
    /// When the last of these tokens ends, in seconds since 1970.
    pub until: Option<i64>,
}

impl Effect {
    /// What it did here and there.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.streams_cut += other.streams_cut;
        self.streams_stalled += other.streams_stalled;
        self.apps.extend(other.apps);
        self.until = self.until.max(other.until);
        self
    }
}
