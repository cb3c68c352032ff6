//! Slugs and the host label that an app's slug and its organization's slug make together.
//!
//! A label is never split back into its slugs: `a-b` + `c` and `a` + `b-c` print the same text. Who
//! owns a label is a question for the host table.

use std::fmt;
use std::str::FromStr;

use crate::text::is_text;

/// The longest DNS label (RFC 1035, section 2.3.4).
const LONGEST_LABEL: usize = 63;

/// Names that a person would take for the platform itself.
const RESERVED: &[&str] = &[
    "abuse",
    "account",
    "accounts",
    "acme-challenge",
    "admin",
    "api",
    "app",
    "apps",
    "assets",
    "auth",
    "billing",
    "blog",
    "cdn",
    "console",
    "dashboard",
    "dev",
    "docs",
    "help",
    "host",
    "hostmaster",
    "internal",
    "issuer",
    "login",
    "logout",
    "mail",
    "metrics",
    "mta-sts",
    "ns",
    "oauth",
    "platform",
    "postmaster",
    "preview",
    "root",
    "security",
    "set-up",
    "setup",
    "sign-in",
    "sign-out",
    "signin",
    "signout",
    "sso",
    "static",
    "status",
    "support",
    "system",
    "vybe",
    "webmaster",
    "well-known",
    "wpad",
    "www",
];

/// Why a text is not a slug.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SlugError {
    /// Other characters, hyphens at an end or doubled, or a bad length.
    #[error(
        "use 1 to 40 lower-case letters, digits and single hyphens, starting and ending with a letter or digit"
    )]
    Malformed,
    /// A name that the platform keeps for itself.
    #[error("the name \"{0}\" is reserved, choose another")]
    Reserved(String),
    /// App and organization slug do not fit in one DNS label together.
    #[error("the app's and the organization's slug are too long together: at most 62 characters")]
    TooLong,
}

/// The longest slug.
const LONGEST_SLUG: usize = 40;

fn parse(text: &str) -> Result<String, SlugError> {
    well_formed(text, LONGEST_SLUG)
}

fn well_formed(text: &str, longest: usize) -> Result<String, SlugError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let well_formed = (1..=longest).contains(&text.len())
        && text.bytes().all(plain)
        && !text.starts_with('-')
        && !text.ends_with('-')
        // Also refuses every `xn--` label, whatever it decodes to (RUSTSEC-2024-0421).
        && !text.contains("--");
    if !well_formed {
        return Err(SlugError::Malformed);
    }
    if RESERVED.contains(&text) {
        return Err(SlugError::Reserved(text.to_owned()));
    }
    Ok(text.to_owned())
}

macro_rules! slug {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(String);

        is_text!($name);

        impl FromStr for $name {
            type Err = SlugError;

            fn from_str(text: &str) -> Result<Self, SlugError> {
                parse(text).map(Self)
            }
        }
    };
}

slug!(
    /// The globally unique slug of an organization.
    OrganizationSlug
);
slug!(
    /// The slug of an app, unique in its organization.
    AppSlug
);

/// The first DNS label of an app's host: `<app-slug>-<organization-slug>`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct HostLabel(String);

impl HostLabel {
    /// Joins the two slugs.
    ///
    /// # Errors
    /// The label is longer than a DNS label, or reads as a name of the platform.
    pub fn join(app: &AppSlug, organization: &OrganizationSlug) -> Result<Self, SlugError> {
        let label = format!("{app}-{organization}");
        if label.len() > LONGEST_LABEL {
            return Err(SlugError::TooLong);
        }
        if RESERVED.contains(&label.as_str()) {
            return Err(SlugError::Reserved(label));
        }
        Ok(Self(label))
    }

    /// The label as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HostLabel {
    type Err = SlugError;

    /// Reads a whole label, as the host table keeps it. It is not split.
    fn from_str(text: &str) -> Result<Self, SlugError> {
        well_formed(text, LONGEST_LABEL).map(Self)
    }
}

impl fmt::Display for HostLabel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v21_slugs_that_could_be_taken_for_another_are_refused() {
        let check = |text: &str| assert!(text.parse::<AppSlug>().is_err(), "{text:?}");
        for text in [
            "",
            "-",
            "-a",
            "a-",
            "a--b",
            "xn--80ak6aa92e",
            "A",
            "a.b",
            "a_b",
            "a b",
            "\u{430}pp",
            "\u{ff41}",
            "caf\u{e9}",
            "a\0",
            "a\n",
            &"a".repeat(41),
        ] {
            check(text);
        }
    }

    #[test]
    fn v21_a_label_never_exceeds_sixty_three_characters() {
        let join = |app: usize, organization: usize| {
            HostLabel::join(&"a".repeat(app).parse().unwrap(), &"b".repeat(organization).parse().unwrap())
        };
        assert_eq!(join(31, 31).unwrap().as_str().len(), 63);
        assert_eq!(join(32, 31), Err(SlugError::TooLong));
        assert_eq!(join(40, 40), Err(SlugError::TooLong));
    }

    #[test]
    fn v05_reserved_words_are_refused_as_slug_and_as_label() {
        for word in ["www", "api", "login", "auth", "admin", "app", "static", "status"] {
            assert_eq!(word.parse::<AppSlug>(), Err(SlugError::Reserved(word.to_owned())));
        }
        let label = HostLabel::join(&"mta".parse().unwrap(), &"sts".parse().unwrap());
        assert_eq!(label, Err(SlugError::Reserved("mta-sts".to_owned())));
    }

    #[test]
    fn v01_two_pairs_of_slugs_can_print_the_same_label() {
        let join = |app: &str, organization: &str| {
            HostLabel::join(&app.parse().unwrap(), &organization.parse().unwrap()).unwrap()
        };
        assert_eq!(join("a-b", "c"), join("a", "b-c"));
    }
}
