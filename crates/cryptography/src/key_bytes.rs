//! The bytes of a key, on their way between being made, wrapped and used.

use ring::hkdf;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::SealError;

/// 256 random bits that are, or will be, a key. Boxed, so that moving them leaves no copy behind.
pub struct KeyBytes {
    bytes: Box<Zeroizing<[u8; 32]>>,
}

impl KeyBytes {
    /// New random bytes.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn generate() -> Result<Self, SealError> {
        let mut key = Self::zero();
        SystemRandom::new().fill(key.bytes.as_mut_slice()).map_err(|_| SealError)?;
        Ok(key)
    }

    /// From exactly 32 bytes.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut key = Self::zero();
        if bytes.len() != key.bytes.len() {
            return None;
        }
        key.bytes.copy_from_slice(bytes);
        Some(key)
    }

    /// The raw bytes, to wrap them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// The key for one use and purpose (HKDF-SHA-256, RFC 5869). Others give unrelated keys.
    pub(crate) fn derive(&self, usage: &str, purpose: &str) -> Self {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"vybe control plane");
        let info = [b"v1".as_slice(), usage.as_bytes(), purpose.as_bytes()];
        let mut derived = Self::zero();
        // Both calls fail only for a wrong output length, which is fixed here.
        let filled = salt
            .extract(self.bytes.as_slice())
            .expand(&info, hkdf::HKDF_SHA256)
            .and_then(|output| output.fill(derived.bytes.as_mut_slice()));
        debug_assert!(filled.is_ok());
        derived
    }

    fn zero() -> Self {
        Self { bytes: Box::new(Zeroizing::new([0_u8; 32])) }
    }
}
