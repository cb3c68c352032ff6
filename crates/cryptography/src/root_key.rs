//! The key that the platform's own keys are derived from.

use crate::key_bytes::KeyBytes;
use crate::{HashKey, SealError, SealingKey, SigningKey};

/// 256 random bits, made once and kept in the vault, from which the platform's own keys are derived
/// (HKDF-SHA-256, RFC 5869): another master key changes none of them.
pub struct RootKey {
    bytes: KeyBytes,
}

impl RootKey {
    /// A new root.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn generate() -> Result<Self, SealError> {
        Ok(Self { bytes: KeyBytes::generate()? })
    }

    /// The root that these bytes are.
    #[must_use]
    pub const fn new(bytes: KeyBytes) -> Self {
        Self { bytes }
    }

    /// The sealing key for one purpose. Different purposes give unrelated keys.
    #[must_use]
    pub fn sealing_key(&self, purpose: &'static str) -> SealingKey {
        SealingKey::new(self.bytes.derive("seal", purpose).as_bytes())
    }

    /// The hash key for one purpose.
    #[must_use]
    pub fn hash_key(&self, purpose: &'static str) -> HashKey {
        HashKey::new(self.bytes.derive("hash", purpose).as_bytes())
    }

    /// The signing key for one purpose.
    ///
    /// # Errors
    /// Ed25519 takes no such seed; it takes every one of 32 bytes.
    pub fn signing_key(&self, purpose: &'static str) -> Result<SigningKey, SealError> {
        SigningKey::new(self.bytes.derive("sign", purpose).as_bytes())
    }
}
