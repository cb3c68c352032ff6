//! An organization, and what may be changed about it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use access_control::OrganizationFacts;
use ids::{DomainName, DomainNameError, Name, OrganizationId, OrganizationSlug};
use serde::Deserialize;
use time::OffsetDateTime;

/// An organization as its members see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// Its identifier.
    pub id: OrganizationId,
    /// Its globally unique slug; never changes, since hosts are made of it.
    pub slug: OrganizationSlug,
    /// Its name.
    pub name: Name,
    /// When set, only people who signed in with this signed `hd` count as members.
    pub hosted_domain: Option<HostedDomain>,
    /// Whether deployed apps may use personal accounts at services, on behalf of those whose they are.
    pub personal_accounts_in_apps: bool,
    /// When it was created.
    pub created_at: OffsetDateTime,
}

/// What the directory keeps of an organization.
#[derive(Clone, Debug)]
pub struct OrganizationRecord {
    /// What decisions read.
    pub facts: Arc<OrganizationFacts>,
    /// Its slug.
    pub slug: OrganizationSlug,
    /// Its name.
    pub name: Name,
    /// Whether deployed apps may use personal accounts at services.
    pub personal_accounts_in_apps: bool,
}

/// What to change about an organization. `None` leaves as it is.
#[derive(Clone, Debug, Default)]
pub struct OrganizationChanges {
    /// The new name.
    pub name: Option<Name>,
    /// The new hosted domain; `Some(None)` takes anybody who is a member.
    pub hosted_domain: Option<Option<HostedDomain>>,
    /// Whether deployed apps may use personal accounts at services from now on.
    pub personal_accounts_in_apps: Option<bool>,
}

/// A domain whose people an identity provider vouches for (`hd` of OpenID Connect for Google), in lower
/// case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(transparent)]
pub struct HostedDomain(DomainName);

impl HostedDomain {
    /// The domain as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether a person who signed in with this signed `hd` counts.
    #[must_use]
    pub fn admits(&self, signed: Option<&str>) -> bool {
        signed == Some(self.as_str())
    }
}

impl FromStr for HostedDomain {
    type Err = DomainNameError;

    fn from_str(text: &str) -> Result<Self, DomainNameError> {
        text.parse().map(Self)
    }
}

impl fmt::Display for HostedDomain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admits_only_the_same_signed_domain() {
        let domain: HostedDomain = "example.com".parse().unwrap();
        assert!(domain.admits(Some("example.com")));
        assert!(!domain.admits(Some("evil-example.com")));
        assert!(!domain.admits(None));
    }
}
