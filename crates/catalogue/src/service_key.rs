//! The stable name of a service.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The stable name of a service: lower case letters, digits and hyphens, such as `google-drive`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceKey(String);

/// A text that names no service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not the name of a service: 2 to 64 lower case letters, digits and single hyphens, beginning with a letter"
)]
pub struct ServiceKeyError;

impl ServiceKey {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What the names of imported services begin with.
const IMPORTED: &str = "imported-";

impl ServiceKey {
    /// The same for a service that an organization imported: a service that comes into the catalogue later never has its
    /// name.
    ///
    /// # Errors
    /// It would be too long.
    pub fn imported(&self) -> Result<Self, ServiceKeyError> {
        if self.is_imported() { Ok(self.clone()) } else { format!("{IMPORTED}{self}").parse() }
    }

    /// Whether an organization imported it.
    #[must_use]
    pub fn is_imported(&self) -> bool {
        self.0.starts_with(IMPORTED)
    }
}

impl FromStr for ServiceKey {
    type Err = ServiceKeyError;

    fn from_str(text: &str) -> Result<Self, ServiceKeyError> {
        let fine = (2..=64).contains(&text.len())
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !text.ends_with('-')
            && !text.contains("--");
        if fine { Ok(Self(text.to_owned())) } else { Err(ServiceKeyError) }
    }
}

impl TryFrom<String> for ServiceKey {
    type Error = ServiceKeyError;

    fn try_from(text: String) -> Result<Self, ServiceKeyError> {
        text.parse()
    }
}

impl From<ServiceKey> for String {
    fn from(key: ServiceKey) -> Self {
        key.0
    }
}

impl fmt::Display for ServiceKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
