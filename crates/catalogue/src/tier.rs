//! How far an entry was tried.

use serde::{Deserialize, Serialize};

/// How far an entry was tried, lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Read from a document that the service publishes, by a program.
    Imported,
    /// Written after the service's own documentation.
    Documented,
    /// The same, and run against recorded shapes of the service's answers.
    Fixture,
    /// A real account was connected, refreshed and revoked.
    Live,
}

impl Tier {
    /// Every tier, lowest first.
    pub const ALL: [Self; 4] = [Self::Imported, Self::Documented, Self::Fixture, Self::Live];

    /// Its name, everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Imported => "imported",
            Self::Documented => "documented",
            Self::Fixture => "fixture",
            Self::Live => "live",
        }
    }

    /// The next lower one; the lowest stays.
    #[must_use]
    pub const fn lower(self) -> Self {
        match self {
            Self::Live => Self::Fixture,
            Self::Fixture => Self::Documented,
            Self::Documented | Self::Imported => Self::Imported,
        }
    }
}
