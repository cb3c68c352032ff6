//! A secret in memory.

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// The plaintext of a secret. It cannot be printed, serialised, cloned or compared with `==`, and is
/// erased when dropped.
pub struct SecretBytes {
    bytes: Zeroizing<Vec<u8>>,
}

impl SecretBytes {
    /// Takes the bytes over, without a copy.
    #[must_use]
    pub const fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self { bytes }
    }

    /// A copy of bytes that somebody else erases.
    #[must_use]
    pub fn copy_of(bytes: &[u8]) -> Self {
        Self { bytes: Zeroizing::new(bytes.to_vec()) }
    }

    /// The plaintext. Whoever asks answers for where it goes.
    #[must_use]
    pub fn reveal(&self) -> &[u8] {
        &self.bytes
    }

    /// The plaintext as text, if it is UTF-8.
    #[must_use]
    pub fn reveal_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok()
    }

    /// Whether both are the same, in a time that depends on their lengths only.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        same(&self.bytes, &other.bytes)
    }
}

/// Whether both are the same, in a time that depends on their lengths only: for secrets, and for hashes that recognise them.
#[must_use]
pub fn same(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_bytes_match() {
        let secret = SecretBytes::copy_of(b"secret");
        assert!(secret.matches(&SecretBytes::copy_of(b"secret")));
        for other in [&b""[..], b"secre", b"secret ", b"Secret", b"secreT"] {
            assert!(!secret.matches(&SecretBytes::copy_of(other)));
        }
    }
}
