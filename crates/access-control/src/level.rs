//! App access levels and the two roles a person can have in an app.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who an app is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AppLevel {
    /// Every member uses it; Owner, Admin and Editor edit it.
    Organization,
    /// Only granted people; invisible to everybody else, Owner and Admin included.
    Restricted,
    /// Only its creator.
    User,
}

impl AppLevel {
    /// Every level.
    pub const ALL: [Self; 3] = [Self::Organization, Self::Restricted, Self::User];

    /// The word used in tables, on the wire and in pages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::Restricted => "restricted",
            Self::User => "user",
        }
    }
}

/// What a person is in one app; also what a grant gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AppRole {
    /// Opens and uses the app.
    Viewer,
    /// Also changes it.
    Editor,
}

impl AppRole {
    /// Every app role, weakest first.
    pub const ALL: [Self; 2] = [Self::Viewer, Self::Editor];

    /// The word used in tables, on the wire and in pages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
        }
    }
}

/// A text that is no level or app role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LevelError {
    /// Not a level.
    #[error("not an access level: use organization, restricted or user")]
    Level,
    /// Not an app role.
    #[error("not an app role: use viewer or editor")]
    AppRole,
}

impl FromStr for AppLevel {
    type Err = LevelError;

    fn from_str(text: &str) -> Result<Self, LevelError> {
        Self::ALL.into_iter().find(|level| level.as_str() == text).ok_or(LevelError::Level)
    }
}

impl FromStr for AppRole {
    type Err = LevelError;

    fn from_str(text: &str) -> Result<Self, LevelError> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(LevelError::AppRole)
    }
}

impl fmt::Display for AppLevel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Display for AppRole {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
