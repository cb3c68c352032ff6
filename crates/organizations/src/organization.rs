//! An organization, and what may be changed about it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use access_control::OrganizationFacts;
use ids::{OrganizationId, OrganizationSlug};
use serde::{Deserialize, Deserializer};
use time::OffsetDateTime;

use crate::Name;

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
}

/// What to change about an organization. `None` leaves as it is.
#[derive(Clone, Debug, Default)]
pub struct OrganizationChanges {
    /// The new name.
    pub name: Option<Name>,
    /// The new hosted domain; `Some(None)` takes anybody who is a member.
    pub hosted_domain: Option<Option<HostedDomain>>,
}

/// A text that is no domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a domain: expected something like example.com")]
pub struct HostedDomainError;

/// A domain whose people an identity provider vouches for (`hd` of OpenID Connect for Google), in lower
/// case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostedDomain(String);

impl HostedDomain {
    /// The domain as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a person who signed in with this signed `hd` counts.
    #[must_use]
    pub fn admits(&self, signed: Option<&str>) -> bool {
        signed == Some(self.as_str())
    }
}

impl FromStr for HostedDomain {
    type Err = HostedDomainError;

    fn from_str(text: &str) -> Result<Self, HostedDomainError> {
        let label_ok = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if text.len() <= 253 && text.contains('.') && text.split('.').all(label_ok) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(HostedDomainError)
        }
    }
}

impl fmt::Display for HostedDomain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for HostedDomain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hosted_domain_is_a_domain_name() {
        assert_eq!("Example.COM".parse::<HostedDomain>().unwrap().as_str(), "example.com");
        for text in ["", "example", "a..b", "-a.b", "a b.c", "a@b.c", "a.b.", "\u{430}.com"] {
            assert!(text.parse::<HostedDomain>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn admits_only_the_same_signed_domain() {
        let domain: HostedDomain = "example.com".parse().unwrap();
        assert!(domain.admits(Some("example.com")));
        assert!(!domain.admits(Some("evil-example.com")));
        assert!(!domain.admits(None));
    }
}
