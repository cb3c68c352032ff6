//! A query that is to be run.

use std::time::Duration;

use query_guard::Statement;
use serde_json::Value;

/// A statement with its parameters.
pub struct Query {
    /// What the guard let through.
    pub statement: Statement,
    /// One for each placeholder, in their order.
    pub parameters: Vec<Value>,
    /// How long it may run; the connection's own limit counts, too.
    pub timeout: Duration,
    /// On whose behalf.
    pub caller: Caller,
}

/// On whose behalf a query runs, as the database's own session list and log show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller(String);

impl Caller {
    /// The most characters: PostgreSQL cuts `application_name` there.
    pub const MOST: usize = 63;

    /// Printable ASCII only, without what could end a comment or a string; what is beyond the most is cut off.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let plain = |character: &char| {
            character.is_ascii_alphanumeric() || matches!(character, ' ' | '_' | '-' | '.' | '=' | ':' | '@')
        };
        Self(text.chars().filter(plain).take(Self::MOST).collect())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
