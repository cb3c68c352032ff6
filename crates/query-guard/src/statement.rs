//! A statement that may be sent.

use std::fmt;

use crate::Mode;

/// One statement that was understood and is allowed. Only [`check`](crate::check) and
/// [`check_named`](crate::check_named) make one.
#[derive(Clone, Debug)]
pub struct Statement {
    pub(crate) sql: String,
    pub(crate) mode: Mode,
    pub(crate) placeholders: usize,
    pub(crate) names: Vec<String>,
    pub(crate) kind: &'static str,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) writes: bool,
    pub(crate) calls_unknown_functions: bool,
    pub(crate) relations: Vec<String>,
}

impl Statement {
    /// What is sent: one statement without a semicolon at its end.
    #[must_use]
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// What it was allowed to do.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// How many parameters it takes.
    #[must_use]
    pub fn placeholders(&self) -> usize {
        self.placeholders
    }

    /// For each placeholder of what is sent, the name of its parameter; empty, if parameters have numbers only.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// `select`, `insert`, `create table`, …
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The same for statements that differ only in constants, white space, comments and letter case of keywords.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Whether it is anything but a plain read.
    #[must_use]
    pub fn writes(&self) -> bool {
        self.writes
    }

    /// Whether it names a function that is none of the database's own harmless ones: what it does is unknown.
    /// In PostgreSQL, every name with a dot counts, except those of relations: `t.f` may call `f(t)`. So `o.id` of an
    /// alias counts too, at the price of one more reset of the session.
    #[must_use]
    pub fn calls_unknown_functions(&self) -> bool {
        self.calls_unknown_functions
    }

    /// The relations that it names, as written.
    #[must_use]
    pub fn relations(&self) -> &[String] {
        &self.relations
    }
}

/// What statements of one shape have in common. It holds no constant of any of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub(crate) u64);

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}
