//! Releases of the program, as far as the schema speaks of them.

use std::fmt;
use std::str::FromStr;

/// A release, `MAJOR.MINOR.PATCH` (docs/adr says what each number promises).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release {
    major: u32,
    minor: u32,
    patch: u32,
}

/// A text that names no release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a release is three numbers with points between them, such as 1.4.0")]
pub struct ReleaseError;

impl Release {
    /// One of these numbers.
    #[must_use]
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// The one that this program is.
    ///
    /// # Errors
    /// It was built without one.
    pub fn of_this_program() -> Result<Self, ReleaseError> {
        env!("CARGO_PKG_VERSION").parse()
    }
}

impl fmt::Display for Release {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl FromStr for Release {
    type Err = ReleaseError;

    /// What stands behind a hyphen or a plus sign (a candidate, a build) says nothing about the schema.
    fn from_str(text: &str) -> Result<Self, ReleaseError> {
        let numbers = text.split(['-', '+']).next().unwrap_or_default();
        let mut numbers = numbers.split('.').map(|number| number.parse().map_err(|_| ReleaseError));
        let mut next = || numbers.next().ok_or(ReleaseError)?;
        let release = Self { major: next()?, minor: next()?, patch: next()? };
        if numbers.next().is_some() { Err(ReleaseError) } else { Ok(release) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_by_their_numbers() {
        let of = |text: &str| text.parse::<Release>().unwrap();
        assert!(of("1.10.0") > of("1.9.7"));
        assert!(of("2.0.0") > of("1.99.99"));
        assert_eq!(of("1.4.0-rc.1+abc"), Release::new(1, 4, 0));
        assert_eq!(of("0.1.0").to_string(), "0.1.0");
        for text in ["", "1", "1.2", "1.2.3.4", "v1.2.3", "1.2.x"] {
            assert_eq!(text.parse::<Release>(), Err(ReleaseError), "{text}");
        }
        Release::of_this_program().unwrap();
    }
}
