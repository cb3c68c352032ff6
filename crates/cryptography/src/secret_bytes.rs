//! A secret in memory.

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// The plaintext of a secret. It cannot be printed, serialised, cloned or compared with `==`, and is
/// erased when dropped.
pub struct SecretBytes {
    bytes: Vec<u8>,
}

impl Drop for SecretBytes {
    fn drop(&mut self) {
        erase(&mut self.bytes);
    }
}

/// Overwrites all that the vector has room for. One write for each byte, as [`zeroize::Zeroize`] does it, takes longer
/// than decrypting (docs/BENCHMARKS.md); here the barrier alone keeps the compiler from leaving the writes out.
fn erase(bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.resize(bytes.capacity(), 0);
    zeroize::optimization_barrier(bytes.as_slice());
}

impl From<Zeroizing<Vec<u8>>> for SecretBytes {
    fn from(mut bytes: Zeroizing<Vec<u8>>) -> Self {
        Self { bytes: std::mem::take(&mut *bytes) }
    }
}

impl SecretBytes {
    /// Takes the bytes over, without a copy.
    #[must_use]
    pub fn new(bytes: impl Into<Self>) -> Self {
        bytes.into()
    }

    /// The same bytes, changed or cut where they are.
    pub(crate) const fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// A copy of bytes that somebody else erases.
    #[must_use]
    pub fn copy_of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec() }
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

    #[test]
    fn erasing_covers_all_that_there_is_room_for() {
        let mut bytes = Vec::with_capacity(64);
        bytes.extend_from_slice(&[7; 40]);
        // Cut, as a value whose tag was at its end: what was cut off is erased, too.
        bytes.truncate(10);
        let (room, place) = (bytes.capacity(), bytes.as_ptr());
        erase(&mut bytes);
        assert_eq!(bytes, vec![0; room]);
        assert_eq!(bytes.as_ptr(), place, "erased where it was");
    }
}
