//! A secret that is text.

use std::fmt;
use std::sync::Arc;

use cryptography::SecretBytes;
use zeroize::Zeroizing;

/// A secret that is text: a token, a key, a password. Copies share one place in memory, which is erased with the last.
#[derive(Clone)]
pub struct SecretText(Arc<SecretBytes>);

/// Bytes that are no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not UTF-8")]
pub struct NotText;

impl SecretText {
    /// The text. Whoever asks answers for where it goes.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.reveal_text().unwrap_or_default()
    }

    /// Whether both are the same, in a time that depends on their lengths only.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.matches(&other.0)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.reveal().is_empty()
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(Arc::new(SecretBytes::new(Zeroizing::new(text.into_bytes()))))
    }
}

impl From<&str> for SecretText {
    fn from(text: &str) -> Self {
        Self(Arc::new(SecretBytes::copy_of(text.as_bytes())))
    }
}

impl TryFrom<SecretBytes> for SecretText {
    type Error = NotText;

    fn try_from(bytes: SecretBytes) -> Result<Self, NotText> {
        if bytes.reveal_text().is_some() { Ok(Self(Arc::new(bytes))) } else { Err(NotText) }
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[secret]")
    }
}
