//! Whose key seals a value.

use std::fmt;
use std::str::FromStr;

use ids::OrganizationId;

const PLATFORM: &str = "platform";

/// Who has a data key of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Holder {
    /// The platform itself, for what belongs to no organization.
    Platform,
    /// An organization.
    Organization(OrganizationId),
}

impl fmt::Display for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform => formatter.write_str(PLATFORM),
            Self::Organization(id) => id.fmt(formatter),
        }
    }
}

impl FromStr for Holder {
    type Err = ids::IdentifierError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == PLATFORM { Ok(Self::Platform) } else { text.parse().map(Self::Organization) }
    }
}
